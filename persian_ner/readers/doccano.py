"""Reader of doccano's JSON lines, as exported by its sequence-labelling projects.

The text is ``text`` (``data`` in some versions). The spans are ``label`` or
``labels``, a list of ``[start, end, label]``, or ``entities``, a list of
``{"start_offset", "end_offset", "label"}`` (projects with relations) or, in the
oldest versions, of triples too. ``relations`` are left out; all other keys
(``Comments`` …) are kept in ``meta``.

doccano counts offsets as its page does, in UTF-16 code units, where emoji are two;
files for doccano that other programs made mostly count characters. The two differ
only behind a character beyond U+FFFF. Then the file does not tell which it is, and
the option ``offsets`` must.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, TypeAdapter, ValidationError

from persian_ner.characters import utf16_boundaries
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


Offsets = Literal["characters", "utf16"]


def read(path: Path, *, offsets: Offsets | None = None) -> Iterator[Record | Problem]:
    """Read an exported file. The record's id is the example's ``id`` as text, or else ``<file stem>#<line>``.

    ``offsets`` says what the file counts; without it an example where that matters is a problem.
    """
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(path, item, offsets)


def _record(path: Path, item: JsonObject, offsets: Offsets | None) -> Iterator[Record | Problem]:
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
    if not reasons:
        spans, reasons = _in_characters(text, spans, offsets)
    if reasons:
        yield from (Problem(str(path), line, doc_id, reason) for reason in reasons)
        return
    meta = others(content, "id", "relations", str(text_key), str(spans_key))
    yield Record(id=doc_id, text=text, spans=spans, meta=meta, origin=(str(path), line))


def _in_characters(text: str, spans: list[Span], offsets: Offsets | None) -> tuple[list[Span], list[str]]:
    """The spans with offsets in characters, and what is wrong with those that have none."""
    boundaries = utf16_boundaries(text)
    if offsets == "characters" or len(boundaries) == len(text) + 1:
        return spans, []
    if offsets is None:
        doubtful = any(max(span.start, span.end) > boundaries.index(None) - 1 for span in spans)
        reason = "offsets behind an emoji: say with the option offsets whether they count characters or utf16"
        return spans, [reason] if doubtful else []
    found, reasons = [], []
    for span in spans:
        inside = all(0 <= offset < len(boundaries) for offset in (span.start, span.end))
        start, end = (boundaries[span.start], boundaries[span.end]) if inside else (None, None)
        if start is None or end is None:
            reasons.append(f"{span.label} {span.start}–{span.end} lies outside the text or inside a character")
        else:
            found.append(span.model_copy(update={"start": start, "end": end}))
    return found, reasons


def _one_of(content: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    found = [key for key in keys if key in content]
    return found[0] if len(found) == 1 else None


def _spans(value: object) -> list[Span]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        entities = _ENTITIES.validate_python(value)
        return [Span(start=entity.start_offset, end=entity.end_offset, label=entity.label) for entity in entities]
    return [Span(start=start, end=end, label=label) for start, end, label in _TRIPLES.validate_python(value)]
