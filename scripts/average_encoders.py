"""Average an adapted encoder with an earlier one of the same line."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_refusal

from persian_ner import adapted_encoder


def main(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder, with its head", exists=True)],
    earlier: Annotated[Path, typer.Argument(help="Folder of the earlier one", exists=True)],
) -> None:
    """Replace the weights of ENCODER and its head by their mean with those of EARLIER, and say so in its card."""
    with reporting_refusal():
        adapted_encoder.average(encoder, earlier)
    typer.echo(f"Wrote {encoder}: averaged with {earlier}")


if __name__ == "__main__":
    typer.run(main)
