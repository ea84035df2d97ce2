"""Reading a random part of a layer's decisions again, blind.

The second reader sees what the first saw and not what the first decided: for a
span of the source the sentence with that span marked, for a span the layer adds
the bare sentence, in which all names are to be found again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from persian_ner.layers.standoff import Edit, Layer
from persian_ner.layers.tsv import rows
from persian_ner.records import InputError, Problem, Record

_NOTHING = "-"
_MARK = "⟦{}⟧"


@dataclass(frozen=True)
class Question:
    """One decision to make again. ``sheet`` is what the second reader sees."""

    record: str
    start: int
    end: int
    adds: bool
    first: str
    sheet: str


@dataclass(frozen=True)
class Answer:
    """A decision made twice: ``label=surface`` of every name, joined by ``|``, or ``-``."""

    record: str
    start: int
    end: int
    adds: bool
    first: str
    second: str

    @property
    def agrees(self) -> bool:
        """For a span of the source the same names inside it; for an added span that the second reader found it too."""
        first, second = set(self.first.split("|")), set(self.second.split("|"))
        return first <= second if self.adds else first == second


def sample(layer: Layer, records: Iterable[Record], size: int, seed: int) -> list[Question]:
    """``size`` random decisions of a layer as questions, in random order (all of them if there are fewer)."""
    texts = {record.id: record.text for record in records}
    choices = [
        (name, edit) for name, entry in layer.entries.items() for edit in entry.edits if _is_question(edit, entry.edits)
    ]
    rng = random.Random(seed)
    rng.shuffle(choices)
    return [_question(name, edit, layer.entries[name].edits, texts[name]) for name, edit in choices[:size]]


def _is_question(edit: Edit, edits: tuple[Edit, ...]) -> bool:
    """A part of a decided span is no question of its own."""
    return edit.was is not None or not any(
        other.was is not None and other.start <= edit.start and edit.end <= other.end for other in edits
    )


def _question(name: str, edit: Edit, edits: tuple[Edit, ...], text: str) -> Question:
    names = [
        f"{other.now}={other.surface}"
        for other in edits
        if other.now is not None and edit.start <= other.start and other.end <= edit.end
    ]
    adds = edit.was is None
    sheet = text if adds else text[: edit.start] + _MARK.format(edit.surface) + text[edit.end :]
    return Question(name, edit.start, edit.end, adds, "|".join(names) or _NOTHING, " ".join(sheet.split()))


def read_answers(path: Path) -> list[Answer]:
    """Read decisions made twice: record, start, end, ``adds`` or ``span``, first, second, separated by tabs.

    Raises :class:`InputError` with every bad line.
    """
    answers: list[Answer] = []
    problems: list[Problem] = []
    for number, cells in rows(path, problems):
        if len(cells) != 6 or not cells[1].isdecimal() or not cells[2].isdecimal() or cells[3] not in ("adds", "span"):
            line = "\t".join(cells)
            problems.append(Problem(str(path), number, cells[0], f"not a decision made twice: {line!r}"))
        else:
            answers.append(Answer(cells[0], int(cells[1]), int(cells[2]), cells[3] == "adds", cells[4], cells[5]))
    if problems:
        raise InputError(problems)
    return answers
