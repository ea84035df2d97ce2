from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_strategies import annotated_texts

from persian_ner.readers import doccano
from persian_ner.records import Problem, Record, Span, collect

TEXT = "نیما یوشیج در یوش زاده شد."
SPANS = [Span(start=0, end=10, label="PER"), Span(start=14, end=17, label="GPE")]
TRIPLES = [[0, 10, "PER"], [14, 17, "GPE"]]
ENTITIES = [
    {"id": 40, "start_offset": 0, "end_offset": 10, "label": "PER"},
    {"id": 41, "start_offset": 14, "end_offset": 17, "label": "GPE"},
]


def read_examples(
    path: Path, *examples: Any, offsets: doccano.Offsets | None = None
) -> tuple[list[Record], list[Problem]]:
    lines = (example if isinstance(example, str) else json.dumps(example, ensure_ascii=False) for example in examples)
    path.write_text("\n".join(lines), encoding="utf-8")
    return collect(doccano.read(path, offsets=offsets))


def test_all_forms_of_an_export(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    records, problems = read_examples(
        file,
        {"id": 1, "text": TEXT, "label": TRIPLES, "Comments": ["خوب"], "batch": 2},
        {"text": TEXT, "labels": TRIPLES},
        {"id": 3, "text": TEXT, "entities": ENTITIES, "relations": [{"id": 1, "from_id": 40, "to_id": 41}]},
        {"id": "d", "data": TEXT, "label": TRIPLES},
        {"id": 5, "text": TEXT, "entities": TRIPLES},
    )
    assert problems == []
    assert [record.id for record in records] == ["1", "all#2", "3", "d", "5"]
    assert all(record.text == TEXT and record.spans == SPANS for record in records)
    assert [record.meta for record in records] == [{"Comments": ["خوب"], "batch": 2}, {}, {}, {}, {}]
    assert [record.origin for record in records] == [(str(file), line) for line in range(1, 6)]


def test_an_example_without_spans(tmp_path: Path) -> None:
    records, problems = read_examples(tmp_path / "a.jsonl", {"id": 1, "text": TEXT, "entities": []})
    assert problems == []
    assert records[0].spans == []


def test_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    records, problems = read_examples(
        file,
        {"id": 1, "text": TEXT, "label": [[0, "10", "PER"], [14, 17]]},
        {"id": 2, "text": TEXT, "annotations": [{"label": 7, "start_offset": 0, "end_offset": 4}]},
        {"id": 3, "text": TEXT, "label": TRIPLES, "entities": ENTITIES},
        {"id": 4, "text": 4, "label": ["positive"]},
        {"id": None, "entities": [{"start_offset": 0, "label": "PER"}]},
        '{"id": 6, "text": "x", "label": [], "label": []}',
    )
    assert records == []
    assert [(problem.line, problem.doc_id, problem.reason.split(":")[0]) for problem in problems] == [
        (1, "1", "label.0.1"),
        (1, "1", "label.1.2"),
        (2, "2", "spans expected under exactly one of the keys label, labels, entities"),
        (3, "3", "spans expected under exactly one of the keys label, labels, entities"),
        (4, "4", "text"),
        (4, "4", "label.0"),
        (5, "bad#5", "id"),
        (5, "bad#5", "text expected under exactly one of the keys text, data"),
        (5, "bad#5", "entities.0.end_offset"),
        (6, "6", "key 'label' occurs twice in one object"),
    ]
    assert {problem.file for problem in problems} == {str(file)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotated_texts(), st.booleans(), st.sampled_from(["characters", "utf16"]))
def test_offsets_are_kept(
    tmp_path: Path, drawn: tuple[str, list[Span]], as_entities: bool, offsets: doccano.Offsets
) -> None:
    text, spans = drawn

    def written(offset: int) -> int:
        return offset if offsets == "characters" else len(text[:offset].encode("utf-16-le")) // 2

    triples = [(written(span.start), written(span.end), span.label) for span in spans]
    if as_entities:
        annotation: dict[str, Any] = {
            "entities": [{"start_offset": start, "end_offset": end, "label": label} for start, end, label in triples]
        }
    else:
        annotation = {"label": triples}
    records, problems = read_examples(tmp_path / "a.jsonl", {"text": text, **annotation}, offsets=offsets)
    assert problems == []
    assert [(record.text, record.spans) for record in records] == [(text, spans)]


def test_offsets_behind_an_emoji_are_not_guessed(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    before = {"id": 1, "text": "قم😀 رشت", "label": [[0, 2, "GPE"]]}
    behind = {"id": 2, "text": "قم😀 رشت", "label": [[0, 2, "GPE"], [5, 8, "GPE"]]}
    records, problems = read_examples(file, before, behind)
    assert [record.id for record in records] == ["1"]
    assert [(problem.doc_id, "option offsets" in problem.reason) for problem in problems] == [("2", True)]
    records, problems = read_examples(file, behind, offsets="utf16")
    assert problems == []
    assert [records[0].text[span.start : span.end] for span in records[0].spans] == ["قم", "رشت"]
    _, problems = read_examples(file, {"id": 3, "text": "😀", "label": [[1, 2, "GPE"], [0, 9, "GPE"]]}, offsets="utf16")
    assert [problem.reason.split(" lies")[0] for problem in problems] == ["GPE 1–2", "GPE 0–9"]
