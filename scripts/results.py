"""Publish results, and write them into the documentation: no score there is typed by hand."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner import results
from persian_ner.evaluate import EvaluationMetrics
from persian_ner.files import write_json, write_text
from persian_ner.records import InputError, Problem

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What the blocks call it")],
    file: Annotated[Path, typer.Argument(metavar="METRICS.json", help="Or another JSON report of a command")],
    folder: Annotated[Path, typer.Option(help="Folder of the published results")] = results.RESULTS_FOLDER,
) -> None:
    """Copy the scores and their provenance into FOLDER/NAME.json."""
    with reporting_problems():
        written = results.add(name, file, folder)
    typer.echo(f"Wrote {written}")


@app.command()
def write(root: Annotated[Path, typer.Option(help="Folder of README.md and docs")] = Path()) -> None:
    """Make every block <!-- results: NAME … --> of README.md and docs/*.md anew."""
    with reporting_problems():
        found = results.read_results(root / results.RESULTS_FOLDER)
        changed: dict[Path, str] = {}
        problems: list[Problem] = []
        for page in results.pages(root):
            text = page.read_text(encoding="utf-8")
            new = collecting(problems, partial(results.rewrite, text, found, str(page)))
            if new is not None and new != text:
                changed[page] = new
        if problems:
            raise InputError(problems)
    for page, text in changed.items():
        write_text(page, text)
    typer.echo(f"Wrote {', '.join(map(str, changed)) or 'nothing: all blocks are current'}")


@app.command()
def schema(output: Annotated[Path, typer.Argument(help="The file to write")]) -> None:
    """Write the JSON schema of metrics.json, which describes every field of it."""
    write_json(output, EvaluationMetrics.model_json_schema())
    typer.echo(f"Wrote {output}")


if __name__ == "__main__":
    app()
