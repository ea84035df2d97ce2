"""Try a pipeline on strange texts: crashes, lost text and impossible entities, each with a small text that shows it."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, Bfloat16, collecting, reporting_problems

from persian_ner import fuzz
from persian_ner.files import write_text
from persian_ner.records import InputError, Problem

SHOWN = 10
app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="JSON file for counts and failures")],
    inputs: Annotated[int, typer.Option(min=1, help="Texts to try; one date expression for ten of them")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of the texts")] = 0,
    records: Annotated[
        Path | None, typer.Option(help="Canonical JSONL whose sentences are mutated (default: the articles)")
    ] = None,
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
    bfloat16: Bfloat16 = True,
) -> None:
    """Try MODEL_PATH on made-up texts; exit code 3 when anything fails."""
    problems: list[Problem] = []
    with reporting_problems():
        originals = collecting(problems, lambda: fuzz.read_sentences(records))
        nlp = collecting(problems, lambda: fuzz.load(model, gpu_id, bfloat16=bfloat16))
        if originals is None or nlp is None:
            raise InputError(problems)
    result = fuzz.fuzz(nlp, originals, count=inputs, seed=seed)
    write_text(output, result.model_dump_json(indent=2) + "\n")
    for failure in result.failures[:SHOWN]:
        typer.echo(f"{failure.kind} {failure.number}: {failure.reason}: {failure.smallest or failure.text}", err=True)
    typer.echo(
        f"Wrote {output}: {result.texts} texts, {result.words} words, {result.seconds:.0f} s, "
        f"{result.peak_memory_mb:.0f} MB, {len(result.failures)} failures"
    )
    if result.failures:
        raise typer.Exit(NOT_REACHED)


if __name__ == "__main__":
    app()
