"""Measure how many of the DATE spans of annotated records can be resolved."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems
from rich.console import Console
from rich.table import Table

from persian_ner import evaluate, files
from persian_ner.dates import coverage


def main(
    records: Annotated[Path, typer.Argument(help="Canonical records; meta.published is the publication date")],
    output: Annotated[Path, typer.Argument(help="Result (JSON)")],
) -> None:
    """Resolve every DATE span of RECORDS and count the results by granularity, calendar and reason.

    Lists every problem of the file and exits with status 1 when there is one.
    """
    with reporting_problems():
        measured = coverage.measure(evaluate.read_gold(records))
    files.write_json(output, asdict(measured))
    table = Table("Dates", "Number", title=f"{measured.dates} dates of {measured.documents} documents")
    for counts in (measured.granularities, measured.calendars, measured.reasons):
        for name, count in counts.items():
            table.add_row(name, str(count))
        table.add_section()
    Console().print(table)
    share = "–" if measured.share is None else f"{measured.share:.2%}"
    typer.echo(f"Wrote {output}: {measured.resolved} of {measured.dates} dates resolved ({share})")


if __name__ == "__main__":
    typer.run(main)
