"""Compare evaluations of the same documents: comparison.json and comparison.md."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner import compare

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="[SYSTEM=]METRICS_DIR...",
            help="Evaluation folders; the first system is the baseline. Runs with other seeds share the system's name",
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the two files")],
) -> None:
    """Put evaluations side by side and test which differences are real."""
    with reporting_problems():
        comparison = compare.compare(compare.read_runs(runs))
    compare.write(output, comparison)
    for sentence in [*compare.sentences(comparison), *compare.other_sentences(comparison)]:
        typer.echo(sentence)
    typer.echo(f"Wrote {output / compare.COMPARISON_FILE} and {output / compare.TABLE_FILE}")


if __name__ == "__main__":
    app()
