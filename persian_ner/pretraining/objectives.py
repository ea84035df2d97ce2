"""What an encoder learns from in pre-training: hidden words, or pieces that a small generator has replaced.

Both see rows with whole words masked (:func:`persian_ner.pretraining.masking.mask_words`). ``bert`` is the
body that is exported; the rest of an objective is thrown away.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM

ObjectiveName = Literal["masked-words", "replaced-pieces"]

# A third of the in-repo encoder's. ELECTRA found a quarter to a half of the body's size to be best.
_GENERATOR_LAYERS = 2
_JUDGING_WEIGHT = 50.0


class Batch:
    """Rows of pieces on a device, as they are and with words masked."""

    def __init__(self, rows: np.ndarray, inputs: np.ndarray, chosen: np.ndarray, device: torch.device) -> None:
        """Take the rows, what is left of them, and which of their pieces are masked, all of shape (rows, length)."""
        self.device = device
        self.rows = torch.from_numpy(rows).to(device)
        self.inputs = torch.from_numpy(inputs).to(device)
        self.positions = torch.from_numpy(np.flatnonzero(chosen)).to(device)

    def targets(self) -> torch.Tensor:
        """The pieces that were masked."""
        return self.rows.reshape(-1)[self.positions]


class MaskedWords(torch.nn.Module):
    """Masked-LM: say which words were hidden (Devlin et al. 2019). Its state is that of a ``BertForMaskedLM``."""

    def __init__(self, model: BertForMaskedLM) -> None:
        """Train this very model."""
        super().__init__()
        self.bert, self.cls = model.bert, model.cls

    def loss(self, batch: Batch, rng: np.random.Generator) -> torch.Tensor:
        """Mean cross-entropy of the hidden pieces; draws nothing from ``rng``."""
        return cross_entropy(_guess(self.bert, self.cls, batch), batch.targets())


class ReplacedPieces(torch.nn.Module):
    """Tell the pieces that a generator has replaced from those it has not (ELECTRA, Clark et al. 2020).

    The generator has the body's embeddings and begins as its lower layers. It fills masked words with what it
    finds likely there; the body sees the result, and learns from every piece instead of the masked ones alone.
    """

    special: torch.Tensor

    def __init__(self, model: BertForMaskedLM, special: np.ndarray) -> None:
        """Train this very model's body; ``special`` as in :func:`objective`."""
        super().__init__()
        self.bert = model.bert
        config = BertConfig(**{**model.config.to_dict(), "num_hidden_layers": _GENERATOR_LAYERS})
        # Eager attention, for the reason that the body has it: persian_ner/pretraining/encoder.py.
        generator = AutoModelForMaskedLM.from_config(config, attn_implementation="eager")
        generator.bert.load_state_dict(model.bert.state_dict(), strict=False)
        generator.bert.embeddings, generator.cls = model.bert.embeddings, model.cls
        self.generator = generator
        width = config.hidden_size
        self.judge = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.GELU(), torch.nn.Linear(width, 1))
        self.register_buffer("special", torch.from_numpy(special), persistent=False)

    def loss(self, batch: Batch, rng: np.random.Generator) -> torch.Tensor:
        """The generator's cross-entropy and fifty times the judge's, as in ELECTRA; ``rng`` draws what is put in."""
        guesses = _guess(self.generator.bert, self.generator.cls, batch)
        with torch.no_grad():
            rising = guesses.softmax(-1).cumsum(-1)
            drawn = torch.from_numpy(rng.random((len(rising), 1), dtype=np.float32)).to(batch.device)
            replacements = torch.searchsorted(rising, drawn * rising[:, -1:]).squeeze(1)
        seen = batch.rows.flatten().clone()
        seen[batch.positions] = replacements.clamp(max=guesses.shape[1] - 1)
        seen = seen.view_as(batch.rows)
        judged = self.judge(_read(self.bert, seen)).squeeze(-1).float()
        ordinary = ~self.special[batch.rows]
        wrong = binary_cross_entropy_with_logits(judged[ordinary], (seen != batch.rows)[ordinary].float())
        return cross_entropy(guesses, batch.targets()) + _JUDGING_WEIGHT * wrong


def objective(name: ObjectiveName, model: BertForMaskedLM, special: np.ndarray) -> MaskedWords | ReplacedPieces:
    """The objective of that name around a model; ``special`` tells, by vocabulary id, which pieces are special."""
    return MaskedWords(model) if name == "masked-words" else ReplacedPieces(model, special)


def _guess(bert: torch.nn.Module, vocabulary: torch.nn.Module, batch: Batch) -> torch.Tensor:
    # The vocabulary layer is run on the chosen positions only: on all of them it would cost as much as the body.
    logits: torch.Tensor = vocabulary(_read(bert, batch.inputs).flatten(0, 1)[batch.positions])
    return logits.float()


def _read(bert: torch.nn.Module, pieces: torch.Tensor) -> torch.Tensor:
    hidden: torch.Tensor = bert(input_ids=pieces).last_hidden_state
    return hidden
