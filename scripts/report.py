"""Write the HTML report of one or several evaluations."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting

from persian_ner import report
from persian_ner.evaluate import read_evaluation
from persian_ner.files import write_text
from persian_ner.records import Problem

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    folders: Annotated[
        list[Path], typer.Argument(metavar="METRICS_DIR...", help="Evaluation folders; the first is the main one")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.html", help="The page to write")],
    markdown: Annotated[Path | None, typer.Option(help="Also write a Markdown summary here")] = None,
) -> None:
    """Read metrics.json and predictions.jsonl of every folder and write one self-contained page."""
    evaluations: list[report.Evaluation] = []
    problems: list[Problem] = []
    for folder in folders:
        found = collecting(problems, partial(read_evaluation, folder))
        if found:
            evaluations.append(report.Evaluation(*found))
    if problems:
        for problem in problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1)
    write_text(output, report.render_html(evaluations))
    written = [str(output)]
    if markdown:
        write_text(markdown, "\n".join(report.markdown_summary(evaluation.metrics) for evaluation in evaluations))
        written.append(str(markdown))
    typer.echo(f"Wrote {' and '.join(written)}")


if __name__ == "__main__":
    app()
