"""What is wrong with the files of a source, counted: from the repairs of the reader of column files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from persian_ner.records import Record

KINDS = {
    "left out": "no token",
    "taken as O": "no tag",
    "joined to line": "broken in two",
    "split before": "no separator",
    "a span starts here": "orphan I",
    "the span ends here": "no end of span",
}
"""How a remedy of :mod:`persian_ner.readers.conll` begins → the defect; a broken line counts once."""
UNREADABLE = "unreadable"
"""Sentences that could not be repaired and are not there."""


def count(records: Iterable[Record], unreadable: int) -> dict[str, int]:
    """Defects by kind (those that occur), from ``meta["repairs"]`` and the number of sentences that were not read."""
    remedies = (repair.rpartition("; ")[2] for record in records for repair in record.meta.get("repairs", ()))
    kinds = Counter(kind for remedy in remedies for start, kind in KINDS.items() if remedy.startswith(start))
    found = {kind: kinds[kind] for kind in KINDS.values()} | {UNREADABLE: unreadable}
    return {kind: number for kind, number in found.items() if number}
