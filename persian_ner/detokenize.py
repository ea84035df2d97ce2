"""Turn the tokens of a column corpus back into natural text.

Corpora such as PEYMA and ARMAN publish tokens, not text. A model trained on
«تهران ، ۱۲ / ۵ .» does not see what news text looks like, «تهران، ۱۲/۵.», so
the reader of those corpora rebuilds it. Only the space between two tokens is
decided here; the characters of a token are never changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLOSING = "،؛.:!؟?)]}»…%٪,;”’›"
_OPENING = "([{«“‘‹"
_STRAIGHT_QUOTES = "\"'"
# Between two numbers these are part of one number: ۱۳۹۵/۰۱/۲۵, 3.5, ۲۰۱۳-۲۰۱۵. A list «۵، ۶» keeps its space.
_NUMBER_SEPARATORS = "/.٫٬-–−"
_CLOCK = re.compile(r"\d{1,2}")
_EMOTICON = re.compile(r"[:;؛=][-'^]?[()\[\]*|/\\]+|[(\[]+[-'^]?[:;؛=]")
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f"


def detokenize(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens with the spaces that Persian typography puts between them.

    Returns the text and, for each token, its ``(start, end)`` in characters of
    that text: ``text[start:end]`` is the token. Tokens are joined by one space
    except that none stands before closing punctuation (، ؛ . : ! ؟ » % …), after
    opening punctuation (« ( [ …), inside straight quotes (which open and close in
    turn), and around a separator inside a number (``12 / 5``, ``1395 / 01 / 25``,
    ``2013 - 2015``, ``17 : 30``). Emoticons stay apart from the word before them.
    """
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    length = 0
    previous_open = True  # nothing to separate from at the start of the text
    quotes_open: set[str] = set()
    in_number = _number_gaps(tokens)
    for index, token in enumerate(tokens):
        closes, opens = _sides(token, quotes_open)
        if token:
            if not (previous_open or closes or index in in_number):
                pieces.append(" ")
                length += 1
            previous_open = opens
        pieces.append(token)
        offsets.append((length, length + len(token)))
        length += len(token)
    return "".join(pieces), offsets


def _sides(token: str, quotes_open: set[str]) -> tuple[bool, bool]:
    """Whether no space stands before the token, and whether none stands after it.

    Records in ``quotes_open`` which straight quotes are open after the token.
    """
    if token.isalnum():
        return False, False
    marks = token.strip(_INVISIBLE)
    if _EMOTICON.fullmatch(marks):
        return False, False
    # An apostrophe inside a word is no quote; a quote inside one («گفت"») still opens or closes.
    punctuation = bool(marks) and not any(character.isalnum() for character in marks)
    closes = opens = False
    for position, character in enumerate(marks):
        at_edge = position in (0, len(marks) - 1)
        if character in _STRAIGHT_QUOTES:
            if not punctuation and (character == "'" or not at_edge):
                continue
            opening = character not in quotes_open
            quotes_open ^= {character}
        elif character in _OPENING:
            opening = True
        elif character in _CLOSING:
            opening = False
        else:
            continue
        if position == 0 and punctuation:
            closes = not opening
        if position == len(marks) - 1:
            opens = opening
    return closes, opens


def _number_gaps(tokens: Sequence[str]) -> set[int]:
    """Indices of the tokens that are glued to the token before them because both belong to one number."""
    gaps: set[int] = set()
    for index in range(1, len(tokens) - 1):
        left, mark, right = tokens[index - 1 : index + 2]
        if not (left.isdecimal() and right.isdecimal()):
            continue
        clock = mark == ":" and _CLOCK.fullmatch(left) and _CLOCK.fullmatch(right)
        if clock or (len(mark) == 1 and mark in _NUMBER_SEPARATORS):
            gaps |= {index, index + 1}
    return gaps
