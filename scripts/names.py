"""List the names that a training swaps in (persian_ner/name_swaps.py)."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import corpus, files, name_swaps


def main(
    train: Annotated[Path, typer.Argument(help="Records of the training split (train.jsonl)", exists=True)],
    output: Annotated[Path, typer.Argument(help="Names (JSON)")],
    gazetteers: Annotated[
        Path | None, typer.Option(help="Folder of the lists that persian_ner/layers/lists.py names")
    ] = None,
) -> None:
    """Write the names of people and places that the training split annotates and, if there, those of lists."""
    with reporting_problems():
        records = corpus.read_records(train)
        if gazetteers is not None and not gazetteers.is_dir():
            typer.echo(f"ABSENT: {gazetteers}; the names are those of {train} alone", err=True)
            gazetteers = None
        names = name_swaps.collect(records, gazetteers, str(train))
    files.write_json(output, names.model_dump())
    counts = ", ".join(f"{len(found):,} {kind}" for kind, found in names.model_dump().items())
    typer.echo(f"Wrote {output}: {counts}")


if __name__ == "__main__":
    typer.run(main)
