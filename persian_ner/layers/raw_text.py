"""A source that is bare text: documents of paragraphs, a paragraph a line, with blank lines in between.

Nobody has annotated it before, and it may not be redistributed, so its layer holds all there is: the spans of the
documents that were read. These are known by their checksums, wherever in a file they stand.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from persian_ner.layers.proofread import read_marked
from persian_ner.layers.standoff import BY_READING, Edit, Entry, Layer, digest, document_name
from persian_ner.pretraining.corpus import read_lines
from persian_ner.records import InputError, Problem, Record


def documents(lines: Iterable[str]) -> Iterator[list[Record]]:
    """The documents of a text, a record for each paragraph.

    A document is named by its checksum (:func:`persian_ner.layers.standoff.digest` of its paragraphs joined by
    newlines), its records by that and their number from 1.
    """
    paragraphs: list[str] = []
    for line in chain(lines, [""]):
        if line.strip():
            paragraphs.append(line)
        elif paragraphs:
            yield _records(paragraphs)
            paragraphs = []


def read(path: Path) -> dict[str, list[Record]]:
    """The documents of a file (``.txt``, ``.txt.xz``, ``.txt.zst``) by name; of copies the first.

    Raises :class:`persian_ner.records.InputError` for what cannot be read.
    """
    found: dict[str, list[Record]] = {}
    try:
        for records in documents(read_lines(path.name, path.parent)):
            found.setdefault(document_name(records[0]), records)
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    return found


def _records(paragraphs: list[str]) -> list[Record]:
    name = digest("\n".join(paragraphs))
    return [
        Record(id=f"{name}#{number}", text=text, meta={"document": name})
        for number, text in enumerate(paragraphs, start=1)
    ]


def layer(source: str, path: Path, found: Mapping[str, list[Record]]) -> Layer:
    """The layer that a sheet gives: all names of the documents that it is about, each of which it has in full.

    ``found`` are the documents of the text by name. Raises :class:`persian_ner.records.InputError` with every line
    that :func:`persian_ner.layers.proofread.read_marked` rejects, or with every record that is missing on the sheet.
    """
    made = Layer(source, {})
    read = read_marked(path, {record.id: record for records in found.values() for record in records})
    marked = {record.id for record, _ in read}
    for record, spans in read:
        name = document_name(record)
        made.documents[name] = name
        if spans:
            edits = [
                Edit(span.start, span.end, record.text[span.start : span.end], None, span.label, BY_READING)
                for span in spans
            ]
            made.entries[record.id] = Entry(digest(record.text), tuple(edits))
    missing = [record for name in made.documents for record in found[name] if record.id not in marked]
    if missing:
        raise InputError(
            Problem(str(path), 0, record.id, "its document is on the sheet, and it is not") for record in missing
        )
    return made
