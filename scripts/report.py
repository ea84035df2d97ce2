"""Write the HTML report of one or several evaluations."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems

from persian_ner import report
from persian_ner.evaluate import read_evaluation
from persian_ner.files import write_text
from persian_ner.records import InputError, Problem
from persian_ner.tables import to_csv

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    folders: Annotated[
        list[str],
        typer.Argument(
            metavar="[SYSTEM=]METRICS_DIR...",
            help="Evaluation folders; the first is the main one. Runs of one system share its name",
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.html", help="The page to write")],
    markdown: Annotated[Path | None, typer.Option(help="Also write a Markdown summary here")] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the numbers as a table here, a row a number")] = None,
    training_log: Annotated[Path | None, typer.Option(help="Log of the training of the first one's model")] = None,
) -> None:
    """Read metrics.json, predictions.jsonl and, where it is, robustness/robustness.json of each folder; write a page"""
    problems: list[Problem] = []
    steps = collecting(problems, partial(report.read_training_log, training_log)) if training_log else None
    evaluations: list[report.Evaluation] = []
    for argument in folders:
        system, separator, rest = argument.partition("=")
        folder = Path(rest if separator else argument)
        found = collecting(problems, partial(read_evaluation, folder))
        robustness = collecting(problems, partial(report.read_robustness, folder))
        if found and robustness and not report.same_run(found[0], robustness):
            typer.echo(f"Left out {folder / 'robustness'}: it is of another pipeline or other records", err=True)
            robustness = None
        if found:
            training = () if evaluations else steps or ()
            evaluations.append(report.Evaluation(*found, robustness, training, system if separator else "", folder))
    with reporting_problems():
        if problems:
            raise InputError(problems)
        page = report.render_html(evaluations)
    write_text(output, page)
    written = [output]
    apart = report.named_apart(evaluations)
    if markdown:
        write_text(markdown, "\n".join(map(report.markdown_summary, apart)))
        written.append(markdown)
    if csv:
        write_text(csv, to_csv((evaluation.metrics, evaluation.robustness) for evaluation in apart))
        written.append(csv)
    typer.echo(f"Wrote {' and '.join(map(str, written))}")


if __name__ == "__main__":
    app()
