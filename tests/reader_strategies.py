"""Hypothesis strategies shared by the tests of the readers."""

from __future__ import annotations

from hypothesis import strategies as st

from persian_ner.records import Span

# Persian, ZWNJ, digits, punctuation, white space, and characters outside the basic plane.
CHARACTERS = "ابپتکگیئآ۱۲3abXY «»،؛.؟:/-()\u200c\u200f\u064b\n\t😀👩‍💻🇮🇷𐎠"
LABELS = ("PER", "ORG", "GPE", "EVENT", "DATE")


@st.composite
def annotated_texts(draw: st.DrawFn, alphabet: str = CHARACTERS) -> tuple[str, list[Span]]:
    """A text and flat, non-empty spans of it, in order."""
    text = draw(st.text(alphabet=alphabet, min_size=1, max_size=40))
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return text, [Span(start=start, end=end, label=draw(st.sampled_from(LABELS))) for start, end in pairs]
