"""Where an event or a date may be: ``persian_ner.layers.cues``."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import raw_texts

from persian_ner.layers.cues import date_cues, event_cues, uncertain_spans
from persian_ner.layers.wordlists import words

CUES = sorted(words("event_cues") | words("date_cues"))


def surfaces(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        ("در جشنواره فیلم و جنگ", ["جشنواره", "جنگ"]),
        ("در جشنوارۀ فیلم", ["جشنوارۀ"]),
        ("در جشنوارهٔ فیلم", ["جشنوارهٔ"]),
        ("جنگ\u200cهای صلیبی", ["جنگ\u200cهای"]),
        ("در جشنـواره", ["جشنـواره"]),
        ("جشنوارهها", []),
        ("", []),
    ],
)
def test_words_that_begin_the_name_of_a_happening(text: str, cues: list[str]) -> None:
    assert surfaces(text, event_cues(text)) == cues


def test_a_pair_of_words_marks_the_whole_text_unless_a_word_is_more_exact() -> None:
    pair = "او در روز جهانی کتاب گفت."
    assert surfaces(pair, event_cues(pair)) == [pair]
    both = "او در روز جهانی جنگ گفت."
    assert surfaces(both, event_cues(both)) == ["جنگ"]
    assert event_cues("او در روز سرد گفت.") == []


def test_words_that_belong_to_a_date() -> None:
    text = "سه‌شنبه ۱۲ مهر، سالِ ۱۴۰۳، مهران آمد."
    assert surfaces(text, date_cues(text)) == ["سه\u200cشنبه", "مهر", "سالِ"]


@pytest.mark.parametrize(
    ("text", "labels", "spans"),
    [
        # An event: one word before, four after.
        ("الف ب جشنواره پ ت ث ج چ", {"EVENT"}, ["ب جشنواره پ ت ث ج"]),
        ("الف ب، جشنواره پ ت. ث ج چ", {"EVENT"}, ["جشنواره پ ت"]),
        # A date: two before, three after.
        ("الف ب پ مهر ت ث ج چ", {"DATE"}, ["ب پ مهر ت ث ج"]),
        ("مهر", {"DATE"}, ["مهر"]),
        # Marks and invisible characters are no punctuation.
        ("در جشنوارهٔ فیلمِ فجر،", {"EVENT"}, ["در جشنوارهٔ فیلمِ فجر"]),
        ("در جشنواره\u200f فیلم", {"EVENT"}, ["در جشنواره\u200f فیلم"]),
        ("در\n جشنواره", {"EVENT"}, ["در\n جشنواره"]),
        ("جشنواره در مهر", {"EVENT", "DATE"}, ["جشنواره در مهر", "جشنواره در مهر"]),
        ("جشنواره در مهر", {"PER", "ORG", "GPE"}, []),
        ("جشنواره فجر", {"DATE"}, []),
        ("او رفت", {"EVENT", "DATE"}, []),
    ],
)
def test_the_words_around_a_cue_are_uncertain(text: str, labels: set[str], spans: list[str]) -> None:
    assert surfaces(text, uncertain_spans(text, labels)) == spans


def test_everything_is_uncertain_around_a_pair() -> None:
    assert surfaces("«او در روز جهانی کتاب گفت.", uncertain_spans("«او در روز جهانی کتاب گفت.", {"EVENT"})) == [
        "او در روز جهانی کتاب گفت"
    ]


@settings(max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(CUES), raw_texts(max_pieces=4)), max_size=8).map(" ".join))
def test_every_cue_is_inside_an_uncertain_span_of_the_text(text: str) -> None:
    spans = uncertain_spans(text, {"EVENT", "DATE"})
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) and text[start:end].strip() == text[start:end] for start, end in spans)
    for cue in date_cues(text) + [cue for cue in event_cues(text) if cue != (0, len(text))]:
        assert any(start <= cue[0] and cue[1] <= end for start, end in spans)
