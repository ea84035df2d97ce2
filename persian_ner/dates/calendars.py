"""The three calendars of Persian texts, each as years and months of days.

Jalali dates are jdatetime's (the 33-year rule, which agrees with the official
Iranian calendar from 1178 to 1633), Hijri dates hijridate's (Umm al-Qura, 1343
to 1500). Other Hijri years follow the tabular calendar with leap years 2, 5, 7,
10, 13, 16, 18, 21, 24, 26 and 29 of 30 (Dershowitz and Reingold, *Calendrical
Calculations*, 3rd ed., section 6.1): hijridate has no data for them.
"""

from __future__ import annotations

from datetime import date, timedelta

import jdatetime
from hijridate import Gregorian, Hijri
from hijridate.ummalqura import GREGORIAN_RANGE, HIJRI_RANGE

from persian_ner.dates.value import Calendar, Unresolved

_HIJRI_YEARS = range(HIJRI_RANGE[0][0], HIJRI_RANGE[1][0] + 1)
_HIJRI_DAYS = (date(*GREGORIAN_RANGE[0]), date(*GREGORIAN_RANGE[1]))
_HIJRI_EPOCH = date(622, 7, 19)  # 1 Muharram 1 in the proleptic Gregorian calendar
_JALALI_EPOCH = date(622, 3, 21)


def first_of_month(calendar: Calendar, year: int, month: int) -> date:
    """The first day of a month; ``month`` may be below 1 or above 12 and then lies in another year.

    Raises :class:`Unresolved` for days that ``datetime.date`` or the calendar does not have.
    """
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if year < 1:
        raise Unresolved("before_common_era" if calendar == "gregorian" else "out_of_range")
    try:
        if calendar == "gregorian":
            return date(year, month, 1)
        if calendar == "jalali":
            return jdatetime.date(year, month, 1).togregorian()
        if year in _HIJRI_YEARS:
            return date(*Hijri(year, month, 1).to_gregorian().datetuple())
        return _HIJRI_EPOCH + timedelta(days=_tabular_days(year, month))
    except (ValueError, OverflowError):
        raise Unresolved("out_of_range") from None


def month_span(calendar: Calendar, year: int, month: int) -> tuple[date, date]:
    """First and last day of a month (``month`` as for :func:`first_of_month`)."""
    return months_span(calendar, year, month, 1)


def months_span(calendar: Calendar, year: int, month: int, count: int) -> tuple[date, date]:
    """First and last day of ``count`` months from one on."""
    return first_of_month(calendar, year, month), shift_days(first_of_month(calendar, year, month + count), -1)


def years_span(calendar: Calendar, first: int, last: int) -> tuple[date, date]:
    """First day of the year ``first`` and last day of the year ``last``."""
    return first_of_month(calendar, first, 1), shift_days(first_of_month(calendar, last + 1, 1), -1)


def day_of_month(calendar: Calendar, year: int, month: int, day: int) -> date:
    """One day. Raises :class:`Unresolved` when the month is shorter.

    A Hijri month may have 30 days by observation where the calculated one has 29, so day 30 always exists.
    """
    first, last = month_span(calendar, year, month)
    length = 30 if calendar == "hijri" else (last - first).days + 1
    if not 1 <= day <= length:
        raise Unresolved("invalid_date")
    return first + timedelta(days=day - 1)


def year_and_month(calendar: Calendar, day: date) -> tuple[int, int]:
    """The year and the month a day lies in. Raises :class:`Unresolved` outside the years that the calendar covers."""
    if calendar == "gregorian":
        return day.year, day.month
    if day < (_JALALI_EPOCH if calendar == "jalali" else _HIJRI_EPOCH):
        raise Unresolved("out_of_range")
    if calendar == "jalali":
        try:
            jalali = jdatetime.date.fromgregorian(date=day)
        except ValueError:  # after 20 March 9999
            raise Unresolved("out_of_range") from None
        return jalali.year, jalali.month
    if _HIJRI_DAYS[0] <= day <= _HIJRI_DAYS[1]:
        hijri = Gregorian.fromdate(day).to_hijri()
        return hijri.year, hijri.month
    year = (30 * (day - _HIJRI_EPOCH).days + 10646) // 10631
    month = next(month for month in range(12, 0, -1) if month == 1 or first_of_month("hijri", year, month) <= day)
    return year, month


def year_of(calendar: Calendar, day: date) -> int:
    """The year a day lies in."""
    return year_and_month(calendar, day)[0]


def shift_days(day: date, days: int) -> date:
    """``day`` moved by ``days``. Raises :class:`Unresolved` outside the years 1 to 9999."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise Unresolved("before_common_era" if days < 0 else "out_of_range") from None


def shift_months(calendar: Calendar, day: date, months: int) -> date:
    """The same day of the month, ``months`` later; the last day of the month where it has no such day."""
    year, month = year_and_month(calendar, day)
    into_month = (day - first_of_month(calendar, year, month)).days
    if months < 0 and year + (month - 1 + months) // 12 < 1:
        raise Unresolved("before_common_era")
    first, last = month_span(calendar, year, month + months)
    return min(shift_days(first, into_month), last)


def _tabular_days(year: int, month: int) -> int:
    """Days from the epoch to the first day of a month of the tabular Hijri calendar."""
    return 354 * (year - 1) + (3 + 11 * year) // 30 + 29 * (month - 1) + month // 2
