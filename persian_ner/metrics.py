"""Span-level NER scores over plain data: documents in, one versioned :class:`Metrics` out.

**Match types** are counted by `nervaluate` with the categories of MUC-5: correct
(COR), incorrect (INC), partial (PAR), missed (MIS) and spurious (SPU).

========  ==========================================  =============================
type      correct                                     otherwise, on overlap
========  ==========================================  =============================
strict    boundaries and label equal                  incorrect
exact     boundaries equal, whatever the label        incorrect
partial   boundaries equal, whatever the label        partial (counts one half)
type      any overlap, label equal                    incorrect
========  ==========================================  =============================

Its conventions, which these numbers inherit:

* Ends are inclusive there, so ``end - 1`` is handed over; touching spans do not overlap.
* Scores *of a label* compare the gold and predicted spans of that label only. A
  span with the wrong label is therefore incorrect overall, but missed for its
  gold label and spurious for the predicted one, and ``exact`` equals ``strict``.
* An overlap counts from 1 % of the gold span on: always, below 100 characters.

``precision = c / actual``, ``recall = c / possible``, ``f1 = 2c / (actual + possible)``
with ``c = correct + partial / 2`` in ``partial`` and ``c = correct`` elsewhere. A
value whose denominator is zero is ``None`` (JSON null), never 0 or 1: **F1 is null
exactly when there are neither gold nor predicted spans.**
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from nervaluate import Evaluator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from persian_ner.hazm_alignment import sentences
from persian_ner.labels import LABELS
from persian_ner.records import InputError, Problem, Span

BREAKDOWN_KEYS = ("source", "domain", "topic", "kind", "register", "scraped")
"""The keys of a document's ``meta`` for which results are broken down; ``scraped`` is the noise of its text."""

LONGEST_BUCKET = 5
"""Spans of this many words or more share the last bucket of the breakdown by length."""

SENTENCE_BUCKETS = ("1–10", "11–20", "21–30", "31–40", "41+")
"""Lengths of sentences in words, ten to a bucket."""

RESAMPLES = 1000
SEED = 0
LEVEL = 0.95

ErrorType = Literal["missed", "spurious", "label", "boundary"]
MatchType = Literal["strict", "exact", "partial", "type"]
MATCH_TYPES: tuple[MatchType, ...] = get_args(MatchType)


@dataclass(frozen=True)
class Evaluated:
    """One document with its gold and its predicted spans (offsets in characters of ``text``).

    ``annotated_labels`` are the labels whose gold is exhaustive here (``None``:
    all); gold and predicted spans of other labels are left out of scoring.
    """

    doc_id: str
    text: str
    gold: list[Span]
    predicted: list[Span]
    annotated_labels: list[str] | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """A gold and a predicted span that overlap, or one of them alone."""

    gold: Span | None
    predicted: Span | None

    @property
    def errors(self) -> tuple[ErrorType, ...]:
        """What is wrong; empty for a correct pair. A pair can have the wrong label and the wrong boundaries."""
        if self.predicted is None:
            return ("missed",)
        if self.gold is None:
            return ("spurious",)
        errors: list[ErrorType] = []
        if self.gold.label != self.predicted.label:
            errors.append("label")
        if (self.gold.start, self.gold.end) != (self.predicted.start, self.predicted.end):
            errors.append("boundary")
        return tuple(errors)


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Score(_Schema):
    """Counts of one match type, and what follows from them."""

    correct: int
    incorrect: int
    partial: int
    missed: int
    spurious: int
    precision: float | None
    recall: float | None
    f1: float | None


class Interval(_Schema):
    """A percentile bootstrap interval."""

    low: float
    high: float


class Scores(_Schema):
    """All match types, for all labels together (micro-averaged) or for one label."""

    support: int = Field(description="gold spans")
    predicted: int = Field(description="predicted spans")
    strict: Score
    exact: Score
    partial: Score
    type: Score
    strict_f1_interval: Interval | None = Field(
        description="null with fewer than two documents, or where F1 is null in every resample"
    )


class Macro(_Schema):
    """Unweighted means of the labels' scores, each over the labels for which it is not null; in a file of strict."""

    precision: float | None
    recall: float | None
    f1: float | None


class Tally(_Schema):
    """Strict counts and scores of a part of the data."""

    support: int
    predicted: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None


class Group(Tally):
    """The documents that share one value of a ``meta`` key; ``value`` is null for those without the key."""

    value: str | None
    documents: int


class LengthGroup(Tally):
    """The spans, or the spans in sentences, of so many words (whitespace-separated); ``5+`` is five or more."""

    words: str


class Confusion(_Schema):
    """How many aligned pairs have this gold and this predicted label; null stands for missed or spurious."""

    gold: str | None
    predicted: str | None
    count: int


class BoundaryErrors(_Schema):
    """Aligned pairs with other boundaries than gold, whatever their labels.

    Left is the start of the span in text order (on the right-hand side of the
    screen in Persian). A pair counts once per side that is wrong.
    """

    pairs: int
    left_too_long: int
    left_too_short: int
    right_too_long: int
    right_too_short: int


class Boundaries(_Schema):
    """Boundary errors in total and by gold label."""

    overall: BoundaryErrors
    per_label: dict[str, BoundaryErrors]


class LeftOut(_Schema):
    """Spans that were not scored, because their document does not annotate their label."""

    gold: int
    predicted: int


class Bootstrap(_Schema):
    """How the intervals were made: documents are drawn with replacement."""

    resamples: int
    seed: int
    level: float


class Speed(_Schema):
    """Prediction speed over the evaluated texts, in whitespace-separated words of the raw text."""

    words: int
    seconds: float
    words_per_second: float | None
    threads: int | None = Field(
        default=None, description="of PyTorch on a CPU; null on a GPU, and in files of versions that did not tell"
    )
    cpu: str | None = Field(default=None, description="the processor; null where threads are")


class Footprint(_Schema):
    """What the evaluated pipeline takes."""

    model_bytes: int | None = Field(description="of its files; null for a pipeline that was not loaded from a folder")
    peak_memory_bytes: int | None = Field(
        description="the most main memory the evaluating process had, Python included; null where not told"
    )


class ModelInfo(_Schema):
    """The evaluated pipeline, from its ``meta.json``."""

    name: str
    lang: str
    version: str
    provenance: Any = None


class DataInfo(_Schema):
    """The file the gold annotation was read from."""

    path: str
    sha256: str


class Provenance(_Schema):
    """What was run, on what, with what."""

    created: datetime
    model: ModelInfo
    data: DataInfo | None
    device: str
    git_commit: str | None
    versions: dict[str, str]


class Metrics(_Schema):
    """Everything that one evaluation found. ``overall`` is the micro average."""

    schema_version: Literal[1] = 1
    name: str = ""
    documents: int
    words: int
    labels: list[str]
    overall: Scores
    macro: Macro
    per_label: dict[str, Scores]
    confusion: list[Confusion]
    boundaries: Boundaries
    breakdowns: dict[str, list[Group]]
    by_length: list[LengthGroup]
    by_sentence_length: list[LengthGroup] = Field(
        default=[], description="by the sentence in which a span begins; empty in files before version 3"
    )
    left_out: LeftOut
    bootstrap: Bootstrap
    speed: Speed | None = None
    footprint: Footprint | None = Field(default=None, description="null in files before version 3")
    provenance: Provenance | None = None


def compute(
    documents: Sequence[Evaluated],
    labels: Sequence[str] = LABELS,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Metrics:
    """Score documents.

    ``labels`` are listed even when no span has them; labels found beyond these
    follow in alphabetic order. Raises :class:`InputError` when a span is empty,
    outside its text, belies its surface, or overlaps another span of the same list.
    """
    problems = [problem for document in documents for problem in _span_problems(document)]
    if problems:
        raise InputError(problems)
    scored = [scored_spans(document) for document in documents]
    names = _label_order(labels, scored)
    counts = _strict_counts(scored, names)
    intervals = _bootstrap_intervals(counts, resamples, seed)
    overall, *per_label = _scores(scored, names, intervals)
    aligned = [align(gold, predicted) for gold, predicted in scored]
    pairs = [pair for found in aligned for pair in found]
    return Metrics(
        documents=len(documents),
        words=sum(count_words(document.text) for document in documents),
        labels=names,
        overall=overall,
        macro=macro(per_label, "strict"),
        per_label=dict(zip(names, per_label, strict=True)),
        confusion=_confusion(pairs, names),
        boundaries=_boundaries(pairs, names),
        breakdowns={key: _groups(documents, counts, key) for key in BREAKDOWN_KEYS},
        by_length=_by_length(documents, aligned, _span_bucket, _SPAN_BUCKETS),
        by_sentence_length=_by_length(documents, aligned, _sentence_bucket, SENTENCE_BUCKETS),
        left_out=_left_out(documents, scored),
        bootstrap=Bootstrap(resamples=resamples, seed=seed, level=LEVEL),
    )


def macro(per_label: Iterable[Scores], match: MatchType) -> Macro:
    """Unweighted means of the labels' scores of one match type."""
    scores: list[Score] = [getattr(found, match) for found in per_label]

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return _ratio(sum(known), len(known))

    return Macro(
        precision=mean([score.precision for score in scores]),
        recall=mean([score.recall for score in scores]),
        f1=mean([score.f1 for score in scores]),
    )


CSV_COLUMNS = (
    *("evaluation", "label", "match", "precision", "recall", "f1", "f1_low", "f1_high", "support", "predicted"),
    *("correct", "incorrect", "partial", "missed", "spurious"),
)


def to_csv(evaluations: Iterable[Metrics]) -> str:
    """A row for each evaluation, label and match type, with ``all (micro)`` and ``all (macro)`` after the labels.

    Scores are shares of 1. A cell is empty where its value is null, or not defined for the row.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for metrics in evaluations:
        for label, scores in [*metrics.per_label.items(), ("all (micro)", metrics.overall)]:
            for match in MATCH_TYPES:
                interval = scores.strict_f1_interval if match == "strict" else None
                writer.writerow(
                    {
                        **{"evaluation": metrics.name, "label": label, "match": match},
                        **{"support": scores.support, "predicted": scores.predicted},
                        **getattr(scores, match).model_dump(),
                        **({"f1_low": interval.low, "f1_high": interval.high} if interval else {}),
                    }
                )
        for match in MATCH_TYPES:
            means = macro(metrics.per_label.values(), match).model_dump()
            writer.writerow({"evaluation": metrics.name, "label": "all (macro)", "match": match, **means})
    return file.getvalue()


def count_words(text: str) -> int:
    """Number of whitespace-separated words."""
    return len(text.split())


def scored_spans(document: Evaluated) -> tuple[list[Span], list[Span]]:
    """The gold and predicted spans that count in this document, in text order."""
    allowed = document.annotated_labels

    def keep(spans: list[Span]) -> list[Span]:
        return sorted((s for s in spans if allowed is None or s.label in allowed), key=lambda span: span.start)

    return keep(document.gold), keep(document.predicted)


def span_defects(text: str, spans: Sequence[Span]) -> list[str]:
    """Why these spans cannot be scored; empty list if they can."""
    defects = []
    for span in spans:
        what = f"span {span.start}–{span.end} {span.label}"
        if not 0 <= span.start < span.end <= len(text):
            defects.append(f"{what} is empty or outside the text of {len(text)} characters")
        elif span.surface not in (None, text[span.start : span.end]):
            defects.append(f"{what} says {span.surface!r} but the text there is {text[span.start : span.end]!r}")
    in_order = sorted(spans, key=lambda span: (span.start, span.end))
    defects += [
        f"span {after.start}–{after.end} {after.label} overlaps {before.start}–{before.end} {before.label}"
        for before, after in pairwise(in_order)
        if after.start < before.end
    ]
    return defects


def align(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """Pair two lists of non-overlapping spans one to one, in text order.

    Of the overlapping candidates those that share most characters are paired
    first; equal ones by equal label, then by position. What is left alone is
    missed or spurious.
    """
    candidates = [(g, p) for g in gold for p in predicted if g.start < p.end and p.start < g.end]
    candidates.sort(key=lambda c: (-_shared(*c), c[0].label != c[1].label, c[0].start, c[1].start))
    partner: dict[Span, Span] = {}
    taken: set[Span] = set()
    for gold_span, predicted_span in candidates:
        if gold_span not in partner and predicted_span not in taken:
            partner[gold_span] = predicted_span
            taken.add(predicted_span)
    pairs = [Pair(span, partner.get(span)) for span in gold]
    pairs += [Pair(None, span) for span in predicted if span not in taken]
    return sorted(pairs, key=_position)


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)


def _position(pair: Pair) -> tuple[int, int]:
    span = pair.gold or pair.predicted
    assert span is not None  # a pair has at least one side
    return span.start, span.end


def _span_problems(document: Evaluated) -> Iterator[Problem]:
    for side, spans in (("gold", document.gold), ("predicted", document.predicted)):
        for defect in span_defects(document.text, spans):
            yield Problem(side, 0, document.doc_id, defect)


_ScoredDoc = tuple[list[Span], list[Span]]
_Counts = NDArray[np.int64]


def _label_order(labels: Sequence[str], scored: Sequence[_ScoredDoc]) -> list[str]:
    found = {span.label for sides in scored for side in sides for span in side}
    return [*labels, *sorted(found.difference(labels))]


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _score(correct: int, incorrect: int, partial: int, missed: int, spurious: int) -> Score:
    credit = correct + partial / 2
    possible = correct + incorrect + partial + missed
    actual = correct + incorrect + partial + spurious
    return Score(
        correct=correct,
        incorrect=incorrect,
        partial=partial,
        missed=missed,
        spurious=spurious,
        precision=_ratio(credit, actual),
        recall=_ratio(credit, possible),
        f1=_ratio(2 * credit, possible + actual),
    )


def _tally(correct: int, predicted: int, support: int) -> dict[str, Any]:
    return {
        "support": support,
        "predicted": predicted,
        "correct": correct,
        "precision": _ratio(correct, predicted),
        "recall": _ratio(correct, support),
        "f1": _ratio(2 * correct, predicted + support),
    }


def _scores(scored: Sequence[_ScoredDoc], labels: Sequence[str], intervals: Sequence[Interval | None]) -> list[Scores]:
    """All match types by nervaluate: first all labels together, then each label in order."""

    def entities(spans: list[Span]) -> list[dict[str, Any]]:
        return [{"label": span.label, "start": span.start, "end": span.end - 1} for span in spans]

    evaluator = Evaluator(
        [entities(gold) for gold, _ in scored],
        [entities(predicted) for _, predicted in scored],
        tags=list(labels),
        loader="dict",
    )
    results = evaluator.evaluate()
    # nervaluate leaves out labels without spans, and everything when there are no documents.
    by_column = [results["overall"], *(results["entities"].get(label, {}) for label in labels)]
    return [_match_types(result, interval) for result, interval in zip(by_column, intervals, strict=True)]


def _match_types(result: dict[str, Any], interval: Interval | None) -> Scores:
    def score(match_type: str) -> Score:
        if match_type not in result:
            return _score(0, 0, 0, 0, 0)
        found = result[match_type]
        return _score(found.correct, found.incorrect, found.partial, found.missed, found.spurious)

    strict = score("strict")
    return Scores(
        support=strict.correct + strict.incorrect + strict.missed,
        predicted=strict.correct + strict.incorrect + strict.spurious,
        strict=strict,
        exact=score("exact"),
        partial=score("partial"),
        type=score("ent_type"),
        strict_f1_interval=interval,
    )


def _strict_counts(scored: Sequence[_ScoredDoc], labels: Sequence[str]) -> _Counts:
    """(document, all labels together and then each label, [correct, predicted, gold])."""
    counts = np.zeros((len(scored), 1 + len(labels), 3), dtype=np.int64)
    column = {label: index for index, label in enumerate(labels, start=1)}
    for row, (gold, predicted) in enumerate(scored):
        expected = {(span.start, span.end, span.label) for span in gold}
        for span in predicted:
            counts[row, column[span.label], 0] += (span.start, span.end, span.label) in expected
            counts[row, column[span.label], 1] += 1
        for span in gold:
            counts[row, column[span.label], 2] += 1
    counts[:, 0] = counts[:, 1:].sum(axis=1)
    return counts


def _bootstrap_intervals(counts: _Counts, resamples: int, seed: int) -> list[Interval | None]:
    """Percentile intervals of strict F1, one for each column of ``counts``.

    Documents, not spans, are drawn, since the spans of a document depend on each
    other. Resamples where a label's F1 is null say nothing about it and are left
    out of its interval.
    """
    documents, columns, _ = counts.shape
    if documents < 2:
        return [None] * columns
    rng = np.random.default_rng(seed)
    flat = counts.reshape(documents, -1)
    draws = (np.bincount(rng.integers(documents, size=documents), minlength=documents) for _ in range(resamples))
    totals = np.stack([draw @ flat for draw in draws]).reshape(resamples, columns, 3)
    return [_interval(totals[:, column]) for column in range(columns)]


def _interval(totals: _Counts) -> Interval | None:
    correct, predicted, gold = totals.T
    known = predicted + gold > 0
    if not known.any():
        return None
    f1 = 2 * correct[known] / (predicted + gold)[known]
    low, high = np.quantile(f1, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))


def _confusion(pairs: Sequence[Pair], labels: Sequence[str]) -> list[Confusion]:
    counts = Counter(
        (pair.gold.label if pair.gold else None, pair.predicted.label if pair.predicted else None) for pair in pairs
    )
    order: list[str | None] = [*labels, None]
    return [
        Confusion(gold=gold, predicted=predicted, count=counts[gold, predicted])
        for gold in order
        for predicted in order
        if counts[gold, predicted]
    ]


def _boundaries(pairs: Sequence[Pair], labels: Sequence[str]) -> Boundaries:
    by_label: dict[str, list[tuple[Span, Span]]] = {label: [] for label in labels}
    for pair in pairs:
        if pair.gold and pair.predicted and "boundary" in pair.errors:
            by_label[pair.gold.label].append((pair.gold, pair.predicted))
    return Boundaries(
        overall=_boundary_errors([pair for found in by_label.values() for pair in found]),
        per_label={label: _boundary_errors(found) for label, found in by_label.items()},
    )


def _boundary_errors(pairs: Sequence[tuple[Span, Span]]) -> BoundaryErrors:
    return BoundaryErrors(
        pairs=len(pairs),
        left_too_long=sum(predicted.start < gold.start for gold, predicted in pairs),
        left_too_short=sum(predicted.start > gold.start for gold, predicted in pairs),
        right_too_long=sum(predicted.end > gold.end for gold, predicted in pairs),
        right_too_short=sum(predicted.end < gold.end for gold, predicted in pairs),
    )


def _groups(documents: Sequence[Evaluated], counts: _Counts, key: str) -> list[Group]:
    """One group for each value, by name; the documents without the key last. Empty when no document has it."""
    rows: dict[str | None, list[int]] = {}
    for row, document in enumerate(documents):
        value = document.meta.get(key)
        rows.setdefault(None if value is None else str(value), []).append(row)
    if set(rows) <= {None}:
        return []
    groups = []
    for value in sorted(rows, key=lambda value: (value is None, value or "")):
        correct, predicted, support = (int(n) for n in counts[rows[value], 0].sum(axis=0))
        groups.append(Group(value=value, documents=len(rows[value]), **_tally(correct, predicted, support)))
    return groups


_Bucket = Callable[[Span], str]


def _by_length(
    documents: Sequence[Evaluated],
    aligned: Sequence[Sequence[Pair]],
    buckets_of: Callable[[str], _Bucket],
    order: Sequence[str],
) -> list[LengthGroup]:
    """By the bucket of the gold span for recall and of the predicted span for precision; buckets with spans only."""
    correct: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    support: Counter[str] = Counter()
    for document, pairs in zip(documents, aligned, strict=True):
        bucket = buckets_of(document.text)
        for pair in pairs:
            if pair.gold:
                support[bucket(pair.gold)] += 1
            if pair.predicted:
                predicted[bucket(pair.predicted)] += 1
                correct[bucket(pair.predicted)] += not pair.errors
    return [
        LengthGroup(words=name, **_tally(correct[name], predicted[name], support[name]))
        for name in order
        if support[name] or predicted[name]
    ]


_SPAN_BUCKETS = [*map(str, range(LONGEST_BUCKET)), f"{LONGEST_BUCKET}+"]


def _span_bucket(text: str) -> _Bucket:
    return lambda span: _SPAN_BUCKETS[min(count_words(text[span.start : span.end]), LONGEST_BUCKET)]


def _sentence_bucket(text: str) -> _Bucket:
    """By the length of the sentence in which a span begins, or of the one before where it begins between two."""
    found = sentences(text) or [(0, len(text))]
    starts = [start for start, _ in found]

    def bucket(span: Span) -> str:
        start, end = found[max(bisect_right(starts, span.start) - 1, 0)]
        tens = max(count_words(text[start:end]) - 1, 0) // 10
        return SENTENCE_BUCKETS[min(tens, len(SENTENCE_BUCKETS) - 1)]

    return bucket


def _left_out(documents: Sequence[Evaluated], scored: Sequence[_ScoredDoc]) -> LeftOut:
    return LeftOut(
        gold=sum(len(document.gold) for document in documents) - sum(len(gold) for gold, _ in scored),
        predicted=sum(len(document.predicted) for document in documents) - sum(len(found) for _, found in scored),
    )
