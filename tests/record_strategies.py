"""Hypothesis strategies of raw texts and annotated records, for the modules that handle offsets."""

from __future__ import annotations

from hypothesis import strategies as st

from persian_ner.records import Record, Span

# Words and sentence ends, every kind of white space that scraped text has, half-spaces, and characters outside the
# basic plane.
PIECES = [
    *["الف ", "می\u200cرود ", "ب. ", "۱۴۰۳! ", "؟ ", "...", "\n"],
    *"يک2a .!؟«،()-/\u200c\u200f\u0640\u064b😀👩‍💻 \r\t\x0b\x0c\x1c\x1f\x85\xa0\u2028\u2029\u3000",
]


def raw_texts(max_pieces: int = 25) -> st.SearchStrategy[str]:
    """Texts without lone surrogates: mostly words and sentence ends, some of what is difficult, some of anything."""
    piece = st.one_of(st.sampled_from(PIECES[:7]), st.sampled_from(PIECES), st.characters(exclude_categories=["Cs"]))
    return st.lists(piece, max_size=max_pieces).map("".join)


@st.composite
def valid_records(draw: st.DrawFn) -> Record:
    """A record with flat spans, none of them empty or edged by white space."""
    text = draw(raw_texts())
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
    spans = []
    for start, end in zip(borders[::2], borders[1::2], strict=False):
        surface = text[start:end]
        if surface.strip():
            start += len(surface) - len(surface.lstrip())
            end -= len(surface) - len(surface.rstrip())
            spans.append(Span(start=start, end=end, label=draw(st.sampled_from(["PER", "ORG"]))))
    return Record(id="r", text=text, spans=spans, meta={"topic": "شعر"})
