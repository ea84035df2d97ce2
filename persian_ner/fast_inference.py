"""Faster prediction on CPUs: the same pipeline, the same weights, other batches and arithmetic.

Nearly all time of a transformer pipeline goes into the encoder's matrix products (``scripts/speed.py
--profile``). Of these

* many are about padding. A batch is padded to its longest text, and spaCy sorts texts by length only
  within ``nlp.batch_size`` of them and cuts after ``max_batch_items`` padded tokens. With many texts to
  sort and small cuts hardly any padding is left. This changes results in the last digits of a float only;
* all run faster in bfloat16 where the CPU has instructions for it (:mod:`persian_ner.cpu_precision`). There
  entities may differ between CPUs in rare close calls.

Not done, because entities change: windows with less overlap or of another length than in training, and
weights in eight bits.
"""

from __future__ import annotations

from typing import Any

from spacy.language import Language

from persian_ner.cpu_precision import use_bfloat16_on_cpu
from persian_ner.evaluate import load_pipeline

BATCH_SIZE = 256
"""Texts that are sorted by length together; also for callers who give ``nlp.pipe`` a batch size of their own."""

MAX_BATCH_ITEMS = 512
"""Tokens of a batch of the encoder, padding included, unless a single text is longer."""


def speed_up(nlp: Language) -> Language:
    """Make ``nlp.pipe`` faster, in place; returns the pipeline. To be called once.

    Does nothing without a transformer or on a GPU, which wants large batches.
    """
    if not nlp.has_pipe("transformer"):
        return nlp
    component: Any = nlp.get_pipe("transformer")
    if component.model.transformer.device.type != "cpu":
        return nlp
    nlp.batch_size = max(nlp.batch_size, BATCH_SIZE)
    component.cfg["max_batch_items"] = min(component.cfg["max_batch_items"], MAX_BATCH_ITEMS)
    return use_bfloat16_on_cpu()(nlp)


def load_fast(model: str, gpu_id: int = -1, *, bfloat16: bool = True) -> Language:
    """Load a pipeline (:func:`persian_ner.evaluate.load_pipeline`) and speed it up, unless it is to be exact.

    Raises :class:`persian_ner.records.InputError`.
    """
    nlp = load_pipeline(model, gpu_id)
    return speed_up(nlp) if bfloat16 else nlp
