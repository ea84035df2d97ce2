"""Write name, version, licence, sources and provenance into a trained pipeline's meta.json."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner.model_meta import stamp


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline", exists=True)],
    manifest: Annotated[Path, typer.Argument(help="Manifest of the corpus it was trained on", exists=True)],
    name: Annotated[str, typer.Option(help="Package name without the language code")],
    version: Annotated[str, typer.Option(help="Package version")],
) -> None:
    """Write name, version, licence, sources and provenance into a trained pipeline's meta.json."""
    with reporting_problems():
        meta = stamp(model, manifest, name, version)
    typer.echo(f"Wrote {model / 'meta.json'}: {meta['lang']}_{meta['name']} {meta['version']}")


if __name__ == "__main__":
    typer.run(main)
