"""What a trained pipeline says about itself in ``meta.json``: labels, sources, licence, provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from thinc.api import Config

from persian_ner import files
from persian_ner.readers.json_input import AnyObject, read_as
from persian_ner.records import InputError, Problem, collecting, loaded


class _Source(BaseModel):
    licence: str
    description: str
    absent: bool
    sha256: Any


class _Split(BaseModel):
    sha256: Any


class _Manifest(BaseModel):
    """What of a corpus manifest gets into ``meta.json``."""

    labels: list[str]
    sources: dict[str, _Source]
    splits: dict[str, _Split]


class _Meta(BaseModel):
    model_config = ConfigDict(extra="allow")

    lang: str


def stamp(model: Path, manifest: Path, name: str, version: str) -> dict[str, Any]:
    """Complete ``model/meta.json`` from the corpus manifest; returns the new meta.

    ``performance`` stays what training measured on the development split. What is trained
    on data under several licences is under none that this project could give it, so all are named.
    Raises :class:`InputError` with everything that is wrong with the manifest and with the pipeline's files.
    """
    problems: list[Problem] = []
    corpus = collecting(problems, lambda: read_as(manifest, _Manifest))
    found = collecting(problems, lambda: read_as(model / "meta.json", _Meta))
    config = collecting(problems, lambda: loaded(model / "config.cfg", _read_config))
    if corpus is None or found is None or config is None:
        raise InputError(problems)
    meta = found.model_dump()
    sources = [
        {"name": source, "license": facts.licence, "description": facts.description}
        for source, facts in corpus.sources.items()
        if not facts.absent
    ]
    licences = dict.fromkeys(source["license"] for source in sources)
    meta |= {
        "name": name,
        "version": version,
        "description": f"Persian named-entity recognition: {', '.join(corpus.labels)}",
        "license": "".join(licences) if len(licences) == 1 else f"those of the sources: {'; '.join(licences)}",
        "sources": sources,
        "provenance": {
            "git_commit": files.git_commit(Path()),
            "config_sha256": files.checksum(model / "config.cfg"),
            "encoder_sha256": _encoder_checksum(config),
            "corpus": {
                "manifest_sha256": files.checksum(manifest),
                "sources": {source: facts.sha256 for source, facts in corpus.sources.items()},
                "splits": {split: facts.sha256 for split, facts in corpus.splits.items()},
            },
        },
    }
    files.write_json(model / "meta.json", meta)
    return meta


def read_stamped(path: Path) -> dict[str, Any]:
    """What :func:`stamp` wrote. Raises :class:`InputError` for a file that it did not write."""
    meta = read_as(path, AnyObject).root
    if not {"provenance", "sources"} <= meta.keys():
        reason = "does not say what the pipeline was trained on: no provenance (scripts/stamp.py)"
        raise InputError([Problem(str(path), 0, "", reason)])
    return meta


def _read_config(path: Path) -> Config:
    return Config().from_disk(path, interpolate=False)


def _encoder_checksum(settings: Config) -> str | None:
    """Of the folder that the training started from; None for an encoder of the hub, and for a pipeline without one."""
    if "transformer" not in settings.get("nlp", {}).get("pipeline", ()):
        return None  # `train` gives the path to every configuration
    encoder = settings.get("paths", {}).get("encoder")
    return files.checksum(Path(encoder)) if encoder and Path(encoder).is_dir() else None
