"""The calendars: known days, and that months and years tile time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persian_ner.dates import calendars
from persian_ner.dates.value import Calendar, Unresolved

CALENDARS: tuple[Calendar, ...] = ("jalali", "gregorian", "hijri")


@pytest.mark.parametrize(
    ("calendar", "year", "month", "day", "expected"),
    [
        ("jalali", 1357, 11, 22, date(1979, 2, 11)),
        ("jalali", 1403, 12, 30, date(2025, 3, 20)),
        ("jalali", 1404, 1, 1, date(2025, 3, 21)),
        ("hijri", 1446, 1, 1, date(2024, 7, 7)),
        ("hijri", 61, 1, 10, date(680, 10, 13)),  # Karbala: 10 October 680 in the Julian calendar
        ("hijri", 1, 1, 1, date(622, 7, 19)),  # 16 July 622 in the Julian calendar
        ("gregorian", 2024, 2, 29, date(2024, 2, 29)),
    ],
)
def test_known_days(calendar: Calendar, year: int, month: int, day: int, expected: date) -> None:
    assert calendars.day_of_month(calendar, year, month, day) == expected
    assert calendars.year_and_month(calendar, expected) == (year, month)


@given(st.sampled_from(CALENDARS), st.integers(1, 1600), st.integers(1, 12))
def test_months_tile_time(calendar: Calendar, year: int, month: int) -> None:
    start, end = calendars.month_span(calendar, year, month)
    assert calendars.first_of_month(calendar, year, month + 1) == end + timedelta(days=1)
    assert calendars.year_and_month(calendar, start) == calendars.year_and_month(calendar, end) == (year, month)


@given(st.sampled_from(CALENDARS), st.dates(date(650, 1, 1), date(2200, 1, 1)), st.integers(-200, 200))
def test_shifted_months_come_back(calendar: Calendar, day: date, months: int) -> None:
    there = calendars.shift_months(calendar, day, months)
    year, month = calendars.year_and_month(calendar, day)
    assert calendars.first_of_month(calendar, year, month + months) <= there
    assert abs((calendars.shift_months(calendar, there, -months) - day).days) <= 3


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("year", [0, -5, 10_000, 10**9])
def test_years_that_do_not_exist(calendar: Calendar, year: int) -> None:
    with pytest.raises(Unresolved):
        calendars.month_span(calendar, year, 1)


@pytest.mark.parametrize("day", [date(622, 3, 20), date.max])
def test_days_that_have_no_jalali_year(day: date) -> None:
    with pytest.raises(Unresolved) as raised:
        calendars.year_and_month("jalali", day)
    assert raised.value.reason == "out_of_range"


@pytest.mark.parametrize(("calendar", "month", "day"), [("jalali", 7, 31), ("gregorian", 2, 30), ("hijri", 1, 31)])
def test_days_that_do_not_exist(calendar: Calendar, month: int, day: int) -> None:
    with pytest.raises(Unresolved) as raised:
        calendars.day_of_month(calendar, 1403, month, day)
    assert raised.value.reason == "invalid_date"
