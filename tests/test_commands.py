"""The commands as a user runs them: what they print, what they write, and their exit status."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_corpus import PARAGRAPH, SOURCES, contents, put, write_corpus

SCRIPTS = Path(__file__).parents[1] / "scripts"
SENTENCE = "کتابخانه‌های روستایی استان تا پایان سال ۱۴۰۳ به ۲۵۰ رایانه و شبکهٔ پرسرعت مجهز می‌شوند."


class Result(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a script in this process, in ``tmp_path``; the status is the one its process would have."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.chdir(tmp_path)

    def run_script(script: str, *arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        capsys.readouterr()
        try:
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        except SystemExit as stop:
            return Result(int(stop.code or 0), *capsys.readouterr())
        raise AssertionError("typer always exits")

    return run_script


def validate(run: Run, *options: str) -> Result:
    return run("validate.py", "corpus.yml", "corpus", "--sources", "sources", *options)


def convert(run: Run, *options: str) -> Result:
    return run("convert.py", "corpus.yml", "corpus", *options)


def check_splits(run: Run, *options: str) -> Result:
    splits = [f"corpus/{split}.jsonl" for split in ("train", "dev", "test")]
    return run("check_splits.py", *splits, "--output", "corpus/split-check.json", *options)


def test_a_corpus_from_sources_to_checked_splits(run: Run, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    assert validate(run) == (
        0,
        "own: 2 records, 0 documents left out for 0 problems\n"
        "held-out: 1 records, 0 documents left out for 0 problems\n"
        "columns: 2 records, 0 documents left out for 0 problems\n"
        "Wrote corpus/records.jsonl: 5 records, 0 problems skipped\n",
        "",
    )
    written = "Wrote corpus: train 2 documents, dev 1 documents, test 1 documents; 0 spans skipped\n"
    assert convert(run) == (0, written, "")
    status, out, _ = check_splits(run)
    # The paragraphs of the training and development documents differ in one name.
    assert (status, out) == (3, "Wrote corpus/split-check.json: 1 sentences shared between splits\n")
    put(
        tmp_path / "held_out" / "c.md",
        "---\nid: c\n---\n[مانا](PER) در [یزد](GPE) از [بانک نو](ORG) پس از [جام باران](EVENT) در [مهر](DATE) نوشت.\n",
    )
    assert [validate(run).status, convert(run).status] == [0, 0]
    status, out, _ = check_splits(run)
    assert (status, out) == (0, "Wrote corpus/split-check.json: 0 sentences shared between splits\n")
    assert json.loads((tmp_path / "corpus" / "split-check.json").read_text("utf-8")) == {
        "splits": ["train", "dev", "test"],
        "leaks": [],
    }


def test_as_a_process(run: Run, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    validate(run)
    command = [sys.executable, str(SCRIPTS / "convert.py"), "corpus.yml", "corpus"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Wrote corpus: train 2 documents")
    assert set(contents(tmp_path / "corpus")) == {"records.jsonl", "sources.json", "manifest.json"} | {
        f"{split}.{kind}" for split in ("train", "dev", "test") for kind in ("jsonl", "spacy")
    }


def test_validate_lists_every_problem_and_keeps_what_was_there(run: Run, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    validate(run)
    before = contents(tmp_path / "corpus")
    put(tmp_path / "articles" / "a.md", "---\nid: a\n---\nقم ]\nیزد [\n")
    put(tmp_path / "held_out" / "c.md", f"---\nid: c\n---\n{PARAGRAPH} [کیش](LOC)\n")
    status, out, err = validate(run)
    assert (status, out) == (1, "")
    assert [line.partition(":")[0] for line in err.splitlines()[:3]] == [
        "articles/a.md",
        "articles/a.md",
        "held_out/c.md",
    ]
    assert (
        err.splitlines()[2] == "held_out/c.md:4: [held-out/c] label 'LOC' is not in the label map of source 'held-out'"
    )
    assert err.splitlines()[3:] == ["3 problems found; nothing was written."]
    assert contents(tmp_path / "corpus") == before
    status, out, err = validate(run, "--skip-problems")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "own: 1 records, 1 documents left out for 2 problems",
        "held-out: 0 records, 1 documents left out for 1 problems",
        "columns: 2 records, 0 documents left out for 0 problems",
        "Wrote corpus/records.jsonl: 3 records, 3 problems skipped",
    ]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("sources/own.yml", SOURCES["own"].replace("EVENT, DATE]", "DATE]"), "annotated_labels lacks EVENT"),
        ("sources/own.yml", SOURCES["own"].replace("markup", "xml"), "unknown format 'xml'"),
        ("sources/own.yml", SOURCES["own"].replace("articles", "nowhere"), "No such file"),
        ("sources/own.yml", "name: [", "cannot be read as YAML"),
        ("corpus.yml", "sources: [own, other]\nshares: {train: 1, dev: 0, test: 0}\nmax_words: 9\n", "other.yml"),
        ("corpus.yml", "sources: [own]\nshares: {train: 1, dev: 1, test: 0}\nmax_words: 9\n", "sum to 1"),
    ],
)
def test_a_wrong_configuration_is_a_message(run: Run, tmp_path: Path, file: str, content: str, message: str) -> None:
    write_corpus(tmp_path)
    put(tmp_path / file, content)
    status, out, err = validate(run)
    assert (status, out) == (1, "")
    assert message in err and err.endswith("found; nothing was written.\n")
    assert not (tmp_path / "corpus").exists()


def test_convert_refuses_misaligned_spans_unless_told(run: Run, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    put(tmp_path / "articles" / "b.md", f"---\nid: b\n---\n{PARAGRAPH}\n\nته[ران](GPE) و ی[زد](GPE)\n")
    validate(run)
    before = contents(tmp_path / "corpus")
    status, out, err = convert(run)
    assert (status, out) == (1, "")
    assert err.splitlines()[0].endswith("GPE 'ران' at 2–5 is not whole tokens: ['تهران']")
    assert err.splitlines()[1].endswith("GPE 'زد' at 9–11 is not whole tokens: ['یزد']")
    assert err.splitlines()[2:] == ["2 problems found; nothing was written."]
    assert contents(tmp_path / "corpus") == before
    status, out, _ = convert(run, "--skip-misaligned")
    assert status == 0 and out.endswith("; 2 spans skipped\n")


def test_convert_before_validate(run: Run, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "corpus").mkdir()
    assert convert(run) == (
        1,
        "",
        "corpus/records.jsonl: [-] no such file: validate writes it\n"
        "corpus/sources.json: [-] no such file: validate writes it\n2 problems found; nothing was written.\n",
    )


def write_splits(root: Path, **texts: list[str]) -> list[str]:
    for split, sentences in texts.items():
        lines = [json.dumps({"id": f"{split}{number}", "text": text}) for number, text in enumerate(sentences, start=1)]
        put(root / f"{split}.jsonl", "\n".join(lines) + "\n")
    return [f"{split}.jsonl" for split in texts]


def test_check_splits_prints_and_writes_every_shared_sentence(run: Run, tmp_path: Path) -> None:
    copy, near = SENTENCE.replace("\u200c", ""), SENTENCE.replace("۲۵۰", "۲۶۰")
    files = write_splits(tmp_path, train=["آگهی", SENTENCE], test=[copy, near])
    status, out, err = run("check_splits.py", *files, "--output", "report.json")
    assert (status, out) == (3, "Wrote report.json: 2 sentences shared between splits\n")
    assert f"test:test1 ~ train:train2 (1.00): {copy}\n" in err
    assert "test:test2 ~ train:train2 (0." in err
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert [(leak["doc_id"], leak["other_doc_id"], leak["sentence"]) for leak in report["leaks"]] == [
        ("test1", "train2", copy),
        ("test2", "train2", near),
    ]


def test_check_splits_catches_joined_folds(run: Run, tmp_path: Path) -> None:
    sentences = [f"{SENTENCE[:-1]} و سهم شهر {name} از همه بیشتر است." for name in ("آمل", "بابل", "ساری")]
    folds = write_splits(tmp_path, train=[*sentences[1:], sentences[0], *sentences[2:], *sentences[:2]], test=sentences)
    status, out, _ = run("check_splits.py", *folds, "--output", "report.json")
    assert (status, out) == (3, "Wrote report.json: 3 sentences shared between splits\n")


def test_check_splits_lists_the_problems_of_its_files(run: Run, tmp_path: Path) -> None:
    files = [*write_splits(tmp_path, train=[SENTENCE]), str(put(tmp_path / "test.jsonl", "{}\n[]\n"))]
    status, out, err = run("check_splits.py", *files, "--output", "report.json")
    assert (status, out) == (1, "")
    assert err.endswith("3 problems found; nothing was written.\n")
    assert not (tmp_path / "report.json").exists()


def test_check_splits_needs_splits_that_it_can_tell_apart(run: Run, tmp_path: Path) -> None:
    (file,) = write_splits(tmp_path, train=[SENTENCE])
    twin = str(put(tmp_path / "other" / "train.jsonl", "{}"))
    for arguments in ([file], [file, twin]):
        status, _, err = run("check_splits.py", *arguments, "--output", "report.json")
        assert status == 2
        assert "two or more files with different names" in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "report.json").exists()


def test_the_speed_of_conversion_is_not_measured_on_bad_records(run: Run, tmp_path: Path) -> None:
    put(tmp_path / "records.jsonl", "{}\n[]\n")
    status, out, err = run("benchmark_convert.py", "records.jsonl", "speed.json")
    assert (status, out) == (1, "")
    assert err.endswith("3 problems found; nothing was written.\n")
    assert not (tmp_path / "speed.json").exists()
