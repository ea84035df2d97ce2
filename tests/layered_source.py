"""A made-up source with a layer, for the tests of layers."""

from __future__ import annotations

from collections.abc import Mapping

from persian_ner.labels import LABELS
from persian_ner.sources import Source


def layered_source(labels: Mapping[str, str | None]) -> Source:
    """A source with these labels, each with what it becomes."""
    return Source.model_validate(
        {
            "name": "mine",
            "format": "conll",
            "path": "mine.txt",
            "labels": dict(labels),
            "layer": "layers/mine.jsonl",
            "annotated_labels": list(LABELS),
            "licence": "MIT",
        }
    )
