from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from persian_ner.characters import DIGIT_FOLDS, INVISIBLE, MARKS
from persian_ner.pretraining.tokenizer import MASK, PAD, SPECIAL_TOKENS, STAND_IN, UNK, save_for_transformers, train

ENCODER = Path(__file__).parents[1] / "assets" / "encoder"
SENTENCES = [
    "کتابخانه‌های شهر از شنبه تا چهارشنبه باز است و ۱۲ کتابدار در آن کار می‌کنند.",
    "رئیس کتابخانه گفت: «کتاب‌های تازه را تا ۱۵ مهر ۱۴۰۳ می‌خریم.»",
    "باران دیشب راه‌های کوهستانی را بست؛ راهداران می‌گویند تا ظهر باز می‌شود.",
    "تیم والیبال بانوان، ۳ بر ۱ برنده شد و به نیمه‌نهایی رفت!",
    "بهای هر کیلو سیب (درجه یک) به ۴۵/۵ هزار تومان رسید.",
    "The library has a web page: www.example.org/ketab",
    "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیئآ" * 2 + " 01234567890 abcdefghijklmnopqrstuvwxyza",
]
KEYBOARDS = {"ی": "يىئ", "ک": "كڪ", "ه": "ةۀہ", "و": "ؤ"}
TEXTS = st.text(
    st.one_of(
        st.sampled_from("ابپتکگیئسرهةوآ۰۱۲٣٤56 \n.،؟!/«»(ab"),
        st.sampled_from("\u200c\u064b\u0654\u0653\u0640\u0301"),
        st.characters(exclude_categories=["Cs"]),
    )
).filter(lambda text: not any(special in text for special in SPECIAL_TOKENS))


@pytest.fixture(scope="module", params=["trained here", "in the repository"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "trained here":
        return train(SENTENCES * 10, vocab_size=300)
    return Tokenizer.from_file(str(ENCODER / "tokenizer.json"))


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    return tokenizer.encode(text).tokens


@settings(max_examples=300)
@given(text=TEXTS)
def test_half_spaces_make_no_difference(tokenizer: Tokenizer, text: str) -> None:
    assert pieces(tokenizer, text.replace("\u200c", "")) == pieces(tokenizer, text)


@settings(max_examples=300)
@given(text=TEXTS, data=st.data())
def test_keyboards_make_no_difference(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    twin = "".join(data.draw(st.sampled_from(character + KEYBOARDS.get(character, ""))) for character in text)
    assert pieces(tokenizer, twin) == pieces(tokenizer, text)


@settings(max_examples=300)
@given(text=TEXTS, data=st.data())
def test_digit_sets_make_no_difference(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    digits = {
        digit: forms
        for ascii_digit, others in DIGIT_FOLDS.items()
        for forms in [ascii_digit + others]
        for digit in forms
    }
    twin = "".join(data.draw(st.sampled_from(digits.get(character, character))) for character in text)
    assert pieces(tokenizer, twin) == pieces(tokenizer, text)


ARABIC = [chr(code) for code in range(0x0622, 0x06D4) if chr(code).isalpha()]
FORMS: dict[str, str] = {}
"""Letter, or letters of a ligature → their presentation forms, as PDF exports have them."""
for code in (*range(0xFB50, 0xFDFC), *range(0xFE70, 0xFEFD)):
    if chr(code).isalpha():
        letters = unicodedata.normalize("NFKC", chr(code))
        FORMS[letters] = FORMS.get(letters, "") + chr(code)
UNSEEN = [character for character in map(chr, range(0x10000)) if re.match(f"[{INVISIBLE}]", character)]
# Those that compose with no letter; the others make another letter of it («آ»).
DIACRITICS = [character for character in map(chr, range(0x0640, 0x0653)) if re.match(f"[{MARKS}]", character)]


@settings(max_examples=300)
@given(text=TEXTS, data=st.data())
def test_invisible_characters_make_no_difference(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    twin = "".join(data.draw(st.sampled_from(["", *UNSEEN])) + character for character in text)
    assert pieces(tokenizer, twin + data.draw(st.sampled_from(UNSEEN))) == pieces(tokenizer, text)


@settings(max_examples=300)
@given(text=TEXTS, data=st.data())
def test_diacritics_and_tatweel_make_no_difference(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    twin = ""
    for position, character in enumerate(text):
        twin += character
        # Not between a letter and a mark that composes with it.
        following = unicodedata.category((text + " ")[position + 1])
        if character in ARABIC and following[0] not in "MC":
            twin += "".join(data.draw(st.lists(st.sampled_from(DIACRITICS), max_size=2)))
    assert pieces(tokenizer, twin) == pieces(tokenizer, text)


@settings(max_examples=300)
@given(words=st.lists(st.sampled_from([*FORMS, " ", "\u200c", "۱", "."])), data=st.data())
def test_presentation_forms_make_no_difference(tokenizer: Tokenizer, words: list[str], data: st.DataObject) -> None:
    twin = "".join(data.draw(st.sampled_from([word, *FORMS.get(word, "")])) for word in words)
    assert pieces(tokenizer, twin) == pieces(tokenizer, "".join(words))


def test_a_name_in_all_its_spellings(tokenizer: Tokenizer) -> None:
    plain = "رییس جمهور علی ۱۴۰۳"
    twins = [
        "رئيس جمهور علي ١٤٠٣",
        "\u202bرئیس\u202c جُمهورّ ع\u0640لی\u200f 1403",
        "ﺭﯾﯿﺲ ﺟﻤﻬﻮﺭ ﻋﻠﯽ １４０３",
        "رییس\ufeff جمهور\u00ad عل\u0650ى ۱۴۰۳",
    ]
    assert [pieces(tokenizer, twin) for twin in twins] == [pieces(tokenizer, plain)] * len(twins)


def test_pieces_have_offsets_in_the_raw_text(tokenizer: Tokenizer) -> None:
    text = "كتاب‌های ۱۵ مهر"
    encoding = tokenizer.encode(text, add_special_tokens=False)
    covered = {i for start, end in encoding.offsets for i in range(start, end)}
    assert {i for i, character in enumerate(text) if character not in " \u200c"} <= covered
    words = [
        "".join(text[s:e] for (s, e), w in zip(encoding.offsets, encoding.word_ids, strict=True) if w == word)
        for word in (0, 1, 2)
    ]
    assert [word.replace("\u200c", "") for word in words] == ["كتابهای", "۱۵", "مهر"]


@given(text=TEXTS)
def test_every_text_can_be_spelled(tokenizer: Tokenizer, text: str) -> None:
    assert UNK not in pieces(tokenizer, text)


def test_a_character_without_a_piece_costs_no_word() -> None:
    small = train(["الف ب بب پ"] * 10 + ["ژ"] * 6 + ["بّ تف"], vocab_size=100, alphabet_size=5)
    spelled = [small.encode(text, add_special_tokens=False).tokens for text in ("ببژبب", "ژ", "🟢", "بب🟢بب", "بب")]
    word = spelled.pop()
    assert spelled == [[*word, STAND_IN, *word], [STAND_IN], [STAND_IN], [*word, STAND_IN, *word]]


def test_saved_for_transformers_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_for_transformers(tokenizer, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.is_fast
    assert loaded.all_special_tokens and set(loaded.all_special_tokens) == set(SPECIAL_TOKENS)
    assert (loaded.pad_token, loaded.mask_token, loaded.pad_token_id) == (PAD, MASK, 0)
    text = "کتاب‌های تازه را می‌خریم."
    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids
    assert not set(loaded("[SEP]", add_special_tokens=False)["input_ids"]) & set(loaded.all_special_ids)
