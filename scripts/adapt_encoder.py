"""Put the encoder of a trained pipeline in the place of the pre-trained one."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import adapted_encoder


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline", exists=True)],
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder it was trained from", exists=True)],
) -> None:
    """Replace the encoder's weights (fp16) and say in its card what they were adapted to."""
    with reporting_problems():
        meta = adapted_encoder.adapt(model, encoder)
    typer.echo(f"Wrote {encoder}: adapted to {len(meta['sources'])} corpora")


if __name__ == "__main__":
    typer.run(main)
