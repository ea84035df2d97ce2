"""Publication dates as records have them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from persian_ner.dates.published import publication_date

DAY = date(2025, 4, 15)


@pytest.mark.parametrize(
    "value",
    [
        "2025-04-15",
        " 2025-04-15\n",
        "2025-04-15T23:30:00+03:30",
        "2025-04-15T08:30:00.123456789Z",
        "2025-04-15 08:30",
        "2025/04/15",
        "1404-01-26",
        "1404-01-26T08:30:00",
        "۱۴۰۴/۰۱/۲۶ ۰۸:۳۰",
        "سه‌شنبه ۲۶ فروردین ۱۴۰۴",
    ],
)
def test_days_that_are_read(value: str) -> None:
    assert publication_date(value) == DAY


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_no_value_is_no_date(value: str | None) -> None:
    assert publication_date(value) is None


@pytest.mark.parametrize(
    "value",
    ["2025-04", "1403", "دیروز", "۲۶ فروردین", "25/04/15", "2025-02-30", "1404-12-31", "n/a", "جمعه ۲۶ فروردین ۱۴۰۴"],
)
def test_what_is_not_a_whole_date_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a whole date such as 2025-04-15: "):
        publication_date(value)


@pytest.mark.parametrize(("value", "kind"), [(20250415, "int"), (True, "bool"), ({"$date": "2025-04-15"}, "dict")])
def test_what_is_not_text_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^is {kind}, not a date$"):
        publication_date(value)
