"""Where a trained pipeline disagrees with the layers: put before a reader, whose decisions become readings.

A pipeline that learned from a corpus still contradicts many of its errors. A sheet is a folder: ``disputes.txt``
is for the reader, who answers in ``answers.tsv`` (number of the dispute, and the answer, in the form of
:mod:`persian_ner.layers.corrections`); ``key.jsonl`` says what was asked.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from persian_ner.files import write_text
from persian_ner.layers.corrections import Decision, Dispute, Line, Place, lines, with_copies
from persian_ner.layers.tsv import NOTHING, rows
from persian_ner.metrics import Evaluated
from persian_ner.records import InputError, Problem, Span

SHEET_FILE, KEY_FILE, ANSWERS_FILE = "disputes.txt", "key.jsonl", "answers.tsv"
_CONTEXT = 300


@dataclass(frozen=True)
class Settled:
    """By source, lines for its readings and for its record of disputes."""

    lines: Mapping[str, list[Line]]
    decisions: Mapping[str, list[Decision]]


def find(documents: Iterable[Evaluated], sources: Iterable[str], seed: int = 0) -> list[Dispute]:
    """The disputes in evaluated documents of these sources, documents in random order."""
    wanted = set(sources)
    asked = [item for item in documents if item.doc_id.partition("/")[0] in wanted]
    random.Random(seed).shuffle(asked)
    both = ((item, _places(item.gold), _places(item.predicted)) for item in asked)
    differing = (sides for sides in both if sides[1] != sides[2])
    return [
        Dispute(
            number=f"{sentence}.{number}",
            record=document.doc_id,
            text=document.text,
            corpus=tuple(sorted(group & gold)),
            model=tuple(sorted(group & predicted)),
        )
        for sentence, (document, gold, predicted) in enumerate(differing, start=1)
        for number, group in enumerate(_groups(gold ^ predicted), start=1)
    ]


def _places(spans: Iterable[Span]) -> set[Place]:
    return {(span.start, span.end, span.label) for span in spans}


def _groups(spans: Iterable[Place]) -> Iterator[set[Place]]:
    """Spans that overlap each other, or each other's neighbours, together; in order."""
    group: set[Place] = set()
    end = 0
    for span in sorted(spans):
        if group and span[0] >= end:
            yield group
            group = set()
        group.add(span)
        end = max(end, span[1])
    if group:
        yield group


def write_sheet(folder: Path, disputes: Sequence[Dispute]) -> None:
    """Write the sheet, and apart from it the key."""
    lines: list[str] = []
    for dispute in disputes:
        sentence, _, number = dispute.number.partition(".")
        text = dispute.text
        if number == "1":
            shown = text[max(0, dispute.start - _CONTEXT) : dispute.end + _CONTEXT] if len(text) > 900 else text
            lines += ["", f"#{sentence}  {' '.join(shown.split())}"]
        before = " ".join(text[max(0, dispute.start - 18) : dispute.start].split())
        corpus, model = (_shown(text, spans) for spans in (dispute.corpus, dispute.model))
        lines.append(f"  {dispute.number} (after «{before}»)  C: {corpus}   M: {model}")
    write_text(folder / SHEET_FILE, "".join(f"{line}\n" for line in lines))
    write_text(folder / KEY_FILE, "".join(f"{dispute.model_dump_json()}\n" for dispute in disputes))


def _shown(text: str, spans: Iterable[Place]) -> str:
    return " | ".join(f"{label}={text[start:end]}" for start, end, label in spans) or NOTHING


def settle(folder: Path, texts: Mapping[str, Mapping[str, str]]) -> Settled:
    """What the answers mean as readings.

    ``texts`` are those of the records, by source and by id in the source: a copy of a disputed sentence is decided
    like it, unless it was asked about itself. Raises :class:`InputError` with every line that is no answer, every
    dispute that has none or two, every answer to no dispute, and every surface that is not near its dispute.
    """
    problems: list[Problem] = []
    disputes = _read_key(folder / KEY_FILE, problems)
    file = folder / ANSWERS_FILE
    answers: dict[str, tuple[int, str]] = {}
    for number, cells in rows(file, problems):
        if len(cells) != 2 or not cells[1].strip():
            line = "\t".join(cells)
            problems.append(Problem(str(file), number, "", f"not number and answer: {line!r}"))
        elif cells[0] not in disputes:
            problems.append(Problem(str(file), number, cells[0], "no such dispute"))
        elif cells[0] in answers:
            problems.append(Problem(str(file), number, cells[0], "answered twice"))
        else:
            answers[cells[0]] = number, cells[1].strip()
    problems += [Problem(str(file), 0, name, "not answered") for name in disputes.keys() - answers.keys()]
    missing = {item.record for item in disputes.values() if item.name not in texts.get(item.source, {})}
    problems += [Problem(str(folder / KEY_FILE), 0, name, "no such record in the sources") for name in missing]
    decided: dict[str, list[Line]] = defaultdict(list)
    for name, (number, answer) in answers.items():
        try:
            decided[disputes[name].record] += lines(disputes[name], answer)
        except ValueError as error:
            problems.append(Problem(str(file), number, name, str(error)))
    if problems:
        raise InputError(problems)
    decisions: dict[str, list[Decision]] = defaultdict(list)
    for name, (_, answer) in answers.items():
        dispute = disputes[name]
        decisions[dispute.source].append((dispute.name, str(dispute.start), str(dispute.end), answer))
    return Settled(with_copies(decided, texts), decisions)


def _read_key(path: Path, problems: list[Problem]) -> dict[str, Dispute]:
    found: dict[str, Dispute] = {}
    for number, cells in rows(path, problems):
        try:
            dispute = Dispute.model_validate_json("\t".join(cells))
        except ValidationError:
            problems.append(Problem(str(path), number, "", "not a dispute as this program writes it"))
        else:
            found[dispute.number] = dispute
    return found
