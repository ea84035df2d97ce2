"""How many of the dates of annotated records can be resolved, and why the others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from persian_ner.dates.resolve import resolve_in_turn
from persian_ner.dates.value import REASONS, DateValue
from persian_ner.records import InputError, Problem, Record, Span

_Key = TypeVar("_Key", str, tuple[str, str, str])

LABEL = "DATE"
PUBLISHED = "published"
"""Key of a record's ``meta`` that holds its publication date, as an ISO date."""


@dataclass(frozen=True)
class UnresolvedExpression:
    """An expression without an interval, and how often it occurs for this reason."""

    surface: str
    reason: str
    explanation: str
    count: int


@dataclass(frozen=True)
class DateCoverage:
    """Counts over all DATE spans; ``share`` is None when there are none.

    ``granularities`` and ``calendars`` count resolved dates, ``reasons`` the
    others, ``flags`` every flag. ``unresolved`` lists the expressions, the most frequent first.
    """

    documents: int
    documents_without_publication_date: int
    dates: int
    resolved: int
    share: float | None
    granularities: dict[str, int]
    calendars: dict[str, int]
    flags: dict[str, int]
    reasons: dict[str, int]
    unresolved: list[UnresolvedExpression]


def measure(records: Iterable[Record]) -> DateCoverage:
    """Resolve every DATE span of the records, each with the earlier ones of its record as context.

    Raises :class:`InputError` with all publication dates that are not ISO dates.
    """
    records = list(records)
    published, problems = _publication_dates(records)
    if problems:
        raise InputError(problems)
    values: list[DateValue] = []
    unresolved: Counter[tuple[str, str, str]] = Counter()
    for record, reference in zip(records, published, strict=True):
        surfaces = [record.text[span.start : span.end] for span in dates_of(record)]
        found = resolve_in_turn(surfaces, reference)
        for surface, value in zip(surfaces, found, strict=True):
            if value.reason:
                unresolved[surface, value.reason, REASONS[value.reason]] += 1
        values += found
    resolved = sum(value.resolved for value in values)
    return DateCoverage(
        documents=len(records),
        documents_without_publication_date=published.count(None),
        dates=len(values),
        resolved=resolved,
        share=resolved / len(values) if values else None,
        granularities=_counts(value.granularity for value in values),
        calendars=_counts(value.calendar for value in values),
        flags=_counts(flag for value in values for flag in value.flags),
        reasons=_counts(value.reason for value in values),
        unresolved=[UnresolvedExpression(*key, count) for key, count in _ordered(unresolved)],
    )


def dates_of(record: Record) -> list[Span]:
    """The DATE spans of a record, in text order."""
    return sorted((span for span in record.spans if span.label == LABEL), key=lambda span: span.start)


def _publication_dates(records: Iterable[Record]) -> tuple[list[date | None], list[Problem]]:
    dates: list[date | None] = []
    problems: list[Problem] = []
    for record in records:
        stated = record.meta.get(PUBLISHED)
        try:
            dates.append(date.fromisoformat(stated) if stated is not None else None)
        except (TypeError, ValueError):
            problems.append(record.problem(f"{PUBLISHED} is not a date such as 2025-04-17: {stated!r}"))
    return dates, problems


def _counts(names: Iterable[str | None]) -> dict[str, int]:
    """How often each name occurs, the most frequent first; None is not counted."""
    return dict(_ordered(Counter(name for name in names if name)))


def _ordered(counts: Counter[_Key]) -> list[tuple[_Key, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
