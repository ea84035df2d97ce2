"""Hypothesis strategies of raw texts and annotated records, for the modules that handle offsets."""

from __future__ import annotations

from hypothesis import strategies as st

from persian_ner.records import Record, Span

# Every kind of white space that scraped text has, sentence ends, half-spaces, and characters outside the basic plane.
ODD = "ابيیکگ۱2a .!؟?…،«»()-/\u200c\u200f\u0640\u064b😀👩‍💻 \n\n\r\t\x0b\x0c\x1c\x1f\x85\xa0\u2028\u2029\u3000"


def raw_texts(max_size: int | None = None) -> st.SearchStrategy[str]:
    """Any text without lone surrogates, often of what is difficult."""
    return st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=max_size)


@st.composite
def valid_records(draw: st.DrawFn) -> Record:
    """A record with flat spans, none of them empty or edged by white space."""
    text = draw(raw_texts(max_size=80))
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
    spans = []
    for start, end in zip(borders[::2], borders[1::2], strict=False):
        surface = text[start:end]
        if surface.strip():
            start += len(surface) - len(surface.lstrip())
            end -= len(surface) - len(surface.rstrip())
            spans.append(Span(start=start, end=end, label=draw(st.sampled_from(["PER", "ORG"]))))
    return Record(id="r", text=text, spans=spans, meta={"topic": "شعر"})
