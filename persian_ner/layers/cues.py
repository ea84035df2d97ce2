"""Where an event or a date may be: cue words that select what a reader has to look at.

A cue says only «look here». It decides nothing by itself, except that words near
a cue nobody has looked at are not taught as negatives (see
:func:`uncertain_spans`).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from persian_ner.characters import MARKS, ZWNJ, fold
from persian_ner.layers.wordlists import patterns, words

_EVENT_WORDS = words("event_cues")
_EVENT_PAIRS = re.compile("|".join(patterns("event_pairs")))
_DATE_WORDS = words("date_cues")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}{ZWNJ}])*")
_REACH = {"EVENT": (1, 4), "DATE": (2, 3)}
"""Words before and after a cue that may belong to the same name."""


def event_cues(text: str) -> list[tuple[int, int]]:
    """Offsets of words that often begin the name of a happening; of the whole text for a pair of words that does."""
    found = [(start, end) for start, end, word in located_words(text) if word in _EVENT_WORDS]
    if not found and _EVENT_PAIRS.search(fold(text)):
        found.append((0, len(text)))
    return found


def date_cues(text: str) -> list[tuple[int, int]]:
    """Offsets of words that often belong to a date."""
    return [(start, end) for start, end, word in located_words(text) if word in _DATE_WORDS]


def uncertain_spans(text: str, labels: Collection[str]) -> list[tuple[int, int]]:
    """Where a name of one of ``labels`` may be that nobody has annotated: offsets, sorted, they may overlap.

    The words around a cue, up to the next punctuation mark. Only EVENT and DATE
    have cues; for other labels there are none.
    """
    found = located_words(text)
    spans: list[tuple[int, int]] = []
    for label, find in (("EVENT", event_cues), ("DATE", date_cues)):
        if label in labels:
            before, after = _REACH[label]
            spans += (_around(text, found, cue, before, after) for cue in find(text))
    return sorted(spans)


def _around(
    text: str, words: list[tuple[int, int, str]], cue: tuple[int, int], before: int, after: int
) -> tuple[int, int]:
    inside = [index for index, (start, end, _) in enumerate(words) if cue[0] <= start and end <= cue[1]]
    first, last = inside[0], inside[-1]
    for _ in range(before):
        if first and _is_space(text[words[first - 1][1] : words[first][0]]):
            first -= 1
    for _ in range(after):
        if last + 1 < len(words) and _is_space(text[words[last][1] : words[last + 1][0]]):
            last += 1
    return words[first][0], words[last][1]


def _is_space(text: str) -> bool:
    """Whether nothing but white space is to be seen."""
    return not fold(text).strip()


def located_words(text: str) -> list[tuple[int, int, str]]:
    """The words of a text: their offsets, and their letters folded."""
    return [(match.start(), match.end(), fold(match.group())) for match in _WORD.finditer(text)]
