"""hazm's normaliser and sentence splitter, with every offset mapped back to the raw text.

hazm returns new strings. Here its results are aligned with the raw text, which
stays the only text of the project.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class Alignment:
    """A raw text, a changed form of it, and which characters correspond.

    ``changed_of[i]`` is the offset in ``changed`` of raw character ``i``, or -1
    when it was removed; ``raw_of`` is the reverse. Both rise strictly over the
    characters that correspond.
    """

    raw: str
    changed: str
    changed_of: np.ndarray
    raw_of: np.ndarray

    def to_changed(self, start: int, end: int) -> tuple[int, int] | None:
        """Raw span → span in the changed text; ``None`` when no character of it is left."""
        return _map(self.changed_of, start, end)

    def to_raw(self, start: int, end: int) -> tuple[int, int] | None:
        """Span in the changed text → raw span; ``None`` when it holds only inserted characters.

        ``to_raw(*to_changed(start, end))`` is ``(start, end)`` for every span
        whose first and last characters were kept, and otherwise the span without
        the removed characters at its edges.
        """
        return _map(self.raw_of, start, end)


def align(raw: str, changed: str) -> Alignment:
    """Align two forms of a text by minimal edit operations (Levenshtein)."""
    changed_of = np.full(len(raw), -1, dtype=np.int64)
    raw_of = np.full(len(changed), -1, dtype=np.int64)
    for operation in Levenshtein.opcodes(raw, changed):
        if operation.tag in ("equal", "replace"):
            length = operation.src_end - operation.src_start
            changed_of[operation.src_start : operation.src_end] = operation.dest_start + np.arange(length)
            raw_of[operation.dest_start : operation.dest_end] = operation.src_start + np.arange(length)
    return Alignment(raw, changed, changed_of, raw_of)


def normalize(text: str) -> Alignment:
    """Normalise with hazm's defaults, line by line, and align the result with the raw text."""
    normalizer = _normalizer()
    raw_lines = text.split("\n")
    lines = [align(line, normalizer(line)) for line in raw_lines]
    changed_of: list[np.ndarray] = []
    raw_of: list[np.ndarray] = []
    raw_offset = changed_offset = 0
    for number, line in enumerate(lines):
        changed_of.append(np.where(line.changed_of < 0, -1, line.changed_of + changed_offset))
        raw_of.append(np.where(line.raw_of < 0, -1, line.raw_of + raw_offset))
        raw_offset += len(line.raw)
        changed_offset += len(line.changed)
        if number < len(lines) - 1:  # the line break itself
            changed_of.append(np.array([changed_offset]))
            raw_of.append(np.array([raw_offset]))
            raw_offset += 1
            changed_offset += 1
    changed = "\n".join(line.changed for line in lines)
    return Alignment(text, changed, np.concatenate(changed_of), np.concatenate(raw_of))


def sentences(text: str) -> list[tuple[int, int]]:
    """hazm's sentences as spans of the raw text: in order, disjoint, and holding every non-space character.

    A line break ends a sentence too. Spans start and end at a character that is
    not white space.
    """
    spans: list[tuple[int, int]] = []
    cursor = 0
    for line in text.split("\n"):
        position = cursor
        for sentence in _sentence_splitter()(line):
            # hazm strips sentences and may turn inner white space into spaces, nothing else
            start = position
            while text[start].isspace():
                start += 1
            end = start + len(sentence)
            spans.append((start, end))
            position = end
        cursor += len(line) + 1
    return spans


def _map(target: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    inside = target[start:end]
    kept = inside[inside >= 0]
    return (int(kept[0]), int(kept[-1]) + 1) if len(kept) else None


# hazm imports gensim, fasttext and scikit-learn: seconds that only its users should pay.
@lru_cache(maxsize=1)
def _normalizer() -> Callable[[str], str]:
    from hazm import Normalizer

    return Normalizer().normalize


@lru_cache(maxsize=1)
def _sentence_splitter() -> Callable[[str], list[str]]:
    from hazm import SentenceTokenizer

    splitter = SentenceTokenizer()
    # hazm's pattern also tries every later part of a run such as «........», which takes quadratic time.
    splitter.pattern = re.compile(rf"(?<![!.?⸮؟]){splitter.pattern.pattern}")
    return splitter.tokenize
