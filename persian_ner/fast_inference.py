"""Faster prediction on CPUs: the same pipeline, the same weights, other batches and arithmetic.

Nearly all time of a transformer pipeline goes into the encoder's matrix products (``scripts/speed.py
--profile``). Of these

* many are about padding. A batch is padded to its longest text, and spaCy sorts texts by length only
  within ``nlp.batch_size`` of them and cuts after ``max_batch_items`` padded tokens. With many texts to
  sort and small cuts hardly any padding is left. This changes results in the last digits of a float only;
* many are about words that are read twice: the configured windows overlap by more than a third, since they begin
  and end anywhere. Windows of whole sentences (:func:`sentence_windows`) are what training has seen, and need
  no overlap. Entities differ in close calls, and are no worse;
* all run faster in bfloat16 where the CPU has instructions for it (:mod:`persian_ner.cpu_precision`). There
  entities may differ between CPUs in rare close calls.

What the encoder computes at once is limited, too: spaCy hands over all windows of a text together, however long it is,
and the encoder gets them in portions (:func:`in_portions`).

Not done: windows of another length than in training, which score worse, and weights in eight bits, which
change entities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy_transformers.span_getters import get_strided_spans

from persian_ner.cpu_precision import use_bfloat16_on_cpu
from persian_ner.evaluate import load_pipeline

BATCH_SIZE = 256
"""Texts that are sorted by length together; also for callers who give ``nlp.pipe`` a batch size of their own."""

MAX_BATCH_ITEMS = 512
"""Tokens of a batch of the encoder, padding included, unless a single text is longer."""

OVERLAP = 32
"""Tokens that two windows have in common where no sentence ends between them."""

WORD_PIECES = 1 << 14
"""Word pieces that the encoder computes at once, padding included, unless a single window has more."""

_SENTENCE_ENDS = frozenset(".!?؟…")


def sentence_windows(docs: Iterable[Doc], window: int) -> list[list[Span]]:
    """What the encoder reads of each text at once: windows of at most ``window`` tokens that hold every token.

    A window ends with the last sentence that fits, and the next one begins there. Where that
    would leave half of a window empty, it ends anywhere, and the next one reads its last ``OVERLAP`` tokens again.
    Raises ``ValueError`` for a window that is not larger than that.
    """
    if window <= OVERLAP:
        raise ValueError(f"a window of {window} tokens is too small to overlap by {OVERLAP}")
    return [_windows(doc, window) for doc in docs]


def _windows(doc: Doc, window: int) -> list[Span]:
    found: list[Span] = []
    start = 0
    while start + window < len(doc):
        full = start + window
        endings = (end for end in range(full, full - window // 2, -1) if _ends_sentence(doc, end - 1))
        end = next(endings, None)
        found.append(doc[start : end or full])
        start = end or full - OVERLAP
    return [*found, doc[start:]] if len(doc) else []


def _ends_sentence(doc: Doc, index: int) -> bool:
    token = doc[index]
    ended = token.text in _SENTENCE_ENDS and (token.whitespace_ or doc[index + 1].is_space)
    return bool(ended) or "\n" in token.text


def in_portions(forward: Callable[..., Any], word_pieces: int = WORD_PIECES) -> Callable[..., Any]:
    """A Hugging Face encoder's ``forward`` that computes at most ``word_pieces`` at once, but always a whole window.

    It takes tensors by name, whose first two dimensions are windows and word pieces, and returns what ``forward``
    does for all windows. Padding stays as it is, so results are those of all at once, up to the last digits of a float.
    """

    @wraps(forward)
    def run(**inputs: torch.Tensor) -> Any:
        windows, length = inputs["input_ids"].shape
        size = max(1, word_pieces // max(1, length))
        if windows <= size:
            return forward(**inputs)
        portions = [
            forward(**{name: tensor[start : start + size] for name, tensor in inputs.items()})
            for start in range(0, windows, size)
        ]
        return type(portions[0])({name: _joined([part[name] for part in portions]) for name in portions[0]})

    return run


def _joined(parts: list[Any]) -> Any:
    """One tensor of several; of tuples of tensors, such as the hidden states of all layers, one tuple."""
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(same)) for same in zip(*parts, strict=True))
    return torch.cat(parts)


def speed_up(nlp: Language) -> Language:
    """Make ``nlp.pipe`` faster and bound the encoder's memory, in place; returns the pipeline. To be called once.

    Does nothing without a transformer. On a GPU, which wants large batches, only memory is bounded.
    """
    if not nlp.has_pipe("transformer"):
        return nlp
    component: Any = nlp.get_pipe("transformer")
    encoder = component.model.transformer
    encoder.forward = in_portions(encoder.forward)
    if encoder.device.type != "cpu":
        return nlp
    nlp.batch_size = max(nlp.batch_size, BATCH_SIZE)
    configured = component.model.attrs["get_spans"]
    if isinstance(configured, partial) and configured.func is get_strided_spans:
        window: int = configured.keywords["window"]
        if window > OVERLAP:
            component.model.attrs["get_spans"] = partial(sentence_windows, window=window)
    component.cfg["max_batch_items"] = min(component.cfg["max_batch_items"], MAX_BATCH_ITEMS)
    return use_bfloat16_on_cpu()(nlp)


def load_fast(model: str, gpu_id: int = -1, *, bfloat16: bool = True) -> Language:
    """Load a pipeline (:func:`persian_ner.evaluate.load_pipeline`) and speed it up, unless it is to be exact.

    Raises :class:`persian_ner.records.InputError`.
    """
    nlp = load_pipeline(model, gpu_id)
    return speed_up(nlp) if bfloat16 else nlp
