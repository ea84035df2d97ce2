"""Build the stand-off layers of the public corpora, and count what they decided and what is still to decide."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from _cli import collecting, reporting_problems

from persian_ner import files
from persian_ner.evaluate import read_evaluation
from persian_ner.intake import read_raw
from persian_ner.layers import agreement, disputes, standoff, summary
from persian_ner.layers import build as building
from persian_ner.layers.places import load_gazetteer
from persian_ner.records import InputError, Problem
from persian_ner.sources import read_source

T = TypeVar("T")
app = typer.Typer(help=__doc__, no_args_is_help=True)

_Names = Annotated[list[str], typer.Argument(help="Sources (configs/sources/NAME.yml)")]
_Gazetteers = Annotated[Path, typer.Option(help="Folder with lists of places", exists=True)]
_Decisions = Annotated[Path, typer.Option(help="Folder with surfaces.tsv and readings/")]
_Sources = Annotated[Path, typer.Option(help="Folder with one YAML file a source")]
_SOURCES = Path("configs/sources")
_DECISIONS = Path("assets/layers")


@app.command()
def undecided(
    names: _Names, gazetteers: _Gazetteers, decisions: _Decisions = _DECISIONS, sources: _Sources = _SOURCES
) -> None:
    """List the surfaces that neither gazetteers nor surfaces.tsv decide: label, surface, mentions; most frequent first.

    Decisions about them go to surfaces.tsv, in place of the mentions.
    """
    with reporting_problems():
        places = load_gazetteer(gazetteers)
        surfaces = building.read_surfaces(decisions / "surfaces.tsv")

        def counted(path: Path) -> Counter[tuple[str, str]]:
            source = read_source(path)
            return building.undecided(source, read_raw(source, Path()), places, surfaces)

        found = _of_all([sources / f"{name}.yml" for name in names], counted)
    for (label, surface), mentions in sum(found, Counter()).most_common():
        typer.echo(f"{label}\t{surface}\t{mentions}")


@app.command()
def build(
    names: _Names, gazetteers: _Gazetteers, decisions: _Decisions = _DECISIONS, sources: _Sources = _SOURCES
) -> None:
    """Build layers from gazetteers, decisions about surfaces and readings; the corpora must be there."""
    with reporting_problems():
        places = load_gazetteer(gazetteers)
        surfaces = building.read_surfaces(decisions / "surfaces.tsv")

        def built(path: Path) -> tuple[standoff.Layer, Path]:
            source = read_source(path)
            if source.layer is None:
                raise InputError([Problem(str(path), 0, "", "it names no layer")])
            readings = building.read_readings(decisions / "readings" / f"{path.stem}.tsv")
            return building.build(source, read_raw(source, Path()), places, surfaces, readings), Path(source.layer)

        layers = _of_all([sources / f"{name}.yml" for name in names], built)
    for layer, path in layers:
        standoff.write(layer, path)
        edits = sum(len(entry.edits) for entry in layer.entries.values())
        typer.echo(f"Wrote {path}: {edits} decisions in {len(layer.entries)} records")


@app.command()
def sheet(
    output: Annotated[Path, typer.Argument(help="Markdown page to write")],
    layers: Annotated[Path, typer.Option(help="Folder with the layers and agreement/", exists=True)] = _DECISIONS,
) -> None:
    """Count what the layers decided, and how often two readers agree."""
    with reporting_problems():
        found = [standoff.read(path) for path in sorted(layers.glob("*.jsonl"))]
        summaries = [
            summary.summarise(
                layer,
                summary.read_agreement(layers / "agreement", layer.source),
                disputes.read_decisions(layers / "disputes" / f"{layer.source}.tsv"),
            )
            for layer in found
        ]
    files.write_text(output, summary.render(summaries))
    typer.echo(f"Wrote {output}: {len(summaries)} layers")


@app.command()
def questions(
    name: Annotated[str, typer.Argument(help="Source (configs/sources/NAME.yml)")],
    folder: Annotated[Path, typer.Argument(help="Folder to write questions.tsv and key.tsv to")],
    size: Annotated[int, typer.Option(min=1, help="Decisions to read again")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the draw")] = 0,
    sources: _Sources = _SOURCES,
) -> None:
    """Draw decisions of a layer for a second reader, who must not see the first ones; the corpus must be there.

    The answers go to FOLDER/answers.tsv: the question's number, and what it names as LABEL=surface|LABEL=surface, or -.
    Where a span is marked ⟦so⟧ the names inside it are asked for, elsewhere all EVENT and DATE names of the sentence.
    """
    with reporting_problems():
        source = read_source(sources / f"{name}.yml")
        if source.layer is None:
            raise InputError([Problem(str(sources / f"{name}.yml"), 0, "", "it names no layer")])
        drawn = agreement.sample(standoff.read(Path(source.layer)), read_raw(source, Path()), size, seed)
        agreement.write_sheet(folder, drawn)
    typer.echo(f"Wrote {len(drawn)} questions to {folder / agreement.QUESTIONS_FILE}")


@app.command()
def reread(
    name: Annotated[str, typer.Argument(help="Source (configs/sources/NAME.yml)")],
    folder: Annotated[Path, typer.Argument(help="Folder of questions, with answers.tsv", exists=True)],
    decisions: _Decisions = _DECISIONS,
) -> None:
    """Keep the second reader's answers beside the layer, for the agreement that sheet reports."""
    with reporting_problems():
        answers = agreement.join(folder)
        agreement.write_answers(decisions / "agreement" / f"{name}.tsv", answers)
    agreed = sum(answer.agrees for answer in answers)
    typer.echo(f"Wrote {decisions / 'agreement' / f'{name}.tsv'}: {agreed} of {len(answers)} decisions agree")


@app.command()
def dispute(
    evaluation: Annotated[
        Path, typer.Argument(help="Folder of an evaluation on the corpus with its layers", exists=True)
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to write disputes.txt and key.jsonl to")],
    names: _Names,
    seed: Annotated[int, typer.Option(help="Seed of the order")] = 0,
) -> None:
    """List where a pipeline disagrees with the layers, for a reader to decide.

    The answers go to FOLDER/answers.tsv: the dispute's number, and C (the corpus stays), M (the model is right),
    - (nothing is a name there) or what should be annotated instead, as LABEL=surface|LABEL=surface.
    """
    with reporting_problems():
        found = disputes.find(read_evaluation(evaluation)[1], names, seed)
        disputes.write_sheet(folder, found)
    typer.echo(f"Wrote {len(found)} disputes to {folder / disputes.SHEET_FILE}")


@app.command()
def settle(
    folder: Annotated[Path, typer.Argument(help="Folder of disputes, with answers.tsv", exists=True)],
    names: _Names,
    decisions: _Decisions = _DECISIONS,
    sources: _Sources = _SOURCES,
) -> None:
    """Add what the answers to disputes mean to the readings; build the layers again then. The corpora must be there."""
    with reporting_problems():
        texts = {
            name: {record.id: record.text for record in read_raw(read_source(sources / f"{name}.yml"), Path())}
            for name in names
        }
        settled = disputes.settle(folder, texts)
    for name, lines in settled.lines.items():
        disputes.append(decisions / "readings" / f"{name}.tsv", lines)
    for name, decided in settled.decisions.items():
        disputes.append(decisions / "disputes" / f"{name}.tsv", decided)
    counts = disputes.count(item for decided in settled.decisions.values() for item in decided)
    typer.echo(f"Settled {sum(counts.values())} disputes: {', '.join(f'{kind} {n}' for kind, n in counts.items())}")


def _of_all(sources: Iterable[Path], use: Callable[[Path], T]) -> list[T]:
    """What ``use`` makes of each source file; raises :class:`InputError` with the problems of all."""
    problems: list[Problem] = []
    found = [collecting(problems, partial(use, path)) for path in sources]
    if problems:
        raise InputError(problems)
    return [item for item in found if item is not None]


if __name__ == "__main__":
    app()
