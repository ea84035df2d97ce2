"""Periods of days that know their unit, and the pieces of them: «اوایل», «نیمه دوم», «هفته اول», «سه ماه نخست»."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from persian_ner.dates import calendars
from persian_ner.dates.grammar import Selector
from persian_ner.dates.lexer import LAST
from persian_ner.dates.value import MONTHS_IN, Calendar, Flag, Granularity, Unresolved

GRANULARITIES: tuple[Granularity, ...] = ("day", "week", "month", "season", "year", "decade", "century")
"""The units, the smallest first."""

OF_UNIT: dict[str, Granularity] = {"hour": "day", **{granularity: granularity for granularity in GRANULARITIES}}
"""Unit of an expression → its granularity; nothing is finer than a day."""

_THIRDS = {"season": (0, 1, 2, 3), "year": (0, 4, 8, 12), "decade": (0, 36, 84, 120), "century": (0, 396, 804, 1200)}
_PARTS = {"start": 0, "middle": 1, "half": 1, "end": 2}


@dataclass(frozen=True)
class Period:
    """First and last day, and the calendar and unit they are stated in."""

    start: date
    end: date
    calendar: Calendar
    granularity: Granularity
    flags: frozenset[Flag] = frozenset()

    def flagged(self, *flags: Flag) -> Period:
        """The same period with more flags."""
        return replace(self, flags=self.flags | set(flags))


def select(period: Period, selector: Selector) -> Period:
    """A piece of a period. Raises :class:`Unresolved` when it does not have one («روز چهلم مهر»)."""
    if selector.kind == "part":
        return _part(period, selector.name)
    if selector.kind == "fraction":
        return _fraction(period, selector.number, selector.count)
    if selector.kind == "until":
        return _until(period, selector.name, selector.count)
    chosen = _nth(period, selector) if selector.kind == "nth" else _chunk(period, selector)
    if not period.start <= chosen.start <= min(period.end, chosen.end):
        raise Unresolved("invalid_date")
    return replace(chosen, end=min(chosen.end, period.end))


def _part(period: Period, name: str) -> Period:
    days = (period.end - period.start).days + 1
    unit, which = period.granularity, _PARTS[name]
    if name == "half" and _is_month(period):
        day = calendars.shift_days(period.start, 14)
        return replace(period, start=day, end=day, granularity="day")
    if days < 3:
        return period
    if unit == "week" and days == 7:
        return _days(period, (0, 2, 5, 7)[which], (0, 2, 5, 7)[which + 1])
    if _is_month(period):
        return _days(period, (0, 10, 20, days)[which], (0, 10, 20, days)[which + 1])
    if unit in _THIRDS and _is_whole(period):
        return _months(period, *_THIRDS[unit][which : which + 2])
    return _days(period, days * which // 3, days * (which + 1) // 3)


def _fraction(period: Period, number: int, count: int) -> Period:
    number = count if number == LAST else number
    days = (period.end - period.start).days + 1
    if not 1 <= number <= count or days < count:
        raise Unresolved("invalid_date")
    months = MONTHS_IN.get(period.granularity, 0)
    if months and months % count == 0 and _is_whole(period):
        return _months(period, months * (number - 1) // count, months * number // count)
    borders = [30 * part // count for part in range(count)] if _is_month(period) else []
    borders = [*(borders or [days * part // count for part in range(count)]), days]
    return _days(period, borders[number - 1], borders[number])


def _until(period: Period, unit: str, count: int) -> Period:
    """So many units up to the last day of a period."""
    after = calendars.shift_days(period.end, 1)
    if unit in ("hour", "day", "week"):
        days = {"hour": -(-count // 24), "day": count, "week": 7 * count}[unit]
        first = calendars.shift_days(after, -days)
    else:
        first = calendars.shift_months(period.calendar, after, -count * MONTHS_IN[unit])
    if first >= after:  # «صفر ماه»
        raise Unresolved("invalid_date")
    return replace(period, start=first, granularity=OF_UNIT[unit])


def _nth(period: Period, selector: Selector) -> Period:
    number, unit = selector.number, selector.name
    if unit == "weekday":
        return _nth_weekday(period, number, selector.count)
    if unit == "decade" and _is_month(period):  # «دهه اول محرم»
        start = 20 if number in (3, LAST) else 10 * (number - 1)
        return replace(_days(period, start, 31 if start == 20 else start + 10), granularity="day")
    return _chunk(period, replace(selector, count=1))


def _nth_weekday(period: Period, number: int, weekday: int) -> Period:
    if number == LAST:
        day = calendars.shift_days(period.end, -((period.end.weekday() - weekday) % 7))
    else:
        first = (weekday - period.start.weekday()) % 7
        day = calendars.shift_days(period.start, first + 7 * (number - 1))
    return replace(period, start=day, end=day, granularity="day")


def _chunk(period: Period, selector: Selector) -> Period:
    number, count, unit = selector.number, selector.count, selector.name
    granularity = OF_UNIT[unit]
    if unit in ("hour", "day", "week"):
        days = count * (7 if unit == "week" else 1)
        length = (period.end - period.start).days + 1
        start = length - days if number == LAST else days * (number - 1)
        return replace(_days(period, start, start + days), granularity=granularity)
    months = count * MONTHS_IN[unit]
    if number == LAST:
        after = calendars.shift_days(period.end, 1)
        first = calendars.shift_months(period.calendar, after, -months)
        return replace(period, start=first, granularity=granularity)
    return replace(_months(period, months * (number - 1), months * number), granularity=granularity)


def _is_month(period: Period) -> bool:
    return period.granularity == "month" and 28 <= (period.end - period.start).days + 1 <= 31


def _is_whole(period: Period) -> bool:
    """Whether the period is one whole unit of its granularity."""
    months = MONTHS_IN[period.granularity]
    return period.end == calendars.shift_days(calendars.shift_months(period.calendar, period.start, months), -1)


def _days(period: Period, start: int, end: int) -> Period:
    """From the day ``start`` of the period (0 is the first) until before the day ``end``."""
    first = calendars.shift_days(period.start, start)
    return replace(period, start=first, end=calendars.shift_days(period.start, end - 1))


def _months(period: Period, start: int, end: int) -> Period:
    """From the month ``start`` of the period (0 is the first) until before the month ``end``."""
    first = calendars.shift_months(period.calendar, period.start, start)
    after = calendars.shift_months(period.calendar, period.start, end)
    return replace(period, start=first, end=calendars.shift_days(after, -1))
