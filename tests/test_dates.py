"""Date resolution: every case of ``date_cases.tsv``, what depends on the document, and properties of any text."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from persian_ner.dates import FLAGS, REASONS, DateValue, resolve
from persian_ner.dates.lexer import MONTHS, tokenize
from persian_ner.dates.value import Flag, Reason

CASES = Path(__file__).parent / "date_cases.tsv"
PUBLISHED = date(2025, 4, 17)  # Thursday, 28 Farvardin 1404
WEEKDAYS = ("دوشنبه", "سه‌شنبه", "چهارشنبه", "پنجشنبه", "جمعه", "شنبه", "یکشنبه")  # Monday first


class Case(NamedTuple):
    expression: str
    published: str
    start: str
    end: str
    calendar: str
    granularity: str
    reason: str


def cases() -> list[Case]:
    with CASES.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t")
        assert tuple(next(rows)) == Case._fields
        return [Case(*row) for row in rows]


def meaning(text: str, published: date | None = PUBLISHED, *earlier: DateValue) -> str | None:
    return resolve(text, published, earlier).iso()


def in_order(*texts: str, published: date | None) -> list[str | None]:
    """The intervals of the expressions of one document."""
    values: list[DateValue] = []
    for text in texts:
        values.append(resolve(text, published, values))
    return [value.iso() for value in values]


def test_there_are_many_cases_and_none_twice() -> None:
    found = cases()
    assert len(found) >= 300
    assert len({(case.expression, case.published) for case in found}) == len(found)
    assert {case.reason for case in found} - {""} == set(REASONS)
    assert {case.calendar for case in found} == {"", "jalali", "gregorian", "hijri"}


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.expression} [{case.published}]")
def test_case(case: Case) -> None:
    value = resolve(case.expression, date.fromisoformat(case.published) if case.published else None)
    found = value.to_dict()
    assert {name: found[name] or "" for name in Case._fields[2:]} == dict(zip(Case._fields[2:], case[2:], strict=True))


class TestSampleArticle:
    EXPRESSIONS = (
        "پنجشنبه ۲۸ فروردینماه ۱۴۰۴",
        "جمعه ۲۹ فروردینماه",
        "هفتم اسفند ۱۴۰۳",
        "آبان و دی ماه ۱۴۰۳",
        "روز پنجشنبه",
        "روز شنبه",
    )
    MEANINGS = ("2025-04-17", "2025-04-18", "2025-02-25", "2024-10-22/2025-01-19", "2025-04-17", "2025-04-19")

    @pytest.mark.parametrize("published", [PUBLISHED, date(2025, 4, 18), None])
    def test_in_text_order(self, published: date | None) -> None:
        assert in_order(*self.EXPRESSIONS, published=published) == list(self.MEANINGS)

    def test_two_months_are_two_parts(self) -> None:
        value = resolve("آبان و دی ماه ۱۴۰۳", PUBLISHED)
        assert value.parts == (
            (date(2024, 10, 22), date(2024, 11, 20)),
            (date(2024, 12, 21), date(2025, 1, 19)),
        )

    @pytest.mark.parametrize("text", ["۱۰ تا ۱۵ آبان و ۳ دی ۱۴۰۳", "۱۰–۱۵ آبان و ۳ دی ۱۴۰۳", "۱۰ تا ۱۵ آبان و ۳ دی"])
    def test_a_range_in_a_series_is_one_part(self, text: str) -> None:
        assert resolve(text, PUBLISHED).parts == (
            (date(2024, 10, 31), date(2024, 11, 5)),
            (date(2024, 12, 23), date(2024, 12, 23)),
        )


class TestContext:
    def test_same_year_is_that_of_the_last_date(self) -> None:
        assert in_order("آبان ۱۴۰۲", "اسفند همان سال", published=PUBLISHED)[1] == "2024-02-20/2024-03-19"
        assert in_order("۶ ژوئیه ۱۹۹۵", "۲۱ نوامبر همان سال", published=PUBLISHED)[1] == "1995-11-21"

    def test_same_year_is_not_taken_from_a_decade(self) -> None:
        assert resolve("بهار همان سال", PUBLISHED, [resolve("دهه ۷۰", PUBLISHED)]).reason == "no_context"

    def test_a_longer_period_says_neither_month_nor_day(self) -> None:
        assert in_order("سال ۱۳۵۷", "همان روز", published=PUBLISHED)[1] is None
        assert in_order("پارسال", "پنجم همان ماه", published=PUBLISHED)[1] is None
        assert in_order("۲۲ بهمن ۱۳۵۷", "سال ۱۳۵۸", "همان روز", published=PUBLISHED)[2] == "1979-02-11"
        assert in_order("تابستان ۱۴۰۱", "همان فصل", published=PUBLISHED)[1] == "2022-06-22/2022-09-22"

    def test_this_year_of_a_story_is_the_last_one(self) -> None:
        assert in_order("دی ۱۳۵۷", "بهار همین سال", published=PUBLISHED)[1] == "1978-03-21/1978-06-21"
        assert meaning("بهار همین سال") == "2025-03-21/2025-06-21"

    def test_year_before_that(self) -> None:
        assert in_order("سی‌ام نوامبر ۱۹۴۳", "آذر سال پیش از آن", published=PUBLISHED)[1] == "1942-11-22/1942-12-21"

    def test_years_and_months_before_that(self) -> None:
        assert in_order("۲۸ فروردین ۱۴۰۲", "دو سال و سه ماه پیش از آن", published=None)[1] == "2020-12-21/2021-01-19"
        assert in_order("۲۸ فروردین ۱۴۰۲", "سه ماه و ده روز قبل از آن", published=None)[1] == "2023-01-08"

    def test_story_goes_on_in_the_year_and_month_of_the_last_day(self) -> None:
        assert in_order("۶ ژوئیه ۱۹۹۵", "۱۱ ژوئیه", "۱۳ ژوئیه", published=date(2015, 7, 12)) == [
            "1995-07-06",
            "1995-07-11",
            "1995-07-13",
        ]

    def test_other_dates_without_a_year_belong_to_the_publication_date(self) -> None:
        assert in_order("بهمن ۵۷", "۱۲ فروردین", published=PUBLISHED)[1] == "2025-04-01"
        assert in_order("۲۲ بهمن ۱۳۵۷", "۲۲ بهمن", published=PUBLISHED)[1] == "2025-02-10"

    def test_weekday_of_an_earlier_date_near_the_publication_date(self) -> None:
        published = date(2025, 4, 22)  # Tuesday; the nearest Thursday would be 24 April
        assert in_order("پنجشنبه ۲۸ فروردین", "پنجشنبه", published=published)[1] == "2025-04-17"
        assert in_order("پنجشنبه ۲۸ فروردین ۱۳۹۳", "پنجشنبه", published=published)[1] == "2025-04-24"

    def test_day_of_the_month_goes_on_from_the_last_day(self) -> None:
        assert in_order("۱۱ مارس ۲۰۲۴", "جمعه پانزدهم", published=PUBLISHED)[1] == "2024-03-15"

    def test_without_a_publication_date_the_first_day_stands_for_it(self) -> None:
        assert in_order("۵ مهر ۱۳۹۰", "۸ مهر", "جمعه", published=None) == ["2011-09-27", "2011-09-30", "2011-09-30"]
        assert resolve("دیروز", None, [resolve("۵ مهر ۱۳۹۰")]).reason == "no_reference"


class TestFlags:
    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ("۲۸ فروردین ۱۴۰۴", ()),
            ("پنجشنبه ۲۸ فروردین ۱۴۰۴", ()),
            ("شنبه ۲۸ فروردین ۱۴۰۴", ("weekday_mismatch",)),
            ("جمعه ۲۸ فروردین", ("weekday_mismatch", "year_inferred")),
            ("امروز جمعه", ("weekday_mismatch",)),
            ("شنبه ۱۵ آوریل ۲۰۲۴", ("weekday_mismatch",)),
            ("۲۸ فروردین ۰۴", ("century_inferred",)),
            ("اوایل مهر ۱۴۰۳", ("approximate",)),
            ("سیصد سال پیش", ("approximate",)),
            ("یک سال و هشت ماه پیش", ()),
            ("دو شب پیش", ("time_of_day",)),
            ("۱۰ تا ۱۵ آبان و ۳ دی", ("year_inferred",)),
            ("قرن بیستم", ("calendar_inferred",)),
            ("قرن بیستم میلادی", ()),
            ("رمضان ۱۴۴۵", ("hijri_calculated",)),
            ("پنجشنبه ششم", ("month_inferred", "weekday_mismatch")),
            ("عصر پنجشنبه", ("time_of_day",)),
        ],
    )
    def test_say_what_to_know(self, text: str, flags: tuple[str, ...]) -> None:
        assert resolve(text, PUBLISHED).flags == flags

    def test_weekday_settles_a_lunar_day(self) -> None:
        # By calculation 1 Ramadan 1445 is a Monday; in Iran the month began on the Tuesday.
        value = resolve("سه‌شنبه اول رمضان ۱۴۴۵", PUBLISHED)
        assert (value.iso(), value.flags) == ("2024-03-12", ("hijri_calculated",))
        assert "weekday_mismatch" in resolve("پنجشنبه اول رمضان ۱۴۴۵", PUBLISHED).flags

    def test_every_flag_and_reason_is_explained(self) -> None:
        assert set(FLAGS) == set(get_args(Flag))
        assert set(REASONS) == set(get_args(Reason))


class TestValue:
    @pytest.mark.parametrize("text", ["آبان و دی ۱۴۰۳", "دیروز", "دوره قاجار", "حدود ۵ رمضان"])
    def test_plain_data_and_back(self, text: str) -> None:
        value = resolve(text, PUBLISHED)
        assert DateValue.from_dict(value.to_dict()) == value

    def test_iso_of_day_interval_and_nothing(self) -> None:
        assert meaning("دیروز") == "2025-04-16"
        assert meaning("مهر ۱۴۰۳") == "2024-09-22/2024-10-21"
        assert meaning("دوره قاجار") is None

    def test_a_time_of_day_in_the_reference_is_ignored(self) -> None:
        assert meaning("دیروز", datetime(2025, 4, 17, 23, 59)) == "2025-04-16"


JALALI_MONTHS = [names.split()[0].replace("_", "\u200c") for names in MONTHS["jalali"]]
GREGORIAN_MONTHS = [names.split()[0] for names in MONTHS["gregorian"]]
DATE_WORDS = """
    سال ماه هفته روز دهه قرن فصل ساعت گذشته پیش آینده بعد این همین همان جاری اوایل نیمه پایان آخر اول دوم سی‌ام
    و تا از بین - / ، . : مهر اسفند رمضان می اوت بهار شنبه جمعه میلادی هجری قمری شمسی امسال پارسال دیروز فردا
    سه ده بیست هزار نیم ربع ماهه تحصیلی آبی جدید نوروز صبح شب چند هر ۱۴۰۴ ۹۵ ۳۰ ۵ ۲۰۱۶ 999999 ۰ (سوم آبان)
    مای ژولای جمادی‌الآخره ۱۴۰۴/۱/۲۸ ۹۷-۹۸ ۹۹-۱۴۰۰ به این سو تاکنون دهه‌های سال‌های روزهای یکم آخرین قبل از میلاد
    منتهی که گذشت سه‌ماهه شبانه‌روز ۳٫۵ و‌نیم حدود نخستین ماه‌های سالروز عید‌فطر دهه‌فجر روز‌قدس شب‌یلدا
"""
ANY_DATE = st.dates()


class TestAnyText:
    @given(st.text(), st.none() | ANY_DATE)
    @example("۲۸م\ue000", None)
    @example("۹" * 5000, None)
    def test_nothing_is_raised(self, text: str, published: date | None) -> None:
        value = resolve(text, published)
        assert value.resolved == (value.start is not None) == (value.reason is None)

    @given(
        st.lists(st.lists(st.sampled_from(DATE_WORDS.split()), max_size=9).map(" ".join), max_size=4),
        st.none() | ANY_DATE,
    )
    @example(["بین مهر", "۰ ماه سوم"], date(2000, 1, 1))
    @example(["۰ ماه منتهی به مهر"], date(2000, 1, 1))
    @example(["هزار سال گذشته"], date(1, 1, 1))
    @example(["سه سال و ده روز گذشته", "999999 سال و 999999 ماه آینده"], date(1, 1, 1))
    @example(["۵۰۰۰ سال آینده"], date(9999, 12, 31))
    @example(["سال ۱۴۰۳", "سه ماه و ده روز پیش"], date(9999, 12, 31))
    def test_words_of_dates_in_any_order(self, texts: list[str], published: date | None) -> None:
        values: list[DateValue] = []
        for text in texts:
            value = resolve(text, published, values)
            assert value.resolved == (value.start is not None) == (value.reason is None)
            if value.start and value.end and value.calendar:
                assert value.start <= value.end
                assert all(value.start <= start <= end <= value.end for start, end in value.parts)
            assert DateValue.from_dict(value.to_dict()) == value
            values.append(value)

    def test_time_is_linear(self) -> None:
        assert resolve("صبح " * 200_000).reason == "not_understood"


class TestAnyDay:
    @given(st.dates(date(1900, 1, 1), date(2076, 12, 31)))
    def test_gregorian(self, day: date) -> None:
        weekday, month = WEEKDAYS[day.weekday()], GREGORIAN_MONTHS[day.month - 1]
        for text in (f"{weekday} {day.day} {month} {day.year}", day.isoformat(), f"{day.day}/{day.month}/{day.year}"):
            value = resolve(text)
            if day.day > 12 or "/" not in text:
                assert (value.start, value.end, value.flags) == (day, day, ())

    @given(st.integers(1300, 1450), st.integers(1, 12), st.integers(1, 29))
    def test_jalali_days_follow_each_other(self, year: int, month: int, day: int) -> None:
        spelled = f"{day} {JALALI_MONTHS[month - 1]} {year}"
        first = resolve(spelled).start
        assert first is not None
        assert resolve(f"{year}/{month:02}/{day:02}").start == first
        if day < 29:
            following = resolve(f"{day + 1} {JALALI_MONTHS[month - 1]} {year}").start
            assert following == first + timedelta(days=1)
        assert not resolve(f"{WEEKDAYS[first.weekday()]} {spelled}").flags

    @given(st.dates(date(1950, 1, 1), date(2060, 1, 1)), st.sampled_from(WEEKDAYS))
    def test_weekday_is_at_most_three_days_away(self, published: date, weekday: str) -> None:
        value = resolve(weekday, published)
        assert value.start is not None
        assert WEEKDAYS[value.start.weekday()] == weekday
        assert abs(value.start - published) <= timedelta(days=3)

    @given(st.dates(date(1950, 1, 1), date(2060, 1, 1)), st.sampled_from(JALALI_MONTHS))
    def test_month_without_a_year_is_near(self, published: date, month: str) -> None:
        value = resolve(month, published)
        assert value.start is not None and value.end is not None
        assert value.start - timedelta(days=184) <= published <= value.end + timedelta(days=184)


class TestDamagedText:
    SPELLED = "سه‌شنبه بیست‌وهشتم اردیبهشت‌ماه سال هزار و چهارصد و سه"

    @given(st.lists(st.sampled_from(["", " ", "\u200c", "\u00a0"]), min_size=3, max_size=3))
    def test_half_spaces_may_be_anything(self, joints: list[str]) -> None:
        pieces = self.SPELLED.split("\u200c")
        damaged = "".join(piece + joint for piece, joint in zip(pieces, [*joints, ""], strict=True))
        assert resolve(damaged) == resolve(self.SPELLED)

    def test_letters_and_digits_may_be_arabic(self) -> None:
        assert meaning("سي‌ام آبان ١٤٠٣") == meaning("سی‌ام آبان ۱۴۰۳") == meaning("30 آبان 1403") == "2024-11-20"

    def test_an_unknown_word_is_not_cut_into_known_ones(self) -> None:
        assert [token.kind for token in tokenize("شهریوری قدیم")] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("expression", "flagged"),
    [
        ("۱۸ رمضان ۱۴۴۶ (۲۸ فروردین ۱۴۰۴)", True),  # it is the 18th of Shawwal
        ("۱۸ شوال ۱۴۴۶ (۲۸ فروردین ۱۴۰۴)", False),
        ("۱۹ شوال ۱۴۴۶ (۲۸ فروردین ۱۴۰۴)", False),  # as it was observed, perhaps
        ("۲۸ فروردین ۱۴۰۴ برابر با ۱۸ آوریل ۲۰۲۵", True),
        ("۲۸ فروردین ۱۴۰۴ مصادف با ۱۷ آوریل", False),
        ("۲۸ فروردین ۱۴۰۴ برابر با دوره", False),
    ],
)
def test_a_day_that_is_given_twice_and_differs_is_flagged(expression: str, flagged: bool) -> None:
    assert ("date_mismatch" in resolve(expression, PUBLISHED).flags) == flagged
