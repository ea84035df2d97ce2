"""What a trained pipeline says about itself in ``meta.json``: labels, sources, licence, provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import srsly

from persian_ner import files

DESCRIPTION = "Persian named-entity recognition for news: people, organisations, geo-political entities, events, dates"
LICENCE = "CC BY 4.0"


def stamp(model: Path, manifest: Path, name: str, version: str) -> dict[str, Any]:
    """Complete ``model/meta.json`` from the corpus manifest; returns the new meta.

    ``performance`` stays what training measured on the development split.
    """
    corpus: dict[str, Any] = srsly.read_json(manifest)
    meta: dict[str, Any] = srsly.read_json(model / "meta.json")
    meta |= {
        "name": name,
        "version": version,
        "description": DESCRIPTION,
        "license": LICENCE,
        "sources": [
            {"name": source, "license": facts["licence"], "description": facts["description"]}
            for source, facts in corpus["sources"].items()
            if not facts["absent"]
        ],
        "provenance": {
            "git_commit": files.git_commit(Path()),
            "config_sha256": files.checksum(model / "config.cfg"),
            "corpus": {
                "manifest_sha256": files.checksum(manifest),
                "sources": {source: facts["sha256"] for source, facts in corpus["sources"].items()},
                "splits": {split: facts["sha256"] for split, facts in corpus["splits"].items()},
            },
        },
    }
    files.write_json(model / "meta.json", meta)
    return meta
