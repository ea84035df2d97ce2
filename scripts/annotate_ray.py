"""Annotate many files on a Ray cluster: Parquet and JSON lines in, Parquet with offsets out."""

from typing import Annotated

import typer
from _cli import Bfloat16, DateField, reporting_problems

from persian_ner import annotate_ray
from persian_ner.annotate import Stopped


def main(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline, the same on every machine"),
    ],
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="File, folder or pattern (.parquet .jsonl): a path, or a URL as s3://"),
    ],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="Folder to write: a path or a URL")],
    text_field: Annotated[str, typer.Option(help="Field or column with the text")] = "text",
    id_field: Annotated[str, typer.Option(help="Field or column with the id")] = "id",
    date_field: DateField = "",
    address: Annotated[
        str,
        typer.Option(help="Ray cluster: auto for the one of this machine; local to start one that ends with the run"),
    ] = "local",
    workers: Annotated[int, typer.Option(min=0, help="Processes with the pipeline; 0: one for each core, or GPU")] = 0,
    gpu: Annotated[bool, typer.Option("--gpu", help="Give each worker a GPU")] = False,
    bfloat16: Bfloat16 = True,
    attempts: Annotated[
        int, typer.Option(min=1, help="How often records are tried at which workers die")
    ] = annotate_ray.ATTEMPTS,
) -> None:
    """Annotate the files of INPUT to OUTPUT/annotated; the same command goes on where an interrupted one stopped.

    The result is that of annotate, for any number of workers and interruptions. What cannot be annotated goes with its
    reason to OUTPUT/rejects, and what was done to OUTPUT/summary.json. Exits with status 1 when a file failed.
    """
    job = annotate_ray.Job(source, output, model, text_field, id_field, bfloat16, date_field)
    try:
        with reporting_problems():
            summary = annotate_ray.annotate_files(job, address=address, workers=workers, gpu=gpu, attempts=attempts)
    except Stopped as error:
        typer.echo(f"Stopped: {error}. The same command goes on.", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command goes on.", err=True)
        raise typer.Exit(130) from None
    speed = f" ({summary.run.words_per_second:.0f} words/s)" if summary.run.words_per_second else ""
    typer.echo(
        f"Wrote {output}: {summary.done} of {summary.inputs} files, {summary.annotated} records, "
        f"{summary.words} words, {summary.run.words} of them in this run{speed}"
    )
    if summary.rejected:
        typer.echo(f"{summary.rejected} records could not be annotated: see {output}/rejects", err=True)
    if summary.undated:
        typer.echo(f"{summary.undated} records have no publication date in {date_field!r}", err=True)
    for failure in summary.failed:
        typer.echo(f"Failed: {failure.file}: {failure.reason}", err=True)
    if summary.failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
