from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_strategies import annotated_texts

from persian_ner.readers import records_jsonl
from persian_ner.records import Problem, Record, Span, collect

GOOD: dict[str, Any] = {
    "id": "a1",
    "text": "سعدی در شیراز زاده شد.",
    "spans": [{"start": 0, "end": 4, "label": "PER", "surface": "سعدی"}, {"start": 8, "end": 13, "label": "GPE"}],
    "meta": {"topic": "ادب"},
    "annotated_labels": ["PER", "GPE"],
}


def read_lines(path: Path, *lines: str) -> tuple[list[Record], list[Problem]]:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return collect(records_jsonl.read(path))


def test_a_complete_record(tmp_path: Path) -> None:
    file = tmp_path / "gold.jsonl"
    records, problems = read_lines(file, json.dumps(GOOD, ensure_ascii=False), "", '{"id": "a2", "text": "x"}')
    assert problems == []
    first, second = records
    assert first.model_dump() == GOOD | {
        "spans": [
            {"start": 0, "end": 4, "label": "PER", "surface": "سعدی", "score": None},
            {"start": 8, "end": 13, "label": "GPE", "surface": None, "score": None},
        ]
    }
    assert first.origin == (str(file), 1)
    assert (second.spans, second.annotated_labels, second.origin) == ([], None, (str(file), 3))


def test_each_defect_is_one_problem_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    records, problems = read_lines(
        file,
        '{"id": "b1", "text": "x", "spans": [{"start": 1.0, "end": "2", "label": "PER", "colour": 1}], "tags": []}',
        '{"id": 7, "txt": "x"}',
        '{"id": "", "text": "x", "origin": ["elsewhere", 3]}',
        '{"id": "b4", "text": "x"',
        '{"id": "b5", "text": "x", "text": "y", "spans": [{"start": 0, "start": 1, "end": 1, "label": "PER"}]}',
        '["b6"]',
        '{"id": "b7", "text": "x", "meta": {"score": NaN}}',
        '{"id": "b8", "text": "x", "spans": [{"start": true, "end": 1, "label": null}]}',
    )
    assert records == []
    assert [(problem.file, problem.line, problem.doc_id) for problem in problems] == [
        (str(file), line, doc_id)
        for line, doc_id, count in [
            (1, "b1", 4),
            (2, "7", 3),
            (3, "", 2),
            (4, "", 1),
            (5, "b5", 2),
            (6, "", 1),
            (7, "", 1),
            (8, "b8", 2),
        ]
        for _ in range(count)
    ]
    reasons = [problem.reason for problem in problems]
    assert reasons[:4] == [
        "spans.0.start: Input should be a valid integer, not 1.0",
        "spans.0.end: Input should be a valid integer, not '2'",
        "spans.0.colour: unknown key",
        "tags: unknown key",
    ]
    assert reasons[4:7] == ["id: Input should be a valid string, not 7", "text: missing", "txt: unknown key"]
    assert reasons[7] == "origin: unknown key"
    assert reasons[8].startswith("id: String should have at least 1 character")
    assert reasons[9].startswith("not JSON: Expecting ',' delimiter")
    assert sorted(reasons[10:12]) == ["key 'start' occurs twice in one object", "key 'text' occurs twice in one object"]
    assert reasons[12] == "expected a JSON object, found list"
    assert reasons[13] == "not JSON: NaN is not a JSON value"


def test_a_line_that_is_not_utf8_is_a_problem_and_the_next_is_read(tmp_path: Path) -> None:
    file = tmp_path / "latin.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"id": "c1", "text": "\xe9"}\r\n{"id": "c2", "text": "x"}\r\n')
    records, problems = collect(records_jsonl.read(file))
    assert [record.id for record in records] == ["c2"]
    assert [(problem.line, problem.reason[:9]) for problem in problems] == [(1, "not UTF-8")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(annotated_texts()), st.text(min_size=1))
def test_what_is_written_is_read_back(tmp_path: Path, drawn: list[tuple[str, list[Span]]], odd_text: str) -> None:
    written = [
        Record(id=f"d{number}", text=text, spans=spans, meta={"متن": odd_text}, annotated_labels=["PER"] * (number % 2))
        for number, (text, spans) in enumerate(drawn)
    ]
    written.append(Record(id=odd_text, text="\u2028\ud800\x85" + odd_text))
    file = tmp_path / "new" / "out.jsonl"
    records_jsonl.write(written, file)
    records, problems = collect(records_jsonl.read(file))
    assert problems == []
    assert [record.model_dump() for record in records] == [record.model_dump() for record in written]


def test_written_lines_hold_only_what_is_given(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    records_jsonl.write([Record(id="e", text="قم", spans=[Span(start=0, end=2, label="GPE")], origin=("x", 3))], file)
    assert file.read_text("utf-8") == (
        '{"id": "e", "text": "قم", "spans": [{"start": 0, "end": 2, "label": "GPE"}], "meta": {}}\n'
    )


def test_who_reads_while_it_is_written_sees_the_old_file_whole(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    records_jsonl.write([Record(id="old", text="x")], file)
    before = file.read_text("utf-8")
    with file.open(encoding="utf-8") as reader:
        records_jsonl.write([Record(id="new", text="x" * 10)], file)
        assert reader.read() == before
    assert '"new"' in file.read_text("utf-8")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    records_jsonl.write([Record(id="old", text="x")], file)
    before = file.read_bytes()
    with pytest.raises(TypeError):
        records_jsonl.write([Record(id="new", text="x"), Record(id="odd", text="x", meta={"set": {1}})], file)
    with pytest.raises(ValueError, match="JSON compliant"):
        records_jsonl.write([Record(id="odd", text="x", meta={"score": float("nan")})], file)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.jsonl"]
