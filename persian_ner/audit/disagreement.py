"""Annotation that models disagree with, after confident learning.

Northcutt, Jiang and Chuang (2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels") call an item's label doubtful when the model's confidence in another class reaches that
class's threshold: its mean confidence in the items that carry the class. A model that is
rarely sure of EVENT needs less to be listened to about an EVENT than one that always is.

Here the items are spans. The confidence in a gold span is the score of the prediction
that equals it, or one minus the score of the one that overlaps it otherwise. A gold span
that nothing overlaps has none, and does not count for the threshold: a pipeline scores
what it finds and not what it does not. For the same reason such a span (``unfound``) can
only be ranked by how many evaluations miss it.

* ``contradicted``: a prediction overlaps the gold span and has other borders or another label;
* ``unmarked``: a prediction overlaps no gold span;
* ``unfound``: no prediction overlaps the gold span.

Disagreements are ordered by the share of the evaluations that agree on them, then by how
far confidence lies above the threshold. Without scores the share is all there is.

**The limit.** A model that was trained on a document has learned its errors: what it does not object
to there says nothing. Predict documents with models that have not seen them (cross-validation).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from persian_ner.audit.inputs import Corpus, Document, Predictions
from persian_ner.audit.schema import Disagreement, Doubt, PredictionInfo, Severity, Threshold
from persian_ner.metrics import Evaluated, Pair, align, scored_spans
from persian_ner.records import Span

_Kind = Literal["contradicted", "unmarked", "unfound"]
_Item = tuple[_Kind, Span | None, Span | None]  # the gold and the predicted span, without scores and surfaces
_Opinion = tuple[float | None, float | None]  # confidence and threshold


@dataclass(frozen=True)
class _Evaluation:
    predictions: Predictions
    pairs: dict[tuple[str, str], list[Pair]]
    thresholds: dict[str, float]


def find(corpus: Corpus) -> Disagreement:
    """All disagreements of the corpus's predictions with its annotation."""
    evaluations = [_evaluation(predictions, corpus) for predictions in corpus.predictions]
    found: list[Doubt] = []
    below = 0
    for document in corpus.documents():
        key = (document.split, document.record.id)
        having = [evaluation for evaluation in evaluations if key in evaluation.pairs]
        opinions: dict[_Item, list[_Opinion]] = defaultdict(list)
        for evaluation in having:
            for pair in evaluation.pairs[key]:
                if not pair.errors:
                    continue
                confidence, threshold = _opinion(pair, evaluation.thresholds)
                if confidence is not None and threshold is not None and confidence < threshold:
                    below += 1
                else:
                    opinions[_item(pair)].append((confidence, threshold))
        found += [_doubt(document, item, said, len(having)) for item, said in opinions.items()]
    return Disagreement(
        predictions=[_info(evaluation, corpus.labels(predicted=True)) for evaluation in evaluations],
        below_threshold=below,
        findings=sorted(found, key=lambda doubt: (-doubt.models / doubt.of, -_margin(doubt))),
    )


def thresholds(pairs: Iterable[Pair]) -> dict[str, float]:
    """Label → mean confidence in its gold spans; labels without any score are absent."""
    confidences: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        if pair.gold and pair.predicted and pair.predicted.score is not None:
            score = pair.predicted.score
            confidences[pair.gold.label].append(1 - score if pair.errors else score)
    return {label: fmean(found) for label, found in confidences.items()}


def _evaluation(predictions: Predictions, corpus: Corpus) -> _Evaluation:
    pairs: dict[tuple[str, str], list[Pair]] = {}
    for document in corpus.documents():
        key = (document.split, document.record.id)
        if key in predictions.spans:
            record = document.record
            both = Evaluated(record.id, record.text, record.spans, predictions.spans[key], record.annotated_labels)
            gold, predicted = scored_spans(both)
            pairs[key] = [_with_overlap(pair, gold, predicted) for pair in align(gold, predicted)]
    return _Evaluation(predictions, pairs, thresholds(pair for found in pairs.values() for pair in found))


def _with_overlap(pair: Pair, gold: Sequence[Span], predicted: Sequence[Span]) -> Pair:
    """A span that :func:`align` left alone, with the span it overlaps if there is one.

    Of two predictions inside one gold span it pairs only one, but both contradict it.
    """

    def overlapping(span: Span, others: Sequence[Span]) -> Span | None:
        return next((other for other in others if other.start < span.end and span.start < other.end), None)

    if pair.gold is None and pair.predicted:
        return Pair(overlapping(pair.predicted, gold), pair.predicted)
    if pair.predicted is None and pair.gold:
        return Pair(pair.gold, overlapping(pair.gold, predicted))
    return pair


def _opinion(pair: Pair, limits: Mapping[str, float]) -> _Opinion:
    if pair.predicted is None or pair.predicted.score is None:
        return None, None
    return pair.predicted.score, limits.get(pair.predicted.label)


def _item(pair: Pair) -> _Item:
    def bare(span: Span | None) -> Span | None:
        return Span(start=span.start, end=span.end, label=span.label) if span else None

    kind: _Kind = "unfound" if pair.predicted is None else "unmarked" if pair.gold is None else "contradicted"
    return kind, bare(pair.gold), bare(pair.predicted)


def _doubt(document: Document, item: _Item, opinions: Sequence[_Opinion], of: int) -> Doubt:
    kind, gold, predicted = item
    places = [document.place(span.start, span.end, span.label) if span else None for span in (gold, predicted)]
    confidences = [confidence for confidence, _ in opinions if confidence is not None]
    limits = [threshold for _, threshold in opinions if threshold is not None]
    confidence = fmean(confidences) if confidences else None
    threshold = fmean(limits) if limits else None
    return Doubt(
        kind=kind,
        severity=_severity(len(opinions), of, confidence, threshold),
        labels=list(dict.fromkeys(span.label for span in (gold, predicted) if span)),
        places=[place for place in places if place][:1],
        predicted=places[1],
        models=len(opinions),
        of=of,
        confidence=confidence,
        threshold=threshold,
    )


def _severity(models: int, of: int, confidence: float | None, threshold: float | None) -> Severity:
    """High: confident well beyond the threshold, or three evaluations of three; medium: confident, or two of two."""
    if models < of:
        return "medium" if models > of / 2 and of > 2 else "low"
    if confidence is not None and threshold is not None:
        return "high" if confidence >= (1 + threshold) / 2 or of > 2 else "medium"
    return "high" if of > 2 else "medium" if of == 2 else "low"


def _margin(doubt: Doubt) -> float:
    return -1.0 if doubt.confidence is None else doubt.confidence - (doubt.threshold or 0)


def _info(evaluation: _Evaluation, labels: Sequence[str]) -> PredictionInfo:
    predictions = evaluation.predictions
    gold = [pair.gold.label for pairs in evaluation.pairs.values() for pair in pairs if pair.gold]
    return PredictionInfo(
        folder=predictions.folder.as_posix(),
        model=predictions.model,
        documents=len(evaluation.pairs),
        unknown_documents=predictions.unknown_documents,
        scored=any(span.score is not None for spans in predictions.spans.values() for span in spans),
        trained_on=predictions.trained_on,
        thresholds=[
            Threshold(label=label, threshold=evaluation.thresholds.get(label), spans=gold.count(label))
            for label in labels
        ],
    )
