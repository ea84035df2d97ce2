"""Audit annotated records: audit.json, audit.html and audit.md say what deserves a second look."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, reporting_problems

from persian_ner import audit

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the three files")],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=FILE...",
            help="Record files (canonical JSONL), one for each split, training data first: train=corpus/train.jsonl",
        ),
    ],
    predictions: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that evaluate wrote, of these documents; give the option again for another model"),
    ] = None,
    max_leak: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Exit code 3 when a larger share of a split's sentences is in the splits before it"
        ),
    ] = None,
) -> None:
    """Find copies, contradictory annotation, unusual spans, uneven coverage and damaged text."""
    with reporting_problems():
        corpus = audit.read(files, predictions or [])
    found = audit.run(corpus)
    audit.write(output, found)
    for total in found.summary:
        if total.count:
            typer.echo(
                f"{total.kind}: {total.count:,} ({total.high:,} high, {total.medium:,} medium, {total.low:,} low)"
            )
    names = ", ".join(str(output / name) for name in (audit.AUDIT_FILE, audit.PAGE_FILE, audit.SUMMARY_FILE))
    typer.echo(f"Wrote {names}")
    leaking = audit.leaking_beyond(found, max_leak) if max_leak is not None else []
    for message in leaking:
        typer.echo(message, err=True)
    if leaking:
        raise typer.Exit(NOT_REACHED)


if __name__ == "__main__":
    app()
