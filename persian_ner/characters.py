"""What Persian keyboards, scrapers and PDF exports do to characters, as data.

The same word reaches us as «رئیس‌جمهور», «رئیسجمهور» and «رئيسجمهور». This
module is the one place that says which characters are the same for us. It is
used by the encoder's tokenizer (:mod:`persian_ner.pretraining.tokenizer`), which
makes the model blind to the difference, and wherever words are compared, which
must see through it. The text of a document is never changed.
"""

from __future__ import annotations

import re
import unicodedata

ZWNJ = "\u200c"
NBSP = "\u00a0"

LETTER_FOLDS: dict[str, str] = {
    "ی": "يىئێېۍےۓ",
    "ک": "كڪګ",
    "ه": "ةۀەھہۂۃ",
    "و": "ؤۆۇ",
    "ا": "أإٱ",
}
"""Persian letter → characters written in its place (Arabic, Urdu, Kurdish, Pashto keyboards).

«ئ» and «ؤ» are included because Persian itself writes both «رئیس» and «رییس».
"""

DIGIT_FOLDS: dict[str, str] = {str(value): chr(0x06F0 + value) + chr(0x0660 + value) for value in range(10)}
"""ASCII digit → its Persian (U+06F0…) and Arabic-Indic (U+0660…) forms."""

INVISIBLE = (
    "\u00ad"  # soft hyphen
    "\u0600-\u0605\u061c"  # Arabic number signs, Arabic letter mark
    "\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"  # joiners, bidi marks, selectors
    "\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f"  # control characters other than white space
)
"""Body of a regular-expression class: characters that are not seen and carry no identity for us."""

MARKS = (
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u08d3-\u08ff"  # diacritics, Quranic marks
    "\u0300-\u036f"  # combining marks left by decomposed text
    "\u0640"  # tatweel
    "\u0621\u0674"  # bare hamza, written or dropped at will («سوء», «سو»)
)
"""Body of a regular-expression class: marks that carry no identity for us once letters are composed."""

_INVISIBLE_RE = re.compile(f"[{INVISIBLE}]")
_MARKS_RE = re.compile(f"[{MARKS}]")
_FOLD_TABLE = str.maketrans(
    {variant: base for folds in (LETTER_FOLDS, DIGIT_FOLDS) for base, variants in folds.items() for variant in variants}
)


def fold(text: str) -> str:
    """The comparable form of a text: invisibles removed, NFKC, lower case, marks removed, letters and digits folded.

    Invisibles go first: a half-space between a letter and its mark would keep
    NFKC from composing them. White space is kept as it is. The result has other
    offsets than ``text``; use it to compare, never to store.
    """
    composed = unicodedata.normalize("NFKC", _INVISIBLE_RE.sub("", text))
    # Σ is the one letter whose lower case depends on its neighbours in Python, and not in the encoder's tokenizer.
    return _MARKS_RE.sub("", composed.replace("Σ", "σ").lower()).translate(_FOLD_TABLE)


def comparable(surface: str) -> str:
    """The form under which names are compared: folded, with any white space counting as one space, none at the ends."""
    return " ".join(fold(surface).split())


def utf16_boundaries(text: str) -> list[int | None]:
    """For each offset in UTF-16 code units, as JavaScript counts, the offset in characters; None within a pair."""
    boundaries: list[int | None] = []
    for index, character in enumerate(text):
        boundaries += [index, None] if ord(character) > 0xFFFF else [index]
    return [*boundaries, len(text)]
