"""Several evaluations of the same gold documents side by side, and which of their differences are real.

Each run is a folder that :mod:`persian_ner.evaluate` wrote. Runs of one system
(the same settings, other seeds) are given one name; their scores are shown as
mean ± standard deviation. The first system is the baseline that the others are
compared with. ``comparison.json`` (:class:`Comparison`) holds the numbers,
``comparison.md`` their tables and a sentence on each difference.

**Interval**: percentile bootstrap of the difference. The same documents are drawn
with replacement for both systems. Resamples where a score is undefined on a side
say nothing about the difference and are left out.

**p-value**: two-sided, by approximate randomization (Yeh 2000, "More accurate tests
for the statistical significance of result differences"). In each permutation the
two systems swap their results on a random half of the documents; p is the share
of permutations with at least the observed difference, the observed one included.
Permutations where a score is undefined on a side count as such, which can only
make p larger. Documents are the units since the spans of one depend on each other.

**Correction** (Holm 1979): p-values of the labels are corrected together, those of
all labels together apart from them. With several systems against the baseline, all
these comparisons are one family. Strict F1 decides, and is corrected for nothing else.
The other three ways of matching are there to explain it, and are one family with each
other, so that whoever looks at all three finds a difference by chance no more often.
Precision, recall and F1 are not corrected for each other.

**Runs of several seeds** are summed, document by document, before both (each system
with the same weight, however many runs it has). This asks whether these very runs,
taken together, differ on documents like these. It does not ask whether another seed
would come out the same: the standard deviation hints at that. With unequal numbers
of runs the test is approximate, since a mean of more runs varies less.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from persian_ner.evaluate import METRICS_FILE, PREDICTIONS_FILE, read_evaluation
from persian_ner.files import checksum, git_commit, write_text
from persian_ner.metrics import (
    LEVEL,
    MATCH_TYPES,
    MEASURES,
    SEED,
    Evaluated,
    Interval,
    MatchType,
    Metrics,
    Provenance,
    as_interval,
    credit_counts,
    interval_ends,
    match_counts,
    measures,
    scored_spans,
    span_defects,
)
from persian_ner.records import InputError, Problem, Span
from persian_ner.templating import markdown_cell, render_markdown

COMPARISON_FILE = "comparison.json"
TABLE_FILE = "comparison.md"

ALPHA = 0.05
"""A corrected p-value below this makes a difference real."""
PERMUTATIONS = 10_000
RESAMPLES = 10_000

_FAMILIES: tuple[tuple[MatchType, ...], ...] = (("strict",), ("exact", "partial", "type"))
"""Ways of matching whose p-values are corrected together."""

Verdict = Literal["better", "worse", "open", "same", "undefined"]

_CHUNK = 500
"""Permutations or resamples at a time, so that memory does not grow with their number."""
_TOLERANCE = 1e-12
"""Differences this close are equal: a swap of everything must count although it is rounded otherwise."""


@dataclass(frozen=True)
class Run:
    """One evaluation, the system it is a run of, and the folder it is from, unless it is in memory only."""

    system: str
    folder: Path | None
    metrics: Metrics
    documents: Sequence[Evaluated]

    @property
    def file(self) -> str:
        """What messages call the predictions."""
        return str(self.folder / PREDICTIONS_FILE) if self.folder else self.system


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RunInfo(_Schema):
    """Where the files of one run are (null of an evaluation in memory), and what made them."""

    folder: str | None
    model: str | None
    predictions_sha256: str | None
    metrics_sha256: str | None = Field(default=None, description="null in files before version 2")
    provenance: Provenance | None = Field(
        default=None, description="of its metrics.json: model, gold file with checksum, commit; null if it has none"
    )


class Value(_Schema):
    """One measure of a system; null where it is undefined (nothing to divide by)."""

    runs: list[float | None]
    mean: float | None = Field(description="over the runs where it is not null")
    sd: float | None = Field(description="sample standard deviation over the same; null for fewer than two")


class Values(_Schema):
    """The measures of one way of matching."""

    precision: Value
    recall: Value
    f1: Value


class SystemScores(_Schema):
    """All ways of matching, as in ``metrics.json``."""

    strict: Values
    exact: Values | None = Field(default=None, description="null in files before version 3")
    partial: Values
    type: Values | None = Field(default=None, description="null in files before version 3")


class System(_Schema):
    """The runs of one system and their scores."""

    name: str
    runs: list[RunInfo]
    overall: SystemScores
    per_label: dict[str, SystemScores]


class Difference(_Schema):
    """The system minus the baseline, each over all its runs together; all null where one of them is undefined."""

    value: float | None
    interval: Interval | None = Field(description="null with fewer than two documents, too")
    p: float | None
    corrected_p: float | None


class Differences(_Schema):
    """The measures of one way of matching."""

    precision: Difference
    recall: Difference
    f1: Difference


class Contrast(_Schema):
    """All differences, and what they come to.

    ``verdict`` is about strict F1: the system is really ``better`` or ``worse``
    (corrected p below ``alpha``); ``open``: chance can explain the difference;
    ``same``: equal counts in every document; ``undefined``: nothing to compare.
    """

    documents_differing: int = Field(description="documents in which the strict counts differ")
    strict: Differences
    exact: Differences | None = Field(default=None, description="null in files before version 3")
    partial: Differences
    type: Differences | None = Field(default=None, description="null in files before version 3")
    verdict: Verdict
    sentence: str


class Against(_Schema):
    """One system compared with the baseline."""

    baseline: str
    system: str
    overall: Contrast
    per_label: dict[str, Contrast]


class Method(_Schema):
    """How intervals and p-values were made; documents are drawn and swapped."""

    alpha: float
    level: float
    resamples: int
    permutations: int
    seed: int


class Comparison(_Schema):
    """Everything that was compared. ``differences`` is empty when all runs are of one system.

    Version 2 added ``created``, ``git_commit`` and what made each run, version 3 the ways of matching ``exact`` and
    ``type``, and corrects ``partial`` together with them; files of older versions are read as well.
    """

    schema_version: Literal[1, 2, 3] = 3
    created: datetime | None = Field(default=None, description="null in files before version 2")
    git_commit: str | None = Field(default=None, description="of the code that compared; null outside a repository")
    documents: int
    labels: list[str]
    systems: list[System]
    differences: list[Against]
    method: Method


def read_runs(arguments: Sequence[str]) -> list[Run]:
    """Read the runs named by ``FOLDER`` or ``SYSTEM=FOLDER``; a folder alone is a system of its own.

    Raises :class:`InputError` with every problem of every run: a folder that
    cannot be read, files that are not of the same evaluation, spans that cannot
    be scored, documents or gold other than in the first run; or fewer than two runs.
    """
    runs: list[Run] = []
    problems: list[Problem] = []
    seen: set[tuple[str, Path]] = set()
    for argument in arguments:
        name, separator, rest = argument.partition("=")
        folder = rest if separator else argument
        if not name or not folder:
            problems.append(Problem(argument, 0, "", "is neither FOLDER nor SYSTEM=FOLDER"))
            continue
        if (name, Path(folder).resolve()) in seen:
            problems.append(Problem(argument, 0, "", f"is a run of {name!r} already"))
            continue
        seen.add((name, Path(folder).resolve()))
        try:
            runs.append(_read_run(name, Path(folder)))
        except InputError as error:
            problems += error.problems
    if len(arguments) < 2:
        problems.append(Problem(" ".join(arguments), 0, "", "at least two runs are needed"))
    problems += [problem for run in runs[1:] for problem in _gold_problems(run, runs[0])]
    if problems:
        raise InputError(problems)
    return runs


def of_same_gold(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs, in groups that share their documents and gold; order is kept.

    Raises :class:`InputError` when runs that share them cannot be compared: with repeated ids,
    spans that cannot be scored, or predictions that do not give the scores beside them.
    """
    groups: list[list[Run]] = []
    for run in runs:
        group = next((group for group in groups if not any(_gold_problems(run, group[0]))), None)
        if group:
            group.append(run)
        else:
            groups.append([run])
    if problems := [problem for group in groups if len(group) > 1 for run in group for problem in _run_problems(run)]:
        raise InputError(problems)
    return groups


def compare(
    runs: Sequence[Run], *, resamples: int = RESAMPLES, permutations: int = PERMUTATIONS, seed: int = SEED
) -> Comparison:
    """Compare runs over the same gold documents, as :func:`read_runs` returns them."""
    ids = [document.doc_id for document in runs[0].documents]
    labels = list(dict.fromkeys(label for run in runs for label in run.metrics.labels))
    systems: dict[str, list[Run]] = {}
    for run in runs:
        systems.setdefault(run.system, []).append(run)
    counts = {name: np.stack([_counts(run, ids, labels) for run in found]) for name, found in systems.items()}
    weight = math.lcm(*map(len, systems.values()))
    pooled = {name: found.sum(axis=0) * (weight // len(found)) for name, found in counts.items()}
    baseline, *others = systems
    p = np.empty((len(others), 1 + len(labels), len(MATCH_TYPES), len(MEASURES)))
    for index, name in enumerate(others):
        p[index] = _p_values(pooled[baseline], pooled[name], permutations, seed)
    tests = zip(others, p, _corrected(p), strict=True)
    return Comparison(
        documents=len(ids),
        labels=labels,
        systems=[_system(name, systems[name], found, labels) for name, found in counts.items()],
        differences=[
            _against(
                [
                    _Pair(label, baseline, name, pooled[baseline][:, column], pooled[name][:, column])
                    for column, label in enumerate(["all labels", *labels])
                ],
                _intervals(pooled[baseline], pooled[name], resamples, seed),
                p_values,
                corrected,
            )
            for name, p_values, corrected in tests
        ],
        method=Method(alpha=ALPHA, level=LEVEL, resamples=resamples, permutations=permutations, seed=seed),
    )


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's step-down correction of a family of p-values; nan is no member of it and stays nan."""
    corrected = p.copy()
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # nan is sorted last
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def sentences(comparison: Comparison, per_label: bool = True) -> list[str]:
    """What each comparison comes to, all labels together first, then, unless that is too much, each label."""
    return [
        contrast.sentence
        for against in comparison.differences
        for contrast in [against.overall, *(against.per_label.values() if per_label else [])]
    ]


def verdict(difference: Difference) -> Verdict:
    """What a difference comes to; ``same`` is said of strict counts only, see :class:`Contrast`."""
    if difference.value is None or difference.corrected_p is None:
        return "undefined"
    if difference.corrected_p >= ALPHA:
        return "open"
    return "better" if difference.value > 0 else "worse"


def other_sentences(comparison: Comparison) -> list[str]:
    """What each comparison comes to by the other ways of matching, all labels together."""
    return [
        _other_sentence(against, match)
        for against in comparison.differences
        for family in _FAMILIES[1:]
        for match in family
    ]


def to_markdown(comparison: Comparison) -> str:
    """The comparison as Markdown: sentences, scores side by side, differences, and how to read them."""
    return render_markdown(
        "comparison.md.j2",
        {"cell": markdown_cell, "value": _value_cell, "points": _points, "range": _range, "p": p_text},
        comparison=comparison,
        run_counts={len(system.runs) for system in comparison.systems},
        matches=MATCH_TYPES,
        others=other_sentences(comparison),
        measures={"precision": "P", "recall": "R", "f1": "F1"},
    )


def write(folder: Path, comparison: Comparison) -> None:
    """Write both files, each atomically, once both are complete in memory, with the time and the commit."""
    table = to_markdown(comparison)
    made = {"created": datetime.now(timezone.utc).replace(microsecond=0), "git_commit": git_commit()}
    summary = comparison.model_copy(update=made).model_dump_json(indent=2) + "\n"
    write_text(folder / TABLE_FILE, table)
    write_text(folder / COMPARISON_FILE, summary)


def _read_run(system: str, folder: Path) -> Run:
    metrics, documents = read_evaluation(folder)
    run = Run(system, folder, metrics, documents)
    problems = list(_run_problems(run))
    if problems:
        raise InputError(problems)
    return run


def _run_problems(run: Run) -> Iterator[Problem]:
    """Repeated ids, spans that cannot be scored, and predictions that do not give the scores beside them."""
    file = run.file
    seen: set[str] = set()
    correct = predicted = gold = 0
    for line, document in enumerate(run.documents, start=1):
        if document.doc_id in seen:
            yield Problem(file, line, document.doc_id, "id already used")
        seen.add(document.doc_id)
        for side, spans in (("gold", document.gold), ("predicted", document.predicted)):
            for defect in span_defects(document.text, spans):
                yield Problem(file, line, document.doc_id, f"{side}: {defect}")
        gold_spans, predicted_spans = scored_spans(document)
        correct += len(_bare(gold_spans) & _bare(predicted_spans))
        predicted += len(predicted_spans)
        gold += len(gold_spans)
    overall = run.metrics.overall
    if (correct, predicted, gold) != (overall.strict.correct, overall.predicted, overall.support):
        yield Problem(file, 0, "", "does not give the scores of the metrics.json beside it: evaluate again")


def _gold_problems(run: Run, reference: Run) -> Iterator[Problem]:
    """Everything in which the documents of a run are not those of the reference."""
    file, other = run.file, reference.file
    expected = {document.doc_id: document for document in reference.documents}
    for line, document in enumerate(run.documents, start=1):
        twin = expected.pop(document.doc_id, None)
        reasons = [f"is not in {other}"]
        if twin:
            here, there = _bare(document.gold), _bare(twin.gold)
            reasons = [f"text is not that in {other}"] if document.text != twin.text else []
            if here != there:
                only = f"only here {_listed(here - there)}, only there {_listed(there - here)}"
                reasons.append(f"gold is not that in {other}: {only}")
            if document.annotated_labels != twin.annotated_labels:
                reasons.append(f"annotated_labels are not those in {other}")
        for reason in reasons:
            yield Problem(file, line, document.doc_id, reason)
    for missing in expected:
        yield Problem(file, 0, missing, f"is missing, but is in {other}")


def _bare(spans: Sequence[Span]) -> set[tuple[int, int, str]]:
    return {(span.start, span.end, span.label) for span in spans}


def _listed(spans: set[tuple[int, int, str]]) -> str:
    return "; ".join(f"{start}–{end} {label}" for start, end, label in sorted(spans)) or "nothing"


_Array = NDArray[np.float64]


def _counts(run: Run, ids: Sequence[str], labels: Sequence[str]) -> _Array:
    """(document, all labels together and then each label, way of matching, [doubled credit, predicted, gold]).

    Whole numbers, by the rules of :mod:`persian_ner.metrics`; as floats, which numpy multiplies much faster.
    """
    by_id = {document.doc_id: document for document in run.documents}
    scored = [scored_spans(by_id[doc_id]) for doc_id in ids]
    return credit_counts(match_counts(scored, labels)).astype(float)


def _p_values(baseline: _Array, system: _Array, permutations: int, seed: int) -> _Array:
    """(all labels together and then each label, way of matching, measure); nan where the difference is undefined."""
    totals = baseline.sum(axis=0), system.sum(axis=0)
    observed = np.abs(measures(totals[1]) - measures(totals[0]))

    def draw(rng: np.random.Generator, size: int) -> _Array:
        return rng.integers(2, size=(size, len(baseline))).astype(float)

    reached = np.zeros(observed.shape)
    for swaps in _chunks(draw, permutations, seed):
        moved = np.tensordot(swaps, system - baseline, axes=1)
        found = np.abs(measures(totals[1] - moved) - measures(totals[0] + moved))
        reached += (~(found < observed - _TOLERANCE)).sum(axis=0)  # nan is not less, so it counts
    return np.where(np.isnan(observed), np.nan, (reached + 1) / (permutations + 1))


def _intervals(baseline: _Array, system: _Array, resamples: int, seed: int) -> _Array:
    """As :func:`_p_values`, with the two ends in the last dimension."""
    documents, *shape, _ = baseline.shape
    if documents < 2:
        return np.full((*shape, len(MEASURES), 2), np.nan)

    def draw(rng: np.random.Generator, size: int) -> _Array:
        return rng.multinomial(documents, [1 / documents] * documents, size=size).astype(float)

    found = np.concatenate(
        [
            measures(np.tensordot(draws, system, axes=1)) - measures(np.tensordot(draws, baseline, axes=1))
            for draws in _chunks(draw, resamples, seed)
        ]
    )
    return interval_ends(found)


def _chunks(draw: Callable[[np.random.Generator, int], _Array], total: int, seed: int) -> Iterator[_Array]:
    rng = np.random.default_rng(seed)
    for start in range(0, total, _CHUNK):
        yield draw(rng, min(_CHUNK, total - start))


def _corrected(p: _Array) -> _Array:
    """Holm's correction by family and measure: all labels together over the systems, labels over both."""
    corrected = np.empty_like(p)
    for family in _FAMILIES:
        matches = [MATCH_TYPES.index(match) for match in family]
        for measure in range(len(MEASURES)):
            for columns in (slice(0, 1), slice(1, None)):
                tests = p[:, columns, matches, measure]
                corrected[:, columns, matches, measure] = holm(tests.ravel()).reshape(tests.shape)
    return corrected


@dataclass(frozen=True)
class _Pair:
    """Two systems, and the counts of one label, or of all together, in each: (document, way of matching, count)."""

    label: str
    baseline_name: str
    system_name: str
    baseline: _Array
    system: _Array


def _against(pairs: Sequence[_Pair], intervals: _Array, p: _Array, corrected: _Array) -> Against:
    """``pairs`` are of all labels together and then of each label, as the first dimension of the arrays."""
    overall, *per_label = map(_contrast, pairs, intervals, p, corrected)
    labels = [pair.label for pair in pairs[1:]]
    return Against(
        baseline=pairs[0].baseline_name,
        system=pairs[0].system_name,
        overall=overall,
        per_label=dict(zip(labels, per_label, strict=True)),
    )


def _contrast(pair: _Pair, intervals: _Array, p: _Array, corrected: _Array) -> Contrast:
    values = measures(pair.system.sum(axis=0)) - measures(pair.baseline.sum(axis=0))
    by_match = {
        match: Differences(
            **{
                measure: Difference(
                    value=_known(values[m, n]),
                    interval=as_interval(*intervals[m, n]),
                    p=_known(p[m, n]),
                    corrected_p=_known(corrected[m, n]),
                )
                for n, measure in enumerate(MEASURES)
            }
        )
        for m, match in enumerate(MATCH_TYPES)
    }
    strict = by_match["strict"].f1
    differing = int((pair.system[:, 0] != pair.baseline[:, 0]).any(axis=1).sum())
    found = verdict(strict)
    if found != "undefined" and not differing:
        found = "same"
    return Contrast(
        documents_differing=differing,
        **by_match,
        verdict=found,
        sentence=_sentence(pair, found, strict, differing),
    )


def _sentence(pair: _Pair, found: Verdict, difference: Difference, differing: int) -> str:
    about = f"{pair.label}, {pair.system_name} against {pair.baseline_name}"
    if found == "undefined":
        return f"{about}: cannot be compared; there are no gold spans, and not both predict any."
    if found == "same":
        return f"{about}: no difference; the strict counts are the same in every document."
    more = f"corrected p {p_text(difference.corrected_p)}, {differing} of {len(pair.system)} documents differ"
    return f"{about}: {_found(found, difference, 'strict')} ({more})."


def _found(found: Verdict, difference: Difference, match: MatchType) -> str:
    """What a difference that can be compared comes to, and its size."""
    numbers = f"{_points(difference.value)} points of {match} F1"
    if difference.interval:
        numbers += f", {LEVEL:.0%} interval {_range(difference.interval)}"
    if found == "open":
        return f"not shown to be real; chance can explain {numbers}"
    return f"really {found}; {numbers}"


def _other_sentence(against: Against, match: MatchType) -> str:
    differences: Differences = getattr(against.overall, match)
    about = f"all labels, {against.system} against {against.baseline}, {match} match"
    found = verdict(differences.f1)
    if found == "undefined":
        return f"{about}: cannot be compared."
    return f"{about}: {_found(found, differences.f1, match)} (corrected p {p_text(differences.f1.corrected_p)})."


def _system(name: str, runs: Sequence[Run], counts: _Array, labels: Sequence[str]) -> System:
    values = measures(counts.sum(axis=1))  # (run, column, way of matching, measure)
    columns = [_system_scores(values[:, column]) for column in range(1 + len(labels))]
    return System(
        name=name,
        runs=[_run_info(run) for run in runs],
        overall=columns[0],
        per_label=dict(zip(labels, columns[1:], strict=True)),
    )


def _run_info(run: Run) -> RunInfo:
    model = run.metrics.provenance.model if run.metrics.provenance else None
    return RunInfo(
        folder=run.folder.as_posix() if run.folder else None,
        model=f"{model.lang}_{model.name} {model.version}" if model else None,
        predictions_sha256=checksum(run.folder / PREDICTIONS_FILE) if run.folder else None,
        metrics_sha256=checksum(run.folder / METRICS_FILE) if run.folder else None,
        provenance=run.metrics.provenance,
    )


def _system_scores(values: _Array) -> SystemScores:
    return SystemScores(
        **{
            match: Values(**{measure: _value(values[:, m, n]) for n, measure in enumerate(MEASURES)})
            for m, match in enumerate(MATCH_TYPES)
        }
    )


def _value(runs: _Array) -> Value:
    values = [_known(value) for value in runs]
    known = [value for value in values if value is not None]
    return Value(
        runs=values,
        mean=statistics.fmean(known) if known else None,
        sd=statistics.stdev(known) if len(known) > 1 else None,
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _value_cell(value: Value) -> str:
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.1f}" + ("" if value.sd is None else f" ± {100 * value.sd:.1f}")


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _range(interval: Interval | None) -> str:
    return f"{_points(interval.low)} … {_points(interval.high)}" if interval else "–"


def p_text(value: float | None) -> str:
    """A p-value for people; a dash for an undefined one."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
