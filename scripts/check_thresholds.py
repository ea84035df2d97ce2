"""Check whether an evaluation reaches the numbers it must reach."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, collecting, reporting_problems, say_missed

from persian_ner.evaluate import METRICS_FILE, read_metrics
from persian_ner.files import write_json
from persian_ner.records import InputError, Problem
from persian_ner.thresholds import missed, read_thresholds


def main(
    folder: Annotated[Path, typer.Argument(metavar="METRICS_DIR", help="Evaluation folder")],
    thresholds: Annotated[Path, typer.Argument(help="YAML or JSON: numbers to reach, by their paths in metrics.json")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.json", help="What was asked, and what was not reached")],
) -> None:
    """Check whether an evaluation reaches the numbers it must reach.

    Exits with status 3 when one is not reached, and with 1, writing nothing, when the input is bad.
    """
    with reporting_problems():
        problems: list[Problem] = []
        metrics = collecting(problems, lambda: read_metrics(folder))
        wanted = collecting(problems, lambda: read_thresholds(thresholds))
        if metrics is None or wanted is None:
            raise InputError(problems)
        short = missed(metrics, wanted)
    write_json(output, {"asked": [threshold.path for threshold in wanted], "missed": short})
    say_missed(short)
    typer.echo(f"{folder / METRICS_FILE} reaches {len(wanted) - len(short)} of {len(wanted)} thresholds")
    if short:
        raise typer.Exit(NOT_REACHED)


if __name__ == "__main__":
    typer.run(main)
