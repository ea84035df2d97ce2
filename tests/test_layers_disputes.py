"""Disputes between a pipeline and the layers: ``persian_ner.layers.disputes`` and its commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layered_source import layered_source
from record_strategies import valid_records
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.evaluate import write_evaluation
from persian_ner.labels import LABELS
from persian_ner.layers import corrections, disputes, standoff
from persian_ner.layers.build import Reading, build
from persian_ner.layers.places import Gazetteer
from persian_ner.metrics import Evaluated, compute
from persian_ner.records import InputError, Record, Span

SOURCE = layered_source({label: label for label in LABELS})
TEXT = "سارا از قم به قم رفت. بانک قم باز شد."


def spans(*found: tuple[str, str], text: str = TEXT) -> list[Span]:
    """Spans by label and surface, each the first after the one before."""
    result: list[Span] = []
    start = 0
    for label, surface in found:
        start = text.index(surface, start)
        result.append(Span(start=start, end=start + len(surface), label=label))
        start += len(surface)
    return result


MINE = Evaluated("mine/d#1", TEXT, spans(("GPE", "قم"), ("GPE", "قم")), spans(("PER", "سارا"), ("ORG", "بانک قم")))
OTHERS = [
    Evaluated("mine/d#2", "رشت", spans(("GPE", "رشت"), text="رشت"), spans(("GPE", "رشت"), text="رشت")),
    Evaluated("yours/d#1", "رشت", [], spans(("GPE", "رشت"), text="رشت")),
]
TEXTS = {"mine": {"d#1": TEXT, "d#2": "رشت", "d#7": TEXT}}


def sheet(folder: Path, *answers: str) -> Path:
    disputes.write_sheet(folder, disputes.find([MINE, *OTHERS], ["mine"]))
    put(folder / disputes.ANSWERS_FILE, "".join(f"{answer}\n" for answer in answers))
    return folder


def test_what_both_agree_on_and_other_sources_are_not_asked_about(tmp_path: Path) -> None:
    sheet(tmp_path)
    assert (tmp_path / disputes.SHEET_FILE).read_text(encoding="utf-8") == (
        f"\n#1  {TEXT}\n"
        "  1.1 (after «»)  C: -   M: PER=سارا\n"
        "  1.2 (after «سارا از»)  C: GPE=قم   M: -\n"
        "  1.3 (after «سارا از قم به»)  C: GPE=قم   M: -\n"
        "  1.4 (after «از قم به قم رفت.»)  C: -   M: ORG=بانک قم\n"
    )


def test_overlapping_spans_are_one_dispute() -> None:
    both = Evaluated("mine/d#1", TEXT, spans(("ORG", "بانک"), ("GPE", "قم")), spans(("ORG", "بانک قم باز")))
    (found,) = disputes.find([both], ["mine"])
    assert [len(found.corpus), len(found.model)] == [2, 1]


def test_answers_become_readings_of_the_sentence_and_of_its_copies(tmp_path: Path) -> None:
    settled = disputes.settle(sheet(tmp_path, "1.1\tM", "1.2\tC", "1.3\t-", "1.4\tPER=بانک|GPE=قم"), TEXTS)
    lines = [("+", "PER", "سارا", "1"), ("-", "GPE", "قم", "2"), ("+", "PER", "بانک", "1"), ("+", "GPE", "قم", "3")]
    assert settled.lines == {"mine": [(name, *line) for name in ("d#1", "d#7") for line in lines]}
    places = [("d#1", "0", "4", "M"), ("d#1", "8", "10", "C"), ("d#1", "14", "16", "-")]
    assert settled.decisions["mine"][:3] == places
    assert corrections.count(settled.decisions["mine"]) == {"corpus": 1, "model": 1, "neither": 2}


def test_a_copy_that_was_asked_about_itself_keeps_its_own_answer(tmp_path: Path) -> None:
    twice = [MINE, Evaluated("mine/d#7", TEXT, [], spans(("ORG", "بانک قم")))]
    disputes.write_sheet(tmp_path, disputes.find(twice, ["mine"], seed=0))
    key = [json.loads(line) for line in (tmp_path / disputes.KEY_FILE).read_text(encoding="utf-8").splitlines()]
    put(
        tmp_path / disputes.ANSWERS_FILE,
        "".join(f"{item['number']}\t{'C' if item['record'] == 'mine/d#7' else 'M'}\n" for item in key),
    )
    assert {line[0] for line in disputes.settle(tmp_path, TEXTS).lines["mine"]} == {"d#1"}


def test_every_bad_answer_is_listed(tmp_path: Path) -> None:
    answers = ["1.1\tLOC=سارا", "1.2\tGPE=رشت", "1.3", "1.4\tM", "1.4\tC", "9.9\tM"]
    with pytest.raises(InputError) as raised:
        disputes.settle(sheet(tmp_path, *answers), {"mine": {"d#2": "رشت"}})
    assert [(problem.line, problem.doc_id, problem.reason) for problem in raised.value.problems] == [
        (0, "1.3", "not answered"),
        (1, "1.1", "neither C, M nor - nor LABEL=surface: 'LOC=سارا'"),
        (2, "1.2", "'رشت' is not near the disputed place"),
        (3, "", "not number and answer: '1.3'"),
        (5, "1.4", "answered twice"),
        (6, "9.9", "no such dispute"),
        (0, "mine/d#1", "no such record in the sources"),
    ]


def test_every_bad_line_of_the_record_is_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        corrections.read_decisions(put(tmp_path / "mine.tsv", "d#1\t1\t2\tM\nd#1\t1\tM\nd#2\tx\t2\tM\n"))
    assert [problem.line for problem in raised.value.problems] == [2, 3]
    assert corrections.read_decisions(tmp_path / "none.tsv") == []


@pytest.mark.parametrize(
    ("text", "start", "reason"), [("بابابا", 2, "cannot be told by its number"), ("الف\nب", 0, "a tab or a line break")]
)
def test_what_a_readings_file_cannot_say_is_refused(tmp_path: Path, text: str, start: int, reason: str) -> None:
    predicted = [Span(start=start, end=start + 4, label="PER")]
    disputes.write_sheet(tmp_path, disputes.find([Evaluated("mine/d#1", text, [], predicted)], ["mine"]))
    put(tmp_path / disputes.ANSWERS_FILE, "1.1\tM\n")
    with pytest.raises(InputError, match=reason):
        disputes.settle(tmp_path, {"mine": {"d#1": text}})


@given(valid_records(), st.data())
def test_what_is_decided_for_the_model_gives_the_models_spans(record: Record, data: st.DataObject) -> None:
    gold = data.draw(st.lists(st.sampled_from(record.spans), unique=True) if record.spans else st.just([]))
    predicted = [span for span in record.spans if span not in gold or data.draw(st.booleans())]
    found = disputes.find([Evaluated("mine/r", record.text, gold, predicted)], ["mine"])
    try:
        lines = [line for item in found for line in corrections.lines(item, "M")]
    except ValueError:
        return  # refused, see above
    readings = {"r": [Reading(1, line[1] == "+", line[2], line[3], int(line[4])) for line in lines]}
    source = record.model_copy(update={"spans": sorted(gold, key=lambda span: span.start), "meta": {"document": "r"}})
    made = build(SOURCE, [source], Gazetteer(frozenset()), {}, readings if lines else {})
    (result,) = standoff.apply(made, [source], SOURCE.labels, frozenset()).records
    assert {(span.start, span.end, span.label) for span in result.spans} == {
        (span.start, span.end, span.label) for span in predicted
    }


def test_the_commands_from_an_evaluation_to_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.txt", "سارا\tB-PER\nدر\tO\nقم\tO\n\nرشت\tB-GPE\n")
    declared = SOURCE.model_dump(exclude_none=True) | {"options": {}}
    put(tmp_path / "sources" / "mine.yml", json.dumps(declared))
    put(tmp_path / "decisions" / "readings" / "mine.tsv", "mine#2\t-\tGPE\tرشت\t1")
    text = "سارا در قم"
    gold = spans(("PER", "سارا"), text=text)
    evaluated = [Evaluated("mine/mine#1", text, gold, [*gold, *spans(("GPE", "قم"), text=text)])]
    write_evaluation(tmp_path / "evaluation", compute(evaluated), evaluated)
    done = run_script("disputes", "find", "evaluation", "sheet", "mine")
    assert (done.exit_code, done.stdout) == (0, "Wrote 1 disputes to sheet/disputes.txt\n")
    options = ("--decisions", "decisions", "--sources", "sources")
    put(tmp_path / "sheet" / "answers.tsv", "1.1\tX\n")
    before = contents(tmp_path / "decisions")
    done = run_script("disputes", "settle", "sheet", "mine", *options)
    assert done.exit_code == 1 and "sheet/answers.tsv:1: [1.1] neither C, M nor -" in done.stderr
    assert contents(tmp_path / "decisions") == before
    put(tmp_path / "sheet" / "answers.tsv", "1.1\tM\n")
    done = run_script("disputes", "settle", "sheet", "mine", *options)
    assert (done.exit_code, done.stdout) == (0, "Settled 1 disputes: corpus 0, model 1, neither 0\n")
    assert corrections.read_decisions(tmp_path / "decisions" / "disputes" / "mine.tsv") == [("mine#1", "8", "10", "M")]
    assert (tmp_path / "decisions" / "readings" / "mine.tsv").read_text(encoding="utf-8").splitlines() == [
        "mine#2\t-\tGPE\tرشت\t1",
        "mine#1\t+\tGPE\tقم\t1",
    ]


def test_the_problems_of_all_sources_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sheet(tmp_path / "sheet", "1.1\tM")
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True) | {"options": {}}))
    done = run_script("disputes", "settle", "sheet", "mine", "yours", "--sources", "sources")
    assert done.exit_code == 1
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == ["mine.txt:", "sources/yours.yml:", "2"]
