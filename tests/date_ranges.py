"""Ranges of dates: by docs/annotation.md one span, where nothing but «تا» stands between two dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from persian_ner.records import Record

BETWEEN = re.compile(r"\s*(?:تا(?: به)?|الی)\s*")


def split_ranges(records: Iterable[Record]) -> list[tuple[str, str, str]]:
    """Ranges that are two spans: id of the record, first date, second date."""
    return [
        (record.id, record.text[first.start : first.end], record.text[second.start : second.end])
        for record in records
        for first, second in pairwise(sorted(record.spans, key=lambda span: span.start))
        if first.label == second.label == "DATE" and BETWEEN.fullmatch(record.text[first.end : second.start])
    ]
