"""Fail when a sentence of one split occurs, exactly or nearly, in another."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, reporting_problems

from persian_ner import corpus, duplicates, files


def main(
    splits: Annotated[list[Path], typer.Argument(help="Record files of the splits, training data first", exists=True)],
    output: Annotated[Path, typer.Option(help="Report file (JSON)")] = Path("corpus/split-check.json"),
) -> None:
    """Fail (status 3) when a sentence of one split occurs, exactly or nearly, in another; list all of them."""
    names = [path.stem for path in splits]
    if len(splits) < 2 or len(set(names)) < len(names):
        raise typer.BadParameter("name two or more files with different names", param_hint="SPLITS")
    with reporting_problems():
        records = {path.stem: corpus.read_records(path) for path in splits}
    leaks = duplicates.find_leaks(records)
    for leak in leaks:
        typer.echo(
            f"{leak.split}:{leak.doc_id} ~ {leak.other_split}:{leak.other_doc_id} "
            f"({leak.similarity:.2f}): {leak.sentence}",
            err=True,
        )
    files.write_json(output, {"splits": list(records), "leaks": [asdict(leak) for leak in leaks]})
    typer.echo(f"Wrote {output}: {len(leaks)} sentences shared between splits")
    if leaks:
        raise typer.Exit(NOT_REACHED)


if __name__ == "__main__":
    typer.run(main)
