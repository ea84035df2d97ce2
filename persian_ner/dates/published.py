"""The publication date of a text, from what stands in a record for it: :func:`publication_date`."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Any

from persian_ner.dates.resolve import resolve

_GREGORIAN = re.compile(r"(1[6-9]|2\d)\d\d-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|UTC|[+-]\d{2}(:?\d{2})?)?$")


def publication_date(value: Any) -> date | None:
    """The day that a value names; None where there is no value: null or blank.

    It is text with a whole date in any way that :func:`resolve` reads: ``2025-04-15``,
    ``1404-01-26``, «۲۶ فروردین ۱۴۰۴». A time of day and its zone are left out: the day is
    the one written. Raises ``ValueError`` with the reason for everything else, also
    for a date of which something had to be assumed, such as the century.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"is {type(value).__name__}, not a date")
    text = value.strip()
    if not text:
        return None
    day = _day(_TIME.sub("", text))
    if day is None:
        raise ValueError(f"is not a whole date such as 2025-04-15: {text[:50]!r}")
    return day


@lru_cache(maxsize=4096)  # of many records few are of another day, and reading an expression takes a millisecond
def _day(text: str) -> date | None:
    if _GREGORIAN.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    found = resolve(text)
    return found.start if found.start == found.end and not found.flags else None
