"""Average an adapted encoder with others of the same line."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import adapted_encoder


def main(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder, with its head", exists=True)],
    others: Annotated[list[Path], typer.Argument(help="Folders of the others, all weighing the same", exists=True)],
) -> None:
    """Replace the weights of ENCODER and its head by their mean with those of OTHERS, and say so in its card."""
    with reporting_problems():
        adapted_encoder.average(encoder, others)
    typer.echo(f"Wrote {encoder}: averaged with {', '.join(map(str, others))}")


if __name__ == "__main__":
    typer.run(main)
