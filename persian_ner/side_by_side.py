"""Evaluations of the same gold documents side by side, as the report page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from persian_ner.compare import Comparison, Run, System, Value, compare, of_same_gold
from persian_ner.metrics import MATCH_TYPES, Interval, MatchType


@dataclass(frozen=True)
class Cell:
    """F1 of a system by one way of matching: of its only run, or the mean of its runs; None where it is undefined.

    ``interval`` is the bootstrap interval of the only run, or mean ± ``sd`` of several. A single run has no ``sd``.
    """

    f1: float | None
    sd: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Row:
    """A label, or None for all together, and a cell for each system; ``others`` are those of other ways of matching."""

    label: str | None
    cells: list[Cell]
    others: dict[MatchType, list[Cell]]


@dataclass(frozen=True)
class SideBySide:
    """Systems on the same documents; ``names`` are those of the evaluations, each once."""

    names: list[str]
    comparison: Comparison
    rows: list[Row]


def side_by_side(runs: Sequence[Run]) -> list[SideBySide]:
    """What can be compared: an item for each set of documents of which there are several runs.

    Raises :class:`persian_ner.records.InputError` as :func:`persian_ner.compare.of_same_gold` does.
    """
    return [_compared(group) for group in of_same_gold(runs) if len(group) > 1 and group[0].documents]


def _compared(runs: Sequence[Run]) -> SideBySide:
    comparison = compare(runs)

    def cells(label: str | None, match: MatchType) -> list[Cell]:
        return [_cell(system, label, match, runs) for system in comparison.systems]

    return SideBySide(
        names=list(dict.fromkeys(run.metrics.name for run in runs if run.metrics.name)),
        comparison=comparison,
        rows=[
            Row(label, cells(label, "strict"), {match: cells(label, match) for match in MATCH_TYPES[1:]})
            for label in [*comparison.labels, None]
        ],
    )


def _cell(system: System, label: str | None, match: MatchType, runs: Sequence[Run]) -> Cell:
    value: Value = getattr(system.overall if label is None else system.per_label[label], match).f1
    if len(system.runs) > 1:
        return Cell(value.mean, value.sd, _around(value))
    metrics = next(run.metrics for run in runs if run.system == system.name)
    scores = metrics.overall if label is None else metrics.per_label.get(label)
    return Cell(value.mean, None, getattr(scores.intervals, match).f1 if scores else None)


def _around(value: Value) -> Interval | None:
    """Mean ± standard deviation, within what F1 can be."""
    if value.mean is None or value.sd is None:
        return None
    return Interval(low=max(value.mean - value.sd, 0.0), high=min(value.mean + value.sd, 1.0))
