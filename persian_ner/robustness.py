"""How much strict F1 a pipeline loses on damaged text, measured on the very same documents clean and damaged.

``robustness.json`` (:class:`Robustness`) holds the numbers, ``robustness.md`` a
table of them. Documents are paired: an interval is of the difference between
the two sides of the same resampled documents, which is narrower than the two
intervals of F1 suggest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from persian_ner import augment
from persian_ner.evaluate import evaluate
from persian_ner.files import write_text
from persian_ner.metrics import (
    LEVEL,
    RESAMPLES,
    SEED,
    Bootstrap,
    Evaluated,
    Interval,
    Metrics,
    Provenance,
    Score,
    scored_spans,
)
from persian_ner.predict import BATCH_SIZE
from persian_ner.records import InputError, Problem, Record

if TYPE_CHECKING:
    from spacy.language import Language

ROBUSTNESS_FILE = "robustness.json"
TABLE_FILE = "robustness.md"


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Schema):
    """Strict scores of the same documents clean and damaged; null where F1 is (no gold and no predicted spans)."""

    clean: Score
    damaged: Score
    difference: float | None = Field(description="damaged F1 minus clean F1: negative where F1 is lost")
    interval: Interval | None = Field(
        description="of the difference; null with fewer than two documents, or where F1 is null in every resample"
    )


class DamageResult(_Schema):
    """What one damage or mixture did to the text and to the scores."""

    rates: dict[str, float] = Field(description="the damages in the order in which they were done")
    documents_changed: int
    words_changed: float | None = Field(
        description="share of the clean text's words, by white space, that the damaged text no longer has"
    )
    overall: Change
    per_label: dict[str, Change]


class Robustness(_Schema):
    """Everything that was measured. ``seed`` is that of the damages, ``bootstrap`` is about the intervals."""

    schema_version: Literal[1] = 1
    name: str = ""
    documents: int
    words: int
    labels: list[str]
    seed: int
    damages: dict[str, DamageResult]
    bootstrap: Bootstrap
    provenance: Provenance


def recipes(names: Sequence[str], typo_rate: float) -> dict[str, dict[str, float]]:
    """The rates of the named damages and mixtures; all there are for no names.

    ``typo_rate`` is that of the damage ``typos``; mixtures keep their own rates.
    Raises :class:`InputError` naming every name that is unknown.
    """
    found: dict[str, dict[str, float]] = {}
    problems = []
    for name in names or [*augment.DAMAGES, *augment.MIXTURES]:
        try:
            found[name] = augment.recipe({"typos": typo_rate} if name == "typos" else [name])
        except ValueError as error:
            problems.append(Problem("damages", 0, "", str(error)))
    if problems:
        raise InputError(problems)
    return found


def measure(
    nlp: Language,
    records: Sequence[Record],
    damages: Mapping[str, augment.Recipe],
    *,
    seed: int = 0,
    name: str = "",
    data: Path | None = None,
    batch_size: int = BATCH_SIZE,
    resamples: int = RESAMPLES,
) -> Robustness:
    """Evaluate ``nlp`` on ``records`` as they are and once for each of ``damages`` (recipes by name).

    ``seed`` makes the damages repeatable; ``data`` is the file the records came
    from, for the provenance. Raises :class:`InputError` when gold spans cannot
    be scored.
    """
    clean = evaluate(nlp, records, name=name, data=data, batch_size=batch_size)
    variants = {title: [augment.damage(record, rates, seed) for record in records] for title, rates in damages.items()}
    damaged = {title: evaluate(nlp, variant, batch_size=batch_size) for title, variant in variants.items()}
    labels = list(dict.fromkeys(label for metrics, _ in (clean, *damaged.values()) for label in metrics.labels))
    metrics = clean[0]
    assert metrics.provenance is not None  # evaluate always gives it
    return Robustness(
        name=name,
        documents=metrics.documents,
        words=metrics.words,
        labels=labels,
        seed=seed,
        damages={
            title: _result(rates, records, variants[title], _changes(clean, damaged[title], labels, resamples), labels)
            for title, rates in damages.items()
        },
        bootstrap=Bootstrap(resamples=resamples, seed=SEED, level=LEVEL),
        provenance=metrics.provenance,
    )


def lost_more_than(robustness: Robustness, limit: float) -> list[str]:
    """One message for each damage that lowers overall F1 by more than ``limit``; a null F1 lowers nothing."""
    return [
        f"{title}: F1 falls by {-result.overall.difference:.4f}, more than {limit}"
        for title, result in robustness.damages.items()
        if result.overall.difference is not None and -result.overall.difference > limit
    ]


def write(folder: Path, robustness: Robustness) -> None:
    """Write both files, each atomically, once both are complete in memory."""
    table = to_markdown(robustness)
    summary = robustness.model_dump_json(indent=2) + "\n"
    write_text(folder / TABLE_FILE, table)
    write_text(folder / ROBUSTNESS_FILE, summary)


def to_markdown(robustness: Robustness) -> str:
    """The measurement as Markdown: a table of all labels together, and one of the differences by label."""
    model = robustness.provenance.model
    lines = [
        f"# Robustness{': ' + robustness.name if robustness.name else ''}",
        "",
        f"{model.lang}_{model.name} {model.version}, {robustness.documents} documents, {robustness.words} words, each "
        "evaluated clean and damaged. Strict F1; the difference is damaged minus clean, with its "
        f"{robustness.bootstrap.level:.0%} interval over documents (paired bootstrap).",
        "",
        *_table(
            ["Damage", "Documents changed", "Words changed", "F1 clean", "F1 damaged", "Difference", "Interval"],
            [
                [
                    title,
                    str(result.documents_changed),
                    "–" if result.words_changed is None else f"{result.words_changed:.1%}",
                    *change_cells(result.overall),
                ]
                for title, result in robustness.damages.items()
            ],
        ),
        "",
        "## Difference by label",
        "",
        *_table(
            ["Damage", *robustness.labels],
            [
                [title, *(show_difference(result.per_label[label].difference) for label in robustness.labels)]
                for title, result in robustness.damages.items()
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def change_cells(change: Change) -> list[str]:
    """F1 clean, F1 damaged, their difference and its interval, as text."""
    scores = ["–" if score.f1 is None else f"{score.f1:.4f}" for score in (change.clean, change.damaged)]
    interval = change.interval
    ends = f"{show_difference(interval.low)} … {show_difference(interval.high)}" if interval else "–"
    return [*scores, show_difference(change.difference), ends]


def show_difference(value: float | None) -> str:
    """A difference of F1 with its sign; a dash for null."""
    return "–" if value is None else f"{value:+.4f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    alignment = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in [header, alignment, *rows]]


def _result(
    rates: augment.Recipe, clean: Sequence[Record], damaged: Sequence[Record], changes: list[Change], labels: list[str]
) -> DamageResult:
    words = gone = changed = 0
    for before, after in zip(clean, damaged, strict=True):
        clean_words = Counter(before.text.split())
        words += clean_words.total()
        gone += (clean_words - Counter(after.text.split())).total()
        changed += before.text != after.text
    return DamageResult(
        rates=dict(rates),
        documents_changed=changed,
        words_changed=gone / words if words else None,
        overall=changes[0],
        per_label=dict(zip(labels, changes[1:], strict=True)),
    )


_Evaluation = tuple[Metrics, list[Evaluated]]
_Counts = NDArray[np.int64]
_NOTHING = Score(correct=0, incorrect=0, partial=0, missed=0, spurious=0, precision=None, recall=None, f1=None)


def _changes(clean: _Evaluation, damaged: _Evaluation, labels: list[str], resamples: int) -> list[Change]:
    """The change of all labels together, and then that of each label."""
    intervals = _intervals(_strict_counts(clean[1], labels), _strict_counts(damaged[1], labels), resamples)
    changes = []
    for before, after, interval in zip(_scores(clean[0], labels), _scores(damaged[0], labels), intervals, strict=True):
        difference = None if before.f1 is None or after.f1 is None else after.f1 - before.f1
        changes.append(Change(clean=before, damaged=after, difference=difference, interval=interval))
    return changes


def _scores(metrics: Metrics, labels: Sequence[str]) -> list[Score]:
    per_label = [metrics.per_label[label].strict if label in metrics.per_label else _NOTHING for label in labels]
    return [metrics.overall.strict, *per_label]


def _strict_counts(documents: Sequence[Evaluated], labels: Sequence[str]) -> _Counts:
    """(document, all labels together and then each label, [correct spans, predicted and gold spans])."""
    counts = np.zeros((len(documents), 1 + len(labels), 2), dtype=np.int64)
    column = {label: index for index, label in enumerate(labels, start=1)}
    for row, document in enumerate(documents):
        gold, predicted = ({(span.start, span.end, span.label) for span in side} for side in scored_spans(document))
        for *_, label in gold & predicted:
            counts[row, column[label], 0] += 1
        for *_, label in [*gold, *predicted]:
            counts[row, column[label], 1] += 1
    counts[:, 0] = counts[:, 1:].sum(axis=1)
    return counts


def _intervals(clean: _Counts, damaged: _Counts, resamples: int) -> list[Interval | None]:
    """Percentile intervals of the difference of F1, one for each column.

    The same documents are drawn for both sides. Resamples where F1 is null on a
    side say nothing about the difference and are left out.
    """
    documents, columns, _ = clean.shape
    if documents < 2:
        return [None] * columns
    rng = np.random.default_rng(SEED)
    draws = rng.multinomial(documents, [1 / documents] * documents, size=resamples)
    before, after = (np.tensordot(draws, side, axes=1) for side in (clean, damaged))
    return [_interval(before[:, column], after[:, column]) for column in range(columns)]


def _interval(before: _Counts, after: _Counts) -> Interval | None:
    known = (before[:, 1] > 0) & (after[:, 1] > 0)
    if not known.any():
        return None
    difference = 2 * after[known, 0] / after[known, 1] - 2 * before[known, 0] / before[known, 1]
    low, high = np.quantile(difference, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=float(low), high=float(high))
