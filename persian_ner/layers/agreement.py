"""Reading a random part of a layer's decisions again, blind.

The second reader does not see what the first decided: only the sentence, with the
span of the source marked, or the place that was in dispute between corpus and
model; for a span the layer adds the bare sentence, in which all names are to be
found again. What corpus and model had at a place in dispute is not shown either.

A sheet is a folder: ``questions.tsv`` (number, text) is for the second reader, who
answers in ``answers.tsv`` (number, names as ``label=surface`` joined by ``|``, or ``-``);
``key.tsv`` says what was asked and what the first reader decided.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from persian_ner.files import write_text
from persian_ner.layers.standoff import Edit, Layer
from persian_ner.layers.tsv import NOTHING, rows
from persian_ner.records import InputError, Problem, Record

Kind = Literal["adds", "span", "dispute"]
"""What is decided again: a span that the layer adds, one of the source, or a place in dispute."""
_MARK = "⟦{}⟧"
_NAMES = re.compile(r"-|[^\s|=]+=[^|=]+(\|[^\s|=]+=[^|=]+)*")
QUESTIONS_FILE, KEY_FILE, ANSWERS_FILE = "questions.tsv", "key.tsv", "answers.tsv"


@dataclass(frozen=True)
class Question:
    """One decision to make again. ``sheet`` is what the second reader sees."""

    record: str
    start: int
    end: int
    kind: Kind
    first: str
    sheet: str


@dataclass(frozen=True)
class Answer:
    """A decision made twice: ``label=surface`` of every name, joined by ``|``, or ``-``."""

    record: str
    start: int
    end: int
    kind: Kind
    first: str
    second: str

    @property
    def agrees(self) -> bool:
        """For an added span that the second reader found it too; elsewhere the same names at the place."""
        first, second = set(self.first.split("|")), set(self.second.split("|"))
        return first <= second if self.kind == "adds" else first == second


def sample(layer: Layer, records: Iterable[Record], size: int, seed: int, file: str = "") -> list[Question]:
    """``size`` random decisions of a layer as questions, in random order (all of them if there are fewer).

    ``records`` are those of the layer's source. Raises :class:`InputError` with every record that the layer, which is
    that of ``file``, decides about and the source has not.
    """
    texts = {record.id: record.text for record in records}
    choices = [
        (name, edit) for name, entry in layer.entries.items() for edit in entry.edits if _is_question(edit, entry.edits)
    ]
    _refuse_unknown((name for name, _ in choices), texts, file)
    rng = random.Random(seed)
    rng.shuffle(choices)
    return [_question(name, edit, layer.entries[name].edits, texts[name]) for name, edit in choices[:size]]


def sample_disputes(
    places: Iterable[tuple[str, int, int]], records: Iterable[Record], size: int, seed: int, file: str = ""
) -> list[Question]:
    """``size`` random places that were in dispute as questions, in random order (all of them if there are fewer).

    ``places``: id, start and end. ``records`` carry the names that the layer leaves them with; those that touch a
    place are what was decided about it. Raises :class:`InputError` with every record that a place, of those in
    ``file``, is in and that is not among them.
    """
    known = {record.id: record for record in records}
    choices = list(dict.fromkeys(places))
    _refuse_unknown((name for name, *_ in choices), known, file)
    random.Random(seed).shuffle(choices)
    return [_question_of_place(known[name], start, end) for name, start, end in choices[:size]]


def _refuse_unknown(names: Iterable[str], known: Collection[str], file: str) -> None:
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise InputError(Problem(file, 0, name, "no such record in the source") for name in unknown)


def _question_of_place(record: Record, start: int, end: int) -> Question:
    text = record.text
    names = [
        f"{span.label}={as_shown(text[span.start : span.end])}"
        for span in record.spans
        if span.start < end and start < span.end
    ]
    sheet = text[:start] + _MARK.format(text[start:end]) + text[end:]
    return Question(record.id, start, end, "dispute", "|".join(names) or NOTHING, as_shown(sheet))


def as_shown(text: str) -> str:
    """With plain spaces only, which a reader can copy."""
    return " ".join(text.split())


def _is_question(edit: Edit, edits: tuple[Edit, ...]) -> bool:
    """A part of a decided span is no question of its own."""
    return edit.was is not None or not any(
        other.was is not None and other.start <= edit.start and edit.end <= other.end for other in edits
    )


def _question(name: str, edit: Edit, edits: tuple[Edit, ...], text: str) -> Question:
    names = [
        f"{other.now}={as_shown(other.surface)}"
        for other in edits
        if other.now is not None and edit.start <= other.start and other.end <= edit.end
    ]
    adds = edit.was is None
    sheet = text if adds else text[: edit.start] + _MARK.format(edit.surface) + text[edit.end :]
    kind: Kind = "adds" if adds else "span"
    return Question(name, edit.start, edit.end, kind, "|".join(names) or NOTHING, as_shown(sheet))


def read_answers(path: Path) -> list[Answer]:
    """Read decisions made twice: record, start, end, kind, first, second, separated by tabs.

    Raises :class:`InputError` with every bad line.
    """
    answers: list[Answer] = []
    problems: list[Problem] = []
    for number, cells in rows(path, problems):
        if len(cells) != 6 or not cells[1].isdecimal() or not cells[2].isdecimal() or cells[3] not in get_args(Kind):
            line = "\t".join(cells)
            problems.append(Problem(str(path), number, cells[0], f"not a decision made twice: {line!r}"))
        else:
            answers.append(Answer(cells[0], int(cells[1]), int(cells[2]), cast(Kind, cells[3]), cells[4], cells[5]))
    if problems:
        raise InputError(problems)
    return answers


def write_sheet(folder: Path, questions: Sequence[Question]) -> None:
    """Write the questions, and apart from them the key."""
    asked = (f"{number}\t{question.sheet}" for number, question in enumerate(questions, start=1))
    key = (_line(item.record, item.start, item.end, item.kind, item.first) for item in questions)
    write_text(folder / QUESTIONS_FILE, "".join(f"{line}\n" for line in asked))
    write_text(folder / KEY_FILE, "".join(f"{line}\n" for line in key))


def join(folder: Path) -> list[Answer]:
    """The key with the second reader's answers.

    Raises :class:`InputError` for a missing file and with every line that is no
    answer, every question that has none or two, and every answer to no question.
    """
    problems: list[Problem] = []
    key = [cells for _, cells in rows(folder / KEY_FILE, problems)]
    if problems:
        raise InputError(problems)
    asked = {str(number): cells for number, cells in enumerate(key, start=1)}
    given = read_named(folder / ANSWERS_FILE, asked)
    return [
        Answer(record, int(start), int(end), cast(Kind, kind), first, given[number])
        for number, (record, start, end, kind, first) in asked.items()
    ]


def read_named(file: Path, asked: Collection[str], complete: bool = True) -> dict[str, str]:
    """The names that were given as answers, by the number of the question.

    Raises :class:`InputError` for no file, and with every line that is no answer, every question of ``asked`` that has
    two or, if the answers are to be ``complete``, none, and every answer to no question.
    """
    problems: list[Problem] = []
    given: dict[str, str] = {}
    for number, cells in rows(file, problems):
        if len(cells) != 2 or not _NAMES.fullmatch(cells[1].strip()):
            line = "\t".join(cells)
            problems.append(Problem(str(file), number, "", f"not number and names (LABEL=surface|… or -): {line!r}"))
        elif cells[0] in given:
            problems.append(Problem(str(file), number, cells[0], "answered twice"))
        else:
            given[cells[0]] = cells[1].strip()
    problems += [Problem(str(file), 0, name, "not answered") for name in asked if complete and name not in given]
    problems += [Problem(str(file), 0, name, "no such question") for name in given if name not in asked]
    if problems:
        raise InputError(problems)
    return given


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write decisions made twice, as :func:`read_answers` reads them."""
    lines = (f"{_line(item.record, item.start, item.end, item.kind, item.first)}\t{item.second}" for item in answers)
    write_text(path, "".join(f"{line}\n" for line in lines))


def replaced(earlier: Iterable[Answer], answers: Sequence[Answer]) -> list[Answer]:
    """``answers`` in the place of those of ``earlier`` about the same: decisions of a layer, or places in dispute."""
    about = {answer.kind == "dispute" for answer in answers}
    return [answer for answer in earlier if (answer.kind == "dispute") not in about] + list(answers)


def _line(record: str, start: int, end: int, kind: Kind, first: str) -> str:
    return "\t".join([record, str(start), str(end), kind, first])
