"""Average an adapted encoder with an earlier one of the same line."""

from pathlib import Path
from typing import Annotated

import typer

from persian_ner import adapted_encoder


def main(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder, with its head", exists=True)],
    earlier: Annotated[Path, typer.Argument(help="Folder of the earlier one", exists=True)],
) -> None:
    """Replace the weights of ENCODER and its head by their mean with those of EARLIER, and say so in its card."""
    try:
        adapted_encoder.average(encoder, earlier)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Wrote {encoder}: averaged with {earlier}")


if __name__ == "__main__":
    typer.run(main)
