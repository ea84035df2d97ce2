"""Measure a running service under load: requests and words a second, latency, errors."""

from pathlib import Path
from typing import Annotated

import typer
from _cli import NOT_REACHED, reporting_problems
from rich.console import Console
from rich.table import Table

from persian_ner import files, load

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    records: Annotated[Path, typer.Argument(help="Texts to send, canonical JSONL")],
    output: Annotated[Path, typer.Argument(help="JSON file to write")],
    url: Annotated[str, typer.Option(help="Address of the service")] = "http://127.0.0.1:8000",
    clients: Annotated[int, typer.Option(min=1, help="Clients that send at once")] = 8,
    requests: Annotated[
        int | None, typer.Option(min=1, help="Requests to send in all (default: each text once)")
    ] = None,
) -> None:
    """Send the texts of RECORDS to the service and write the figures; exit code 3 when a request got an error."""
    with reporting_problems():
        found = load.measure(url.rstrip("/"), records, clients, requests)
        files.write_json(output, found.model_dump(mode="json"))
    Console().print(_table(found))
    typer.echo(f"Wrote {output}")
    if found.errors:
        raise typer.Exit(NOT_REACHED)


def _table(found: load.Load) -> Table:
    table = Table(
        "Figure", title=f"{found.model.name} {found.model.version}: {found.requests} requests, {found.clients} clients"
    )
    table.add_column("Value", justify="right")
    table.add_row("requests/s", f"{found.requests_per_second:.1f}")
    table.add_row("words/s", f"{found.words_per_second:.0f}")
    if found.latency_seconds:
        for name, seconds in found.latency_seconds:
            table.add_row(f"latency {name}", f"{1000 * seconds:.0f} ms")
    table.add_row("errors", ", ".join(f"{count} × {kind}" for kind, count in found.errors.items()) or "0")
    return table


if __name__ == "__main__":
    app()
