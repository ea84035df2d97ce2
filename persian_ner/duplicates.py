"""Finding sentences that occur in more than one split.

Text is compared in the folded form of :func:`persian_ner.characters.fold`
without white space, punctuation and half-spaces, so a copy that lost its
half-spaces or came from an Arabic keyboard is still a copy. Near duplicates are
sentences whose sets of character 5-grams have a Jaccard similarity of at least
0.8, found with MinHash LSH (Broder 1997) and then measured exactly.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash, MinHashLSH
from tqdm import tqdm

from persian_ner.characters import fold
from persian_ner.hazm_alignment import sentences
from persian_ner.records import Record

SIMILARITY = 0.8
SHINGLE = 5
MIN_LETTERS = 30
"""Shorter sentences («انتهای پیام», «وی افزود») recur in honest data."""
# With 25 bands of 5 values a pair of similarity 0.8 meets in a band with probability 0.99995. The bands datasketch
# would choose for this threshold miss half of the pairs just above it; what meets by chance is measured anyway.
_BANDS = (25, 5)
_PERMUTATIONS = _BANDS[0] * _BANDS[1]
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Leak:
    """A sentence of one split that is (nearly) a sentence of another."""

    split: str
    doc_id: str
    sentence: str
    other_split: str
    other_doc_id: str
    other_sentence: str
    similarity: float


@dataclass(frozen=True)
class Repeat:
    """A sentence that is (nearly) an earlier one of the same documents."""

    doc_id: str
    sentence: str
    other_doc_id: str
    other_sentence: str
    similarity: float


@dataclass(frozen=True)
class Repetition:
    """How many sentences were long enough to compare, and those that repeat one before them."""

    compared: int
    repeats: list[Repeat]


@dataclass(frozen=True)
class _Sentence:
    split: str
    doc_id: str
    text: str
    key: str


def compare_key(text: str) -> str:
    """Folded letters and digits of a text, nothing else."""
    return _NOT_LETTERS.sub("", fold(text))


def find_leaks(splits: Mapping[str, Iterable[Record]]) -> list[Leak]:
    """Sentences shared, exactly or nearly, by two splits; each sentence is reported with its best match.

    Of two splits the later in the mapping is searched for sentences of the
    earlier, so pass train first.
    """
    seen: dict[str, _Sentence] = {}
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
    leaks: list[Leak] = []
    for split, records in splits.items():
        new: dict[str, list[_Sentence]] = defaultdict(list)
        progress = tqdm(_sentences(split, records), desc=f"leakage check: {split}", unit="sentence", mininterval=1)
        for sentence in progress:
            exact = seen.get(sentence.key)
            if exact is not None:
                leaks.append(_leak(sentence, exact, 1.0))
            else:
                new[sentence.key].append(sentence)
        signatures = _signatures(list(new))
        for key, signature in signatures.items():
            best = max(((_jaccard(key, other), other) for other in index.query(signature)), default=(0.0, ""))
            if best[0] >= SIMILARITY:
                leaks += (_leak(sentence, seen[best[1]], best[0]) for sentence in new[key])
        with index.insertion_session() as session:
            for key, signature in signatures.items():
                session.insert(key, signature, check_duplication=False)
        seen |= {key: found[0] for key, found in new.items()}
    return leaks


def find_repeats(records: Iterable[Record]) -> Repetition:
    """Sentences that repeat, exactly or nearly, an earlier sentence of the same records, each with its best match.

    Of sentences that are alike the first is no repeat, so the repeats are what
    would have to go for every sentence to be its own.
    """
    found = list(_sentences("", records))
    first = {sentence.key: sentence for sentence in reversed(found)}
    signatures = _signatures(list(first))
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
    earlier: set[str] = set()
    repeats: list[Repeat] = []
    for sentence in found:
        if sentence.key in earlier:
            repeats.append(_repeat(sentence, first[sentence.key], 1.0))
            continue
        signature = signatures[sentence.key]
        candidates = ((_jaccard(sentence.key, key), key) for key in index.query(signature))
        similarity, match = max(candidates, default=(0.0, ""))
        if similarity >= SIMILARITY:
            repeats.append(_repeat(sentence, first[match], similarity))
        index.insert(sentence.key, signature)
        earlier.add(sentence.key)
    return Repetition(len(found), repeats)


def repeated_records(records: Iterable[Record], held_out: Iterable[Record]) -> dict[str, str]:
    """Records to leave out of a training split: id → why.

    A record is left out when one of its sentences is, exactly or nearly, one of
    the held-out documents, or when its whole text is that of an earlier record.
    """
    records = list(records)
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for record in records:
        if first.setdefault(compare_key(record.text), record.id) != record.id:
            found[record.id] = "the same text as an earlier record"
    remaining = [record for record in records if record.id not in found]
    for leak in find_leaks({"held out": held_out, "train": remaining}):
        if leak.split == "train":
            found[leak.doc_id] = "a sentence of a held-out document"
    return found


def _sentences(split: str, records: Iterable[Record]) -> Iterable[_Sentence]:
    for record in records:
        for start, end in sentences(record.text):
            text = record.text[start:end]
            key = compare_key(text)
            if len(key) >= MIN_LETTERS:
                yield _Sentence(split, record.id, text, key)


def _signatures(keys: list[str]) -> dict[str, MinHash]:
    shingles = ([gram.encode() for gram in _shingles(key)] for key in keys)
    return dict(zip(keys, MinHash.bulk(shingles, num_perm=_PERMUTATIONS, seed=1), strict=True))


def _shingles(key: str) -> set[str]:
    return {key[i : i + SHINGLE] for i in range(len(key) - SHINGLE + 1)}


def _jaccard(left: str, right: str) -> float:
    a, b = _shingles(left), _shingles(right)
    return len(a & b) / len(a | b)


def _leak(found: _Sentence, original: _Sentence, similarity: float) -> Leak:
    return Leak(
        found.split,
        found.doc_id,
        found.text,
        original.split,
        original.doc_id,
        original.text,
        float(np.round(similarity, 3)),
    )


def _repeat(found: _Sentence, original: _Sentence, similarity: float) -> Repeat:
    return Repeat(found.doc_id, found.text, original.doc_id, original.text, float(np.round(similarity, 3)))
