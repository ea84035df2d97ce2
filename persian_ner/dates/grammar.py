"""From the tokens of a date expression to what it says: its day, month, year and so on, still without a calendar date.

An expression is one point, a range of two («۵ تا ۸ مهر») or a series («آبان و
دی»), of which some may be ranges («۵ تا ۸ مهر و ۳ دی»). A point is read from left
to right by the rules below, the first that fits at each place; a rule adds what
its words say. What one side of a range or series leaves out is taken from the
other («۵ تا ۸ مهر ۱۴۰۳»).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from persian_ner.dates.lexer import LAST, Token, tokenize
from persian_ner.dates.value import MONTHS_IN, Calendar, Flag, Reason, Unresolved


@dataclass(frozen=True)
class Year:
    """A year: a number as written, or an offset from the current (``offset``) or the last mentioned (``same``) one.

    ``near`` is «همین سال», the last mentioned year or else the current one; ``new`` the year «سال جدید» speaks of.
    """

    kind: Literal["number", "offset", "same", "near", "new"]
    value: int = 0
    digits: int = 0


@dataclass(frozen=True)
class Relative:
    """The unit that lies ``offset`` units from now, or from the last mentioned date when ``anchored``.

    ``months`` are counted before the offset, and have its sign: «سه ماه و ده روز پیش».
    """

    unit: str
    offset: int
    anchored: bool = False
    months: int = 0


@dataclass(frozen=True)
class Rolling:
    """``count`` units up to now (negative) or from now on (positive), and ``months``: «سه ماه و ده روز گذشته»."""

    unit: str
    count: int
    months: int = 0


@dataclass(frozen=True)
class Selector:
    """A piece of the period that follows.

    ``part``: its start, middle or end (``name``), or its half (``half``);
    ``fraction``: the ``number``-th of ``count`` equal parts; ``nth``: its
    ``number``-th unit or, for the name ``weekday``, its ``number``-th weekday
    ``count``; ``chunk``: its ``number``-th run of ``count`` units; ``until``: the
    ``count`` units that end with it. ``name`` is the unit.
    """

    kind: Literal["part", "fraction", "nth", "chunk", "until"]
    name: str
    number: int = 0
    count: int = 0


@dataclass(frozen=True)
class Point:
    """What one side of an expression says; None is what it does not say.

    ``number`` is a number that may be a day or a year, ``years`` are two years
    («۹۷-۹۸»), ``shift`` is −1, 0 or 1 for «گذشته», «این» and «آینده» after a
    weekday, month or season, ``days`` how many days from ``day`` on are meant,
    ``first_month`` the Jalali month that a school or playing year begins with.
    ``selectors`` apply from the last to the first.
    ``year_is_inherited`` says that the year is that of the other side of a range.
    """

    weekday: int | None = None
    day: int | None = None
    days: int | None = None
    number: Token | None = None
    month: tuple[Calendar, int] | None = None
    season: int | None = None
    year: Year | None = None
    years: tuple[Token, Token] | None = None
    first_month: int | None = None
    relative: Relative | None = None
    rolling: Rolling | None = None
    decade: Token | None = None
    century: int | None = None
    shift: int | None = None
    era: str | None = None
    year_is_inherited: bool = False
    selectors: tuple[Selector, ...] = ()
    flags: frozenset[Flag] = frozenset()

    @property
    def is_weekday_only(self) -> bool:
        """Whether it names a weekday and nothing else that could place it."""
        return self.weekday is not None and replace(self, weekday=None, flags=frozenset()) == Point()


@dataclass(frozen=True)
class Expression:
    """The points of an expression in order, and how they belong together.

    ``repeats`` say the same once more: «۲۸ فروردین (۱۷ آوریل)», «… برابر با ۱۷ آوریل».
    ``sizes`` are how many points, one or two, each part of a series with ranges has.
    """

    kind: Literal["point", "range", "series"]
    points: tuple[Point, ...]
    repeats: tuple[Expression, ...] = ()
    sizes: tuple[int, ...] = ()


TODAY = Point(relative=Relative("day", 0))
PLAYING_YEAR = 4
"""The first month of a playing year: seasons of Iranian leagues run from summer to the end of spring."""

_LONGEST = 60  # tokens; a text with more is no date expression
_ASIDE = re.compile(r"\(([^()]*)\)")
_THAT_IS = re.compile(r"(?<!\w)(?:(?:برابر|مصادف)(?:\s+با)?|[یي]عن[یي])(?!\w)")
_HOPELESS: dict[str, Reason] = {
    "unknown": "unknown_words",
    "bce": "before_common_era",
    "recurring": "recurring",
    "vague": "vague",
}
_SEPARATORS = frozenset({"comma", "dash", "slash", "dot", "colon", "from", "between"})
_ORDERED = frozenset({"unit", "units", "unit_span", "half", "quarter"})
# «مهرماه», «ماه مهر», «فصل بهار», «روز شنبه»: the unit says nothing that the name beside it does not say.
_REDUNDANT_BEFORE = {
    ("unit", "month"): {"month"},
    ("units", "month"): {"month"},
    ("unit", "season"): {"season"},
    ("unit", "day"): {"weekday", "cardinal", "date", "day_month", "day_word", "named_day", "time"},
    ("units", "day"): {"weekday", "cardinal", "ordinal"},
}

_Handler = Callable[[Point, Sequence[Token]], Point | None]
_Alternatives = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class _Rule:
    consumed: tuple[_Alternatives, ...]
    ahead: tuple[_Alternatives, ...]
    handler: _Handler

    def matches(self, tokens: Sequence[Token]) -> bool:
        wanted = (*self.consumed, *self.ahead)
        return len(tokens) >= len(wanted) and all(
            (token.kind, "") in alternatives or (token.kind, token.name) in alternatives
            for token, alternatives in zip(tokens, wanted, strict=False)
        )


_RULES: list[_Rule] = []


def _rule(*patterns: str) -> Callable[[_Handler], _Handler]:
    """Add a rule for each pattern: kinds of tokens, ``kind:name`` for one subkind, ``|`` between alternatives.

    What follows ``>`` must come next, but is left for the next rule. A handler returns None where it does not fit.
    """

    def add(handler: _Handler) -> _Handler:
        for pattern in patterns:
            consumed, _, ahead = pattern.partition(">")
            _RULES.append(_Rule(_alternatives(consumed), _alternatives(ahead), handler))
        return handler

    return add


def _alternatives(pattern: str) -> tuple[_Alternatives, ...]:
    return tuple(
        frozenset((kind, name) for kind, _, name in (item.partition(":") for item in element.split("|")))
        for element in pattern.split()
    )


def parse(text: str) -> Expression:
    """Read an expression. Raises :class:`Unresolved` with the reason when it says no date."""
    try:
        return _parse(text)
    except Unresolved as unresolved:
        # «۲۴ اکتبر (سوم آبان) سال جاری», «۲۸ فروردین برابر با ۱۷ آوریل»: the same day in another calendar
        first, *others = [part for part in _THAT_IS.split(_ASIDE.sub(" ", text)) if part.strip()] or [text]
        others += _ASIDE.findall(text)
        if unresolved.reason != "not_understood" or not others:
            raise
    return replace(_parse(first), repeats=tuple(_understood(others)))


def _understood(texts: Sequence[str]) -> Iterator[Expression]:
    for text in texts:
        try:
            yield _parse(text)
        except Unresolved:
            continue


def _parse(text: str) -> Expression:
    """Read an expression as it stands; «مای» is a month where a day or a year says so."""
    tokens = tokenize(text)
    doubted = {_month_of(token) for token in tokens if token.kind == "maybe_month"}
    expression = _read([replace(token, kind="month") if token.kind == "maybe_month" else token for token in tokens])
    if any(point.month in doubted and point.day is None and point.year is None for point in expression.points):
        raise Unresolved("unknown_words")
    return expression


def _read(tokens: list[Token]) -> Expression:
    tokens = _simplify(tokens)
    if not tokens:
        raise Unresolved("empty")
    if len(tokens) > _LONGEST:
        raise Unresolved("not_understood")
    kinds = [token.kind for token in tokens]
    for kind, reason in _HOPELESS.items():
        if kind in kinds:
            raise Unresolved(reason)
    if kinds[-1] == "onwards":
        return Expression("range", (_placed(_point(tokens[:-1])), TODAY))
    if "and" in kinds and (parts := _ranges(tokens)):
        return _series_with_ranges(parts)
    if "to" in kinds:
        return _inherited("range", [_point(side) for side in _unit_for_all(_split(tokens, "to"))])
    if "and" in kinds or "slash" in kinds:
        return _series(tokens)
    if "dash" in kinds and len(sides := _split(tokens, "dash")) == 2:
        try:
            return _inherited("range", [_point(side) for side in sides])
        except Unresolved:
            pass  # «دوشنبه - ۵ مهر»: the dash only separates
    return Expression("point", (_placed(_point(tokens)),))


def _simplify(tokens: list[Token]) -> list[Token]:
    kept: list[Token] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1].kind if index + 1 < len(tokens) else ""
        if token.kind == "units" and following == "ordinal" and not _enumerates(tokens[index + 2 :]):
            following = ""  # «روزهای نخست سال», but «روزهای دهم و یازدهم»
        after_month = bool(kept) and kept[-1].kind == "month" and (token.kind, token.name) == ("unit", "month")
        if not after_month and following not in _REDUNDANT_BEFORE.get((token.kind, token.name), ()):
            kept.append(token)
    while kept and kept[0].kind in ("from", "to", "and", *_SEPARATORS - {"between"}):
        kept = kept[1:]
    while kept and kept[-1].kind in ("from", "to", "and", *_SEPARATORS):
        kept = kept[:-1]
    return kept


def _enumerates(tokens: Sequence[Token]) -> bool:
    return bool(tokens) and tokens[0].kind in ("and", "to", "comma", "dash")


def _split(tokens: Sequence[Token], *kinds: str) -> list[list[Token]]:
    sides: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind in kinds:
            sides.append([])
        else:
            sides[-1].append(token)
    return sides


def _unit_for_all(sides: list[list[Token]]) -> list[list[Token]]:
    """Give every ordinal the unit that is said once: «هفته اول و دوم مهر», «قرن‌های هجدهم و نوزدهم»."""
    *said, last = sides[0] or [Token("")]
    unit = said[-1] if said else last
    if last.kind != "ordinal" or unit.kind not in _ORDERED or unit.name == "day":
        return sides
    if unit.kind == "units":
        said[-1] = replace(unit, kind="unit", value=1)
    return [[*said, *side] if side[:1] and side[0].kind == "ordinal" else side for side in [[last], *sides[1:]]]


def _series(tokens: Sequence[Token]) -> Expression:
    if tokens[0].kind == "between":
        return _inherited("range", [_point(side) for side in _split(tokens, "and")])
    last_weekday = max((index for index, token in enumerate(tokens) if token.kind == "weekday"), default=-1)
    weekdays = [token.value for token in tokens[: last_weekday + 1] if token.kind == "weekday"]
    if (
        len(weekdays) > 1
        and last_weekday + 1 < len(tokens)
        and "and" in (token.kind for token in tokens[last_weekday:])
    ):
        days = _series(tokens[last_weekday + 1 :])  # «پنجشنبه و جمعه ۲۷ و ۲۸ خرداد»
        if len(days.points) != len(weekdays):
            raise Unresolved("not_understood")
        pairs = zip(days.points, weekdays, strict=True)
        return Expression("series", tuple(replace(point, weekday=weekday) for point, weekday in pairs))
    try:  # «۵، ۶ و ۷ مهر»
        return _inherited("series", [_point(side) for side in _unit_for_all(_split(tokens, "and", "comma", "slash"))])
    except Unresolved:  # «دوشنبه، ۵ و ۶ مهر»
        return _inherited("series", [_point(side) for side in _split(tokens, "and")])


def _ranges(tokens: Sequence[Token]) -> list[list[list[Token]]]:
    """The sides of the parts of a series, if some are ranges; nothing where other signs leave open what is a part."""
    tokens = [_dash_as_to(tokens, index) for index in range(len(tokens))]
    kinds = {token.kind for token in tokens}
    if "to" not in kinds or kinds & (_SEPARATORS - {"from"}):
        return []
    return [_split(part, "to") for part in _split(tokens, "and")]


def _dash_as_to(tokens: Sequence[Token], index: int) -> Token:
    """The token; a «تا» for the dash of «۵-۸ مهر»."""
    around = [token.kind for token in (*tokens[max(index - 1, 0) : index], *tokens[index + 1 : index + 2])]
    return Token("to") if tokens[index].kind == "dash" and around == ["cardinal", "cardinal"] else tokens[index]


def _series_with_ranges(parts: Sequence[Sequence[Sequence[Token]]]) -> Expression:
    """«۱۰ تا ۱۵ آبان و ۳ دی ۱۴۰۳»: all dates, or all years, so that what is left out is no riddle."""
    sizes = tuple(len(sides) for sides in parts)
    series = _inherited("series", [_point(side) for sides in parts for side in sides])
    calendars = {point.month and point.month[0] for point in series.points}
    if max(sizes) > 2 or len(calendars) > 1:
        raise Unresolved("not_understood")
    return replace(series, sizes=sizes)


def _point(tokens: Sequence[Token]) -> Point:
    rest = [token for index, token in enumerate(tokens) if token.kind not in _SEPARATORS or _says_from(tokens, index)]
    if not rest:
        raise Unresolved("not_understood")
    point = Point()
    while rest:
        for rule in _RULES:
            if rule.matches(rest) and (extended := rule.handler(point, rest[: len(rule.consumed)])) is not None:
                point, rest = extended, rest[len(rule.consumed) :]
                break
        else:
            raise Unresolved("not_understood")
    return point


def _says_from(tokens: Sequence[Token], index: int) -> bool:
    """Whether this is the «از» of «پیش از آن» or «پیش از ۱۳۵۷» (which is no interval), or the colon of a clock time."""
    before, after = tokens[max(index - 1, 0) : index], tokens[index + 1 : index + 2]
    if tokens[index].kind == "from":  # «پیش از این» is «پیش»
        is_said = [token.kind for token in before] == ["shift"] and before[0].name == "point"
        return is_said and [token.kind for token in after] != ["this"]
    return tokens[index].kind == "colon" and [token.kind for token in (*before, *after)] == ["cardinal", "cardinal"]


def _inherited(kind: Literal["range", "series"], points: list[Point]) -> Expression:
    """Fill in what one side leaves to another, from the right («۵ تا ۸ مهر») and then from the left («سال ۹۳ و ۹۴»)."""
    if kind == "range" and len(points) != 2:
        raise Unresolved("not_understood")
    for index in range(len(points) - 2, -1, -1):
        points[index] = _inherit(points[index], points[index + 1])
    for index in range(1, len(points)):
        points[index] = _inherit(points[index], points[index - 1])
    return Expression(kind, tuple(_placed(point) for point in points))


def _inherit(point: Point, model: Point) -> Point:
    if point.number is not None:
        point = _with_role_of(point, point.number, model)
    if point.is_weekday_only:
        in_week = model.weekday is not None and model.relative is not None and model.relative.unit == "week"
        return replace(point, relative=model.relative if in_week else None)
    if point.month or point.season:
        if not point.year and point.shift is None and not point.relative:
            point = replace(point, year=model.year, shift=model.shift, year_is_inherited=model.year is not None)
    elif replace(point, weekday=None, day=None, selectors=(), flags=frozenset()) == Point() and not point.number:
        point = replace(
            model,
            weekday=point.weekday,
            day=point.day,
            year_is_inherited=model.year is not None,
            selectors=point.selectors,
            flags=point.flags,
        )
    return replace(point, era=point.era or model.era)


def _with_role_of(point: Point, number: Token, model: Point) -> Point:
    """Let a bare number be what the number of the other side is."""
    bare = replace(point, number=None)
    if model.decade:
        return replace(bare, decade=number)
    if model.century is not None:
        return replace(bare, century=number.value)
    if (model.day is not None or model.month) and number.value <= 31:
        return replace(bare, day=number.value)
    if model.year and model.year.kind == "number":
        return replace(bare, year=Year("number", number.value, number.digits))
    return point


def _placed(point: Point) -> Point:
    """Settle whether a number that nothing else explains is a day or a year."""
    if (
        point.number is None
        and len(point.selectors) == 1
        and replace(point, selectors=(), flags=frozenset()) == Point()
    ):
        only = point.selectors[0]
        if (only.kind, only.name) == ("nth", "day") and only.number != LAST:  # «روز هفدهم»
            return replace(point, day=only.number, selectors=())
    if point.number is None:
        return point
    number, bare = point.number, replace(point, number=None)
    if point.era and number.kind == "ordinal" and point == Point(number=number, era=point.era):
        raise Unresolved("incomplete")  # «دهم میلادی» is a century, not the year 10: «قرن … و» stands in another name
    if number.value > 31 or number.digits > 2 or point.era:
        return bare if point.year else replace(bare, year=Year("number", number.value, number.digits))
    if number.kind == "ordinal" or point.weekday is not None or point.month:
        return replace(bare, day=number.value)
    raise Unresolved("ambiguous")


def _add(point: Point, **fields: Any) -> Point | None:
    """The point with more fields; None when one of them is taken."""
    if any(getattr(point, name) is not None for name in fields):
        return None
    return replace(point, **fields)


def _select(point: Point, *selectors: Selector, flags: tuple[Flag, ...] = ()) -> Point:
    return replace(point, selectors=point.selectors + selectors, flags=point.flags | set(flags))


def _flag(point: Point, flag: Flag) -> Point:
    return replace(point, flags=point.flags | {flag})


def _number_year(token: Token) -> Year:
    return Year("number", token.value, token.digits)


# --- numbers with signs -----------------------------------------------------------------------------------------------


@_rule("date era", "date")
def _date(point: Point, tokens: Sequence[Token]) -> Point | None:
    first, middle, last = tokens[0].numbers
    if last.digits > 2 or (last.value > 31 and first.value <= 31):
        first, last = last, first
    year, month, day = first, middle.value, last.value
    if month > 12:
        month, day = day, month
    calendar: Calendar = "gregorian" if year.value >= 1500 else "jalali"
    if "hijri" in (token.name for token in tokens):
        calendar = "hijri"
    if not 1 <= month <= 12:
        raise Unresolved("invalid_date")
    return _add(point, day=day, month=(calendar, month), year=_number_year(year))


@_rule("year_month")
def _year_month(point: Point, tokens: Sequence[Token]) -> Point | None:
    year, month = sorted(tokens[0].numbers, key=lambda number: (-number.digits, -number.value))
    calendar: Calendar = "gregorian" if year.value >= 1500 else "jalali"
    return _add(point, month=(calendar, month.value), year=_number_year(year))


@_rule("day_month")
def _day_month(point: Point, tokens: Sequence[Token]) -> Point | None:
    month, day = sorted(token.value for token in tokens[0].numbers)
    if not 1 <= month <= 12 or day <= 12:
        raise Unresolved("ambiguous")
    return _add(point, day=day, month=("jalali", month))


@_rule("unit:year|units:year year_kind years", "year_kind years", "unit:year|units:year years", "years")
def _years(point: Point, tokens: Sequence[Token]) -> Point | None:
    kind = next((token for token in tokens if token.kind == "year_kind"), None)
    return _add(point, years=tokens[-1].numbers, first_month=kind and kind.value)


@_rule("unit:season years")
def _playing_years(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(_flag(point, "approximate"), years=tokens[-1].numbers, first_month=PLAYING_YEAR)


@_rule("unit:season cardinal")
def _playing_year(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(_flag(point, "approximate"), year=_number_year(tokens[-1])) if tokens[-1].digits == 4 else None


@_rule("unit:year year_kind cardinal")
def _school_year(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, year=_number_year(tokens[2]), first_month=tokens[1].value)


@_rule("unit:year year_kind shift|this", "this unit:year year_kind")
def _relative_school_year(point: Point, tokens: Sequence[Token]) -> Point | None:
    offset = next(token.value for token in tokens if token.kind not in ("unit", "year_kind"))
    kind = next(token for token in tokens if token.kind == "year_kind")
    return _add(point, relative=Relative("year", offset), first_month=kind.value)


@_rule("unit:year year_kind new")
def _new_school_year(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, year=Year("new"), first_month=tokens[1].value)


# --- times of day, which are left out ---------------------------------------------------------------------------------


@_rule("unit:hour cardinal colon cardinal", "unit:hour cardinal")
def _clock(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _flag(point, "time_of_day")


@_rule("time shift")
def _night(point: Point, tokens: Sequence[Token]) -> Point | None:
    if point.weekday is not None:
        return None  # «شنبه شب گذشته» is not last night
    return _add(_flag(point, "time_of_day"), relative=Relative("day", tokens[1].value))


@_rule("night_word")
def _night_word(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(_flag(point, "time_of_day"), relative=Relative("day", tokens[0].value))


@_rule("time")
def _time(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _flag(point, "time_of_day")


# --- counted units ----------------------------------------------------------------------------------------------------


@_rule("cardinal unit|unit_span ending")
def _counted_until(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«سه ماه منتهی به شهریور ۱۴۰۳»."""
    return _select(point, Selector("until", tokens[1].name, count=tokens[0].value * max(tokens[1].value, 1)))


@_rule("unit ending", "unit:year year_kind ending")
def _unit_until(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("until", tokens[0].name, count=tokens[0].value))


@_rule("cardinal unit|unit_span ordinal|part:start|part:end")
def _chunk(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("chunk", tokens[1].name, _order(tokens[2]), tokens[0].value))


@_rule("leading cardinal unit|unit_span")
def _leading_chunk(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("chunk", tokens[2].name, tokens[0].value, tokens[1].value))


@_rule("units ordinal|part:start|part:end", "leading units")
def _vague_chunk(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«روزهای پایانی سال», «نخستین ماه‌های»: taken as ten days, or as three of a longer unit."""
    order, units = sorted(tokens, key=lambda token: token.kind == "units")
    count = 10 if units.name == "day" else 3
    return _select(point, Selector("chunk", units.name, _order(order), count), flags=("approximate",))


def _order(token: Token) -> int:
    return {"start": 1, "end": LAST}[token.name] if token.kind == "part" else token.value


@_rule("cardinal unit shift from same")
def _counted_from_there(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _shifted(point, tokens[1].name, tokens[0].value * tokens[2].value, anchored=True)


@_rule("unit shift from same")
def _next_to_there(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _shifted(point, tokens[0].name, tokens[1].value, anchored=True)


@_rule("counts shift from same", "counts shift")
def _counted_together(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«دو سال و سه ماه پیش» is a month, «سه ماه و ده روز پیش» a day."""
    if point.month or point.season:
        return None  # «مهر دو سال و سه ماه پیش»
    numbers, shift, anchored = tokens[0].numbers, tokens[1], tokens[-1].kind == "same"
    months = shift.value * sum(MONTHS_IN[number.name] * number.value for number in numbers if number.name != "day")
    unit, count = "month", months
    if numbers[-1].name == "day":
        unit, count = "day", shift.value * numbers[-1].value
    before = months if unit == "day" else 0
    if shift.name in ("span", "recent") and not anchored:
        return _add(point, rolling=Rolling(unit, count, before))
    return _add(point, relative=Relative(unit, count, anchored, before))


@_rule("cardinal time:night shift")
def _nights(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«دو شب پیش»; but «ده شب گذشته» may be ten o'clock of last night, and «ده شب آینده» of the next."""
    count, _, shift = tokens
    return None if shift.name == "span" else _counted_shift(_flag(point, "time_of_day"), count.value, "day", shift)


@_rule("cardinal unit|unit_span and_half shift")
def _count_and_a_half(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _halves(point, 2 * tokens[0].value + 1, tokens[1], tokens[-1])


@_rule("half_count unit shift")
def _half_unit(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _halves(point, 1, tokens[1], tokens[-1])


_HALVES = {"month": ("day", 15), "year": ("month", 6), "decade": ("year", 5), "century": ("year", 50)}


def _halves(point: Point, halves: int, unit: Token, shift: Token) -> Point | None:
    if unit.name not in _HALVES:
        return None
    smaller, half = _HALVES[unit.name]
    return _counted_shift(_flag(point, "approximate"), halves * half, smaller, shift)


@_rule("cardinal unit|unit_span shift")
def _counted(point: Point, tokens: Sequence[Token]) -> Point | None:
    count, unit, shift = tokens
    if unit.kind == "unit_span" and shift.name == "point":
        return None
    return _counted_shift(point, count.value * max(unit.value, 1), unit.name, shift)


def _counted_shift(point: Point, count: int, unit: str, shift: Token) -> Point | None:
    if shift.name in ("span", "recent"):
        return _add(point, rolling=Rolling(unit, count * shift.value))
    if unit in ("decade", "century"):  # «دو دهه پیش»: some twenty years ago, whatever decade that was in
        return _shifted(_flag(point, "approximate"), "year", count * shift.value * MONTHS_IN[unit] // 12)
    if count >= 10 and count % 10 == 0 and unit != "day":
        point = _flag(point, "approximate")  # «سیصد سال پیش»
    return _shifted(point, unit, count * shift.value)


def _shifted(point: Point, unit: str, offset: int, *, anchored: bool = False) -> Point | None:
    if unit == "year":
        return _add(point, year=Year("same" if anchored else "offset", offset))
    return _add(point, relative=Relative(unit, offset, anchored))


@_rule("cardinal unit_span > unit:year|year_word|years|cardinal")
def _first_months(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«هفت ماهه سال جاری» are its first seven months."""
    return _select(point, Selector("chunk", tokens[1].name, 1, tokens[0].value))


# --- pieces of a period -----------------------------------------------------------------------------------------------


@_rule("leading unit|weekday")
def _leading(point: Point, tokens: Sequence[Token]) -> Point | None:
    order, item = tokens
    if item.kind == "weekday":
        return _select(point, Selector("nth", "weekday", order.value, item.value))
    return _select(point, Selector("nth", item.name, order.value))


@_rule("weekday part:end|ordinal > unit:month|unit:season|unit:year|month|season|year_word")
def _last_weekday(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«پنجشنبه آخر سال»; but «دوشنبه اول مهر» is the first of Mehr."""
    weekday, order = tokens
    return _select(point, Selector("nth", "weekday", LAST, weekday.value)) if _order(order) == LAST else None


@_rule("unit:day ordinal > month")
def _nth_of_month(point: Point, tokens: Sequence[Token]) -> Point | None:
    return None if tokens[1].value == LAST else _add(point, day=tokens[1].value)


@_rule("half|quarter ordinal|part:end")
def _fraction(point: Point, tokens: Sequence[Token]) -> Point | None:
    count = 2 if tokens[0].kind == "half" else 4
    return _select(point, Selector("fraction", "", _order(tokens[1]), count))


@_rule("half")
def _half(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("part", "half"), flags=("approximate",))


@_rule("ordinal > unit:week|unit:season|unit:year|unit:decade|unit:century")
def _first_of(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«اول هفته», «اول سال»."""
    return _select(point, Selector("part", "start"), flags=("approximate",)) if tokens[0].value == 1 else None


@_rule("part")
def _part(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("part", tokens[0].name), flags=("approximate",))


@_rule("about")
def _about(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _flag(point, "approximate")


# --- decades, centuries, years ----------------------------------------------------------------------------------------


@_rule("unit:year|units:year > unit:decade|units:decade")
def _years_of_decade(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«سال‌های دهه ۶۰» are the decade."""
    return point


@_rule("unit:decade|units:decade cardinal|ordinal")
def _decade(point: Point, tokens: Sequence[Token]) -> Point | None:
    number = tokens[1]
    if number.kind == "ordinal" and (number.value % 10 or not number.value):
        return None  # «دهه دوم» is a part of something
    return _add(point, decade=number)


@_rule("unit:century|units:century cardinal|ordinal")
def _century(point: Point, tokens: Sequence[Token]) -> Point | None:
    return None if tokens[1].value == LAST else _add(point, century=tokens[1].value)


@_rule("cardinal > era")
def _number_of_era(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«۱۹۷۰ میلادی» is a year, but that of «دهه‌های ۱۹۶۰ و ۱۹۷۰ میلادی» a decade."""
    return replace(point, number=tokens[0]) if point == Point() else _add(point, year=_number_year(tokens[0]))


@_rule("unit:year|units:year cardinal")
def _year(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, year=_number_year(tokens[-1]))


@_rule("year_word")
def _year_word(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, year=Year("offset", tokens[0].value))


@_rule("era")
def _era(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, era=tokens[0].name)


# --- units next to now, or to the last date ---------------------------------------------------------------------------


@_rule("unit ordinal|part:start|part:end")
def _nth(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _select(point, Selector("nth", tokens[0].name, _order(tokens[1])))


@_rule("units shift|this", "this|same units", "this cardinal unit")
def _vague_units(point: Point, tokens: Sequence[Token]) -> Point | None:
    raise Unresolved("vague")


@_rule("ordinal > unit:month", "cardinal > unit:month this", "cardinal|ordinal > this|same unit:month")
def _day_of_relative_month(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«پنجم ماه جاری»."""
    return _add(point, day=tokens[0].value) if 1 <= tokens[0].value <= 31 else None


@_rule("unit shift|this|same|new", "this|same|new unit")
def _near_unit(point: Point, tokens: Sequence[Token]) -> Point | None:
    unit, near = tokens if tokens[0].kind == "unit" else (tokens[1], tokens[0])
    if near.kind == "shift" and (near.name == "recent" or unit.name == "hour"):
        return _counted_shift(point, unit.value, unit.name, replace(near, name="recent"))
    if near.kind == "new":
        return _add(point, year=Year("new")) if unit.name == "year" else None
    if unit.name == "year" and near.name == "near":
        return _add(point, year=Year("near"))
    return _shifted(point, unit.name, near.value, anchored=near.kind == "same")


@_rule("unit era shift|this|same|new")
def _near_unit_of_era(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«سال میلادی گذشته»."""
    unit, era, near = tokens
    extended = _near_unit(point, (unit, near))
    return extended and _add(extended, era=era.name)


@_rule("unit")
def _bare_unit(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«پایان سال», «آخر هفته»: of the current one."""
    if not point.selectors and point.day is None:
        raise Unresolved("duration")
    return _shifted(point, tokens[0].name, 0)


@_rule("day_word")
def _day_word(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, relative=Relative("day", tokens[0].value))


# --- names of days, months and seasons --------------------------------------------------------------------------------


@_rule("weekday")
def _weekday(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, weekday=tokens[0].value)


@_rule("named_day")
def _named_day(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«نوروز», «عید فطر», «دهه فجر»."""
    month, day, days = (number.value for number in tokens[0].numbers)
    return _add(point, day=day, days=days, month=(tokens[0].name, month))


@_rule("quds_day")
def _quds_day(point: Point, tokens: Sequence[Token]) -> Point | None:
    """The last Friday of Ramadan."""
    return _add(_select(point, Selector("nth", "weekday", LAST, 4)), month=("hijri", 9))


@_rule("cardinal|ordinal month")
def _day_and_month(point: Point, tokens: Sequence[Token]) -> Point | None:
    number, month = tokens
    return _add(point, day=number.value, month=_month_of(month)) if 1 <= number.value <= 31 else None


@_rule("month cardinal cardinal")
def _month_and_day(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«June 16, 2016»."""
    month, day, year = tokens
    if day.value > 31 or year.digits != 4:
        return None
    return _add(point, day=day.value, month=_month_of(month), year=_number_year(year))


@_rule("month")
def _month(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, month=_month_of(tokens[0]))


def _month_of(token: Token) -> tuple[Calendar, int]:
    return token.name, token.value  # type: ignore[return-value]


@_rule("season")
def _season(point: Point, tokens: Sequence[Token]) -> Point | None:
    return _add(point, season=tokens[0].value)


@_rule("shift", "this", "same")
def _direction(point: Point, tokens: Sequence[Token]) -> Point | None:
    """«آذر گذشته», «شنبه آینده», «همین تابستان»: «این» and «همان» come before what they point at."""
    return _add(point, shift=tokens[0].value)


@_rule("cardinal|ordinal")
def _bare_number(point: Point, tokens: Sequence[Token]) -> Point | None:
    number = tokens[0]
    if number.value < 0:
        return None
    if (point.month or point.season or point.day) and (number.digits >= 2 or number.value > 31):
        return _add(point, year=_number_year(number))
    return _add(point, number=number)
