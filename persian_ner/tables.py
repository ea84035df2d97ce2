"""The numbers of a report, all but its training curve, as one tidy table for pandas and spreadsheets, a row a number.

=========  ===========================================================================
column     what it says
=========  ===========================================================================
evaluation the evaluation's name
table      what the number is about: see below
group      the part of the data; empty where the number is of all
label      the label; ``all (micro)`` and ``all (macro)`` of all labels together
match      way of matching: ``strict``, ``exact``, ``partial`` or ``type``
measure    what was measured
value      the number; empty where it is undefined. Scores are shares of 1
low, high  its interval; empty where it has none
=========  ===========================================================================

Tables, and what ``group`` holds in them: ``scores`` (nothing); ``source``, ``domain``,
``topic``, ``kind``, ``register`` and ``scraped`` (the value of that key of the documents'
``meta``, empty of those without it); ``span_length`` and ``sentence_length`` (words);
``training`` (whether training annotates the surface: ``same_label``, ``other_label``,
``never``); ``confusion`` (the predicted label, or ``missed``; ``label`` is the gold
one, or ``spurious``); ``boundaries`` (nothing); ``calibration`` (nothing, or the number of a
bin, from 1); ``run`` (nothing: size, speed, memory and the spans that were not scored); and
``robustness`` (the damage).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

from persian_ner.evaluate import EvaluationMetrics
from persian_ner.metrics import MATCH_TYPES, MEASURES, Interval, MatchType, Scores, Tally, macro
from persian_ner.robustness import Change, Robustness

ALL = "all (micro)"
_COUNTS = ("correct", "incorrect", "partial", "missed", "spurious")


@dataclass(frozen=True)
class Row:
    """One number of a report; the columns are described at the top of this module."""

    evaluation: str
    table: str
    group: str
    label: str
    match: str
    measure: str
    value: float | None
    low: float | None = None
    high: float | None = None


COLUMNS = tuple(field.name for field in fields(Row))


def to_csv(evaluations: Iterable[tuple[EvaluationMetrics, Robustness | None]]) -> str:
    """The rows of evaluations, each with its robustness measurement if there is one, as CSV with a header."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for metrics, robustness in evaluations:
        writer.writerows(map(asdict, rows(metrics, robustness)))
    return file.getvalue()


def rows(metrics: EvaluationMetrics, robustness: Robustness | None) -> Iterator[Row]:
    """Every number of an evaluation and of its robustness, table by table."""
    yield from _scores(metrics)
    for key, groups in metrics.breakdowns.items():
        for group in groups:
            value = "" if group.value is None else group.value
            yield Row(metrics.name, key, value, ALL, "strict", "documents", group.documents)
            yield from _tally(metrics.name, key, value, ALL, group)
    for table, lengths in ("span_length", metrics.by_length), ("sentence_length", metrics.by_sentence_length):
        for length in lengths:
            yield from _tally(metrics.name, table, length.words, ALL, length)
    if metrics.novelty:
        for label, known in [*metrics.novelty.per_label.items(), (ALL, metrics.novelty.overall)]:
            for kind, tally in known:
                yield from _tally(metrics.name, "training", kind, label, tally)
    for cell in metrics.confusion:
        gold, predicted = cell.gold or "spurious", cell.predicted or "missed"
        yield Row(metrics.name, "confusion", predicted, gold, "", "count", cell.count)
    for label, errors in [*metrics.boundaries.per_label.items(), (ALL, metrics.boundaries.overall)]:
        yield from (Row(metrics.name, "boundaries", "", label, "", measure, count) for measure, count in errors)
    yield from _run(metrics)
    if robustness:
        for damage, result in robustness.damages.items():
            for label, change in [*result.per_label.items(), (ALL, result.overall)]:
                yield from _change(metrics.name, damage, label, change)


def _scores(metrics: EvaluationMetrics) -> Iterator[Row]:
    for label, scores in [*metrics.per_label.items(), (ALL, metrics.overall)]:
        for match in MATCH_TYPES:
            yield from _match(metrics.name, label, match, scores)
    for match in MATCH_TYPES:
        means = metrics.macro if match == "strict" else macro(metrics.per_label.values(), match)
        for measure in MEASURES:
            ends = _ends(getattr(means.intervals, measure))
            yield Row(metrics.name, "scores", "", "all (macro)", match, measure, getattr(means, measure), *ends)


def _match(name: str, label: str, match: MatchType, scores: Scores) -> Iterator[Row]:
    score, intervals = getattr(scores, match), getattr(scores.intervals, match)
    for measure in MEASURES:
        ends = _ends(getattr(intervals, measure))
        yield Row(name, "scores", "", label, match, measure, getattr(score, measure), *ends)
    for measure in ("support", "predicted"):
        yield Row(name, "scores", "", label, match, measure, getattr(scores, measure))
    for measure in _COUNTS:
        yield Row(name, "scores", "", label, match, measure, getattr(score, measure))


def _tally(name: str, table: str, group: str, label: str, tally: Tally) -> Iterator[Row]:
    for measure in Tally.model_fields:
        yield Row(name, table, group, label, "strict", measure, getattr(tally, measure))


def _run(metrics: EvaluationMetrics) -> Iterator[Row]:
    run: dict[str, float | None] = {"documents": metrics.documents, "words": metrics.words}
    run |= {f"left_out_{side}": count for side, count in metrics.left_out}
    if metrics.speed:
        run["words_per_second"] = metrics.speed.words_per_second
    if metrics.footprint:
        run |= metrics.footprint.model_dump()
    yield from (Row(metrics.name, "run", "", "", "", measure, value) for measure, value in run.items())
    if metrics.calibration:
        for measure, value in metrics.calibration.model_dump(exclude={"bins"}).items():
            yield Row(metrics.name, "calibration", "", "", "", measure, value)
        for number, part in enumerate(metrics.calibration.bins, start=1):
            for measure, value in part:
                yield Row(metrics.name, "calibration", str(number), "", "", measure, value)


def _change(name: str, damage: str, label: str, change: Change) -> Iterator[Row]:
    for measure in MEASURES:
        yield Row(name, "robustness", damage, label, "strict", measure, getattr(change.damaged, measure))
    yield Row(name, "robustness", damage, label, "strict", "f1_difference", change.difference, *_ends(change.interval))


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (interval.low, interval.high) if interval else (None, None)
