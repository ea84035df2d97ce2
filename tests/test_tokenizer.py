from __future__ import annotations

import json
import subprocess
import sys
import time
import unicodedata
from itertools import groupby
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

from persian_ner.tokenizer import create_tokenizer, use_persian_tokenizer

TOKENIZER = create_tokenizer(Vocab())
# What meets in scraped Persian news, and the characters at which tokenizers go wrong.
DIFFICULT = (
    "ابکيیئآهٔةـ،؛؟!.:/()«»[]_-…٪۰۹٠٩07aZéш日²½Ⅳ❤👩💻🏽🇮🇷𐎠न्दि"
    "\u064b\u0301\u200c\u200d\u200f\u202b\ufeff\xad\ufe0f\u20e3 \t\n\r\x0b\x1f\x85\xa0\u2028\0"
)
TEXTS = st.text(st.one_of(st.sampled_from(DIFFICULT), st.characters(exclude_categories=["Cs"])))


def tokens(text: str) -> list[str]:
    return [token.text for token in TOKENIZER(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("رئیس‌جمهور(روسیه", "رئیس‌جمهور ( روسیه"),
        ("سلام!ایران۲۰", "سلام ! ایران ۲۰"),
        ("۲۸فروردین‌ماه۱۴۰۴", "۲۸ فروردین‌ماه ۱۴۰۴"),
        ("عربي؟!", "عربي ؟ !"),
        ("۱۴۰۴/۰۱/۲۸", "۱۴۰۴ / ۰۱ / ۲۸"),
        ("١٩/٨/٢٠", "١٩ / ٨ / ٢٠"),
        ("«تهران»،(قم)", "« تهران » ، ( قم )"),
        ("می‌شود.او", "می‌شود . او"),
        ("مثلاً،", "مثلاً ،"),
        ("BBCفارسی", "BBC فارسی"),
        ("@iran_news#خبر", "@ iran _ news # خبر"),
        ("۵/۳٪", "۵ / ۳ ٪"),
        ("۳۰m²", "۳۰ m ²"),
        ("❤️سلام", "❤️ سلام"),
        ("1️⃣سلام", "1️⃣ سلام"),
        ("هٔا", "هٔا"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_where_it_cuts(text: str, expected: str) -> None:
    assert tokens(text) == expected.split(" ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ایران\u200c", ["ایران", "\u200c"]),
        ("ایران\u200c.", ["ایران", "\u200c", "."]),
        ("\u200cایران", ["\u200c", "ایران"]),
        ("\u200fایران\u200f، قم", ["\u200f", "ایران", "\u200f", "،", "قم"]),
        ("۲۸\u200cفروردین", ["۲۸", "\u200c", "فروردین"]),
        ("PDF\u200cها", ["PDF", "\u200c", "ها"]),
        ("کتاب\u200c\u200cها", ["کتاب\u200c\u200cها"]),
        ("مثلا\u200c\u064b، \u200c\u064b", ["مثلا", "\u200c\u064b", "،", "\u200c\u064b"]),
    ],
)
def test_half_spaces_that_join_nothing_stand_alone(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@settings(max_examples=300)
@given(TEXTS)
def test_tokens_hold_every_character_in_its_place(text: str) -> None:
    doc = TOKENIZER(text)
    assert doc.text == text
    cursor = 0
    for token in doc:
        assert token.idx == cursor
        assert text[token.idx : token.idx + len(token)] == token.text
        cursor += len(token.text_with_ws)
        assert token.whitespace_ in ("", " ")
    assert cursor == len(text)


@settings(max_examples=300)
@given(TEXTS)
def test_no_token_mixes_kinds_or_cuts_a_mark_from_its_base(text: str) -> None:
    for token in TOKENIZER(text):
        kinds = {unicodedata.category(character)[0] for character in token.text}
        assert not {"L", "N"} <= kinds
        assert not (any(map(str.isspace, token.text)) and not token.text.isspace())
        if unicodedata.category(token.text[0])[0] == "M":
            assert token.idx == 0 or text[token.idx - 1].isspace()


PIECES = {"ایران": "arabic", "می\u200cرود": "arabic", "۱۴۰۴": "digits", "12": "digits", "BBC": "latin"} | {
    mark: mark for mark in ("؟", "»", "/", "❤️")
}


@settings(max_examples=200)
@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=12))
def test_pieces_of_different_kinds_need_no_space_between_them(drawn: list[str]) -> None:
    pieces = [next(group) for _, group in groupby(drawn, key=PIECES.__getitem__)]
    assert tokens("".join(pieces)) == pieces


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("fa")
    use_persian_tokenizer()(nlp)
    folder = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def reloaded(saved: Path) -> list[Tokenizer]:
    from_disk = spacy.load(saved).tokenizer
    over_spacys_own = spacy.blank("fa").from_disk(saved).tokenizer
    from_bytes = Tokenizer(Vocab()).from_bytes(TOKENIZER.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    return [from_disk, over_spacys_own, from_bytes]


@settings(max_examples=200)
@given(text=TEXTS)
def test_it_survives_saving(reloaded: list[Tokenizer], text: str) -> None:
    expected = [(token.idx, token.text) for token in TOKENIZER(text)]
    for tokenizer in reloaded:
        assert [(token.idx, token.text) for token in tokenizer(text)] == expected


def test_a_saved_pipeline_needs_none_of_this_code(saved: Path) -> None:
    texts = ["رئیس‌جمهور(روسیه) ۲۸فروردین‌ماه۱۴۰۴!", "عربي؟!\u200c ❤️"]
    code = (
        "import json, sys, spacy\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "assert type(nlp.tokenizer).__module__ == 'spacy.tokenizer'\n"
        "print(json.dumps([[token.text for token in nlp(text)] for text in json.loads(sys.argv[2])]))"
    )
    command = [sys.executable, "-c", code, str(saved), json.dumps(texts)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=saved)
    assert json.loads(result.stdout) == [tokens(text) for text in texts]


def test_the_callback_replaces_the_tokenizer_of_a_pipeline() -> None:
    nlp: Language = spacy.blank("fa")
    assert [token.text for token in nlp("سلام!ایران۲۰")] != ["سلام", "!", "ایران", "۲۰"]
    use_persian_tokenizer()(nlp)
    assert [token.text for token in nlp("سلام!ایران۲۰")] == ["سلام", "!", "ایران", "۲۰"]


@pytest.mark.parametrize(
    "unit",
    [
        "ا",
        "ا\u200c",
        "\u200c",
        "!",
        "\0",
        "👩\u200d",
        "\u064b",
        "ا\u064b\u200c",
        "ا۱",
        "اa",
        "۱/",
        "ا!\u200c",
        "\n\r",
        "  ",
    ],
    ids=ascii,
)
def test_time_is_linear_in_the_length(unit: str) -> None:
    text = unit * (60_000 // len(unit))
    begin = time.perf_counter()
    doc = create_tokenizer(Vocab())(text)
    assert time.perf_counter() - begin < 20  # a tenth of a second; more than a minute where it is quadratic
    assert doc.text == text


@pytest.mark.parametrize(
    "text", ["ا" * 2**19, "ا" + "\u200c" * 2**18 + "!", "ا" + "\u200c\u064b" * 2**17], ids=["word", "joiners", "marks"]
)
def test_a_megabyte_without_a_space(text: str) -> None:
    begin = time.perf_counter()
    assert "".join(tokens(text)) == text
    assert time.perf_counter() - begin < 30
