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

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from nervaluate.entities import Entity
from nervaluate.strategies import (
    EntityTypeEvaluation,
    EvaluationStrategy,
    ExactEvaluation,
    PartialEvaluation,
    StrictEvaluation,
)
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

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

ScoredSpans = tuple[list[Span], list[Span]]
"""The gold and the predicted spans of a document that count, as :func:`scored_spans` gives them."""
Counts = NDArray[np.int64]

ErrorType = Literal["missed", "spurious", "label", "boundary"]
MatchType = Literal["strict", "exact", "partial", "type"]
MATCH_TYPES: tuple[MatchType, ...] = get_args(MatchType)
MEASURES = ("precision", "recall", "f1")


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

    correct: int = Field(description="COR: pairs that match")
    incorrect: int = Field(description="INC: pairs that overlap, but do not match")
    partial: int = Field(description="PAR: pairs with other boundaries, of `partial` only; each counts one half")
    missed: int = Field(description="MIS: gold spans without a predicted one")
    spurious: int = Field(description="SPU: predicted spans without a gold one")
    precision: float | None = Field(description="share of the predicted spans that are right; null without any")
    recall: float | None = Field(description="share of the gold spans that are found; null without any")
    f1: float | None = Field(description="harmonic mean of precision and recall; null without gold and predicted spans")


class Interval(_Schema):
    """A percentile bootstrap interval."""

    low: float = Field(description="its lower end")
    high: float = Field(description="its upper end")


_UNDEFINED = "null with fewer than two documents, or where the score is null in every resample"


class MeasureIntervals(_Schema):
    """The intervals of one match type."""

    precision: Interval | None = Field(description=f"of the precision; {_UNDEFINED}; null in files before version 4")
    recall: Interval | None = Field(description=f"of the recall; {_UNDEFINED}; null in files before version 4")
    f1: Interval | None = Field(description=f"of the F1; {_UNDEFINED}; in files before version 4 of `strict` only")


class MatchIntervals(_Schema):
    """The intervals of all match types."""

    strict: MeasureIntervals = Field(description="of the strict scores")
    exact: MeasureIntervals = Field(description="of the exact scores")
    partial: MeasureIntervals = Field(description="of the partial scores")
    type: MeasureIntervals = Field(description="of the type scores")


class Scores(_Schema):
    """All match types, for all labels together (micro-averaged) or for one label."""

    support: int = Field(description="gold spans")
    predicted: int = Field(description="predicted spans")
    strict: Score = Field(description="boundaries and label equal")
    exact: Score = Field(description="boundaries equal, whatever the label")
    partial: Score = Field(description="boundaries equal, whatever the label; an overlap counts one half")
    type: Score = Field(description="any overlap, label equal")
    intervals: MatchIntervals = Field(description="of the scores, by drawing documents: see `bootstrap`")

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_file(cls, data: Any) -> Any:
        """Files before version 4 have one interval, under a name of its own."""
        if not isinstance(data, dict) or "strict_f1_interval" not in data:
            return data
        nothing = dict.fromkeys(MEASURES)
        intervals: dict[str, Any] = dict.fromkeys(MATCH_TYPES, nothing)
        intervals["strict"] = {**nothing, "f1": data["strict_f1_interval"]}
        return {key: value for key, value in data.items() if key != "strict_f1_interval"} | {"intervals": intervals}


class Macro(_Schema):
    """Unweighted means of the labels' scores, each over the labels for which it is not null; in a file of strict."""

    precision: float | None = Field(description="mean precision; null where every label's is")
    recall: float | None = Field(description="mean recall; null where every label's is")
    f1: float | None = Field(description="mean F1; null where every label's is")
    intervals: MeasureIntervals = Field(
        default=MeasureIntervals(precision=None, recall=None, f1=None),
        description="of the means, by drawing documents: see `bootstrap`; each null in files before version 5",
    )


class Tally(_Schema):
    """Strict counts and scores of a part of the data."""

    support: int = Field(description="gold spans")
    predicted: int = Field(description="predicted spans")
    correct: int = Field(description="predicted spans with boundaries and label of a gold one")
    precision: float | None = Field(description="`correct` in `predicted`; null without any")
    recall: float | None = Field(description="`correct` in `support`; null without any")
    f1: float | None = Field(description="harmonic mean of precision and recall; null without gold and predicted spans")


class Group(Tally):
    """The documents that share one value of a ``meta`` key."""

    value: str | None = Field(description="the value; null of the documents without the key")
    documents: int = Field(description="how many they are")


class LengthGroup(Tally):
    """The spans, or the spans in sentences, of so many words (whitespace-separated)."""

    words: str = Field(description="how many words; `5+` is five or more")


class Confusion(_Schema):
    """How many aligned pairs have this gold and this predicted label."""

    gold: str | None = Field(description="the gold label; null: spurious")
    predicted: str | None = Field(description="the predicted label; null: missed")
    count: int = Field(description="pairs")


class BoundaryErrors(_Schema):
    """Aligned pairs with other boundaries than gold, whatever their labels.

    Left is the start of the span in text order (on the right-hand side of the
    screen in Persian). A pair counts once per side that is wrong.
    """

    pairs: int = Field(description="pairs with a wrong boundary, or two")
    left_too_long: int = Field(description="predicted spans that start too early")
    left_too_short: int = Field(description="predicted spans that start too late")
    right_too_long: int = Field(description="predicted spans that end too late")
    right_too_short: int = Field(description="predicted spans that end too early")


class Boundaries(_Schema):
    """Boundary errors in total and by gold label."""

    overall: BoundaryErrors = Field(description="of all labels together")
    per_label: dict[str, BoundaryErrors] = Field(description="by gold label")


class LeftOut(_Schema):
    """Spans that were not scored, because their document does not annotate their label."""

    gold: int = Field(description="gold spans")
    predicted: int = Field(description="predicted spans")


class Bootstrap(_Schema):
    """How the intervals were made: documents are drawn with replacement."""

    resamples: int = Field(description="how often documents were drawn")
    seed: int = Field(description="of the random numbers")
    level: float = Field(description="share of the resamples inside an interval")


class Speed(_Schema):
    """Prediction speed over the evaluated texts, in whitespace-separated words of the raw text."""

    words: int = Field(description="predicted words")
    seconds: float = Field(description="the time they took")
    words_per_second: float | None = Field(description="null without words")
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

    name: str = Field(description="its name without the language")
    lang: str = Field(description="its language")
    version: str = Field(description="its version")
    provenance: Any = Field(
        default=None, description="commit and checksums of its training; null of a pipeline that was not stamped"
    )


class DataInfo(_Schema):
    """A file of records."""

    path: str = Field(description="where it was")
    sha256: str = Field(description="its checksum")


class Provenance(_Schema):
    """What was run, on what, with what."""

    created: datetime = Field(description="when, in UTC")
    model: ModelInfo = Field(description="the pipeline")
    data: DataInfo | None = Field(description="the file of the gold annotation; null of records in memory")
    device: str = Field(description="cpu or gpu, and the machine's architecture")
    git_commit: str | None = Field(description="of the code, maybe with -dirty; null outside a repository")
    versions: dict[str, str] = Field(description="of Python and the packages that matter")


class Metrics(_Schema):
    """Everything that one evaluation found."""

    schema_version: Literal[1] = Field(default=1, description="version of this schema")
    name: str = Field(default="", description="what reports call the evaluation")
    documents: int = Field(description="evaluated documents")
    words: int = Field(description="their whitespace-separated words")
    labels: list[str] = Field(description="all labels, in the order of tables")
    overall: Scores = Field(description="of all labels together: the micro average")
    macro: Macro = Field(description="of the labels' strict scores")
    per_label: dict[str, Scores] = Field(description="of each label's own spans")
    confusion: list[Confusion] = Field(description="labels of overlapping spans; combinations that occur")
    boundaries: Boundaries = Field(description="where spans began or ended too early or too late")
    breakdowns: dict[str, list[Group]] = Field(
        description="strict scores by the values of a key of the documents' `meta`; empty where no document has the key"
    )
    by_length: list[LengthGroup] = Field(description="strict scores by the number of words of a span")
    by_sentence_length: list[LengthGroup] = Field(
        default=[],
        description="strict scores by the words of the sentence around a span; empty in files before version 3",
    )
    left_out: LeftOut = Field(description="spans that do not count")
    bootstrap: Bootstrap = Field(description="how the intervals were made")
    speed: Speed | None = Field(default=None, description="of the prediction; null where it was not measured")
    footprint: Footprint | None = Field(default=None, description="null in files before version 3")
    provenance: Provenance | None = Field(default=None, description="null where it was not told")


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
    counts = match_counts(scored, names)
    resampled = _resampled(counts, resamples, seed)
    overall, *per_label = map(_scores, counts.sum(axis=0), interval_ends(resampled))
    aligned = [align(gold, predicted) for gold, predicted in scored]
    pairs = [pair for found in aligned for pair in found]
    return Metrics(
        documents=len(documents),
        words=sum(count_words(document.text) for document in documents),
        labels=names,
        overall=overall,
        macro=macro(per_label, "strict").model_copy(update={"intervals": _macro_intervals(resampled)}),
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
    """Unweighted means of the labels' scores of one match type, without intervals, which take the documents."""
    scores: list[Score] = [getattr(found, match) for found in per_label]

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return _ratio(sum(known), len(known))

    return Macro(
        precision=mean([score.precision for score in scores]),
        recall=mean([score.recall for score in scores]),
        f1=mean([score.f1 for score in scores]),
    )


def match_counts(scored: Sequence[ScoredSpans], labels: Sequence[str]) -> Counts:
    """What nervaluate counts in each document, of which :func:`scored_spans` gives the spans.

    Dimensions: document; all labels together and then each label; match type; COR, INC, PAR, MIS, SPU.
    Every span's label is one of ``labels``.
    """
    counts = np.zeros((len(scored), 1 + len(labels), len(MATCH_TYPES), 5), dtype=np.int64)
    for row, sides in enumerate(scored):
        gold, predicted = ([Entity(span.label, span.start, span.end - 1) for span in side] for side in sides)
        present = {entity.label for entity in [*gold, *predicted]}
        for column, label in enumerate([None, *labels]):
            if label is None or label in present:
                ours, theirs = ([e for e in side if label in (None, e.label)] for side in (gold, predicted))
                counts[row, column] = [_outcomes(_STRATEGIES[match], ours, theirs, labels) for match in MATCH_TYPES]
    return counts


def credit_counts(counts: Counts) -> Counts:
    """The last dimension of :func:`match_counts` becomes twice the credit, predicted spans and gold spans."""
    correct, incorrect, partial, missed, spurious = np.moveaxis(counts, -1, 0)
    paired = correct + incorrect + partial
    return np.stack([2 * correct + partial, paired + spurious, paired + missed], axis=-1)


def measures(totals: NDArray[Any]) -> NDArray[np.float64]:
    """The last dimension of :func:`credit_counts` becomes precision, recall and F1; nan for 0 / 0."""
    credit, predicted, gold = np.moveaxis(totals, -1, 0)
    with np.errstate(invalid="ignore"):  # without spans there is no credit
        return np.stack([credit / (2 * predicted), credit / (2 * gold), credit / (predicted + gold)], axis=-1)


def interval_ends(resampled: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first dimension, of resamples, gives way to a last one with the two ends of the interval.

    Resamples that are nan say nothing and are left out; where all are, so are the ends.
    """
    by_place = np.moveaxis(resampled, 0, -1)
    ends = np.full((*by_place.shape[:-1], 2), np.nan)
    for place in np.ndindex(ends.shape[:-1]):
        known = by_place[place][~np.isnan(by_place[place])]
        if known.size:
            ends[place] = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ends


def count_words(text: str) -> int:
    """Number of whitespace-separated words."""
    return len(text.split())


def scored_spans(document: Evaluated) -> ScoredSpans:
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


def _label_order(labels: Sequence[str], scored: Sequence[ScoredSpans]) -> list[str]:
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


def tally(correct: int, predicted: int, support: int) -> dict[str, Any]:
    """The fields of a :class:`Tally`."""
    return {
        "support": support,
        "predicted": predicted,
        "correct": correct,
        "precision": _ratio(correct, predicted),
        "recall": _ratio(correct, support),
        "f1": _ratio(2 * correct, predicted + support),
    }


_STRATEGIES: dict[MatchType, EvaluationStrategy] = {
    "strict": StrictEvaluation(),
    "exact": ExactEvaluation(),
    "partial": PartialEvaluation(),
    "type": EntityTypeEvaluation(),
}


def _outcomes(
    strategy: EvaluationStrategy, gold: list[Entity], predicted: list[Entity], labels: Sequence[str]
) -> tuple[int, ...]:
    found, _ = strategy.evaluate(gold, predicted, list(labels))
    return found.correct, found.incorrect, found.partial, found.missed, found.spurious


def _scores(counts: Counts, ends: NDArray[np.float64]) -> Scores:
    """Scores of one column of :func:`match_counts`, summed over the documents, and of its intervals' ends."""
    found = {match: _score(*map(int, outcomes)) for match, outcomes in zip(MATCH_TYPES, counts, strict=True)}
    intervals = {match: _measure_intervals(pairs) for match, pairs in zip(MATCH_TYPES, ends, strict=True)}
    strict = found["strict"]
    return Scores(
        support=strict.correct + strict.incorrect + strict.missed,
        predicted=strict.correct + strict.incorrect + strict.spurious,
        **found,
        intervals=MatchIntervals(**intervals),
    )


def _resampled(counts: Counts, resamples: int, seed: int) -> NDArray[np.float64]:
    """The scores of each resample, nan where they are null: (resample, column, match type, measure).

    Documents, not spans, are drawn, since the spans of a document depend on each
    other. There is no resample of fewer than two documents.
    """
    documents, *shape, _ = counts.shape
    if documents < 2:
        return np.empty((0, *shape, len(MEASURES)))
    rng = np.random.default_rng(seed)
    flat = credit_counts(counts).reshape(documents, -1)
    draws = (np.bincount(rng.integers(documents, size=documents), minlength=documents) for _ in range(resamples))
    totals = np.stack([draw @ flat for draw in draws]).reshape(resamples, *shape, 3)
    return measures(totals)


def _measure_intervals(ends: NDArray[np.float64]) -> MeasureIntervals:
    """Of the ends of one match type: (measure, end)."""
    return MeasureIntervals(**{measure: as_interval(*pair) for measure, pair in zip(MEASURES, ends, strict=True)})


def _macro_intervals(resampled: NDArray[np.float64]) -> MeasureIntervals:
    """Of the strict means; that of a resample is over the labels whose score is not null in it."""
    labels = resampled[:, 1:, MATCH_TYPES.index("strict")]
    known = np.count_nonzero(~np.isnan(labels), axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 where every label's score is null
        return _measure_intervals(interval_ends(np.nansum(labels, axis=1) / known))


def as_interval(low: float, high: float) -> Interval | None:
    """An interval of these ends; None where they are nan."""
    return None if np.isnan(low) else Interval(low=float(low), high=float(high))


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


def _groups(documents: Sequence[Evaluated], counts: Counts, key: str) -> list[Group]:
    """One group for each value, by name; the documents without the key last. Empty when no document has it."""
    rows: dict[str | None, list[int]] = {}
    for row, document in enumerate(documents):
        value = document.meta.get(key)
        rows.setdefault(None if value is None else str(value), []).append(row)
    if set(rows) <= {None}:
        return []
    strict = counts[:, 0, MATCH_TYPES.index("strict")]
    groups = []
    for value in sorted(rows, key=lambda value: (value is None, value or "")):
        total = strict[rows[value]].sum(axis=0)
        _, predicted, support = (int(count) for count in credit_counts(total))
        groups.append(Group(value=value, documents=len(rows[value]), **tally(int(total[0]), predicted, support)))
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
        LengthGroup(words=name, **tally(correct[name], predicted[name], support[name]))
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


def _left_out(documents: Sequence[Evaluated], scored: Sequence[ScoredSpans]) -> LeftOut:
    return LeftOut(
        gold=sum(len(document.gold) for document in documents) - sum(len(gold) for gold, _ in scored),
        predicted=sum(len(document.predicted) for document in documents) - sum(len(found) for _, found in scored),
    )
