from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from record_strategies import valid_records

from persian_ner.records import Problem, Record, Span
from persian_ner.validation import check

TEXT = "پروین در تبریز زاده شد."
GOOD = [(0, 5, "PER"), (9, 14, "GPE")]


def record(text: str = TEXT, spans: list[tuple[int, int, str]] | None = None, **fields: Any) -> Record:
    made = [Span(start=start, end=end, label=label) for start, end, label in (GOOD if spans is None else spans)]
    return Record(**{"id": "p1", "text": text, "spans": made, "origin": ("poets.md", 7)} | fields)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record("", []), "the text is empty"),
        (record(" \n\u2028", []), "the text is empty"),
        (record("پروین\x07 رفت", []), "control or replacement character U+0007 at 5"),
        (record("پروین\r\nرفت", []), "control or replacement character U+000D at 5"),
        (record("پروین \ufffd رفت", []), "control or replacement character U+FFFD at 6"),
        (record("پروین \ud83d رفت", []), "control or replacement character U+D83D at 6"),
        (record(spans=[(9, 30, "GPE")]), "span 9–30 GPE lies outside the text (0–23)"),
        (record(spans=[(-2, 4, "GPE")]), "span -2–4 GPE lies outside the text (0–23)"),
        (record(spans=[(9, 9, "GPE")]), "span 9–9 GPE holds no character"),
        (record(spans=[(9, 8, "GPE")]), "span 9–8 GPE holds no character"),
        (record(spans=[(9, 15, "GPE")]), "white space at the edge of 9–15 GPE 'تبریز '"),
        (record(spans=[(8, 14, "GPE")]), "white space at the edge of 8–14 GPE ' تبریز'"),
        (record(spans=[(9, 14, "LOC")]), "unknown label 'LOC' of 9–14 LOC 'تبریز'"),
        (record(spans=[*GOOD, (0, 8, "ORG")]), "spans overlap: 0–5 PER 'پروین' and 0–8 ORG 'پروین در'"),
        (record(spans=[*GOOD, (9, 14, "GPE")]), "spans overlap: 9–14 GPE 'تبریز' and 9–14 GPE 'تبریز'"),
        (
            record(annotated_labels=["PER"]),
            "label GPE of 9–14 GPE 'تبریز' is not among the record's annotated_labels",
        ),
        (record(annotated_labels=["PER", "GPE", "LOC"]), "annotated_labels names an unknown label 'LOC'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_defect_is_reported_with_its_place(bad: Record, reason: str) -> None:
    problems = check([record("بی‌عیب", [], id="p0"), bad])
    assert Problem("poets.md", 7, "p1", reason) in problems
    assert {(problem.file, problem.line, problem.doc_id) for problem in problems} == {("poets.md", 7, "p1")}
    # A span edged by a space overlaps nothing, an unknown label has no wrong edge …: one defect, one problem.
    assert len(problems) == 1 or bad.spans[-1].label == "ORG"


def test_a_claimed_surface_is_compared_with_the_text() -> None:
    spans = [Span(start=0, end=5, label="PER", surface="پروین"), Span(start=9, end=14, label="GPE", surface="تهران")]
    (problem,) = check([record(spans=[]).model_copy(update={"spans": spans})])
    assert problem.reason == "span 9–14 GPE says 'تهران' but the text there is 'تبریز'"


def test_every_span_that_begins_inside_another_is_reported() -> None:
    """Also one that lies in a long span but not in the span before it."""
    problems = check([record(spans=[(0, 22, "ORG"), (0, 5, "PER"), (9, 14, "GPE"), (15, 19, "PER")])])
    assert {problem.reason for problem in problems} == {
        "spans overlap: 0–5 PER 'پروین' and 0–22 ORG 'پروین در تبریز زاده شد'",
        "spans overlap: 0–22 ORG 'پروین در تبریز زاده شد' and 9–14 GPE 'تبریز'",
        "spans overlap: 0–22 ORG 'پروین در تبریز زاده شد' and 15–19 PER 'زاده'",
    }


def test_an_id_is_used_once() -> None:
    records = [record(), record("دیگر", [], origin=("poets.md", 9)), record("سوم", [], origin=("more.md", 2))]
    assert check(records) == [
        Problem("more.md", 2, "p1", "id already used at poets.md:7"),
        Problem("poets.md", 9, "p1", "id already used at poets.md:7"),
    ]


def same_text(*annotations: tuple[list[tuple[int, int, str]], list[str] | None]) -> list[tuple[str, str]]:
    records = [
        record(spans=spans, id=f"c{number}", origin=("c.jsonl", number), annotated_labels=labels)
        for number, (spans, labels) in enumerate(annotations, start=1)
    ]
    return [(problem.doc_id, problem.reason) for problem in check(records)]


def test_one_text_is_annotated_in_one_way() -> None:
    conflict = "same text as c1 (c.jsonl:1) but annotated differently"
    other = [(0, 5, "ORG"), (9, 14, "GPE")]
    assert same_text((GOOD, None), (GOOD[::-1], None)) == []
    assert same_text((GOOD, None), (other, None), (other, None)) == [("c2", conflict), ("c3", conflict)]
    assert same_text((GOOD, None), (GOOD[:1], None)) == [("c2", conflict)]
    assert same_text((GOOD, None), ([], ["PER", "GPE"])) == [("c2", conflict)]


def test_only_labels_that_both_records_annotate_can_conflict() -> None:
    per, gpe = GOOD[:1], GOOD[1:]
    assert same_text((GOOD, None), (per, ["PER"]), (gpe, ["GPE"]), ([], []), ([], ["ORG"])) == []
    # The third contradicts the second, though not the first.
    assert same_text((per, ["PER"]), (gpe, ["GPE"]), ([], ["GPE"])) == [
        ("c3", "same text as c2 (c.jsonl:2) but annotated differently")
    ]


def test_all_defects_of_all_records_are_reported_in_order() -> None:
    bad = [
        record("دوم\x00", [(0, 9, "PER"), (0, 0, "XYZ")], id="b", origin=("b.md", 1)),
        record("یکم", [(0, 3, "LOC"), (1, 3, "PER")], id="a", origin=("a.md", 12), annotated_labels=["ORG"]),
        record("  ", [], id="a", origin=("a.md", 2)),
    ]
    assert check(bad) == [
        Problem("a.md", 2, "a", "id already used at a.md:12"),
        Problem("a.md", 2, "a", "the text is empty"),
        Problem("a.md", 12, "a", "label PER of 1–3 PER 'کم' is not among the record's annotated_labels"),
        Problem("a.md", 12, "a", "spans overlap: 0–3 LOC 'یکم' and 1–3 PER 'کم'"),
        Problem("a.md", 12, "a", "unknown label 'LOC' of 0–3 LOC 'یکم'"),
        Problem("b.md", 1, "b", "control or replacement character U+0000 at 3"),
        Problem("b.md", 1, "b", "span 0–0 XYZ holds no character"),
        Problem("b.md", 1, "b", "span 0–9 PER lies outside the text (0–4)"),
    ]


def test_clean_records_have_no_problems() -> None:
    clean = [
        record(),
        record("نیم‌فاصله\u200c، «نقل»\nو\tجدول 😀", [(0, 9, "ORG")], id="p2"),
        record("پیوسته", [(0, 3, "PER"), (3, 6, "ORG")], id="p3", annotated_labels=["ORG", "PER"]),
    ]
    assert check(clean) == []


def test_another_scheme_of_labels() -> None:
    assert check([record(spans=[(9, 14, "LOC")])], labels=["LOC"]) == []
    (problem,) = check([record(spans=[(9, 14, "GPE")])], labels=["LOC"])
    assert problem.reason.startswith("unknown label 'GPE'")


@settings(max_examples=200)
@given(valid_records())
def test_only_control_characters_and_empty_texts_are_wrong_with_flat_spans(made: Record) -> None:
    for problem in check([made]):
        assert problem.reason.startswith("control or replacement") or problem.reason == "the text is empty"
