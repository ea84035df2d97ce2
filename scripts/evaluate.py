"""Evaluate a pipeline on a gold file: metrics.json and predictions.jsonl."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, collecting, reporting_problems, say_missed
from rich.console import Console
from rich.table import Table

from persian_ner import evaluate
from persian_ner.metrics import Metrics, Scores
from persian_ner.records import InputError, Problem
from persian_ner.thresholds import missed, read_thresholds

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    gold: Annotated[Path, typer.Argument(help="Gold annotation, canonical JSONL")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the two files")],
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
    name: Annotated[str, typer.Option(help="Title of this evaluation in reports [default: the gold file's name]")] = "",
    train: Annotated[
        Path | None, typer.Option(help="Training records, canonical JSONL: scores by whether a surface occurs there")
    ] = None,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Score what ner finds alone, without the choice of fa_confidence")
    ] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Predict as annotate and serve do, faster")] = False,
    thresholds: Annotated[
        Path | None, typer.Option(help="YAML or JSON: numbers to reach, by their paths in metrics.json")
    ] = None,
) -> None:
    """Predict the texts of GOLD with the pipeline and score the spans found.

    Exits with status 3 when a threshold is not reached, and with 1, writing nothing, when the input is bad.
    """
    with reporting_problems():
        problems: list[Problem] = []
        records = collecting(problems, lambda: evaluate.read_gold(gold))
        training = collecting(problems, lambda: evaluate.read_training(train) if train else None)
        wanted = collecting(problems, lambda: read_thresholds(thresholds) if thresholds else [])
        nlp = collecting(problems, lambda: evaluate.load_pipeline(model, gpu_id))
        if records is None or wanted is None or nlp is None or problems:
            raise InputError(problems)
        if fast:
            from persian_ner.fast_inference import speed_up

            nlp = speed_up(nlp)
        if greedy:
            from persian_ner.confidence import with_entities_of_ner  # spaCy takes seconds to import

            nlp = with_entities_of_ner(nlp)
        metrics, evaluated = evaluate.evaluate(nlp, records, name=name or gold.stem, data=gold, training=training)
        short = missed(metrics, wanted)
    evaluate.write_evaluation(output, metrics, evaluated)
    Console().print(_table(metrics))
    if metrics.calibration:
        typer.echo(f"Confidence: {metrics.calibration}")
    say_missed(short)
    files = f"{output / evaluate.METRICS_FILE} and {output / evaluate.PREDICTIONS_FILE}"
    typer.echo(f"Wrote {files}: overall F1 {_show(metrics.overall.strict.f1)}")
    if short:
        raise typer.Exit(NOT_REACHED)


def _table(metrics: Metrics) -> Table:
    table = Table("Label", title=f"{metrics.name}: strict scores of {metrics.documents} documents")
    for column in ("P", "R", "F1", "95 % interval", "Gold", "Predicted"):
        table.add_column(column, justify="right")
    for label, scores in metrics.per_label.items():
        table.add_row(label, *_cells(scores))
    table.add_section()
    table.add_row("overall", *_cells(metrics.overall))
    return table


def _cells(scores: Scores) -> list[str]:
    strict, interval = scores.strict, scores.intervals.strict.f1
    return [
        *(_show(value) for value in (strict.precision, strict.recall, strict.f1)),
        f"{_show(interval.low)}–{_show(interval.high)}" if interval else "–",
        str(scores.support),
        str(scores.predicted),
    ]


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    app()
