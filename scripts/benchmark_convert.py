"""Measure how fast records become DocBin documents."""

import os
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import corpus, docbin, files
from persian_ner.hazm_alignment import sentences
from persian_ner.segments import segment


def main(
    records: Annotated[Path, typer.Argument(help="Canonical records", exists=True)],
    output: Annotated[Path, typer.Argument(help="Result (JSON)")],
    max_words: Annotated[int, typer.Option(min=1, help="Longest segment, in words")] = 120,
    runs: Annotated[int, typer.Option(min=1, help="Measured runs, after one warm-up")] = 5,
) -> None:
    """Read, segment, tokenise and serialise records on one core, several times; report sentences a second."""
    with reporting_problems():
        count = sum(len(sentences(record.text)) for record in corpus.read_records(records))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds = [_run(records, max_words) for _ in range(runs + 1)][1:]
    speeds = sorted(round(count / second) for second in seconds)
    files.write_json(
        output, {"sentences": count, "runs": runs, "sentences_per_second": speeds, "median": median(speeds)}
    )
    typer.echo(f"Wrote {output}: median {median(speeds):.0f} sentences/s ({speeds[0]}–{speeds[-1]}, {runs} runs)")


def _run(records: Path, max_words: int) -> float:
    begin = time.perf_counter()
    nlp = docbin.blank()  # a new pipeline each run, so that no run finds the tokenizer's cache filled
    segments = [piece for record in corpus.read_records(records) for piece in segment(record, max_words)]
    docbin.from_records(segments, nlp, {})[0].to_bytes()
    return time.perf_counter() - begin


if __name__ == "__main__":
    typer.run(main)
