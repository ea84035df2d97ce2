from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persian_ner.detokenize import detokenize

MARKS = [*"،؛.:!؟?)]}»…%٪,;”’›([{«“‘‹\"'/-–٫٬+*", "...", ".»", "؟!", ":)", "12", "۵", "و", "می\u200cرود", "", "\u200c"]


@given(st.lists(st.one_of(st.text(max_size=5), st.sampled_from(MARKS)), max_size=25))
def test_every_token_lies_unchanged_at_its_offsets(tokens: list[str]) -> None:
    text, offsets = detokenize(tokens)
    assert [text[start:end] for start, end in offsets] == tokens
    # Nothing but the tokens and at most one space between two of them.
    cursor = 0
    for start, end in offsets:
        assert text[cursor:start] in ("", " ")
        cursor = end
    assert cursor == len(text)


@given(st.lists(st.text(alphabet="ابپتگی\u200c", min_size=1, max_size=5), max_size=10))
def test_words_are_joined_by_one_space(words: list[str]) -> None:
    assert detokenize(words)[0] == " ".join(words)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("او گفت : « می‌آیم » ؛ ولی نیامد .", "او گفت: «می‌آیم»؛ ولی نیامد."),
        ("چرا ؟ نه ! بله …", "چرا؟ نه! بله…"),
        ("سال ( ۱۳۹۵ ) ، [ ۲ ] و { ب }", "سال (۱۳۹۵)، [۲] و {ب}"),
        ("۵۰ ٪ و 20 %", "۵۰٪ و 20%"),
        ('گفت " سلام " و " بدرود " .', 'گفت "سلام" و "بدرود".'),
        ("واژه ' نو ' است", "واژه 'نو' است"),
        ('« گفت " خوب " »', '«گفت "خوب"»'),
        ("رفت .» سپس آمد ...", "رفت.» سپس آمد..."),
        ("علی (ع) و سعدی", "علی (ع) و سعدی"),
        ("12 / 5 درصد", "12/5 درصد"),
        ("مورخ 1395 / 01 / 25 تصویب شد", "مورخ 1395/01/25 تصویب شد"),
        ("۲۰۱۳ - ۲۰۱۵ و 2 – 1", "۲۰۱۳-۲۰۱۵ و 2–1"),
        ("32 . 5 میلیون", "32.5 میلیون"),
        ("۳ ٫ ۵ و ۱ ٬ ۰۰۰", "۳٫۵ و ۱٬۰۰۰"),
        ("ساعت 17 : 30 عصر", "ساعت 17:30 عصر"),
        ("سال ۱۳۹۵ : ۲۰ نفر", "سال ۱۳۹۵: ۲۰ نفر"),
        ("۱۲ ، ۱۵ و ۱۶", "۱۲، ۱۵ و ۱۶"),
        ("تهران - ایرنا / فارس", "تهران - ایرنا / فارس"),
        ("2 - اصلاح و قاهر - 1", "2 - اصلاح و قاهر - 1"),
        ("5 + 1", "5 + 1"),
        ("سلام :) خوبی :(( (:", "سلام :) خوبی :(( (:"),
        ("( ایسنا ): او گفت", "(ایسنا): او گفت"),
    ],
)
def test_spacing(tokens: str, text: str) -> None:
    assert detokenize(tokens.split())[0] == text


def test_a_token_may_contain_spaces() -> None:
    text, offsets = detokenize(["گفت و گو", "،", "صلح"])
    assert text == "گفت و گو، صلح"
    assert offsets == [(0, 8), (8, 9), (10, 13)]


def test_a_quote_glued_to_a_word_opens_or_closes_like_one_that_stands_alone() -> None:
    assert detokenize(['"سلام', 'دنیا"', "و", '"', "نو", '"'])[0] == '"سلام دنیا" و "نو"'


def test_invisible_characters_do_not_hide_punctuation() -> None:
    assert detokenize(["خوب", "،\u200c", "بد"])[0] == "خوب،\u200c بد"


def test_no_tokens() -> None:
    assert detokenize([]) == ("", [])
