"""Run a study: train every system over all seeds, evaluate, and compare."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems
from tqdm import tqdm

from persian_ner import compare, study

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    config: Annotated[Path, typer.Argument(metavar="STUDY", help="Study (configs/studies/*.yml)")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for corpora, runs and comparisons")],
    gold: Annotated[
        list[str], typer.Option(metavar="NAME=FILE", help="One more gold file, canonical JSONL; may be repeated")
    ] = [],  # noqa: B006  # typer copies it
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time")] = 1,
) -> None:
    """Train what is not finished yet, and put the systems side by side on every gold file."""
    with reporting_problems():
        plan = study.read_study(config, gold)
        runs = study.prepare(plan, output)
    failures = []
    with tqdm(total=len(runs), desc=config.stem, unit="run") as bar:
        for done, failure in study.run(runs, jobs):
            bar.set_postfix_str(done.folder.name)
            bar.update()
            if failure:
                failures.append(f"{done.folder.name}: {failure}")
    if failures:
        for failure in failures:
            typer.echo(failure, err=True)
        typer.echo(f"{len(failures)} of {len(runs)} runs failed; the others are kept.", err=True)
        raise typer.Exit(1)
    with reporting_problems():
        found = study.comparisons(plan, output)
    for name, comparison in found.items():
        typer.echo(f"{name}:")
        for sentence in compare.sentences(comparison):
            typer.echo(f"  {sentence}")
    typer.echo(f"Wrote {output / 'comparison'}")


if __name__ == "__main__":
    app()
