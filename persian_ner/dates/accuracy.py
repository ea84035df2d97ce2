"""How many dates are resolved to the days that a reader says they mean.

The reader's answers are lines of a TSV file with a header::

    document  start  end  surface  reference  first  last

``start`` and ``end`` are offsets of the span in the document's text, ``reference`` is the ISO date that
relative expressions are counted from, ``first`` and ``last`` are the days meant, both included, and «-»
where the text does not settle them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from persian_ner.dates.coverage import LABEL, DateCoverage, dates_of
from persian_ner.dates.resolve import resolve_in_turn
from persian_ner.dates.value import DateValue
from persian_ner.metrics import DataInfo, Interval
from persian_ner.records import InputError, Problem, Record

LEVEL = 0.95
_COLUMNS = ("document", "start", "end", "surface", "reference", "first", "last")
_NONE = "-"


class Answer(NamedTuple):
    """The days that a span means; ``days`` is None where the text does not settle them. ``line`` is of the file."""

    line: int
    document: str
    start: int
    end: int
    surface: str
    reference: date
    days: tuple[date, date] | None


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Miss(_Schema):
    """A date that is resolved to other days than those meant, as ISO intervals; None for no days."""

    document: str
    start: int
    end: int
    surface: str
    meant: str | None
    resolved: str | None
    why: list[str] = Field(description="flags of the resolved interval, or the reason why there is none")


class Accuracy(_Schema):
    """Of how many answered dates the interval is exactly right, none where the answer is none included."""

    dates: int
    settled: int = Field(description="those whose answer is an interval")
    resolved: int
    right: int
    share: float = Field(description="right of dates")
    interval: Interval = Field(description="of the share, after Wilson")
    level: float = Field(description="of the interval")
    misses: list[Miss]


class DateReport(_Schema):
    """A ``dates.json``: how many dates of ``data`` resolve and, of those with an answer, how many rightly."""

    schema_version: Literal[1] = 1
    created: datetime
    git_commit: str | None
    data: DataInfo
    coverage: DateCoverage
    accuracy: Accuracy | None = Field(description="null when no answers were given")


def read_answers(path: Path) -> list[Answer]:
    """Read a file of answers. Raises :class:`InputError` with every line that is none."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise InputError([Problem(str(path), 1, "", f"the header is not {' '.join(_COLUMNS)}")])
    answers: list[Answer] = []
    problems: list[Problem] = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            if len(row) != len(_COLUMNS):
                raise ValueError(f"{len(row)} columns, not {len(_COLUMNS)}")
            answers.append(_answer(line, *row))
        except ValueError as error:
            problems.append(Problem(str(path), line, "", f"no answer: {error}"))
    if not answers and not problems:
        problems.append(Problem(str(path), 0, "", "no answers"))
    if problems:
        raise InputError(problems)
    return answers


def _answer(
    line: int, document: str, start: str, end: str, surface: str, reference: str, first: str, last: str
) -> Answer:
    days = None
    if (first, last) != (_NONE, _NONE):
        days = date.fromisoformat(first), date.fromisoformat(last)
        if days[1] < days[0]:
            raise ValueError(f"{first} is after {last}")
    return Answer(line, document, int(start), int(end), surface, date.fromisoformat(reference), days)


def check(answers: Sequence[Answer], records: Mapping[str, Record], file: str = "") -> Iterator[Problem]:
    """Answers about no document, about spans that are not DATE spans of theirs, with another surface, or repeated."""
    seen: set[tuple[str, int]] = set()
    for answer in answers:
        record = records.get(answer.document)
        if record is None:
            yield Problem(file, answer.line, answer.document, "no such document")
        elif (answer.start, answer.end, LABEL) not in {(span.start, span.end, span.label) for span in record.spans}:
            yield Problem(file, answer.line, answer.document, f"no {LABEL} span at {answer.start}–{answer.end}")
        elif record.text[answer.start : answer.end] != answer.surface:
            yield Problem(file, answer.line, answer.document, f"the span is not {answer.surface!r}")
        if (answer.document, answer.start) in seen:
            yield Problem(file, answer.line, answer.document, "answered twice")
        seen.add((answer.document, answer.start))


def measure(answers: Sequence[Answer], records: Mapping[str, Record]) -> Accuracy:
    """Compare what dates resolve to, after the earlier dates of their documents, with the answers.

    ``answers`` are not empty, and :func:`check` has no complaint about them.
    """
    values = [_resolved(answer, records[answer.document]) for answer in answers]
    misses = [
        Miss(
            document=answer.document,
            start=answer.start,
            end=answer.end,
            surface=answer.surface,
            meant=answer.days and DateValue(*answer.days).iso(),
            resolved=value.iso(),
            why=[value.reason] if value.reason else list(value.flags),
        )
        for answer, value in zip(answers, values, strict=True)
        if ((value.start, value.end) if value.resolved else None) != answer.days
    ]
    right = len(answers) - len(misses)
    return Accuracy(
        dates=len(answers),
        settled=sum(answer.days is not None for answer in answers),
        resolved=sum(value.resolved for value in values),
        right=right,
        share=right / len(answers),
        interval=wilson(right, len(answers)),
        level=LEVEL,
        misses=misses,
    )


def _resolved(answer: Answer, record: Record) -> DateValue:
    until = (span for span in dates_of(record) if span.start <= answer.start)
    return resolve_in_turn((record.text[span.start : span.end] for span in until), answer.reference)[-1]


def wilson(right: int, count: int) -> Interval:
    """Wilson's interval of a share of ``count`` (at least 1), at :data:`LEVEL`."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share = right / count
    middle = share + z * z / (2 * count)
    spread = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    scale = 1 + z * z / count
    return Interval(low=(middle - spread) / scale, high=(middle + spread) / scale)
