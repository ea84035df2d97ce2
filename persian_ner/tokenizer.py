"""The pipeline's Persian tokenizer: cuts where annotators cut, whatever the text looks like.

spaCy's own rules for Persian leave «رئیس‌جمهور(روسیه», «سلام!ایران۲۰»,
«۲۸فروردین‌ماه۱۴۰۴» and «عربي؟!» in one piece, so that spans inside them are lost.
Here a token is

* a run of letters of one script, with the marks on them and the half-spaces
  between them («رئیس‌جمهور», «کتاب‌ها», «مثلاً»), or
* a run of digits («۱۴۰۴»), or
* one other character with its marks («؟», «/», «❤️»), or
* half-spaces and direction marks that join nothing.

It is a plain :class:`spacy.tokenizer.Tokenizer` with other patterns, so a saved
pipeline carries it and ``spacy.load`` needs none of this code.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

_JOINERS = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
_ARABIC = "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc"
_LETTER = r"[^\W\d_]"
_ARABIC_LETTER = rf"(?:(?=[{_ARABIC}]){_LETTER})"
_OTHER_LETTER = rf"(?:(?![{_ARABIC}]){_LETTER})"

# One character that is neither letter, digit, white space, mark nor joiner; with the marks it carries.
_SYMBOL = rf"(?:[^\w\s{_MARKS}{_JOINERS}]|_)[{_MARKS}]*"
# Joiners with no letter before them or none after them join nothing.
_LOOSE_JOINERS = rf"(?<!{_LETTER})(?<![{_MARKS}{_JOINERS}])[{_JOINERS}]+|[{_JOINERS}]+(?![{_JOINERS}])(?!{_LETTER})"
_BORDERS = "|".join(
    [
        rf"(?<=\d)(?={_LETTER})",
        rf"(?:(?<={_LETTER})|(?<=[{_MARKS}]))(?=\d)",
        rf"(?<=[{_ARABIC}])(?<={_LETTER})(?={_OTHER_LETTER})",
        rf"(?<![{_ARABIC}])(?<={_LETTER})(?={_ARABIC_LETTER})",
    ]
)

PREFIXES = rf"^(?:{_SYMBOL}|[{_JOINERS}]+)"
SUFFIXES = rf"(?:{_SYMBOL}|[{_JOINERS}]+)$"
INFIXES = rf"{_SYMBOL}|{_LOOSE_JOINERS}|{_BORDERS}"


def create_tokenizer(vocab: Vocab) -> Tokenizer:
    """A tokenizer with the Persian patterns. Every character of the text is in exactly one token or a trailing space."""
    return Tokenizer(
        vocab,
        rules={},
        prefix_search=re.compile(PREFIXES).search,
        suffix_search=re.compile(SUFFIXES).search,
        infix_finditer=re.compile(INFIXES).finditer,
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
