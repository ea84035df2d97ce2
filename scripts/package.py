"""Build an installable package of a trained pipeline, with a model card made from its evaluation."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner.model_card import build


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline", exists=True)],
    evaluation: Annotated[Path, typer.Argument(metavar="METRICS_DIR", help="Folder of its evaluation")],
    packages: Annotated[Path, typer.Argument(help="Folder for the package")],
    name: Annotated[str, typer.Option(help="Package name without the language code")],
    version: Annotated[str, typer.Option(help="Package version")],
) -> None:
    """Build an installable package of a trained pipeline, with a model card made from its evaluation."""
    with reporting_problems():
        wheels = build(model, evaluation, packages, name, version)
    typer.echo(f"The wheel is in {wheels}")


if __name__ == "__main__":
    typer.run(main)
