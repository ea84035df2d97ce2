"""Whether confidences mean what they say, and the temperature that makes them.

A confidence is calibrated when, of the entities with confidence 0.8, four in five are
right: boundaries and label, as in the strict scores. Measured are, over all predicted
entities that have a confidence,

* a reliability diagram: bins of equally many entities, each with its mean confidence and
  its precision,
* the expected calibration error: the mean distance of the two, weighted by the bins' sizes,
* the Brier score: the mean squared distance between confidence and outcome (1 or 0),
* AUROC: the probability that a right entity has a higher confidence than a wrong one.

Bins of equal size rather than width, because nearly all confidences are high (Nguyen and
O'Connor 2015). The temperature (:mod:`persian_ner.confidence`) minimises the log loss on
documents that the pipeline was not trained on; it hardly changes AUROC. With it comes the threshold by which the
component chooses entities.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import srsly
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from persian_ner import files
from persian_ner.metrics import Evaluated, scored_spans
from persian_ner.predict import BATCH_SIZE, predicted_docs, spans_of
from persian_ner.records import InputError, Problem, Record, Span

if TYPE_CHECKING:  # spaCy takes seconds to import
    from spacy.language import Language

    from persian_ner.confidence import Lattice

NAME = "fa_confidence"
NER = "ner"
BINS = 10

_COLDEST, _HOTTEST = 0.1, 10.0
_DIGITS = 3
_MOST_ROUNDS = 20

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bin(_Schema):
    """Entities with similar confidences, from ``low`` to ``high``, both included."""

    low: float = Field(description="the lowest confidence")
    high: float = Field(description="the highest confidence")
    count: int = Field(description="how many entities")
    mean_confidence: float = Field(description="the mean of their confidences")
    precision: float = Field(description="how many of them are right")


class Calibration(_Schema):
    """How well confidences agree with strict correctness."""

    bins: list[Bin] = Field(description="of about equally many entities, by ascending confidence")
    ece: float = Field(description="expected calibration error over the bins")
    brier: float = Field(description="Brier score: mean squared distance of confidence and outcome")
    auroc: float | None = Field(description="null when all entities are right, or all wrong")
    temperature: float | None = Field(default=None, description="of the component that gave the confidences")
    unscored: int = Field(default=0, description="predicted entities without a confidence, which do not count here")

    def __str__(self) -> str:
        """The three measures."""
        auroc = "undefined" if self.auroc is None else f"{self.auroc:.4f}"
        return f"ECE {self.ece:.4f}, Brier score {self.brier:.4f}, AUROC {auroc}"


def measure(evaluated: Sequence[Evaluated], temperature: float | None = None) -> Calibration | None:
    """Measure the scores of predicted spans; None when no span has one.

    Spans of labels that a document does not annotate are left out, as in all scores.
    """
    # Imported here because scikit-learn takes a second, which reading a calibration need not spend.
    from sklearn.metrics import brier_score_loss, roc_auc_score

    scores, correct, unscored = _outcomes(evaluated)
    if not len(scores):
        return None
    bins = _bins(scores, correct)
    return Calibration(
        bins=bins,
        ece=sum(part.count * abs(part.mean_confidence - part.precision) for part in bins) / len(scores),
        brier=float(brier_score_loss(correct, scores, pos_label=True)),
        auroc=None if correct.all() or not correct.any() else float(roc_auc_score(correct, scores)),
        temperature=temperature,
        unscored=unscored,
    )


def _outcomes(evaluated: Sequence[Evaluated]) -> tuple[_Floats, _Bools, int]:
    """The scores of predicted spans, whether these are right, and how many more have no score."""
    scores: list[float] = []
    correct: list[bool] = []
    unscored = 0
    for document in evaluated:
        gold, predicted = scored_spans(document)
        expected = {(span.start, span.end, span.label) for span in gold}
        for span in predicted:
            if span.score is None:
                unscored += 1
            else:
                scores.append(span.score)
                correct.append((span.start, span.end, span.label) in expected)
    return np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=np.bool_), unscored


def _bins(scores: _Floats, correct: _Bools) -> list[Bin]:
    """At most ``BINS``; equal scores are in one bin, so that the order of the entities does not matter."""
    order = np.argsort(scores)
    scores, correct = scores[order], correct[order]
    borders = np.linspace(0, len(scores), min(BINS, len(scores)) + 1).astype(int)[1:-1]
    borders = np.unique(np.searchsorted(scores, scores[borders]))
    borders = borders[borders > 0]
    return [
        Bin(
            low=float(part[0]),
            high=float(part[-1]),
            count=len(part),
            mean_confidence=float(part.mean()),
            precision=float(right.mean()),
        )
        for part, right in zip(np.split(scores, borders), np.split(correct, borders), strict=True)
    ]


class Calibrated(NamedTuple):
    """The temperature found, and the calibration on the same documents at temperature 1 and at this one.

    Both calibrations are of what ``ner`` finds alone. ``threshold`` is half the strict F1 of what is found with it.
    """

    temperature: float
    threshold: float
    before: Calibration
    after: Calibration


def calibrate(nlp: Language, records: Sequence[Record]) -> Calibrated | None:
    """Find the temperature at which the confidences of the pipeline's ``ner`` fit gold records best.

    None when no temperature can be told: all entities found are right, or all are wrong.
    Raises :class:`InputError` when the pipeline has no ``ner``.
    """
    from scipy.optimize import minimize_scalar
    from sklearn.metrics import log_loss

    if NER not in nlp.pipe_names:
        raise InputError([Problem(str(nlp.path or nlp.meta["name"]), 0, "", f"has no component {NER!r}")])
    predicted = _predict(nlp, records)

    def loss(log_temperature: float) -> float:
        scores, correct, _ = _outcomes(_at(predicted, math.exp(log_temperature)))
        return float(log_loss(correct, scores, labels=[False, True]))

    before = measure(_at(predicted, 1.0), 1.0)
    if before is None or before.auroc is None:
        return None
    bounds = (math.log(_COLDEST), math.log(_HOTTEST))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    temperature = round(math.exp(best.x), _DIGITS)
    after = measure(_at(predicted, temperature), temperature)
    assert after is not None
    return Calibrated(temperature, _threshold(predicted, temperature), before, after)


class _Batch(NamedTuple):
    """Documents with the spans found in them, their tokens' first and last characters, and what tells the scores."""

    documents: list[Evaluated]
    tokens: list[list[tuple[int, int]]]
    lattice: Lattice


_Predicted = list[_Batch]


def _predict(nlp: Language, records: Sequence[Record]) -> _Predicted:
    """What ``ner`` finds, before any choice of ``fa_confidence``."""
    from spacy.util import minibatch

    from persian_ner.confidence import FaConfidence

    component = FaConfidence(nlp, temperature=1.0)
    batches: _Predicted = []
    with nlp.select_pipes(disable=[name for name in nlp.pipe_names if name == NAME]):
        for batch in minibatch(zip(records, predicted_docs(nlp, records), strict=True), BATCH_SIZE):
            evaluated = [
                Evaluated(record.id, record.text, record.spans, spans_of(doc), record.annotated_labels)
                for record, doc in batch
            ]
            docs = [doc for _, doc in batch]
            tokens = [[(token.idx, token.idx + len(token)) for token in doc] for doc in docs]
            batches.append(_Batch(evaluated, tokens, component.lattice(docs)))
    return batches


def _threshold(predicted: _Predicted, temperature: float) -> float:
    """The threshold that is half the strict F1 of what is found with it."""
    threshold = 0.5
    for _ in range(_MOST_ROUNDS):
        threshold, before = round(_strict_f1(_chosen(predicted, temperature, threshold)) / 2, _DIGITS), threshold
        if threshold == before:
            break
    return threshold


def _chosen(predicted: _Predicted, temperature: float, threshold: float) -> Iterator[Evaluated]:
    from persian_ner.confidence import best

    for documents, tokens, lattice in predicted:
        spans = lattice.spans(temperature, threshold)
        for document, places, offset, candidates in zip(documents, tokens, lattice.offsets, spans, strict=True):
            found = [
                Span(start=places[first - offset][0], end=places[last - offset][1], label=label)
                for (first, last, label), _ in best(candidates, threshold)
            ]
            yield replace(document, predicted=found)


def _strict_f1(evaluated: Iterable[Evaluated]) -> float:
    right = total = 0
    for document in evaluated:
        gold, predicted = ({(span.start, span.end, span.label) for span in spans} for spans in scored_spans(document))
        right += len(gold & predicted)
        total += len(gold) + len(predicted)
    return 2 * right / total if total else 0.0


def _at(predicted: _Predicted, temperature: float) -> list[Evaluated]:
    """The documents with the scores that their spans have at this temperature."""
    return [
        replace(
            document,
            predicted=[
                span.model_copy(update={"score": score}) for span, score in zip(document.predicted, scores, strict=True)
            ],
        )
        for documents, _, lattice in predicted
        for document, scores in zip(documents, lattice.confidences(temperature), strict=True)
    ]


def keep(model: Path, temperature: float, threshold: float | None) -> None:
    """Write both into meta.json of a pipeline folder, where ``fa_confidence`` looks for them."""
    found = {"temperature": temperature} | ({} if threshold is None else {"threshold": threshold})
    meta: dict[str, Any] = srsly.read_json(model / "meta.json")
    files.write_json(model / "meta.json", meta | {NAME: found})
