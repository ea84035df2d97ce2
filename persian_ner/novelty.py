"""Scores by whether a span's surface was annotated in training, and with which label.

A model can score well by remembering names. What it does with names that it
has not seen, or has seen as something else («مهر» the month, the agency), is a
result of its own. Each span is in one of three groups:

* ``same_label``: training annotates its surface with its label (and maybe with others, too);
* ``other_label``: training annotates its surface, but never with its label;
* ``never``: training does not annotate its surface. It may well occur there as a common word.

Surfaces are compared in the form of :func:`persian_ner.characters.comparable`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from persian_ner.characters import comparable
from persian_ner.metrics import DataInfo, Evaluated, Tally, scored_spans, tally
from persian_ner.records import Record, Span

Known = Literal["same_label", "other_label", "never"]


@dataclass(frozen=True)
class Training:
    """What training taught about surfaces: each, in comparable form, with its labels; and the file that says so."""

    labels: Mapping[str, frozenset[str]]
    data: DataInfo | None = None


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ByKnown(_Schema):
    """Strict scores of each group.

    A gold span is in the group of its own surface and label, and so is a
    predicted one: a group's recall is that of its gold spans, its precision
    that of its predicted spans. A correct span is in the same group on both
    sides, so the counts of the groups add up to those of all spans.
    """

    same_label: Tally = Field(description="training annotates the surface with the label")
    other_label: Tally = Field(description="training annotates the surface, but never with the label")
    never: Tally = Field(description="training does not annotate the surface")


class Novelty(_Schema):
    """The groups for all labels together and for each."""

    training: DataInfo | None = Field(description="the file of the training records")
    surfaces: int = Field(description="different surfaces that training annotates, in comparable form")
    overall: ByKnown = Field(description="of all labels together")
    per_label: dict[str, ByKnown] = Field(description="of each label")


def training_labels(records: Iterable[Record]) -> dict[str, frozenset[str]]:
    """The annotated surfaces of training records, in comparable form, with their labels.

    Span offsets are characters of each record's raw text, and must lie in it.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for span in record.spans:
            labels[comparable(record.text[span.start : span.end])].add(span.label)
    return {surface: frozenset(found) for surface, found in labels.items()}


def known(text: str, span: Span, training: Training) -> Known:
    """The group of a span of this text."""
    labels = training.labels.get(comparable(text[span.start : span.end]))
    if labels is None:
        return "never"
    return "same_label" if span.label in labels else "other_label"


def measure(documents: Iterable[Evaluated], labels: Sequence[str], training: Training) -> Novelty:
    """Score documents by group; ``labels`` are all labels of their spans.

    Spans of labels that a document does not annotate are left out, as in all scores.
    """
    gold: Counter[tuple[str, Known]] = Counter()
    predicted: Counter[tuple[str, Known]] = Counter()
    correct: Counter[tuple[str, Known]] = Counter()
    for document in documents:
        gold_spans, predicted_spans = scored_spans(document)
        expected = {(span.start, span.end, span.label) for span in gold_spans}
        for span in gold_spans:
            gold[span.label, known(document.text, span, training)] += 1
        for span in predicted_spans:
            key = span.label, known(document.text, span, training)
            predicted[key] += 1
            correct[key] += (span.start, span.end, span.label) in expected

    def groups(of: Sequence[str]) -> ByKnown:
        tallies = {
            group: Tally(**tally(*(sum(counts[label, group] for label in of) for counts in (correct, predicted, gold))))
            for group in get_args(Known)
        }
        return ByKnown(**tallies)

    return Novelty(
        training=training.data,
        surfaces=len(training.labels),
        overall=groups(labels),
        per_label={label: groups([label]) for label in labels},
    )
