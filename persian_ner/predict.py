"""Predicted spans for raw text, with the pipeline's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from persian_ner.records import Record, Span

if TYPE_CHECKING:  # spaCy takes seconds to import, and the caller has done so to load ``nlp``
    from spacy.language import Language

BATCH_SIZE = 32


def predict(nlp: Language, items: Iterable[str | Record], batch_size: int = BATCH_SIZE) -> list[list[Span]]:
    """Predict the spans of texts or records, in their order.

    Offsets are characters of the raw text. Raises :class:`RuntimeError` if the
    pipeline's tokenizer changes a text, since offsets would then refer to another one.
    """
    texts = [item.text if isinstance(item, Record) else item for item in items]
    found: list[list[Span]] = []
    for text, doc in zip(texts, nlp.pipe(texts, batch_size=batch_size), strict=True):
        if doc.text != text:
            raise RuntimeError(f"the tokenizer of {nlp.meta['name']} changes the text {text[:60]!r}…")
        found.append([Span(start=ent.start_char, end=ent.end_char, label=ent.label_) for ent in doc.ents])
    return found
