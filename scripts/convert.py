"""Split validated records by document, cut them into segments, and write DocBin files and a manifest."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import corpus


def main(
    config: Annotated[Path, typer.Argument(help="Corpus configuration (configs/corpus/*.yml)", exists=True)],
    folder: Annotated[Path, typer.Argument(help="Corpus folder with records.jsonl", exists=True)],
    skip_misaligned: Annotated[
        bool, typer.Option(help="Leave out spans that are not whole tokens, and count them in the manifest")
    ] = False,
) -> None:
    """Split validated records by document, cut them into segments, and write DocBin files and a manifest."""
    with reporting_problems():
        manifest = corpus.convert(corpus.read_config(config), folder, skip_misaligned)
    sizes = ", ".join(f"{split} {facts['documents']} documents" for split, facts in manifest["splits"].items())
    skipped = len(manifest["dropped"]["misaligned_spans"])
    typer.echo(f"Wrote {folder}: {sizes}; {skipped} spans skipped")


if __name__ == "__main__":
    typer.run(main)
