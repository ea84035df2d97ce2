"""Hand texts with their annotation, or with what a pipeline suggests, over to an annotation tool."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner.corpus import read_config
from persian_ner.labels import LABELS
from persian_ner.writers.export import Tool, export

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="JSON lines that annotate wrote, or canonical records")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="File to import: .json for Label Studio, .jsonl for the others")
    ],
    to: Annotated[Tool, typer.Option(help="The annotation tool")],
    corpus: Annotated[
        Path | None,
        typer.Option(help="Corpus configuration whose labels the tool offers [default: the project's five labels]"),
    ] = None,
    text_field: Annotated[str, typer.Option(help="Field with the text, as given to annotate")] = "text",
    id_field: Annotated[str, typer.Option(help="Field with the id, as given to annotate")] = "id",
) -> None:
    """Write the records of INPUT as an annotation tool imports them, and the tool's own configuration beside them."""
    with reporting_problems():
        labels = read_config(corpus).labels if corpus else LABELS
        done = export(source, output, to, labels, text_field, id_field)
    typer.echo(f"Wrote {' and '.join(map(str, done.files))}: {done.tasks} texts, {done.spans} spans")
    typer.echo(done.next_step)


if __name__ == "__main__":
    app()
