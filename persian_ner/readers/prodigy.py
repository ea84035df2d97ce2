"""Reader of Prodigy's JSON lines (``prodigy db-out`` of ``ner.manual``, ``ner.correct`` …).

An example has ``text``, ``spans`` (``start``, ``end``, ``label``; offsets in
characters) and ``answer``. Examples annotated by hand have ``tokens`` and token
indices too; they follow from the text and are left out. All other keys
(``flagged``, ``_task_hash``, ``_annotator_id``, the entries of ``meta`` …) are
kept in the record's ``meta``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from persian_ner.readers.json_input import JsonObject, find_id, iter_json_lines, others, validation_reasons
from persian_ner.records import Problem, Record, Span

HELP = "Prodigy's JSON lines: text, spans, answer (prodigy db-out)"

_DEFAULT_ANSWER = "accept"


class _ProdigySpan(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start: StrictInt
    end: StrictInt
    label: StrictStr
    text: StrictStr | None = None


class _Example(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: StrictStr
    spans: list[_ProdigySpan] = Field(default_factory=list)
    answer: StrictStr = _DEFAULT_ANSWER
    meta: dict[str, Any] = Field(default_factory=dict)


def read(
    path: Path, *, answers: tuple[str, ...] = ("accept",), skip_unaccepted: bool = False
) -> Iterator[Record | Problem]:
    """Read an exported file.

    An example whose ``answer`` is not among ``answers`` is a problem, or is left
    out with ``skip_unaccepted``. An example without an answer counts as
    accepted, as in Prodigy itself. The record's id is the example's ``id``, or
    else its ``_input_hash``, or else ``<file stem>#<line>``.
    """
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(path, item, answers, skip_unaccepted)


def _record(
    path: Path, item: JsonObject, answers: tuple[str, ...], skip_unaccepted: bool
) -> Iterator[Record | Problem]:
    line, content = item
    doc_id, bad_id = find_id(content, f"{path.stem}#{line}", keys=("id", "_input_hash"))
    answer = content.get("answer", _DEFAULT_ANSWER)
    if isinstance(answer, str) and answer not in answers:
        if not skip_unaccepted:
            yield Problem(str(path), line, doc_id, f"the answer is {answer!r}, not {' or '.join(answers)}")
        return
    reasons = [bad_id] if bad_id else []
    try:
        example = _Example.model_validate(content)
    except ValidationError as error:
        reasons += validation_reasons(error)
    else:
        rest = others(content, "id", "text", "spans", "tokens", "meta")
        clashes = [key for key, value in example.meta.items() if key in rest and rest[key] != value]
        reasons += [f"meta.{key}: differs from the example's own {key!r}" for key in clashes]
    if reasons:
        yield from (Problem(str(path), line, doc_id, reason) for reason in reasons)
        return
    spans = [Span(start=span.start, end=span.end, label=span.label, surface=span.text) for span in example.spans]
    yield Record(id=doc_id, text=example.text, spans=spans, meta=rest | example.meta, origin=(str(path), line))
