"""Read every source of a corpus, check it, and write canonical records."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import corpus, intake


def main(
    config: Annotated[Path, typer.Argument(help="Corpus configuration (configs/corpus/*.yml)", exists=True)],
    folder: Annotated[Path, typer.Argument(help="Corpus folder; records.jsonl and sources.json are written here")],
    sources: Annotated[Path, typer.Option(help="Folder with one YAML file a source")] = Path("configs/sources"),
    skip_problems: Annotated[
        bool, typer.Option(help="Leave out documents that have a problem, and list them in sources.json")
    ] = False,
    root: Annotated[Path, typer.Option(help="Folder that the sources' paths are relative to")] = Path(),
) -> None:
    """Read every source of a corpus, check it, and write canonical records.

    Lists every problem of every file and exits with status 1 when there is one.
    """
    with reporting_problems():
        loaded = intake.load_sources(corpus.read_config(config), sources, root, skip_problems)
        count = intake.write_records(loaded, folder, root)
    for item in loaded:
        if item.absent:
            typer.echo(f"ABSENT: {item.source.name}, no {root / item.source.path}")
        else:
            left_out = f"{item.documents_skipped} documents left out for {len(item.skipped)} problems"
            typer.echo(f"{item.source.name}: {len(item.records)} records, {left_out}")
    skipped = sum(len(item.skipped) for item in loaded)
    typer.echo(f"Wrote {folder / corpus.RECORDS}: {count} records, {skipped} problems skipped")


if __name__ == "__main__":
    typer.run(main)
