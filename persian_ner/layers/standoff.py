"""The file of a stand-off layer, and what applying it does to a source's records.

A layer is JSON Lines. The first line says which documents the decisions are
about, the others hold one record of the source each, only where something was
decided::

    {"layer": 1, "source": "nsurl-600k", "documents": {"1.txt": "<sha256>", …}, "defects": {"no tag": 2, …}}
    {"id": "1.txt#3", "sha256": "<sha256>", "edits": [[4, 9, "ایران", "LOC", "GPE", "gazetteer"], …]}

An edit is ``[start, end, surface, was, now, by]``: offsets in characters of the
record's text; ``was`` the source's own label, ``null`` for a span the source has
not; ``now`` one of our labels, ``null`` to leave the span out; ``by`` what decided.
A record with ``"drop"`` instead of edits is left out for the reason given.
``defects`` counts what was wrong with the source's files
(:mod:`persian_ner.layers.defects`). No text but the surfaces of spans is in the file. Checksums are the first 16 hex
digits of SHA-256 of the UTF-8 text (of a document: of its records' texts joined
by newlines), so a layer never meets a text it was not made for.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import srsly
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from persian_ner.files import replacing
from persian_ner.labels import LABELS
from persian_ner.readers.json_input import invalid, iter_json_lines
from persian_ner.records import InputError, Problem, Record, Span

VERSION = 1
BY_READING = "reading"
"""``by`` of what somebody decided looking at the sentence; everything else is derived and can be built again."""


class Edit(NamedTuple):
    """One decision about one span; see the module's description."""

    start: StrictInt
    end: StrictInt
    surface: str
    was: str | None
    now: str | None
    by: str


@dataclass(frozen=True)
class Entry:
    """What is decided about one record: edits, or the reason to drop it."""

    sha256: str
    edits: tuple[Edit, ...] = ()
    drop: str = ""


@dataclass(frozen=True)
class Layer:
    """All decisions about one source, and how many defects of its files were met, by kind."""

    source: str
    documents: dict[str, str]
    entries: dict[str, Entry] = field(default_factory=dict)
    defects: dict[str, int] = field(default_factory=dict)


@dataclass
class Applied:
    """Records with a layer applied, spans carrying our labels; what was left out is counted by reason."""

    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


UNKNOWN_DOCUMENT = "record of a document without decisions"
"""Why a record is left out whose document a layer does not know."""
CHANGED_DOCUMENT = "record of a changed document"
"""Why a record is left out whose document is not the one that a layer was made for."""


def digest(text: str) -> str:
    """The checksum of a text as layers store it."""
    # A half of a surrogate pair is for validation to report; here it must only not be mistaken for something else.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def document_name(record: Record) -> str:
    """The document of a record, as layers name it."""
    return str(record.meta.get("document", record.id))


def document_digests(records: Iterable[Record]) -> dict[str, str]:
    """The checksum of each document of a source, by ``meta["document"]``."""
    texts: dict[str, list[str]] = defaultdict(list)
    for record in records:
        texts[document_name(record)].append(record.text)
    return {name: digest("\n".join(parts)) for name, parts in texts.items()}


def write(layer: Layer, path: Path) -> None:
    """Write a layer; an earlier file is replaced when the new one is complete."""
    lines: list[dict[str, Any]] = [
        {"layer": VERSION, "source": layer.source, "documents": layer.documents, "defects": layer.defects}
    ]
    for name, entry in layer.entries.items():
        decided: dict[str, Any] = (
            {"drop": entry.drop} if entry.drop else {"edits": [list(edit) for edit in entry.edits]}
        )
        lines.append({"id": name, "sha256": entry.sha256, **decided})
    with replacing(path) as partial:
        srsly.write_jsonl(partial, lines)


def read(path: Path) -> Layer:
    """Read and check a layer; raises :class:`InputError` with every defect of the file.

    Checked are the shape of every line, labels, offsets against the length of
    the surface, that no span is decided twice, that spans of one record that stay
    do not overlap, and that no record occurs twice.
    """
    problems: list[Problem] = []
    header: _Header | None = None
    entries: dict[str, Entry] = {}
    if not path.is_file():
        raise InputError([Problem(str(path), 0, "", "no such file")])
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        number, content = item
        try:
            if number == 1:
                header = _Header.model_validate(content)
                continue
            line = _Line.model_validate(content)
        except ValidationError as error:
            problems += invalid(path, item, error)
            continue
        if line.id in entries:
            problems.append(Problem(str(path), number, line.id, "record occurs twice"))
        entries[line.id] = entry = Entry(line.sha256, tuple(line.edits), line.drop)
        problems += [Problem(str(path), number, line.id, reason) for reason in _defects(entry)]
    if header is None and not any(problem.line == 1 for problem in problems):
        problems.append(Problem(str(path), 1, "", "the first line does not say what the layer is about"))
    if problems or header is None:
        raise InputError(problems)
    return Layer(header.source, header.documents, entries, header.defects)


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    layer: Literal[1]
    source: str
    documents: dict[str, str]
    defects: dict[str, int] = Field(default_factory=dict)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    sha256: str = Field(min_length=1)
    edits: list[Edit] = Field(default_factory=list)
    drop: str = ""


def _defects(entry: Entry) -> Iterator[str]:
    if bool(entry.drop) == bool(entry.edits):
        yield "needs either edits or a reason to drop"
    for edit in entry.edits:
        if not 0 <= edit.start < edit.end:
            yield f"offsets {edit.start}–{edit.end} are no span"
        elif len(edit.surface) != edit.end - edit.start:
            yield f"surface {edit.surface!r} does not fit offsets {edit.start}–{edit.end}"
        if edit.now is not None and edit.now not in LABELS:
            yield f"unknown label {edit.now!r}"
        if edit.was is None and edit.now is None:
            yield f"edit of {edit.surface!r} decides nothing"
        if not edit.by:
            yield f"edit of {edit.surface!r} does not say what decided it"
    decisions = Counter((edit.start, edit.end, edit.was) for edit in entry.edits if edit.was is not None)
    for (start, end, label), count in decisions.items():
        if count > 1:
            yield f"{label} at {start}–{end} is decided {count} times"
    kept = sorted(edit[:3] for edit in entry.edits if edit.now is not None)
    for before, after in pairwise(kept):
        if after[0] < before[1]:
            yield f"{before[2]!r} and {after[2]!r} overlap"


def apply(
    layer: Layer, records: Iterable[Record], labels: Mapping[str, str | None], decided: frozenset[str]
) -> Applied:
    """Apply a layer to records that carry the source's labels.

    ``labels`` maps the labels of spans that the layer does not mention (``None``:
    left out); every span with a label in ``decided`` must be mentioned. Records
    of documents that the layer does not know are left out: nobody decided about
    them. So is every record of a document that differs from the one the layer was
    made for: a text without edits has no checksum of its own, so the changed one
    may be any of them. Problems are such documents, one each, the texts in them
    that are known to differ, records of the layer that are not there or have
    another id, undecided spans, edits of spans that are not there, and overlaps.
    """
    records = list(records)
    applied = Applied()
    moved = _moved_records(layer, records)
    changed = _changed_documents(layer, records) | {document_name(record) for _, record in moved}
    seen = {record.id for record in records}
    for record in records:
        document = document_name(record)
        if document not in layer.documents:
            applied.left_out[UNKNOWN_DOCUMENT] += 1
            continue
        entry = layer.entries.get(record.id, Entry(""))
        if document in changed:
            applied.left_out[CHANGED_DOCUMENT] += 1
            if _differs(record, layer):
                applied.problems.append(record.problem("the text is not the one the layer was made for"))
        elif entry.drop:
            applied.left_out[f"record dropped: {entry.drop}"] += 1
        else:
            _edit(record, entry, labels, decided, applied)
    for name in sorted(changed):
        applied.problems.append(Problem("", 0, name, "the document is not the one the layer was made for"))
    for name, record in moved:
        applied.problems.append(record.problem(f"the text that the layer knows as {name}"))
    for name in sorted(layer.entries.keys() - seen):
        applied.problems.append(Problem("", 0, name, "the layer's record is not in the source"))
    return applied


def _moved_records(layer: Layer, records: list[Record]) -> list[tuple[str, Record]]:
    """Records without decisions whose text the layer decided about under an id that is gone, with that id.

    Their document can have the checksum that it had: numbers of records are no part of it.
    """
    seen = {record.id for record in records}
    gone = {entry.sha256: name for name, entry in layer.entries.items() if name not in seen}
    if not gone:
        return []
    undecided = ((digest(record.text), record) for record in records if record.id not in layer.entries)
    return [
        (gone[checksum], record)
        for checksum, record in undecided
        if checksum in gone and document_name(record) in layer.documents
    ]


def _changed_documents(layer: Layer, records: list[Record]) -> set[str]:
    """The documents, of those that the layer knows, with another text than it was made for."""
    digests = document_digests(records)
    changed = {name for name, known in layer.documents.items() if digests.get(name, known) != known}
    # Texts joined by newlines can be cut elsewhere and still be the same document.
    cut = {document_name(record) for record in records if _differs(record, layer)}
    return changed | cut & layer.documents.keys()


def _differs(record: Record, layer: Layer) -> bool:
    """Whether the layer decided about another text of this record; ``False`` where it has no line of its own."""
    entry = layer.entries.get(record.id)
    return entry is not None and entry.sha256 != digest(record.text)


def _edit(
    record: Record, entry: Entry, labels: Mapping[str, str | None], decided: frozenset[str], applied: Applied
) -> None:
    """Add the edited record, or its problems, to ``applied``."""
    theirs = {(span.start, span.end, span.label) for span in record.spans}
    about = {(edit.start, edit.end, edit.was) for edit in entry.edits if edit.was is not None}
    reasons = [
        f"the layer is about a span that is not there: {start}–{end} {label}" for start, end, label in about - theirs
    ]
    ours = [(edit.start, edit.end, edit.now) for edit in entry.edits if edit.now is not None]
    for start, end, label in sorted(theirs - about):
        if label in decided:
            reasons.append(f"{label} {record.text[start:end]!r} at {start}–{end} is not decided in the layer")
        elif label not in labels:
            reasons.append(f"label {label!r} is not in the label map")
        elif (our := labels[label]) is None:
            applied.left_out[f"label {label} mapped to null"] += 1
        else:
            ours.append((start, end, our))
    applied.left_out.update(f"{edit.was} left out by the layer" for edit in entry.edits if edit.was and not edit.now)
    ours.sort()
    for (_, end, _), (start, *_) in pairwise(ours):
        if start < end:
            reasons.append(f"spans overlap at {start}")
    reasons += [
        f"surface at {edit.start}–{edit.end} is {record.text[edit.start : edit.end]!r}, not {edit.surface!r}"
        for edit in entry.edits
        if record.text[edit.start : edit.end] != edit.surface
    ]
    if reasons:
        applied.problems += [record.problem(reason) for reason in reasons]
        return
    spans = [Span(start=start, end=end, label=label) for start, end, label in ours]
    applied.records.append(record.model_copy(update={"spans": spans}))
