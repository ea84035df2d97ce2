"""Surfaces that are annotated in several ways: with different labels, or at times not at all.

Surfaces are compared token by token in the form of :func:`persian_ner.characters.fold`.
Mentions outside all spans are found leftmost first, the longest surface of those that
begin at a token, so that «تهران» is not found in an unmarked «شهرداری تهران» which is
annotated elsewhere. Mentions inside a longer span are no evidence either way. Nor is
an unmarked mention in a document that does not annotate the surface's usual label.

**Ranking.** 97 mentions against 3 are likely 3 errors, 50 against 50 are two meanings,
and 2 against 1 say nothing. The lower limit of the 95 % score interval (Wilson 1927)
of the share of the more frequent reading tells these apart: 0.92, 0.40 and 0.21.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from persian_ner.audit.inputs import Corpus, Document
from persian_ner.audit.schema import SEVERITIES, Conflict, Place, Severity
from persian_ner.characters import fold
from persian_ner.tokenizer import token_pattern

HIGH = 0.8
MEDIUM = 0.5
"""Limits of the bound for the severities; where most mentions are unmarked, severity is one step less: many names are
common words, too («امید», «مهر»)."""
MOST_PLACES = 50

_Z = 1.959964  # of a two-sided 95 % interval
_Key = tuple[str, ...]


@dataclass(frozen=True)
class _Mention:
    document: Document
    start: int
    end: int
    label: str | None

    def place(self) -> Place:
        return self.document.place(self.start, self.end, self.label)


@dataclass(frozen=True)
class Token:
    """A token of the pipeline's tokenizer, and its folded form."""

    start: int
    end: int
    folded: str


def tokens(text: str) -> list[Token]:
    """The tokens of a text, without those that are nothing but invisible characters."""
    found = (Token(match.start(), match.end(), _folded(match[0])) for match in _token().finditer(text))
    return [token for token in found if token.folded]


def token_borders(text: str) -> frozenset[int]:
    """The offsets at which a token begins or ends: where conversion lets a span begin and end."""
    return frozenset(border for match in _token().finditer(text) for border in match.span())


def lower_bound(count: int, total: int) -> float:
    """Lower limit of the 95 % Wilson score interval of ``count / total``."""
    share, square = count / total, _Z * _Z / total
    spread = math.sqrt(square * (share * (1 - share) + square / 4))
    return (share + square / 2 - spread) / (1 + square)


def find(corpus: Corpus) -> list[Conflict]:
    """Surfaces with different labels, then those annotated at times only; the most one-sided first."""
    read = [(document, tokens(document.record.text)) for document in corpus.documents()]
    marked: dict[_Key, list[_Mention]] = defaultdict(list)
    for document, words in read:
        for key, mention in _marked(document, words):
            marked[key].append(mention)
    usual = {key: Counter(item.label for item in found).most_common(1)[0][0] for key, found in marked.items()}
    plain: dict[_Key, list[_Mention]] = defaultdict(list)
    lengths: dict[str, list[int]] = defaultdict(list)
    for key in sorted(marked, key=len, reverse=True):
        if len(key) not in lengths[key[0]]:
            lengths[key[0]].append(len(key))
    for document, words in read:
        for key, mention in _unmarked(document, words, lengths, marked.keys()):
            label = usual[key]
            if label is not None and document.annotates(label):
                plain[key].append(mention)
    found = [conflict for key, mentions in marked.items() for conflict in _conflicts(mentions, plain.get(key, []))]
    return sorted(found, key=lambda c: (c.kind, SEVERITIES.index(c.severity), -c.bound, -c.odd, c.surface))


@lru_cache(maxsize=1)
def _token() -> re.Pattern[str]:
    return re.compile(token_pattern())


@lru_cache(maxsize=1 << 17)
def _folded(token: str) -> str:
    return fold(token)


def _marked(document: Document, words: Sequence[Token]) -> list[tuple[_Key, _Mention]]:
    """The document's spans with their surfaces, those of whole tokens with a letter or digit only."""
    first = {token.start: index for index, token in enumerate(words)}
    last = {token.end: index + 1 for index, token in enumerate(words)}
    found = []
    for span in document.record.spans:
        begin, end = first.get(span.start), last.get(span.end)
        if begin is not None and end is not None:
            key = tuple(token.folded for token in words[begin:end])
            if any(character.isalnum() for character in "".join(key)):
                found.append((key, _Mention(document, span.start, span.end, span.label)))
    return found


def _unmarked(
    document: Document, words: Sequence[Token], lengths: Mapping[str, Sequence[int]], surfaces: Container[_Key]
) -> Iterator[tuple[_Key, _Mention]]:
    """Mentions of annotated surfaces outside all spans; ``lengths`` are those of the surfaces by first token."""
    free = _outside(document, words)
    index = 0
    while index < len(words):
        for length in lengths.get(words[index].folded, ()):
            inside = words[index : index + length]
            key = tuple(token.folded for token in inside)
            if key in surfaces and all(free[index : index + length]):
                yield key, _Mention(document, inside[0].start, inside[-1].end, None)
                index += length
                break
        else:
            index += 1


def _outside(document: Document, words: Sequence[Token]) -> list[bool]:
    """For each token whether no span touches it."""
    spans = iter(sorted((span.start, span.end) for span in document.record.spans))
    current = next(spans, None)
    found = []
    for token in words:
        while current and current[1] <= token.start:
            current = next(spans, None)
        found.append(current is None or token.end <= current[0])
    return found


def _conflicts(marked: Sequence[_Mention], plain: Sequence[_Mention]) -> Iterator[Conflict]:
    labels = Counter(mention.label for mention in marked)
    if len(labels) > 1:
        usual, most = labels.most_common(1)[0]
        bound = lower_bound(most, len(marked))
        yield _conflict("labels", marked, plain, usual, _severity(bound), bound)
    if plain:
        most = max(len(marked), len(plain))
        bound = lower_bound(most, len(marked) + len(plain))
        if len(marked) >= len(plain):
            yield _conflict("plain", marked, plain, labels.most_common(1)[0][0], _severity(bound), bound)
        else:
            yield _conflict("plain", marked, plain, None, "medium" if bound >= HIGH else "low", bound)


def _severity(bound: float) -> Severity:
    return "high" if bound >= HIGH else "medium" if bound >= MEDIUM else "low"


def _conflict(
    kind: Literal["labels", "plain"],
    marked: Sequence[_Mention],
    plain: Sequence[_Mention],
    usual: str | None,
    severity: Severity,
    bound: float,
) -> Conflict:
    read = marked if kind == "labels" or usual is None else plain
    odd = [mention for mention in read if kind == "plain" or mention.label != usual]
    example = next(mention for mention in (marked if usual else plain) if mention.label == usual)
    counts = Counter(mention.label for mention in marked if mention.label is not None)
    spellings = Counter(mention.document.record.text[mention.start : mention.end] for mention in marked)
    return Conflict(
        kind=kind,
        severity=severity,
        labels=list(counts),
        places=[mention.place() for mention in odd[:MOST_PLACES]],
        surface=spellings.most_common(1)[0][0],
        counts=dict(counts.most_common()),
        unmarked=len(plain),
        majority=usual,
        bound=round(bound, 4),
        odd=len(odd),
        usual=example.place(),
    )
