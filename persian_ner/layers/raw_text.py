"""A source that is bare text: documents of paragraphs, a paragraph a line, with blank lines in between.

Nobody has annotated it before, and it may not be redistributed, so its layer holds all there is: the spans of the
documents that were read. These are known by their checksums, wherever in a file they stand.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from pathlib import Path

from persian_ner.duplicates import compare_key
from persian_ner.layers import proofread
from persian_ner.layers.standoff import BY_READING, Edit, Entry, Layer, digest, document_name
from persian_ner.pretraining.corpus import read_lines
from persian_ner.records import InputError, Problem, Record

PARAGRAPHS = (2, 30)
WORDS = (60, 700)
LONGEST = 220
"""Of a document that :func:`drawn` draws: paragraphs, words in all, and words of a paragraph."""

_LATIN = 0.05
_SHARED = 40  # letters in a row that make two texts relatives, some eight words


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
    for records in documents(read_lines(path.name, path.parent)):
        found.setdefault(document_name(records[0]), records)
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
    read = proofread.read_marked(path, {record.id: record for records in found.values() for record in records})
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


def extended(known: Layer, more: Layer) -> Layer:
    """A layer with the documents of another one, which replace what it says of the same ones."""
    kept = {name: entry for name, entry in known.entries.items() if name.rpartition("#")[0] not in more.documents}
    return replace(known, documents=known.documents | more.documents, entries=kept | more.entries)


def drawn(
    found: Mapping[str, list[Record]], known: Iterable[str], apart: Iterable[str], words: int
) -> list[list[Record]]:
    """Documents drawn at random until they have ``words`` words; all there are, if they have not.

    They have the shape of a piece of news (:data:`PARAGRAPHS`, :data:`WORDS`, :data:`LONGEST`) and hardly a Latin
    letter. No title is drawn twice, nor one of the documents that are ``known`` (by name), and nothing that shares
    forty letters in a row with the texts ``apart``, whatever stands between these. With more documents known others
    are drawn first, not those that nobody wanted to read before.
    """
    left_out = set(known)
    titles = {compare_key(records[0].text) for name, records in found.items() if name in left_out}
    taboo = {row for text in apart for row in _rows([text])}
    taken: list[list[Record]] = []
    count = 0
    for name in random.Random(len(left_out)).sample(sorted(found), len(found)):
        records = found[name]
        title = compare_key(records[0].text)
        if count >= words:
            break
        if name in left_out or title in titles or not _is_news(records):
            continue
        if taboo and not taboo.isdisjoint(_rows(record.text for record in records)):
            continue
        titles.add(title)
        taken.append(records)
        count += word_count(records)
    return taken


def densest(guessed: Iterable[list[Record]], words: int) -> list[list[Record]]:
    """Of documents with spans those with the most spans a word, until they have ``words`` words, in their order."""
    guessed = list(guessed)
    sizes = [word_count(records) for records in guessed]
    density = [
        sum(len(record.spans) for record in records) / size for records, size in zip(guessed, sizes, strict=True)
    ]
    by_density = sorted(range(len(guessed)), key=lambda index: -density[index])
    before = accumulate((sizes[index] for index in by_density), initial=0)
    chosen = [index for index, count in zip(by_density, before, strict=False) if count < words]
    return [guessed[index] for index in sorted(chosen)]


def word_count(records: Iterable[Record]) -> int:
    """Words of a document, as white space separates them."""
    return sum(len(record.text.split()) for record in records)


def _is_news(records: Sequence[Record]) -> bool:
    lengths = [word_count([record]) for record in records]
    text = "".join(record.text for record in records)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    return (
        PARAGRAPHS[0] <= len(records) <= PARAGRAPHS[1]
        and WORDS[0] <= sum(lengths) <= WORDS[1]
        and max(lengths) <= LONGEST
        and all(proofread.fits_a_line(record.text) for record in records)
        and latin <= _LATIN * len(text)
    )


def _rows(texts: Iterable[str]) -> set[str]:
    keys = map(compare_key, texts)
    return {key[start : start + _SHARED] for key in keys for start in range(len(key) - _SHARED + 1)}
