"""From validated records to split, tokenised training data: the steps behind ``convert`` and ``check-splits``."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import srsly
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, field_validator, model_validator
from spacy.about import __version__ as spacy_version

from persian_ner import docbin, files
from persian_ner.duplicates import repeated_records
from persian_ner.labels import LABELS
from persian_ner.readers import records_jsonl
from persian_ner.records import InputError, Problem, Record, collect
from persian_ner.segments import segment
from persian_ner.sources import Source, Uncovered, checked_source, read_yaml
from persian_ner.splits import SPLITS, assign, document_of, missing_labels
from persian_ner.tokenizer import token_pattern

RECORDS = "records.jsonl"
SOURCES = "sources.json"
MANIFEST = "manifest.json"


# Capitals, so that none is «layer» (:data:`persian_ner.sources.BY_LAYER`).
_Label = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class CorpusConfig(BaseModel):
    """What a corpus is made of; see ``configs/corpus/``.

    ``sources``: names of files in ``configs/sources``. ``optional``: more of them,
    which are left out, and reported, when their files are not there. ``labels``: what
    the model will predict, to which the sources map their own labels. ``shares``:
    the part of the documents that goes to each split, for sources that do not pin
    theirs. ``not_trained_on``: sources that go to the other splits only, and are left
    out of the training split. ``uncovered``: how conversion treats what a source does not annotate, in place of what
    the source says, which must say it all the same; see :class:`persian_ner.sources.Source`.
    ``max_words``: longest training document, in words. ``drop_repeats``: leave out of the
    training split what repeats another split or an earlier training record; see
    :func:`persian_ner.duplicates.repeated_records`.
    """

    model_config = ConfigDict(extra="forbid")

    sources: list[str] = Field(min_length=1)
    optional: list[str] = Field(default_factory=list)
    labels: list[_Label] = Field(default=list(LABELS), min_length=1)
    shares: dict[str, NonNegativeFloat]
    not_trained_on: list[str] = Field(default_factory=list)
    uncovered: Uncovered | None = None
    max_words: PositiveInt
    drop_repeats: bool = False

    @field_validator("labels")
    @classmethod
    def _labels_are_different(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) < len(labels):
            raise ValueError("names a label twice")
        return labels

    @field_validator("shares")
    @classmethod
    def _shares_of_all_splits(cls, shares: dict[str, float]) -> dict[str, float]:
        if set(shares) != set(SPLITS) or abs(sum(shares.values()) - 1) > 1e-9:
            raise ValueError(f"must name {', '.join(SPLITS)} and sum to 1")
        return shares

    @model_validator(mode="after")
    def _not_trained_on_are_sources(self) -> CorpusConfig:
        unknown = sorted(set(self.not_trained_on) - {*self.sources, *self.optional})
        if unknown:
            raise ValueError(f"not_trained_on names no source of the corpus: {', '.join(unknown)}")
        return self


def read_config(path: Path) -> CorpusConfig:
    """Read a corpus configuration; raises :class:`InputError` naming everything that is wrong."""
    return read_yaml(path, CorpusConfig)


def read_records(path: Path) -> list[Record]:
    """Read canonical records; raises :class:`InputError` with all problems."""
    records, problems = collect(records_jsonl.read(path))
    if problems:
        raise InputError(problems)
    return records


def split_records(
    records: Iterable[Record], shares: Mapping[str, float], pinned: Mapping[str, str | None]
) -> dict[str, list[Record]]:
    """Distribute records by document; ``pinned`` maps a source to the split all of it goes to."""
    splits: dict[str, list[Record]] = {split: [] for split in SPLITS}
    for record in records:
        split = pinned.get(record.meta.get("source", "")) or assign(document_of(record), shares)
        splits[split].append(record)
    return splits


def convert(config: CorpusConfig, folder: Path, skip_misaligned: bool) -> dict[str, Any]:
    """Split, segment and tokenise ``folder/records.jsonl``.

    Writes ``{train,dev,test}.jsonl`` (whole documents), ``{train,dev,test}.spacy``
    (segments) and ``manifest.json``, and returns the manifest. The segments of the
    training split are in the order of :func:`persian_ner.docbin.as_stream`. Raises
    :class:`InputError` when a span is not whole tokens, unless
    ``skip_misaligned``; then such spans are left out, counted and listed in the
    manifest. Nothing is written before everything has been converted.
    """
    absent = [folder / name for name in (SOURCES, RECORDS) if not (folder / name).exists()]
    if absent:
        raise InputError(Problem(str(file), 0, "", "no such file: validate writes it") for file in absent)
    sources: dict[str, dict[str, Any]] = srsly.read_json(folder / SOURCES)
    if config.uncovered is not None:
        for facts in sources.values():
            if set(config.labels) - set(facts["annotated_labels"]):
                facts["uncovered"] = config.uncovered
    declared = {
        name: checked_source({"name": name, **_declaration(facts)}, folder / SOURCES, config.labels)
        for name, facts in sources.items()
    }
    records = read_records(folder / RECORDS)
    splits = split_records(records, config.shares, {name: source.split for name, source in declared.items()})
    unknown = [record for record in records if record.meta.get("source") not in declared]
    if unknown:
        raise InputError(record.problem(f"meta.source is not in {SOURCES}") for record in unknown)
    withheld = Counter(
        record.meta["source"] for record in splits["train"] if record.meta["source"] in config.not_trained_on
    )
    splits["train"] = [record for record in splits["train"] if record.meta["source"] not in config.not_trained_on]
    repeats: dict[str, str] = {}
    if config.drop_repeats:
        repeats = repeated_records(splits["train"], splits["dev"] + splits["test"])
        splits["train"] = [record for record in splits["train"] if record.id not in repeats]
    if problems := missing_labels(splits, config.labels):
        raise InputError(problems)
    uncovered = {name: source.uncovered for name, source in declared.items()}
    nlp = docbin.blank()
    packed = {}
    misaligned: list[Problem] = []
    for split, documents in splits.items():
        segments = [
            _for_docbin(piece, config.labels, uncovered[piece.meta["source"]])
            for record in documents
            for piece in segment(record, config.max_words)
        ]
        if split == "train":
            segments = docbin.as_stream(segments)
        packed[split], found = docbin.from_records(segments, nlp, uncovered)
        misaligned += found
    if misaligned and not skip_misaligned:
        raise InputError(misaligned)
    for split in SPLITS:
        records_jsonl.write(splits[split], folder / f"{split}.jsonl")
        docbin.write(packed[split], folder / f"{split}.spacy")
    manifest = {
        "schema_version": 1,
        "labels": config.labels,
        "sources": sources,
        "splits": {
            split: {
                **_counts(splits[split], config.labels),
                "segments": len(packed[split]),
                "tokens": sum(map(len, packed[split].tokens)),
                "by_source": {name: _counts(found, config.labels) for name, found in _by_source(splits[split]).items()},
                "sha256": {name: files.checksum(folder / name) for name in (f"{split}.jsonl", f"{split}.spacy")},
            }
            for split in SPLITS
        },
        "tokenizer": _tokenizer_identity(),
        "dropped": {
            "not_trained_on": dict(withheld),
            "repeats": dict(Counter(repeats.values())),
            "misaligned_spans": [str(problem) for problem in misaligned],
            "documents_with_problems": {name: facts["skipped"] for name, facts in sources.items() if facts["skipped"]},
            "spans_left_out_by_label_map": {
                name: facts["left_out"] for name, facts in sources.items() if facts["left_out"]
            },
        },
    }
    files.write_json(folder / MANIFEST, manifest)
    return manifest


def _declaration(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key in Source.model_fields}


def _for_docbin(record: Record, labels: Sequence[str], uncovered: str | None) -> Record:
    """The record with its coverage as :func:`persian_ner.docbin.to_doc` reads it, which knows our own labels only.

    That must see a gap where, and only where, the record lacks labels of the corpus.
    """
    lacking = set() if record.annotated_labels is None else set(labels) - set(record.annotated_labels)
    if uncovered == "cues":  # there are none for other labels
        lacking &= set(LABELS)
    covered: list[str] | None = None
    if lacking:
        covered = [label for label in LABELS if label not in lacking] if lacking & set(LABELS) else []
    return record.model_copy(update={"annotated_labels": covered})


def _counts(records: list[Record], labels: Sequence[str]) -> dict[str, Any]:
    spans = Counter(span.label for record in records for span in record.spans)
    return {
        "documents": len({document_of(record) for record in records}),
        "records": len(records),
        "spans": {label: spans[label] for label in labels},
    }


def _by_source(records: list[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.meta["source"]].append(record)
    return groups


def _tokenizer_identity() -> dict[str, str]:
    return {
        "spacy": spacy_version,
        "unicode": unicodedata.unidata_version,
        "pattern_sha256": hashlib.sha256(token_pattern().encode("utf-8")).hexdigest(),
    }
