"""``scripts/formats.py``: any format to records, and back to inline markup."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from project_copy import ROOT

from persian_ner.readers import markup, records_jsonl
from persian_ner.records import Record, Span, collect

ARTICLE = "---\nid: a-1\ntopic: test\n---\n[مریم رستمی](PER) [دیروز](DATE) در [رشت](GPE) بود.\n"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "formats.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_markup_to_records_and_back(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.md").write_text(ARTICLE, encoding="utf-8")
    done = run("to-jsonl", "markup", tmp_path / "in", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    (record,), problems = collect(records_jsonl.read(tmp_path / "out.jsonl"))
    assert not problems
    assert [(record.text[s.start : s.end], s.label) for s in record.spans] == [
        ("مریم رستمی", "PER"),
        ("دیروز", "DATE"),
        ("رشت", "GPE"),
    ]
    done = run("to-markup", "jsonl", tmp_path / "out.jsonl", tmp_path / "back")
    assert done.returncode == 0, done.stderr
    (again,), problems = collect(markup.read(tmp_path / "back"))
    assert not problems
    assert again.model_dump() == record.model_dump()


def test_options_reach_the_reader(tmp_path: Path) -> None:
    (tmp_path / "in.conll").write_text("رشت|x|B-GPE\nبود|x|O\n", encoding="utf-8")
    done = run("to-jsonl", "conll", tmp_path / "in.conll", tmp_path / "out.jsonl", "--option", "separator=|")
    assert done.returncode == 0, done.stderr
    (record,), _ = collect(records_jsonl.read(tmp_path / "out.jsonl"))
    assert [span.label for span in record.spans] == ["GPE"]


def test_bad_input_lists_all_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.md").write_text(ARTICLE + "[باز\n\n]", encoding="utf-8")
    done = run("to-jsonl", "markup", tmp_path / "in.md", tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert "in.md:6: [a-1] stray '['" in done.stderr
    assert "in.md:8: [a-1] stray ']'" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_what_cannot_be_read_is_a_message(tmp_path: Path) -> None:
    done = run("to-jsonl", "jsonl", tmp_path / "absent.jsonl", tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'absent.jsonl'}: [-] cannot be read as jsonl: ")
    assert "Traceback" not in done.stderr


def test_what_markup_cannot_hold_is_listed_and_nothing_is_written(tmp_path: Path) -> None:
    records = [
        Record(id=str(number), text="قم", spans=[Span(start=0, end=2, label=label)])
        for number, label in enumerate(("GPE", "gpe", "Gpe"))
    ]
    records_jsonl.write(records, tmp_path / "in.jsonl")
    done = run("to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out")
    assert done.returncode == 1
    assert [line.split(": ")[1] for line in done.stderr.splitlines()[:-1]] == ["[1] span 0–2 gpe", "[2] span 0–2 Gpe"]
    assert not (tmp_path / "out").exists()


def test_unknown_format_and_option_name_the_known_ones(tmp_path: Path) -> None:
    assert "conll" in run("to-jsonl", "conl", tmp_path, tmp_path / "o").stderr
    assert "no option x" in run("to-jsonl", "jsonl", tmp_path, tmp_path / "o", "--option", "x=1").stderr
