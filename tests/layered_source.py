"""A made-up source with a layer, and lists of places, for the tests of layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tiny_corpus import put

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


def put_gazetteers(folder: Path, territories: Mapping[str, str]) -> None:
    """All lists of places that the commands need; only that of territories has any."""
    places = {"main": {"fa": {"localeDisplayNames": {"territories": dict(territories)}}}}
    put(folder / "cldr_fa" / "territories.json", json.dumps(places))
    put(folder / "i18n_iso_countries_fa.json", '{"countries": {}}')
    put(folder / "sajaddp_all.json", "[]")
    put(folder / "geonames_cities1000_arabicscript.json", "[]")
