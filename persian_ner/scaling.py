"""How fast bulk annotation is with 1 to N workers, and what a large number of articles would take.

What is measured is :func:`persian_ner.annotate_ray.annotate_files` on one file, once
for each number of workers. The estimate takes the speed with the most workers, when
the machine is busy, and the words that an article of the file has on average::

    worker-hours     = articles * words per article / words per second of one worker / 3600
    workers          = worker-hours / hours it may take, rounded up
    memory           = workers * memory of one worker
    cost             = worker-hours * price of one
    cost per million = cost / articles * 1 000 000

A worker is one core, or one GPU. The estimate holds as far as more machines give as
much more speed: workers share nothing but the storage. Starting them is not in it.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from persian_ner import annotate_ray
from persian_ner.annotate_ray import Job, Summary
from persian_ner.metrics import Provenance
from persian_ner.records import InputError, Problem

ARTICLES = 100_000_000
PARTS_OF_A_WORKER = 4
"""With fewer parts for each worker, too much of the time would be the end, when some have nothing left to do."""


class Speed(BaseModel):
    """What so many workers reached. ``efficiency`` is their speed by that of as many times one worker.

    ``memory_bytes`` is the most that one of them had in memory; ``startup_seconds`` passed before the first began.
    """

    model_config = ConfigDict(extra="forbid")

    workers: int
    seconds: float
    startup_seconds: float
    records_per_second: float
    words_per_second: float
    efficiency: float
    memory_bytes: int


class Sizing(BaseModel):
    """The estimate, and what it is made from; ``cost`` is in the unit of ``price``, that of one worker for an hour."""

    model_config = ConfigDict(extra="forbid")

    articles: int
    words_per_article: float
    words_per_second: float
    memory_of_a_worker: int
    price: float
    hours: float
    worker_hours: float
    workers: int
    memory_bytes: int
    cost: float
    cost_per_million: float


class Scaling(BaseModel):
    """All that was measured on one file, and the estimate."""

    model_config = ConfigDict(extra="forbid")

    file: str
    records: int
    words: int
    method: str
    speeds: list[Speed]
    sizing: Sizing
    provenance: Provenance


def measure(
    job: Job, most_workers: int, *, price: float, hours: float, articles: int = ARTICLES, gpu: bool = False
) -> Scaling:
    """Annotate the source of a job with 1 to ``most_workers`` workers of a cluster on this machine; keeps no result.

    With 0, ``most_workers`` is the number of cores, or of GPUs with ``gpu``.
    Raises :class:`InputError` as :func:`persian_ner.annotate_ray.annotate_files` does, for an input
    that could not be finished, and for one with too few records.
    """
    annotate_ray.find_inputs(job.source, job.text_field)  # bad input is better known before a cluster is started
    annotate_ray.connect("local", most_workers)
    most_workers = most_workers or annotate_ray.room(gpu)
    summaries = []
    for workers in range(1, most_workers + 1):
        with tempfile.TemporaryDirectory() as folder:
            summary = annotate_ray.annotate_files(replace(job, output=folder), workers=workers, gpu=gpu)
        summaries.append(_checked(summary, most_workers))  # rather now than after all other measurements
    alone, last = summaries[0], summaries[-1]
    speeds = [_speed(workers, summary, alone) for workers, summary in enumerate(summaries, start=1)]
    return Scaling(
        file=job.source,
        records=last.annotated,
        words=last.words,
        method=annotate_ray.SPEED_METHOD,
        speeds=speeds,
        sizing=size(speeds[-1], last.words / last.annotated, articles=articles, price=price, hours=hours),
        provenance=last.provenance,
    )


def size(speed: Speed, words_per_article: float, *, articles: int, price: float, hours: float) -> Sizing:
    """The formula of this module, for articles as long as those that gave the speed."""
    each = speed.words_per_second / speed.workers
    worker_hours = articles * words_per_article / each / 3600
    workers = math.ceil(worker_hours / hours)
    return Sizing(
        articles=articles,
        words_per_article=words_per_article,
        words_per_second=each,
        memory_of_a_worker=speed.memory_bytes,
        price=price,
        hours=hours,
        worker_hours=worker_hours,
        workers=workers,
        memory_bytes=workers * speed.memory_bytes,
        cost=worker_hours * price,
        cost_per_million=worker_hours * price / articles * 1_000_000,
    )


def _checked(summary: Summary, workers: int) -> Summary:
    parts = sum(worker.parts for worker in summary.run.workers)
    needed = PARTS_OF_A_WORKER * workers
    reasons = [failure.reason for failure in summary.failed]
    if not reasons and not summary.words:
        reasons.append("nothing could be annotated")
    elif not reasons and parts < needed:
        reasons.append(f"too few records to measure {workers} workers: {parts} parts of work, but {needed} are needed")
    if reasons:
        raise InputError(Problem(summary.source, 0, "", reason) for reason in reasons)
    return summary


def _speed(workers: int, summary: Summary, alone: Summary) -> Speed:
    run = summary.run
    assert run.seconds and run.startup_seconds and run.words_per_second and alone.run.words_per_second
    return Speed(
        workers=workers,
        seconds=run.seconds,
        startup_seconds=run.startup_seconds,
        records_per_second=run.records / run.seconds,
        words_per_second=run.words_per_second,
        efficiency=run.words_per_second / workers / alone.run.words_per_second,
        memory_bytes=max(worker.memory_bytes for worker in run.workers),
    )


def to_markdown(scaling: Scaling) -> str:
    """The measurements as a table, and the estimate with its inputs."""
    sizing = scaling.sizing
    made_by = scaling.provenance
    rows = [
        f"| {speed.workers} | {speed.records_per_second:.1f} | {speed.words_per_second:.0f} | {speed.efficiency:.0%} "
        f"| {speed.startup_seconds:.1f} | {_gigabytes(speed.memory_bytes)} |"
        for speed in scaling.speeds
    ]
    estimate = [
        ("Articles", f"{sizing.articles:,}"),
        ("Words of an article (mean of the file)", f"{sizing.words_per_article:.0f}"),
        ("Words a second of one worker (measured)", f"{sizing.words_per_second:.0f}"),
        ("Memory of one worker (measured)", _gigabytes(sizing.memory_of_a_worker)),
        ("Price of one worker for an hour (given)", f"{sizing.price:g}"),
        ("Hours it may take (given)", f"{sizing.hours:g}"),
        ("**Worker-hours**", f"{sizing.worker_hours:,.0f}"),
        ("**Workers**", f"{sizing.workers:,}"),
        ("**Memory of all workers**", _gigabytes(sizing.memory_bytes)),
        ("**Cost**", f"{sizing.cost:,.2f}"),
        ("**Cost of a million articles**", f"{sizing.cost_per_million:,.2f}"),
    ]
    return "\n".join(
        [
            "# Scaling of bulk annotation",
            "",
            f"`{made_by.model.lang}_{made_by.model.name} {made_by.model.version}` on {made_by.device}, "
            f"{scaling.records:,} articles with {scaling.words:,} words (`{Path(scaling.file).name}`), "
            f"{made_by.created:%Y-%m-%d}.",
            "",
            "| Workers | Articles a second | Words a second | Efficiency | Startup (s) | Memory of a worker |",
            "|---:|---:|---:|---:|---:|---:|",
            *rows,
            "",
            f"Speed: {scaling.method}.",
            "",
            f"## What {sizing.articles:,} articles would take",
            "",
            "| | |",
            "|---|---:|",
            *(f"| {name} | {value} |" for name, value in estimate),
            "",
            "Worker-hours = articles × words of an article / words a second of one worker / 3600; "
            "cost = worker-hours × price.",
            "",
        ]
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"
