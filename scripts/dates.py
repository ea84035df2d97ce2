"""Measure how many of the DATE spans of annotated records can be resolved, and how many are resolved rightly."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer
from _cli import collecting, reporting_problems
from rich.console import Console
from rich.table import Table

from persian_ner import evaluate, files
from persian_ner.dates import accuracy, coverage
from persian_ner.metrics import DataInfo
from persian_ner.readers import markup
from persian_ner.records import InputError, Problem, Record, collect


def main(
    records: Annotated[Path, typer.Argument(help="Canonical records; meta.published is the publication date")],
    output: Annotated[Path, typer.Argument(help="Result (JSON)")],
    answers: Annotated[
        Path | None, typer.Option(help="TSV with the days that DATE spans of --articles mean, to compare with")
    ] = None,
    articles: Annotated[Path, typer.Option(help="Articles in inline markup that --answers is about")] = Path(
        "assets/articles"
    ),
) -> None:
    """Resolve every DATE span of RECORDS and count the results by granularity, calendar and reason.

    With --answers also compare the days of the answered spans. Lists every problem of the files and exits with
    status 1 when there is one.
    """
    problems: list[Problem] = []
    with reporting_problems():
        measured = collecting(problems, lambda: coverage.measure(evaluate.read_gold(records)))
        compared = collecting(problems, lambda: _accuracy(answers, articles)) if answers else None
        if measured is None or problems:
            raise InputError(problems)
    report = accuracy.DateReport(
        created=datetime.now(timezone.utc).replace(microsecond=0),
        git_commit=files.git_commit(),
        data=DataInfo(path=records.as_posix(), sha256=files.checksum(records)),
        coverage=measured,
        accuracy=compared,
    )
    files.write_text(output, report.model_dump_json(indent=2) + "\n")
    Console().print(_table(measured))
    share = "–" if measured.share is None else f"{measured.share:.2%}"
    if compared:
        for miss in compared.misses:
            typer.echo(f"{miss.document} {miss.start}–{miss.end} {miss.surface}: {miss.meant} was {miss.resolved}")
        low, high = compared.interval.low, compared.interval.high
        typer.echo(
            f"{compared.right} of {compared.dates} answered dates have exactly the days meant "
            f"({compared.share:.1%}, {compared.level:.0%} interval {low:.1%}–{high:.1%})"
        )
    typer.echo(f"Wrote {output}: {measured.resolved} of {measured.dates} dates resolved ({share})")


def _accuracy(answers: Path, articles: Path) -> accuracy.Accuracy:
    """Compare with a file of answers. Raises :class:`InputError` with the problems of both."""
    problems: list[Problem] = []
    asked = collecting(problems, lambda: accuracy.read_answers(answers))
    by_id = collecting(problems, lambda: _read_articles(articles))
    if asked is not None and by_id is not None:
        problems += accuracy.check(asked, by_id, str(answers))
        if not problems:
            return accuracy.measure(asked, by_id)
    raise InputError(problems)


def _read_articles(articles: Path) -> dict[str, Record]:
    """Articles by id. Raises :class:`InputError` with every problem of them."""
    try:
        records, problems = collect(markup.read(articles))
    except OSError as error:
        raise InputError([Problem(str(articles), 0, "", f"cannot be read: {error.strerror}")]) from error
    if problems:
        raise InputError(problems)
    return {record.id: record for record in records}


def _table(measured: coverage.DateCoverage) -> Table:
    table = Table("Dates", "Number", title=f"{measured.dates} dates of {measured.documents} documents")
    for counts in (measured.granularities, measured.calendars, measured.reasons):
        for name, count in counts.items():
            table.add_row(name, str(count))
        table.add_section()
    return table


if __name__ == "__main__":
    typer.run(main)
