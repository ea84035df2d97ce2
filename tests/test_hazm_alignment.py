from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import raw_texts

from persian_ner.hazm_alignment import Alignment, align, normalize, sentences


def texts_of(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@settings(max_examples=300)
@given(raw_texts())
def test_sentences_are_ordered_and_hold_every_character(text: str) -> None:
    cursor = 0
    for start, end in sentences(text):
        assert cursor <= start < end <= len(text)
        assert text[cursor:start].strip() == ""
        sentence = text[start:end]
        assert sentence == sentence.strip()
        assert "\n" not in sentence
        cursor = end
    assert text[cursor:].strip() == ""


def test_sentences() -> None:
    assert texts_of("باران بارید. راه بسته شد!  چه کسی گفت؟\n\nتیتر\nپایان") == [
        "باران بارید.",
        "راه بسته شد!",
        "چه کسی گفت؟",
        "تیتر",
        "پایان",
    ]
    assert texts_of("نرخ ۳.۵ درصد شد... و ماند") == ["نرخ ۳.۵ درصد شد...", "و ماند"]
    assert texts_of("  ") == []


def test_other_white_space_than_spaces_does_not_end_a_sentence() -> None:
    text = "الف.\tب.\u2028ج.\rد.\xa0ه. و"
    assert texts_of(text) == ["الف.\tب.\u2028ج.\rد.\xa0ه.", "و"]


def test_a_long_run_of_full_stops_takes_linear_time() -> None:
    begin = time.perf_counter()
    assert sentences("." * 60_000 + "الف. ب") == [(0, 60_004), (60_005, 60_006)]
    assert time.perf_counter() - begin < 10  # milliseconds; half a minute where it is quadratic


def check_round_trips(alignment: Alignment) -> None:
    """Spans go there and back: exactly, but for characters at their edges that were removed (or inserted)."""
    for forward, back, length, other in (
        (alignment.to_changed, alignment.to_raw, len(alignment.raw), alignment.changed_of),
        (alignment.to_raw, alignment.to_changed, len(alignment.changed), alignment.raw_of),
    ):
        assert len(other) == length
        for start in range(length):
            for end in range(start, min(start + 8, length) + 1):
                kept = [index for index in range(start, end) if other[index] >= 0]
                there = forward(start, end)
                if there is None:
                    assert not kept
                else:
                    assert back(*there) == (kept[0], kept[-1] + 1)


def check_correspondence(alignment: Alignment) -> None:
    pairs = [(raw, int(changed)) for raw, changed in enumerate(alignment.changed_of) if changed >= 0]
    assert pairs == [(int(raw), changed) for changed, raw in enumerate(alignment.raw_of) if raw >= 0]
    assert all(left[1] < right[1] for left, right in pairwise(pairs))


@settings(max_examples=200)
@given(raw_texts(), raw_texts())
def test_any_two_texts_are_aligned(raw: str, changed: str) -> None:
    alignment = align(raw, changed)
    assert (alignment.raw, alignment.changed) == (raw, changed)
    check_correspondence(alignment)
    check_round_trips(alignment)


@settings(max_examples=200)
@given(st.text("ابپ ", max_size=30), st.data())
def test_what_is_kept_corresponds_to_itself(text: str, data: st.DataObject) -> None:
    """Marks that are put in or taken out leave every other character with its own counterpart."""
    marks = data.draw(st.lists(st.sampled_from(["", "\u200c", "\u064b"]), min_size=len(text), max_size=len(text)))
    changed = "".join(character + mark for character, mark in zip(text, marks, strict=True))
    alignment = align(text, changed)
    assert [changed[index] for index in alignment.changed_of] == list(text)
    assert (align(changed, text).raw_of == alignment.changed_of).all()


@settings(max_examples=200)
@given(raw_texts())
def test_hazms_normal_form_is_aligned_with_any_text(text: str) -> None:
    alignment = normalize(text)
    assert alignment.raw == text
    check_correspondence(alignment)
    check_round_trips(alignment)
    for raw, changed in enumerate(alignment.changed_of):
        if text[raw] == "\n":
            assert alignment.changed[changed] == "\n"


@pytest.mark.parametrize(
    ("raw", "surface", "changed"),
    [
        ("كتاب هاي علي  را مي خواند .", "علي", "علی"),
        ("كتاب هاي علي  را مي خواند .", "كتاب هاي", "کتاب‌های"),
        ("كتاب هاي علي  را مي خواند .", "مي خواند", "می‌خواند"),
        ("سال 1404\nقم   «زيبا»", "1404", "۱۴۰۴"),
        ("سال 1404\nقم   «زيبا»", "زيبا", "زیبا"),
    ],
)
def test_spans_of_a_normalised_text(raw: str, surface: str, changed: str) -> None:
    alignment = normalize(raw)
    start = raw.index(surface)
    there = alignment.to_changed(start, start + len(surface))
    assert there is not None
    assert alignment.changed[there[0] : there[1]] == changed
    assert alignment.to_raw(*there) == (start, start + len(surface))


def test_a_span_of_removed_characters_has_no_counterpart() -> None:
    alignment = align("الف--ب", "الفب")
    assert alignment.to_changed(3, 5) is None
    assert alignment.to_changed(2, 5) == (2, 3)
    assert align("الفب", "الف--ب").to_raw(3, 5) is None
