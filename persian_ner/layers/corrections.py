"""From what a reader decided about a place of a corpus to lines of its readings.

The answer is ``C`` (the corpus stays), ``M`` (the model is right, also where it has nothing), ``-`` (nothing is a name
there) or what should be annotated instead, as ``LABEL=surface`` joined by ``|``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from persian_ner.files import write_text
from persian_ner.labels import LABELS
from persian_ner.layers.build import occurrences
from persian_ner.layers.tsv import NOTHING, rows
from persian_ner.records import InputError, Problem

CORPUS, MODEL = "C", "M"
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


def count(decisions: Iterable[Decision]) -> dict[str, int]:
    """How often the corpus was right, the model, and neither."""
    kinds = Counter({CORPUS: "corpus", MODEL: "model"}.get(answer, "neither") for *_, answer in decisions)
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


def lines(dispute: Dispute, answer: str) -> list[Line]:
    """What an answer means as lines of a readings file; ``ValueError`` when it says nothing or cannot be written."""
    if answer == CORPUS:
        return []
    wanted = dispute.model if answer == MODEL else () if answer == NOTHING else _named(dispute, answer)
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


def with_copies(decided: Mapping[str, list[Line]], texts: Mapping[str, Mapping[str, str]]) -> dict[str, list[Line]]:
    """By source, what was decided about records (``source/id``) as lines about them and their undecided copies.

    ``texts`` are those of the records, by source and by id in the source.
    """
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


def readings(changes: Iterable[Dispute], source: str, texts: Mapping[str, str]) -> list[Line]:
    """The lines that lead from what the corpus has to what the other side has, also in copies of a sentence.

    ``texts`` are those of the source's records, by id. Raises :class:`InputError` with every change no line can say.
    """
    decided: dict[str, list[Line]] = defaultdict(list)
    problems: list[Problem] = []
    for change in changes:
        try:
            decided[change.record] += lines(change, MODEL)
        except ValueError as error:
            problems.append(Problem("", 0, change.record, str(error)))
    if problems:
        raise InputError(problems)
    return with_copies(decided, {source: texts}).get(source, [])


def append(path: Path, lines: Sequence[Sequence[str]]) -> None:
    """Add tab-separated lines to a file; of readings, later ones win over earlier ones."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before and not before.endswith("\n"):  # the last line, written by hand
        before += "\n"
    write_text(path, before + "".join("\t".join(line) + "\n" for line in lines))
