"""Annotate any number of texts with a trained pipeline: JSON lines or Parquet with offsets."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import Bfloat16, DateField, collecting

from persian_ner import annotate
from persian_ner.annotate_io import open_source
from persian_ner.records import InputError, Problem

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="File (.jsonl .parquet .csv .tsv; .txt: a text a line) or hf:DATASET")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write: .jsonl or .parquet")],
    text_field: Annotated[str, typer.Option(help="Field or column with the text")] = "text",
    id_field: Annotated[str, typer.Option(help="Field or column with the id")] = "id",
    date_field: DateField = "",
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core, or one on a GPU")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Records that a process is handed at once")] = 32,
    gpu_id: Annotated[
        int | None, typer.Option(help="GPU to use; -1 for the CPU (default: the first GPU, if any)")
    ] = None,
    bfloat16: Bfloat16 = True,
    commit_seconds: Annotated[
        float, typer.Option(min=0, help="How much work may be lost when the command is killed")
    ] = annotate.COMMIT_SECONDS,
    split: Annotated[str, typer.Option(help="Split of a dataset (hf:)")] = "train",
    config: Annotated[str, typer.Option(help="Configuration of a dataset (hf:), such as a language")] = "",
    revision: Annotated[str, typer.Option(help="Commit or tag of a dataset of the hub (default: the newest)")] = "",
) -> None:
    """Annotate the records of INPUT; the same command goes on where an interrupted one stopped.

    Neither an interruption nor workers or batch size change the result. What cannot be annotated goes with its reason
    to OUTPUT.rejects.jsonl, and what was done to OUTPUT.summary.json.
    """
    gpu = annotate.default_gpu() if gpu_id is None else gpu_id
    problems: list[Problem] = []
    try:
        opened = collecting(
            problems,
            lambda: open_source(
                source, text_field=text_field, date_field=date_field, config=config, split=split, revision=revision
            ),
        )
        if opened is None:  # annotate would say what else is wrong
            collecting(problems, lambda: annotate.load_for(output, model, gpu, bfloat16=bfloat16))
            raise InputError(problems)
        job = annotate.Job(opened, output, model, text_field, id_field, bfloat16, date_field)
        summary = annotate.annotate(
            job,
            workers=workers or annotate.default_workers(gpu),
            batch_size=batch_size,
            gpu_id=gpu,
            commit_seconds=commit_seconds,
        )
    except InputError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    except annotate.Stopped as error:
        typer.echo(f"Stopped: {error}. The same command goes on.", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on.", err=True)
        raise typer.Exit(130) from None
    speed = f", {summary.words_per_second:.0f} words/s" if summary.words_per_second else ""
    typer.echo(f"Wrote {output}: {summary.annotated} records, {summary.words} words{speed} (see {job.summary})")
    if summary.rejected:
        typer.echo(f"{summary.rejected} records could not be annotated: see {job.rejects}", err=True)
    if summary.undated:
        typer.echo(f"{summary.undated} records have no publication date in {date_field!r}", err=True)


if __name__ == "__main__":
    app()
