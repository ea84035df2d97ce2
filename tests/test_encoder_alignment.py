"""The encoder's pieces and the pipeline's tokens: no token without a piece, no piece in two tokens, few unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.vocab import Vocab
from spacy_transformers.align import get_alignment_via_offset_mapping
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from persian_ner.characters import fold
from persian_ner.pretraining.tokenizer import STAND_IN, UNK, train
from persian_ner.readers import markup
from persian_ner.readers.registry import read
from persian_ner.records import Record
from persian_ner.tokenizer import create_tokenizer

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
PIPELINE_TOKENIZER = create_tokenizer(Vocab())
TOKENIZER = AutoTokenizer.from_pretrained(ROOT / "assets" / "encoder")
TEXTS = st.text(
    st.one_of(
        st.sampled_from("ابپکگیئسرةآءﻼ۰٣5 \n.؟/«(aÉß한"),
        st.sampled_from("\u200c\u200d\u202b\ufeff\u00ad\u0640\u064b\u0653\u0654\u0301\u093c"),
        st.sampled_from("🟢📷👩🏽❤\ufe0f🇮🇷½ﷺ"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
)


def pieces_of_tokens(text: str) -> list[tuple[str, int]]:
    """Each token of the pipeline, with how many pieces the wrapper of the encoder gives it."""
    doc = PIPELINE_TOKENIZER(text)
    encoded = TOKENIZER([text], return_offsets_mapping=True, return_tensors="np")
    found = get_alignment_via_offset_mapping([doc[:]], encoded["offset_mapping"])
    return [(token.text, int(count)) for token, count in zip(doc, found.lengths, strict=True)]


@settings(max_examples=500)
@given(text=TEXTS)
def test_every_token_with_something_to_see_has_a_piece(text: str) -> None:
    assert [token for token, count in pieces_of_tokens(text) if not count and fold(token).strip()] == []


def test_the_name_of_a_special_piece_in_a_text_is_text() -> None:
    found = TOKENIZER("او [SEP] گفت و [MASK] را دید", add_special_tokens=False)["input_ids"]
    assert not set(found) & set(TOKENIZER.all_special_ids)
    assert [(token, count > 0) for token, count in pieces_of_tokens("[SEP]")] == [
        ("[", True),
        ("SEP", True),
        ("]", True),
    ]


@pytest.mark.parametrize("unseen", ["\u200c", "\u202b\u200f", "ـ", "\u064b", "ء", "\u00ad", "\n\n"])
def test_a_token_of_invisible_characters_has_none(unseen: str) -> None:
    # The recogniser sees a vector of zeros in its place; its neighbours keep their pieces.
    found = pieces_of_tokens(f"علی {unseen} آمد")
    assert [count > 0 for token, count in found if token.strip()] == [True, *[False] * bool(unseen.strip()), True]


def crossings(tokenizer: Tokenizer, text: str) -> list[str]:
    """Pieces that lie in two tokens of the pipeline's tokenizer."""
    token_at = {}
    for token in PIPELINE_TOKENIZER(text):
        token_at.update(dict.fromkeys(range(token.idx, token.idx + len(token)), token.i))
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    return [text[start:end] for start, end in offsets if len({token_at.get(i) for i in range(start, end)}) > 1]


WORDS = [
    "ایران",
    "کتاب‌ها",
    "رئیس",
    "ئ",
    "۱۴۰۳",
    "12",
    "BBC",
    "«",
    "»",
    "،",
    "!؟",
    ".",
    "/",
    "(",
    ")",
    "…",
    "%",
    "ایران\u200c",
]


@settings(max_examples=300)
@given(words=st.lists(st.sampled_from(WORDS)), glue=st.sampled_from(["", " ", " \n"]))
def test_no_piece_lies_in_two_tokens_of_the_pipeline(words: list[str], glue: str) -> None:
    text = glue.join(words)
    # A word in Latin letters glued to one in Persian letters is two tokens here and one stretch for the encoder.
    if not re.search("[ء-ی\u200c]BBC|BBC[ء-ی\u200c]", text):
        assert crossings(TOKENIZER.backend_tokenizer, text) == []


@pytest.mark.parametrize("new", [False, True], ids=["the one in the repository", "a new one"])
def test_no_piece_of_the_articles_lies_in_two_tokens_of_the_pipeline(new: bool) -> None:
    texts = texts_of(markup.read(ROOT / "assets" / "articles"))
    tokenizer = train(texts, vocab_size=4000) if new else TOKENIZER.backend_tokenizer
    assert [found for text in texts for found in crossings(tokenizer, text)] == []


def stand_ins(texts: Iterable[str]) -> tuple[list[str], int]:
    """What is read as «•» or as unknown, and the number of all words, signs and numbers."""
    found, total = [], 0
    for text in texts:
        encoding = TOKENIZER.backend_tokenizer.encode(text, add_special_tokens=False)
        total += len(set(encoding.word_ids))
        read_as = zip(encoding.tokens, encoding.offsets, strict=True)
        found += [text[a:b] for piece, (a, b) in read_as if piece in (STAND_IN, UNK) and text[a:b] != STAND_IN]
    return found, total


def texts_of(items: Iterable[object]) -> list[str]:
    return [item.text for item in items if isinstance(item, Record)]


def test_the_letters_of_the_articles_are_known() -> None:
    found, total = stand_ins(texts_of(markup.read(ROOT / "assets" / "articles")))
    # Some articles are decorated with emoji, as texts from social media are.
    assert len([seen for seen in found if any(map(str.isalnum, seen))]) <= 0.001 * total
    assert len(found) <= 0.005 * total


def test_the_characters_of_real_corpora_are_known() -> None:
    if not SHARED.exists():
        pytest.skip("../shared is absent")
    sources = [
        ("conll", "corpora/nsurl2019/300K"),
        ("conll", "corpora/nsurl2019/600K"),
        ("conll", "corpora/arman/train_fold1.txt"),
        ("conll", "corpora/parstwiner/train.txt"),
        ("conll", "corpora/parstwiner/dev.txt"),
        ("conll", "corpora/parsner/train_news.pos"),
        ("conll", "corpora/parsner/train_wiki.pos"),
        ("conll", "corpora/parsner/test_news.pos"),
        ("conll", "corpora/parsner/test_wiki.pos"),
        ("jsonl", "gold/peyma-dev-5label.jsonl"),
    ]
    found, total = stand_ins(text for format, path in sources for text in texts_of(read(format, SHARED / path)))
    assert total > 1_500_000
    assert len(found) <= 0.001 * total
