from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from reader_strategies import annotated_texts
from spacy.tokens import Doc, DocBin
from spacy.tokens import Span as DocSpan
from spacy.vocab import Vocab

from persian_ner.readers import docbin, records_jsonl
from persian_ner.records import Problem, Span, collect
from persian_ner.tokenizer import create_tokenizer

VOCAB = Vocab()
TEXT = "رودکی در پنجرود زاده شد."


def make_doc(text: str, spans: list[tuple[int, int, str]] | None, **user_data: Any) -> Doc:
    doc = create_tokenizer(VOCAB)(text)
    if spans is not None:
        ents = [doc.char_span(start, end, label=label) for start, end, label in spans]
        doc.set_ents([ent for ent in ents if ent is not None])
        assert len(doc.ents) == len(spans)
    doc.user_data.update(user_data)
    return doc


def save(path: Path, *docs: Doc) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def test_documents(tmp_path: Path) -> None:
    file = tmp_path / "train.spacy"
    extension = make_doc(TEXT, [])
    user_data: dict[Any, Any] = extension.user_data
    user_data[("._.", "score", None, None)] = 0.5
    save(
        file,
        make_doc(TEXT, [(0, 5, "PER"), (9, 15, "GPE")], id="r1", topic="شعر"),
        make_doc(TEXT, [(9, 15, "GPE")], id=5),
        extension,
    )
    records, problems = collect(docbin.read(file))
    assert problems == []
    assert [record.id for record in records] == ["r1", "5", "train#3"]
    assert records[0].text == TEXT
    assert records[0].spans == [Span(start=0, end=5, label="PER"), Span(start=9, end=15, label="GPE")]
    assert [record.meta for record in records] == [{"topic": "شعر"}, {}, {}]
    assert [record.origin for record in records] == [(str(file), 1), (str(file), 2), (str(file), 3)]


def test_missing_annotation_is_not_outside(tmp_path: Path) -> None:
    file = tmp_path / "a.spacy"
    partial = make_doc(TEXT, None)
    partial.set_ents([DocSpan(partial, 0, 1, label="PER")], default="missing")
    save(file, make_doc(TEXT, None, id="none"), partial, make_doc(TEXT, [], id=["list"]), make_doc(TEXT, []))
    records, problems = collect(docbin.read(file))
    assert [(record.id, record.spans) for record in records] == [("a#4", [])]
    assert problems == [
        Problem(str(file), 1, "none", "no entity annotation"),
        Problem(str(file), 2, "a#2", "5 of 6 tokens have no entity annotation"),
        Problem(str(file), 3, "a#3", "user_data id: neither text nor a whole number: ('list',)"),
    ]


def test_user_data_that_json_cannot_hold_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.spacy"
    bad = {"raw": b"x", "vector": numpy.zeros(2), "more": {"rate": float("nan")}}
    save(file, make_doc(TEXT, None, id="bad", **bad), make_doc(TEXT, [], id="good", rate=0.5, topics=["شعر", None]))
    records, problems = collect(docbin.read(file))
    assert [record.id for record in records] == ["good"]
    records_jsonl.write(records, tmp_path / "written.jsonl")
    assert {(problem.file, problem.line, problem.doc_id) for problem in problems} == {(str(file), 1, "bad")}
    assert [problem.reason.partition(": not JSON: ")[0] for problem in problems] == [
        *("user_data raw", "user_data vector", "user_data more"),
        "no entity annotation",
    ]


def test_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "b.spacy", make_doc(TEXT, []))
    save(tmp_path / "a" / "c.spacy", make_doc(TEXT, []))
    records, problems = collect(docbin.read(tmp_path))
    assert ([record.id for record in records], problems) == (["c#1", "b#1"], [])
    (tmp_path / "empty").mkdir()
    assert list(docbin.read(tmp_path / "empty")) == [Problem(str(tmp_path / "empty"), 0, "", "no *.spacy file here")]


@pytest.mark.parametrize("content", [b"", b"not a DocBin", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_file_that_is_no_docbin(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.spacy"
    file.write_bytes(content)
    (problem,) = docbin.read(file)
    assert isinstance(problem, Problem)
    assert (problem.file, problem.line, problem.reason[:18]) == (str(file), 0, "not a spaCy DocBin")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotated_texts())
def test_text_and_offsets_are_kept(tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    doc = create_tokenizer(VOCAB)(text)
    ents = [ent for span in spans if (ent := doc.char_span(span.start, span.end, label=span.label)) is not None]
    doc.set_ents(ents)
    save(tmp_path / "a.spacy", doc)
    (record,), problems = collect(docbin.read(tmp_path / "a.spacy"))
    assert problems == []
    assert record.text == text
    assert record.spans == [Span(start=ent.start_char, end=ent.end_char, label=ent.label_) for ent in ents]
