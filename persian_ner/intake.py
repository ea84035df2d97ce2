"""Taking annotated text in: read every source of a corpus, map its labels, check everything. Behind ``validate``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from persian_ner import files, validation
from persian_ner.corpus import RECORDS, SOURCES, CorpusConfig
from persian_ner.layers import standoff
from persian_ner.readers import records_jsonl, registry
from persian_ner.records import InputError, Problem, Record, Span, collect
from persian_ner.sources import Source, read_source


@dataclass
class Loaded:
    """A source's records with our labels, ids prefixed by the source's name, and what was left out.

    ``absent``: an optional source whose files are not there.
    """

    source: Source
    records: list[Record]
    problems: list[Problem]
    left_out: Counter[str] = field(default_factory=Counter)
    skipped: list[Problem] = field(default_factory=list)
    absent: bool = False

    @property
    def documents_skipped(self) -> int:
        """How many documents the problems in ``skipped`` are of; one whose id is unknown is known by its line."""
        return len({problem.doc_id or (problem.file, problem.line) for problem in self.skipped})


def load(source: Source, root: Path) -> Loaded:
    """Read a source's documents (``path`` relative to ``root``), apply its layer and map its labels.

    An unmapped label is a problem of the record it occurs in, and so are
    ``annotated_labels`` of a record that fall short of its source's. A document
    that its layer was not made for is one problem, and none of its records is there.
    """
    path = root / source.path
    try:
        items, problems = collect(registry.read(source.format, path, **source.options))
    except (OSError, ValueError) as error:
        return Loaded(source, [], [_unreadable(source, path, error)])
    loaded = Loaded(source, [], problems)
    try:
        if source.layer is not None:
            return _with_layer(loaded, items, standoff.read(root / source.layer), root)
        if source.documents_of is not None:
            items = _known(loaded, items, standoff.read(root / source.documents_of))
    except InputError as error:
        # Problems of the whole source: no document can be skipped to be rid of them.
        loaded.problems += [
            Problem(item.file, 0, "", f"line {item.line}: {item.reason}" if item.line else item.reason)
            for item in error.problems
        ]
        return loaded
    for item in items:
        record = _with_our_labels(item, source)
        loaded.records.append(record)
        loaded.problems += [record.problem(reason) for reason in _mapping_defects(item, source)]
        loaded.left_out.update(
            f"label {span.label} mapped to null" for span in item.spans if source.labels.get(span.label, "") is None
        )
    return loaded


def _known(loaded: Loaded, items: list[Record], layer: standoff.Layer) -> list[Record]:
    """The records of documents that a layer knows; the others are counted."""
    known = [item for item in items if standoff.document_name(item) in layer.documents]
    loaded.left_out[standoff.UNKNOWN_DOCUMENT] += len(items) - len(known)
    return known


def _with_layer(loaded: Loaded, items: list[Record], layer: standoff.Layer, root: Path) -> Loaded:
    source = loaded.source
    applied = standoff.apply(layer, items, source.labels, source.decided_by_layer())
    place = str(root / source.path)
    loaded.problems += [problem if problem.file else replace(problem, file=place) for problem in applied.problems]
    loaded.left_out.update(applied.left_out)
    loaded.records += [_as_ours(record, record.spans, source) for record in applied.records]
    return loaded


def read_raw(source: Source, root: Path) -> list[Record]:
    """A source's records with its own labels; raises :class:`InputError` when one cannot be read.

    Records that the reader rejects are left out: a layer is about the others.
    """
    return read_raw_or_problems(source, root)[0]


def read_raw_or_problems(source: Source, root: Path) -> tuple[list[Record], list[Problem]]:
    """A source's records with its own labels, and why the reader rejects others; raises as :func:`read_raw`."""
    path = root / source.path
    try:
        return collect(registry.read(source.format, path, **source.options))
    except (OSError, ValueError) as error:
        raise InputError([_unreadable(source, path, error)]) from error


def _unreadable(source: Source, path: Path, error: Exception) -> Problem:
    return Problem(str(path), 0, "", f"cannot be read as {source.format}: {error}")


def load_sources(config: CorpusConfig, sources: Path, root: Path, skip_problems: bool = False) -> list[Loaded]:
    """Read every source of a corpus; raises :class:`InputError` with all problems of all of them.

    With ``skip_problems``, documents with a problem are left out instead, and
    their problems kept in ``skipped``; a problem of a whole file, or of its rest, still raises.
    """
    optional = set(config.optional)
    loaded = [
        Loaded(source, [], [], absent=True)
        if source.name in optional and not (root / source.path).exists()
        else load(source, root)
        for source in _read_declarations(config, sources)
    ]
    found = validation.check((record for item in loaded for record in item.records), config.labels)
    problems = [problem for item in loaded for problem in item.problems] + found
    if skip_problems:
        problems = [problem for problem in problems if problem.ends_file or not (problem.line or problem.doc_id)]
        for item in loaded:
            ids = {record.id for record in item.records}
            item.skipped = item.problems + [problem for problem in found if problem.doc_id in ids]
            bad = {problem.doc_id for problem in item.skipped}
            item.records = [record for record in item.records if record.id not in bad]
    if problems:
        raise InputError(problems)
    return loaded


def _read_declarations(config: CorpusConfig, folder: Path) -> list[Source]:
    """The source files of a corpus; raises :class:`InputError` with all problems of all of them."""
    declared: list[Source] = []
    problems: list[Problem] = []
    for name in config.sources + config.optional:
        try:
            source = read_source(folder / f"{name}.yml", config.labels)
        except InputError as error:
            problems += error.problems
            continue
        declared.append(source)
        if source.name != name:  # the corpus says optional and not_trained_on by the one, records have the other
            reason = f"name: {source.name!r} is not the name of the file"
            problems.append(Problem(str(folder / f"{name}.yml"), 0, "", reason))
    repeated = [name for name, count in Counter(source.name for source in declared).items() if count > 1]
    problems += [Problem(str(folder), 0, "", f"two sources of the corpus are named {name!r}") for name in repeated]
    if problems:
        raise InputError(problems)
    return declared


def write_records(loaded: list[Loaded], folder: Path, root: Path) -> int:
    """Write validated records and what is known of their sources; returns the number of records."""
    records = [record for item in loaded for record in item.records]
    records_jsonl.write(records, folder / RECORDS)
    files.write_json(
        folder / SOURCES,
        {
            item.source.name: {
                **item.source.model_dump(exclude={"name"}),
                "absent": item.absent,
                "sha256": None if item.absent else _checksum(item, root),
                "layer_sha256": files.checksum(root / item.source.layer) if item.source.layer else None,
                "records": len(item.records),
                "left_out": dict(item.left_out),
                "skipped": sorted(map(str, item.skipped)),
                "repairs": sum(len(record.meta.get("repairs", ())) for record in item.records),
            }
            for item in loaded
        },
    )
    return len(records)


def _checksum(item: Loaded, root: Path) -> str:
    """The checksum of a source's file or folder; of a data set of the hub, that of the records taken from it."""
    path = root / item.source.path
    if path.exists():
        return files.checksum(path)
    digest = hashlib.sha256()
    for record in item.records:
        digest.update(record.model_dump_json().encode())
    return digest.hexdigest()


def _with_our_labels(record: Record, source: Source) -> Record:
    labels = [source.labels.get(span.label) for span in record.spans]
    spans = [
        span.model_copy(update={"label": label})
        for span, label in zip(record.spans, labels, strict=True)
        if label is not None
    ]
    return _as_ours(record, spans, source)


def _as_ours(record: Record, spans: list[Span], source: Source) -> Record:
    return record.model_copy(
        update={
            "id": f"{source.name}/{record.id}",
            "spans": spans,
            "meta": {**record.meta, "source": source.name},
            "annotated_labels": source.annotated_labels,
        }
    )


def _mapping_defects(record: Record, source: Source) -> Iterator[str]:
    for label in sorted({span.label for span in record.spans} - source.labels.keys()):
        yield f"label {label!r} is not in the label map of source {source.name!r}"
    if record.annotated_labels is not None:
        own = {source.labels.get(label) for label in record.annotated_labels}
        for label in source.annotated_labels:
            if label not in own:
                yield f"annotated_labels lacks {label}, which source {source.name!r} says it annotates"
