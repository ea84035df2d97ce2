"""What commands share: options, and what they do with bad input: say all of it, change nothing, exit non-zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from persian_ner.records import InputError
from persian_ner.records import collecting as collecting  # commands take it from here, with what goes around it

NOT_REACHED = 3
"""Status of a command that found something worse than its caller allows; 1 is bad input, 2 a wrong command line."""

Bfloat16 = Annotated[
    bool,
    typer.Option("--bfloat16/--float32", help="On CPUs: bfloat16 and windows without overlap; faster, nearly exact"),
]

DateField = Annotated[
    str, typer.Option(help="Field or column with the publication date, which «yesterday» and weekdays depend on")
]


@contextmanager
def reporting_problems() -> Iterator[None]:
    """Print every problem of an :class:`InputError` and exit with status 1."""
    try:
        yield
    except InputError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        count = len(error.problems)
        typer.echo(f"{count} problem{'s' if count != 1 else ''} found; nothing was written.", err=True)
        raise typer.Exit(1) from None


def say_missed(messages: list[str]) -> None:
    """Print each threshold that was not reached."""
    for message in messages:
        typer.echo(f"Threshold not reached: {message}", err=True)
