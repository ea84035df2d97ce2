"""Building a layer from what people and lists decided.

Three inputs, in rising order of authority: the gazetteer and head words
(:mod:`persian_ner.layers.places`), decisions about a surface wherever it occurs
(``surfaces.tsv``), and decisions of somebody who read the sentence
(``readings/<source>.tsv``).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from persian_ner.characters import comparable, fold
from persian_ner.labels import LABELS
from persian_ner.layers.places import Gazetteer, Verdict, decide
from persian_ner.layers.standoff import BY_READING, Edit, Entry, Layer, digest, document_digests
from persian_ner.layers.tsv import NOTHING, rows
from persian_ner.records import InputError, Problem, Record, Span
from persian_ner.sources import BY_LAYER, Source

BY_SURFACE = "surface"
_PLACE = "loc"

Parts = tuple[tuple[str, str], ...]
"""Labels of the parts of a surface that are names, each with the part's comparable form; "" means the whole surface."""


@dataclass(frozen=True)
class Reading:
    """One line of a readings file: a span of one of our labels to add to a record, or to take away."""

    line: int
    add: bool
    label: str
    surface: str
    occurrence: int


Surfaces = Mapping[tuple[str, str], Parts]
Readings = Mapping[str, list[Reading]]
_Our = tuple[int, int, str]


def read_surfaces(path: Path) -> Surfaces:
    """Read decisions about surfaces: label (lower case), comparable form, decision, separated by tabs.

    A decision is one of our labels (the whole surface), ``-`` (nothing) or
    ``in:GPE=قطر|GPE=دوحه`` (these parts). Raises :class:`InputError` with every bad line.
    """
    found: dict[tuple[str, str], Parts] = {}
    problems: list[Problem] = []
    for number, cells in _decisions(path, 3, problems):
        label, name, decision = cells
        try:
            parts = _parts(decision, name)
        except ValueError as error:
            problems.append(Problem(str(path), number, name, str(error)))
            continue
        if (label, name) in found:
            problems.append(Problem(str(path), number, name, f"{label} decided twice"))
        found[label, name] = parts
    if problems:
        raise InputError(problems)
    return found


def _parts(decision: str, name: str) -> Parts:
    if decision == NOTHING:
        return ()
    if decision in LABELS:
        return ((decision, ""),)
    if not decision.startswith("in:"):
        raise ValueError(f"unknown decision {decision!r}")
    parts = tuple((label, part) for label, _, part in (item.partition("=") for item in decision[3:].split("|")))
    for label, part in parts:
        if label not in LABELS or not part or part not in name:
            raise ValueError(f"{label}={part} is no part of {name!r}")
    return parts


def read_readings(path: Path) -> Readings:
    """Read decisions about sentences: record id, ``+`` or ``-``, label, surface, number of the occurrence (from 1).

    Raises :class:`InputError` with every bad line.
    """
    found: dict[str, list[Reading]] = defaultdict(list)
    problems: list[Problem] = []
    for number, (name, sign, label, surface, occurrence) in _decisions(path, 5, problems):
        if sign not in ("+", "-") or label not in LABELS or not surface or not occurrence.isdecimal():
            reason = "needs + or -, one of our labels, a surface and a number"
            problems.append(Problem(str(path), number, name, reason))
        else:
            found[name].append(Reading(number, sign == "+", label, surface, int(occurrence)))
    if problems:
        raise InputError(problems)
    return found


def _decisions(path: Path, width: int, problems: list[Problem]) -> Iterable[tuple[int, list[str]]]:
    for number, cells in rows(path, problems):
        if len(cells) == width:
            yield number, cells
        elif cells != [""]:
            problems.append(Problem(str(path), number, "", f"{len(cells)} columns, not {width}"))


def build(
    source: Source, records: Iterable[Record], gazetteer: Gazetteer, surfaces: Surfaces, readings: Readings
) -> Layer:
    """Decide every span of a source's records (with the source's labels) and apply the readings.

    Exact copies of a sentence that are labelled differently are dropped, but for
    the first. Raises :class:`InputError` with every span that nothing decides and
    every reading that fits no sentence.
    """
    records = list(records)
    layer = Layer(source.name, document_digests(records))
    problems: list[Problem] = []
    conflicts = _conflicting_copies(records)
    for record in records:
        if record.id in conflicts:
            reason = f"copy of {conflicts[record.id]}, labelled differently"
            layer.entries[record.id] = Entry(digest(record.text), drop=reason)
            continue
        try:
            edits = _decide_record(record, source, gazetteer, surfaces, readings.get(record.id, []))
        except InputError as error:
            problems += error.problems
            continue
        if edits:
            layer.entries[record.id] = Entry(digest(record.text), tuple(edits))
    unknown = sorted(readings.keys() - {record.id for record in records})
    problems += [
        Problem("", readings[name][0].line, name, "a reading of a record that the source has not") for name in unknown
    ]
    if problems:
        raise InputError(problems)
    return layer


def _conflicting_copies(records: list[Record]) -> dict[str, str]:
    """Records whose folded text an earlier record has with other annotation: id → the earlier id."""
    first: dict[str, Record] = {}
    found: dict[str, str] = {}
    for record in records:
        before = first.setdefault(fold(record.text), record)
        if _labelled(before) != _labelled(record):
            found[record.id] = before.id
    return found


def _labelled(record: Record) -> list[tuple[str, str]]:
    return [
        (span.label, fold(record.text[span.start : span.end])) for span in sorted(record.spans, key=lambda s: s.start)
    ]


def _decide_record(
    record: Record, source: Source, gazetteer: Gazetteer, surfaces: Surfaces, readings: list[Reading]
) -> list[Edit]:
    """The edits that lead from the source's spans to ours."""
    ours: dict[_Our, str] = {}
    why: dict[tuple[int, int], str] = {}
    problems: list[Problem] = []
    for span in record.spans:
        try:
            decided, by = _decide_span(record, span, source, gazetteer, surfaces)
        except ValueError as error:
            problems.append(record.problem(str(error)))
            continue
        why[span.start, span.end] = by
        ours.update(dict.fromkeys(decided, by))
    by_rule = dict(ours)
    for reading in readings:
        try:
            ours = _apply_reading(record, reading, ours)
        except ValueError as error:
            problems.append(record.problem(f"reading in line {reading.line}: {error}"))
    if problems:
        raise InputError(problems)
    for start, end in why:
        before, after = ({span for span in spans if start <= span[0] and span[1] <= end} for spans in (by_rule, ours))
        if before != after:
            why[start, end] = BY_READING
    return _difference(record, source, ours, why)


def _decide_span(
    record: Record, span: Span, source: Source, gazetteer: Gazetteer, surfaces: Surfaces
) -> tuple[list[_Our], str]:
    """Our spans inside one span of the source, and what decided; ``ValueError`` when nothing does."""
    surface = record.text[span.start : span.end]
    if span.label not in source.labels:
        raise ValueError(f"label {span.label!r} is not in the label map")
    target = source.labels[span.label]
    parts = surfaces.get((span.label.lower(), comparable(surface)))
    if parts is not None:
        found: list[_Our] = []
        for label, part in parts:
            found.append(_part(span, surface, label, part, found))
        return found, BY_SURFACE
    if target != BY_LAYER:
        return ([(span.start, span.end, target)] if target else []), ""
    verdict = _verdict(span, surface, gazetteer)
    if verdict is None:
        raise ValueError(f"nothing decides {span.label} {surface!r} ({comparable(surface)}) at {span.start}–{span.end}")
    return [(span.start + start, span.start + end, "GPE") for start, end in verdict.spans], verdict.by


def _verdict(span: Span, surface: str, gazetteer: Gazetteer) -> Verdict | None:
    return decide(surface, gazetteer) if span.label.lower() == _PLACE else None


def _part(span: Span, surface: str, label: str, part: str, taken: list[_Our]) -> _Our:
    """The offsets of a part (in comparable form) of a surface: its first place outside the parts taken before."""
    if not part:
        return span.start, span.end, label
    letters = [(letter, index) for index, raw in enumerate(surface) for letter in fold(raw)]
    folded = "".join(letter for letter, _ in letters)
    for match in re.finditer(r"(?<!\w)" + r"\s+".join(map(re.escape, part.split())) + r"(?!\w)", folded):
        start, end = span.start + letters[match.start()][1], span.start + letters[match.end() - 1][1] + 1
        while end < span.end and not fold(surface[end - span.start]):  # half-spaces and marks at the end of the word
            end += 1
        if all(end <= first or last <= start for first, last, _ in taken):
            return start, end, label
    raise ValueError(f"part {part!r} is not whole words of {surface!r}")


def occurrences(text: str, surface: str) -> list[int]:
    """Where a surface starts, in the order in which a reading counts."""
    return [match.start() for match in re.finditer(re.escape(surface), text)]


def _apply_reading(record: Record, reading: Reading, ours: dict[_Our, str]) -> dict[_Our, str]:
    starts = occurrences(record.text, reading.surface)
    if not 0 < reading.occurrence <= len(starts):
        raise ValueError(f"{reading.surface!r} does not occur {reading.occurrence} times")
    start = starts[reading.occurrence - 1]
    end = start + len(reading.surface)
    if reading.add:
        kept = {span: by for span, by in ours.items() if span[1] <= start or end <= span[0]}
        return {**kept, (start, end, reading.label): BY_READING}
    return {span: by for span, by in ours.items() if span[:2] != (start, end)}


def _difference(record: Record, source: Source, ours: dict[_Our, str], why: dict[tuple[int, int], str]) -> list[Edit]:
    """Edits for what the label map alone would not give."""
    edits: list[Edit] = []
    remaining = dict(ours)
    for span in sorted(record.spans, key=lambda item: item.start):
        place = (span.start, span.end)
        target = source.labels[span.label]
        now = next((label for start, end, label in ours if (start, end) == place), None)
        by = remaining.pop((*place, now), "") if now else ""
        if now != target:
            by = by or why[place]
            edits.append(Edit(*place, record.text[span.start : span.end], span.label, now, by))
    edits += [
        Edit(start, end, record.text[start:end], None, label, by) for (start, end, label), by in remaining.items()
    ]
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


def undecided(
    source: Source, records: Iterable[Record], gazetteer: Gazetteer, surfaces: Surfaces
) -> Counter[tuple[str, str]]:
    """How often each surface occurs that nothing decides: (label in lower case, comparable form) → mentions."""
    found: Counter[tuple[str, str]] = Counter()
    for record in records:
        for span in record.spans:
            surface = record.text[span.start : span.end]
            name = (span.label.lower(), comparable(surface))
            by_layer = source.labels.get(span.label) == BY_LAYER
            if by_layer and name not in surfaces and _verdict(span, surface, gazetteer) is None:
                found[name] += 1
    return found
