"""``scripts/formats.py``: any format to records, and back to inline markup."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from project_copy import ROOT
from script_runs import run_script
from tiny_corpus import contents, put

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


GOOD = Record(id="a", text="قم", spans=[Span(start=0, end=2, label="GPE")], meta={"topic": "سفر", "year": 1404})
LOSSES = [
    (GOOD.model_copy(update={"id": " a"}), "changes its id to 'a'"),
    (GOOD.model_copy(update={"text": "قم\n\n"}), "changes its text: "),
    (GOOD.model_copy(update={"text": "قم\r\nقم"}), "changes its text: "),
    (GOOD.model_copy(update={"meta": {"note": "یک\nدو"}}), "changes meta 'note' from 'یک\\nدو' to 'یک دو'"),
    (GOOD.model_copy(update={"meta": {"id": "7"}}), "changes meta 'id' from '7' to None"),
    (GOOD.model_copy(update={"meta": {"tags": ["سفر"]}}), "changes meta 'tags' from ['سفر'] to \"['سفر']\""),
    (GOOD.model_copy(update={"meta": {"a:b": "c"}}), "changes meta 'a:b' from 'c' to None"),
    (GOOD.model_copy(update={"annotated_labels": ["GPE"]}), "loses its annotated_labels"),
    (GOOD.model_copy(update={"spans": [Span(start=0, end=2, label="GPE", score=0.5)]}), "loses its scores"),
    (GOOD.model_copy(update={"spans": [Span(start=0, end=2, label="GPE", surface="ری")]}), "loses the surface 'ری'"),
]


def test_what_would_be_lost_is_listed_and_nothing_is_written(tmp_path: Path) -> None:
    records_jsonl.write([GOOD, *(record for record, _ in LOSSES)], tmp_path / "in.jsonl")
    put(tmp_path / "out" / "00001.md", ARTICLE)
    before = contents(tmp_path)
    done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out")
    assert done.exit_code == 1
    *lines, last = done.stderr.splitlines()
    assert last == f"{len(LOSSES)} problems found; nothing was written."
    for number, (line, (record, loss)) in enumerate(zip(lines, LOSSES, strict=True), start=2):
        assert line.startswith(f"{tmp_path / 'in.jsonl'}:{number}: [{record.id}] inline markup {loss}")
    assert contents(tmp_path) == before


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    records_jsonl.write([GOOD.model_copy(update={"meta": {"a": "1", "a ": "2"}})], tmp_path / "in.jsonl")
    done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--lossy")
    assert done.exit_code == 1
    assert "in.jsonl:1: [a] inline markup cannot hold it: front matter line is not a new" in done.stderr


def test_losses_can_be_accepted(tmp_path: Path) -> None:
    records_jsonl.write([GOOD, *(record for record, _ in LOSSES)], tmp_path / "in.jsonl")
    done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--lossy")
    assert (done.exit_code, done.stdout) == (0, f"Wrote {tmp_path / 'out'}: {len(LOSSES) + 1} files\n")
    assert len(done.stderr.splitlines()) == len(LOSSES)
    found, problems = collect(markup.read(tmp_path / "out"))
    assert not problems
    assert {(record.id, record.text[:2]) for record in found} == {("a", "قم")}
    records_jsonl.write([GOOD.model_copy(update={"text": "قم \ud800"})], tmp_path / "half.jsonl")
    done = run_script("formats", "to-markup", "jsonl", tmp_path / "half.jsonl", tmp_path / "out", "--lossy")
    assert done.exit_code == 1
    assert "half.jsonl:1: [a] holds half of a character" in done.stderr
    assert collect(markup.read(tmp_path / "out"))[0] == found


def test_a_second_run_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    for count in (3, 2):
        records_jsonl.write([GOOD.model_copy(update={"id": str(n)}) for n in range(count)], tmp_path / "in.jsonl")
        done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out")
        assert (done.exit_code, done.stdout) == (0, f"Wrote {tmp_path / 'out'}: {count} files\n")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"0000{n + 1}.md" for n in range(count)]
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out"}


def test_a_folder_with_files_of_the_user_is_refused(tmp_path: Path) -> None:
    records_jsonl.write([GOOD], tmp_path / "in.jsonl")
    put(tmp_path / "out" / "news-001.md", ARTICLE)
    put(tmp_path / "out" / "00001.md", ARTICLE)
    before = contents(tmp_path)
    for output, reason in (("out", "holds other files (such as news-001.md)"), ("in.jsonl", "is not a folder")):
        done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / output)
        assert done.exit_code == 1
        assert f"{tmp_path / output}: [-] " in done.stderr and reason in done.stderr
        assert contents(tmp_path) == before


def test_markup_is_written_to_the_folder_of_a_link(tmp_path: Path) -> None:
    records_jsonl.write([GOOD], tmp_path / "in.jsonl")
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    done = run_script("formats", "to-markup", "jsonl", tmp_path / "in.jsonl", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out").is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["00001.md"]


def test_unknown_format_and_option_name_the_known_ones(tmp_path: Path) -> None:
    assert "conll" in run("to-jsonl", "conl", tmp_path, tmp_path / "o").stderr
    assert "no option x" in run("to-jsonl", "jsonl", tmp_path, tmp_path / "o", "--option", "x=1").stderr
