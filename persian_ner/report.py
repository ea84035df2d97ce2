"""The report of one or several evaluations: a self-contained HTML page in Persian, and a Markdown summary.

The page requests nothing from anywhere and runs one script only, which its
content security policy names by hash: markup in the evaluated texts stays text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape
from pydantic import BaseModel, ValidationError

from persian_ner import templating
from persian_ner.calibration import Calibration
from persian_ner.compare import Run, Verdict, p_text, verdict
from persian_ner.evaluate import EvaluationMetrics
from persian_ner.metrics import MATCH_TYPES, ErrorType, Evaluated, Interval, MatchType, Pair, align, macro, scored_spans
from persian_ner.novelty import Known
from persian_ner.readers.json_input import read_as
from persian_ner.records import InputError, Problem, Span, iter_text_lines
from persian_ner.robustness import ROBUSTNESS_FILE, Robustness
from persian_ner.side_by_side import side_by_side
from persian_ner.templating import markdown_cell, read_templates, render_markdown

CORRECT_EXAMPLES = 8

ERROR_NAMES: dict[ErrorType, str] = {
    "missed": "جاافتاده",
    "spurious": "اضافه",
    "label": "برچسب نادرست",
    "boundary": "مرز نادرست",
}
LABEL_NAMES = {"PER": "شخص", "ORG": "سازمان", "GPE": "مکان سیاسی", "EVENT": "رویداد", "DATE": "تاریخ"}
KNOWN_NAMES: dict[Known, str] = {
    "same_label": "با همین برچسب",
    "other_label": "فقط با برچسب دیگر",
    "never": "هرگز",
}
KNOWN_HEADINGS: dict[Known, str] = {"same_label": "same label", "other_label": "other label only", "never": "never"}
BREAKDOWN_NAMES = {
    "source": "منبع",
    "domain": "حوزه",
    "topic": "موضوع",
    "kind": "گونه",
    "register": "سبک",
    "scraped": "نویز",
}
UNKNOWN_NAMES = {key: "بی‌نویز" if key == "scraped" else "(نامشخص)" for key in BREAKDOWN_NAMES}
"""What documents without the key are called."""
VERDICT_NAMES: dict[Verdict, str] = {
    "better": "به‌راستی بهتر",
    "worse": "به‌راستی بدتر",
    "open": "اثبات‌نشده؛ شاید تصادفی",
    "same": "بدون تفاوت: در همه سندها برابر",
    "undefined": "مقایسه‌ناپذیر: موجودیت gold نیست و دست‌کم یکی چیزی پیش‌بینی نکرده است",
}
SYSTEM_COLOURS = 6
"""Systems that are told apart by colour in the style sheet; more begin again, and have their numbers."""
FACETS = ("source", "scraped")
"""The keys of ``meta`` by which the errors can be filtered."""
MATCH_NAMES: dict[MatchType, str] = {
    "strict": "مرز و برچسب درست",
    "exact": "مرز درست، هر برچسبی",
    "partial": "هم‌پوشانی، هر برچسبی؛ مرز نادرست نیم امتیاز",
    "type": "هم‌پوشانی و برچسب درست",
}
DAMAGE_NAMES = {
    "zwnj_stripped": "نیم‌فاصله حذف‌شده",
    "zwnj_to_space": "فاصله به‌جای نیم‌فاصله",
    "arabic_letters": "حروف عربی",
    "other_digits": "رقم‌های دیگر",
    "punctuation_removed": "نشانه‌گذاری حذف‌شده",
    "space_lost_after_punctuation": "بی‌فاصله پس از نشانه",
    "odd_spaces": "فاصله‌های ناجور",
    "words_glued": "واژه‌های چسبیده",
    "typos": "غلط تایپی",
    "ocr_confusions": "خطای نویسه‌خوان",
    "spam_injected": "تبلیغ میان متن",
    "colloquial": "گفتاری",
    "diacritics_added": "اعراب",
    "names_persian_female": "نام زنان ایرانی",
    "names_persian_male": "نام مردان ایرانی",
    "names_afghan": "نام‌های افغانستانی",
    "names_arabic": "نام‌های عربی",
    "names_turkic": "نام‌های ترکی",
    "names_european": "نام‌های اروپایی",
    "names_east_asian": "نام‌های شرق آسیا",
    "scraped": "صفحه وب",
    "social": "شبکه اجتماعی",
    "scanned": "متن اسکن‌شده",
}


@dataclass(frozen=True)
class Colours:
    """Background and text of a marked span, on a light and on a dark page."""

    light: tuple[str, str]
    dark: tuple[str, str]


PALETTE = {
    "PER": Colours(("#cfe2ff", "#0a2a5e"), ("#1c3d70", "#dceaff")),
    "ORG": Colours(("#ffdfb3", "#562e00"), ("#5c3b0b", "#ffe8c9")),
    "GPE": Colours(("#c9edd4", "#0a4220"), ("#154c2c", "#d6f6e0")),
    "EVENT": Colours(("#e9d4fb", "#431269"), ("#4b246b", "#f1e1fe")),
    "DATE": Colours(("#fbd3dd", "#670d28"), ("#671a31", "#fde0e7")),
}
OTHER_COLOURS = Colours(("#dde1e6", "#262b31"), ("#3d444d", "#eceff2"))
"""For labels outside the scheme."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluated data set, as :func:`persian_ner.evaluate.read_evaluation` returns it, and what goes with it."""

    metrics: EvaluationMetrics
    documents: Sequence[Evaluated]
    robustness: Robustness | None = None
    training: Sequence[TrainingStep] = ()
    system: str = ""
    """What it is a run of; runs of one system are averaged where evaluations are compared. Empty: of its own."""
    folder: Path | None = None
    """Where it was read from, for messages."""


class TrainingStep(BaseModel):
    """One line of the log that ``spacy.ConsoleLogger.v3`` writes in training; losses are sums since the line before."""

    step: int
    losses: dict[str, float]
    score: float
    scores: dict[str, float | None] = {}

    @property
    def f1(self) -> float:
        """Of the entities, in percent; where the log has none, the score that the best state is chosen by."""
        found = self.scores.get("ents_f")
        return 100 * self.score if found is None else found


@dataclass(frozen=True)
class Reliability:
    """Mean confidence and precision of each bin; ``points`` as in :class:`Curve`, both axes from ``low`` to 100 %."""

    points: list[tuple[float, float]]
    low: float


@dataclass(frozen=True)
class Curve:
    """A line plot: ``points`` are (x, y) in percent of the plot's size from its left and lower edge."""

    name: str
    points: list[tuple[float, float]]
    low: float
    high: float
    last_step: int
    peak: int
    """Index of the highest point; of the F1 of a training, of the state that it kept."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text: plain without a label, otherwise a span, what is wrong with it, and its confidence."""

    text: str
    label: str | None = None
    errors: tuple[ErrorType, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class Passage:
    """One paragraph with its aligned spans, cut up for either side."""

    pairs: list[Pair]
    gold: list[Piece]
    predicted: list[Piece]

    @property
    def wrong(self) -> list[Pair]:
        """The pairs with an error."""
        return [pair for pair in self.pairs if pair.errors]


def passages(document: Evaluated) -> list[Passage]:
    """Cut a document at its line breaks, except inside spans; blank lines without spans are left out.

    The pieces of either side of a passage, joined, are its text.
    """
    gold, predicted = scored_spans(document)
    pairs = align(gold, predicted)
    found = []
    for start, end in _paragraphs(document.text, [*gold, *predicted]):
        inside = [
            pair for pair in pairs if any(start <= span.start < end for span in (pair.gold, pair.predicted) if span)
        ]
        found.append(
            Passage(
                pairs=inside,
                gold=_pieces(document.text, start, end, [(pair.gold, pair.errors) for pair in inside]),
                predicted=_pieces(document.text, start, end, [(pair.predicted, pair.errors) for pair in inside]),
            )
        )
    return found


def read_robustness(folder: Path) -> Robustness | None:
    """What ``robustness`` wrote below an evaluation folder; None if it did not. Raises :class:`InputError`."""
    path = folder / "robustness" / ROBUSTNESS_FILE
    return read_as(path, Robustness) if path.exists() else None


def same_run(metrics: EvaluationMetrics, robustness: Robustness) -> bool:
    """Whether both are of the same pipeline and the same file of records."""
    here, there = metrics.provenance, robustness.provenance
    if here is None or here.data is None or there.data is None:
        return False
    return (here.model, here.data.sha256) == (there.model, there.data.sha256)


def read_training_log(path: Path) -> list[TrainingStep]:
    """Read the log of a training. Raises :class:`InputError` with every line that is none of it."""
    steps: list[TrainingStep] = []
    problems: list[Problem] = []
    try:
        for line in iter_text_lines(path):
            if isinstance(line, Problem):
                problems.append(line)
                continue
            number, text = line
            try:
                steps.append(TrainingStep.model_validate_json(text))
            except ValidationError as error:
                problems.append(
                    Problem(str(path), number, "", f"not a line of a training log: {error.errors()[0]['msg']}")
                )
    except OSError as error:
        problems.append(Problem(str(path), 0, "", f"cannot be read: {error.strerror}"))
    if problems:
        raise InputError(problems)
    return steps


def curves(steps: Sequence[TrainingStep]) -> list[Curve]:
    """F1 on the development documents and each component's mean loss of a step, over the steps of a training.

    Losses that are no finite numbers are left out, and so is a curve of fewer than two points.
    """
    scores = [(step.step, step.f1) for step in steps]
    before = [-1, *(step.step for step in steps)]  # the step 0 has been trained when the first line is written
    best = max((step.score for step in steps), default=0.0)
    kept = max(
        (number for number, step in enumerate(steps) if step.score == best), default=0
    )  # spaCy: the last of equals
    series = {"F1": scores}
    for component in steps[0].losses if steps else ():
        series[f"loss {component}"] = [
            (step.step, step.losses[component] / (step.step - last))
            for step, last in zip(steps, before, strict=False)
            if step.step > last and math.isfinite(step.losses.get(component, math.nan))
        ]
    drawn = [_curve(name, found) for name, found in series.items() if len(found) > 1]
    return [replace(curve, peak=kept) if curve.name == "F1" else curve for curve in drawn]


def _curve(name: str, found: Sequence[tuple[int, float]]) -> Curve:
    steps, values = zip(*found, strict=True)
    low, high, last = min(values), max(values), max(steps)
    return Curve(
        name=name,
        points=[(100 * step / (last or 1), 100 * (value - low) / ((high - low) or 1)) for step, value in found],
        low=low,
        high=high,
        last_step=last,
        peak=values.index(high),
    )


def reliability(calibration: Calibration) -> Reliability:
    """The diagram from the ten below its lowest value on, since most confidences are high."""
    values = [value for part in calibration.bins for value in (part.mean_confidence, part.precision)]
    low = min(math.floor(10 * min(values)), 9) / 10

    def place(value: float) -> float:
        return 100 * (value - low) / (1 - low)

    points = [(place(part.mean_confidence), place(part.precision)) for part in calibration.bins]
    return Reliability(points, 100 * low)


def render_html(evaluations: Sequence[Evaluation]) -> str:
    """The whole page; the first evaluation is the main one.

    Evaluations of the same gold documents are compared at the top. Raises :class:`InputError` when they cannot be.
    """
    names = titles(evaluations)
    runs = [
        Run(item.system or name, item.folder, item.metrics, item.documents)
        for item, name in zip(evaluations, names, strict=True)
    ]
    return templating.render_html(
        "report.html.j2",
        _NUMBER_FILTERS | {"drawn": drawn, "verdict": verdict, "css_class": css_class},
        style=read_templates("report.css") + palette_css(),
        script=read_templates("fold.js", "report.js"),
        comparisons=side_by_side(runs),
        sections=[
            _section(evaluation) | {"title": title} for evaluation, title in zip(evaluations, names, strict=True)
        ],
        verdict_names=VERDICT_NAMES,
        system_colours=SYSTEM_COLOURS,
        error_names=ERROR_NAMES,
        label_names=LABEL_NAMES,
        known_names=KNOWN_NAMES,
        match_names=MATCH_NAMES,
        damage_names=DAMAGE_NAMES,
        breakdown_names=BREAKDOWN_NAMES,
        unknown_names=UNKNOWN_NAMES,
    )


def named_apart(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The evaluations with their :func:`titles` as names, for tables without a page around them."""
    return [
        replace(evaluation, metrics=evaluation.metrics.model_copy(update={"name": title}))
        for evaluation, title in zip(evaluations, titles(evaluations, "Evaluation"), strict=True)
    ]


def titles(evaluations: Sequence[Evaluation], unnamed: str = "ارزیابی") -> list[str]:
    """What tells evaluations apart: the name; with others of the same name also the system, the model, and a number."""
    found = [evaluation.metrics.name or unnamed for evaluation in evaluations]
    systems = [evaluation.system for evaluation in evaluations]
    models = [
        f"{run.model.lang}_{run.model.name} {run.model.version}" if (run := item.metrics.provenance) else ""
        for item in evaluations
    ]
    for more in (systems, models, [str(number) for number in range(1, len(found) + 1)]):
        repeated = Counter(found)
        found = [
            " · ".join(filter(None, (name, mark))) if repeated[name] > 1 else name
            for name, mark in zip(found, more, strict=True)
        ]
    return found


def markdown_summary(evaluation: Evaluation) -> str:
    """The main numbers as Markdown tables, for a model card or a pull request."""
    return render_markdown(
        "report.md.j2",
        MARKDOWN_FILTERS,
        metrics=evaluation.metrics,
        robustness=evaluation.robustness,
        macros=_macros(evaluation.metrics),
        match_types=MATCH_TYPES,
        known_headings=KNOWN_HEADINGS,
    )


def _macros(metrics: EvaluationMetrics) -> dict[MatchType, Any]:
    return {match: macro(metrics.per_label.values(), match) for match in MATCH_TYPES}


def _section(evaluation: Evaluation) -> dict[str, Any]:
    metrics = evaluation.metrics
    by_document = [(document, passages(document)) for document in evaluation.documents]
    wrong = [pair for _, found in by_document for passage in found for pair in passage.wrong]
    index = {label: number for number, label in enumerate(metrics.labels)}
    correct = [(document, p) for document, found in by_document for p in found if p.pairs and not p.wrong]
    with_errors = [(document, found) for document, found in by_document if any(p.wrong for p in found)]
    facets = _facets([document for document, _ in with_errors])
    return {
        "metrics": metrics,
        "macros": _macros(metrics),
        "robustness": evaluation.robustness,
        "curves": curves(evaluation.training),
        "reliability": reliability(metrics.calibration) if metrics.calibration else None,
        "confusion": _confusion_rows(metrics),
        "error_counts": Counter(error for pair in wrong for error in pair.errors),
        "wrong_pairs": len(wrong),
        "facets": facets,
        "documents": [_document_view(document, found, index, facets) for document, found in with_errors],
        "flawless": len(by_document) - len(with_errors),
        "examples": _varied(correct),
        "correct_passages": len(correct),
        "provenance": metrics.model_dump_json(
            include={"schema_version", "provenance", "bootstrap", "speed", "footprint", "left_out"}, indent=2
        ),
    }


def _facets(documents: Sequence[Evaluated]) -> dict[str, list[str]]:
    """The values of each key to filter by, where there are several; those without the key have the empty one."""
    found = {key: sorted({_facet(document, key) for document in documents}) for key in FACETS}
    return {key: values for key, values in found.items() if len(values) > 1}


def _facet(document: Evaluated, key: str) -> str:
    value = document.meta.get(key)
    return "" if value is None else str(value)


def _document_view(
    document: Evaluated, found: Sequence[Passage], index: dict[str, int], facets: dict[str, list[str]]
) -> dict[str, Any]:
    allowed = document.annotated_labels
    rows = [(passage, " ".join(_error_keys(passage.wrong, index))) for passage in found if passage.wrong]
    return {
        "id": document.doc_id,
        "meta": [f"{document.meta[key]}" for key in BREAKDOWN_NAMES if document.meta.get(key) is not None],
        "facets": {key: values.index(_facet(document, key)) for key, values in facets.items()},
        "annotated_labels": None if allowed is None or index.keys() <= set(allowed) else allowed,
        "rows": rows,
        "errors": sum(len(passage.wrong) for passage, _ in rows),
        "omitted": len(found) - len(rows),
    }


def _error_keys(wrong: Iterable[Pair], index: dict[str, int]) -> list[str]:
    """``type:label number`` for every error, as the page's filter compares them."""
    keys = {
        f"{error}:{index[span.label]}"
        for pair in wrong
        for error in pair.errors
        for span in (pair.gold, pair.predicted)
        if span
    }
    return sorted(keys)


def _varied(correct: Sequence[tuple[Evaluated, Passage]]) -> list[tuple[Evaluated, Passage]]:
    """A few correct passages, those with most different labels first."""

    def variety(item: tuple[Evaluated, Passage]) -> int:
        return len({pair.gold.label for pair in item[1].pairs if pair.gold})

    return sorted(correct, key=variety, reverse=True)[:CORRECT_EXAMPLES]


def _confusion_rows(metrics: EvaluationMetrics) -> list[dict[str, Any]]:
    """Rows by gold label, cells by predicted label; None is spurious as a row and missed as a cell."""
    counts = {(cell.gold, cell.predicted): cell.count for cell in metrics.confusion}
    order: list[str | None] = [*metrics.labels, None]
    rows = []
    for gold in order:
        total = sum(counts.get((gold, predicted), 0) for predicted in order)
        cells = [
            {
                "count": counts.get((gold, predicted), 0),
                "share": counts.get((gold, predicted), 0) / total if total else 0.0,
                "right": gold == predicted,
                "impossible": gold is None and predicted is None,
            }
            for predicted in order
        ]
        rows.append({"label": gold, "cells": cells, "total": total})
    return rows


def _paragraphs(text: str, spans: Sequence[Span]) -> list[tuple[int, int]]:
    breaks = [
        match.span()
        for match in re.finditer(r"\n+", text)
        if not any(span.start < match.end() and match.start() < span.end for span in spans)
    ]
    starts = [0, *(end for _, end in breaks)]
    ends = [*(start for start, _ in breaks), len(text)]
    return [
        (start, end)
        for start, end in zip(starts, ends, strict=True)
        if text[start:end].strip() or any(start <= span.start < end for span in spans)
    ]


def _pieces(text: str, start: int, end: int, spans: Iterable[tuple[Span | None, tuple[ErrorType, ...]]]) -> list[Piece]:
    pieces = []
    cursor = start
    present = [(span, errors) for span, errors in spans if span]
    for span, errors in sorted(present, key=lambda item: item[0].start):
        pieces += [Piece(text[cursor : span.start]), Piece(text[span.start : span.end], span.label, errors, span.score)]
        cursor = span.end
    pieces.append(Piece(text[cursor:end]))
    return [piece for piece in pieces if piece.text]


_DRAWN_SPAN = '<mark class="{css}"{title}>{text}<span class="tag"><bdi dir="ltr">{label}</bdi>{errors}</span></mark>'


def drawn(pieces: Sequence[Piece], with_errors: bool) -> Markup:
    """The pieces as displaCy draws a text with its spans, right to left, in colours and with errors of our own."""
    from spacy.displacy.render import EntityRenderer  # spaCy takes seconds to import

    ents: list[dict[str, Any]] = []
    start = 0
    for piece in pieces:
        end = start + len(piece.text)
        if piece.label is not None:
            errors = piece.errors if with_errors else ()
            params = {
                "css": css_class(piece.label) + " wrong" * bool(errors),
                "title": "" if piece.score is None else f' title="{_percent(piece.score)}%"',
                "label": escape(piece.label),
                "errors": "".join(f" · {ERROR_NAMES[error]}" for error in errors),
            }
            ents.append({"start": start, "end": end, "label": piece.label, "params": params})
        start = end
    line = {
        "text": "".join(piece.text for piece in pieces),
        "ents": ents,
        "settings": {"direction": "rtl", "lang": "fa"},
    }
    return Markup(EntityRenderer({"template": _DRAWN_SPAN}).render([line]))


def palette_css() -> str:
    """Rules for the classes of :func:`css_class`, on light and on dark pages."""

    def rules(scheme: str) -> str:
        lines = []
        for name, colours in [*PALETTE.items(), ("other", OTHER_COLOURS)]:
            background, text = getattr(colours, scheme)
            lines.append(f".label-{name} {{ --mark: {background}; --mark-text: {text}; }}")
        return "\n".join(lines)

    dark = rules("dark")
    return f"\n{rules('light')}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def css_class(label: str) -> str:
    """The class of what is marked with a label."""
    return f"label-{label}" if label in PALETTE else "label-other"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _range(interval: Interval | None) -> str:
    return f"{_percent(interval.low)}–{_percent(interval.high)}" if interval else "–"


def whole(value: float) -> str:
    """A number without decimals, its thousands apart."""
    return f"{value:,.0f}"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _size(count: int | None) -> str:
    return "–" if count is None else f"{count / 2**20:,.0f} MiB"


_NUMBER_FILTERS: dict[str, Callable[..., Any]] = {
    "percent": _percent,
    "range": _range,
    "whole": whole,
    "points": _points,
    "size": _size,
    "p": p_text,
}
MARKDOWN_FILTERS = {**_NUMBER_FILTERS, "cell": markdown_cell}
"""What templates of Markdown show numbers and text with."""
