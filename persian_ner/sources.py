"""Data sources: where annotated text comes from and how its labels map to ours.

One YAML file a source, under ``configs/sources/``. Label maps are data, so a
new corpus needs no code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from persian_ner.records import InputError, Problem


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
