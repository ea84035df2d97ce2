"""The corpus in numbers, and its datasheet.

Everything the datasheet states as a number is computed here from the records,
so the document cannot disagree with the data. Its questions are those of
Gebru et al. (2021), "Datasheets for Datasets"; its prose is the template
``templates/datasheet.md.j2``. Records are expected to be valid
(:func:`persian_ner.validation.check`), as :func:`read_folders` returns them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from persian_ner import metrics, validation
from persian_ner.characters import comparable, fold
from persian_ner.duplicates import MIN_LETTERS, SIMILARITY, Repetition, compare_key, find_repeats
from persian_ner.hazm_alignment import sentences
from persian_ner.labels import LABELS
from persian_ner.metrics import Evaluated, count_words
from persian_ner.readers import markup
from persian_ner.records import InputError, Problem, Record, Span, collect
from persian_ner.templating import render_markdown
from persian_ner.tokenizer import token_pattern

GROUP_KEYS = ("folder", "topic", "kind", "register", "scraped", "year")
"""What articles are counted by: folder of the file, keys of a record's ``meta``, ``year`` of its ``published``."""

SAMPLE_WORDS = 1000
"""Words of one sample of the standardised type/token ratio."""

MOST_FREQUENT = 10

DISTINCT_AIMS = {"PER": 3000, "ORG": 2000, "GPE": 1200, "EVENT": 800, "DATE": 800}
"""Label → distinct surfaces (folded) that the corpus is meant to have at least."""
WORDS_AIM = 100_000
LENGTH_AIM = (8, 20)
"""Fewest and most sentences that an article should have."""
REPEATS_AIM = 0.01
"""Largest share of sentences that may (nearly) repeat another."""
TEMPLATES_AIM = 0.01
"""Largest share of sentences that may have the form of a sentence of another article, names and numbers apart."""

Verdict = Literal["first", "second", "neither"]


@dataclass(frozen=True)
class Counts:
    """Size of a set of articles; words are separated by white space, ``spans`` counts mentions by label."""

    articles: int
    words: int
    sentences: int
    spans: dict[str, int]


@dataclass(frozen=True)
class Group:
    """The articles that share one value of a key; ``value`` is ``None`` for those without the key."""

    value: str | None
    counts: Counts


@dataclass(frozen=True)
class Surface:
    """An annotated surface in its most frequent spelling, over all spellings that fold to the same."""

    text: str
    mentions: int
    articles: int


@dataclass(frozen=True)
class Surfaces:
    """The surfaces of one label: how many differ as written, how many when folded, and the most frequent."""

    distinct: int
    distinct_folded: int
    most_frequent: list[Surface]


@dataclass(frozen=True)
class Vocabulary:
    """Folded words, the different ones among them (types), and how many types there are to a word.

    The ratio falls with the length of a text; ``standardised_ratio`` does not: it
    is the mean over successive samples of :data:`SAMPLE_WORDS` words, without the
    incomplete last one. Both are ``None`` when there is nothing to divide.
    """

    words: int
    types: int
    type_token_ratio: float | None
    standardised_ratio: float | None


@dataclass(frozen=True)
class Templates:
    """Sentences compared by form (:func:`templates`), and those whose form a sentence of another article has too."""

    compared: int
    shared: int


@dataclass(frozen=True)
class Conflict:
    """A surface that carries several labels: label → the article of each of its mentions."""

    text: str
    mentions: dict[str, list[str]]


@dataclass(frozen=True)
class Score:
    """Spans of either annotation, those exactly alike in both, and the F1 of one against the other.

    F1 is the same whichever is taken for gold; ``None`` when neither has a span.
    ``interval`` is its bootstrap interval over articles, as in :mod:`persian_ner.metrics`.
    """

    first: int
    second: int
    same: int
    f1: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Disagreement:
    """A stretch of text annotated in two ways, as inline markup, and whom the final annotation follows."""

    doc_id: str
    first: str
    second: str
    final: str
    verdict: Verdict


@dataclass(frozen=True)
class Agreement:
    """Two independent annotations of the same articles compared.

    ``revised`` counts the stretches both annotated alike and the final
    annotation otherwise.
    """

    articles: int
    words: int
    overall: Score
    per_label: dict[str, Score]
    disagreements: list[Disagreement]
    revised: int


@dataclass(frozen=True)
class Datasheet:
    """All numbers of the datasheet."""

    counts: Counts
    lengths: list[int]  # of each article, in sentences; a headline and an item of a list are sentences, too
    groups: dict[str, list[Group]]
    surfaces: dict[str, Surfaces]
    vocabulary: Vocabulary
    repetition: Repetition
    templates: Templates
    conflicts: list[Conflict]
    agreement: Agreement


@dataclass(frozen=True)
class Aim:
    """Something the corpus was meant to reach, in words, and whether it does."""

    what: str
    wanted: str
    found: str
    met: bool


def read_folders(*folders: Path) -> list[list[Record]]:
    """The valid records of folders of inline markup; raises :class:`InputError` with all problems of all folders."""
    loaded: list[list[Record]] = []
    problems: list[Problem] = []
    for folder in folders:
        records, found = collect(markup.read(folder))
        loaded.append(records)
        problems += found + validation.check(records)
    if problems:
        raise InputError(problems)
    return loaded


def measure(articles: Sequence[Record], first: Sequence[Record], second: Sequence[Record]) -> Datasheet:
    """All numbers of a corpus and of two annotations of a part of it.

    Raises :class:`InputError` as :func:`agreement` does.
    """
    return Datasheet(
        counts=count(articles),
        lengths=[len(sentences(record.text)) for record in articles],
        groups={key: count_by(articles, key) for key in GROUP_KEYS},
        surfaces=surfaces(articles),
        vocabulary=vocabulary(articles),
        repetition=find_repeats(articles),
        templates=templates(articles),
        conflicts=conflicts(articles),
        agreement=agreement(first, second, articles),
    )


def count(records: Sequence[Record]) -> Counts:
    """Articles, words, sentences, and mentions of every label."""
    found = Counter(span.label for record in records for span in record.spans)
    return Counts(
        articles=len(records),
        words=sum(count_words(record.text) for record in records),
        sentences=sum(len(sentences(record.text)) for record in records),
        spans={label: found[label] for label in LABELS},
    )


def count_by(records: Iterable[Record], key: str) -> list[Group]:
    """Counts for every value of one of :data:`GROUP_KEYS`, by name; the articles without the key last."""
    by_value: dict[str | None, list[Record]] = defaultdict(list)
    for record in records:
        by_value[_value(record, key)].append(record)
    return [Group(value, count(by_value[value])) for value in sorted(by_value, key=lambda v: (v is None, v or ""))]


def surfaces(records: Iterable[Record], most_frequent: int = MOST_FREQUENT) -> dict[str, Surfaces]:
    """Label → its annotated surfaces; equally frequent ones in alphabetic order."""
    mentions: dict[str, list[tuple[str, str]]] = {label: [] for label in LABELS}
    for record in records:
        for span in record.spans:
            mentions[span.label].append((record.text[span.start : span.end], record.id))
    return {label: _surfaces(found, most_frequent) for label, found in mentions.items()}


def vocabulary(records: Iterable[Record], sample: int = SAMPLE_WORDS) -> Vocabulary:
    """Type/token ratios of the pipeline's tokens that hold a letter or digit, folded, in the order of the records."""
    token = re.compile(token_pattern())
    words = [
        fold(match)
        for record in records
        for match in token.findall(record.text)
        if any(character.isalnum() for character in match)
    ]
    samples = [words[start : start + sample] for start in range(0, len(words) - sample + 1, sample)]
    return Vocabulary(
        words=len(words),
        types=len(set(words)),
        type_token_ratio=_ratio(len(set(words)), len(words)),
        standardised_ratio=_ratio(sum(len(set(words_of_one)) for words_of_one in samples), sample * len(samples)),
    )


def templates(records: Iterable[Record]) -> Templates:
    """How many sentences differ from one of another article by no more than names, dates, numbers and punctuation.

    The form of a sentence is its folded letters, every annotated span replaced by its label and every number by 0.
    Sentences with fewer than :data:`~persian_ner.duplicates.MIN_LETTERS` letters beside their spans are not compared:
    «وی افزود» recurs in honest prose.
    """
    articles: dict[str, list[str]] = defaultdict(list)
    for record in records:
        for start, end in sentences(record.text):
            masked, bare = _form(record, start, end)
            if len(bare) >= MIN_LETTERS:
                articles[masked].append(record.id)
    return Templates(
        compared=sum(map(len, articles.values())),
        shared=sum(len(ids) for ids in articles.values() if len(set(ids)) > 1),
    )


def _form(record: Record, start: int, end: int) -> tuple[str, str]:
    """The form of a sentence with the labels of its spans, and without."""
    inside = sorted((span for span in record.spans if start <= span.start and span.end <= end), key=lambda s: s.start)
    borders = [start, *(border for span in inside for border in (span.start, span.end)), end]
    between = [_number(record.text[a:b]) for a, b in zip(borders[::2], borders[1::2], strict=True)]
    labels = [f"<{span.label}>" for span in inside]
    return "".join(text + label for text, label in zip(between, [*labels, ""], strict=True)), "".join(between)


def _number(text: str) -> str:
    return re.sub(r"\d+", "0", compare_key(text))


def conflicts(records: Iterable[Record]) -> list[Conflict]:
    """Surfaces annotated with more than one label, compared folded; those with most mentions first."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    mentions: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for record in records:
        for span in record.spans:
            surface = record.text[span.start : span.end]
            spellings[comparable(surface)][surface] += 1
            mentions[comparable(surface)].setdefault(span.label, []).append(record.id)
    found = [
        Conflict(_usual(spellings[key]), {label: labels[label] for label in LABELS if label in labels})
        for key, labels in mentions.items()
        if len(labels) > 1
    ]
    return sorted(found, key=lambda conflict: (-sum(map(len, conflict.mentions.values())), conflict.text))


def agreement(first: Sequence[Record], second: Sequence[Record], final: Iterable[Record]) -> Agreement:
    """Exact-span agreement of two annotations, and their disagreements with what became of them.

    ``final`` may hold more articles. Raises :class:`InputError` naming every
    article that only one side has, that ``final`` lacks, or whose text differs.
    """
    others = {record.id: record for record in second}
    finals = {record.id: record for record in final}
    problems = _mismatches(first, others, finals)
    if problems:
        raise InputError(problems)
    documents = [Evaluated(one.id, one.text, one.spans, others[one.id].spans) for one in first]
    scores = metrics.compute(documents)
    disagreements: list[Disagreement] = []
    revised = 0
    for one in first:
        sides = (one.spans, others[one.id].spans, finals[one.id].spans)
        for start, end in _regions(*sides):
            a, b, c = (_inside(side, start, end) for side in sides)
            if a != b:
                shown = [_marked(one.text, start, end, spans) for spans in (a, b, c)]
                disagreements.append(Disagreement(one.id, shown[0], shown[1], shown[2], _verdict(a, b, c)))
            elif a != c:
                revised += 1
    return Agreement(
        articles=len(documents),
        words=scores.words,
        overall=_score(scores.overall),
        per_label={label: _score(found) for label, found in scores.per_label.items()},
        disagreements=disagreements,
        revised=revised,
    )


def aims(sheet: Datasheet) -> list[Aim]:
    """The aims the corpus was written to, each with what it has."""
    counted = [("words", WORDS_AIM, sheet.counts.words)]
    counted += [
        (f"distinct {label} surfaces (folded)", wanted, sheet.surfaces[label].distinct_folded)
        for label, wanted in DISTINCT_AIMS.items()
    ]
    share = repeated_share(sheet.repetition)
    form = _ratio(sheet.templates.shared, sheet.templates.compared)
    shortest, longest = LENGTH_AIM
    fitting = sum(shortest <= length <= longest for length in sheet.lengths)
    return [
        *(Aim(what, f"≥ {wanted:,}", f"{found:,}", found >= wanted) for what, wanted, found in counted),
        Aim(
            f"articles of {shortest} to {longest} sentences",
            "all",
            f"{fitting:,} of {len(sheet.lengths):,}",
            fitting == len(sheet.lengths) > 0,
        ),
        Aim(
            "sentences that (nearly) repeat an earlier one",
            f"≤ {_percent(REPEATS_AIM)}",
            _percent(share),
            share is not None and share <= REPEATS_AIM,
        ),
        Aim(
            "sentences of the same form as one of another article",
            f"≤ {_percent(TEMPLATES_AIM)}",
            _percent(form),
            form is not None and form <= TEMPLATES_AIM,
        ),
    ]


def repeated_share(repetition: Repetition) -> float | None:
    """Share of the compared sentences that (nearly) repeat an earlier one; ``None`` when none was compared."""
    return _ratio(len(repetition.repeats), repetition.compared)


def render(sheet: Datasheet) -> str:
    """The datasheet as Markdown."""
    return render_markdown(
        "datasheet.md.j2",
        {"cell": _cell, "code": _code, "percent": _percent, "ratio": _show_ratio, "whole": _whole},
        sheet=sheet,
        labels=LABELS,
        aims=aims(sheet),
        verdicts=Counter(item.verdict for item in sheet.agreement.disagreements),
        repeated_share=repeated_share(sheet.repetition),
        similarity=SIMILARITY,
        min_letters=MIN_LETTERS,
        level=metrics.LEVEL,
        sample_words=SAMPLE_WORDS,
    )


def _value(record: Record, key: str) -> str | None:
    if key == "folder":
        return Path(record.origin[0]).parent.name
    if key == "year":
        published = record.meta.get("published")
        return None if published is None else str(published).partition("-")[0]
    value = record.meta.get(key)
    return None if value is None else str(value)


def _usual(spellings: Counter[str]) -> str:
    """The most frequent spelling; of equally frequent ones the first in alphabetic order."""
    return min(spellings, key=lambda text: (-spellings[text], text))


def _surfaces(mentions: Sequence[tuple[str, str]], most_frequent: int) -> Surfaces:
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    articles: dict[str, set[str]] = defaultdict(set)
    for text, doc_id in mentions:
        spellings[comparable(text)][text] += 1
        articles[comparable(text)].add(doc_id)
    found = [Surface(_usual(texts), texts.total(), len(articles[key])) for key, texts in spellings.items()]
    found.sort(key=lambda surface: (-surface.mentions, surface.text))
    return Surfaces(
        distinct=len({text for text, _ in mentions}),
        distinct_folded=len(spellings),
        most_frequent=found[:most_frequent],
    )


def _mismatches(first: Iterable[Record], second: dict[str, Record], final: dict[str, Record]) -> list[Problem]:
    problems: list[Problem] = []
    ids = set()
    for record in first:
        ids.add(record.id)
        for name, others in (("second", second), ("final", final)):
            if record.id not in others:
                problems.append(record.problem(f"the {name} annotation does not have this article"))
            elif others[record.id].text != record.text:
                problems.append(record.problem(f"the {name} annotation has another text"))
    missing = (record for record in second.values() if record.id not in ids)
    return problems + [record.problem("the first annotation does not have this article") for record in missing]


def _regions(*sides: Sequence[Span]) -> list[tuple[int, int]]:
    """The longest stretches that overlapping spans of any side cover together, in text order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((span.start, span.end) for side in sides for span in side):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _inside(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    found = (span for span in spans if start <= span.start and span.end <= end)
    return sorted(found, key=lambda span: span.start)


def _marked(text: str, start: int, end: int, spans: Iterable[Span]) -> str:
    moved = [span.model_copy(update={"start": span.start - start, "end": span.end - start}) for span in spans]
    return markup.render(text[start:end], moved)


def _verdict(first: list[Span], second: list[Span], final: list[Span]) -> Verdict:
    if final == first:
        return "first"
    return "second" if final == second else "neither"


def _score(scores: metrics.Scores) -> Score:
    strict, interval = scores.strict, scores.intervals.strict.f1
    limits = (interval.low, interval.high) if interval else None
    return Score(scores.support, scores.predicted, strict.correct, strict.f1, limits)


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _cell(text: str | None) -> str:
    """Text for a table cell: nothing in it ends the cell or the line, or starts markup."""
    return "(none)" if text is None else re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Markup for a table cell, shown as it is written."""
    line = " ".join(text.split()).replace("|", "\\|")
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _show_ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _whole(number: int) -> str:
    return f"{number:,}"
