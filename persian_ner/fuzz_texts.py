"""Strange texts and date expressions, each made from a seed and a number alone: behind :mod:`persian_ner.fuzz`."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from persian_ner.characters import ZWNJ
from persian_ner.dates.lexer import MONTHS
from persian_ner.dates.numerals import CARDINALS, leading_ordinals, ordinals

_MEGABYTE = 2**20


class Text(NamedTuple):
    """A text to try; ``number`` says, with the seed, what it is made from."""

    number: int
    kind: str
    text: str


SURROGATES = "lone surrogates"

_PERSIAN = "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیآئءؤأ"
_SCRIPTS = (
    _PERSIAN,
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةإأآٱﻻﷲڪەۀێ",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéüßİıŉǅſ",
    "ΑΣςσωДжыѢאבגשםףܐܒߊߋ",
    "日本語中文ｶﾞ한국어ᄒ",
    "नमस्तेสวัสดีမြန်မာᏣᎳᎩ𐎠𝔄",
)
_DIGITS = ("۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩", "0123456789")
_PUNCTUATION = "،؛؟.!?:«»()[]{}\"'“”/\\-–—…٪٫٬*@#$&^~|<>=+_ـ\ufffd"
_SPACES = " \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2003\u200a\u2028\u2029\u202f\u3000"
_EMOJI = ("😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇮🇷", "👍🏽", "❤️", "1️⃣", "🧑🏿‍🚀", "☺︎", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🫱🏻‍🫲🏿")
_JOINERS = "\u200c\u200c\u200c\u200d\u2060\ufeff\xad\u200b\u180e"
_BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARKS = "\u064b\u0651\u0670\u0653\u0654\u0655\u0301\u0308\u20dd\u0e31\u093f\u0483\ufe20\ufe0f\U000e0100"
_CONTROLS = "\0\0" + "".join(map(chr, [*range(1, 9), *range(0x0E, 0x20), *range(0x7F, 0xA0)]))
_PRIVATE = "\ue000\uf8ff\U000f0000\U0010fffd"
_NONCHARACTERS = "\ufdd0\ufdef\ufffe\uffff\U0001fffe\U0010ffff"
_SURROGATES = "\ud800\udbff\udc00\udfff\udc80"
_FOR_THE_ENCODER = ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "##ها", "<s>", "\N{REPLACEMENT CHARACTER}")
_STRANGE = (_JOINERS, _BIDI, _MARKS, _CONTROLS, _PRIVATE, _NONCHARACTERS, _SPACES, _PUNCTUATION, *_DIGITS, *_SCRIPTS)


def make(number: int, seed: int, originals: Sequence[str]) -> Text:
    """The text of a number; ``originals`` are sentences to mutate."""
    rng = random.Random(f"{seed}/{number}")
    (kind,) = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    return Text(number, kind, KINDS[kind][1](rng, originals))


def long_texts(originals: Sequence[str], seed: int) -> dict[str, str]:
    """Very long texts by name; the sizes of the first two are in UTF-8."""
    rng = random.Random(f"{seed}/long")
    drawn: list[str] = []
    size = 0
    while size < _MEGABYTE:
        drawn.append(rng.choice(originals))
        size += len(drawn[-1].encode()) + 1
    return {
        "1 MB without a space": "".join(rng.choices(_PERSIAN, k=_MEGABYTE // 2)),
        "1 MB of sentences": " ".join(drawn),
        "100,000 line breaks": "\n" * 100_000,
        "50,000 characters of emoji": "".join(rng.choices(_EMOJI, k=50_000))[:50_000],
    }


def _some(rng: random.Random, pool: Sequence[str], most: int) -> str:
    return "".join(rng.choices(pool, k=rng.randint(1, most)))


def _noise(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.1:
        return rng.choice(_EMOJI)
    return rng.choice(_FOR_THE_ENCODER) if draw < 0.15 else _some(rng, rng.choice(_STRANGE), 4)


def _words(rng: random.Random, pool: str, most: int) -> list[str]:
    return [_some(rng, pool, 9) for _ in range(rng.randint(1, most))]


def _piece(rng: random.Random, originals: Sequence[str], most: int) -> str:
    """A stretch of an original, of up to so many words."""
    words = rng.choice(originals).split(" ")
    length = rng.randint(1, most)
    start = rng.randint(0, max(0, len(words) - length))
    return " ".join(words[start : start + length])


def _mutated(rng: random.Random, originals: Sequence[str]) -> str:
    text = _piece(rng, originals, 30)
    for _ in range(rng.randint(0, 5)):
        start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randrange(5):
            case 0:
                text = text[:start] + _piece(rng, originals, 12) + text[min(end, start + 20) :]
            case 1:
                text = text[:start] + text[min(end, start + 20) :]
            case 2:
                text = text[:start] + text[start : start + 9] * rng.randint(2, 12) + text[start + 9 :]
            case 3:
                text = text[:start] + text[start:end].replace(" ", rng.choice(("", ZWNJ, "  ", "_"))) + text[end:]
            case _:
                text = text[:start] + _noise(rng) + text[start:]
    return text


def _mixed(rng: random.Random, originals: Sequence[str]) -> str:
    parts = [rng.choice((_noise(rng), _piece(rng, originals, 4))) for _ in range(rng.randint(1, 16))]
    return rng.choice(("", " ", " ", " ")).join(parts)


def _one_script(rng: random.Random, originals: Sequence[str]) -> str:
    return " ".join(_words(rng, rng.choice(_SCRIPTS), 24))


def _sprinkled(rng: random.Random, originals: Sequence[str]) -> str:
    """Invisible and forbidden characters between the letters of an original."""
    pool = rng.choice((_JOINERS, _BIDI, _MARKS, _CONTROLS, _PRIVATE, _NONCHARACTERS, "\0", ZWNJ))
    share = rng.choice((0.05, 0.3, 1))
    letters = _piece(rng, originals, 24)
    return "".join(letter + (_some(rng, pool, 3) if rng.random() < share else "") for letter in letters)


def _any_characters(rng: random.Random, originals: Sequence[str]) -> str:
    codes = (rng.randrange(sys.maxunicode + 1 - 0x800) for _ in range(rng.randint(1, 60)))
    return "".join(chr(code if code < 0xD800 else code + 0x800) for code in codes)


def _numbers(rng: random.Random, originals: Sequence[str]) -> str:
    parts = []
    for _ in range(rng.randint(1, 10)):
        parts += [_some(rng, rng.choice(_DIGITS), 8), rng.choice(("/", "-", "٫", ".", ":", " ", "", " م ", "\u0301"))]
    return "".join(parts)


def _only(pool: Sequence[str], most: int) -> _Maker:
    def made(rng: random.Random, originals: Sequence[str]) -> str:
        return "".join(rng.choices(pool, k=rng.randint(0, most)))

    return made


def _long_word(rng: random.Random, originals: Sequence[str]) -> str:
    word = _some(rng, rng.choice(_SCRIPTS), 1) * rng.choice((65, 600, 3000))
    return f"{_piece(rng, originals, 4)} {word} {_piece(rng, originals, 4)}"


def _with_surrogates(rng: random.Random, originals: Sequence[str]) -> str:
    text = _piece(rng, originals, 12)
    start = rng.randint(0, len(text))
    return text[:start] + _some(rng, _SURROGATES, 1) + text[start:]


_Maker = Callable[[random.Random, Sequence[str]], str]
KINDS: dict[str, tuple[int, _Maker]] = {
    "mutated sentence": (48, _mutated),
    "mixed scripts": (18, _mixed),
    "one script": (8, _one_script),
    "sprinkled": (10, _sprinkled),
    "any characters": (4, _any_characters),
    "numbers": (3, _numbers),
    "emoji": (2, _only(_EMOJI, 20)),
    "punctuation": (2, _only(_PUNCTUATION, 30)),
    "blanks": (2, _only(_SPACES, 20)),
    "half-spaces and marks": (1, _only(_JOINERS + _MARKS + " ", 40)),
    "long word": (1, _long_word),
    SURROGATES: (1, _with_surrogates),
}
"""What texts are made of: kind → how often (of the sum), and how."""


class Expression(NamedTuple):
    """A date expression with its publication date and the expressions before it."""

    number: int
    text: str
    reference: date | None
    context: tuple[str, ...]


_DATE_WORDS = """
سال ماه روز هفته دهه قرن سده ساعت فصل سال‌ها ماه‌های روزه شنبه دوشنبه سه‌شنبه پنجشنبه جمعه بهار تابستان پاییز زمستان
دیروز امروز فردا پریشب امشب پارسال امسال گذشته آینده پیش قبل بعد اخیر جاری این همین همان آن
اوایل اواسط اواخر پایان آغاز نیمه ربع آخرین میلادی شمسی قمری هجری ق.م تحصیلی نوروز و تا از بین صبح شب چند هر حدود مورخ
- – / ، . : م ق ش ۱۳۹۹/۱۲/۳۰ 2024-02-30 ۹۷-۹۸ ۳۱/۶ صفر هیچ
""".split()  # noqa: SIM905 – a list of 90 strings is harder to read
_MONTHS = [word.replace("_", ZWNJ) for months in MONTHS.values() for words in months for word in words.split()]
_NUMERALS = [
    word.replace("_", ZWNJ)
    for numerals in (CARDINALS, ordinals(), leading_ordinals())
    for words in numerals.values()
    for word in words.split()
]


def make_date(number: int, seed: int) -> Expression:
    """The date expression of a number: words and numbers of dates in any order, some with noise."""
    rng = random.Random(f"{seed}/date/{number}")
    reference = None
    if rng.random() < 0.8:
        days = (date(1990, 1, 1), date(2035, 1, 1)) if rng.random() < 0.9 else (date.min, date.max)
        reference = date.fromordinal(rng.randint(days[0].toordinal(), days[1].toordinal()))
    context = tuple(_date_text(rng) for _ in range(rng.choice((0, 0, 1, 2))))
    return Expression(number, _date_text(rng), reference, context)


def _date_text(rng: random.Random) -> str:
    words = []
    for _ in range(rng.randint(0, 6)):
        match rng.randrange(8):
            case 0 | 1 | 2:
                words.append(rng.choice(_DATE_WORDS))
            case 3 | 4:
                words.append(rng.choice(_MONTHS))
            case 5:
                words.append(rng.choice(_NUMERALS))
            case 6:
                words.append(_some(rng, rng.choice(_DIGITS), rng.choice((2, 4, 4, 30))))
            case _:
                words.append(_noise(rng) if rng.random() < 0.1 else str(rng.choice((1, 15, 29, 31, 99, 1403, 2025))))
    return rng.choice((" ", " ", " ", "", ZWNJ, " و ")).join(words)
