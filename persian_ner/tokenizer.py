"""The pipeline's Persian tokenizer: cuts where annotators cut, whatever the text looks like.

spaCy's own rules for Persian leave «رئیس‌جمهور(روسیه», «سلام!ایران۲۰»,
«۲۸فروردین‌ماه۱۴۰۴» and «عربي؟!» in one piece, so that spans inside them are lost.
Here a token is

* a run of letters of one script (Arabic or other), with the marks on them and the
  half-spaces between them («رئیس‌جمهور», «کتاب‌ها», «مثلاً»), or
* a run of digits («۱۴۰۴»), or
* one other character («؟», «/», «²», «❤️»), or
* half-spaces and direction marks that join nothing.

A combining mark is always in the token of the character before it.

It is a plain :class:`spacy.tokenizer.Tokenizer` with another pattern, so a saved
pipeline carries it and ``spacy.load`` needs none of this code.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

_JOINERS = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_ARABIC = "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc"
_NOT_ARABIC = "\u0000-\u05ff\u0700-\u074f\u0780-\u086f\u0900-\ufb4f\ufe00-\ufe6f\ufefd-\U0010ffff"


@lru_cache(maxsize=1)
def token_pattern() -> str:
    """The regular expression of one token; its matches cover every character but white space.

    It holds the combining marks and the numerals of the Unicode version of the
    Python that runs it first, which a saved pipeline then keeps. No alternative
    can match in two ways, so the time is linear in the length of the text.
    """
    marks = _character_class("Mn", "Mc", "Me")
    numerals = _character_class("Nl", "No")  # Ⅳ, ², ½: neither letters nor the digits of a number

    def word(letter: str) -> str:
        return rf"{letter}+(?:[{marks}{_JOINERS}]+{letter}+)*[{marks}]*"

    return "|".join(
        [
            word(rf"[^\W\d_{numerals}{_NOT_ARABIC}]"),
            word(rf"[^\W\d_{numerals}{_ARABIC}]"),
            rf"\d+[{marks}]*",
            rf"(?:[^\w\s{marks}{_JOINERS}]|[_{numerals}])[{marks}]*",
            rf"[{_JOINERS}][{_JOINERS}{marks}]*",
            rf"[{marks}]+",  # at the start of the text or after a space
        ]
    )


def create_tokenizer(vocab: Vocab) -> Tokenizer:
    """A tokenizer with the Persian pattern. Every character of the text is in exactly one token or a trailing space."""
    # As an infix the pattern cuts a stretch without spaces in one pass. spaCy strips prefixes and suffixes one at a
    # time and copies the rest each time, which takes hours for a million exclamation marks.
    return Tokenizer(
        vocab,
        rules={},
        prefix_search=None,
        suffix_search=None,
        infix_finditer=re.compile(token_pattern()).finditer,
        token_match=None,
        url_match=None,
    )


def use_persian_tokenizer() -> Callable[[Language], None]:
    """Callback for ``[initialize.before_init]``: replace the pipeline's tokenizer.

    Registered as ``persian_ner.tokenizer.v1`` through an entry point. It runs
    when a pipeline is initialised for training, never when one is loaded.
    """

    def set_tokenizer(nlp: Language) -> None:
        nlp.tokenizer = create_tokenizer(nlp.vocab)

    return set_tokenizer


def _character_class(*categories: str) -> str:
    """Body of a regular-expression class: the characters of these Unicode general categories, as ranges."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in categories:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
