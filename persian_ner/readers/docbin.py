"""Reader of spaCy's binary corpora (``DocBin``, .spacy): ``doc.text`` and ``doc.ents`` by character offsets.

Span groups and entity links are left out. A document whose tokens have no entity
annotation (``ENT_IOB`` missing, which is not the same as O) says nothing about
names and is a problem; so is one where only some tokens have it, which a record
cannot express, and each value of ``user_data`` that JSON cannot hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persian_ner.readers.json_input import find_id
from persian_ner.records import Problem, Record, Span

if TYPE_CHECKING:
    from spacy.tokens import Doc

HELP = "spaCy's DocBin (.spacy), one file or a folder: text and entities of each document"


def read(path: Path) -> Iterator[Record | Problem]:
    """Read one file, or every ``*.spacy`` file below a folder in name order.

    The record's id is ``doc.user_data["id"]``, or else ``<file stem>#<number>``;
    the other text keys of ``user_data`` go to ``meta``. The line of a problem is
    the number of the document in its file.
    """
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    if not files:
        yield Problem(str(path), 0, "", "no *.spacy file here")
    for file in files:
        yield from _read_file(file)


def _read_file(file: Path) -> Iterator[Record | Problem]:
    # Imported here so that the other readers start without loading spaCy.
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    data = file.read_bytes()
    try:
        docs = list(DocBin().from_bytes(data).get_docs(Vocab()))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        yield Problem(str(file), 0, "", f"not a spaCy DocBin: {error}")
        return
    for number, doc in enumerate(docs, start=1):
        yield from _record(file, number, doc)


def _record(file: Path, number: int, doc: Doc) -> Iterator[Record | Problem]:
    # Extension attributes are stored in user_data too, under tuples.
    user_data: dict[str, Any] = {key: value for key, value in doc.user_data.items() if isinstance(key, str)}
    doc_id, bad_id = find_id(user_data, f"{file.stem}#{number}")
    meta = {key: value for key, value in user_data.items() if key != "id"}
    reasons = [f"user_data {reason}" for reason in (bad_id, *map(_not_json, meta, meta.values())) if reason]
    if not doc.has_annotation("ENT_IOB"):
        reasons.append("no entity annotation")
    elif not doc.has_annotation("ENT_IOB", require_complete=True):
        missing = sum(token.ent_iob == 0 for token in doc)
        reasons.append(f"{missing} of {len(doc)} tokens have no entity annotation")
    if reasons:
        yield from (Problem(str(file), number, doc_id, reason) for reason in reasons)
        return
    yield Record(
        id=doc_id,
        text=doc.text,
        spans=[Span(start=ent.start_char, end=ent.end_char, label=ent.label_) for ent in doc.ents],
        meta=meta,
        origin=(str(file), number),
    )


def _not_json(key: str, value: Any) -> str:
    """Why the value of a key cannot be written as JSON; ``""`` when it can."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"{key}: not JSON: {error}"
    return ""
