"""Fit a trained pipeline's confidences, and the threshold that it takes entities by, to the development records."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner import calibration
from persian_ner.evaluate import load_pipeline, read_gold
from persian_ner.records import InputError, Problem


def main(
    model: Annotated[Path, typer.Argument(metavar="MODEL_PATH", help="Folder of the pipeline, changed in place")],
    dev: Annotated[Path, typer.Argument(metavar="DEV_JSONL", help="Records it was not trained on, canonical JSONL")],
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
) -> None:
    """Fit temperature and threshold of fa_confidence on DEV_JSONL and write them into the pipeline's meta.json."""
    with reporting_problems():
        problems: list[Problem] = []
        records = collecting(problems, lambda: read_gold(dev))
        nlp = collecting(problems, lambda: load_pipeline(str(model), gpu_id))
        if records is None or nlp is None:
            raise InputError(problems)
        found = calibration.calibrate(nlp, records)
        calibration.keep(model, found.temperature if found else 1.0, found.threshold if found else None)
    if found:
        typer.echo(f"Temperature 1: {found.before}")
        typer.echo(f"Temperature {found.temperature}: {found.after}")
        typer.echo(f"Threshold {found.threshold}: half the F1 of the entities chosen by it")
    else:
        typer.echo("Temperature 1: the entities found are all right or all wrong, so none can be fitted")
    typer.echo(f"Wrote {model / 'meta.json'}")


if __name__ == "__main__":
    typer.run(main)
