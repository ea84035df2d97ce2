"""From records to ``Doc`` and DocBin (``persian_ner.docbin``); ``test_docbin.py`` is about reading foreign DocBins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from record_strategies import valid_records
from spacy.tokens import DocBin

from persian_ner import docbin
from persian_ner.labels import LABELS
from persian_ner.layers.cues import uncertain_spans
from persian_ner.records import Problem, Record, Span

NLP = docbin.blank()
TEXT = "نیما یوشیج(۱۳۳۸) در یوش بود."
SPANS = [Span(start=0, end=10, label="PER"), Span(start=11, end=15, label="DATE"), Span(start=20, end=23, label="GPE")]


def record(spans: list[Span] = SPANS, annotated_labels: list[str] | None = None) -> Record:
    return Record(id="n1", text=TEXT, spans=spans, annotated_labels=annotated_labels, origin=("n.jsonl", 3))


def test_a_record_becomes_a_document() -> None:
    doc, problems = docbin.to_doc(record(), NLP, None)
    assert problems == []
    assert (doc.text, doc.user_data["id"]) == (TEXT, "n1")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("نیما یوشیج", "PER"), ("۱۳۳۸", "DATE"), ("یوش", "GPE")]
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "B", "O", "O", "B", "O", "O"]


def test_every_span_that_is_not_whole_tokens_is_a_problem_and_left_out() -> None:
    spans = [Span(start=0, end=3, label="PER"), *SPANS[1:2], Span(start=20, end=25, label="GPE")]
    doc, problems = docbin.to_doc(record(spans), NLP, None)
    assert problems == [
        Problem("n.jsonl", 3, "n1", "PER 'نیم' at 0–3 is not whole tokens: ['نیما']"),
        Problem("n.jsonl", 3, "n1", "GPE 'یوش ب' at 20–25 is not whole tokens: ['یوش', 'بود']"),
    ]
    assert [ent.label_ for ent in doc.ents] == ["DATE"]


@pytest.mark.parametrize(("uncovered", "rest"), [("missing", ""), ("outside", "O")])
def test_what_a_source_does_not_annotate_is_unknown_or_outside(uncovered: str, rest: str) -> None:
    doc, _ = docbin.to_doc(record(annotated_labels=["PER", "DATE", "GPE"]), NLP, uncovered)
    assert [token.ent_iob_ for token in doc] == ["B", "I", rest, "B", rest, rest, "B", rest, rest]


FESTIVAL = "نیما یوشیج گفت: او در جشنوارهٔ فیلم یوش در مهر بود، نه در جنگ."


def festival(annotated_labels: list[str]) -> list[tuple[str, str]]:
    spans = [Span(start=0, end=10, label="PER"), Span(start=36, end=39, label="GPE")]
    made = Record(id="n1", text=FESTIVAL, spans=spans, annotated_labels=annotated_labels)
    doc, problems = docbin.to_doc(made, NLP, "cues")
    assert problems == []
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("نیما یوشیج", "PER"), ("یوش", "GPE")]
    assert all(token.ent_iob == {"": 0, "O": 2, "B": 3, "I": 1}[token.ent_iob_] for token in doc)
    return [(token.text, token.ent_iob_) for token in doc]


def unknown(annotated_labels: list[str]) -> str:
    return " ".join(text for text, iob in festival(annotated_labels) if iob == "")


def test_only_words_near_a_cue_are_unknown_and_names_are_kept() -> None:
    assert festival(["PER", "ORG", "GPE", "DATE"]) == [
        ("نیما", "B"),
        ("یوشیج", "I"),
        ("گفت", "O"),
        (":", "O"),
        ("او", "O"),
        ("در", ""),
        ("جشنوارهٔ", ""),
        ("فیلم", ""),
        ("یوش", "B"),
        ("در", ""),
        ("مهر", ""),
        ("بود", "O"),
        ("،", "O"),
        ("نه", "O"),
        ("در", ""),
        ("جنگ", ""),
        (".", "O"),
    ]


def test_only_cues_of_what_the_source_does_not_annotate_count() -> None:
    assert unknown(["PER", "ORG", "GPE", "EVENT"]) == "در مهر بود"
    assert unknown(["PER", "GPE", "EVENT", "DATE"]) == ""
    assert unknown(["PER", "GPE"]) == "در جشنوارهٔ فیلم در مهر بود در جنگ"


@pytest.mark.parametrize("text", ["", " ", "،"])
def test_without_words_there_is_nothing_unknown(text: str) -> None:
    doc, _ = docbin.to_doc(Record(id="n1", text=text, annotated_labels=["PER"]), NLP, "cues")
    assert [token.ent_iob_ for token in doc] == ["O"] * len(doc)


@settings(max_examples=200)
@given(valid_records())
def test_cues_never_change_what_is_annotated(made: Record) -> None:
    expected = [(ent.start, ent.end, ent.label_) for ent in docbin.to_doc(made, NLP, None)[0].ents]
    made.annotated_labels = ["PER", "ORG"]
    doc, _ = docbin.to_doc(made, NLP, "cues")
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == expected
    uncertain = uncertain_spans(made.text, {"EVENT", "DATE"})
    for token in doc:
        if not token.ent_type_:
            near = any(token.idx < end and start < token.idx + len(token) for start, end in uncertain)
            assert token.ent_iob_ == ("" if near else "O")


def test_full_coverage_is_outside_whatever_the_source_says() -> None:
    for annotated_labels in (None, list(LABELS)):
        for uncovered in ("missing", "cues"):
            doc, _ = docbin.to_doc(record(annotated_labels=annotated_labels), NLP, uncovered)
            assert {token.ent_iob_ for token in doc} == {"B", "I", "O"}


def test_partial_coverage_without_a_choice_is_an_error() -> None:
    with pytest.raises(ValueError, match="n1 does not annotate all labels"):
        docbin.to_doc(record(annotated_labels=["PER", "DATE", "GPE"]), NLP, None)


def test_the_choice_goes_by_source() -> None:
    records = [
        record(annotated_labels=["PER", "DATE", "GPE"]).model_copy(update={"meta": {"source": name}, "spans": []})
        for name in ("known", "crude")
    ]
    packed, problems = docbin.from_records(records, NLP, {"known": "missing", "crude": "outside"})
    assert [doc[0].ent_iob_ for doc in packed.get_docs(NLP.vocab)] == ["", "O"]
    assert problems == []


@settings(max_examples=200)
@given(valid_records())
def test_a_span_is_an_entity_or_a_problem(made: Record) -> None:
    doc, problems = docbin.to_doc(made, NLP, None)
    assert doc.text == made.text
    entities = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
    starts, ends = {token.idx for token in doc}, {token.idx + len(token) for token in doc}
    whole = {(s.start, s.end, s.label) for s in made.spans if s.start in starts and s.end in ends}
    assert entities == whole
    assert len(problems) == len(made.spans) - len(whole)


def test_documents_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "train.spacy"
    docbin.write(docbin.from_records([record()], NLP, {})[0], file)
    (doc,) = DocBin().from_disk(file).get_docs(NLP.vocab)
    assert (doc.text, [ent.label_ for ent in doc.ents], doc.user_data) == (TEXT, ["PER", "DATE", "GPE"], {"id": "n1"})
    assert [entry.name for entry in file.parent.iterdir()] == ["train.spacy"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "train.spacy"
    packed, _ = docbin.from_records([record()], NLP, {})
    docbin.write(packed, file)
    before = file.read_bytes()
    packed.cats.append({"open file": file.open("rb")})  # cannot be serialised
    with pytest.raises(TypeError), packed.cats[-1]["open file"]:
        docbin.write(packed, file)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["train.spacy"]


def test_a_streamed_corpus_is_in_random_order_and_begins_with_each_label() -> None:
    spans = [*[SPANS[:1]] * 300, SPANS[1:2], SPANS[2:]]
    records = [record(of_one).model_copy(update={"id": str(index)}) for index, of_one in enumerate(spans)]
    stream = docbin.as_stream(records)
    assert {span.label for made in stream[:3] for span in made.spans} == {"PER", "DATE", "GPE"}
    order = [int(made.id) for made in stream]
    assert sorted(order) == list(range(302)) and order != sorted(order)
    assert docbin.as_stream(records) == stream
