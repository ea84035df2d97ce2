"""A source read in full with its layer: ``persian_ner.layers.proofread`` and its commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layered_source import layered_source
from record_strategies import valid_records
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.intake import read_raw
from persian_ner.labels import LABELS
from persian_ner.layers import corrections, proofread, standoff
from persian_ner.layers.build import Reading, build
from persian_ner.layers.places import Gazetteer
from persian_ner.records import InputError, Record, Span

SOURCE = layered_source({label: label for label in LABELS})
LABEL_OR_NONE = st.sampled_from([None, "PER", "GPE"])

TEXT = "سارا از قم به قم رفت."
RECORD = Record(id="d#1", text=TEXT, spans=[Span(start=0, end=4, label="PER"), Span(start=8, end=10, label="ORG")])
COPY, OTHER = RECORD.model_copy(update={"id": "d#7"}), Record(id="d#2", text="[رشت] سرد است.")
RECORDS = [RECORD, OTHER, COPY]


def changes(folder: Path, sheet: str) -> list[tuple[str, str]]:
    found = proofread.read_sheet(put(folder / "sheet.tsv", sheet), "mine", RECORDS)
    return sorted((change.name, proofread.kind(change)) for change in found)


def test_the_sheet_is_marked_up_a_record_a_line(tmp_path: Path) -> None:
    proofread.write_sheet(tmp_path / "sheet.tsv", [RECORD, OTHER])
    sheet = (tmp_path / "sheet.tsv").read_text(encoding="utf-8")
    assert sheet == "d#1\t[سارا](PER) از [قم](ORG) به قم رفت.\nd#2\t\\[رشت\\] سرد است.\n"
    assert changes(tmp_path, sheet) == []


@pytest.mark.parametrize("broken", ["سارا\tرفت", "سارا\nرفت", "سارا\u2028رفت"])
def test_a_text_that_does_not_fit_in_a_line_is_refused(broken: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a tab or a line break in the text"):
        proofread.write_sheet(tmp_path / "sheet.tsv", [RECORD, Record(id="d#3", text=broken)])
    assert not (tmp_path / "sheet.tsv").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[سارا](PER) از [قم](ORG) به [قم](GPE) رفت.", ["added"]),
        ("سارا از [قم](ORG) به قم رفت.", ["removed"]),
        ("[سارا](PER) از [قم](GPE) به قم رفت.", ["relabelled"]),
        ("[سارا](PER) [از قم](GPE) به قم رفت.", ["borders"]),
        ("[سارا](PER) از [قم](ORG) به قم رفت.", []),
        ("سارا از [قم](GPE) به قم رفت.", ["relabelled", "removed"]),
    ],
)
def test_kinds_of_corrections(line: str, expected: list[str], tmp_path: Path) -> None:
    assert changes(tmp_path, f"\nd#1\t{line}\n") == [("d#1", kind) for kind in expected]


def test_corrections_become_readings_of_the_sentence_and_its_copies(tmp_path: Path) -> None:
    sheet = put(tmp_path / "sheet.tsv", "d#1\t[سارا](PER) از قم به [قم](GPE) رفت.\n")
    found = proofread.read_sheet(sheet, "mine", RECORDS)
    lines = corrections.readings(found, "mine", {record.id: record.text for record in RECORDS})
    assert lines == [
        (name, *line) for name in ("d#1", "d#7") for line in (("-", "ORG", "قم", "1"), ("+", "GPE", "قم", "2"))
    ]


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    bad = "d#1\tسارا\nd#2\t[رشت سرد است.\nd#3\tرشت\nd#7\nd#7\t[سارا](NAME) از قم به قم رفت.\n"
    bad += f"d#7\t{TEXT}\nd#7\t{TEXT}\n"
    with pytest.raises(InputError) as caught:
        changes(tmp_path, bad)
    found = [(problem.line, problem.doc_id, problem.reason) for problem in caught.value.problems]
    assert [item for item in found if item[0] != 2] == [
        (1, "d#1", "another text than the record's"),
        (3, "d#3", "no such record"),
        (4, "d#7", "not an id and a text"),
        (5, "d#7", "unknown label 'NAME'"),
        (7, "d#7", "read twice"),
    ]
    assert any(line == 2 and "stray '['" in reason for line, _, reason in found)


def test_a_change_that_no_line_can_tell_is_named() -> None:
    change = corrections.Dispute(number="1", record="mine/d#9", text="باباباباباب", corpus=(), model=((2, 6, "PER"),))
    with pytest.raises(InputError, match="cannot be told by its number"):
        corrections.readings([change], "mine", {"d#9": change.text})


@given(valid_records(), st.data())
def test_readings_lead_from_the_layer_to_what_the_reader_has(record: Record, data: st.DataObject) -> None:
    flat = " ".join(record.text.split()) or "متن"
    words = [(word.start(), word.end()) for word in re.finditer(r"\S+", flat)]
    sides = [
        [Span(start=start, end=end, label=label) for start, end in words if (label := data.draw(LABEL_OR_NONE))]
        for _ in range(2)
    ]
    source = Record(id="r", text=flat, spans=sides[0], meta={"document": "r"})
    with TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.tsv"
        proofread.write_sheet(sheet, [source.model_copy(update={"spans": sides[1]})])
        found = proofread.read_sheet(sheet, "mine", [source])
    try:
        lines = corrections.readings(found, "mine", {"r": flat})
    except InputError:
        return  # refused, see above
    readings = {"r": [Reading(1, line[1] == "+", line[2], line[3], int(line[4])) for line in lines]}
    made = build(SOURCE, [source], Gazetteer(frozenset()), {}, readings if lines else {})
    (result,) = standoff.apply(made, [source], SOURCE.labels, frozenset()).records
    assert [(span.start, span.end, span.label) for span in result.spans] == [
        (span.start, span.end, span.label) for span in sides[1]
    ]


def test_the_commands_from_a_layer_to_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.txt", "سارا\tB-PER\nدر\tO\nقم\tO\n\nرشت\tB-GPE\n")
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True) | {"options": {}}))
    put(tmp_path / "decisions" / "readings" / "mine.tsv", "")
    common = ("--sources", "sources")
    decisions = ("--decisions", "decisions", *common)
    (record, other) = read_raw(SOURCE, Path())
    standoff.write(build(SOURCE, [record, other], Gazetteer(frozenset()), {}, {}), tmp_path / "layers" / "mine.jsonl")
    done = run_script("layers", "proof", "mine", tmp_path / "sheet.tsv", *common)
    assert done.exit_code == 0, done.output
    sheet = (tmp_path / "sheet.tsv").read_text(encoding="utf-8")
    put(tmp_path / "sheet.tsv", sheet.replace("قم", "[قم](GPE)").replace("[رشت](GPE)", "[رشت](FOOD)"))
    before = contents(tmp_path / "decisions")
    refused = run_script("layers", "settle-proof", "mine", tmp_path / "sheet.tsv", *decisions)
    assert refused.exit_code == 2  # by typer: which reading it was is not told
    refused = run_script("layers", "settle-proof", "mine", tmp_path / "sheet.tsv", "--reading", "2", *decisions)
    assert refused.exit_code == 1 and "unknown label 'FOOD'" in refused.output
    assert contents(tmp_path / "decisions") == before
    put(tmp_path / "sheet.tsv", sheet.replace("قم", "[قم](GPE)").replace("[رشت](GPE)", "رشت"))
    done = run_script("layers", "settle-proof", "mine", tmp_path / "sheet.tsv", "--reading", "2", *decisions)
    assert done.exit_code == 0, done.output
    assert "Settled 2 corrections: 1 added, 1 removed, 0 relabelled, 0 borders" in done.output
    readings = (tmp_path / "decisions" / "readings" / "mine.tsv").read_text(encoding="utf-8")
    assert readings == f"{record.id}\t+\tGPE\tقم\t1\n{other.id}\t-\tGPE\tرشت\t1\n"
    kept = proofread.read_kept(tmp_path / "decisions" / "proofread" / "mine.tsv")
    assert kept == [(record.id, "added", 2), (other.id, "removed", 2)]
    assert kept is not None and proofread.count([*kept, ("d#5", "added", 1)]) == {
        1: {"added": 1, "removed": 0, "relabelled": 0, "borders": 0},
        2: {"added": 1, "removed": 1, "relabelled": 0, "borders": 0},
    }
    assert proofread.read_kept(tmp_path / "decisions" / "proofread" / "yours.tsv") is None


def test_a_bad_record_of_corrections_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        proofread.read_kept(put(tmp_path / "mine.tsv", "d#1\tadded\t1\nd#2\tlost\t1\nd#3\nd#4\tadded\t0\n"))
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
