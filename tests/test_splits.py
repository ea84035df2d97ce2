from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persian_ner.records import Problem, Record, Span
from persian_ner.splits import SPLITS, assign, document_of, missing_labels

SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}


def test_assignments_never_change() -> None:
    """Written down once: another result would move documents between train and test of an existing corpus."""
    documents = ["articles/cinema-001", "articles/شعر-۲", "articles/f", "articles/g"]
    assert [assign(document, SHARES) for document in documents] == ["train", "train", "test", "dev"]


@given(st.text())
def test_a_larger_share_of_the_first_split_takes_nothing_from_it(document: str) -> None:
    before = assign(document, SHARES)
    after = assign(document, {"train": 0.8, "dev": 0.1, "test": 0.1})
    assert after in SPLITS
    if before == "train":
        assert after == "train"


def test_shares_are_met_approximately() -> None:
    found = [assign(f"source/article-{number:04}", SHARES) for number in range(5000)]
    for split, share in SHARES.items():
        assert found.count(split) / 5000 == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_can_have_everything_or_nothing(split: str) -> None:
    everything = {name: float(name == split) for name in SPLITS}
    assert {assign(str(number), everything) for number in range(200)} == {split}


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, not 0\.75"):
        assign("a", {"train": 0.25, "dev": 0.25, "test": 0.25})
    assert assign("a", {"train": 1 / 3, "dev": 1 / 3, "test": 1 / 3}) in SPLITS


def test_sentences_of_one_document_are_one_document() -> None:
    first = Record(id="nsurl/a.txt#1", text="x", meta={"source": "nsurl", "document": "a.txt"})
    second = Record(id="nsurl/a.txt#2", text="y", meta={"source": "nsurl", "document": "a.txt"})
    elsewhere = Record(id="arman/a.txt#1", text="z", meta={"source": "arman", "document": "a.txt"})
    assert document_of(first) == document_of(second) == "nsurl/a.txt"
    assert document_of(elsewhere) == "arman/a.txt"
    assert document_of(Record(id="articles/a", text="x", meta={"source": "articles"})) == "articles/a"


def test_every_label_missing_in_a_split_is_reported() -> None:
    def spans(*labels: str) -> list[Record]:
        return [Record(id=label, text="xy", spans=[Span(start=0, end=1, label=label)]) for label in labels]

    splits = {"train": spans("PER", "ORG"), "dev": spans("PER"), "test": []}
    assert missing_labels(splits, ["PER", "ORG"]) == [
        Problem("dev", 0, "", "no ORG span in the dev split"),
        Problem("test", 0, "", "no PER span in the test split"),
        Problem("test", 0, "", "no ORG span in the test split"),
    ]
    assert missing_labels({"train": spans("PER", "ORG")}, ["ORG", "PER"]) == []
