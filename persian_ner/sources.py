"""Data sources: where annotated text comes from and how its labels map to ours.

One YAML file a source, under ``configs/sources/``. Label maps are data, so a
new corpus needs no code.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from persian_ner import readers
from persian_ner.records import InputError, Problem, Record, collect


class Source(BaseModel):
    """One source of annotated documents.

    ``labels`` maps every label of the source to one of ours, or to ``null`` to
    leave its spans out on purpose (they are counted). ``annotated_labels`` are
    the labels of ours that the source annotates exhaustively; text outside its
    spans is no evidence about the others, and ``uncovered`` says how conversion
    treats that: ``missing`` (unknown to the model) or ``outside`` (crudely
    counted as negative). ``split`` pins the whole source to one split; without
    it documents are distributed.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    format: str
    path: str
    options: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, str | None]
    annotated_labels: list[str]
    uncovered: Literal["missing", "outside"] | None = None
    split: Literal["train", "dev", "test"] | None = None
    licence: str
    description: str = ""


@dataclass
class Loaded:
    """A source's records with our labels, ids prefixed by the source's name, and what was left out."""

    source: Source
    records: list[Record]
    problems: list[Problem]
    left_out: Counter[str] = field(default_factory=Counter)


def read_source(path: Path) -> Source:
    """Read a source file; raises :class:`InputError` naming every field that is wrong."""
    try:
        return Source.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise InputError([Problem(str(path), 0, "", f"not YAML: {error}")]) from error
    except ValidationError as error:
        raise InputError(
            Problem(str(path), 0, "", f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}")
            for item in error.errors()
        ) from error


def load(source: Source, root: Path) -> Loaded:
    """Read a source's documents (``path`` relative to ``root``) and map its labels.

    An unmapped label is a problem of the record it occurs in.
    """
    items, problems = collect(readers.read(source.format, root / source.path, **source.options))
    loaded = Loaded(source, [], problems)
    for record in items:
        unmapped = sorted({span.label for span in record.spans} - source.labels.keys())
        loaded.problems += [
            record.problem(f"label {label!r} is not in the label map of source {source.name!r}") for label in unmapped
        ]
        spans = []
        for span in record.spans:
            label = source.labels.get(span.label)
            if label is None:
                loaded.left_out[f"label {span.label} mapped to null"] += span.label in source.labels
            else:
                spans.append(span.model_copy(update={"label": label}))
        loaded.records.append(
            record.model_copy(
                update={
                    "id": f"{source.name}/{record.id}",
                    "spans": spans,
                    "meta": {**record.meta, "source": source.name},
                    "annotated_labels": source.annotated_labels,
                }
            )
        )
    return loaded
