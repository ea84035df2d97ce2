"""``scripts/dates.py`` and the measurement behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project_copy import ROOT

from persian_ner.dates.coverage import measure
from persian_ner.readers import markup, records_jsonl
from persian_ner.records import InputError, Problem, Record, collect


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "dates.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def record(doc_id: str, marked: str, **meta: Any) -> Record:
    text, spans, defects = markup.parse(marked)
    assert not defects
    return Record(id=doc_id, text=text, spans=spans, meta=meta, origin=("in.jsonl", 1))


RECORDS = [
    record(
        "a",
        "[سارا](PER) [دیروز](DATE) و [آبان ۱۴۰۲](DATE) و [اسفند همان سال](DATE)؛ [دوره قاجار](DATE).",
        published="2025-04-17",
    ),
    record("b", "[دیروز](DATE)، [رمضان ۱۴۴۵](DATE)، [دوره قاجار](DATE)."),
]


def test_counts() -> None:
    measured = measure(RECORDS)
    assert (measured.documents, measured.documents_without_publication_date) == (2, 1)
    assert (measured.dates, measured.resolved, measured.share) == (7, 4, 4 / 7)
    assert measured.granularities == {"month": 3, "day": 1}
    assert measured.calendars == {"jalali": 3, "hijri": 1}
    assert measured.reasons == {"unknown_words": 2, "no_reference": 1}
    assert measured.flags == {"hijri_calculated": 1}
    assert [(item.surface, item.reason, item.count) for item in measured.unresolved] == [
        ("دوره قاجار", "unknown_words", 2),
        ("دیروز", "no_reference", 1),
    ]


def test_no_dates_have_no_share() -> None:
    assert measure([record("a", "هیچ.")]).share is None


def test_all_bad_publication_dates_are_reported() -> None:
    with pytest.raises(InputError) as raised:
        measure([record("a", "x", published="1404/1/28"), *RECORDS, record("c", "x", published=2025)])
    assert raised.value.problems == [
        Problem("in.jsonl", 1, "a", "published is not a date such as 2025-04-17: '1404/1/28'"),
        Problem("in.jsonl", 1, "c", "published is not a date such as 2025-04-17: 2025"),
    ]


def test_the_project_s_own_dates_resolve() -> None:
    records, problems = collect(markup.read(ROOT / "assets" / "articles"))
    assert not problems
    measured = measure(records)
    assert measured.dates > 1500
    assert measured.share is not None and measured.share > 0.99
    # A weekday named with a date tells whether the date was read right.
    assert measured.flags.get("weekday_mismatch", 0) <= 1


def test_script_writes_json(tmp_path: Path) -> None:
    records_jsonl.write(RECORDS, tmp_path / "in.jsonl")
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert "4 of 7 dates resolved (57.14%)" in done.stdout
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["calendars"] == {"jalali": 3, "hijri": 1}
    assert written["unresolved"][0]["surface"] == "دوره قاجار"


def test_bad_input_lists_all_and_writes_nothing(tmp_path: Path) -> None:
    bad = [item.model_copy(update={"meta": {"published": "yesterday"}}) for item in RECORDS]
    records_jsonl.write(bad, tmp_path / "in.jsonl")
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json")
    assert done.returncode == 1
    assert "in.jsonl:1: [a] published is not a date" in done.stderr
    assert "in.jsonl:2: [b] published is not a date" in done.stderr
    assert not (tmp_path / "out.json").exists()
    assert "no such file" in run(tmp_path / "none.jsonl", tmp_path / "out.json").stderr
