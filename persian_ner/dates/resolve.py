"""What a Persian date expression means: :func:`resolve`, from text to an interval of days.

Conventions, where language leaves a choice:

* **No year**: the date nearest to the publication date, before it on a tie. A weekday named
  with it decides only when both neighbours are more than three months away, so that
  a wrong weekday is found instead of believed. In a story of long ago a later day of
  the month last named is of the same year («۶ ژوئیه ۱۹۹۵ … ۱۱ ژوئیه»).
* **Weekday alone**: the date of an earlier expression of the document with that
  weekday, if it is at most ten days from the publication date; else the nearest one.
* **No publication date**: for these two, the first day the document names stands for it.
* **Two-digit years**: the latest year of that ending up to ten years from now, in
  the Jalali calendar unless month or era say otherwise. A lunar month with such a
  year, or with a year from 1345 on that has been, is one of the Jalali year
  («محرم ۹۴»), because Iran has counted years that way since 1304.
* **Four digits without an era**: Jalali from 1200 until thirty years from now, lunar
  below, Gregorian above. «هجری» alone is lunar up to 1344 and solar after.
* **Centuries without an era**: lunar up to the 14th, Gregorian from the 15th on.
* **Weeks** are from Saturday to Friday, the weekend is Thursday and Friday.
* **اوایل، اواسط، اواخر** are thirds: of a month ten days, of a year four months, of a
  decade three, four and three years. «نیمه» of a month is its 15th.
* **سال پیش، دو سال پیش** are calendar years; **دو سال گذشته** are the two years up to now.
  Years and months together (**دو سال و سه ماه پیش**) are a calendar month; with days
  (**سه ماه و ده روز پیش**) they are a day, the months counted first. A night
  (**دو شب پیش**) is the day it begins on.
* **Seasons** are Jalali, also with a Gregorian year, in which they have their middle.
* **یک دهه پیش، دو قرن پیش** are a year so long ago.
* **سال مالی** is the calendar year.
* **سه ماه منتهی به شهریور** are the three months that end with it.
* **Named days** («عید فطر», «شب یلدا», «دهه فجر») are those of the Iranian calendar, which
  :data:`persian_ner.dates.lexer.NAMED_DAYS` lists; a night is the day it begins on.
* **سال تحصیلی، سال آبی** are from 1 Mehr to the end of Shahrivar; a playing year
  («فصل ۹۷-۹۸») from 1 Tir to the end of Khordad. Two digits are then of the calendar
  whose year is nearest («فصل ۲۴-۲۵» is 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import accumulate, pairwise

from persian_ner.dates import calendars
from persian_ner.dates.grammar import PLAYING_YEAR, Expression, Point, Relative, Rolling, Year, parse
from persian_ner.dates.lexer import Token
from persian_ner.dates.periods import GRANULARITIES, OF_UNIT, Period, select
from persian_ner.dates.value import MONTHS_IN, Calendar, DateValue, Flag, Granularity, Unresolved

_HORIZON = 10  # years ahead that a two-digit year can mean
_DECADE_HORIZON = 5  # years ahead that the beginning of a two-digit decade can lie
_TODAY = date(2021, 3, 21)  # where two-digit years are counted from when there is no publication date: 1 Farvardin 1400
_FUTURE = 30  # years ahead that a Jalali year without an era can mean
_LAST_LUNAR = 1344  # the Jalali calendar became official in 1304, which is 1344 in the lunar one
_SATURDAY = 5
_ERAS: dict[str, Calendar] = {"jalali": "jalali", "gregorian": "gregorian", "hijri": "hijri"}
# Years of schools and leagues where the Gregorian calendar is used: from September, from July.
_GREGORIAN_FIRST_MONTH = {7: 9, PLAYING_YEAR: 7}
_NEARBY = 90  # days around the publication date in which a weekday is checked, not believed
_LUNAR_ERROR = 2  # days that an observed lunar date can be from the calculated one
_SAME_STORY = 10  # days around the publication date in which a weekday is that of an earlier date


def resolve(text: str, reference: date | None = None, context: Sequence[DateValue] = ()) -> DateValue:
    """Say which days a date expression means.

    ``reference`` is the publication date, ``context`` the values of the earlier
    expressions of the same document, in text order. Nothing is raised for any
    text: a value without an interval carries the reason.
    """
    if isinstance(reference, datetime):
        reference = reference.date()
    try:
        expression = parse(text)
        value = _Resolver(reference, context).expression(expression)
    except Unresolved as unresolved:
        return DateValue(reason=unresolved.reason)
    if any(_disagrees(value, repeat) for repeat in expression.repeats):
        value = replace(value, flags=tuple(sorted((*value.flags, "date_mismatch"))))
    return value


def resolve_in_turn(texts: Iterable[str], reference: date | None = None) -> list[DateValue]:
    """The dates of one document, in text order, each with the ones before it as its context; see :func:`resolve`."""
    values: list[DateValue] = []
    for text in texts:
        values.append(resolve(text, reference, values))
    return values


def _disagrees(value: DateValue, repeat: Expression) -> bool:
    """Whether what says a day once more means another one. Calculated lunar dates may be off by two days."""
    try:
        other = _Resolver(value.start, ()).expression(repeat)
    except Unresolved:
        return False
    if not (value.start and other.start and value.start == value.end and other.start == other.end):
        return False
    lunar = "hijri" in (value.calendar, other.calendar)
    return abs((value.start - other.start).days) > (_LUNAR_ERROR if lunar else 0)


class _Resolver:
    def __init__(self, reference: date | None, context: Sequence[DateValue]):
        self._reference = reference
        self._context = [value for value in context if value.start and value.granularity not in ("decade", "century")]

    def expression(self, expression: Expression) -> DateValue:
        if expression.kind == "point":
            return _value([self.point(expression.points[0])])
        if expression.kind == "series":
            periods = self._series(expression.points)
            value = _value(periods)
            return replace(value, parts=_parts(periods, expression.sizes)) if expression.sizes else value
        first, last = self._range(*expression.points)
        return replace(_value([first, last]), start=first.start, end=last.end, parts=())

    def point(self, point: Point) -> Period:
        period = self._period(point)
        if point.weekday is not None and period.start == period.end:
            period = _checked(period, point.weekday)
        for selector in reversed(point.selectors):
            period = select(period, selector)
        if period.calendar == "hijri":
            period = period.flagged("hijri_calculated")
        return period.flagged(*point.flags)

    # --- ranges and series ---

    def _range(self, left: Point, right: Point) -> tuple[Period, Period]:
        if left.is_weekday_only and not right.is_weekday_only:
            second = self.point(right)
            return _weekday_before(left, second), second
        first = self.point(left)
        if right.is_weekday_only:
            return first, _weekday_after(right, first)
        second = self.point(right)
        if second.end < first.start and replace(left, day=right.day, year_is_inherited=False) == right:
            first, second = second, first  # «۸-۵ مهر»
        elif second.end < first.start and _is_yearless(right):
            second = self._in_order(right, first)
        elif second.end < first.start and right.year and right.year_is_inherited:  # «مهر سال گذشته تا اردیبهشت»
            second = self.point(replace(right, year=replace(right.year, value=right.year.value + 1)))
        elif second.end < first.start and left.year and left.year_is_inherited:  # «اسفند تا فروردین ۱۴۰۴»
            first = self.point(replace(left, year=replace(left.year, value=left.year.value - 1)))
        if second.end < first.start:
            raise Unresolved("invalid_date")
        return first, second

    def _series(self, points: Sequence[Point]) -> list[Period]:
        dated = next((point for point in points if not point.is_weekday_only), None)
        periods: list[Period] = []
        for point in points:
            if point.is_weekday_only and dated:
                periods.append(_weekday_before(point, self.point(dated)))
            elif point.is_weekday_only and periods:
                periods.append(_weekday_after(point, periods[-1]))
            elif _is_yearless(point) and periods:
                periods.append(self._in_order(point, periods[-1]))
            else:
                periods.append(self.point(point))
        return periods

    def _in_order(self, point: Point, before: Period) -> Period:
        """A point without a year, in the first year that puts it after another one."""
        calendar: Calendar = point.month[0] if point.month else "jalali"
        year = calendars.year_of(calendar, before.start)
        for candidate in (year, year + 1):
            found = self.point(replace(point, year=Year("number", candidate, 4), era=calendar))
            if found.end >= before.start:
                break
        return found.flagged("year_inferred")

    # --- what a point is made of ---

    def _period(self, point: Point) -> Period:
        week = point.relative is None or point.relative.unit == "week"
        if point.shift and not (point.month or point.season or point.weekday is not None):
            raise Unresolved("not_understood")  # what «گذشته» belongs to here is unknown, and it must not be lost
        if point.rolling:
            return self._rolling(point.rolling)
        if point.years:
            return self._years(point.years, point)
        if point.century is not None:
            return _century(point.century, point.era)
        if point.decade:
            return self._decade(point.decade, point.era)
        if point.month:
            return self._month(point, *point.month)
        if point.season:
            return self._season(point, point.season)
        if point.day is not None:
            return self._day(point, point.day)
        if point.weekday is not None and week:
            return self._weekday(point, point.weekday)
        if point.relative:
            return self._relative(point, point.relative)
        if point.year:
            return self._year(point, point.year)
        if any(selector.name == "month" or selector.count == 4 for selector in point.selectors):
            return self._year(point, Year("offset")).flagged("year_inferred")  # «سه‌ماهه دوم»
        raise Unresolved("time_only" if "time_of_day" in point.flags and not point.selectors else "incomplete")

    @property
    def _now(self) -> date:
        if not self._reference:
            raise Unresolved("no_reference")
        return self._reference

    @property
    def _about(self) -> date:
        """Around when the document is set: its publication date, or else the first day that was spoken of."""
        days = [value.start for value in self._context if value.start and value.start == value.end]
        if self._reference or not days:
            return self._now
        return days[0]

    def _last(self, unit: str) -> tuple[Calendar, date]:
        """Calendar and first day of the last date spoken of that lies in one such unit: a year says no day of it."""
        for value in reversed(self._context):
            if value.start and value.calendar and value.granularity in _up_to(OF_UNIT[unit]):
                return value.calendar, value.start
        raise Unresolved("no_context")

    # --- years, decades, centuries ---

    def _this_year(self, calendar: Calendar) -> int:
        return calendars.year_of(calendar, self._reference or _TODAY)

    def _latest(self, calendar: Calendar, ending: int, horizon: int) -> int:
        """The latest year with this ending (0 to 99), up to some years from now."""
        latest = self._this_year(calendar) + horizon
        return latest - (latest - ending) % 100

    def _resolved_year(self, year: Year, point: Point) -> tuple[Calendar, int, tuple[Flag, ...]]:
        if year.kind == "number":
            return self._written_year(year.value, year.digits, point)
        of_month = point.month[0] if point.month else None
        calendar: Calendar = _ERAS.get(point.era or "") or ("gregorian" if of_month == "gregorian" else "jalali")
        if year.kind == "same" or (year.kind == "near" and self._context):
            last_calendar, day = self._last("year")
            calendar = calendar if point.era or of_month else last_calendar
            return calendar, calendars.year_of(calendar, day) + year.value, ()
        number, month = calendars.year_and_month(calendar, self._now)
        if year.kind == "new":  # the next one from halfway through the year; a school year from three months before
            begun = number + (month > 6) if not point.first_month else number - (month < point.first_month - 3)
            return calendar, begun, ("approximate",)
        if number + year.value < 1:  # «هزار و پانصد سال پیش»: before the calendar, but not before the common era
            return "gregorian", self._now.year + year.value, ()
        return calendar, number + year.value, ()

    def _written_year(self, value: int, digits: int, point: Point) -> tuple[Calendar, int, tuple[Flag, ...]]:
        of_month = point.month[0] if point.month else None
        short = value < 100 and digits <= 2
        if point.era == "hejri" and of_month != "jalali" and not (short and digits == 0):
            return ("hijri" if value <= _LAST_LUNAR else "jalali"), value, ("calendar_inferred",)
        calendar = _ERAS.get(point.era or "")
        if short and calendar != "hijri":
            calendar = calendar or ("gregorian" if of_month == "gregorian" else "jalali")
            return calendar, self._latest(calendar, value, _HORIZON), ("century_inferred",)
        if calendar:
            return calendar, value, ()
        now = self._this_year("jalali")
        if of_month == "jalali":
            return ("jalali" if value < 1500 else "gregorian"), value, ()
        if of_month == "gregorian":
            jalali = 1300 <= value <= now + _HORIZON
            return ("jalali", value, ("calendar_inferred",)) if jalali else ("gregorian", value, ())
        if of_month == "hijri":
            jalali = _LAST_LUNAR < value <= now + 1
            return ("jalali", value, ("calendar_inferred",)) if jalali else ("hijri", value, ())
        if value > now + _FUTURE:
            return "gregorian", value, ()
        return ("jalali", value, ()) if value >= 1200 else ("hijri", value, ("calendar_inferred",))

    def _year(self, point: Point, year: Year) -> Period:
        calendar, number, flags = self._resolved_year(year, point)
        return _years_period(calendar, number, number, point.first_month).flagged(*flags)

    def _years(self, tokens: Sequence[Token], point: Point) -> Period:
        """Two years: «۱۳۹۷-۱۳۹۸», «۹۲-۱۳۹۱», «۹۷-۹۸»; either may come first."""
        longer, shorter = sorted(tokens, key=lambda token: (-token.digits, token.value))
        if point.first_month == PLAYING_YEAR and longer.digits == 2 and not point.era:
            point = replace(point, era=self._calendar_with_nearest(longer.value))
        calendar, first, flags = self._written_year(longer.value, longer.digits, point)
        second = shorter.value
        if shorter.digits < longer.digits:  # the year of that ending next to the other one
            second = first + (shorter.value - first + 50) % 100 - 50
        elif shorter.value < 100:
            second = self._latest(calendar, shorter.value, _HORIZON)
        years = sorted((first, second))
        return _years_period(calendar, years[0], years[1], point.first_month).flagged(*flags)

    def _calendar_with_nearest(self, ending: int) -> Calendar:
        """The calendar, of the two in use, whose year with this ending is nearest to now."""
        calendars_in_use: tuple[Calendar, ...] = ("jalali", "gregorian")
        return min(
            calendars_in_use,
            key=lambda calendar: abs(self._latest(calendar, ending, _HORIZON) - self._this_year(calendar)),
        )

    def _decade(self, token: Token, era: str | None) -> Period:
        if token.value >= 1000:
            calendar, first, flags = self._written_year(token.value, token.digits, Point(era=era))
        elif token.value < 100 and token.value % 10 == 0:
            calendar, flags = _ERAS.get(era or "", "jalali"), ("century_inferred",)
            first = self._latest(calendar, token.value, _DECADE_HORIZON)
        else:
            raise Unresolved("not_understood")
        first -= first % 10
        return Period(*calendars.years_span(calendar, first, first + 9), calendar, "decade").flagged(*flags)

    # --- months, seasons, days ---

    def _month(self, point: Point, calendar: Calendar, month: int) -> Period:
        if point.weekday is not None and point.day is None:
            raise Unresolved("incomplete")

        def in_year(year: int) -> Period:
            if point.day is None:
                return Period(*calendars.month_span(calendar, year, month), calendar, "month")
            day = calendars.day_of_month(calendar, year, month, point.day)
            return Period(day, calendars.shift_days(day, (point.days or 1) - 1), calendar, "day")

        return self._of_some_year(point, calendar, in_year)

    def _season(self, point: Point, season: int) -> Period:
        def in_year(year: int) -> Period:
            return Period(*calendars.months_span("jalali", year, 3 * season - 2, 3), "jalali", "season")

        return self._of_some_year(point, "jalali", in_year)

    def _of_some_year(self, point: Point, calendar: Calendar, in_year: Callable[[int], Period]) -> Period:
        """What every year has one of, in the year the point names, or else in the nearest one."""
        if not point.year:
            return self._nearest_year(point, calendar, in_year)
        year_calendar, year, flags = self._resolved_year(point.year, point)
        if year_calendar == calendar:
            return in_year(year).flagged(*flags)
        start, end = calendars.years_span(year_calendar, year, year)
        first, last = calendars.year_of(calendar, start), calendars.year_of(calendar, end)
        for period in _existing(in_year, range(first, last + 1)):
            if start <= period.start + (period.end - period.start) / 2 <= end:
                # A season with a Gregorian year is one of that calendar; a month always belongs to its own.
                return replace(period, calendar=calendar if point.month else year_calendar).flagged(*flags)
        raise Unresolved("invalid_date")

    def _nearest_year(self, point: Point, calendar: Calendar, in_year: Callable[[int], Period]) -> Period:
        anchor = self._now if point.shift else self._about
        this_year = calendars.year_of(calendar, anchor)
        # 29 February and 30 Esfand can be eight years apart.
        periods = _existing(in_year, range(this_year - 8, this_year + 9))
        if point.shift:
            return _next(periods, anchor, point.shift)
        if continued := self._continued(point, calendar):
            return in_year(continued).flagged("year_inferred")
        ordered = sorted(periods, key=lambda period: _distance(period, anchor))
        if not ordered:
            raise Unresolved("invalid_date")
        if point.weekday is not None and _distance(ordered[0], anchor) > _NEARBY:
            ordered[:2] = sorted(ordered[:2], key=lambda period: period.start.weekday() != point.weekday)
        return ordered[0].flagged("year_inferred")

    def _continued(self, point: Point, calendar: Calendar) -> int | None:
        """The year of a story of long ago, where a date goes on in the month of the last one: «۶ … ۱۱ ژوئیه»."""
        if not (self._reference and self._context and point.month and point.day):
            return None
        last = self._context[-1]
        if not last.start or last.start != last.end or abs((last.start - self._reference).days) <= 366:
            return None
        year, month = calendars.year_and_month(calendar, last.start)
        later = (last.start - calendars.first_of_month(calendar, year, month)).days + 1 < point.day
        return year if last.calendar == calendar and month == point.month[1] and later else None

    def _day(self, point: Point, day: int) -> Period:
        """A day without the name of its month: «پنجم ماه جاری», «پنجشنبه ششم»."""
        calendar = _ERAS.get(point.era or "", "jalali")
        if point.relative:
            if point.relative.unit != "month":
                raise Unresolved("not_understood")
            anchor = self._last("month")[1] if point.relative.anchored else self._now
            year, month = calendars.year_and_month(calendar, anchor)
            found = calendars.day_of_month(calendar, year, month + point.relative.offset, day)
            return Period(found, found, calendar, "day")
        if point.year:
            raise Unresolved("not_understood")
        days = [value for value in self._context if value.start and value.start == value.end]
        anchor, calendar = (
            (days[-1].start or date.min, days[-1].calendar or calendar) if days else (self._now, calendar)
        )
        year, month = calendars.year_and_month(calendar, anchor)

        def in_month(number: int) -> Period:
            found = calendars.day_of_month(calendar, year, number, day)
            return Period(found, found, calendar, "day")

        def preference(period: Period) -> tuple[bool, int]:
            return point.weekday not in (None, period.start.weekday()), _distance(period, anchor)

        periods = _existing(in_month, range(month - 2, month + 3))
        if not periods:
            raise Unresolved("invalid_date")
        return min(periods, key=preference).flagged("month_inferred")

    def _weekday(self, point: Point, weekday: int) -> Period:
        anchor = self._now if point.shift else self._about
        ahead = (weekday - anchor.weekday()) % 7
        if point.relative:
            week = self._relative(point, point.relative)
            days = (weekday - _SATURDAY) % 7
            anchor = week.start
        elif point.shift == 1:
            days = ahead or 7
        elif point.shift == -1:
            days = ahead - 7
        else:
            days = ahead if ahead <= 3 else ahead - 7
            same = [value.start for value in self._context if value.start and value.start == value.end]
            for day in reversed(same):
                if day.weekday() == weekday and abs((day - anchor).days) <= _SAME_STORY:
                    return Period(day, day, "jalali", "day")
        day = calendars.shift_days(anchor, days)
        return Period(day, day, "jalali", "day")

    # --- counted from now ---

    def _relative(self, point: Point, relative: Relative) -> Period:
        unit, offset = relative.unit, relative.offset
        anchor = self._last(unit)[1] if relative.anchored else self._now
        calendar = _ERAS.get(point.era or "", "gregorian" if unit == "century" else "jalali")
        if unit in ("day", "hour"):
            anchor = calendars.shift_months(calendar, anchor, relative.months) if relative.months else anchor
            day = calendars.shift_days(anchor, offset if unit == "day" else 0)
            return Period(day, day, calendar, "day")
        if unit == "week":
            start = calendars.shift_days(anchor, 7 * offset - (anchor.weekday() - _SATURDAY) % 7)
            return Period(start, calendars.shift_days(start, 6), calendar, "week")
        year, month = calendars.year_and_month(calendar, anchor)
        if unit == "month":
            return Period(*calendars.month_span(calendar, year, month + offset), calendar, "month")
        if unit == "season":
            first = month - (month - 1) % 3 + 3 * offset
            return Period(*calendars.months_span(calendar, year, first, 3), calendar, "season")
        if unit == "year":
            begun = not point.first_month or month >= point.first_month
            number = year + offset - (not begun)
            return _years_period(calendar, number, number, point.first_month)
        if unit == "decade":
            first = year - year % 10 + 10 * offset
            return Period(*calendars.years_span(calendar, first, first + 9), calendar, "decade")
        inferred = () if point.era else ("calendar_inferred",)
        return _century((year - 1) // 100 + 1 + offset, calendar).flagged(*inferred)

    def _rolling(self, rolling: Rolling) -> Period:
        anchor, unit, count = self._now, rolling.unit, rolling.count
        if unit in ("hour", "day", "week"):
            days = {"hour": -(-abs(count) // 24), "day": abs(count), "week": 7 * abs(count)}[unit]
            other = calendars.shift_months("jalali", anchor, rolling.months) if rolling.months else anchor
            other = calendars.shift_days(other, days if count > 0 else -days)
        else:
            months = count * MONTHS_IN[unit]
            # The Jalali calendar does not reach back far enough for millennia, and years are as long in both.
            other = calendars.shift_months("gregorian" if months % 12 == 0 else "jalali", anchor, months)
        return Period(min(anchor, other), max(anchor, other), "jalali", OF_UNIT[unit])


def _value(periods: Sequence[Period]) -> DateValue:
    return DateValue(
        start=min(period.start for period in periods),
        end=max(period.end for period in periods),
        calendar=periods[0].calendar,
        granularity=min((period.granularity for period in periods), key=GRANULARITIES.index),
        flags=tuple(sorted(frozenset[Flag]().union(*(period.flags for period in periods)))),
        parts=tuple((period.start, period.end) for period in periods) if len(periods) > 1 else (),
    )


def _parts(periods: Sequence[Period], sizes: Sequence[int]) -> tuple[tuple[date, date], ...]:
    """The intervals of a series, of one or two periods each. Raises :class:`Unresolved` where time runs backwards."""
    if any(after.start <= before.end for before, after in pairwise(periods)):
        raise Unresolved("invalid_date")
    ends = accumulate(sizes)
    return tuple((periods[end - size].start, periods[end - 1].end) for size, end in zip(sizes, ends, strict=True))


def _checked(period: Period, weekday: int) -> Period:
    """A day whose weekday is named too. A calculated lunar date may be one day off, which the weekday tells."""
    off = (weekday - period.start.weekday() + 3) % 7 - 3
    if period.calendar == "hijri" and abs(off) == 1:
        day = calendars.shift_days(period.start, off)
        return replace(period, start=day, end=day)
    return period.flagged("weekday_mismatch") if off else period


def _is_yearless(point: Point) -> bool:
    return point.year is None and not point.shift and (point.month is not None or point.season is not None)


def _weekday_after(point: Point, period: Period) -> Period:
    day = calendars.shift_days(period.start, ((point.weekday or 0) - period.start.weekday()) % 7)
    return replace(period, start=day, end=day, granularity="day")


def _weekday_before(point: Point, period: Period) -> Period:
    day = calendars.shift_days(period.start, -((period.start.weekday() - (point.weekday or 0)) % 7))
    return replace(period, start=day, end=day, granularity="day")


def _up_to(granularity: Granularity) -> tuple[Granularity, ...]:
    return GRANULARITIES[: GRANULARITIES.index(granularity) + 1]


def _existing(make: Callable[[int], Period], numbers: range) -> list[Period]:
    """The periods of the numbers that have one: not every year has a 30 Esfand."""
    periods = []
    for number in numbers:
        try:
            periods.append(make(number))
        except Unresolved:
            continue
    return periods


def _distance(period: Period, day: date) -> int:
    return max((period.start - day).days, (day - period.end).days, 0)


def _next(periods: Sequence[Period], anchor: date, direction: int) -> Period:
    if direction < 0:
        periods = [period for period in periods if period.end < anchor][-1:]
    else:
        periods = [period for period in periods if period.start > anchor][:1]
    if not periods:
        raise Unresolved("invalid_date")
    return periods[0]


def _years_period(calendar: Calendar, first: int, last: int, first_month: int | None) -> Period:
    """Whole years, or a school or playing year, which begins later and ends in the year after."""
    if first_month in (None, 1):
        return Period(*calendars.years_span(calendar, first, last), calendar, "year")
    month = _GREGORIAN_FIRST_MONTH[first_month] if calendar == "gregorian" else first_month
    return Period(*calendars.months_span(calendar, first, month, 12 * max(last - first, 1)), calendar, "year")


def _century(number: int, era: str | None) -> Period:
    calendar = _ERAS.get(era or "") or ("gregorian" if number >= 15 and era is None else "hijri")
    flags: tuple[Flag, ...] = () if era in _ERAS else ("calendar_inferred",)
    span = calendars.years_span(calendar, 100 * number - 99, 100 * number)
    return Period(*span, calendar, "century").flagged(*flags)
