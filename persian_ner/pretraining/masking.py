"""Whole-word masking."""

from __future__ import annotations

import numpy as np


def mask_words(
    rows: np.ndarray,
    continues: np.ndarray,
    special: np.ndarray,
    mask_id: int,
    rate: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose whole words to predict and hide them.

    ``rows``: ids, shape (batch, length). ``continues`` and ``special`` tell, by
    vocabulary id, whether a piece continues a word («##…») and whether it is a
    special token. Returns the model's input and a boolean array of the positions
    to predict, both of the shape of ``rows``. Of the chosen pieces 80 % become
    ``mask_id``, 10 % a random piece and 10 % stay (Devlin et al. 2019).
    """
    word = np.cumsum(~continues[rows], axis=1)
    draw = rng.random((rows.shape[0], rows.shape[1] + 1))
    chosen = (np.take_along_axis(draw, word, axis=1) < rate) & ~special[rows]
    action = rng.random(rows.shape)
    hidden = np.where(chosen & (action < 0.8), mask_id, rows)
    random_ids = rng.choice(np.flatnonzero(~special), size=rows.shape)
    return np.where(chosen & (action >= 0.9), random_ids, hidden), chosen
