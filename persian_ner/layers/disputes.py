"""Where a trained pipeline disagrees with the layers: put before a reader, whose decisions become readings.

A pipeline that learned from a corpus still contradicts many of its errors. A sheet is a folder: ``disputes.txt``
is for the reader, who answers in ``answers.tsv`` (number of the dispute, answer); ``key.jsonl`` says what was asked.
The answer is ``C`` (the corpus stays), ``M`` (the model is right, also where it has nothing), ``-`` (nothing is a name
there) or what should be annotated instead, as ``LABEL=surface`` joined by ``|``.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from persian_ner.files import write_text
from persian_ner.labels import LABELS
from persian_ner.layers.build import occurrences
from persian_ner.layers.tsv import rows
from persian_ner.metrics import Evaluated
from persian_ner.records import InputError, Problem, Span

SHEET_FILE, KEY_FILE, ANSWERS_FILE = "disputes.txt", "key.jsonl", "answers.tsv"
_CORPUS, _MODEL, _NOTHING = "C", "M", "-"
_CONTEXT = 300
_NEAR = 120
"""How far from the disputed spans, in characters, the surface of an answer may begin."""

Place = tuple[int, int, str]
Line = tuple[str, str, str, str, str]
"""A line of a readings file: record, + or -, label, surface, number of the occurrence."""
Decision = tuple[str, str, str, str]
"""A line of the record of disputes: record, start and end of the place, answer."""


class Dispute(BaseModel):
    """Overlapping spans of which corpus and model have different ones; offsets in characters of ``text``.

    ``record`` is the id in the corpus, ``source/id in the source``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str
    record: str
    text: str
    corpus: tuple[Place, ...]
    model: tuple[Place, ...]

    @property
    def source(self) -> str:
        """The source of the record."""
        return self.record.partition("/")[0]

    @property
    def name(self) -> str:
        """The record's id in its source."""
        return self.record.partition("/")[2]

    @property
    def start(self) -> int:
        """Where the first disputed span starts."""
        return min(span[0] for span in self.corpus + self.model)

    @property
    def end(self) -> int:
        """Where the last disputed span ends."""
        return max(span[1] for span in self.corpus + self.model)


@dataclass(frozen=True)
class Settled:
    """By source, lines for its readings and for its record of disputes."""

    lines: Mapping[str, list[Line]]
    decisions: Mapping[str, list[Decision]]


def count(decisions: Iterable[Decision]) -> dict[str, int]:
    """How often the corpus was right, the model, and neither."""
    kinds = Counter({_CORPUS: "corpus", _MODEL: "model"}.get(answer, "neither") for *_, answer in decisions)
    return {kind: kinds[kind] for kind in ("corpus", "model", "neither")}


def read_decisions(path: Path) -> list[Decision]:
    """Read a record of disputes; none when nothing was disputed. Raises :class:`InputError` with every bad line."""
    if not path.exists():
        return []
    problems: list[Problem] = []
    found: list[Decision] = []
    for number, cells in rows(path, problems):
        if len(cells) != 4 or not cells[1].isdecimal() or not cells[2].isdecimal() or not cells[3]:
            problems.append(Problem(str(path), number, cells[0], f"not a decided dispute: {cells!r}"))
        else:
            found.append((cells[0], cells[1], cells[2], cells[3]))
    if problems:
        raise InputError(problems)
    return found


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
    return " | ".join(f"{label}={text[start:end]}" for start, end, label in spans) or _NOTHING


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
    return Settled(_with_copies(decided, texts), decisions)


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


def lines(dispute: Dispute, answer: str) -> list[Line]:
    """What an answer means as lines of a readings file; ``ValueError`` when it says nothing or cannot be written."""
    if answer == _CORPUS:
        return []
    wanted = dispute.model if answer == _MODEL else () if answer == _NOTHING else _named(dispute, answer)
    changes = [("-", span) for span in dispute.corpus if span not in wanted]
    changes += [("+", span) for span in wanted if span not in dispute.corpus]
    return [_line(dispute, sign, span) for sign, span in changes]


def _named(dispute: Dispute, answer: str) -> tuple[Place, ...]:
    """The spans that an answer names; ``ValueError`` when it names none, or one that is not there."""
    found: list[Place] = []
    for part in answer.split("|"):
        label, _, surface = part.strip().partition("=")
        if label not in LABELS or not surface:
            raise ValueError(f"neither C, M nor - nor LABEL=surface: {part!r}")
        starts = (
            start
            for start in occurrences(dispute.text, surface)
            if all(start + len(surface) <= first or last <= start for first, last, _ in found)
        )

        def distance(start: int, length: int = len(surface)) -> tuple[bool, int]:
            apart = start >= dispute.end or start + length <= dispute.start
            return apart, abs(start - dispute.start)

        nearest = min(starts, key=distance, default=None)
        if nearest is None or distance(nearest)[1] > _NEAR:
            raise ValueError(f"{surface!r} is not near the disputed place")
        found.append((nearest, nearest + len(surface), label))
    return tuple(found)


def _line(dispute: Dispute, sign: str, span: Place) -> Line:
    start, end, label = span
    surface = dispute.text[start:end]
    if any(sign in surface for sign in "\t\r\n"):
        raise ValueError(f"{surface!r} has a tab or a line break, which a readings file cannot hold")
    starts = occurrences(dispute.text, surface)
    if start not in starts:  # such as the second «بابا» of «باباباباباب»
        raise ValueError(f"{surface!r} at {start} cannot be told by its number among its occurrences")
    return dispute.name, sign, label, surface, str(starts.index(start) + 1)


def _with_copies(decided: Mapping[str, list[Line]], texts: Mapping[str, Mapping[str, str]]) -> dict[str, list[Line]]:
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for source, records in texts.items():
        for name, text in records.items():
            alike[source, text].append(name)
    found: dict[str, list[Line]] = defaultdict(list)
    for record, changes in decided.items():
        source, _, name = record.partition("/")
        copies = [copy for copy in alike[source, texts[source][name]] if f"{source}/{copy}" not in decided]
        found[source] += [(place, *change[1:]) for place in (name, *copies) for change in changes]
    return {source: changes for source, changes in found.items() if changes}


def append(path: Path, lines: Sequence[Sequence[str]]) -> None:
    """Add tab-separated lines to a file; of readings, later ones win over earlier ones."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + "".join("\t".join(line) + "\n" for line in lines))
