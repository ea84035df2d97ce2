"""Reader of doccano's JSON lines, as exported by its sequence-labelling projects.

The text is ``text`` (``data`` in some versions). The spans are ``label`` or
``labels``, a list of ``[start, end, label]``, or ``entities``, a list of
``{"start_offset", "end_offset", "label"}`` (projects with relations) or, in the
oldest versions, of triples too. Offsets are in characters. ``relations`` are
left out; all other keys (``Comments`` …) are kept in ``meta``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, TypeAdapter, ValidationError

from persian_ner.readers.json_input import JsonObject, find_id, iter_json_lines, others, validation_reasons
from persian_ner.records import Problem, Record, Span

HELP = "doccano's JSON lines: text with label/labels triples or entities with start_offset/end_offset"

_TEXT_KEYS = ("text", "data")
_SPAN_KEYS = ("label", "labels", "entities")


class _Entity(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start_offset: StrictInt
    end_offset: StrictInt
    label: StrictStr


_TRIPLES = TypeAdapter(list[tuple[StrictInt, StrictInt, StrictStr]])
_ENTITIES = TypeAdapter(list[_Entity])


def read(path: Path) -> Iterator[Record | Problem]:
    """Read an exported file. The record's id is the example's ``id`` as text, or else ``<file stem>#<line>``."""
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(path, item)


def _record(path: Path, item: JsonObject) -> Iterator[Record | Problem]:
    line, content = item
    doc_id, bad_id = find_id(content, f"{path.stem}#{line}")
    reasons = [bad_id] if bad_id else []
    text_key, spans_key = _one_of(content, _TEXT_KEYS), _one_of(content, _SPAN_KEYS)
    for key, what, choices in ((text_key, "text", _TEXT_KEYS), (spans_key, "spans", _SPAN_KEYS)):
        if key is None:
            reasons.append(f"{what} expected under exactly one of the keys {', '.join(choices)}")
    text = content[text_key] if text_key else ""
    if not isinstance(text, str):
        reasons.append(f"{text_key}: not text: {text!r}")
    spans: list[Span] = []
    if spans_key:
        try:
            spans = _spans(content[spans_key])
        except ValidationError as error:
            reasons += validation_reasons(error, under=(spans_key,))
    if reasons:
        yield from (Problem(str(path), line, doc_id, reason) for reason in reasons)
        return
    meta = others(content, "id", "relations", str(text_key), str(spans_key))
    yield Record(id=doc_id, text=text, spans=spans, meta=meta, origin=(str(path), line))


def _one_of(content: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    found = [key for key in keys if key in content]
    return found[0] if len(found) == 1 else None


def _spans(value: object) -> list[Span]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        entities = _ENTITIES.validate_python(value)
        return [Span(start=entity.start_offset, end=entity.end_offset, label=entity.label) for entity in entities]
    return [Span(start=start, end=end, label=label) for start, end, label in _TRIPLES.validate_python(value)]
