"""The settings of a pre-training run, as ``configs/pretrain.yaml`` has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from persian_ner.pretraining.corpus import MOST_PIECES
from persian_ner.pretraining.objectives import ObjectiveName
from persian_ner.pretraining.tokenizer import MAX_LENGTH

Share = Annotated[float, Field(gt=0, le=1)]


class TokenizerSettings(BaseModel):
    """Of a new tokenizer: the number of its pieces."""

    model_config = ConfigDict(extra="forbid")

    vocab_size: int = Field(gt=0, le=MOST_PIECES)


class CorpusSettings(BaseModel):
    """What is trained on.

    ``sources``: names as :func:`persian_ner.pretraining.corpus.read_lines` takes them, each with the share of its
    blocks that is used. ``tokenizer_sources``: such names, of what a new tokenizer is trained on. ``block_length``: in
    pieces. ``held_out_blocks``: those that the loss is measured on.
    """

    model_config = ConfigDict(extra="forbid")

    sources: dict[str, Share] = Field(min_length=1)
    tokenizer_sources: list[str] = Field(default_factory=list)
    block_length: int = Field(gt=2, le=MAX_LENGTH)
    held_out_blocks: PositiveInt


class Schedule(BaseModel):
    """Hyperparameters of one run.

    ``objective`` is what is learnt from, see :mod:`persian_ner.pretraining.objectives`; ``mask_rate`` the share of
    words that are masked, for either.
    Learning rates are constant after warm-up and fall to zero in the last
    ``decay`` share of the steps. With this schedule a run that is still on its constant part can be given more
    steps and resumed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: PositiveInt
    batch_rows: PositiveInt
    mask_rate: Share
    body_rate: PositiveFloat
    embedding_rate: PositiveFloat
    warmup_steps: PositiveInt
    decay: float = Field(ge=0, le=1)
    weight_decay: NonNegativeFloat
    seed: NonNegativeInt
    log_every: PositiveInt
    save_minutes: PositiveFloat
    objective: ObjectiveName = "masked-words"

    def factor(self, step: int) -> float:
        """Learning-rate factor in 0…1 at a 0-based step."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        left = (self.steps - step) / max(1.0, self.steps * self.decay)
        return warm * min(1.0, left)


class Config(BaseModel):
    """Settings of any run; one that goes on from an encoder has that one's tokenizer and needs no settings of it."""

    model_config = ConfigDict(extra="forbid")

    tokenizer: TokenizerSettings | None = None
    corpus: CorpusSettings
    schedule: Schedule


class NewCorpusSettings(CorpusSettings):
    """As :class:`CorpusSettings`, with something to train a tokenizer on."""

    tokenizer_sources: list[str] = Field(min_length=1)


class NewConfig(Config):
    """Settings of a run that begins anew, with its own tokenizer."""

    tokenizer: TokenizerSettings
    corpus: NewCorpusSettings
