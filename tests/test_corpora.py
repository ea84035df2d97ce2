"""Regression of the column reader on the real corpora: exact counts of what is read, repaired and refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from persian_ner.readers.registry import read
from persian_ner.records import Problem, Record, collect

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"

# options, sentences, spans by label
CLEAN: dict[str, tuple[dict[str, Any], int, dict[str, int]]] = {
    "nsurl2019/300K": (
        {"token_space": "zwnj"},
        8029,
        {"ORG": 5040, "LOC": 4996, "PER": 3643, "DAT": 1455, "MON": 452, "PCT": 250, "TIM": 245},
    ),
    "arman/train_fold1.txt": (
        {},
        5121,
        {"org": 3067, "loc": 2266, "pers": 2165, "pro": 459, "event": 403, "fac": 383},
    ),
    "parsner/train_news.pos": ({}, 5260, {"PERS": 2938, "LOC": 2331, "ORG": 1578, "MISC": 399}),
    "parsner/test_news.pos": ({}, 1396, {"PERS": 805, "LOC": 878, "ORG": 635, "MISC": 126}),
}
# problems without repair; sentences and spans by label with it
DEFECTIVE: dict[str, tuple[Counter[str], int, dict[str, int]]] = {
    "nsurl2019/600K": (
        Counter({"no token": 194, "no tag": 180, "no separator before the tag": 24, "orphan": 1}),
        17452,
        {"ORG": 7926, "LOC": 9189, "PER": 8110, "DAT": 2616, "MON": 768, "PCT": 671, "TIM": 291},
    ),
    "parstwiner/train.txt": (
        Counter({"orphan": 14}),
        6417,
        {"PER": 5615, "LOC": 4909, "ORG": 2403, "NAT": 853, "EVE": 445, "POG": 363},
    ),
    "parstwiner/dev.txt": (
        Counter({"orphan": 1}),
        446,
        {"PER": 403, "LOC": 353, "ORG": 167, "NAT": 56, "EVE": 23, "POG": 15},
    ),
    "parsner/train_wiki.pos": (
        Counter({"orphan": 65, "no token": 9}),
        5578,
        {"PERS": 2814, "LOC": 2408, "MISC": 1130, "ORG": 743},
    ),
    "parsner/test_wiki.pos": (
        Counter({"orphan": 18, "no token": 1}),
        1394,
        {"PERS": 313, "LOC": 1011, "MISC": 206, "ORG": 127},
    ),
}


def load(name: str, **options: Any) -> tuple[list[Record], list[Problem]]:
    if not CORPORA.exists():
        pytest.skip("../shared is absent")
    return collect(read("conll", CORPORA / name, **options))


def kind(reason: str) -> str:
    return "orphan" if "continues no" in reason else reason.split(":")[0]


def count_labels(records: list[Record]) -> dict[str, int]:
    return dict(Counter(span.label for record in records for span in record.spans))


@pytest.mark.parametrize("name", CLEAN)
def test_a_corpus_without_defects(name: str) -> None:
    options, sentences, labels = CLEAN[name]
    records, problems = load(name, **options)
    assert problems == []
    assert len(records) == sentences
    assert count_labels(records) == labels
    assert all("repairs" not in record.meta for record in records)


@pytest.mark.parametrize("name", DEFECTIVE)
def test_a_corpus_with_known_defects(name: str) -> None:
    defects, sentences, labels = DEFECTIVE[name]
    strict, problems = load(name)
    assert Counter(kind(problem.reason) for problem in problems) == defects
    assert all(problem.file and problem.line and problem.doc_id for problem in problems)
    repaired, remaining = load(name, repair=True)
    assert len(repaired) == sentences
    assert count_labels(repaired) == labels
    # Repair loses and adds no sentence, and touches none that was sound.
    broken = {problem.doc_id for problem in problems}
    repairs = {record.id: record.meta["repairs"] for record in repaired if "repairs" in record.meta}
    assert set(repairs) | {problem.doc_id for problem in remaining} == broken
    assert [record for record in repaired if record.id not in broken] == strict
    assert sum(len(lines) for lines in repairs.values()) + len(remaining) == len(problems)


def test_the_malformed_lines_of_nsurl_600k() -> None:
    """391 lines have no tab: words without a tag, tags without a word, and the two glued together."""
    repaired, problems = load("nsurl2019/600K", repair=True)
    repairs = [line for record in repaired for line in record.meta.get("repairs", [])]
    assert Counter(line.rpartition("; ")[2].partition(" line ")[0] for line in repairs) == {
        "left out": 148,  # 141 lines «O» and 7 lines «<tab>O»
        "taken as O": 133,
        "tag taken from": 46,
        "joined to": 46,
        "split before O": 24,
        "a span starts here": 1,
    }
    # One heading is a single letter without a tag.
    assert [(Path(problem.file).name, problem.line, problem.doc_id) for problem in problems] == [
        ("news45.txt", 51, "news45.txt#3")
    ]


def test_half_spaces_of_nsurl_300k_are_put_back() -> None:
    kept, _ = load("nsurl2019/300K")
    restored, _ = load("nsurl2019/300K", token_space="zwnj")
    assert not any("\u200c" in record.text for record in kept)
    # As many characters, each the same but for spaces that became half-spaces.
    for before, after in zip(kept, restored, strict=True):
        assert after.text.replace("\u200c", " ") == before.text
        assert [(span.start, span.end) for span in after.spans] == [(span.start, span.end) for span in before.spans]
    assert sum(record.text.count("\u200c") for record in restored) > 14_000
