"""Measure how fast pipelines annotate raw text, side by side: speed.json and speed.md."""

from pathlib import Path
from typing import Annotated

import torch
import typer
from _cli import reporting_problems

from persian_ner import speed
from persian_ner.evaluate import read_gold

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]MODEL...",
            help=f"Pipelines; all others are compared with the first. Built from the first: {', '.join(speed.BUILT)}",
        ),
    ],
    texts: Annotated[Path, typer.Argument(metavar="TEXTS", help="Texts to annotate, canonical JSONL")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the two files")],
    words: Annotated[int, typer.Option(min=1, help="Words of a round: whole texts from the beginning")] = 5000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, after a warm-up; 6 or more give intervals")] = 9,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch [default: its choice]")] = None,
    profile: Annotated[bool, typer.Option(help="Say where the time of the first pipeline goes")] = False,
) -> None:
    """Annotate the same texts with each system in turn, round by round."""
    with reporting_problems():
        specs = speed.parse_systems(systems)
        chosen = speed.first_texts(read_gold(texts), words)
        report = speed.measure(
            specs, chosen, texts, rounds=rounds, threads=threads or torch.get_num_threads(), profiled=profile
        )
    speed.write(output, report)
    typer.echo(speed.to_markdown(report))
    typer.echo(f"Wrote {output / speed.SPEED_FILE} and {output / speed.TABLE_FILE}")


if __name__ == "__main__":
    app()
