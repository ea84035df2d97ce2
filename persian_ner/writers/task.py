"""What an annotation tool is given: a text with its annotation, or with what a pipeline suggests, to be corrected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError

from persian_ner.readers import records_jsonl
from persian_ner.readers.json_input import JsonObject, find_id, iter_json_lines, others, validation_reasons
from persian_ner.records import Problem, Record, Span

_ENTITIES = "entities"


class _Entity(BaseModel):
    model_config = ConfigDict(extra="ignore")

    start: StrictInt
    end: StrictInt
    label: StrictStr
    text: StrictStr | None = None
    score: float | None = None


class _Annotated(BaseModel):
    """What ``annotate`` adds to a record."""

    model_config = ConfigDict(extra="ignore")

    model: StrictStr
    entities: list[_Entity]


@dataclass(frozen=True)
class Task:
    """A record to be corrected.

    ``model`` names the pipeline that suggests the record's spans; in a task without
    one somebody has decided them, or, if the record gives none at all, nobody has.
    ``scores`` are those of the spans, in their order.
    """

    record: Record
    model: str | None = None
    scores: tuple[float | None, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether the record's spans are an annotation rather than suggestions."""
        return self.model is None and "spans" in self.record.model_fields_set

    @property
    def scored_spans(self) -> list[tuple[Span, float | None]]:
        """The spans in the order of the text, with their scores."""
        scores = self.scores or (None,) * len(self.record.spans)
        return sorted(zip(self.record.spans, scores, strict=True), key=lambda item: item[0].start)

    @property
    def lowest_score(self) -> float | None:
        """The score of the span that most needs to be looked at."""
        return min((score for score in self.scores if score is not None), default=None)

    def identity(self) -> dict[str, Any]:
        """The record's id under ``record`` and ``document``, unless its ``meta`` has them from an earlier round.

        Tools number their tasks anew. A record that comes back in a source of the
        same name goes by its ``document`` to the same split as before.
        """
        return {"record": self.record.id, "document": self.id_in_source}

    @property
    def id_in_source(self) -> str:
        """The record's id without the name of its source, which ``validate`` puts before it again.

        A field ``source`` of what ``annotate`` was given is somebody else's; its id stays whole.
        """
        source = None if self.model else self.record.meta.get("source")
        return self.record.id.removeprefix(f"{source}/") if source else self.record.id

    def suggested_by(self) -> dict[str, Any]:
        """The pipeline and its lowest score, where there are such."""
        facts = {"model": self.model, "lowest_score": self.lowest_score}
        return {name: value for name, value in facts.items() if value is not None}


def read(path: Path, text_field: str = "text", id_field: str = "id") -> Iterator[Task | Problem]:
    """Read what ``annotate`` writes as JSON lines, or else canonical records.

    The former is a file with ``entities``; the two fields are those ``annotate`` was
    given, and all others go to the record's ``meta``. Its empty texts, in which nothing
    can be corrected, are left out.
    """
    items = list(iter_json_lines(path))
    if any(isinstance(item, JsonObject) and _ENTITIES in item.content for item in items):
        for item in items:
            if isinstance(item, Problem):
                yield item
            else:
                yield from _annotated(path, item, text_field, id_field)
        return
    for record in records_jsonl.read(path):
        yield record if isinstance(record, Problem) else Task(record)


def _annotated(path: Path, item: JsonObject, text_field: str, id_field: str) -> Iterator[Task | Problem]:
    line, content = item
    doc_id, bad_id = find_id(content, f"{path.stem}#{line}", keys=(id_field,))
    reasons = [bad_id] if bad_id else []
    text = content.get(text_field)
    if not isinstance(text, str):
        reasons.append(f"{text_field}: not text: {text!r}")
    try:
        found = _Annotated.model_validate(content)
    except ValidationError as error:
        reasons += validation_reasons(error)
    if reasons:
        yield from (Problem(str(path), line, doc_id, reason) for reason in reasons)
        return
    if isinstance(text, str) and not text.strip():
        return
    record = Record.model_validate(
        {
            "id": doc_id,
            "text": text,
            "spans": [Span(start=e.start, end=e.end, label=e.label, surface=e.text) for e in found.entities],
            "meta": others(content, text_field, id_field, *_Annotated.model_fields),
            "origin": (str(path), line),
        }
    )
    yield Task(record, found.model, tuple(entity.score for entity in found.entities))
