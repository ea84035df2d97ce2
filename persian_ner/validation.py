"""Checks on annotated records before anything else is done with them.

Every check reports every defect; none stops at the first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from persian_ner.labels import LABELS
from persian_ner.records import Problem, Record, Span

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff\ufffd]")
_EDGE_SPACE = re.compile(r"\A\s|\s\Z")


def check(records: Iterable[Record], labels: Iterable[str] = LABELS) -> list[Problem]:
    """All problems of a set of records, sorted by file and line.

    Checked: unique ids; text present and free of control and replacement
    characters; spans inside the text, not empty, not edged by white space, not
    overlapping, with a known label and the surface they claim; known
    ``annotated_labels`` that cover the record's own spans; and the same text
    never annotated in two ways.
    """
    allowed = set(labels)
    problems: list[Problem] = []
    by_id: dict[str, Record] = {}
    by_text: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.id in by_id:
            file, line = by_id[record.id].origin
            problems.append(record.problem(f"id already used at {file}:{line}"))
        by_id.setdefault(record.id, record)
        by_text[record.text].append(record)
        problems += (record.problem(reason) for reason in _defects(record, allowed))
    for same in by_text.values():
        problems += (record.problem(reason) for record, reason in _conflicts(same, allowed))
    return sorted(problems)


def _defects(record: Record, allowed: set[str]) -> Iterator[str]:
    text = record.text
    if not text.strip():
        yield "the text is empty"
    for match in _CONTROL.finditer(text):
        yield f"control or replacement character U+{ord(match[0]):04X} at {match.start()}"
    covered = set(allowed if record.annotated_labels is None else record.annotated_labels)
    for label in sorted(covered - allowed):
        yield f"annotated_labels names an unknown label {label!r}"
    for span in record.spans:
        yield from _span_defects(text, span, allowed, covered)
    yield from _overlaps(record)


def _overlaps(record: Record) -> Iterator[str]:
    """One reason for each span that begins before an earlier one has ended."""
    longest: Span | None = None  # of those seen, the one that reaches furthest
    for span in sorted(record.spans, key=lambda span: (span.start, span.end)):
        if longest and span.start < longest.end:
            yield f"spans overlap: {_show(record.text, longest)} and {_show(record.text, span)}"
        if longest is None or span.end > longest.end:
            longest = span


def _span_defects(text: str, span: Span, allowed: set[str], covered: set[str]) -> Iterator[str]:
    if span.start < 0 or span.end > len(text):
        yield f"span {span.start}–{span.end} {span.label} lies outside the text (0–{len(text)})"
        return
    if span.start >= span.end:
        yield f"span {span.start}–{span.end} {span.label} holds no character"
        return
    surface = text[span.start : span.end]
    if _EDGE_SPACE.search(surface):
        yield f"white space at the edge of {_show(text, span)}"
    if span.surface is not None and span.surface != surface:
        yield f"span {span.start}–{span.end} {span.label} says {span.surface!r} but the text there is {surface!r}"
    if span.label not in allowed:
        yield f"unknown label {span.label!r} of {_show(text, span)}"
    elif span.label not in covered:
        yield f"label {span.label} of {_show(text, span)} is not among the record's annotated_labels"


def _conflicts(same: list[Record], allowed: set[str]) -> Iterator[tuple[Record, str]]:
    """Records of one text that an earlier one contradicts: other spans of a label that both annotate."""
    versions: dict[tuple[frozenset[str], frozenset[tuple[int, int, str]]], Record] = {}
    for record in same:
        covered = frozenset(allowed if record.annotated_labels is None else record.annotated_labels)
        keys = frozenset((span.start, span.end, span.label) for span in record.spans)
        for (other_covered, other_keys), other in versions.items():
            if any(label in covered & other_covered for _, _, label in keys ^ other_keys):
                file, line = other.origin
                yield record, f"same text as {other.id} ({file}:{line}) but annotated differently"
                break
        versions.setdefault((covered, keys), record)


def _show(text: str, span: Span) -> str:
    return f"{span.start}–{span.end} {span.label} {text[span.start : span.end]!r}"
