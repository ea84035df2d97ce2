"""Turn annotated documents of any supported format into canonical records or inline markup."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner.readers import markup, records_jsonl, registry
from persian_ner.records import InputError, Problem, Record, collect

app = typer.Typer(help=__doc__, add_completion=False)
Format = Annotated[str, typer.Argument(help=f"One of: {', '.join(registry.READERS)}")]
Input = Annotated[str, typer.Argument(help="File, folder, or name of a data set")]
Options = Annotated[list[str], typer.Option("--option", help="Option of the reader, name=value; may be repeated")]


@app.command()
def to_jsonl(
    format: Format,
    source: Input,
    output: Annotated[Path, typer.Argument(help="File of canonical records to write")],
    option: Options = [],  # noqa: B006 (typer reads the default, nothing changes it)
) -> None:
    """Write canonical records, one a line."""
    records = _read(format, source, option)
    records_jsonl.write(records, output)
    typer.echo(f"Wrote {output}: {len(records)} records")


@app.command()
def to_markup(
    format: Format,
    source: Input,
    output: Annotated[Path, typer.Argument(help="Folder for one .md file a document, and for nothing else")],
    option: Options = [],  # noqa: B006
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Say what inline markup cannot hold (scores …), and write the rest")
    ] = False,
) -> None:
    """Write inline markup, one file a document, for reading and correcting by hand.

    The numbered files of an earlier run are replaced, and a folder with others is refused. Without --lossy every
    document must come back from its file as it is.
    """
    records = _read(format, source, option)
    with reporting_problems():
        losses = markup.write(records, output, lossy=lossy)
    for loss in losses:
        typer.echo(str(loss), err=True)
    typer.echo(f"Wrote {output}: {len(records)} files")


def _read(format: str, source: str, option: list[str]) -> list[Record]:
    pairs = [text.partition("=") for text in option]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise typer.BadParameter(f"not name=value: {', '.join(wrong)}", param_hint="--option")
    with reporting_problems():
        try:
            items = registry.read(format, source, **{name: value for name, _, value in pairs})
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        try:
            records, problems = collect(items)
        except (OSError, ValueError) as error:
            raise InputError([Problem(source, 0, "", f"cannot be read as {format}: {error}")]) from error
        if problems:
            raise InputError(problems)
    return records


if __name__ == "__main__":
    app()
