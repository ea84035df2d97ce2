"""Measure what damaged text costs a pipeline: robustness.json and robustness.md."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, collecting, reporting_problems
from rich.console import Console
from rich.table import Table

from persian_ner import augment, robustness
from persian_ner.evaluate import load_pipeline, read_gold
from persian_ner.records import InputError, Problem

NAMES = ", ".join([*augment.DAMAGES, *augment.MIXTURES])
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    gold: Annotated[Path, typer.Argument(help="Gold annotation, canonical JSONL")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the two files")],
    damages: Annotated[
        str, typer.Option(help=f"Damages and mixtures, separated by commas (default: all), of {NAMES}")
    ] = "",
    typo_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of words with a typo in 'typos'")] = 0.05,
    seed: Annotated[int, typer.Option(help="Seed of the damages")] = 0,
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
    name: Annotated[str, typer.Option(help="Title of this measurement (default: the gold file's name)")] = "",
    max_loss: Annotated[
        float | None, typer.Option(min=0, max=1, help="Exit code 3 when a damage costs more overall F1 than this")
    ] = None,
) -> None:
    """Evaluate the pipeline on the same documents of GOLD clean and damaged."""
    problems: list[Problem] = []
    names = [part.strip() for part in damages.split(",") if part.strip()]
    with reporting_problems():
        recipes = collecting(problems, lambda: robustness.recipes(names, typo_rate))
        records = collecting(problems, lambda: read_gold(gold))
        nlp = collecting(problems, lambda: load_pipeline(model, gpu_id))
        if recipes is None or records is None or nlp is None:
            raise InputError(problems)
        result = robustness.measure(nlp, records, recipes, seed=seed, name=name or gold.stem, data=gold)
    robustness.write(output, result)
    Console().print(_table(result))
    lost = robustness.lost_more_than(result, max_loss) if max_loss is not None else []
    for message in lost:
        typer.echo(f"Above the limit: {message}", err=True)
    typer.echo(f"Wrote {output / robustness.ROBUSTNESS_FILE} and {output / robustness.TABLE_FILE}")
    if lost:
        raise typer.Exit(NOT_REACHED)


def _table(result: robustness.Robustness) -> Table:
    table = Table("Damage", title=f"{result.name}: strict F1 of {result.documents} documents, clean and damaged")
    for column in ("Clean", "Damaged", "Difference", "95 % interval"):
        table.add_column(column, justify="right")
    for title, damage in result.damages.items():
        table.add_row(title, *robustness.change_cells(damage.overall))
    return table


if __name__ == "__main__":
    app()
