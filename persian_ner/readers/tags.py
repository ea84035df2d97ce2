"""Token tags to spans: BIO, IOB1, BIOES and BILOU, with ``B-PER`` and ``B_PER`` alike.

* ``bio`` (BIO2): every span starts with B and goes on with I.
* ``iob1``: a span starts with I; B only where it touches a span of the same label.
* ``bioes``: B … E for spans of several tokens, S for one token.
* ``bilou``: the same with L for E and U for S.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

Scheme = Literal["bio", "iob1", "bioes", "bilou"]
SchemeOption = Literal["auto", "bio", "iob1", "bioes", "bilou"]

OUTSIDE = "O"
_PREFIXES: dict[Scheme, str] = {"bio": "BI", "iob1": "BI", "bioes": "BIES", "bilou": "BILU"}
_BY_PREFERENCE: tuple[Scheme, ...] = ("bio", "bioes", "bilou", "iob1")
_TAG = re.compile(r"(?P<prefix>[BIESLU])[-_](?P<label>\S+)")
_BIOES_ROLE = {"L": "E", "U": "S"}


class Defect(NamedTuple):
    """A tag that breaks its scheme: the token's index, why, and how ``repair`` reads it (``""``: it cannot)."""

    token: int
    reason: str
    remedy: str


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str] | None:
    """``("B", "PER")`` of ``B-PER`` or ``B_PER``, ``("O", "")`` of ``O``, ``None`` of anything else."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    match = _TAG.fullmatch(tag)
    return (match["prefix"], match["label"]) if match else None


def decode(
    tags: Sequence[str], scheme: Scheme, repair: bool = False
) -> tuple[list[tuple[int, int, str]], list[Defect]]:
    """Spans of one sentence's tags as ``(first token, token after the last, label)``, and all defects.

    Defects are: a tag that is none or is foreign to the scheme (no remedy), a
    tag that continues a span where there is none (an orphan ``I-``), and in
    ``bioes`` and ``bilou`` a span without its closing tag. With ``repair`` the
    spans of the latter two are returned as their remedy says; without, only the
    spans free of defects are.
    """
    spans: list[tuple[int, int, str]] = []
    defects: list[Defect] = []
    start: int | None = None
    open_label = ""
    sound = True
    for index, tag in enumerate([*tags, OUTSIDE]):
        role, label = _role(tag, scheme)
        if role is None:
            defects.append(Defect(index, f"{tag!r} is not a tag of the scheme {scheme}", ""))
        continues = start is not None and role in ("I", "E") and label == open_label
        if start is not None and not continues:
            if scheme in ("bioes", "bilou"):
                closing = "E" if scheme == "bioes" else "L"
                reason = f"{tags[index - 1]} is followed by neither I-{open_label} nor {closing}-{open_label}"
                defects.append(Defect(index - 1, reason, "the span ends here"))
                sound = False
            if sound or repair:
                spans.append((start, index, open_label))
            start = None
        if role is None or role == OUTSIDE:
            continue
        if start is None:
            start, open_label, sound = index, label, True
            if role in ("I", "E") and scheme != "iob1":
                defects.append(Defect(index, f"{tag} continues no {label} span", "a span starts here"))
                sound = False
        if role in ("E", "S"):
            if sound or repair:
                spans.append((start, index + 1, label))
            start = None
    return spans, sorted(defects)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that explains the tags of a corpus with the fewest defects (``bio`` in case of doubt).

    A needless B (one that touches no span of its label) counts against
    ``iob1``; otherwise every BIO corpus with one orphan I would be taken for it.
    """
    defects = dict.fromkeys(_BY_PREFERENCE, 0)
    for tags in sentences:
        if all(tag == OUTSIDE for tag in tags):
            continue
        for scheme in _BY_PREFERENCE:
            defects[scheme] += len(decode(tags, scheme)[1])
        defects["iob1"] += _needless_begins(tags)
    return min(_BY_PREFERENCE, key=defects.__getitem__)


def _role(tag: str, scheme: Scheme) -> tuple[str | None, str]:
    parts = split_tag(tag)
    if parts is None or parts[0] not in OUTSIDE + _PREFIXES[scheme]:
        return None, ""
    prefix, label = parts
    return _BIOES_ROLE.get(prefix, prefix), label


def _needless_begins(tags: Sequence[str]) -> int:
    parts = [(OUTSIDE, ""), *(split_tag(tag) or (OUTSIDE, "") for tag in tags)]
    return sum(prefix == "B" and before_label != label for (_, before_label), (prefix, label) in pairwise(parts))
