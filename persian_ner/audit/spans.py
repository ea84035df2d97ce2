"""Spans of unusual length or doubtful form.

**Length.** Logarithms of the words and of the characters of a label's spans, each as its distance
from the label's median in robust standard deviations: the larger of 1.4826 times the median absolute
deviation and the width of the central 95 % / 3.92. The second serves labels with two usual lengths, such
as first names and full names. Neither counts for less than :data:`WORDS_SCALE` or :data:`CHARACTERS_SCALE`,
since lengths are whole numbers. Beyond :data:`LIMIT` a span is an outlier (Iglewicz and Hoaglin 1993). It
may be right: long names exist.

**Form.** White space or an invisible character at an edge; punctuation at an edge, unless it belongs
to a pair inside or to an abbreviation («ج.ا.»); a line break inside; a bracket or quotation mark without
its partner; an edge inside a token, which conversion refuses.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from persian_ner.audit.inputs import Corpus, Document
from persian_ner.audit.schema import Lengths, Severity, Shape, SpanDefect, Spans
from persian_ner.audit.surfaces import token_borders
from persian_ner.metrics import count_words
from persian_ner.records import Span

LIMIT = 3.5
WORDS_SCALE = 0.35
CHARACTERS_SCALE = 0.2
"""With this one a span of between half and double the usual length is never an outlier."""
FEWEST = 20
"""With fewer spans a label has no usual length."""

_CLOSING = {"«": "»", "(": ")", "[": "]", "{": "}", "“": "”", "‘": "’", "‹": "›"}
_SEVERE: frozenset[Shape] = frozenset({"edge_blank", "partial_word"})


def find(corpus: Corpus) -> Spans:
    """The usual lengths, and the defects: doubtful forms first, then lengths, the most unusual first."""
    by_label: dict[str, list[tuple[Document, Span]]] = defaultdict(list)
    shapes: list[SpanDefect] = []
    for document in corpus.documents():
        borders = token_borders(document.record.text) if document.record.spans else frozenset()
        for span in document.record.spans:
            by_label[span.label].append((document, span))
            found = shapes_of(document.record.text[span.start : span.end])
            if not {span.start, span.end} <= borders and "edge_blank" not in found:
                found.append("partial_word")
            if found:
                severity: Severity = "high" if _SEVERE & set(found) else "medium"
                shapes.append(_defect("shape", severity, document, span, shapes=found))
    lengths: list[Lengths] = []
    outliers: list[SpanDefect] = []
    for label in corpus.labels():
        usual, found_here = _lengths(label, by_label[label])
        lengths.append(usual)
        outliers += found_here
    outliers.sort(key=lambda defect: -abs(defect.deviation or 0))
    return Spans(lengths=lengths, findings=sorted(shapes, key=lambda defect: defect.severity != "high") + outliers)


def shapes_of(surface: str) -> list[Shape]:
    """What is doubtful about the form of a span, without its surroundings."""
    found: list[Shape] = []
    if any(
        character.isspace() or unicodedata.category(character) in ("Cf", "Cc")
        for character in (surface[0], surface[-1])
    ):
        found.append("edge_blank")
    partners = _partners(surface)
    if _loose(surface, 0, partners) or _loose(surface, len(surface) - 1, partners):
        found.append("edge_punctuation")
    if "\n" in surface:
        found.append("line_break")
    if None in partners.values() or surface.count('"') % 2:
        found.append("unbalanced")
    return found


def deviations(values: Sequence[int], smallest_scale: float) -> NDArray[np.float64]:
    """Distances of the logarithms of positive values from their median, in robust standard deviations."""
    logs = np.log(np.asarray(values, dtype=np.float64))
    distances = logs - np.median(logs)
    central = np.ptp(np.quantile(distances, [0.025, 0.975])) / 3.92
    return distances / max(1.4826 * np.median(np.abs(distances)), central, smallest_scale)


def _partners(surface: str) -> dict[int, int | None]:
    """Offset of each bracket or quotation mark → that of its partner, if any."""
    partners: dict[int, int | None] = {}
    waiting: list[tuple[str, int]] = []
    for offset, character in enumerate(surface):
        if character in _CLOSING:
            waiting.append((_CLOSING[character], offset))
            partners[offset] = None
        elif character in _CLOSING.values():
            partners[offset] = None
            if waiting and waiting[-1][0] == character:
                _, opened = waiting.pop()
                partners |= {opened: offset, offset: opened}
    return partners


def _loose(surface: str, edge: int, partners: dict[int, int | None]) -> bool:
    """Whether the character at an edge is punctuation that does not belong to the name."""
    character = surface[edge]
    if unicodedata.category(character)[0] not in "PS":
        return False
    partner = partners.get(edge)
    if partner is not None:
        return {edge, partner} == {0, len(surface) - 1}  # the whole span in brackets
    return not (character == "." and edge and surface.count(".") > 1)


def _lengths(label: str, found: Sequence[tuple[Document, Span]]) -> tuple[Lengths, list[SpanDefect]]:
    surfaces = [document.record.text[span.start : span.end] for document, span in found]
    words = [max(1, count_words(surface)) for surface in surfaces]
    characters = [len(surface) for surface in surfaces]
    outliers: list[SpanDefect] = []
    if len(found) >= FEWEST:
        both = np.stack([deviations(words, WORDS_SCALE), deviations(characters, CHARACTERS_SCALE)])
        furthest = np.take_along_axis(both, np.abs(both).argmax(axis=0)[None], axis=0)[0]
        for (document, span), deviation in zip(found, furthest, strict=True):
            if abs(deviation) > LIMIT:
                severity: Severity = "medium" if abs(deviation) > 2 * LIMIT else "low"
                outliers.append(_defect("length", severity, document, span, deviation=round(float(deviation), 2)))
    usual = Lengths(
        label=label,
        spans=len(found),
        median_words=float(np.median(words)) if words else 0.0,
        median_characters=float(np.median(characters)) if characters else 0.0,
        outliers=len(outliers),
    )
    return usual, outliers


def _defect(
    kind: str,
    severity: Severity,
    document: Document,
    span: Span,
    deviation: float | None = None,
    shapes: Sequence[Shape] = (),
) -> SpanDefect:
    return SpanDefect.model_validate(
        {
            "kind": kind,
            "severity": severity,
            "labels": [span.label],
            "places": [document.place(span.start, span.end, span.label)],
            "words": count_words(document.record.text[span.start : span.end]),
            "characters": span.end - span.start,
            "deviation": deviation,
            "shapes": list(shapes),
        }
    )
