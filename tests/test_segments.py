from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import valid_records

from persian_ner.hazm_alignment import sentences
from persian_ner.records import Record, Span
from persian_ner.segments import segment


@settings(max_examples=400)
@given(valid_records(), st.integers(1, 6))
def test_segments_hold_all_of_a_record(record: Record, max_words: int) -> None:
    cursor = 0
    moved_back = []
    for piece in segment(record, max_words):
        offset = piece.meta["offset"]
        end = offset + len(piece.text)
        assert cursor <= offset
        assert piece.text == piece.text.strip() == record.text[offset:end] != ""
        assert record.text[cursor:offset].strip() == ""
        for span in piece.spans:
            moved_back.append(Span(start=span.start + offset, end=span.end + offset, label=span.label))
            assert 0 <= span.start < span.end <= len(piece.text)
        cursor = end
    assert record.text[cursor:].strip() == ""
    assert moved_back == record.spans


@settings(max_examples=400)
@given(valid_records(), st.integers(1, 6))
def test_only_what_cannot_be_cut_is_too_long(record: Record, max_words: int) -> None:
    for piece in segment(record, max_words):
        if len(piece.text.split()) > max_words:
            borders = [start for start, _ in sentences(piece.text)[1:]]
            assert all(any(span.start < border < span.end for span in piece.spans) for border in borders)


@settings(max_examples=100)
@given(valid_records())
def test_a_paragraph_that_fits_is_not_cut(record: Record) -> None:
    whole = record.model_copy(update={"text": record.text.replace("\n", " ")})
    assert [piece.text for piece in segment(whole, 1000)] == [whole.text.strip()] * bool(whole.text.strip())


TEXT = "تیتر\n\nیک دو سه. چهار پنج. شش هفت هشت نه ده. یازده.\n  پایان  "


def test_paragraphs_then_sentences_filled_up_to_the_limit() -> None:
    pieces = segment(Record(id="d", text=TEXT, meta={"topic": "عدد"}), 5)
    assert [piece.text for piece in pieces] == ["تیتر", "یک دو سه. چهار پنج.", "شش هفت هشت نه ده.", "یازده.", "پایان"]
    assert [piece.id for piece in pieces] == [f"d@{TEXT.index(piece.text)}" for piece in pieces]
    assert pieces[1].meta == {"topic": "عدد", "segment_of": "d", "offset": 6}


def test_a_span_over_a_border_keeps_both_sides_together() -> None:
    def over(surface: str) -> list[str]:
        span = Span(start=TEXT.index(surface), end=TEXT.index(surface) + len(surface), label="ORG", surface=surface)
        pieces = segment(Record(id="d", text=TEXT, spans=[span]), 5)
        assert [piece.text[s.start : s.end] for piece in pieces for s in piece.spans] == [surface]
        return [piece.text for piece in pieces if piece.spans]

    assert over("پنج. شش") == ["چهار پنج. شش هفت هشت نه ده."]
    assert over("تیتر\n\nیک") == ["تیتر\n\nیک دو سه."]


def test_origin_and_coverage_stay_with_the_segments() -> None:
    record = Record(id="d", text="یک\nدو", annotated_labels=["PER"], origin=("a.md", 7))
    assert [(piece.annotated_labels, piece.origin) for piece in segment(record, 9)] == [(["PER"], ("a.md", 7))] * 2


@pytest.mark.parametrize(("start", "end"), [(2, 3), (3, 6), (4, 9)])
def test_a_span_that_would_be_lost_is_an_error(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="d: a span is edged by white space or outside the text"):
        segment(Record(id="d", text="یک\n دو", spans=[Span(start=start, end=end, label="PER")]), 9)
