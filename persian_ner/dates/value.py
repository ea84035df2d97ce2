"""What a date expression means: an interval of days, or the reason why there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

Calendar = Literal["jalali", "gregorian", "hijri"]
Granularity = Literal["day", "week", "month", "season", "year", "decade", "century"]
Reason = Literal[
    "empty",
    "unknown_words",
    "not_understood",
    "vague",
    "recurring",
    "duration",
    "incomplete",
    "ambiguous",
    "no_reference",
    "no_context",
    "invalid_date",
    "before_common_era",
    "out_of_range",
    "time_only",
]
Flag = Literal[
    "approximate",
    "calendar_inferred",
    "century_inferred",
    "date_mismatch",
    "hijri_calculated",
    "month_inferred",
    "time_of_day",
    "weekday_mismatch",
    "year_inferred",
]

REASONS: dict[Reason, str] = {
    "empty": "there is nothing to read",
    "unknown_words": "a word is not part of the language of dates («دوره قاجار»)",
    "not_understood": "the words are known, but not in this order",
    "vague": "no number of days, months or years is given («چند ماه پیش»، «دهه‌های اخیر»)",
    "recurring": "it happens again and again («هر سال»، «جمعه‌ها»)",
    "duration": "a length of time that begins nowhere («سه سال»)",
    "incomplete": "a part of a period that is not named («هفته نهم»)",
    "ambiguous": "several dates are meant equally well («۵/۷»)",
    "no_reference": "it depends on the publication date, which is not known",
    "no_context": "it refers to an earlier date of the document, and there is none («همان سال»)",
    "invalid_date": "the calendar has no such day («۳۱ مهر»)",
    "before_common_era": "it lies before the year 1, where the dates of Python begin",
    "out_of_range": "it lies outside the years that the calendars and the dates of Python cover",
    "time_only": "a time of day without a day («ساعت ۱۰»)",
}
"""Why an expression has no interval."""

FLAGS: dict[Flag, str] = {
    "approximate": "the borders are a convention («اوایل مهر»: its first ten days)",
    "calendar_inferred": "the calendar is not named and was chosen by the size of the year or century",
    "century_inferred": "the year has two digits",
    "date_mismatch": "the day is given a second time («برابر با ۱۷ آوریل», or in brackets), and that is another day",
    "hijri_calculated": "a lunar date, calculated; the observed one can differ by a day or two",
    "month_inferred": "a day without a month («پنجشنبه ششم»)",
    "time_of_day": "an hour or a part of the day was left out",
    "weekday_mismatch": "the weekday named is not the weekday of the date",
    "year_inferred": "the year is not named and was found from the publication date or an earlier date",
}
"""What to know about an interval before relying on it."""

MONTHS_IN = {"month": 1, "season": 3, "year": 12, "decade": 120, "century": 1200}
"""Unit → its length in months."""


@dataclass(frozen=True)
class DateValue:
    """The meaning of one date expression.

    ``start`` and ``end`` are the first and the last day, both included, in the
    (proleptic) Gregorian calendar of ISO 8601. ``calendar`` is the calendar the
    expression is stated in, ``granularity`` the unit it is stated in: «مهر ۱۴۰۳»
    is a ``month``, «۵ تا ۸ مهر» are ``day``\\ s. ``parts`` are the intervals of an
    enumeration («آبان و دی»), whose hull ``start`` and ``end`` are. Without an
    interval these are None, and ``reason`` (a key of :data:`REASONS`) says why.
    ``flags`` are keys of :data:`FLAGS`, in alphabetical order.
    """

    start: date | None = None
    end: date | None = None
    calendar: Calendar | None = None
    granularity: Granularity | None = None
    reason: Reason | None = None
    flags: tuple[Flag, ...] = ()
    parts: tuple[tuple[date, date], ...] = ()

    @property
    def resolved(self) -> bool:
        """Whether there is an interval."""
        return self.reason is None

    def iso(self) -> str | None:
        """``2025-04-17`` for one day, ``2025-04-17/2025-04-20`` for several, None without an interval."""
        if self.start is None or self.end is None:
            return None
        return self.start.isoformat() if self.start == self.end else f"{self.start}/{self.end}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON and for spaCy's serialisation; dates are ISO strings."""
        return {
            **asdict(self),
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "flags": list(self.flags),
            "parts": [[start.isoformat(), end.isoformat()] for start, end in self.parts],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DateValue:
        """The inverse of :meth:`to_dict`."""
        return cls(
            **{
                **data,
                "start": data["start"] and date.fromisoformat(data["start"]),
                "end": data["end"] and date.fromisoformat(data["end"]),
                "flags": tuple(data["flags"]),
                "parts": tuple((date.fromisoformat(start), date.fromisoformat(end)) for start, end in data["parts"]),
            }
        )


class Unresolved(Exception):
    """Raised inside the library when an expression has no interval; never leaves :func:`~.resolve.resolve`."""

    def __init__(self, reason: Reason):
        """Keep the key of :data:`REASONS`."""
        self.reason: Reason = reason
        super().__init__(REASONS[reason])
