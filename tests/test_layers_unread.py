"""Sentences that nobody has read, read in full: ``persian_ner.layers.unread``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layered_source import layered_source
from record_strategies import valid_records
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.labels import LABELS
from persian_ner.layers import defects, standoff, unread
from persian_ner.layers.build import Reading, build
from persian_ner.layers.places import Gazetteer
from persian_ner.records import InputError, Record, Span

SOURCE = layered_source({label: label for label in LABELS})
DATELESS = layered_source({label: label for label in LABELS if label != "DATE"})
TEXT = "سارا از قم به قم رفت."
RECORD = Record(id="d#1", text=TEXT, spans=[Span(start=0, end=4, label="PER"), Span(start=8, end=10, label="ORG")])


def sheet(folder: Path, answers: str, decided: str = "") -> Path:
    unread.write_sheet(folder, [RECORD])
    put(folder / "answers.tsv", answers)
    if decided:
        put(folder / "decided.tsv", decided)
    return folder


def test_what_cue_words_made_readers_look_at_is_not_unread() -> None:
    assert unread.is_unread("سارا آمد", DATELESS)
    assert not unread.is_unread("جنگ چالدران", SOURCE)
    assert unread.is_unread("در مهر آمد", SOURCE)
    assert not unread.is_unread("در مهر آمد", DATELESS)


def test_a_part_is_drawn_at_random_and_the_same_for_the_same_seed() -> None:
    records = [Record(id=f"d#{number}", text=f"سارا {number}") for number in range(9)]
    war = Record(id="d#9", text="جنگ چالدران")
    drawn = [unread.sample([*records, war], SOURCE, 2, seed) for seed in range(40)]
    assert {record.id for part in drawn for record in part} == {record.id for record in records}
    assert drawn == [unread.sample([*records, war], SOURCE, 2, seed) for seed in range(40)]


def test_names_are_found_behind_each_other_and_as_whole_words(tmp_path: Path) -> None:
    (sentence,) = unread.join(sheet(tmp_path, "1\tPER=سارا|GPE=قم|GPE=قم\n"), {"d#1": TEXT})
    assert sentence.corpus == ((0, 4, "سارا", "PER"), (8, 10, "قم", "ORG"))
    assert sentence.decided == sentence.read == ((0, 4, "سارا", "PER"), (8, 10, "قم", "GPE"), (14, 16, "قم", "GPE"))
    assert TEXT not in (tmp_path / "key.jsonl").read_text(encoding="utf-8")
    (sentence,) = unread.join(sheet(tmp_path, "1\t-\n", "1\tPER=سارا|ORG=قم\n"), {"d#1": TEXT})
    assert (sentence.read, sentence.decided) == ((), sentence.corpus)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("GPE=قم|PER=سارا", "'سارا' does not occur behind the name before it"),
        ("PER=سار", "'سار' does not occur behind"),
        ("LOC=قم", "unknown label 'LOC'"),
    ],
)
def test_a_name_that_is_not_there(tmp_path: Path, answer: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        unread.join(sheet(tmp_path, f"1\t{answer}\n"), {"d#1": TEXT})


def test_a_sentence_that_has_changed(tmp_path: Path) -> None:
    folder = sheet(tmp_path, "1\t-\n")
    for texts in ({}, {"d#1": "سارا"}):
        with pytest.raises(InputError, match=r"key.jsonl:1: \[d#1\] no such sentence in the source"):
            unread.join(folder, texts)


def test_what_is_kept_is_read_back_and_every_bad_line_is_listed(tmp_path: Path) -> None:
    sentences = unread.join(sheet(tmp_path, "1\tGPE=قم\n"), {"d#1": TEXT})
    file = tmp_path / "kept.jsonl"
    unread.write(file, sentences)
    assert unread.read_kept(file) == sentences
    assert unread.read_kept(tmp_path / "none.jsonl") == []
    put(file, '{"id": "d#1"}\n{\n')
    with pytest.raises(InputError) as raised:
        unread.read(file)
    assert [problem.line for problem in raised.value.problems] == [1, 1, 1, 1, 2]


def test_an_estimate_counts_what_was_decided() -> None:
    corpus, decided = ((0, 4, "سارا", "PER"), (8, 10, "قم", "ORG")), ((0, 4, "سارا", "PER"), (8, 10, "قم", "GPE"))
    changed = unread.Sentence(id="a", sha256="0", corpus=corpus, read=decided, decided=decided)
    stays = unread.Sentence(id="b", sha256="0", corpus=corpus, read=(), decided=corpus)
    found = unread.estimate([changed, stays])
    assert (found.sentences, found.differed, found.changed) == (2, 2, 1)
    assert found.right == {"PER": 2, "ORG": 1, "GPE": 0, "EVENT": 0, "DATE": 0}
    assert {label: rate.count for label, rate in found.missed.items() if rate.count} == {"GPE": 1}
    assert {label: rate.count for label, rate in found.wrong.items() if rate.count} == {"ORG": 1}


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)])
def test_a_rate_has_the_interval_that_tables_of_garwood_give(count: int, low: float, high: float) -> None:
    rate = unread.rate(count, 100)
    assert (rate.count, rate.per_hundred) == (count, count)
    assert (rate.low, rate.high) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))


@given(valid_records(), st.data())
def test_corrected_readings_give_what_was_decided(record: Record, data: st.DataObject) -> None:
    spans = sorted(record.spans, key=lambda span: span.start)
    before = [span for span in spans if data.draw(st.booleans())]
    after = [span for span in spans if data.draw(st.booleans())]
    sides = [tuple((s.start, s.end, record.text[s.start : s.end], s.label) for s in side) for side in (before, after)]
    sentence = unread.Sentence(id="r", sha256="0", corpus=sides[0], read=(), decided=sides[1])
    try:
        lines = unread.correct("mine", [sentence], {"r": record.text})
    except InputError:
        return  # what a readings file cannot say is refused, as of disputes
    readings = {
        "r": [Reading(1, sign == "+", label, surface, int(number)) for _, sign, label, surface, number in lines]
    }
    source = record.model_copy(update={"id": "r", "spans": before, "meta": {"document": "r"}})
    made = build(SOURCE, [source], Gazetteer(frozenset()), {}, readings if lines else {})
    (result,) = standoff.apply(made, [source], SOURCE.labels, frozenset()).records
    assert sorted((s.start, s.end, s.label) for s in result.spans) == sorted((s.start, s.end, s.label) for s in after)


def test_defects_are_counted_by_kind() -> None:
    repairs = [
        "line 1: no tag: 'a'; tag taken from line 2",
        "line 2: no token: 'O'; joined to line 1",
        "line 3: I-PER continues no PER span; a span starts here",
        "line 4: no token: 'x; y'; left out",
    ]
    records = [Record(id="a", text="a", meta={"repairs": repairs}), Record(id="b", text="b")]
    assert defects.count(records, 2) == {"broken in two": 1, "orphan I": 1, "no token": 1, "unreadable": 2}
    assert defects.count([], 0) == {}


def test_the_commands_from_a_draw_to_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.txt", "سارا\tB-PER\nدر\tO\nقم\tO\n")
    put(tmp_path / "sources" / "mine.yml", SOURCE.model_dump_json())
    digests = standoff.document_digests([Record(id="mine#1", text="سارا در قم", meta={"document": "mine"})])
    standoff.write(standoff.Layer("mine", digests), tmp_path / "layers" / "mine.jsonl")
    options = ("--decisions", "decisions", "--sources", "sources")
    done = run_script("layers", "questions", "mine", "sheet", "--of", "unread", *options)
    assert (done.exit_code, done.stdout) == (0, "Wrote 1 questions to sheet/questions.tsv\n")
    assert (tmp_path / "sheet" / "questions.tsv").read_text(encoding="utf-8") == "1\tسارا در قم\n"
    put(tmp_path / "decisions" / "readings" / "mine.tsv", "mine#1\t+\tPER\tسارا\t1\n")
    put(tmp_path / "sheet" / "answers.tsv", "1\tGPE=رشت\n")
    before = contents(tmp_path / "decisions")
    done = run_script("layers", "correct", "mine", "sheet", *options)
    assert done.exit_code == 1 and "[1] 'رشت' does not occur" in done.stderr
    assert contents(tmp_path / "decisions") == before
    put(tmp_path / "sheet" / "answers.tsv", "1\tPER=سارا|GPE=قم\n")
    done = run_script("layers", "correct", "mine", "sheet", *options)
    assert done.exit_code == 0
    assert (tmp_path / "decisions" / "readings" / "mine.tsv").read_text(encoding="utf-8").splitlines() == [
        "mine#1\t+\tPER\tسارا\t1",
        "mine#1\t+\tGPE\tقم\t1",
    ]
    (sentence,) = unread.read(tmp_path / "decisions" / "unread" / "mine.jsonl")
    assert [name[2:] for name in sentence.decided] == [("سارا", "PER"), ("قم", "GPE")]
