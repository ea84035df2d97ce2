"""Cutting long articles into training documents at paragraph and sentence borders."""

from __future__ import annotations

import re
from itertools import pairwise

from persian_ner.hazm_alignment import sentences
from persian_ner.records import Record, Span

_PARAGRAPH = re.compile(r"[^\n]+")


def segment(record: Record, max_words: int) -> list[Record]:
    """Split a record into paragraphs, and paragraphs of more than ``max_words`` words at sentence borders.

    A border inside a span is no border. A single sentence longer than
    ``max_words`` is kept whole. Spans move with their text; every span is in
    exactly one segment. Segments carry ``meta["segment_of"]`` (the record's id)
    and ``meta["offset"]`` (of the segment's first character in the raw text).

    Raises ``ValueError`` for a record whose spans :func:`persian_ner.validation.check`
    would refuse and which would be lost: spans of or edged by white space.
    """
    pieces: list[tuple[int, int]] = []
    for start, end in _paragraphs(record):
        if _words(record.text, start, end) <= max_words:
            pieces.append((start, end))
        else:
            pieces += _pack(record, start, end, max_words)
    segments = [_cut(record, start, end) for start, end in pieces]
    if sum(len(piece.spans) for piece in segments) != len(record.spans):
        raise ValueError(f"{record.id}: a span is edged by white space or outside the text; validate the record first")
    return segments


def _paragraphs(record: Record) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for match in _PARAGRAPH.finditer(record.text):
        if not match[0].strip():
            continue
        if merged and _inside_span(record.spans, merged[-1][1]):
            merged[-1] = (merged[-1][0], match.end())
        else:
            merged.append(match.span())
    return merged


def _pack(record: Record, start: int, end: int, max_words: int) -> list[tuple[int, int]]:
    """Greedily fill segments with whole sentences."""
    borders = [
        start + begin for begin, _ in sentences(record.text[start:end]) if not _inside_span(record.spans, start + begin)
    ]
    borders = [start, *borders[1:], end]
    pieces: list[tuple[int, int]] = []
    for left, right in pairwise(borders):
        if pieces and _words(record.text, pieces[-1][0], right) <= max_words:
            pieces[-1] = (pieces[-1][0], right)
        else:
            pieces.append((left, right))
    return pieces


def _inside_span(spans: list[Span], offset: int) -> bool:
    return any(span.start < offset < span.end for span in spans)


def _words(text: str, start: int, end: int) -> int:
    return len(text[start:end].split())


def _cut(record: Record, start: int, end: int) -> Record:
    while record.text[start].isspace():
        start += 1
    while record.text[end - 1].isspace():
        end -= 1
    return record.model_copy(
        update={
            "id": f"{record.id}@{start}",
            "text": record.text[start:end],
            "spans": [
                span.model_copy(update={"start": span.start - start, "end": span.end - start})
                for span in record.spans
                if start <= span.start and span.end <= end
            ],
            "meta": {**record.meta, "segment_of": record.id, "offset": start},
        }
    )
