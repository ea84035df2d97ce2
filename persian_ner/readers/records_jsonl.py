"""Reader and writer of the project's own format: one :class:`~persian_ner.records.Record` per line.

A line is ``{"id", "text", "spans": [{"start", "end", "label", "surface"}],
"meta", "annotated_labels"}``; ``id`` and ``text`` are required, ``surface`` is
optional. Offsets are in characters of ``text``. Unknown keys are problems, so
that a misspelt key is not lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from persian_ner.files import replacing
from persian_ner.readers.json_input import JsonObject, iter_json_lines, text_id, validation_reasons
from persian_ner.records import Problem, Record

HELP = "The canonical JSON lines: id, text, spans with start/end/label in characters, meta, annotated_labels (.jsonl)"


def read(path: Path) -> Iterator[Record | Problem]:
    """Read a file of records; every defect of a line is yielded as one problem."""
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(path, item)


def write(records: Iterable[Record], path: Path) -> None:
    """Write records as JSON lines, whole or not at all.

    The lines go to a temporary file beside ``path``, which then takes its place.
    ``surface`` and ``annotated_labels`` are written only where they are given.
    Raises ``TypeError`` or ``ValueError`` when a ``meta`` value is not JSON.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as handle:
        for record in records:
            handle.write(_line(record) + "\n")


def _record(path: Path, item: JsonObject) -> Iterator[Record | Problem]:
    line, content = item
    # ``origin`` is a field of Record for messages, never of the file.
    reasons = ["origin: unknown key"] if content.pop("origin", None) is not None else []
    try:
        record = Record.model_validate({**content, "origin": (str(path), line)})
    except ValidationError as error:
        reasons += validation_reasons(error)
    if reasons:
        yield from (Problem(str(path), line, text_id(content.get("id")), reason) for reason in reasons)
    else:
        yield record


def _line(record: Record) -> str:
    content = record.model_dump()
    content["spans"] = [span.model_dump(exclude_none=True) for span in record.spans]
    if record.annotated_labels is None:
        del content["annotated_labels"]
    line = json.dumps(content, ensure_ascii=False, allow_nan=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, from broken scraping: only a JSON escape can hold it
        return json.dumps(content)
    return line
