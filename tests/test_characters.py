from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from persian_ner.characters import DIGIT_FOLDS, LETTER_FOLDS, comparable, fold
from persian_ner.pretraining.tokenizer import normalizer

NORMALIZER = normalizer()


def is_known(character: str) -> bool:
    """Whether the Unicode tables of this Python and of ``tokenizers``, which are older, both hold the character."""
    return unicodedata.category(character) not in ("Cs", "Cn") and (
        unicodedata.ucd_3_2_0.category(character) != "Cn"
        or re.match("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff\U0001f300-\U0001f64f]", character)
        is not None
    )


KNOWN = "".join(filter(is_known, map(chr, range(sys.maxunicode + 1))))
TRICKY = (
    "اآأيیىئكکةهۀۂؤ\u0621\u0640\u064b\u0653\u0654\u0655\u200c\u200d\u0301\u0308ΣσςİIıßeé۱١1ﷲﻻ…½① \t\n\r\x1f\x85\u2028"
)
TEXTS = st.text(st.one_of(st.sampled_from(TRICKY), st.sampled_from(KNOWN)))


def test_every_character_folds_as_in_the_encoders_tokenizer() -> None:
    assert [character for character in KNOWN if fold(character) != NORMALIZER.normalize_str(character)] == []


@settings(max_examples=500)
@example("ΟΔΟΣ ΟΔΟΣ")  # a final sigma
@example("ا\u200c\u0653 ا\u064b\u0654")
@given(TEXTS)
def test_texts_fold_as_in_the_encoders_tokenizer(text: str) -> None:
    assert fold(text) == NORMALIZER.normalize_str(text)


@settings(max_examples=300)
@given(TEXTS)
def test_half_spaces_and_direction_marks_make_no_difference(text: str) -> None:
    assert fold(re.sub("[\u200c\u200d\u200f]", "", text)) == fold(text)


@settings(max_examples=300)
@given(st.text(TRICKY))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("variants", "folded"),
    [
        (["رئیس‌جمهور", "رئيسجمهور", "رئیسجمهور", "رییس\u200dجمهور", "رَئیسـجمهور"], "رییسجمهور"),
        (["کتاب‌های", "كتابهاي", "كتابهای\u200f", "ﻛﺘﺎﺑﻬﺎﯼ"], "کتابهای"),
        (["۱۴۰۴", "1404", "١٤٠٤", "۱۴٠4"], "1404"),
        (["نامهٔ", "نامۀ", "نامه", "نامة"], "نامه"),
        (["سوء", "سو"], "سو"),
        (["آن", "ا\u0653ن", "ا\u200c\u0653ن"], "آن"),
        (["BBC", "ｂｂｃ", "bbc"], "bbc"),
    ],
)
def test_spellings_of_one_word(variants: list[str], folded: str) -> None:
    assert [fold(variant) for variant in variants] == [folded] * len(variants)


def test_different_words_stay_different() -> None:
    words = ["آن", "ان", "سر", "سیر", "دو", "دوم", "۱۲", "۲۱", "این جا", "اینجا"]
    assert len({fold(word) for word in words}) == len(words)


def test_white_space_is_kept() -> None:
    assert fold("الف\tب\nج د") == "الف\tب\nج د"


def test_no_character_folds_to_two() -> None:
    variants = "".join([*LETTER_FOLDS.values(), *DIGIT_FOLDS.values()])
    assert len(set(variants)) == len(variants)
    assert not set(variants) & (LETTER_FOLDS.keys() | DIGIT_FOLDS.keys())


def test_names_are_compared_whatever_their_spelling_and_white_space() -> None:
    assert comparable("  مِزار\u200cشريف\u00a0 ۱۲\n") == "مزارشریف 12"
    assert comparable(" \u200c\t") == ""
