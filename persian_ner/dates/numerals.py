"""Persian numerals in words: «هفتم», «بیست و هشتم», «هزار و سیصد و نود»."""

from __future__ import annotations

CARDINALS: dict[int, str] = {
    1: "یک یه",
    2: "دو",
    3: "سه",
    4: "چهار چار",
    5: "پنج",
    6: "شش شیش",
    7: "هفت",
    8: "هشت",
    9: "نه",
    10: "ده",
    11: "یازده",
    12: "دوازده",
    13: "سیزده",
    14: "چهارده چارده",
    15: "پانزده پونزده",
    16: "شانزده شونزده",
    17: "هفده هیفده",
    18: "هجده هیجده هژده هیژده",
    19: "نوزده",
    20: "بیست",
    30: "سی",
    40: "چهل",
    50: "پنجاه",
    60: "شصت",
    70: "هفتاد",
    80: "هشتاد",
    90: "نود",
    100: "صد یک_صد",
    200: "دویست دو_صد",
    300: "سیصد سه_صد",
    400: "چهار_صد",
    500: "پانصد پنج_صد",
    600: "شش_صد",
    700: "هفت_صد",
    800: "هشت_صد",
    900: "نه_صد",
    1000: "هزار",
}
"""Number → its spellings in words; «_» is a half-space, which may also be missing or a space."""

_IRREGULAR_ORDINALS = {1: "اول یکم نخست اولی", 3: "سوم", 30: "سی_ام"}
_IRREGULAR_LEADING = {1: "اولین نخستین یکمین", 3: "سومین", 30: "سی_امین"}


def ordinals() -> dict[int, str]:
    """Number → its ordinals that follow a noun or stand alone: «دوم», «سی‌ام»."""
    return {
        value: _IRREGULAR_ORDINALS.get(value) or " ".join(f"{word}م" for word in words.split())
        for value, words in CARDINALS.items()
    }


def leading_ordinals() -> dict[int, str]:
    """Number → its ordinals that come before a noun: «دومین», «نخستین»."""
    return {
        value: _IRREGULAR_LEADING.get(value) or " ".join(f"{word}مین" for word in words.split())
        for value, words in CARDINALS.items()
    }


def magnitude(value: int) -> int:
    """The place of a number word; «و» joins words of falling places only («بیست و یک», but not «نه و ده»)."""
    return next(place for place, least in ((3, 1000), (2, 100), (1, 20), (0, 0)) if value >= least)
