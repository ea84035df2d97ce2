"""The file of a stand-off layer and its application: ``persian_ner.layers.standoff``."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_strategies import raw_texts
from tiny_corpus import put

from persian_ner.labels import LABELS
from persian_ner.layers import standoff
from persian_ner.layers.standoff import Applied, Edit, Entry, Layer, digest
from persian_ner.records import InputError, Problem, Record, Span

MAP: dict[str, str | None] = {"PER": "PER", "ORG": "ORG", "MON": None, "LOC": "layer", "FAC": "layer"}
DECIDED = frozenset({"LOC", "FAC"})
TEXT = "سارا با ۱۰ ریال از کاخ به قم رفت"
SPANS = {"سارا": "PER", "۱۰ ریال": "MON", "کاخ": "FAC", "قم": "LOC"}


def record(name: str = "d#1", text: str = TEXT, document: str = "d", line: int = 3) -> Record:
    spans = [
        Span(start=text.index(surface), end=text.index(surface) + len(surface), label=label)
        for surface, label in SPANS.items()
        if surface in text
    ]
    return Record(id=name, text=text, spans=spans, meta={"document": document}, origin=("d.txt", line))


def edit(surface: str, was: str | None, now: str | None, by: str = "reading", text: str = TEXT) -> Edit:
    start = text.index(surface)
    return Edit(start, start + len(surface), surface, was, now, by)


def layer(*edits: Edit, records: list[Record] | None = None, drop: str = "") -> Layer:
    """A layer about ``records``, the decisions about the first of them."""
    records = records or [record()]
    return Layer(
        "mine", standoff.document_digests(records), {records[0].id: Entry(digest(records[0].text), edits, drop)}
    )


def apply(made: Layer, *records: Record) -> Applied:
    return standoff.apply(made, records or [record()], MAP, DECIDED)


def found(applied: Applied) -> list[list[tuple[str, str]]]:
    return [[(item.text[span.start : span.end], span.label) for span in item.spans] for item in applied.records]


PALACE, CITY = edit("کاخ", "FAC", None), edit("قم", "LOC", "GPE")


def test_checksums_are_those_of_the_module_description() -> None:
    assert digest("قم") == hashlib.sha256("قم".encode()).hexdigest()[:16]
    records = [record("a#1", "یک", "a"), record("b", "دو"), record("a#2", "سه", "a")]
    records[1].meta.clear()
    assert standoff.document_digests(records) == {"a": digest("یک\nسه"), "b": digest("دو")}
    assert digest("\ud800") != digest("\udc00")  # from broken scraping; reported later, no crash here


def test_spans_are_kept_relabelled_added_and_left_out() -> None:
    applied = apply(layer(PALACE, CITY, edit("از", None, "DATE"), edit("سارا", "PER", "ORG")))
    assert applied.problems == []
    assert found(applied) == [[("سارا", "ORG"), ("از", "DATE"), ("قم", "GPE")]]
    assert applied.left_out == Counter({"FAC left out by the layer": 1, "label MON mapped to null": 1})
    assert applied.records[0].model_copy(update={"spans": record().spans}) == record()


def test_a_layer_can_keep_what_the_map_leaves_out() -> None:
    assert found(apply(layer(PALACE, CITY, edit("۱۰ ریال", "MON", "DATE")))) == [
        [("سارا", "PER"), ("۱۰ ریال", "DATE"), ("قم", "GPE")]
    ]


def test_parts_of_a_span_and_a_span_around_others() -> None:
    around = edit("از کاخ به قم", None, "EVENT")
    applied = apply(layer(PALACE, edit("قم", "LOC", None), around))
    assert (applied.problems, found(applied)) == ([], [[("سارا", "PER"), ("از کاخ به قم", "EVENT")]])
    part = edit("۱۰", None, "DATE")
    assert found(apply(layer(PALACE, CITY, part, edit("۱۰ ریال", "MON", None)))) == [
        [("سارا", "PER"), ("۱۰", "DATE"), ("قم", "GPE")]
    ]


def test_records_nobody_decided_about_are_left_out_and_counted() -> None:
    other, dropped = record("e#1", document="e"), record("d#2", "قم دور است")
    made = layer(PALACE, CITY, records=[record(), dropped])
    made.entries["d#2"] = Entry(digest(dropped.text), drop="a copy")
    applied = apply(made, record(), other, dropped, other.model_copy(update={"id": "e#2"}))
    assert applied.problems == []
    assert [item.id for item in applied.records] == ["d#1"]
    assert applied.left_out["record of a document without decisions"] == 2
    assert applied.left_out["record dropped: a copy"] == 1


def test_a_record_without_a_line_in_the_layer_is_mapped() -> None:
    plain = record("d#2", "سارا آمد")
    assert found(apply(layer(PALACE, CITY, records=[record(), plain]), record(), plain))[1] == [("سارا", "PER")]


def test_a_span_that_the_layer_should_decide_and_does_not() -> None:
    applied = apply(layer(PALACE))
    assert applied.problems == [Problem("d.txt", 3, "d#1", "LOC 'قم' at 26–28 is not decided in the layer")]
    assert applied.records == []


@pytest.mark.parametrize(
    ("edits", "reasons"),
    [
        ([edit("رفت", "LOC", "GPE")], ["the layer is about a span that is not there: 29–32 LOC"]),
        ([edit("سارا", "ORG", None)], ["the layer is about a span that is not there: 0–4 ORG"]),
        ([edit("به قم", None, "EVENT")], ["spans overlap at 26"]),
        ([edit("م رفت", None, "EVENT")], ["spans overlap at 27"]),  # by one character
        ([edit("سارا", None, "ORG")], ["spans overlap at 0"]),
        ([Edit(5, 7, "از", None, "DATE", "reading")], ["surface at 5–7 is 'با', not 'از'"]),
        ([Edit(90, 92, "قم", None, "GPE", "reading")], ["surface at 90–92 is '', not 'قم'"]),
        (
            [edit("رفت", "LOC", None), Edit(5, 7, "از", None, "DATE", "reading")],
            ["surface at 5–7 is 'با', not 'از'", "the layer is about a span that is not there: 29–32 LOC"],
        ),
    ],
)
def test_decisions_that_do_not_fit_the_record(edits: list[Edit], reasons: list[str]) -> None:
    applied = apply(layer(PALACE, CITY, *edits))
    assert sorted(applied.problems) == [Problem("d.txt", 3, "d#1", reason) for reason in reasons]
    assert applied.records == []


def test_a_label_of_neither_map_nor_layer() -> None:
    strange = record()
    strange.spans[0] = strange.spans[0].model_copy(update={"label": "GOD"})
    applied = apply(layer(PALACE, CITY), strange)
    assert [problem.reason for problem in applied.problems] == ["label 'GOD' is not in the label map"]


def test_a_text_that_has_changed() -> None:
    changed = record(text=TEXT.replace("قم", "یزد"))
    assert apply(layer(PALACE, CITY), changed).problems == [
        Problem("d.txt", 3, "d#1", "the text is not the one the layer was made for"),
        Problem("", 0, "d", "the document is not the one the layer was made for"),
    ]


def test_a_change_where_nothing_was_decided_is_a_problem_of_the_document() -> None:
    plain, other = record("d#2", "سارا آمد"), record("d1#1", "قم", "d1")
    made = layer(PALACE, CITY, records=[record(), plain, other])
    # The undecided «قم» is in a document whose name begins with the name of the changed one.
    applied = apply(made, record(), record("d#2", "دارا آمد"), other)
    assert sorted(applied.problems) == [
        Problem("", 0, "d", "the document is not the one the layer was made for"),
        Problem("d.txt", 3, "d1#1", "LOC 'قم' at 0–2 is not decided in the layer"),
    ]


@pytest.mark.parametrize("changed", [0, 1])
def test_nothing_of_a_changed_document_stays(changed: int) -> None:
    # A sentence without edits, kept, would say that none of its words is a name.
    records = [record(), record("d#2", "سارا آمد"), record("d#3", "قم دور است"), record("e#1", "سارا رفت", "e")]
    made = layer(PALACE, CITY, records=records)
    made.entries["d#3"] = Entry(digest(records[2].text), drop="a copy")
    records[changed] = record(records[changed].id, records[changed].text.replace("سارا", "دارا"))
    applied = apply(made, *records)
    assert Problem("", 0, "d", "the document is not the one the layer was made for") in applied.problems
    assert [item.id for item in applied.records] == ["e#1"]
    assert applied.left_out == Counter({"record of a changed document": 3})


def test_a_document_that_is_cut_elsewhere_is_a_changed_one() -> None:
    one, two = record("d#1", "سارا\nآمد"), record("d#2", "رفت")
    made = layer(edit("سارا", "PER", "ORG", text=one.text), records=[one, two])
    again = [record("d#1", "سارا"), record("d#2", "آمد\nرفت")]
    assert standoff.document_digests(again) == made.documents
    applied = apply(made, *again)
    assert [problem.doc_id for problem in applied.problems] == ["d#1", "d"]
    assert applied.records == []


def test_records_with_other_numbers_are_noticed() -> None:
    # Nothing but the numbers changes: the document has its checksum, and the one with edits would stay without them.
    plain = record("d#2", "سارا آمد")
    other = record("e#1", "سارا رفت", "e")
    made = layer(PALACE, CITY, records=[record(), plain, other])
    moved = [record("d#3"), plain, other]
    assert standoff.document_digests(moved) == made.documents
    applied = apply(made, *moved)
    assert sorted(applied.problems) == [
        Problem("", 0, "d", "the document is not the one the layer was made for"),
        Problem("", 0, "d#1", "the layer's record is not in the source"),
        Problem("d.txt", 3, "d#3", "the text that the layer knows as d#1"),
    ]
    assert [item.id for item in applied.records] == ["e#1"]


def test_records_that_are_missing_or_new_are_noticed() -> None:
    plain = record("d#2", "سارا آمد")
    made = layer(PALACE, CITY, records=[record(), plain])
    reason = "the document is not the one the layer was made for"
    assert apply(made, record()).problems == [Problem("", 0, "d", reason)]
    assert apply(made, record(), plain, record("d#3", "او")).problems == [Problem("", 0, "d", reason)]
    assert sorted(apply(made, plain).problems) == [
        Problem("", 0, "d", reason),
        Problem("", 0, "d#1", "the layer's record is not in the source"),
    ]


@st.composite
def layered_records(draw: st.DrawFn) -> tuple[Layer, list[Record]]:
    """Records with spans of a source, and a layer that fits them: every LOC and FAC decided, some others, some added.

    Borders cut the text in pieces. Every second piece may be a span of the source, kept, relabelled or left out for
    one of its own characters; every other may be a span that the layer adds.
    """
    records: list[Record] = []
    entries: dict[str, Entry] = {}
    ours = st.sampled_from(LABELS)
    for number in range(draw(st.integers(1, 3))):
        text = draw(raw_texts())
        borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
        spans: list[Span] = []
        edits: list[Edit] = []
        for index, (start, end) in enumerate(pairwise(borders)):
            if index % 2:
                if draw(st.booleans()):
                    edits.append(Edit(start, end, text[start:end], None, draw(ours), "surface"))
                continue
            label = draw(st.sampled_from(sorted(MAP)))
            spans.append(Span(start=start, end=end, label=label))
            if label in DECIDED or draw(st.booleans()):
                now = draw(st.none() | ours)
                edits.append(Edit(start, end, text[start:end], label, now, "reading"))
                if now is None and draw(st.booleans()):
                    part = draw(st.integers(start, end - 1))
                    edits.append(Edit(part, part + 1, text[part], None, draw(ours), "reading"))
        name = f"d{number % 2}#{number}"
        records.append(Record(id=name, text=text, spans=spans, meta={"document": f"d{number % 2}"}))
        if edits:
            entries[name] = Entry(digest(text), tuple(edits))
        elif draw(st.booleans()):
            entries[name] = Entry(digest(text), drop=draw(st.sampled_from(["a copy", "تکراری"])))
    return Layer(draw(st.text(max_size=5)), standoff.document_digests(records), entries), records


@settings(max_examples=300)
@given(layered_records())
def test_every_span_is_kept_relabelled_or_counted(drawn: tuple[Layer, list[Record]]) -> None:
    made, records = drawn
    applied = apply(made, *records)
    assert applied.problems == []
    results = {item.id: item for item in applied.records}
    left_out: Counter[str] = Counter()
    for source in records:
        entry = made.entries.get(source.id, Entry(""))
        if entry.drop:
            assert source.id not in results
            left_out[f"record dropped: {entry.drop}"] += 1
            continue
        expected = {(e.start, e.end, e.now, e.surface) for e in entry.edits if e.now}
        decided = {(e.start, e.end): e.now for e in entry.edits if e.was}
        for span in source.spans:
            place = (span.start, span.end)
            if place in decided:
                left_out[f"{span.label} left out by the layer"] += decided[place] is None
            elif (label := MAP[span.label]) is None:
                left_out[f"label {span.label} mapped to null"] += 1
            else:
                expected.add((*place, label, source.text[slice(*place)]))
        result = results.pop(source.id)
        assert result.text == source.text
        spans = [(span.start, span.end, span.label, result.text[span.start : span.end]) for span in result.spans]
        assert spans == sorted(expected)
    assert results == {}
    assert applied.left_out == left_out  # as counters: a count of zero is none


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(layered_records())
def test_a_layer_is_read_back_as_it_was_written(tmp_path: Path, drawn: tuple[Layer, list[Record]]) -> None:
    made, _ = drawn
    standoff.write(made, tmp_path / "new" / "a.jsonl")
    assert standoff.read(tmp_path / "new" / "a.jsonl") == made
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.jsonl"]


@settings(max_examples=100)
@given(layered_records(), st.data())
def test_a_layer_never_meets_another_text(drawn: tuple[Layer, list[Record]], data: st.DataObject) -> None:
    made, records = drawn
    index = data.draw(st.integers(0, len(records) - 1))
    changed = list(records)
    changed[index] = records[index].model_copy(update={"text": records[index].text + "x"})
    applied = apply(made, *changed)
    document = records[index].meta["document"]
    assert {problem.doc_id for problem in applied.problems} == {document} | {records[index].id} & made.entries.keys()
    assert all(item.meta["document"] != document for item in applied.records)
    of_it = sum(item.meta["document"] == document for item in records)
    assert applied.left_out["record of a changed document"] == of_it


HEADER = '{"layer": 1, "source": "mine", "documents": {"d": "00"}}'
GOOD: dict[str, Any] = {"id": "d#1", "sha256": "00", "edits": [[0, 2, "قم", "LOC", "GPE", "reading"]]}


def with_edits(*edits: Any, **changes: Any) -> str:
    return json.dumps({**GOOD, "edits": list(edits), **changes})


def reasons(path: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(InputError) as raised:
        standoff.read(path)
    assert {problem.file for problem in raised.value.problems} == {str(path)}
    return [(problem.line, problem.doc_id, problem.reason) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("{", "not JSON: "),
        ("[1]", "expected a JSON object"),
        ('{"sha256": "00", "drop": "x"}', "id: missing"),
        ('{"id": "d#1", "drop": "x"}', "sha256: missing"),
        (with_edits(), "needs either edits or a reason to drop"),
        (with_edits(GOOD["edits"][0], drop="x"), "needs either edits or a reason to drop"),
        (with_edits(note="x"), "note: unknown key"),
        (with_edits([0, 2, "قم", "LOC", "GPE"]), "edits.0.5: "),
        (with_edits([0, 2, "قم", "LOC", "GPE", "reading", "x"]), "edits.0: "),
        (with_edits("abcdef"), "edits.0: "),
        (with_edits([0.0, 2, "قم", "LOC", "GPE", "reading"]), "edits.0.0: "),
        (with_edits([True, 2, "ق", "LOC", "GPE", "reading"]), "edits.0.0: "),
        (with_edits([0, "2", "قم", "LOC", "GPE", "reading"]), "edits.0.1: "),
        (with_edits([0, 2, None, "LOC", "GPE", "reading"]), "edits.0.2: "),
        (with_edits([0, 2, "قم", "LOC", ["GPE"], "reading"]), "edits.0.4: "),
        (with_edits([0, 2, "قم", "LOC", "LOC", "reading"]), "unknown label 'LOC'"),
        (with_edits([-1, 1, "قم", "LOC", "GPE", "reading"]), "offsets -1–1 are no span"),
        (with_edits([2, 2, "", "LOC", "GPE", "reading"]), "offsets 2–2 are no span"),
        (with_edits([0, 3, "قم", "LOC", "GPE", "reading"]), "surface 'قم' does not fit offsets 0–3"),
        (with_edits([0, 2, "قم", None, None, "reading"]), "edit of 'قم' decides nothing"),
        (with_edits([0, 2, "قم", "LOC", "GPE", ""]), "edit of 'قم' does not say what decided it"),
        (
            with_edits([0, 2, "قم", "LOC", "GPE", "a"], [0, 2, "قم", "LOC", None, "b"]),
            "LOC at 0–2 is decided 2 times",
        ),
        (with_edits([0, 2, "قم", "LOC", "GPE", "a"], [1, 3, "م ", None, "PER", "b"]), "'قم' and 'م ' overlap"),
    ],
)
def test_a_line_that_is_no_decision(tmp_path: Path, line: str, start: str) -> None:
    ((number, _, reason),) = reasons(put(tmp_path / "a.jsonl", f"{HEADER}\n{line}\n"))
    assert number == 2 and reason.startswith(start)


@pytest.mark.parametrize(
    "first",
    ["", json.dumps(GOOD), "{", HEADER.replace("1", "2"), HEADER.replace('"mine"', "5"), HEADER.replace('"00"', "0")],
)
def test_a_file_that_does_not_say_what_it_is_about(tmp_path: Path, first: str) -> None:
    found = reasons(put(tmp_path / "a.jsonl", f"{first}\n{json.dumps(GOOD)}\n"))
    assert {number for number, *_ in found} == {1}


def test_an_empty_file_and_none(tmp_path: Path) -> None:
    assert reasons(put(tmp_path / "a.jsonl", "")) == [(1, "", "the first line does not say what the layer is about")]
    assert reasons(tmp_path / "b.jsonl") == [(0, "", "no such file")]


def test_every_defect_of_a_file_is_listed(tmp_path: Path) -> None:
    file = put(
        tmp_path / "a.jsonl",
        "\n".join(
            [
                HEADER,
                json.dumps(GOOD),
                with_edits([0, 3, "قم", "LOC", "CITY", ""], id="d#2"),
                "{",
                json.dumps(GOOD),
                "",
                with_edits([None, 2, "قم", "LOC", "GPE"], id="d#4"),
            ]
        ),
    )
    file.write_bytes(file.read_bytes() + b"\n\xff\n")
    assert [(number, name, reason[:12]) for number, name, reason in reasons(file)] == [
        (3, "d#2", "edit of 'قم'"),
        (3, "d#2", "surface 'قم'"),
        (3, "d#2", "unknown labe"),
        (4, "", "not JSON: Ex"),
        (5, "d#1", "record occur"),
        (7, "d#4", "edits.0.0: I"),
        (7, "d#4", "edits.0.5: m"),
        (8, "", "not UTF-8: i"),
    ]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    standoff.write(layer(PALACE, CITY), file)
    before = file.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        standoff.write(layer(Edit(0, 1, "\ud800", None, "PER", "reading")), file)
    assert file.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]
