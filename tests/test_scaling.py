from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from script_runs import run_script

from persian_ner import annotate_ray, scaling
from persian_ner.annotate_ray import Failure, Job, Run, Summary, Worker
from persian_ner.metrics import ModelInfo, Provenance
from persian_ner.records import InputError
from persian_ner.scaling import Scaling, Sizing, Speed

SCRIPT = Path(__file__).parents[1] / "scripts" / "scaling.py"
MADE_BY = Provenance(
    created=datetime(2026, 1, 2, tzinfo=timezone.utc),
    model=ModelInfo(name="tiny", lang="fa", version="1.2.3", provenance=None),
    data=None, device="cpu (x86_64)", git_commit=None, versions={},
)  # fmt: skip


def summary(job: Job, seconds: float, memory: list[int], **changes: Any) -> Summary:
    """A run over 1000 articles of 300 words each."""
    workers = [
        Worker(node="n", process=number, loading_seconds=3, memory_bytes=size, parts=8 // len(memory))
        for number, size in enumerate(memory)
    ]
    run = Run(
        records=1000, words=300_000, startup_seconds=10.0, seconds=seconds, words_per_second=300_000 / seconds,
        speed_method="", workers=workers,
    )  # fmt: skip
    found = Summary(
        source=job.source, output=job.output, inputs=1, done=1, failed=[], records=1000, annotated=1000, rejected=0,
        undated=0, words=300_000, worker_seconds=0, run=run, arithmetic="float32", provenance=MADE_BY,
    )  # fmt: skip
    return found.model_copy(update=changes)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "news.jsonl").write_text('{"text": "سلام"}\n', encoding="utf-8")
    return tmp_path / "news.jsonl"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One worker takes 600 seconds, two take 375; the list is filled with the numbers of workers asked for."""
    asked: list[int] = []

    def annotate_files(job: Job, *, workers: int, gpu: bool) -> Summary:
        asked.append(workers)
        assert Path(job.output).is_dir()
        return summary(job, {1: 600, 2: 375}[workers], [10**9, 2 * 10**9][:workers])

    monkeypatch.setattr(annotate_ray, "connect", lambda address, workers: None)
    monkeypatch.setattr(annotate_ray, "annotate_files", annotate_files)
    return asked


def measure(source: Path) -> Scaling:
    return scaling.measure(Job(str(source), "", "model"), 2, price=0.05, hours=24)


def test_the_formula() -> None:
    """Two workers with 800 words a second: 10^8 * 300 / 400 / 3600 hours."""
    speed = Speed(
        workers=2, seconds=375, startup_seconds=10, records_per_second=2, words_per_second=800, efficiency=0.8,
        memory_bytes=2 * 10**9,
    )  # fmt: skip
    found = scaling.size(speed, 300, articles=100_000_000, price=0.05, hours=24)
    assert found.words_per_second == 400
    assert found.worker_hours == pytest.approx(20_833.333)
    assert found.workers == 869  # 868.06
    assert found.memory_bytes == 869 * 2 * 10**9
    assert found.cost == pytest.approx(1041.667)
    assert found.cost_per_million == pytest.approx(10.41667)


def test_what_is_measured(source: Path, cluster: list[int]) -> None:
    found = measure(source)
    assert cluster == [1, 2]
    one, two = found.speeds
    assert (one.words_per_second, one.efficiency, one.memory_bytes) == (500, 1, 10**9)
    assert (two.words_per_second, two.efficiency, two.memory_bytes) == (800, pytest.approx(0.8), 2 * 10**9)
    assert two.records_per_second == pytest.approx(1000 / 375)
    assert found.sizing.words_per_article == 300
    assert found.sizing.worker_hours == pytest.approx(20_833.333)


def test_on_gpus_there_are_no_more_workers_than_these(
    source: Path, cluster: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate_ray, "room", {False: 2, True: 1}.get)
    for gpu in (True, False):
        scaling.measure(Job(str(source), "", "model"), 0, price=2, hours=24, gpu=gpu)
    assert cluster == [1, 1, 2]


def test_the_page_states_every_input(source: Path, cluster: list[int]) -> None:
    page = scaling.to_markdown(measure(source))
    assert "`fa_tiny 1.2.3` on cpu (x86_64), 1,000 articles with 300,000 words (`news.jsonl`), 2026-01-02." in page
    assert "| 1 | 1.7 | 500 | 100% | 10.0 | 1.00 GB |\n| 2 | 2.7 | 800 | 80% | 10.0 | 2.00 GB |" in page
    for row in [
        "| Articles | 100,000,000 |",
        "| Words of an article (mean of the file) | 300 |",
        "| Words a second of one worker (measured) | 400 |",
        "| Price of one worker for an hour (given) | 0.05 |",
        "| Hours it may take (given) | 24 |",
        "| **Worker-hours** | 20,833 |",
        "| **Workers** | 869 |",
        "| **Memory of all workers** | 1,738.00 GB |",
        "| **Cost** | 1,041.67 |",
        "| **Cost of a million articles** | 10.42 |",
    ]:
        assert row in page


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"failed": [Failure(file="news.jsonl", reason="lines 1 to 2: lost")]}, "lines 1 to 2: lost"),
        ({"words": 0}, "nothing could be annotated"),
    ],
)
def test_what_cannot_be_measured(
    changes: dict[str, Any], reason: str, source: Path, cluster: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate_ray, "annotate_files", lambda job, **_: summary(job, 600, [1], **changes))
    with pytest.raises(InputError) as caught:
        measure(source)
    assert [problem.reason for problem in caught.value.problems] == [reason]


def test_too_few_parts_for_so_many_workers(source: Path, cluster: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate_ray, "annotate_files", lambda job, **_: summary(job, 600, [1, 1, 1]))
    with pytest.raises(InputError, match="too few records to measure 2 workers: 6 parts of work, but 8 are needed"):
        measure(source)


class TestScript:
    def test_writes_both_files(self, source: Path, cluster: list[int], tmp_path: Path) -> None:
        result = run_script("scaling", "model", source, tmp_path / "reports", "--price", 0.05, "--max-workers", 2)
        assert result.exit_code == 0, result.output
        assert "2 workers: 800 words/s (80%)" in result.output
        assert "100,000,000 articles take 20,833 worker-hours" in result.output
        content = json.loads((tmp_path / "reports" / "scaling.json").read_bytes())
        assert Sizing.model_validate(content["sizing"]).price == 0.05
        found = Scaling.model_validate(content)
        assert (tmp_path / "reports" / "scaling.md").read_text(encoding="utf-8") == scaling.to_markdown(found)

    def test_a_price_must_be_given(self, source: Path, tmp_path: Path) -> None:
        result = run_script("scaling", "model", source, tmp_path / "reports")
        assert (result.exit_code, "--price" in result.output) == (2, True)

    def test_bad_input_is_a_message(self, tmp_path: Path) -> None:
        result = run_script("scaling", "model", tmp_path / "none.jsonl", tmp_path / "reports", "--price", 1)
        assert (result.exit_code, "no such file or folder" in result.output) == (1, True)
        assert not (tmp_path / "reports").exists()
