from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from reader_strategies import annotated_texts

from persian_ner.readers import prodigy
from persian_ner.records import Problem, Record, Span, collect

EXAMPLE: dict[str, Any] = {
    "text": "حافظ در شیراز بود.",
    "_input_hash": -1804,
    "_task_hash": 92,
    "tokens": [{"text": "حافظ", "start": 0, "end": 4, "id": 0, "ws": True}],
    "spans": [
        {"start": 0, "end": 4, "token_start": 0, "token_end": 0, "label": "PER"},
        {"start": 8, "end": 13, "token_start": 2, "token_end": 2, "label": "GPE", "text": "شیراز", "source": "model"},
    ],
    "answer": "accept",
    "flagged": True,
    "_view_id": "ner_manual",
    "meta": {"source": "دیوان", "score": 0.5},
}


def read_examples(path: Path, *examples: Any, **options: Any) -> tuple[list[Record], list[Problem]]:
    lines = (example if isinstance(example, str) else json.dumps(example, ensure_ascii=False) for example in examples)
    path.write_text("\n".join(lines), encoding="utf-8")
    return collect(prodigy.read(path, **options))


def test_an_accepted_example(tmp_path: Path) -> None:
    file = tmp_path / "db.jsonl"
    records, problems = read_examples(file, EXAMPLE)
    assert problems == []
    (record,) = records
    assert record.id == "-1804"
    assert record.text == EXAMPLE["text"]
    assert record.spans == [Span(start=0, end=4, label="PER"), Span(start=8, end=13, label="GPE", surface="شیراز")]
    assert record.meta == {
        "_input_hash": -1804,
        "_task_hash": 92,
        "answer": "accept",
        "flagged": True,
        "_view_id": "ner_manual",
        "source": "دیوان",
        "score": 0.5,
    }
    assert record.origin == (str(file), 1)


def test_ids_and_optional_keys(tmp_path: Path) -> None:
    records, problems = read_examples(
        tmp_path / "db.jsonl", EXAMPLE | {"id": "x"}, EXAMPLE | {"id": 12}, {"text": "بی‌نشان"}
    )
    assert problems == []
    assert [record.id for record in records] == ["x", "12", "db#3"]
    assert records[2].spans == []


def test_examples_with_other_answers_are_problems_or_skipped_on_request(tmp_path: Path) -> None:
    file = tmp_path / "db.jsonl"
    examples = [EXAMPLE | {"id": answer, "answer": answer} for answer in ("accept", "reject", "ignore")]
    records, problems = read_examples(file, *examples)
    assert [record.id for record in records] == ["accept"]
    assert problems == [
        Problem(str(file), 2, "reject", "the answer is 'reject', not accept"),
        Problem(str(file), 3, "ignore", "the answer is 'ignore', not accept"),
    ]
    records, problems = read_examples(file, *examples, skip_unaccepted=True)
    assert ([record.id for record in records], problems) == (["accept"], [])
    records, problems = read_examples(file, *examples, answers=("accept", "ignore"))
    assert [record.id for record in records] == ["accept", "ignore"]
    assert [problem.doc_id for problem in problems] == ["reject"]


def test_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "db.jsonl"
    records, problems = read_examples(
        file,
        {"id": "p1", "spans": [{"start": 0, "label": "PER"}, {"start": "0", "end": 1, "label": "PER"}]},
        {"id": ["p2"], "text": 3},
        EXAMPLE | {"id": "p3", "meta": {"flagged": False}},
        {"id": "p4", "text": "x", "answer": 1},
        "{",
    )
    assert records == []
    assert [(problem.line, problem.doc_id, problem.reason.split(":")[0]) for problem in problems] == [
        (1, "p1", "text"),
        (1, "p1", "spans.0.end"),
        (1, "p1", "spans.1.start"),
        (2, "db#2", "id"),
        (2, "db#2", "text"),
        (3, "p3", "meta.flagged"),
        (4, "p4", "answer"),
        (5, "", "not JSON"),
    ]
    assert {problem.file for problem in problems} == {str(file)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotated_texts())
def test_offsets_are_kept(tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    example = {
        "text": text,
        "spans": [{"start": span.start, "end": span.end, "label": span.label} for span in spans],
    }
    records, problems = read_examples(tmp_path / "db.jsonl", example)
    assert problems == []
    assert [(record.text, record.spans) for record in records] == [(text, spans)]
