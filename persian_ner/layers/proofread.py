"""A source read in full with its layer: a sheet of marked-up records goes to a reader, its corrections become readings.

A line of the sheet is a record's id, a tab, and the text in the markup of :mod:`persian_ner.readers.markup`. The reader
changes marks and nothing else, and may leave lines out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from persian_ner.files import write_text
from persian_ner.labels import LABELS
from persian_ner.layers import disputes
from persian_ner.layers.corrections import Dispute
from persian_ner.layers.tsv import rows
from persian_ner.metrics import Evaluated
from persian_ner.readers import markup
from persian_ner.records import InputError, Problem, Record, Span

KINDS = ("added", "removed", "relabelled", "borders")
"""What a correction does: a name where there was none; none where there was one; another label; other borders."""

Kept = tuple[str, str, int]
"""A line of the record of readings in full: record, kind of the correction, and in which reading, from 1."""


def write_sheet(path: Path, records: Iterable[Record]) -> None:
    """Write the sheet; raises :class:`InputError` with every record whose text has a tab or a line break."""
    records = list(records)
    problems = [
        record.problem("a tab or a line break in the text") for record in records if not fits_a_line(record.text)
    ]
    if problems:
        raise InputError(problems)
    write_text(path, "".join(f"{record.id}\t{markup.render(record.text, record.spans)}\n" for record in records))


def fits_a_line(text: str) -> bool:
    """Whether a line of a sheet can hold the text: it has no tab, and nothing that ends a line."""
    return "\t" not in text and text.splitlines() in ([], [text])


def read_sheet(path: Path, source: str, records: Iterable[Record]) -> list[Dispute]:
    """Where a corrected sheet differs from the records of a source; ``model`` of each is what the reader has.

    Raises :class:`InputError` with every line that :func:`read_marked` rejects.
    """
    read = read_marked(path, {record.id: record for record in records})
    return disputes.find(
        (Evaluated(f"{source}/{record.id}", record.text, record.spans, spans) for record, spans in read), [source]
    )


def read_marked(path: Path, known: Mapping[str, Record]) -> list[tuple[Record, list[Span]]]:
    """The records that a sheet is about, with the spans it marks in them, in the order of the sheet.

    Raises :class:`InputError` with every line that is none, has broken markup, another label or another text, or is
    about a record that is not ``known`` (by id) or was read before.
    """
    problems: list[Problem] = []
    read: dict[str, list[Span]] = {}
    for number, (name, *rest) in rows(path, problems):
        if not name and not rest:
            continue
        if len(rest) != 1:
            problems.append(Problem(str(path), number, name, "not an id and a text"))
            continue
        text, spans, defects = markup.parse(rest[0])
        reasons = [reason for _, reason in defects]
        reasons += [f"unknown label {span.label!r}" for span in spans if span.label not in LABELS]
        if name not in known:
            reasons.append("no such record")
        elif name in read:
            reasons.append("read twice")
        elif not reasons and text != known[name].text:
            reasons.append("another text than the record's")
        problems += [Problem(str(path), number, name, reason) for reason in reasons]
        if not reasons:
            read[name] = spans
    if problems:
        raise InputError(problems)
    return [(known[name], spans) for name, spans in read.items()]


def kind(change: Dispute) -> str:
    """One of :data:`KINDS`."""
    if not change.corpus:
        return "added"
    if not change.model:
        return "removed"
    borders = [[span[:2] for span in spans] for spans in (change.corpus, change.model)]
    return "relabelled" if borders[0] == borders[1] else "borders"


def read_kept(path: Path) -> list[Kept] | None:
    """The record of readings in full; none when the source was not read so. Raises with every bad line."""
    if not path.exists():
        return None
    problems: list[Problem] = []
    found: list[Kept] = []
    for number, cells in rows(path, problems):
        if len(cells) != 3 or cells[1] not in KINDS or not cells[2].isdecimal() or int(cells[2]) < 1:
            reason = f"not a record, one of {', '.join(KINDS)} and the number of the reading"
            problems.append(Problem(str(path), number, cells[0], reason))
        else:
            found.append((cells[0], cells[1], int(cells[2])))
    if problems:
        raise InputError(problems)
    return found


def count(kept: Iterable[Kept]) -> dict[int, dict[str, int]]:
    """Corrections by kind, of each reading in turn."""
    found = Counter((reading, name) for _, name, reading in kept)
    return {reading: {name: found[reading, name] for name in KINDS} for reading in sorted({key[0] for key in found})}
