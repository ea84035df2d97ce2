"""Reading decisions again, blind: ``persian_ner.layers.agreement``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_corpus import put

from persian_ner.layers.agreement import (
    Answer,
    Kind,
    Question,
    join,
    read_answers,
    replaced,
    sample,
    sample_disputes,
    write_answers,
    write_sheet,
)
from persian_ner.layers.standoff import Edit, Entry, Layer, digest
from persian_ner.records import InputError, Problem, Record, Span

TEXT = "در جام جهانی\n دوحه قطر و کاخ  بود"
RECORDS = [Record(id="d#1", text=TEXT), Record(id="d#2", text="قم و رشت"), Record(id="d#3", text="یزد")]


def edit(surface: str, was: str | None, now: str | None, text: str = TEXT) -> Edit:
    start = text.index(surface)
    return Edit(start, start + len(surface), surface, was, now, "surface")


LAYER = Layer(
    "mine",
    {},
    {
        "d#1": Entry(
            digest(TEXT),
            (
                edit("جام جهانی", None, "EVENT"),
                edit("دوحه قطر", "LOC", None),
                edit("دوحه", None, "GPE"),
                edit("قطر", None, "GPE"),
                edit("کاخ", "LOC", None),
            ),
        ),
        "d#2": Entry(digest("قم و رشت"), (edit("قم", "LOC", "GPE", "قم و رشت"),)),
        "d#3": Entry(digest("یزد"), drop="copy of d#9, labelled differently"),
    },
)
QUESTIONS = {
    # What the layer adds has to be found again in the bare sentence.
    "جام جهانی": Question("d#1", 3, 12, "adds", "EVENT=جام جهانی", "در جام جهانی دوحه قطر و کاخ بود"),
    # Its parts are no questions of their own.
    "دوحه قطر": Question("d#1", 14, 22, "span", "GPE=دوحه|GPE=قطر", "در جام جهانی ⟦دوحه قطر⟧ و کاخ بود"),
    "کاخ": Question("d#1", 25, 28, "span", "-", "در جام جهانی دوحه قطر و ⟦کاخ⟧ بود"),
    "قم": Question("d#2", 0, 2, "span", "GPE=قم", "⟦قم⟧ و رشت"),
}


def test_every_decision_is_a_question_that_does_not_tell_the_answer() -> None:
    questions = sample(LAYER, RECORDS, 99, seed=1)
    assert sorted(questions, key=lambda item: (item.record, item.start)) == list(QUESTIONS.values())
    assert not any(label in item.sheet for item in questions for label in ("GPE", "EVENT", "="))


def test_a_name_is_known_by_what_the_reader_sees_of_it() -> None:
    text = "در شهر\u00a0 ري بود"
    layer = Layer("mine", {}, {"d#1": Entry(digest(text), (edit("شهر\u00a0 ري", None, "GPE", text),))})
    (question,) = sample(layer, [Record(id="d#1", text=text)], 1, seed=0)
    assert (question.first, question.sheet) == ("GPE=شهر ري", "در شهر ري بود")
    disputed = Record(id="d#1", text=text, spans=[Span(start=3, end=11, label="GPE")])
    (question,) = sample_disputes([("d#1", 3, 11)], [disputed], 1, seed=0)
    assert question.first == "GPE=شهر ري"


def test_a_part_is_drawn_at_random_and_the_same_for_the_same_seed() -> None:
    drawn = [sample(LAYER, RECORDS, 2, seed) for seed in range(20)]
    assert all(len(set(questions)) == 2 and set(questions) < set(QUESTIONS.values()) for questions in drawn)
    assert {item for questions in drawn for item in questions} == set(QUESTIONS.values())
    assert drawn == [sample(LAYER, RECORDS, 2, seed) for seed in range(20)]
    assert sample(LAYER, RECORDS, 0, seed=1) == []


def test_every_record_that_the_source_lacks_is_named() -> None:
    with pytest.raises(InputError) as raised:
        sample(LAYER, RECORDS[2:], 1, seed=1, file="mine.jsonl")
    reason = "no such record in the source"
    assert raised.value.problems == [Problem("mine.jsonl", 0, name, reason) for name in ("d#1", "d#2")]
    places = [("d#3", 0, 3), ("d#8", 0, 3), ("d#7", 0, 3), ("d#8", 4, 5)]
    with pytest.raises(InputError) as raised:
        sample_disputes(places, RECORDS, 1, seed=1, file="mine.tsv")
    assert raised.value.problems == [Problem("mine.tsv", 0, name, reason) for name in ("d#7", "d#8")]


@pytest.mark.parametrize(
    ("kind", "first", "second", "agrees"),
    [
        ("span", "GPE=قم", "GPE=قم", True),
        ("span", "GPE=دوحه|GPE=قطر", "GPE=قطر|GPE=دوحه", True),
        ("span", "-", "-", True),
        ("span", "GPE=قم", "-", False),
        ("span", "-", "GPE=قم", False),
        ("span", "GPE=قم", "ORG=قم", False),
        ("span", "GPE=دوحه", "GPE=دوحه|GPE=قطر", False),
        # The sheet of an added span is the whole sentence, which may have other names.
        ("adds", "EVENT=جام", "GPE=قم|EVENT=جام", True),
        ("adds", "EVENT=جام", "EVENT=جام جهانی", False),
        ("adds", "EVENT=جام", "-", False),
        # At a place in dispute neither may have more.
        ("dispute", "GPE=قم", "GPE=قم|EVENT=جام", False),
        ("dispute", "-", "-", True),
    ],
)
def test_when_two_decisions_agree(kind: Kind, first: str, second: str, agrees: bool) -> None:
    assert Answer("d#1", 0, 2, kind, first, second).agrees is agrees


def test_answers_are_read(tmp_path: Path) -> None:
    file = put(tmp_path / "a.tsv", "d#1\t3\t12\tadds\tEVENT=جام جهانی\t-\r\nd#2\t0\t2\tspan\tGPE=قم\tGPE=قم\n")
    assert read_answers(file) == [
        Answer("d#1", 3, 12, "adds", "EVENT=جام جهانی", "-"),
        Answer("d#2", 0, 2, "span", "GPE=قم", "GPE=قم"),
    ]


GOOD = "d#1\t3\t12\tadds\tEVENT=جام\t-"


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace("adds", "added"),
        lambda line: line.replace("3", "x"),
        lambda line: line.replace("12", "-1"),
        lambda line: line.replace("12", ""),
        lambda line: line + "\t",
        lambda line: line.removesuffix("\t-"),
    ],
)
def test_a_line_that_is_no_answer(tmp_path: Path, change: Callable[[str], str]) -> None:
    file = put(tmp_path / "a.tsv", f"{GOOD}\n{change(GOOD)}\n")
    with pytest.raises(InputError) as raised:
        read_answers(file)
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.doc_id) == (str(file), 2, "d#1")
    assert problem.reason == f"not a decision made twice: {change(GOOD)!r}"


def test_every_bad_answer_is_listed(tmp_path: Path) -> None:
    file = put(tmp_path / "a.tsv", f"x\n{GOOD}\n\ny\tz\n")
    file.write_bytes(file.read_bytes() + b"\xff\n")
    with pytest.raises(InputError) as raised:
        read_answers(file)
    assert raised.value.problems[:3] == [
        Problem(str(file), 1, "x", "not a decision made twice: 'x'"),
        Problem(str(file), 3, "", "not a decision made twice: ''"),
        Problem(str(file), 4, "y", "not a decision made twice: 'y\\tz'"),
    ]
    assert [problem.line for problem in raised.value.problems] == [1, 3, 4, 5]


def test_a_sheet_is_answered_and_kept(tmp_path: Path) -> None:
    write_sheet(tmp_path, list(QUESTIONS.values()))
    asked = (tmp_path / "questions.tsv").read_text(encoding="utf-8").splitlines()
    assert asked[1] == "2\tدر جام جهانی ⟦دوحه قطر⟧ و کاخ بود"
    put(tmp_path / "answers.tsv", "4\tGPE=قم\n1\t-\n2\tGPE=قطر|GPE=دوحه \r\n3\tORG=کاخ\n")
    answers = join(tmp_path)
    assert [(item.second, item.agrees) for item in answers] == [
        ("-", False),
        ("GPE=قطر|GPE=دوحه", True),
        ("ORG=کاخ", False),
        ("GPE=قم", True),
    ]
    write_answers(tmp_path / "kept.tsv", answers)
    assert read_answers(tmp_path / "kept.tsv") == answers


def test_all_that_is_wrong_with_answers_is_named(tmp_path: Path) -> None:
    write_sheet(tmp_path, list(QUESTIONS.values()))
    file = put(tmp_path / "answers.tsv", "1\t-\n1\t-\n2\tقطر\n3\tGPE=\n9\t-\n4\n")
    with pytest.raises(InputError) as raised:
        join(tmp_path)
    assert [(problem.line, problem.doc_id) for problem in raised.value.problems if problem.file == str(file)] == [
        *[(0, number) for number in "2349"],
        (2, "1"),
        (3, ""),
        (4, ""),
        (6, ""),
    ]
    file.unlink()
    with pytest.raises(InputError, match="no such file"):
        join(tmp_path)


def test_a_place_in_dispute_is_shown_marked_without_either_side() -> None:
    text = "تا شهر قم و رشت"
    names = [Span(start=3, end=9, label="GPE"), Span(start=12, end=15, label="GPE")]
    records = [Record(id="d#1", text=text, spans=names)]
    places = [("d#1", 7, 9), ("d#1", 7, 9), ("d#1", 0, 2)]
    drawn = sample_disputes(places, records, 99, seed=1)
    assert sorted(drawn, key=lambda item: item.start) == [
        Question("d#1", 0, 2, "dispute", "-", "⟦تا⟧ شهر قم و رشت"),
        Question("d#1", 7, 9, "dispute", "GPE=شهر قم", "تا شهر ⟦قم⟧ و رشت"),
    ]
    assert {sample_disputes(places, records, 1, seed)[0].start for seed in range(20)} == {0, 7}


def test_answers_replace_those_of_the_same_kind() -> None:
    span, adds, dispute = (Answer("d#1", 0, 2, kind, "-", "-") for kind in ("span", "adds", "dispute"))
    again = Answer("d#2", 0, 2, "dispute", "-", "GPE=قم")
    assert replaced([span, dispute, adds], [again]) == [span, adds, again]
    assert replaced([span, dispute, adds], [adds]) == [dispute, adds]
