"""Readers of annotated corpora, one module a format, all yielding records and problems.

A reader module has ``HELP``, one line for people, and ``read(path, **options)``,
which yields a :class:`~persian_ner.records.Record` for each document and a
:class:`~persian_ner.records.Problem` for each defect. A document with a problem
is not yielded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from persian_ner.readers import (
    brat,
    conll,
    docbin,
    doccano,
    huggingface,
    label_studio,
    markup,
    prodigy,
    records_jsonl,
)
from persian_ner.records import Problem, Record

READERS: dict[str, ModuleType] = {
    "markup": markup,
    "jsonl": records_jsonl,
    "prodigy": prodigy,
    "doccano": doccano,
    "conll": conll,
    "brat": brat,
    "label-studio": label_studio,
    "huggingface": huggingface,
    "docbin": docbin,
}


def read(format: str, path: Path | str, /, **options: Any) -> Iterator[Record | Problem]:
    """Read ``path`` with the reader of that short name; ``options`` are the reader's own.

    Options may come as text, as from a command line: ``"1"`` and ``"true"`` are
    converted to what the option is declared as. Raises ``ValueError`` at once for
    an unknown format or option, naming the known ones, and for a value that the
    option cannot have.
    """
    if format not in READERS:
        raise ValueError(f"unknown format {format!r}; known: {', '.join(READERS)}")
    reader = READERS[format]
    known = {name: kind for name, kind in get_type_hints(reader.read).items() if name not in ("path", "return")}
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(f"{format} has no option {', '.join(unknown)}; known: {', '.join(known) or 'none'}")
    values = {name: _checked(name, known[name], value) for name, value in options.items()}
    source = path if reader is huggingface else Path(path)
    items: Iterator[Record | Problem] = reader.read(source, **values)
    return items


def _checked(name: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reasons = "; ".join(detail["msg"] for detail in error.errors())
        raise ValueError(f"option {name}: {reasons}, not {value!r}") from error
