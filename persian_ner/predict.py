"""Predicted spans for raw text, with the pipeline's own tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from persian_ner.records import InputError, Problem, Record, Span

if TYPE_CHECKING:  # spaCy takes seconds to import, and the caller has done so to load ``nlp``
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.tokens import Span as SpacySpan

BATCH_SIZE = 32
SCORE_DIGITS = 4
_SURROGATE = re.compile("[\ud800-\udfff]")


def predict(nlp: Language, items: Iterable[str | Record], batch_size: int = BATCH_SIZE) -> list[list[Span]]:
    """Predict the spans of texts or records, in their order, with their scores where the pipeline has any.

    Offsets are characters of the raw text. Raises :class:`InputError` naming every
    text that holds half of a surrogate pair, which UTF-8 and so spaCy cannot store, or
    that is longer than the pipeline takes, before anything is predicted. Raises :class:`RuntimeError` if the pipeline's
    tokenizer changes a text, since offsets would then refer to another one.
    """
    return [spans_of(doc) for doc in predicted_docs(nlp, items, batch_size)]


def predicted_docs(nlp: Language, items: Iterable[str | Record], batch_size: int = BATCH_SIZE) -> Iterator[Doc]:
    """Predict texts or records, in their order. Raises what :func:`predict` does."""
    items = list(items)
    problems = [*half_characters(items), *_too_long(items, nlp.max_length)]
    if problems:
        raise InputError(problems)
    texts = [item.text if isinstance(item, Record) else item for item in items]
    for text, doc in zip(texts, nlp.pipe(texts, batch_size=batch_size), strict=True):
        if doc.text != text:
            raise RuntimeError(f"the tokenizer of {nlp.meta['name']} changes the text {text[:60]!r}…")
        yield doc


def half_characters(items: Iterable[str | Record]) -> Iterator[Problem]:
    """What :func:`predict` refuses: every text that holds half of a surrogate pair."""

    def reason(text: str) -> str:
        half = _SURROGATE.search(text)
        return f"holds half of a character (lone surrogate U+{ord(half[0]):04X} at {half.start()})" if half else ""

    return _problems(items, reason)


def _too_long(items: Iterable[str | Record], limit: int) -> Iterator[Problem]:
    def reason(text: str) -> str:
        refusal = (
            f"has {len(text):,} characters; the pipeline takes {limit:,} at once (nlp.max_length): divide the text"
        )
        return refusal if len(text) > limit else ""

    return _problems(items, reason)


def _problems(items: Iterable[str | Record], reason: Callable[[str], str]) -> Iterator[Problem]:
    """A problem for every text that there is a ``reason`` to refuse."""
    for number, item in enumerate(items, start=1):
        record = item if isinstance(item, Record) else None
        if why := reason(record.text if record else str(item)):
            yield record.problem(why) if record else Problem("texts", number, "", why)


def spans_of(doc: Doc) -> list[Span]:
    """The entities of a document, with their scores where they have one."""
    return [Span(start=ent.start_char, end=ent.end_char, label=ent.label_, score=score_of(ent)) for ent in doc.ents]


def score_of(ent: SpacySpan) -> float | None:
    """The confidence of an entity, in four digits; None where no component has set one."""
    confidence = ent._.confidence if ent.has_extension("confidence") else None
    return None if confidence is None else round(float(confidence), SCORE_DIGITS)
