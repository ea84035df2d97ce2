"""What an audit reads: files of records, each a split, and evaluations of their documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persian_ner.audit.schema import Place
from persian_ner.evaluate import PREDICTIONS_FILE, read_evaluation, read_gold
from persian_ner.files import checksum
from persian_ner.labels import LABELS
from persian_ner.metrics import Evaluated, Metrics, span_defects
from persian_ner.records import InputError, Problem, Record, Span

CONTEXT = 60
"""Characters shown before and after a place."""


@dataclass(frozen=True)
class Split:
    """A file of records under the name it was given."""

    name: str
    path: Path
    sha256: str
    records: list[Record]


@dataclass(frozen=True)
class Document:
    """A record and the split it is in; ids are unique within a split only."""

    split: str
    record: Record

    def place(self, start: int, end: int, label: str | None = None, context: int = CONTEXT) -> Place:
        """A stretch of the document to show."""
        text = self.record.text
        return Place(
            split=self.split,
            doc_id=self.record.id,
            start=start,
            end=end,
            label=label,
            text=text[start:end],
            before=text[max(0, start - context) : start],
            after=text[end : end + context],
        )

    def annotates(self, label: str) -> bool:
        """Whether the document annotates the label exhaustively."""
        labels = self.record.annotated_labels
        return labels is None or label in labels


@dataclass(frozen=True)
class Predictions:
    """One evaluation: its predicted spans by split and document id, of the documents that were audited.

    ``trained_on`` are the splits with predictions that the model was trained on, by the checksum of their file.
    """

    folder: Path
    model: str | None
    spans: dict[tuple[str, str], list[Span]]
    unknown_documents: int
    trained_on: list[str]


@dataclass(frozen=True)
class Corpus:
    """All that is audited."""

    splits: list[Split]
    predictions: list[Predictions]

    def documents(self) -> Iterator[Document]:
        """All documents, split by split."""
        for split in self.splits:
            for record in split.records:
                yield Document(split.name, record)

    def labels(self, predicted: bool = False) -> list[str]:
        """The labels that are annotated or declared, or ``predicted``, too; those of the scheme first."""
        found: set[str] = set()
        for document in self.documents():
            found.update(span.label for span in document.record.spans)
            found.update(document.record.annotated_labels or ())
        if predicted:
            found.update(span.label for run in self.predictions for spans in run.spans.values() for span in spans)
        return [label for label in LABELS if label in found] + sorted(found.difference(LABELS))


def read(files: Sequence[str], folders: Sequence[Path]) -> Corpus:
    """Read ``NAME=FILE`` arguments and evaluation folders.

    Raises :class:`InputError` with every problem of all of them: what
    :func:`persian_ner.evaluate.read_gold` and :func:`persian_ner.evaluate.read_evaluation`
    refuse, a name given twice, predicted spans that cannot be scored, a predicted text
    other than the audited one, or a folder with none of the audited documents.
    """
    problems: list[Problem] = []
    splits: dict[str, Split] = {}
    for argument in files:
        name, separator, path = argument.partition("=")
        if not (name and separator and path):
            problems.append(Problem(argument, 0, "", "is not NAME=FILE"))
        elif name in splits:
            problems.append(Problem(argument, 0, "", f"{name!r} is the name of {splits[name].path} already"))
        else:
            try:
                splits[name] = Split(
                    name, Path(path), checksum(Path(path)) if Path(path).is_file() else "", read_gold(Path(path))
                )
            except InputError as error:
                problems += error.problems
    evaluations: list[tuple[Path, Metrics, list[Evaluated]]] = []
    for folder in folders:
        try:
            evaluations.append((folder, *read_evaluation(folder)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    found = list(splits.values())
    predictions: list[Predictions] = []
    for folder, metrics, documents in evaluations:
        try:
            predictions.append(_match(folder, metrics, documents, found))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return Corpus(found, predictions)


def _match(folder: Path, metrics: Metrics, evaluated: Sequence[Evaluated], splits: Sequence[Split]) -> Predictions:
    file = str(folder / PREDICTIONS_FILE)
    known: dict[str, list[Document]] = {}
    for split in splits:
        for record in split.records:
            known.setdefault(record.id, []).append(Document(split.name, record))
    problems: list[Problem] = []
    spans: dict[tuple[str, str], list[Span]] = {}
    unknown = 0
    for document in evaluated:
        same_id = known.get(document.doc_id, [])
        matching = [item for item in same_id if item.record.text == document.text]
        problems += [
            Problem(file, 0, document.doc_id, reason) for reason in span_defects(document.text, document.predicted)
        ]
        if same_id and not matching:
            problems.append(Problem(file, 0, document.doc_id, f"has another text than in {same_id[0].split!r}"))
        unknown += not same_id
        spans.update({(item.split, item.record.id): document.predicted for item in matching})
    if not spans and not problems:
        problems.append(Problem(file, 0, "", "has none of the documents of the files"))
    if problems:
        raise InputError(problems)
    provenance = metrics.provenance
    model = provenance.model if provenance else None
    learned = _training_checksums(model.provenance) if model else set()
    predicted = {name for name, _ in spans}
    return Predictions(
        folder=folder,
        model=f"{model.lang}_{model.name} {model.version}" if model else None,
        spans=spans,
        unknown_documents=unknown,
        trained_on=[split.name for split in splits if split.sha256 in learned and split.name in predicted],
    )


def _training_checksums(provenance: Any) -> set[str]:
    """The checksums of the training files that :func:`persian_ner.model_meta.stamp` wrote into a pipeline."""
    found = provenance
    for key in ("corpus", "splits", "train"):
        found = found.get(key) if isinstance(found, dict) else None
    return set(found.values()) if isinstance(found, dict) else set()
