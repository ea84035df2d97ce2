"""Measure the project's own corpus and write its datasheet."""

from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import datasheet, files


def main(
    articles: Annotated[list[Path], typer.Argument(help="Folders of the final annotation", exists=True)] = [  # noqa: B006  # typer copies it
        Path("assets/articles"),
        Path("assets/reference"),
    ],
    first: Annotated[Path, typer.Option(help="Folder of one annotation of a part", exists=True)] = Path(
        "assets/agreement/first"
    ),
    second: Annotated[Path, typer.Option(help="Folder of another annotation of that part", exists=True)] = Path(
        "assets/agreement/second"
    ),
    output: Annotated[Path, typer.Option(help="Datasheet to write (Markdown)")] = Path("docs/datasheet.md"),
    json: Annotated[Path | None, typer.Option(help="Also write all numbers here (JSON)")] = None,
) -> None:
    """Measure a corpus in inline markup and two annotations of a part of it, and write its datasheet.

    Lists every problem of every file and exits with status 1 when there is one.
    """
    with reporting_problems():
        *final, once, again = datasheet.read_folders(*articles, first, second)
        sheet = datasheet.measure(list(chain.from_iterable(final)), once, again)
    files.write_text(output, datasheet.render(sheet))
    if json:
        files.write_json(json, asdict(sheet))
    written = f"{output} and {json}" if json else f"{output}"
    typer.echo(f"Wrote {written}: {sheet.counts.articles} articles, {sheet.counts.words} words")


if __name__ == "__main__":
    typer.run(main)
