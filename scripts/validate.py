"""Read every source of a corpus, check it, and write canonical records."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import corpus


def main(
    config: Annotated[Path, typer.Argument(help="Corpus configuration (configs/corpus/*.yml)", exists=True)],
    folder: Annotated[Path, typer.Argument(help="Corpus folder; records.jsonl and sources.json are written here")],
    sources: Annotated[Path, typer.Option(help="Folder with one YAML file a source")] = Path("configs/sources"),
    root: Annotated[Path, typer.Option(help="Folder that the sources' paths are relative to")] = Path(),
) -> None:
    """Read every source of a corpus, check it, and write canonical records.

    Lists every problem of every file and exits with status 1 when there is one.
    """
    with reporting_problems():
        loaded = corpus.load_sources(corpus.read_config(config), sources, root)
        count = corpus.write_records(loaded, folder, root)
    typer.echo(f"Wrote {folder / corpus.RECORDS}: {count} records, no problems")


if __name__ == "__main__":
    typer.run(main)
