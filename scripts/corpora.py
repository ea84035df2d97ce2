"""Check the public corpora and put them below assets/corpora."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import public_corpora


def main(
    config: Annotated[Path, typer.Argument(help="List of downloads (configs/corpora.yml)", exists=True)],
    downloads: Annotated[Path, typer.Argument(help="Folder that the downloads are in")],
    corpora: Annotated[Path, typer.Argument(help="Folder to put the corpora in")],
    mirror: Annotated[str, typer.Option(help="Take them from this folder, laid out like the corpora")] = "",
) -> None:
    """Check every download's checksum, unpack it, and say which corpora are not there."""
    if mirror and not Path(mirror).is_dir():
        raise typer.BadParameter(f"no such folder: {mirror}", param_hint="--mirror")
    with reporting_problems():
        listed = public_corpora.read_config(config)
        placed = public_corpora.place(listed, downloads, corpora, Path(mirror) if mirror else None)
    for item in placed:
        target = corpora / item.target
        if item.origin is None:
            typer.echo(f"{target}: ABSENT, not in the corpus")
        elif item.origin == target:
            typer.echo(f"{target}: left as it was, not checked")
        else:
            typer.echo(f"{target}: from {item.origin}")
    absent = sum(item.origin is None for item in placed)
    typer.echo(f"{len(placed) - absent} of {len(placed)} public corpora are there")


if __name__ == "__main__":
    typer.run(main)
