"""Data sources: where annotated text comes from and how its labels map to ours.

One YAML file a source, under ``configs/sources/``. Label maps are data, so a
new corpus needs no code.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from persian_ner.labels import LABELS
from persian_ner.records import InputError, Problem

Uncovered = Literal["missing", "cues", "outside"]

_Model = TypeVar("_Model", bound=BaseModel)


def _scheme(info: ValidationInfo) -> Collection[str]:
    return (info.context or {}).get("labels", LABELS)


def _known(label: str, info: ValidationInfo) -> str:
    if label not in _scheme(info):
        raise ValueError(f"unknown label {label!r}; known: {', '.join(_scheme(info))}")
    return label


BY_LAYER = "layer"
"""In a label map: the source's stand-off layer decides every single span."""

_Label = Annotated[str, AfterValidator(_known)]
_Target = Annotated[str, AfterValidator(lambda label, info: label if label == BY_LAYER else _known(label, info))]


class Source(BaseModel):
    """One source of annotated documents, for a corpus of certain labels (:func:`read_source`).

    ``labels`` maps every label of the source to one of ours, or to ``null`` to
    leave its spans out on purpose (they are counted). ``annotated_labels`` are
    the labels of ours that the source annotates exhaustively; text outside its
    spans is no evidence about the others, and ``uncovered`` says how conversion
    treats that: ``missing`` (unknown to the model), ``cues`` (unknown near a cue word) or ``outside`` (crudely
    counted as negative); it is required of a source that does not annotate all.
    ``split`` pins the whole source to one split; without it documents are
    distributed. ``documents_of`` is a layer file: only documents that it knows are
    taken, as ``layer`` does too; the rest may be somebody's test set.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    format: str
    path: str
    options: dict[str, Any] = Field(default_factory=dict)
    labels: dict[str, _Target | None]
    layer: str | None = None
    documents_of: str | None = None
    annotated_labels: list[_Label]
    uncovered: Uncovered | None = None
    split: Literal["train", "dev", "test"] | None = None
    licence: str
    description: str = ""

    @model_validator(mode="after")
    def _layer_is_named(self) -> Source:
        if BY_LAYER in self.labels.values() and self.layer is None:
            raise ValueError("labels leave a label to the layer, but no layer is given")
        return self

    @model_validator(mode="after")
    def _coverage_is_decided(self, info: ValidationInfo) -> Source:
        missing = [label for label in _scheme(info) if label not in self.annotated_labels]
        if missing and self.uncovered is None:
            raise ValueError(
                f"annotated_labels lacks {', '.join(missing)}: set uncovered to missing (tokens outside all spans are "
                "unknown), cues (those near a cue word are) or outside (they count as negative)"
            )
        return self

    def decided_by_layer(self) -> frozenset[str]:
        """The labels of the source of which its layer decides every span."""
        return frozenset(label for label, ours in self.labels.items() if ours == BY_LAYER)


def read_source(path: Path, labels: Collection[str] = LABELS) -> Source:
    """Read a source file for a corpus of these labels; raises :class:`InputError` naming everything that is wrong."""
    return checked_source(_read(path), path, labels)


def checked_source(content: Any, path: Path, labels: Collection[str]) -> Source:
    """A source from its fields; raises :class:`InputError` naming everything that is wrong with them in ``path``."""
    return _checked(content, Source, path, {"labels": labels})


def read_yaml(path: Path, model: type[_Model]) -> _Model:
    """Read a YAML file into a model; raises :class:`InputError` for no file, no YAML, or every field that is wrong."""
    return _checked(_read(path), model, path)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read as YAML: {error}")]) from error


def _checked(content: Any, model: type[_Model], path: Path, context: dict[str, Any] | None = None) -> _Model:
    try:
        return model.model_validate(content, context=context)
    except ValidationError as error:
        raise InputError(
            Problem(
                str(path),
                0,
                "",
                f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg'].removeprefix('Value error, ')}",
            )
            for item in error.errors()
        ) from error
