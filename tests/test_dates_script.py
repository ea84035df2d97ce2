"""``scripts/dates.py`` and the measurement behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project_copy import ROOT

from persian_ner.dates import accuracy
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
    assert written["coverage"]["calendars"] == {"jalali": 3, "hijri": 1}
    assert written["coverage"]["unresolved"][0]["surface"] == "دوره قاجار"
    assert written["accuracy"] is None


def test_bad_input_lists_all_and_writes_nothing(tmp_path: Path) -> None:
    bad = [item.model_copy(update={"meta": {"published": "yesterday"}}) for item in RECORDS]
    records_jsonl.write(bad, tmp_path / "in.jsonl")
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json")
    assert done.returncode == 1
    assert "in.jsonl:1: [a] published is not a date" in done.stderr
    assert "in.jsonl:2: [b] published is not a date" in done.stderr
    assert not (tmp_path / "out.json").exists()
    assert "no such file" in run(tmp_path / "none.jsonl", tmp_path / "out.json").stderr


# --- answers ----------------------------------------------------------------------------------------------------------

ANSWERS = ROOT / "assets" / "dates" / "answers.tsv"
HEADER = "document\tstart\tend\tsurface\treference\tfirst\tlast\n"
FRONT = "---\nid: a\npublished: 2025-04-17\n---\n"
ARTICLE = FRONT + "[دیروز](DATE) و [آبان ۱۴۰۲](DATE) و [اسفند همان سال](DATE)، [سال دیگر](DATE).\n"
RIGHT = "a\t0\t5\tدیروز\t2025-04-17\t2025-04-16\t2025-04-16\n"
SAME_YEAR = "a\t20\t34\tاسفند همان سال\t2025-04-17\t2024-02-20\t2024-03-19\n"
NEVER = "a\t36\t44\tسال دیگر\t2025-04-17\t-\t-\n"


def own_articles() -> dict[str, Record]:
    records, problems = collect(markup.read(ROOT / "assets" / "articles"))
    assert not problems
    return {found.id: found for found in records}


def test_the_project_s_answers_are_about_its_articles() -> None:
    answers, records = accuracy.read_answers(ANSWERS), own_articles()
    assert len(answers) == 200
    assert list(accuracy.check(answers, records)) == []
    assert all(answer.reference.isoformat() == records[answer.document].meta["published"] for answer in answers)


def test_most_of_the_answers_are_found() -> None:
    measured = accuracy.measure(accuracy.read_answers(ANSWERS), own_articles())
    assert measured.right + len(measured.misses) == measured.dates == 200
    assert measured.share > 0.85


def test_script_compares_answers(tmp_path: Path) -> None:
    records_jsonl.write(RECORDS, tmp_path / "in.jsonl")
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.md").write_text(ARTICLE, encoding="utf-8")
    (tmp_path / "a.tsv").write_text(HEADER + RIGHT + SAME_YEAR + NEVER, encoding="utf-8")
    options = ["--answers", tmp_path / "a.tsv", "--articles", tmp_path / "articles"]
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json", *options)
    assert done.returncode == 0, done.stderr
    assert "2 of 3 answered dates have exactly the days meant (66.7%, 95% interval 20.8%–93.9%)" in done.stdout
    assert "a 36–44 سال دیگر: None was 2026-03-21/2027-03-20" in done.stdout
    report = accuracy.DateReport.model_validate_json((tmp_path / "out.json").read_bytes())
    assert report.accuracy is not None
    assert (report.accuracy.dates, report.accuracy.settled, report.accuracy.resolved, report.accuracy.right) == (
        3,
        2,
        3,
        2,
    )


def test_bad_answers_are_all_listed(tmp_path: Path) -> None:
    records_jsonl.write(RECORDS, tmp_path / "in.jsonl")
    (tmp_path / "a.md").write_text(ARTICLE, encoding="utf-8")
    bad = tmp_path / "bad.tsv"
    bad.write_text(HEADER + "a\t0\n" + RIGHT.replace("-16\t2025-04-16", "-16\t2025-04-15"), encoding="utf-8")
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json", "--answers", bad, "--articles", tmp_path)
    assert done.returncode == 1 and "bad.tsv:2: [-] no answer" in done.stderr
    assert "bad.tsv:3: [-] no answer: 2025-04-16 is after 2025-04-15" in done.stderr
    moved = RIGHT.replace("\t0\t", "\t1\t")
    bad.write_text(HEADER + RIGHT + RIGHT + moved + "b" + RIGHT[1:] + RIGHT.replace("دیروز", "فردا"), encoding="utf-8")
    done = run(tmp_path / "in.jsonl", tmp_path / "out.json", "--answers", bad, "--articles", tmp_path)
    assert done.returncode == 1
    for line, reason in ((3, "answered twice"), (4, "no DATE span at 1–5"), (5, "no such document"), (6, "not 'فردا'")):
        assert any(f"bad.tsv:{line}:" in told and reason in told for told in done.stderr.splitlines()), reason
    assert not (tmp_path / "out.json").exists()
    bad.write_text("document\n", encoding="utf-8")
    assert "the header is not" in run(tmp_path / "in.jsonl", tmp_path / "out.json", "--answers", bad).stderr
    bad.write_text(HEADER, encoding="utf-8")
    assert "no answers" in run(tmp_path / "in.jsonl", tmp_path / "out.json", "--answers", bad).stderr


def test_the_problems_of_all_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"{ARTICLE}]\n", encoding="utf-8")
    (tmp_path / "bad.tsv").write_text(HEADER + "a\t0\n", encoding="utf-8")
    files = [tmp_path / "none.jsonl", tmp_path / "bad.tsv", tmp_path / "a.md"]
    done = run(files[0], tmp_path / "out.json", "--answers", files[1], "--articles", files[2])
    assert done.returncode == 1
    assert [file for file in files if str(file) not in done.stderr] == []
    assert "3 problems found" in done.stderr
    done = run(files[0], tmp_path / "out.json", "--answers", files[1], "--articles", tmp_path / "absent")
    assert f"{tmp_path / 'absent'}: [-] cannot be read" in done.stderr
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("right", "count", "low", "high"), [(0, 10, 0.0, 0.2775), (182, 200, 0.8623, 0.9423)])
def test_wilson(right: int, count: int, low: float, high: float) -> None:
    found = accuracy.wilson(right, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
