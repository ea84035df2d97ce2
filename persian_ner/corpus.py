"""From validated records to split, tokenised training data: the steps behind ``convert`` and ``check-splits``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import srsly
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from spacy.about import __version__ as spacy_version
from spacy.language import Language

from persian_ner import docbin, files
from persian_ner.labels import LABELS
from persian_ner.readers import records_jsonl
from persian_ner.records import InputError, Problem, Record, collect
from persian_ner.segments import segment
from persian_ner.sources import Source
from persian_ner.splits import SPLITS, assign, document_of, missing_labels

RECORDS = "records.jsonl"
SOURCES = "sources.json"
MANIFEST = "manifest.json"


class CorpusConfig(BaseModel):
    """What a corpus is made of; see ``configs/corpus/``.

    ``sources``: names of files in ``configs/sources``. ``shares``: the part of
    the documents that goes to each split, for sources that do not pin theirs.
    ``max_words``: longest training document, in words.
    """

    model_config = ConfigDict(extra="forbid")

    sources: list[str]
    shares: dict[str, float]
    max_words: int


def read_config(path: Path) -> CorpusConfig:
    """Read a corpus configuration; raises :class:`InputError` naming every field that is wrong."""
    try:
        config = CorpusConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(
            Problem(str(path), 0, "", f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}")
            for item in error.errors()
        ) from error
    if set(config.shares) != set(SPLITS):
        raise InputError([Problem(str(path), 0, "", f"shares must name {', '.join(SPLITS)}")])
    return config


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
    (segments) and ``manifest.json``, and returns the manifest. Raises
    :class:`InputError` when a span is not whole tokens, unless
    ``skip_misaligned``; then such spans are left out, counted and listed in the
    manifest. Nothing is written before everything has been converted.
    """
    sources: dict[str, dict[str, Any]] = srsly.read_json(folder / SOURCES)
    declared = {name: Source.model_validate({"name": name, **_declaration(facts)}) for name, facts in sources.items()}
    splits = split_records(
        read_records(folder / RECORDS), config.shares, {name: source.split for name, source in declared.items()}
    )
    problems = missing_labels(splits, LABELS)
    if problems:
        raise InputError(problems)
    uncovered = {name: source.uncovered for name, source in declared.items()}
    nlp = docbin.blank()
    docs = {}
    misaligned: list[Problem] = []
    for split, records in splits.items():
        segments = [piece for record in records for piece in segment(record, config.max_words)]
        docs[split], found = docbin.to_docs(segments, nlp, uncovered)
        misaligned += found
    if misaligned and not skip_misaligned:
        raise InputError(misaligned)
    for split in SPLITS:
        records_jsonl.write(splits[split], folder / f"{split}.jsonl")
        docbin.write(docs[split], folder / f"{split}.spacy")
    manifest = {
        "schema_version": 1,
        "labels": list(LABELS),
        "sources": sources,
        "splits": {
            split: {
                **_counts(splits[split]),
                "segments": len(docs[split]),
                "tokens": sum(map(len, docs[split])),
                "by_source": {name: _counts(found) for name, found in _by_source(splits[split]).items()},
                "sha256": {
                    name: files.checksum(folder / name) for name in (f"{split}.jsonl", f"{split}.spacy")
                },
            }
            for split in SPLITS
        },
        "tokenizer": {"spacy": spacy_version, **_tokenizer_patterns(nlp)},
        "dropped": {
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


def _counts(records: list[Record]) -> dict[str, Any]:
    spans = Counter(span.label for record in records for span in record.spans)
    return {
        "documents": len({document_of(record) for record in records}),
        "records": len(records),
        "spans": {label: spans[label] for label in LABELS},
    }


def _by_source(records: list[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.meta["source"]].append(record)
    return groups


def _tokenizer_patterns(nlp: Language) -> dict[str, str]:
    tokenizer: Any = nlp.tokenizer
    return {
        "prefix": tokenizer.prefix_search.__self__.pattern,
        "suffix": tokenizer.suffix_search.__self__.pattern,
        "infix": tokenizer.infix_finditer.__self__.pattern,
    }
