from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_strategies import annotated_texts

from persian_ner.readers import label_studio
from persian_ner.records import Problem, Record, Span, collect

TEXT = "صادق هدایت در پاریس درگذشت."
SPANS = [Span(start=0, end=10, label="PER", surface="صادق هدایت"), Span(start=14, end=19, label="GPE", surface="پاریس")]
REGIONS = [
    {"start": 0, "end": 10, "text": "صادق هدایت", "labels": ["PER"]},
    {"start": 14, "end": 19, "text": "پاریس", "labels": ["GPE"]},
]


def result(value: Any, kind: str = "labels") -> dict[str, Any]:
    return {"id": "r", "from_name": "label", "to_name": "text", "type": kind, "value": value}


def task(task_id: Any, *annotations: list[Any], data: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "id": task_id,
        "data": {"text": TEXT, "source": "بوف"} if data is None else data,
        "annotations": [
            {"id": number, "was_cancelled": False, "ground_truth": True, "result": regions}
            for number, regions in enumerate(annotations)
        ],
        "predictions": [],
        **more,
    }


def read_json(path: Path, content: Any, **options: Any) -> tuple[list[Record], list[Problem]]:
    if isinstance(content, list):  # the array's brackets and each task on a line of its own
        lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in content)
        content = f"[\n{lines}\n]\n"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return collect(label_studio.read(path, **options))


def test_json(tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    results = [result(REGIONS[0]), result({"choices": ["خوب"]}, "choices"), result(REGIONS[1]), {"type": "relation"}]
    records, problems = read_json(file, [task(7, results), task("b", []), {**task(0, results), "id": None}])
    assert problems == [Problem(str(file), 4, "export#4", "id: neither text nor a whole number: None")]
    assert [record.id for record in records] == ["7", "b"]
    assert (records[0].text, records[0].spans, records[0].meta) == (TEXT, SPANS, {"source": "بوف"})
    assert records[0].origin == (str(file), 2)
    assert records[1].spans == []


def test_json_min(tmp_path: Path) -> None:
    file = tmp_path / "min.json"
    content = [
        {"id": 3, "text": TEXT, "label": REGIONS, "annotator": 1, "lead_time": 2.5},
        {"text": TEXT, "annotator": 1},
    ]
    records, problems = read_json(file, content)
    assert problems == []
    assert [(record.id, record.spans) for record in records] == [("3", SPANS), ("min#3", [])]
    assert records[0].meta == {"annotator": 1, "lead_time": 2.5}


def test_keys_are_options(tmp_path: Path) -> None:
    records, problems = read_json(
        tmp_path / "a.json", [{"id": 1, "body": TEXT, "ner": REGIONS}], text_key="body", label_key="ner"
    )
    assert problems == []
    assert records[0].spans == SPANS
    _, problems = read_json(tmp_path / "a.json", [{"id": 1, "text": TEXT, "ner": REGIONS}])
    assert problems == [Problem(str(tmp_path / "a.json"), 0, "", "no task has the key 'annotations' or 'label'")]


def test_several_and_cancelled_annotations(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    several = task(1, [result(REGIONS[0])], [result(REGIONS[1])])
    cancelled = task(2, [result(REGIONS[0])], [result(REGIONS[1])])
    cancelled["annotations"][0]["was_cancelled"] = True
    none_left = task(3, [result(REGIONS[0])])
    none_left["annotations"][0]["was_cancelled"] = True
    content = [several, cancelled, none_left, task(4)]
    unusable = [("3", "no annotation: 1 cancelled"), ("4", "no annotation")]
    for choice, expected in (("first", SPANS[:1]), ("last", SPANS[1:])):
        records, problems = read_json(file, content, annotation=choice)
        assert [record.spans for record in records] == [expected, SPANS[1:]]
        assert [(problem.doc_id, problem.reason) for problem in problems] == unusable
    records, problems = read_json(file, content)
    assert [record.id for record in records] == ["2"]
    assert [(problem.doc_id, problem.reason) for problem in problems] == [
        ("1", "2 annotations: choose one"),
        *unusable,
    ]


def test_offsets_in_utf16_units(tmp_path: Path) -> None:
    text = "😀 صادق 👩‍💻 هدایت"
    regions = [
        {"start": 3, "end": 7, "text": "صادق", "labels": ["PER"]},
        {"start": 14, "end": 19, "text": "هدایت", "labels": ["PER"]},
    ]
    records, problems = read_json(tmp_path / "a.json", [{"text": text, "label": regions}])
    assert problems == []
    assert [(text[span.start : span.end], span.surface) for span in records[0].spans] == [
        ("صادق", "صادق"),
        ("هدایت", "هدایت"),
    ]


def test_offsets_without_a_surface(tmp_path: Path) -> None:
    plain = [{"start": 0, "end": 10, "labels": ["PER"]}]
    records, problems = read_json(tmp_path / "a.json", [{"id": 1, "text": TEXT, "label": plain}])
    assert problems == []
    assert records[0].spans == [Span(start=0, end=10, label="PER")]
    unclear = [{"start": 2, "end": 4, "labels": ["PER"]}]
    records, problems = read_json(tmp_path / "a.json", [{"id": 2, "text": "😀 علی", "label": unclear}])
    assert records == []
    assert [(problem.line, problem.doc_id, problem.reason) for problem in problems] == [
        (2, "2", "region 2–4 PER has no surface to tell whether its offsets are characters or UTF-16 units")
    ]


def test_an_offset_inside_a_surrogate_pair(tmp_path: Path) -> None:
    regions = [{"start": 1, "end": 5, "labels": ["PER"]}]
    records, problems = read_json(tmp_path / "a.json", [{"id": 1, "text": "😀علی", "label": regions}])
    assert records == []
    assert [(problem.line, problem.doc_id) for problem in problems] == [(2, "1")]
    assert problems[0].reason.startswith("region 1–5 PER lies outside the text (0–4)")


def test_bad_tasks(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    regions = [
        result({"start": 0, "end": 4, "text": "جلال", "labels": ["PER"]}),
        result({"start": 9, "end": 99, "text": "x", "labels": ["PER"]}),
        result({"start": 4, "end": 4, "text": "", "labels": ["PER"]}),
    ]
    content = [
        task(1, regions),
        task(2, [result({"start": "/p[1]", "end": 4, "labels": ["PER", "ORG"]}), result({"start": 0, "end": 1})]),
        task(3, [result({}, "hypertextlabels")], data={"txt": TEXT}),
        task(4, data="text", annotations=[{"was_cancelled": False}]),
        "متن",
    ]
    records, problems = read_json(file, content)
    assert records == []
    assert {problem.file for problem in problems} == {str(file)}
    assert [(problem.line, problem.doc_id, problem.reason) for problem in problems[:3]] == [
        (2, "1", "region 0–4 PER lies outside the text (0–27), is empty, or is not the surface 'جلال'"),
        (2, "1", "region 9–99 PER lies outside the text (0–27), is empty, or is not the surface 'x'"),
        (2, "1", "region 4–4 PER lies outside the text (0–27), is empty, or is not the surface ''"),
    ]
    assert [(problem.line, problem.doc_id, problem.reason.split(":")[0]) for problem in problems[3:]] == [
        (3, "2", "result.0.start"),
        (3, "2", "result.0.labels"),
        (3, "2", "result.1.labels"),
        (4, "3", "data.text"),
        (4, "3", "results of the type 'hypertextlabels' are not located by offsets in the text"),
        (5, "4", "data.text"),
        (5, "4", "annotations.0.result"),
        (6, "", "expected a JSON object, found str"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "not JSON: Expecting value"),
        ('[{"text": "x", "label": []},\n]', 2, "not JSON: Expecting value"),
        ('[{"text": "x", "label": []}\n{"text": "x"}]', 2, "not JSON: expected ',' or ']'"),
        ('[{"text": "x", "label": []}]\n\n[]', 3, "not JSON: more text after the end"),
        ("[]\nx", 2, "not JSON: more text after the end"),
        ('[{"text": "x", "label": []},\n\n{"text": NaN}]', 3, "not JSON: NaN is not a JSON value"),
        ('[{"text": "x", "label": []},\n{"id": 1, "id": 2, "text": "x", "label": []}]', 2, "key 'id' occurs twice"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, line: int, reason: str) -> None:
    _, problems = read_json(tmp_path / "a.json", text)
    assert [(problem.file, problem.line) for problem in problems] == [(str(tmp_path / "a.json"), line)]
    assert problems[0].reason.startswith(reason)


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[\xe9]")
    (problem,) = label_studio.read(tmp_path / "a.json")
    assert isinstance(problem, Problem)
    assert problem.reason == "not UTF-8: invalid continuation byte at byte 1 of the file"


def test_an_empty_export_and_a_single_task(tmp_path: Path) -> None:
    assert read_json(tmp_path / "a.json", "\ufeff[ ]\n") == ([], [])
    records, problems = read_json(tmp_path / "a.json", task(1, [result(REGIONS[0])]))
    assert ([record.spans for record in records], problems) == ([SPANS[:1]], [])


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotated_texts(), st.booleans())
def test_both_ways_of_counting_give_the_surfaces(tmp_path: Path, drawn: tuple[str, list[Span]], in_utf16: bool) -> None:
    text, spans = drawn
    count = utf16_length if in_utf16 else len
    regions = [
        {
            "start": count(text[: span.start]),
            "end": count(text[: span.end]),
            "text": text[span.start : span.end],
            "labels": [span.label],
        }
        for span in spans
    ]
    records, problems = read_json(tmp_path / "a.json", [{"text": text, "label": regions}])
    assert problems == []
    (record,) = records
    assert [(span.surface, span.label) for span in record.spans] == [
        (text[span.start : span.end], span.label) for span in spans
    ]
    assert all(text[span.start : span.end] == span.surface for span in record.spans)
    if not in_utf16:
        assert [(span.start, span.end) for span in record.spans] == [(span.start, span.end) for span in spans]
