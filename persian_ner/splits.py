"""Assigning documents to train, dev and test, for good.

A document's split depends on the name of its source and its identifier alone,
so adding, removing or reordering documents never moves another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from persian_ner.records import Problem, Record

SPLITS = ("train", "dev", "test")


def document_of(record: Record) -> str:
    """The document a record belongs to: sentences of one article share a split."""
    document = record.meta.get("document")
    return record.id if document is None else f"{record.meta.get('source', '')}/{document}"


def assign(document: str, shares: Mapping[str, float]) -> str:
    """The split of a document: its identifier's SHA-256, read as a number in 0…1, falls into one share.

    ``shares`` sums to 1; raises ``ValueError`` otherwise.
    """
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError(f"split shares must sum to 1, not {sum(shares.values())}")
    point = int.from_bytes(hashlib.sha256(document.encode("utf-8")).digest()[:8], "big") / 2**64
    for split, share in shares.items():
        point -= share
        if point < 0:
            return split
    return list(shares)[-1]


def missing_labels(splits: Mapping[str, Iterable[Record]], labels: Iterable[str]) -> list[Problem]:
    """A problem for each label without a single span in a split: such a split measures or teaches nothing."""
    problems = []
    for split, records in splits.items():
        present = {span.label for record in records for span in record.spans}
        problems += [
            Problem(split, 0, "", f"no {label} span in the {split} split") for label in labels if label not in present
        ]
    return problems
