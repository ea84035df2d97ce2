"""Build the stand-off layers of the public corpora, and count what they decided."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner import files
from persian_ner.intake import read_raw
from persian_ner.layers import build as building
from persian_ner.layers import standoff, summary
from persian_ner.layers.places import load_gazetteer
from persian_ner.records import InputError, Problem
from persian_ner.sources import read_source

app = typer.Typer(help=__doc__, no_args_is_help=True)

_Names = Annotated[list[str], typer.Argument(help="Sources (configs/sources/NAME.yml)")]
_Sources = Annotated[Path, typer.Option(help="Folder with one YAML file a source")]
_SOURCES = Path("configs/sources")


@app.command()
def build(
    names: _Names,
    gazetteers: Annotated[Path, typer.Option(help="Folder with lists of places", exists=True)],
    decisions: Annotated[Path, typer.Option(help="Folder with surfaces.tsv and readings/")] = Path("assets/layers"),
    sources: _Sources = _SOURCES,
) -> None:
    """Build layers from gazetteers, decisions about surfaces and readings; the corpora must be there."""
    layers: list[tuple[standoff.Layer, Path]] = []
    problems: list[Problem] = []
    with reporting_problems():
        places = load_gazetteer(gazetteers)
        surfaces = building.read_surfaces(decisions / "surfaces.tsv")
        for name in names:

            def built(name: str = name) -> tuple[standoff.Layer, Path]:
                source = read_source(sources / f"{name}.yml")
                if source.layer is None:
                    raise InputError([Problem(str(sources / f"{name}.yml"), 0, "", "it names no layer")])
                readings = building.read_readings(decisions / "readings" / f"{name}.tsv")
                return building.build(source, read_raw(source, Path()), places, surfaces, readings), Path(source.layer)

            found = collecting(problems, built)
            if found is not None:
                layers.append(found)
        if problems:
            raise InputError(problems)
    for layer, path in layers:
        standoff.write(layer, path)
        edits = sum(len(entry.edits) for entry in layer.entries.values())
        typer.echo(f"Wrote {path}: {edits} decisions in {len(layer.entries)} records")


@app.command()
def sheet(
    output: Annotated[Path, typer.Argument(help="Markdown page to write")],
    layers: Annotated[Path, typer.Option(help="Folder with the layers and agreement/", exists=True)] = Path(
        "assets/layers"
    ),
) -> None:
    """Count what the layers decided, and how often two readers agree."""
    with reporting_problems():
        found = [standoff.read(path) for path in sorted(layers.glob("*.jsonl"))]
        summaries = [
            summary.summarise(layer, summary.read_agreement(layers / "agreement", layer.source)) for layer in found
        ]
    files.write_text(output, summary.render(summaries))
    typer.echo(f"Wrote {output}: {len(summaries)} layers")


if __name__ == "__main__":
    app()
