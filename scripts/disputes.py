"""Put places where a trained pipeline disagrees with the layers before a reader; add the answers to the readings."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner.evaluate import read_evaluation
from persian_ner.intake import read_raw
from persian_ner.layers import corrections, disputes
from persian_ner.records import InputError, Problem, Record
from persian_ner.sources import read_source

app = typer.Typer(help=__doc__, no_args_is_help=True)

_Names = Annotated[list[str], typer.Argument(help="Sources (configs/sources/NAME.yml)")]
_Decisions = Annotated[Path, typer.Option(help="Folder with readings/ and disputes/")]
_Sources = Annotated[Path, typer.Option(help="Folder with one YAML file a source")]


@app.command()
def find(
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
    decisions: _Decisions = Path("assets/layers"),
    sources: _Sources = Path("configs/sources"),
) -> None:
    """Add what the answers to disputes mean to the readings; build the layers again then. The corpora must be there."""
    with reporting_problems():
        problems: list[Problem] = []
        records = {name: collecting(problems, partial(_read, sources / f"{name}.yml")) for name in names}
        if problems:
            raise InputError(problems)
        texts = {name: {record.id: record.text for record in found or ()} for name, found in records.items()}
        settled = disputes.settle(folder, texts)
    for name, lines in settled.lines.items():
        corrections.append(decisions / "readings" / f"{name}.tsv", lines)
    for name, decided in settled.decisions.items():
        corrections.append(decisions / "disputes" / f"{name}.tsv", decided)
    counts = corrections.count(item for decided in settled.decisions.values() for item in decided)
    typer.echo(f"Settled {sum(counts.values())} disputes: {', '.join(f'{kind} {n}' for kind, n in counts.items())}")


def _read(source: Path) -> list[Record]:
    return read_raw(read_source(source), Path())


if __name__ == "__main__":
    app()
