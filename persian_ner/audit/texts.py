"""Text that is damaged or unusual in its characters. It is reported, never changed.

The pipeline reads Arabic letters, invisible characters and presentation forms as it reads
the Persian letters (:mod:`persian_ner.characters`). They still spoil search and other tools.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from persian_ner.audit.inputs import Corpus, Document
from persian_ner.audit.schema import SEVERITIES, CharacterClass, Severity, TextDefect, TextGroup, Texts
from persian_ner.characters import ZWNJ

LONGEST_WORD = 25
"""Letters in a row: longer is usually several words that lost the spaces between them."""
MOST_PLACES = 3

_ARABIC, _PERSIAN = "يىك", "یک"
_PAIRS = (("يى", "ی"), ("ك", "ک"))
_SEVERITIES: dict[CharacterClass, Severity] = {
    "control": "high",
    "broken": "high",
    "private": "high",
    "presentation_form": "medium",
    "invisible": "low",
    "other_script": "low",
}
_SCRIPTS = ("ARABIC", "LATIN")
_LETTERS = {
    "arabic": "\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f",
    "other": "A-Za-z\u00c0-\u024f\u0370-\u052f",
}
_MIXED = re.compile(
    "[{arabic}{other}]*(?:[{arabic}][{other}]|[{other}][{arabic}])[{arabic}{other}]*".format(**_LETTERS)
)
_LONG = re.compile(rf"[^\W\d_]{{{LONGEST_WORD + 1},}}")


def find(corpus: Corpus) -> Texts:
    """The writing of each split, and every document's defects, the severe and frequent ones first."""
    findings = [defect for document in corpus.documents() for defect in _defects(document)]
    by_split: dict[str, list[str]] = defaultdict(list)
    for document in corpus.documents():
        by_split[document.split].append(document.record.text)
    findings.sort(key=lambda defect: (defect.kind, SEVERITIES.index(defect.severity), -defect.count))
    return Texts(groups=[_group(split.name, by_split[split.name]) for split in corpus.splits], findings=findings)


@lru_cache(maxsize=1 << 12)
def character_class(character: str) -> CharacterClass | None:
    """What is unusual about a character in Persian text; ``None`` when nothing is."""
    category = unicodedata.category(character)
    if character in "\n\t" or character == ZWNJ:
        return None
    if category == "Cc":
        return "control"
    if character == "\ufffd" or category in ("Cs", "Cn"):
        return "broken"
    if category == "Co":
        return "private"
    if "\ufb50" <= character <= "\ufdcf" or "\ufe70" <= character <= "\ufefc":
        return "presentation_form"
    if category in ("Cf", "Zl", "Zp"):
        return "invisible"
    if category[0] == "L" and not unicodedata.name(character, "").startswith(_SCRIPTS) and category != "Lm":
        return "other_script"
    return None


def arabic_share(texts: Sequence[str]) -> float | None:
    """Share of Arabic yeh, alef maksura and kaf among these and the Persian yeh and kaf; ``None`` without any."""
    arabic, persian = (
        sum(text.count(letter) for text in texts for letter in letters) for letters in (_ARABIC, _PERSIAN)
    )
    return arabic / (arabic + persian) if arabic + persian else None


def _defects(document: Document) -> Iterator[TextDefect]:
    text = document.record.text
    unusual: dict[CharacterClass, list[str]] = defaultdict(list)
    for character in sorted(set(text)):
        found = character_class(character)
        if found:
            unusual[found].append(character)
    for kind, characters in unusual.items():
        matches = list(re.finditer(f"[{re.escape(''.join(characters))}]", text))
        yield _defect(
            document,
            "characters",
            _SEVERITIES[kind],
            matches,
            character_class=kind,
            characters=[f"U+{ord(character):04X}" for character in characters],
        )
    for name, pattern, severity in (("mixed_script", _MIXED, "low"), ("long_word", _LONG, "medium")):
        if matches := list(pattern.finditer(text)):
            yield _defect(document, name, severity, matches)
    share = arabic_share([text])
    if share:
        matches = list(re.finditer(f"[{_ARABIC}]", text))
        yield _defect(document, "arabic_letters", "medium" if _mixed(text) else "low", matches, share=round(share, 4))


def _mixed(text: str) -> bool:
    """Whether a letter is written in its Arabic and in its Persian form."""
    return any(persian in text and any(letter in text for letter in arabic) for arabic, persian in _PAIRS)


def _defect(
    document: Document, kind: str, severity: str, matches: Sequence[re.Match[str]], **more: object
) -> TextDefect:
    return TextDefect.model_validate(
        {
            "kind": kind,
            "severity": severity,
            "places": [document.place(*match.span()) for match in matches[:MOST_PLACES]],
            "count": len(matches),
            **more,
        }
    )


def _group(split: str, texts: Sequence[str]) -> TextGroup:
    shares = [arabic_share([text]) or 0 for text in texts]
    return TextGroup(
        split=split,
        documents=len(texts),
        characters=sum(map(len, texts)),
        arabic_share=arabic_share(texts),
        arabic_documents=sum(share == 1 for share in shares),
        mixed_documents=sum(map(_mixed, texts)),
    )
