"""How densely documents are annotated, and where that is out of line.

**Documents.** By the spans per word of its source, each document has an expected number of spans.
The variance-stabilised difference from it, 2(√(n + 3/8) − √(e + 3/8)) (Anscombe 1948), makes short and
long documents comparable. Its distance from the median, in robust standard deviations, but never less
than those of pure chance (1), is the document's deviation; beyond :data:`LIMIT` it is an outlier. A document
without any span is named when its source would let it have none in fewer than :data:`EMPTY_CHANCE` of cases,
if names came singly (Poisson). They come in groups, so read the longest first.

**Labels.** A source that says it annotates a label, and has at most a tenth of the spans that it would
have at the rate of the other sources, where at least :data:`FEWEST_EXPECTED` are expected; or a label
that nobody has.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from persian_ner.audit.inputs import Corpus, Document
from persian_ner.audit.schema import Coverage, Density, Group, RareLabel, Severity
from persian_ner.metrics import count_words

GROUP_KEYS = ("source", "domain", "topic")
"""Keys of ``meta`` by which densities are broken down, after the split."""
LIMIT = 3.5
FEWEST = 20
"""With fewer documents there is no usual density."""
EMPTY_CHANCE = 0.01
SHOWN = 200
"""Characters of the beginning of a document that are shown."""
FEWEST_EXPECTED = 10


@dataclass(frozen=True)
class _Counted:
    document: Document
    words: int
    spans: Counter[str]

    def value(self, key: str) -> str | None:
        value = self.document.split if key == "split" else self.document.record.meta.get(key)
        return None if value is None else str(value)


def find(corpus: Corpus) -> Coverage:
    """Densities by group; rare labels, then documents, the most unusual first."""
    labels = corpus.labels()
    counted = [
        _Counted(item, count_words(item.record.text), Counter(span.label for span in item.record.spans))
        for item in corpus.documents()
    ]
    groups = [group for key in ("split", *GROUP_KEYS) for group in _groups(counted, key, labels)]
    return Coverage(groups=groups, findings=[*_rare_labels(counted, labels), *_densities(counted, labels)])


def _by(counted: Sequence[_Counted], key: str) -> dict[str | None, list[_Counted]]:
    """By value, in the order of their first documents."""
    found: dict[str | None, list[_Counted]] = defaultdict(list)
    for item in counted:
        found[item.value(key)].append(item)
    return found


def _rate(counted: Sequence[_Counted], label: str) -> float | None:
    """Spans a word where the label is annotated."""
    words = sum(item.words for item in counted if item.document.annotates(label))
    return sum(item.spans[label] for item in counted) / words if words else None


def _groups(counted: Sequence[_Counted], key: str, labels: Sequence[str]) -> list[Group]:
    by_value = _by(counted, key)
    if set(by_value) <= {None}:
        return []
    rates = {value: {label: _rate(items, label) for label in labels} for value, items in by_value.items()}
    return [
        Group(
            key=key,
            value=value,
            documents=len(items),
            words=sum(item.words for item in items),
            spans=sum(item.spans.total() for item in items),
            empty=sum(not item.spans for item in items),
            per_label={label: None if rate is None else 1000 * rate for label, rate in rates[value].items()},
        )
        for value, items in by_value.items()
    ]


def _rare_labels(counted: Sequence[_Counted], labels: Sequence[str]) -> list[RareLabel]:
    by_source = _by(counted, "source")
    found: list[RareLabel] = []
    for label in labels:
        nobody = not any(item.spans[label] for item in counted)
        for source, items in by_source.items():
            words = sum(item.words for item in items if item.document.annotates(label))
            others = [item for name, other in by_source.items() if name != source for item in other]
            rate = _rate(others, label)
            spans = sum(item.spans[label] for item in items)
            expected = None if nobody or rate is None else rate * words
            if words and (nobody or (expected and expected >= max(FEWEST_EXPECTED, 10 * spans))):
                found.append(
                    RareLabel(
                        kind="rare_label",
                        severity="medium" if spans else "high",
                        labels=[label],
                        places=[],
                        source=source,
                        spans=spans,
                        expected=expected,
                    )
                )
    return found


def _densities(counted: Sequence[_Counted], labels: Sequence[str]) -> list[Density]:
    expected: list[tuple[_Counted, float]] = []
    for items in _by(counted, "source").values():
        rates = {label: _rate(items, label) or 0 for label in labels}
        expected += [
            (item, item.words * sum(rate for label, rate in rates.items() if item.document.annotates(label)))
            for item in items
        ]
    empty = [
        _density(item, wanted, None, "high" if math.exp(-wanted) < EMPTY_CHANCE / 10 else "medium")
        for item, wanted in expected
        if not item.spans and math.exp(-wanted) < EMPTY_CHANCE
    ]
    filled = [(item, wanted) for item, wanted in expected if item.spans]
    unusual: list[Density] = []
    if len(filled) >= FEWEST:
        counts = np.array([(item.spans.total(), wanted) for item, wanted in filled]) + 3 / 8
        differences = 2 * (np.sqrt(counts[:, 0]) - np.sqrt(counts[:, 1]))
        distances = differences - np.median(differences)
        distances /= max(1.0, 1.4826 * float(np.median(np.abs(distances))))
        unusual = [
            _density(item, wanted, round(float(deviation), 2), "medium" if deviation < 0 else "low")
            for (item, wanted), deviation in zip(filled, distances, strict=True)
            if abs(deviation) > LIMIT
        ]
    empty.sort(key=lambda finding: -finding.expected)
    unusual.sort(key=lambda finding: -abs(finding.deviation or 0))
    return empty + unusual


def _density(item: _Counted, expected: float, deviation: float | None, severity: Severity) -> Density:
    text = item.document.record.text
    return Density(
        kind="no_spans" if deviation is None else "density",
        severity=severity,
        labels=sorted(item.spans),
        places=[item.document.place(0, min(len(text), SHOWN))],
        words=item.words,
        spans=item.spans.total(),
        expected=round(expected, 2),
        deviation=deviation,
    )
