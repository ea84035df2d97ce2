"""Measure bulk annotation with 1 to N workers, and estimate what many articles would take."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import annotate_ray, files, scaling
from persian_ner.annotate import Stopped


def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help="File of articles such as yours (.parquet .jsonl)")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Folder to write: scaling.json and scaling.md")],
    price: Annotated[float, typer.Option(min=0, help="Price of one core for an hour (with --gpu: of one GPU)")],
    hours: Annotated[float, typer.Option(min=0.01, help="Hours that the work may take")] = 24,
    articles: Annotated[int, typer.Option(min=1, help="Articles to estimate for")] = scaling.ARTICLES,
    max_workers: Annotated[
        int, typer.Option(min=0, help="Measure 1 to so many workers; 0: one for each core, or GPU")
    ] = 0,
    gpu: Annotated[bool, typer.Option("--gpu", help="Give each worker a GPU")] = False,
    text_field: Annotated[str, typer.Option(help="Field or column with the text")] = "text",
) -> None:
    """Annotate INPUT once with each number of workers on a Ray cluster of this machine; keeps the figures only.

    Measure on an otherwise idle machine.
    """
    job = annotate_ray.Job(source, "", model, text_field)
    try:
        with reporting_problems():
            measured = scaling.measure(job, max_workers, price=price, hours=hours, articles=articles, gpu=gpu)
    except Stopped as error:
        typer.echo(f"Stopped: {error}.", err=True)
        raise typer.Exit(1) from None
    files.write_text(output / "scaling.md", scaling.to_markdown(measured))
    files.write_json(output / "scaling.json", measured.model_dump(mode="json"))
    for speed in measured.speeds:
        typer.echo(f"{speed.workers} workers: {speed.words_per_second:.0f} words/s ({speed.efficiency:.0%})")
    typer.echo(
        f"Wrote {output / 'scaling.md'}: {articles:,} articles take {measured.sizing.worker_hours:,.0f} worker-hours"
    )


if __name__ == "__main__":
    typer.run(main)
