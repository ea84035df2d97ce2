"""From the text of a date expression to tokens: numbers, months, weekdays, units and the words between them.

The lexicon is written once, in proper spelling. What texts do to it is undone
here: letters and digits are folded (:func:`persian_ner.characters.fold`), a
half-space may be missing or a space («سه شنبه»), words may have grown together
(«فروردینماه», «۲۸فروردین», «بیستوهشتم»), and «آ» may have lost its stroke.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from persian_ner.characters import fold
from persian_ner.dates import numerals
from persian_ner.dates.calendars import day_of_month
from persian_ner.dates.value import Calendar, Unresolved

LAST = -1
"""The ordinal of «آخرین» and «پایانی»."""

MONTHS: dict[Calendar, tuple[str, ...]] = {
    "jalali": (
        "فروردین فرودین حمل",
        "اردی_بهشت ثور",
        "خرداد جوزا",
        "تیر سرطان",
        "مرداد امرداد اسد",
        "شهریور سنبله",
        "مهر میزان",
        "آبان عقرب",
        "آذر قوس",
        "دی جدی",
        "بهمن دلو",
        "اسفند اسپند حوت",
    ),
    "gregorian": (
        "ژانویه جنوری january jan",
        "فوریه فبروری february feb",
        "مارس مارچ march mar",
        "آوریل آپریل april apr",
        "مه می may",
        "ژوئن ژوین ژون جون june jun",
        "ژوئیه ژویه ژوییه ژولای جولای جولایی july jul",
        "اوت آگوست آگست august aug",
        "سپتامبر سپتمبر september sep sept",
        "اکتبر اکتوبر october oct",
        "نوامبر نومبر november nov",
        "دسامبر دیسامبر دسمبر december dec",
    ),
    "hijri": (
        "محرم محرم_الحرام",
        "صفر صفر_المظفر",
        "ربیع_الاول ربیع_اول ربیع_الاولی",
        "ربیع_الثانی ربیع_ثانی ربیع_دوم ربیع_الآخر",
        "جمادی_الاول جمادی_الاولی جمادی_اول",
        "جمادی_الثانی جمادی_الثانیه جمادی_ثانی جمادی_دوم جمادی_الآخر جمادی_الاخری جمادی_الآخره",
        "رجب رجب_المرجب",
        "شعبان شعبان_المعظم",
        "رمضان رمضان_المبارک",
        "شوال شوال_المکرم",
        "ذی_القعده ذیقعده ذی_قعده ذو_القعده",
        "ذی_الحجه ذیحجه ذی_حجه ذو_الحجه",
    ),
}
"""Month names of every calendar in order; Afghan names («حمل») are Jalali months."""

NAMED_DAYS: tuple[tuple[str, Calendar, int, int, int], ...] = (
    ("نوروز عید_نوروز عید_سعید_نوروز", "jalali", 1, 1, 1),
    ("تعطیلات_نوروز تعطیلات_نوروزی ایام_نوروز", "jalali", 1, 1, 13),
    ("روز_جمهوری_اسلامی روز_جمهوری_اسلامی_ایران", "jalali", 1, 12, 1),
    ("سیزده_بدر سیزده_به_در روز_طبیعت", "jalali", 1, 13, 1),
    ("روز_ارتش", "jalali", 1, 29, 1),
    ("روز_معلم", "jalali", 2, 12, 1),
    ("روز_خبرنگار", "jalali", 5, 17, 1),
    ("هفته_دولت", "jalali", 6, 2, 7),
    ("هفته_دفاع_مقدس", "jalali", 6, 31, 7),
    ("روز_دانشجو", "jalali", 9, 16, 1),
    ("شب_یلدا شب_یلدای شب_چله", "jalali", 9, 30, 1),
    ("دهه_فجر دهه_مبارک_فجر", "jalali", 11, 12, 11),
    ("روز_درختکاری", "jalali", 12, 15, 1),
    ("تاسوعا تاسوعای تاسوعای_حسینی", "hijri", 1, 9, 1),
    ("عاشورا عاشورای عاشورای_حسینی", "hijri", 1, 10, 1),
    ("اربعین اربعین_حسینی", "hijri", 2, 20, 1),
    ("هفته_وحدت", "hijri", 3, 12, 6),
    ("روز_زن روز_مادر", "hijri", 6, 20, 1),
    ("روز_پدر", "hijri", 7, 13, 1),
    ("مبعث عید_مبعث", "hijri", 7, 27, 1),
    ("عید_فطر عید_سعید_فطر", "hijri", 10, 1, 1),
    ("عرفه", "hijri", 12, 9, 1),
    ("عید_قربان عید_سعید_قربان عید_اضحی", "hijri", 12, 10, 1),
    ("عید_غدیر عید_سعید_غدیر عید_غدیر_خم غدیر_خم", "hijri", 12, 18, 1),
    ("روز_جهانی_زن", "gregorian", 3, 8, 1),
    ("روز_کارگر روز_جهانی_کارگر", "gregorian", 5, 1, 1),
    ("کریسمس", "gregorian", 12, 25, 1),
)
"""Names of days → calendar, month, day, and how many days from that on they are, as the Iranian calendar has them."""

_WEEKDAYS = (  # Monday first, as in datetime
    "دو_شنبه",
    "سه_شنبه",
    "چهار_شنبه چار_شنبه",
    "پنج_شنبه",
    "جمعه آدینه",
    "شنبه",
    "یک_شنبه",
)
_SEASONS = ("بهار", "تابستان تابستون", "پاییز خزان", "زمستان زمستون")
_UNITS = {
    "hour": "ساعت",
    "day": "روز",
    "week": "هفته هفته_ی",
    "month": "ماه",
    "season": "فصل",
    "year": "سال سنه",
    "decade": "دهه دهه_ی",
    "century": "قرن سده سده_ی",
}


@dataclass(frozen=True)
class Token:
    """One word or number.

    ``value`` is the number, the weekday (Monday 0), the month, the season or the
    offset from now; ``name`` the calendar, the unit or another subkind; ``digits``
    how many digits a number was written with, 0 for words; ``numbers`` the numbers
    of a token that joins several («۱۴۰۴/۱/۲۸», «۹۷-۹۸»), or the month, the day and the
    number of days of a named day.
    """

    kind: str
    value: int = 0
    name: str = ""
    digits: int = 0
    numbers: tuple[Token, ...] = ()


# kind, value, name, spellings
_OTHER: tuple[tuple[str, int, str, str], ...] = (
    ("unit", 24, "hour", "شبانه_روز"),
    ("unit", 1, "month", "برج"),
    ("units", 0, "hour", "ساعات ساعت_ها ساعت_های"),
    ("units", 0, "day", "روز_ها روز_های ایام"),
    ("units", 0, "week", "هفته_ها هفته_های"),
    ("units", 0, "month", "ماه_ها ماه_های"),
    ("units", 0, "year", "سال_ها سال_های سنوات"),
    ("units", 0, "decade", "دهه_ها دهه_های"),
    ("units", 0, "century", "قرن_ها قرن_های قرون سده_ها سده_های"),
    ("unit_span", 0, "day", "روزه"),
    ("unit_span", 0, "month", "ماهه ماهه_ی"),
    ("unit_span", 0, "year", "ساله ساله_ی"),
    ("day_word", -3, "", "پس_پریروز"),
    ("day_word", -2, "", "پریروز"),
    ("day_word", -1, "", "دیروز"),
    ("day_word", 0, "", "امروز کنون اکنون هم_اکنون الان"),
    ("day_word", 1, "", "فردا"),
    ("day_word", 2, "", "پس_فردا"),
    ("night_word", -2, "", "پریشب"),
    ("night_word", -1, "", "دیشب"),
    ("night_word", 0, "", "امشب"),
    ("night_word", 1, "", "فردا_شب"),
    ("year_word", -2, "", "پیرار پیرار_سال"),
    ("year_word", -1, "", "پارسال سال_پار"),
    ("year_word", 0, "", "امسال"),
    ("shift", -1, "recent", "اخیر"),
    ("shift", -1, "span", "گذشته سپری_شده"),
    ("shift", -1, "point", "پیش قبل پیشین قبلی"),
    ("shift", 1, "span", "آینده آتی پیش_رو پیش_روی"),
    ("shift", 1, "point", "بعد بعدی دیگر دیگه"),
    ("this", 0, "", "این جاری حاضر کنونی فعلی"),
    ("this", 0, "near", "همین"),
    ("same", 0, "", "همان همون آن"),
    ("new", 0, "", "جدید نو"),
    ("part", 0, "start", "اوایل اوائل ابتدا ابتدای آغاز شروع بدو"),
    ("part", 0, "middle", "اواسط میانه میانه_ی میانه_های وسط"),
    ("part", 0, "end", "اواخر پایان انتها انتهای آخر"),
    ("half", 0, "", "نیمه نیمه_ی نیمه_های نیمسال"),
    ("quarter", 0, "", "ربع چارک یک_چهارم"),
    ("ordinal", LAST, "", "پایانی واپسین انتهایی"),
    ("ordinal", 1, "", "آغازین ابتدایی"),
    ("leading", LAST, "", "آخرین"),
    ("half_count", 0, "", "نیم"),
    ("era", 0, "gregorian", "میلادی"),
    ("era", 0, "jalali", "شمسی خورشیدی هجری_شمسی هجری_خورشیدی"),
    ("era", 0, "hijri", "قمری هجری_قمری"),
    ("era", 0, "hejri", "هجری"),
    ("bce", 0, "", "پیش_از_میلاد قبل_از_میلاد"),
    ("year_kind", 7, "", "تحصیلی آبی زراعی آموزشی"),
    ("year_kind", 1, "", "مالی"),
    ("quds_day", 0, "", "روز_قدس روز_جهانی_قدس"),
    ("ending", 0, "", "منتهی_به"),
    ("unknown", 0, "", "سالروز سالگرد"),  # not «سال روز»; and of a date long ago it is another day
    ("maybe_month", 5, "gregorian", "مای"),  # May in Afghanistan, else the first word of foreign names
    ("and", 0, "", "و"),
    ("to", 0, "", "تا الی لغایت"),
    ("from", 0, "", "از"),
    ("between", 0, "", "بین مابین میان"),
    ("onwards", 0, "", "به_این_سو به_بعد"),
    ("time", 0, "", "صبح بامداد سحرگاه ظهر عصر غروب شامگاه بعد_از_ظهر بعد_ازظهر پیش_از_ظهر قبل_از_ظهر نیمه_شب"),
    ("time", 0, "night", "شب"),
    ("vague", 0, "", "چند چندین یا"),
    ("recurring", 0, "", "هر هر_ساله سالانه ماهانه هفتگی روزانه"),
    ("about", 0, "", "حدود حوالی تقریبا نزدیک_به قریب_به بیش_از"),
    ("filler", 0, "", "در به طی طول ظرف مورخ مورخه تاریخ مبارک برابر مصادف با یعنی فاصله بازه بازه_زمانی"),
)
_PUNCTUATION = {
    **dict.fromkeys("-–—‐‑−", "dash"),
    **dict.fromkeys("/\\", "slash"),
    **dict.fromkeys("،,؛;", "comma"),
    **dict.fromkeys(".٫", "dot"),
    **dict.fromkeys(":", "colon"),
}
_ORDINAL_MARK = "\ue000"
# «۲۸م» and «۲۸ ام» are ordinals, «۲۰۱۶م» and «۲۰۱۶ م» have an era.
_ABBREVIATIONS = (
    (re.compile(r"(?<=\d{4})م(?!\w)"), " میلادی "),
    (re.compile(r"(?<=\d)(?:م|\s*ا?مین|\s*ام)(?!\w)"), _ORDINAL_MARK),
    (re.compile(r"(?<!\w)[قپ]\s*\.\s*م(?!\w)"), " پیش از میلاد "),
    (re.compile(r"(?<=\d)\s*(?:ه\s*\.?\s*)?ش(?!\w)"), " شمسی "),
    (re.compile(r"(?<=\d)\s*(?:ه\s*\.?\s*)?ق(?!\w)"), " قمری "),
    (re.compile(r"(?<=\d)\s+م(?!\w)"), " میلادی "),
)
_NAMED = r"(?<!\w)(\w*شنبه|جمعه|روز|هفته|ماه|سال|فصل|دهه)\s*ا?ی\s+که\s+"
_CLAUSES = (
    (re.compile(_NAMED + r"گذشته?(?!\w)"), r"\1 گذشته"),
    (re.compile(_NAMED + r"در\s+پیش\s+(?:است|داریم|رو\s+داریم)(?!\w)"), r"\1 پیش رو"),
    (re.compile(r"(?<!\w)(\w*شنبه|جمعه|هفته|دهه|سده|ماهه|ساله)\s?ی(?!\w)"), r"\1"),
    (re.compile(r"\(\s*(?:ع|ص|س|ره|عج)\s*\)"), " "),
)
"""«هفته‌ای که گذشت», «هفته‌ای که در پیش داریم», the ی of «شنبه‌ی گذشته», and «(ع)», as other words say it."""
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+|\S")
_LONGEST_PHRASE = 4  # pieces
_LONGEST_GLUED = 40  # letters; what is longer is no date
_MOST_DIGITS = 6
_COMPACT = re.compile(r"((?:13|14|19|20)[0-9]{2})(0[1-9]|1[0-2])([0-3][0-9])")  # year, month, day
_NUMBERS = ("cardinal", "ordinal", "leading")
_COUNTED_TOGETHER = ("day", "month", "year")  # the smallest first


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression; words that no date has are tokens of kind ``unknown``. Nothing is ever raised."""
    comparable = _comparable(text)
    for pattern, replacement in (*_ABBREVIATIONS, *_CLAUSES):
        comparable = pattern.sub(replacement, comparable)
    tokens = _look_up(_PIECE.findall(comparable))
    tokens = _join_numbers([token for token in tokens if token.kind != "filler"])
    return _join_dates(_join_counts(_join_halves(tokens)))


def _comparable(text: str) -> str:
    return fold(text).replace("آ", "ا")


@lru_cache(maxsize=1)
def _lexicon() -> dict[tuple[str, ...], Token]:
    """Words of a phrase → its token, for every way to write its half-spaces."""
    entries = list(_OTHER)
    for calendar, months in MONTHS.items():
        entries += [("month", number, calendar, words) for number, words in enumerate(months, start=1)]
    for weekday, words in enumerate(_WEEKDAYS):
        entries.append(("weekday", weekday, "", words))
        entries.append(("recurring", 0, "", " ".join(f"{word}_ها" for word in words.split())))
    named = [(words, Token("named_day", name=name, numbers=_numbers(*days))) for words, name, *days in NAMED_DAYS]
    entries += [("season", number, "", words) for number, words in enumerate(_SEASONS, start=1)]
    entries += [("unit", 1, unit, words) for unit, words in _UNITS.items()]
    entries += [("cardinal", value, "", words) for value, words in numerals.CARDINALS.items()]
    entries += [("ordinal", value, "", words) for value, words in numerals.ordinals().items()]
    entries += [("leading", value, "", words) for value, words in numerals.leading_ordinals().items()]
    lexicon: dict[tuple[str, ...], Token] = {}
    for words, token in [*((words, Token(kind, value, name)) for kind, value, name, words in entries), *named]:
        for word in words.split():
            parts = _comparable(word).split("_")
            for joints in product(("", " "), repeat=len(parts) - 1):
                written = "".join(joint + part for joint, part in zip(("", *joints), parts, strict=True))
                lexicon[tuple(written.split())] = token
    return lexicon


def _numbers(*values: int) -> tuple[Token, ...]:
    return tuple(Token("cardinal", value) for value in values)


def _look_up(pieces: list[str]) -> list[Token]:
    """The token of every piece, of the longest phrase that begins with it, or of the words grown together in it."""
    lexicon = _lexicon()
    tokens: list[Token] = []
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        for length in range(_LONGEST_PHRASE, 0, -1):
            if token := lexicon.get(tuple(pieces[index : index + length])):
                tokens.append(token)
                index += length
                break
        else:
            index += 1
            if piece == _ORDINAL_MARK and tokens and tokens[-1].kind == "cardinal":
                tokens[-1] = replace(tokens[-1], kind="ordinal")
            elif piece in _PUNCTUATION:
                tokens.append(Token(_PUNCTUATION[piece]))
            elif piece.isalnum():
                tokens += _number(piece) if piece.isdecimal() else _glued(piece)
    return tokens


def _number(piece: str) -> list[Token]:
    if compact := _COMPACT.fullmatch(piece):
        return [_compact_date(*compact.groups())]
    if not piece.isascii() or len(piece) > _MOST_DIGITS:
        return [Token("unknown")]
    return [Token("cardinal", int(piece), digits=len(piece))]


def _compact_date(year: str, month: str, day: str) -> Token:
    """«۱۴۰۴۰۱۲۸», if there is such a day in the calendar that the century tells; else an unknown word."""
    calendar: Calendar = "jalali" if int(year) < 1500 else "gregorian"
    try:
        day_of_month(calendar, int(year), int(month), int(day))
    except Unresolved:
        return Token("unknown")
    return Token("date", numbers=tuple(Token("cardinal", int(part), digits=len(part)) for part in (year, month, day)))


def _glued(piece: str) -> list[Token]:
    """The fewest known words that a run of letters is made of, or one unknown word."""
    lexicon = _lexicon()
    unknown = [Token("unknown")]
    if len(piece) > _LONGEST_GLUED:
        return unknown
    best: list[list[Token] | None] = [[], *[None] * len(piece)]
    for end in range(1, len(piece) + 1):
        for start in range(end):
            before, token = best[start], lexicon.get((piece[start:end],))
            shortest = best[end]
            if not token or token.kind == "maybe_month":  # «مائده» is not «مای ده»
                continue
            if before is not None and (shortest is None or len(before) + 1 < len(shortest)):
                best[end] = [*before, token]
    return best[-1] or unknown


def _join_numbers(tokens: list[Token]) -> list[Token]:
    """Make one number of number words: «بیست و هشتم», «سه هزار و چهارصد»."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.kind == "cardinal":
            if token.value < 1000 and tokens[index : index + 1] == [Token("cardinal", 1000)]:
                token = replace(token, value=token.value * 1000, digits=0)
                index += 1
            place = numerals.magnitude(token.value)
            while not token.digits and token.kind == "cardinal" and _continues(tokens[index : index + 2], place):
                last = tokens[index + 1]
                token = Token(last.kind, token.value + last.value)
                place = numerals.magnitude(last.value)
                index += 2
        joined.append(token)
    return joined


def _continues(following: list[Token], place: int) -> bool:
    if len(following) < 2:
        return False
    conjunction, number = following
    return (
        conjunction.kind == "and"
        and number.kind in _NUMBERS
        and not number.digits
        and number.value > 0
        and numerals.magnitude(number.value) < place
    )


def _join_halves(tokens: list[Token]) -> list[Token]:
    """Make one token of the «و نیم» of «یک سال و نیم», and «سه و نیم سال» and «۳٫۵ سال گذشته» the same as that."""
    joined: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind == "half_count" and joined and joined[-1].kind == "and":
            joined[-1] = Token("and_half")
            continue
        if token.kind in ("unit", "unit_span"):
            if [item.kind for item in tokens[index + 1 : index + 2]] == ["shift"] and _ends_in_decimal(joined):
                joined[-2:] = [Token("and_half")]
            if [item.kind for item in joined[-2:]] == ["cardinal", "and_half"]:
                joined.insert(-1, token)
                continue
        joined.append(token)
    return joined


def _ends_in_decimal(tokens: list[Token]) -> bool:
    """Whether «۳٫۵», «۳.۵» or «۳/۵» is at the end."""
    kinds = [token.kind for token in tokens[-3:]]
    if kinds not in (["cardinal", "dot", "cardinal"], ["cardinal", "slash", "cardinal"]):
        return False
    whole, _, tenths = tokens[-3:]
    return whole.digits in (1, 2) and (tenths.value, tenths.digits) == (5, 1)


def _join_counts(tokens: list[Token]) -> list[Token]:
    """Make one token of the «دو سال و سه ماه» of «دو سال و سه ماه پیش», which is no series: «پیش» is said of both."""
    joined: list[Token] = []
    for token in tokens:
        counts = _counts_at_end(joined) if token.kind == "shift" else ()
        if len(counts) > 1:
            joined[-3 * len(counts) + 1 :] = [Token("counts", numbers=counts)]
        joined.append(token)
    return joined


def _counts_at_end(tokens: list[Token]) -> tuple[Token, ...]:
    """The numbers of the units counted at the end, named after them; each is of a larger unit than the next."""
    counts: list[Token] = []
    larger: tuple[str, ...] = _COUNTED_TOGETHER
    end = len(tokens)
    while [token.kind for token in tokens[max(end - 2, 0) : end]] == ["cardinal", "unit"]:
        number, unit = tokens[end - 2 : end]
        if unit.name not in larger:
            break
        counts.insert(0, replace(number, name=unit.name))
        larger = larger[larger.index(unit.name) + 1 :]
        end -= 3
        if end < 2 or tokens[end].kind not in ("and", "comma"):
            break
    return tuple(counts)


def _join_dates(tokens: list[Token]) -> list[Token]:
    """Make one token of numbers in digits with signs between: a date, a year and a month, or two years."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        kinds = [
            token.kind if token.digits or token.kind != "cardinal" else "word" for token in tokens[index : index + 5]
        ]
        numbers = tuple(tokens[index : index + 5 : 2])
        kind = ""
        if kinds[::2] == ["cardinal"] * 3 and kinds[1] == kinds[3] and kinds[1] in ("slash", "dash", "dot"):
            kind = "date"
        elif kinds[:3:2] == ["cardinal"] * 2 and kinds[1] in ("slash", "dash"):
            numbers = numbers[:2]
            kind = _kind_of_pair(numbers[0], numbers[1], kinds[1], joined[-1:])
        joined.append(Token(kind, numbers=numbers) if kind else tokens[index])
        index += 2 * len(numbers) - 1 if kind else 1
    return joined


def _kind_of_pair(first: Token, second: Token, sign: str, before: list[Token]) -> str:
    """``years``, ``year_month``, ``day_month``, or nothing when the sign may stand for «تا»."""
    if before and (before[0].kind == "year_kind" or before[0].name in ("year", "season")):
        return "years"
    if max(first.digits, second.digits) < 4 and max(first.value, second.value) <= 31:
        return "day_month" if sign == "slash" else ""
    year, other = (first, second) if first.digits == 4 or (second.digits < 4 and first.value > 31) else (second, first)
    followed = sign == "dash" and (other.digits == year.digits or (other.value - year.value) % 100 == 1)
    return "years" if followed or other.digits == 4 or not 1 <= other.value <= 12 else "year_month"
