from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persian_ner.readers.tags import Defect, Scheme, decode, detect_scheme, split_tag

Spans = list[tuple[int, int, str]]
SCHEMES: tuple[Scheme, ...] = ("bio", "iob1", "bioes", "bilou")


def encode(spans: Spans, length: int, scheme: Scheme, joint: str) -> list[str]:
    """The tags of flat spans in ascending order: the definition of each scheme, written independently of decode."""
    tags = ["O"] * length
    for start, end, label in spans:
        for index in range(start, end):
            tags[index] = f"I{joint}{label}"
        if scheme != "iob1" or any(before[1:] == (start, label) for before in spans):
            tags[start] = f"B{joint}{label}"
        if scheme in ("bioes", "bilou"):
            last, unit = ("E", "S") if scheme == "bioes" else ("L", "U")
            tags[end - 1] = f"{unit if end - start == 1 else last}{joint}{label}"
    return tags


@st.composite
def sentences(draw: st.DrawFn) -> tuple[Spans, int]:
    spans: Spans = []
    cursor = 0
    for gap, length, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["PER", "ORG", "a-b"])), max_size=6)
    ):
        spans.append((cursor + gap, cursor + gap + length, label))
        cursor += gap + length
    return spans, cursor + draw(st.integers(0, 2))


@given(sentences(), st.sampled_from(SCHEMES), st.sampled_from("-_"), st.booleans())
def test_decoding_gives_back_the_encoded_spans(
    sentence: tuple[Spans, int], scheme: Scheme, joint: str, repair: bool
) -> None:
    spans, length = sentence
    assert decode(encode(spans, length, scheme, joint), scheme, repair) == (spans, [])


@given(st.lists(sentences(), min_size=1), st.sampled_from(SCHEMES))
def test_the_detected_scheme_reads_the_corpus_as_it_was_written(
    corpus: list[tuple[Spans, int]], scheme: Scheme
) -> None:
    tags = [encode(spans, length, scheme, "-") for spans, length in corpus]
    detected = detect_scheme(tags)
    assert [decode(sentence, detected) for sentence in tags] == [(spans, []) for spans, _ in corpus]


@given(st.lists(st.sampled_from(["O", "B-X", "I-X", "E-X", "S-X", "L-X", "U-X", "I_Y", "B-Y", "?"])))
def test_any_tags_give_flat_spans_and_every_defect_its_place(tags: list[str]) -> None:
    for scheme in SCHEMES:
        spans, defects = decode(tags, scheme, repair=True)
        borders = [border for start, end, _ in spans for border in (start, end)]
        assert borders == sorted(borders) and all(start < end for start, end, _ in spans)
        assert all(0 <= defect.token < len(tags) for defect in defects)
        strict, strict_defects = decode(tags, scheme, repair=False)
        assert set(strict) <= set(spans) and strict_defects == defects
        if not any(defect.remedy for defect in defects):
            assert strict == spans
        if not any(not defect.remedy for defect in defects):
            covered = {index for start, end, _ in spans for index in range(start, end)}
            assert covered == {index for index, tag in enumerate(tags) if tag != "O"}


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("O", ("O", "")),
        ("B-PER", ("B", "PER")),
        ("I_DAT", ("I", "DAT")),
        ("B-person-actor", ("B", "person-actor")),
        ("B-", None),
        ("PER", None),
        ("b-PER", None),
        ("o", None),
        ("B-PER LOC", None),
        ("", None),
    ],
)
def test_split_tag(tag: str, parts: tuple[str, str] | None) -> None:
    assert split_tag(tag) == parts


def test_orphan_inside_tags() -> None:
    tags = ["I-PER", "I-PER", "O", "B-ORG", "I-PER"]
    spans, defects = decode(tags, "bio")
    assert spans == [(3, 4, "ORG")]
    assert defects == [
        Defect(0, "I-PER continues no PER span", "a span starts here"),
        Defect(4, "I-PER continues no PER span", "a span starts here"),
    ]
    assert decode(tags, "bio", repair=True) == ([(0, 2, "PER"), (3, 4, "ORG"), (4, 5, "PER")], defects)
    assert decode(tags, "iob1")[1] == []


def test_span_without_its_closing_tag() -> None:
    tags = ["B-PER", "I-PER", "O", "S-ORG", "E-PER"]
    spans, defects = decode(tags, "bioes")
    assert spans == [(3, 4, "ORG")]
    assert [(defect.token, defect.reason) for defect in defects] == [
        (1, "I-PER is followed by neither I-PER nor E-PER"),
        (4, "E-PER continues no PER span"),
    ]
    assert decode(tags, "bioes", repair=True)[0] == [(0, 2, "PER"), (3, 4, "ORG"), (4, 5, "PER")]


def test_tags_foreign_to_the_scheme_have_no_remedy() -> None:
    spans, defects = decode(["B-PER", "S-PER", "PERSON"], "bio", repair=True)
    assert spans == [(0, 1, "PER")]
    assert defects == [
        Defect(1, "'S-PER' is not a tag of the scheme bio", ""),
        Defect(2, "'PERSON' is not a tag of the scheme bio", ""),
    ]


def test_a_few_orphans_do_not_make_a_bio_corpus_iob1() -> None:
    assert detect_scheme([["B-PER", "I-PER", "O", "B-ORG"], ["O", "I-ORG"]]) == "bio"


def test_one_stray_end_tag_does_not_make_a_bio_corpus_bioes() -> None:
    assert detect_scheme([["B-PER", "I-PER", "O"], ["B-ORG", "O", "B-ORG", "I-ORG"], ["E-PER"]]) == "bio"


def test_adjacent_spans_of_iob1() -> None:
    assert detect_scheme([["I-PER", "B-PER", "O", "I-ORG"]]) == "iob1"
    assert decode(["I-PER", "B-PER", "I-ORG"], "iob1")[0] == [(0, 1, "PER"), (1, 2, "PER"), (2, 3, "ORG")]


def test_without_tags_the_scheme_is_bio() -> None:
    assert detect_scheme([]) == detect_scheme([["O", "O"]]) == "bio"
