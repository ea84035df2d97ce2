"""Published results, the blocks made of them, and no score in the documentation that is typed by hand."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from markdown_it import MarkdownIt

from persian_ner import compare, results
from persian_ner.calibration import Calibration
from persian_ner.evaluate import EvaluationMetrics, write_evaluation
from persian_ner.metrics import (
    Bootstrap,
    DataInfo,
    Evaluated,
    Footprint,
    Interval,
    ModelInfo,
    Provenance,
    Score,
    Speed,
    compute,
)
from persian_ner.novelty import Training, measure
from persian_ner.records import InputError, Span
from persian_ner.robustness import Change, DamageResult, Robustness

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
GENERATED = {"datasheet.md", "layers.md"}
"""Pages that are made by a command as a whole."""

PROVENANCE = Provenance(
    created=datetime(2025, 1, 2, tzinfo=timezone.utc),
    model=ModelInfo(name="tiny", lang="fa", version="1.0"),
    data=DataInfo(path="/home/someone/secret/test.jsonl", sha256="ab" * 32),
    device="cpu (x86_64)",
    git_commit="0123456789abcdef" * 2 + "01234567",
    versions={},
)
TEXT = "مریم به رشت رفت."
RIGHT = Evaluated("d", TEXT, [Span(start=0, end=4, label="PER"), Span(start=8, end=11, label="GPE")], [])


def evaluated(*predicted: tuple[int, int, str]) -> Evaluated:
    spans = [Span(start=start, end=end, label=label) for start, end, label in predicted]
    return Evaluated(RIGHT.doc_id, TEXT, RIGHT.gold, spans, meta={"source": TEXT})


def metrics(*documents: Evaluated, provenance: Provenance | None = PROVENANCE) -> EvaluationMetrics:
    return EvaluationMetrics.model_validate(
        {
            **compute(documents, ["PER", "GPE"]).model_dump(exclude={"schema_version"}),
            "provenance": provenance,
            "speed": Speed(words=4, seconds=0.001, words_per_second=4000, threads=2, cpu="Chip"),
            "calibration": Calibration(bins=[], ece=0.0625, brier=0.125, auroc=None),
            "footprint": Footprint(model_bytes=3 * 2**20, peak_memory_bytes=1200 * 2**20),
            "novelty": measure(documents, ["PER", "GPE"], Training({"رشت": frozenset({"GPE"})})),
        }
    )


ONE = metrics(evaluated((0, 4, "PER")))  # P 1, R 1/2, F1 2/3
BOTH = metrics(evaluated((0, 4, "PER"), (8, 11, "GPE")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two published evaluations and a page with a block of each and one of both."""
    monkeypatch.setattr(compare, "git_commit", lambda: PROVENANCE.git_commit)
    write_evaluation(tmp_path / "one", ONE, [evaluated((0, 4, "PER"))])
    write_evaluation(tmp_path / "both", BOTH, [evaluated((0, 4, "PER"), (8, 11, "GPE"))])
    for name in ("one", "both"):
        results.add(name, tmp_path / name / "metrics.json", tmp_path / results.RESULTS_FOLDER)
    (tmp_path / "README.md").write_text(
        "# Page\n\n<!-- results: one -->\nold\n<!-- end -->\n\nText, and `<!-- results: NAME -->` is a marker.\n\n"
        "<!-- results: one both -->\n<!-- end -->\n",
        encoding="utf-8",
    )
    return tmp_path


def published(folder: Path) -> dict[str, results.Result]:
    return results.read_results(folder / results.RESULTS_FOLDER)


class Done(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def script(*arguments) -> Done:
        monkeypatch.setattr(sys, "argv", ["results.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(SCRIPTS / "results.py"), run_name="__main__")
        return Done(int(stop.value.code or 0), *capsys.readouterr())

    return script


def test_what_is_published_holds_neither_text_nor_folders(folder):
    file = (folder / results.RESULTS_FOLDER / "one.json").read_text(encoding="utf-8")
    assert TEXT not in file and "secret" not in file
    result = published(folder)["one"]
    assert isinstance(result, results.EvaluationResult)
    assert result.overall == ONE.overall
    assert result.provenance.data == DataInfo(path="test.jsonl", sha256="ab" * 32)


def test_block_has_the_interval_of_the_macro_mean(folder):
    documents = [evaluated((0, 4, "PER")), evaluated((0, 4, "PER"), (8, 11, "GPE"))]
    write_evaluation(folder / "two", metrics(*documents), documents)
    results.add("two", folder / "two" / "metrics.json", folder / results.RESULTS_FOLDER)
    # Of the first document alone the F1 of PER and GPE are 1 and 0, of the second 1 and 1, of both 1 and 2/3.
    lines = results.render({"two": published(folder)["two"]}).splitlines()
    assert "| all (macro) | 100.0 | 75.0 | 83.3 | 50.0–100.0 | |" in lines


def test_block_of_one_evaluation(folder):
    lines = results.render({"one": published(folder)["one"]}).splitlines()
    assert "| PER | 100.0 | 100.0 | 100.0 | – | 1 |" in lines
    assert "| GPE | – | 0.0 | 0.0 | – | 1 |" in lines
    assert "| all (micro) | 100.0 | 50.0 | 66.7 | – | 2 |" in lines
    assert "| all (macro) | 100.0 | 50.0 | 50.0 | | |" in lines
    text = " ".join(lines)
    assert "fa\\_tiny 1.0 on 1 documents (4 words) of test.jsonl, commit 0123456789ab, 2025-01-02" in text
    assert "same label F1 0.0 (1 gold spans), other label only F1 – (0 gold spans), never F1 100.0 (1 gold" in text
    assert "Calibration: ECE 6.2 %, Brier score 0.125, AUROC –." in text
    assert "Speed: 4,000 words a second with 2 threads of Chip (raw texts in, entities with their conf" in text
    assert "3 MiB on disk, 1,200 MiB" in text


def test_block_of_errors(folder):
    page = folder / "README.md"
    page.write_text("<!-- errors: one -->\n<!-- end -->\n", encoding="utf-8")
    lines = results.rewrite(page.read_text(encoding="utf-8"), published(folder)).splitlines()
    assert "| GPE | 0.0 | 0.0 | 100.0 | – |" in lines
    assert "| all | 66.7 | 66.7 | 50.0 | 0.0 |" in lines
    assert "| GPE | 0 | 0 | 1 |" in lines and "| PER | 1 | 0 | 0 |" in lines
    for names in ("one both", "comparison"):
        with pytest.raises(InputError, match=r"errors are those of one evaluation|no result"):
            results.rewrite(f"<!-- errors: {names} -->\n<!-- end -->\n", published(folder))


def test_block_of_several_evaluations(folder):
    lines = results.render(published(folder)).splitlines()
    assert "| one | 100.0 | 0.0 | 66.7 | – | 50.0 | 1 | 4,000 |" in lines
    assert "| both | 100.0 | 100.0 | 100.0 | – | 100.0 | 1 | 4,000 |" in lines


def test_labels_that_differ_in_case_only_are_two(folder):
    document = Evaluated("d", TEXT, [Span(start=0, end=4, label="per")], [])
    write_evaluation(folder / "lower", metrics(document), [document])
    results.add("lower", folder / "lower" / "metrics.json", folder / results.RESULTS_FOLDER)
    header = results.render(published(folder)).splitlines()[0]
    assert header.startswith("| Strict F1 | PER | GPE | per | all (micro) |")


def test_block_of_a_comparison(folder):
    runs = compare.read_runs([f"{name}={folder / name}" for name in ("one", "both")])
    compare.write(folder / "comparison", compare.compare(runs))
    written = results.add("comparison", folder / "comparison" / "comparison.json", folder / results.RESULTS_FOLDER)
    assert str(folder) not in written.read_text(encoding="utf-8")
    assert "secret" not in written.read_text(encoding="utf-8")
    lines = results.render({"comparison": published(folder)["comparison"]}).splitlines()
    assert "| Strict F1 | PER | GPE | all (micro) | Runs |" in lines
    assert any(line.endswith("| 100.0 | 0.0 | 66.7 | 1 |") for line in lines)
    assert sum(line.startswith("- ") for line in lines) == 3


def test_systems_of_a_published_comparison_have_names(folder):
    runs = compare.read_runs([str(folder / name) for name in ("one", "both")])
    compare.write(folder / "comparison", compare.compare(runs))
    with pytest.raises(InputError, match="SYSTEM=FOLDER"):
        results.extract(folder / "comparison" / "comparison.json")


def test_block_of_a_robustness_measurement(folder):
    score = Score(correct=1, incorrect=0, partial=0, missed=0, spurious=0, precision=1, recall=1, f1=1)
    change = Change(
        clean=score,
        damaged=score.model_copy(update={"f1": 0.75}),
        difference=-0.25,
        interval=Interval(low=-0.3, high=0),
    )
    measured = Robustness(
        documents=1,
        words=4,
        labels=["PER"],
        seed=0,
        damages={"typos": DamageResult(rates={}, documents_changed=1, words_changed=1, overall=change, per_label={})},
        bootstrap=Bootstrap(resamples=1, seed=0, level=0.95),
        provenance=PROVENANCE,
    )
    (folder / "robustness.json").write_text(measured.model_dump_json(), encoding="utf-8")
    written = results.add("noise", folder / "robustness.json", folder / results.RESULTS_FOLDER)
    assert "secret" not in written.read_text(encoding="utf-8")
    assert "| typos | 75.0 | -25.0 | -30.0 … +0.0 |" in results.render({"noise": published(folder)["noise"]})


MEDIAN = {"median": 2000.5, "interval": {"low": 1900, "high": 2100}}
MADE_BY = PROVENANCE.model_copy(update={"data": None}).model_dump(mode="json")
SECRET = {"path": "/home/someone/secret/test.jsonl", "sha256": "ab" * 32}
F1 = {"gold_tokens": {"runs": [0.75], "mean": 0.75, "sd": None}, "raw_text": {"runs": [0.5], "mean": 0.5, "sd": None}}
OTHER_REPORTS = {
    "speed": (
        {
            "data": SECRET,
            "texts": 3,
            "words": 1234,
            "cpu": "a processor",
            "threads": 2,
            "rounds": 6,
            "level": 0.95,
            "systems": [
                {
                    "name": "encoder",
                    "model": "/home/someone/secret/model-best",
                    "built": None,
                    "parameters": 1000,
                    "words_per_second": MEDIAN,
                    "first_is_faster": {"median": 1, "interval": None},
                    "peak_memory_bytes": 2**20,
                    "seconds": [0.5],
                }
            ],
            "profile": {"stages": [{"name": "encoder", "seconds": 0.5, "share": 1}], "padding": 0.125},
            "provenance": MADE_BY,
        },
        ["| encoder | 1,000 | 2,000 | 1,900–2,100 | 1.00 × | – | 1 MiB |", "**Where the time of encoder goes**"],
    ),
    "benchmark": (
        {
            "benchmark": "ARMAN, fold 1",
            "labels": ["pers"],
            "systems": [
                {
                    "name": "ours",
                    "test": "block 1 of 5",
                    "runs": ["/home/someone/secret/run"],
                    "f1": F1,
                    "f1_without_leaks": F1,
                    "per_label": {"pers": {"runs": [0.875], "mean": 0.875, "sd": None}},
                    "test_sentences": 10,
                    "leaking_sentences": 1,
                    "left_out": 0,
                }
            ],
            "published": [{"system": "theirs", "f1": 80.06, "source": "their paper"}],
        },
        ["| **ours** | block 1 of 5 | 75.00 | 75.00 | 50.00 | 50.00 |", "| pers | 87.50 |", "**Test sentences**"],
    ),
    "scaling": (
        {
            "file": "/home/someone/secret/sample.parquet",
            "records": 100,
            "words": 25000,
            "method": "counted",
            "speeds": [
                {
                    "workers": 1,
                    "seconds": 10,
                    "startup_seconds": 2,
                    "records_per_second": 10,
                    "words_per_second": 2500,
                    "efficiency": 1,
                    "memory_bytes": 10**9,
                }
            ],
            "sizing": {
                "articles": 10**8,
                "words_per_article": 250,
                "words_per_second": 2500,
                "memory_of_a_worker": 10**9,
                "price": 0.05,
                "hours": 24,
                "worker_hours": 2777.8,
                "workers": 116,
                "memory_bytes": 116 * 10**9,
                "cost": 138.89,
                "cost_per_million": 1.39,
            },
            "provenance": MADE_BY,
        },
        ["| 1 | 10.0 | 2500 | 100% | 2.0 | 1.00 GB |", "| **Cost of a million articles** | 1.39 |"],
    ),
    "load": (
        {
            "created": "2025-01-02T00:00:00Z",
            "url": "http://secret:8000",
            "model": {"name": "fa_tiny", "version": "1.0"},
            "data": SECRET,
            "clients": 8,
            "client_machine": "x86_64, 2 cores",
            "method": "counted",
            "requests": 100,
            "errors": {"413": 2, "503": 1},
            "words": 1000,
            "seconds": 1,
            "requests_per_second": 97,
            "words_per_second": 1000,
            "latency_seconds": {"p50": 0.05, "p95": 0.1, "p99": 0.2, "max": 0.3},
        },
        ["| Errors | 3 |", "| Latency, 95th percentile | 100 ms |"],
    ),
    "annotate": (
        {
            "input": {"file": "/home/someone/secret/news.jsonl", "size": 12345, "modified_ns": 1},
            "output": "/home/someone/secret/annotated.jsonl",
            "records": 1003,
            "annotated": 1000,
            "rejected": 3,
            "undated": 0,
            "words": 250000,
            "seconds": 100.4,
            "words_per_second": 2490.04,
            "speed_method": "counted",
            "workers": 2,
            "threads": 1,
            "cores": 4,
            "processor": "Chip",
            "batch_size": 32,
            "arithmetic": "bfloat16",
            "provenance": MADE_BY,
        },
        [
            "| Texts annotated | 1,000 |",
            "| Texts rejected | 3 |",
            "| Seconds | 100 |",
            "| Words a second | 2,490 |",
            "fa\\_tiny 1.0 on news.jsonl, commit 0123456789ab, 2025-01-02, cpu (x86\\_64), 4 cores of Chip, "
            "1 thread of torch in each worker, in bfloat16: counted.",
        ],
    ),
    "fuzz": (
        {
            "seed": 0,
            "texts": 1000,
            "words": 5000,
            "seconds": 9,
            "peak_memory_mb_at_a_tenth": 800,
            "peak_memory_mb": 900,
            "kinds": {"emoji": {"texts": 1000, "words": 5000, "entities": 50}},
            "long": {
                "no spaces": {"characters": 10**6, "tokens": 9, "entities": 0, "seconds": 1.5, "peak_memory_mb": 950}
            },
            "twins": {"compared": 20, "tokens_differ": 0},
            "dates": {"texts": 100, "outcomes": {"resolved": 100}},
            "failures": [{"kind": "emoji", "number": 3, "reason": "lost", "text": "'secret'", "smallest": "'secret'"}],
            "provenance": MADE_BY,
        },
        ["| emoji | 1,000 | 5,000 | 50 |", "| no spaces | 1,000,000 | 9 | 1.5 | 950 |"],
    ),
    "dates": (
        {
            "created": "2025-01-02T00:00:00Z",
            "git_commit": "0123456789abcdef",
            "data": {"path": "/home/someone/secret/records.jsonl", "sha256": "ab" * 32},
            "coverage": {
                "documents": 9,
                "documents_without_publication_date": 0,
                "dates": 40,
                "resolved": 30,
                "share": 0.75,
                "granularities": {},
                "calendars": {},
                "flags": {},
                "reasons": {"vague": 10},
                "unresolved": [{"surface": "secret", "reason": "vague", "explanation": "", "count": 10}],
            },
            "accuracy": {
                "dates": 20,
                "settled": 19,
                "resolved": 20,
                "right": 18,
                "share": 0.9,
                "interval": {"low": 0.7, "high": 0.97},
                "level": 0.95,
                "misses": [
                    {
                        "document": "a",
                        "start": 0,
                        "end": 6,
                        "surface": "secret",
                        "meant": None,
                        "resolved": "2025-01-01",
                        "why": [],
                    }
                ],
            },
        },
        [
            "| Resolved to days | 30 of 40 | 75.0 | |",
            "| Exactly the days that a reader says are meant | 18 of 20 | 90.0 | 70.0–97.0 |",
        ],
    ),
}


@pytest.mark.parametrize("kind", OTHER_REPORTS)
def test_block_of_another_report(folder, kind):
    report, lines = OTHER_REPORTS[kind]
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    written = results.add(kind, folder / "report.json", folder / results.RESULTS_FOLDER)
    assert "secret" not in written.read_text(encoding="utf-8")
    block = results.render({kind: published(folder)[kind]})
    assert not set(lines) - set(block.splitlines())
    assert "#" not in block and block == block.strip() + "\n"


def test_write_makes_the_blocks_and_nothing_else(folder, run):
    page = folder / "README.md"
    assert run("write", "--root", folder) == (0, f"Wrote {page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Page\n\n<!-- results: one -->\n\n| Label |") and "\nold\n" not in text
    assert "\n\n<!-- end -->\n\nText, and `<!-- results: NAME -->` is a marker.\n\n<!-- results: one both -->\n" in text
    assert run("write", "--root", folder) == (0, "Wrote nothing: all blocks are current\n", "")
    assert page.read_text(encoding="utf-8") == text


def test_blocks_that_cannot_be_made_are_all_named_and_no_page_is_changed(folder, run):
    page = folder / "docs" / "page.md"
    page.write_text(
        "<!-- results: none -->\n<!-- results: one -->\nx\n<!-- end -->\n<!-- end -->\n<!-- results: one -->\n", "utf-8"
    )
    before = (folder / "README.md").read_text(encoding="utf-8")
    done = run("write", "--root", folder)
    assert done.status == 1
    assert [line.partition("page.md:")[2] for line in done.err.splitlines()[:-1]] == [
        "1: [-] block without <!-- end -->",
        "1: [-] no result 'none' (there are: both, one)",
        "5: [-] <!-- end --> without a block",
        "6: [-] block without <!-- end -->",
    ]
    assert (folder / "README.md").read_text(encoding="utf-8") == before


def test_what_is_cited_is_left_as_it_is(folder):
    cited = "<!-- cited: their paper -->\nF1 83.2\n<!-- end -->\n"
    made = results.rewrite(f"{cited}<!-- results: one -->\n<!-- end -->\n{cited}", published(folder))
    assert made.startswith(cited) and made.endswith(cited) and made.count("| PER |") == 1


def test_one_table_is_of_evaluations_only(folder):
    found = published(folder)
    comparison = compare.compare(compare.read_runs([str(folder / "one"), str(folder / "both")]))
    found["against"] = results.ComparisonResult(comparison=comparison)
    with pytest.raises(InputError, match="only evaluations"):
        results.rewrite("<!-- results: one against -->\n<!-- end -->\n", found)


def test_published_files_that_cannot_be_read_are_all_named(folder, run):
    for name in ("bad", "worse"):
        (folder / results.RESULTS_FOLDER / f"{name}.json").write_text('{"result": {"kind": "evaluation"}}', "utf-8")
    done = run("write", "--root", folder)
    assert done.status == 1
    assert "bad.json: [-] result.evaluation.documents: Field required" in done.err
    assert "worse.json: [-] result.evaluation.documents: Field required" in done.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("3", "cannot be read"),
        ("{}", "documents: Field required"),
        ('{"differences": 1}', "differences: "),
        ('{"cpu": 1}', "cpu: "),
        ('{"sizing": 1}', "sizing: "),
        ('{"damages": 1}', "damages: "),
        (metrics(RIGHT, provenance=None).model_dump_json(), "does not say which file"),
    ],
)
def test_add_refuses_other_files(tmp_path, run, content, reason):
    file = tmp_path / "metrics.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    done = run("add", "name", file, "--folder", tmp_path / "results")
    assert done.status == 1 and reason in done.err
    assert not (tmp_path / "results").exists()


DIRTY = PROVENANCE.model_copy(update={"git_commit": f"{PROVENANCE.git_commit}-dirty"})


def test_add_refuses_metrics_made_with_uncommitted_changes(tmp_path, run):
    file = tmp_path / "metrics.json"
    file.write_text(metrics(RIGHT, provenance=DIRTY).model_dump_json(), encoding="utf-8")
    assert run("add", "name", file, "--folder", tmp_path / "results") == (
        1,
        "",
        f"{file}: [-] was made with uncommitted changes ({DIRTY.git_commit}): commit them, and measure again\n"
        "1 problem found; nothing was written.\n",
    )
    assert not (tmp_path / "results").exists()


def test_add_refuses_a_comparison_with_a_run_made_with_uncommitted_changes(folder, run):
    write_evaluation(folder / "both", metrics(evaluated(), provenance=DIRTY), [evaluated()])
    runs = compare.read_runs([f"one={folder / 'one'}", f"two={folder / 'both'}"])
    compare.write(folder / "comparison", compare.compare(runs))
    done = run("add", "name", folder / "comparison" / "comparison.json", "--folder", folder / "results")
    assert done.status == 1 and len(done.err.splitlines()) == 2
    assert "was made with uncommitted changes (" in done.err and DIRTY.git_commit in done.err


@pytest.mark.parametrize("kind", ["speed", "scaling", "annotate", "fuzz", "dates"])
def test_add_refuses_other_reports_made_with_uncommitted_changes(folder, run, kind):
    report = json.loads(json.dumps(OTHER_REPORTS[kind][0]))
    report.get("provenance", report)["git_commit"] += "-dirty"
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    done = run("add", kind, folder / "report.json", "--folder", folder / "results")
    assert done.status == 1 and "was made with uncommitted changes" in done.err


def test_add_refuses_a_name_that_is_no_file_name(folder, run):
    done = run("add", "../one", folder / "one" / "metrics.json", "--folder", folder / "results")
    assert (done.status, done.out) == (1, "") and "'../one'" in done.err
    assert run("add", "v1.0", folder / "one" / "metrics.json", "--folder", folder / "results").status == 0
    assert (folder / "results" / "v1.0.json").exists()


SCORE_WORD = re.compile(
    r"\b(?:F1|F-score|precision|recall|accuracy|points?|ECE|Brier|AUROC|agreement)\b", re.IGNORECASE
)
SCORE = re.compile(r"(?<![\w.,])(?:0?\.\d+|\d{1,2}\.\d+|\d{1,3} ?%(?! (?:bootstrap|confidence|interval)))(?!\w|\.\d)")
SPEED = re.compile(r"\d[\d,.]* (?:words|sentences|texts|articles|documents)(?:/s\b| a second| per second)")


def typed_scores(text: str) -> list[str]:
    """The paragraphs and tables of a page, outside of its blocks and code, that tell a score or a speed."""
    passages: list[str] = []
    in_table = False
    for token in MarkdownIt("commonmark").enable("table").parse(results.without_blocks(text)):
        if token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
            passages.append("")
        elif token.type == "inline":
            words = "".join(child.content for child in token.children or () if child.type in ("text", "softbreak"))
            if in_table:
                passages[-1] += f"{words} | "
            else:
                passages.append(words)
    return [
        passage
        for passage in passages
        if (SCORE_WORD.search(passage) and SCORE.search(passage)) or SPEED.search(passage)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It reaches an F1 of 84.3 on the test documents.",
        "Recall is 0.88 there.",
        "Its precision is 91 %.",
        "| Label | F1 |\n| --- | --- |\n| PER | 86.5 |\n",
        "The loss is 2.4 points.",
        "It reads 2,312 words a second.",
        "- about 300 sentences per second",
    ],
)
def test_typed_scores_are_found(text):
    assert len(typed_scores(text)) == 1
    for marker in ("results: x", "cited: their paper"):
        block = f"<!-- {marker} -->\n{text}\n<!-- end -->\n"
        assert typed_scores(block) == []
        assert len(typed_scores(f"{block}\n{text}\n\n{block}")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "F1 with 95 % bootstrap intervals.",
        "Python 3.10 is needed.",
        "To guard against loss give `overall.strict.f1: 0.8` as F1.",
        "```yaml\noverall.strict.f1: 0.8  # the F1\n```",
        "The share of test documents is 0.1.",
    ],
)
def test_other_numbers_are_no_scores(text):
    assert typed_scores(text) == []


@pytest.mark.parametrize("page", results.pages(ROOT), ids=lambda page: page.name)
def test_blocks_of_the_documentation_are_current(page):
    text = page.read_text(encoding="utf-8")
    assert results.rewrite(text, results.read_results(ROOT / results.RESULTS_FOLDER), page.name) == text


@pytest.mark.parametrize(
    "page", [page for page in results.pages(ROOT) if page.name not in GENERATED], ids=lambda page: page.name
)
def test_no_score_in_the_documentation_is_typed_by_hand(page):
    assert typed_scores(page.read_text(encoding="utf-8")) == []


OF_THE_DEFAULT_MODEL = ("own-test", "peyma-dev", "sample", "robustness", "bias", "speed")
"""Published results of the model that ``make train`` makes."""
COMPARED_WITH_IT = ("choice-own", "choice-peyma", "cnn", "cnn-peyma", "seeds-own", "seeds-peyma")
"""Published comparisons whose first run is of that model."""


def made_by(name: str) -> list[dict[str, Any]]:
    """Model and training of each run of a published result, as far as they are told."""
    content = json.loads((ROOT / results.RESULTS_FOLDER / f"{name}.json").read_text(encoding="utf-8"))["result"]
    if content["kind"] == "comparison":
        return [run["provenance"]["model"] for system in content["comparison"]["systems"] for run in system["runs"]]
    return [content.get(content["kind"], content)["provenance"]["model"]]


def training_of(model: dict[str, Any]) -> dict[str, Any]:
    """What decides what a training makes, apart from the code: configuration and data."""
    return {key: model["provenance"][key] for key in ("config_sha256", "corpus")}


def test_results_of_the_default_model_are_of_one_training():
    """Another configuration or other training data: the figure is stale, measure it again."""
    first = {name: made_by(name)[0] for name in (*OF_THE_DEFAULT_MODEL, *COMPARED_WITH_IT)}
    expected = training_of(first["own-test"])
    assert [name for name, model in first.items() if training_of(model) != expected] == []


def test_results_of_the_default_model_are_of_the_encoder_that_is_here():
    """An encoder that has changed since: the figure is stale, measure it again."""

    def encoder_at(commit: str) -> str:
        command = ["git", "rev-parse", "--verify", "--quiet", f"{commit}:assets/encoder/model.safetensors"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    here = encoder_at("HEAD")
    commits = {
        name: made_by(name)[0]["provenance"]["git_commit"] for name in (*OF_THE_DEFAULT_MODEL, *COMPARED_WITH_IT)
    }
    encoders = {name: encoder_at(commit) for name, commit in commits.items()}
    if not here or not all(encoders.values()):
        pytest.skip("the repository's history is not here")
    assert {name: encoder for name, encoder in encoders.items() if encoder != here} == {}


def test_seeds_of_the_default_model_are_of_one_corpus_and_commit():
    for name in ("seeds-own", "seeds-peyma"):
        runs = made_by(name)
        # The configuration holds the seed, and nothing else may differ.
        others = [{key: value for key, value in run["provenance"].items() if key != "config_sha256"} for run in runs]
        assert others == others[:1] * len(runs) and len(runs) >= 3
        assert len({run["provenance"]["config_sha256"] for run in runs}) == len(runs)


def test_every_published_result_is_of_the_default_model_or_known_not_to_be():
    """A new figure of the default model belongs into one of the lists above."""
    others = {
        *("coverage", "coverage-own-test", "encoder", "encoder-own-test", "learning-curve", "learning-curve-own-test"),
        *("objective", "objective-own-test"),
        *("annotate", "benchmark", "dates", "fuzz", "load", "scaling"),
    }
    names = {file.stem for file in (ROOT / results.RESULTS_FOLDER).glob("*.json")}
    assert names == {*OF_THE_DEFAULT_MODEL, *COMPARED_WITH_IT} | others


def test_every_key_of_the_metrics_is_described():
    schema = json.loads((ROOT / "docs" / "metrics.schema.json").read_text(encoding="utf-8"))
    objects = {"metrics.json": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, found in objects.items()
        for key, facts in found.get("properties", {}).items()
        if not facts.get("description", "").strip()
    ]
    assert bare == []
    assert {"MatchIntervals", "Novelty", "Calibration", "Provenance"} <= objects.keys()


def test_the_schema_of_the_metrics_is_current(tmp_path, run):
    assert run("schema", tmp_path / "schema.json").status == 0
    schema = json.loads((tmp_path / "schema.json").read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(EvaluationMetrics.model_fields)
    kept = ROOT / "docs" / "metrics.schema.json"
    assert kept.read_text(encoding="utf-8") == (tmp_path / "schema.json").read_text(encoding="utf-8"), (
        "run: scripts/results.py schema docs/metrics.schema.json"
    )
