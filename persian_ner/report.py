"""The report of one or several evaluations: a self-contained HTML page in Persian, and a Markdown summary.

The page requests nothing from anywhere and runs one script only, which its
content security policy names by hash: markup in the evaluated texts stays text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from persian_ner.evaluate import EvaluationMetrics
from persian_ner.metrics import ErrorType, Evaluated, Interval, Metrics, Pair, align, scored_spans
from persian_ner.novelty import Known, Novelty
from persian_ner.records import Span

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
BREAKDOWN_NAMES = {"topic": "موضوع", "kind": "گونه", "source": "منبع"}


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
    """One evaluated data set, as :func:`persian_ner.evaluate.read_evaluation` returns it."""

    metrics: Metrics
    documents: Sequence[Evaluated]


@dataclass(frozen=True)
class Piece:
    """A stretch of text: plain without a label, otherwise a span and what is wrong with it."""

    text: str
    label: str | None = None
    errors: tuple[ErrorType, ...] = ()


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


def render_html(evaluations: Sequence[Evaluation]) -> str:
    """The whole page; the first evaluation is the main one."""
    templates = files("persian_ner") / "templates"
    script = (templates / "report.js").read_text(encoding="utf-8")
    style = (templates / "report.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("persian_ner"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "range": _range, "whole": _whole, "css_class": _css_class}
    return environment.get_template("report.html.j2").render(
        sections=[_section(evaluation) for evaluation in evaluations],
        style=Markup(style + _palette_css()),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        error_names=ERROR_NAMES,
        label_names=LABEL_NAMES,
        known_names=KNOWN_NAMES,
        breakdown_names=BREAKDOWN_NAMES,
    )


def markdown_summary(metrics: Metrics) -> str:
    """The main numbers as Markdown tables, for a model card or a pull request."""
    overall = metrics.overall
    lines = [f"## {markdown_cell(metrics.name or 'Evaluation')}", ""]
    if metrics.provenance:
        model, data = metrics.provenance.model, metrics.provenance.data
        lines.append(f"- Model: {markdown_cell(model.lang)}_{markdown_cell(model.name)} {markdown_cell(model.version)}")
        if data:
            lines.append(f"- Data: {markdown_cell(data.path)} (sha256 {data.sha256})")
    lines.append(f"- {_whole(metrics.documents)} documents, {_whole(metrics.words)} words")
    if metrics.speed and metrics.speed.words_per_second and metrics.provenance:
        lines.append(f"- {_whole(metrics.speed.words_per_second)} words/s on {metrics.provenance.device}")
    lines += _markdown_table(
        ["Label", "P", "R", "F1", f"{metrics.bootstrap.level:.0%} interval", "Gold", "Predicted"],
        [
            [
                markdown_cell(label),
                *(_percent(value) for value in (scores.strict.precision, scores.strict.recall, scores.strict.f1)),
                _range(scores.strict_f1_interval),
                _whole(scores.support),
                _whole(scores.predicted),
            ]
            for label, scores in [*metrics.per_label.items(), ("all (micro)", overall)]
        ]
        + [["all (macro)", *(_percent(v) for v in (metrics.macro.precision, metrics.macro.recall, metrics.macro.f1))]],
    )
    lines += _markdown_table(
        ["Match type", "P", "R", "F1", "COR", "INC", "PAR", "MIS", "SPU"],
        [
            [
                match_type,
                *(_percent(value) for value in (score.precision, score.recall, score.f1)),
                *map(_whole, (score.correct, score.incorrect, score.partial, score.missed, score.spurious)),
            ]
            for match_type in ("strict", "exact", "partial", "type")
            for score in [getattr(overall, match_type)]
        ],
    )
    novelty = _novelty(metrics)
    if novelty:
        lines += _markdown_novelty(novelty)
    return "\n".join(lines) + "\n"


def _novelty(metrics: Metrics) -> Novelty | None:
    """Scores by known surface, where metrics are of an evaluation that was given the training records."""
    return metrics.novelty if isinstance(metrics, EvaluationMetrics) else None


def _markdown_novelty(novelty: Novelty) -> list[str]:
    rows = [*novelty.per_label.items(), ("all (micro)", novelty.overall)]
    return _markdown_table(
        ["Label", "Surface annotated in training", "P", "R", "F1", "Gold", "Predicted"],
        [
            [
                markdown_cell(label),
                heading,
                *(_percent(value) for value in (tally.precision, tally.recall, tally.f1)),
                _whole(tally.support),
                _whole(tally.predicted),
            ]
            for label, found in rows
            for known, heading in KNOWN_HEADINGS.items()
            for tally in [getattr(found, known)]
        ],
    )


def _section(evaluation: Evaluation) -> dict[str, Any]:
    metrics = evaluation.metrics
    by_document = [(document, passages(document)) for document in evaluation.documents]
    wrong = [pair for _, found in by_document for passage in found for pair in passage.wrong]
    index = {label: number for number, label in enumerate(metrics.labels)}
    correct = [(document, p) for document, found in by_document for p in found if p.pairs and not p.wrong]
    return {
        "metrics": metrics,
        "novelty": _novelty(metrics),
        "confusion": _confusion_rows(metrics),
        "error_counts": Counter(error for pair in wrong for error in pair.errors),
        "wrong_pairs": len(wrong),
        "documents": [
            _document_view(document, found, index) for document, found in by_document if any(p.wrong for p in found)
        ],
        "flawless": sum(not any(p.wrong for p in found) for _, found in by_document),
        "examples": _varied(correct),
        "correct_passages": len(correct),
        "provenance": metrics.model_dump_json(include={"provenance", "bootstrap", "speed", "left_out"}, indent=2),
    }


def _document_view(document: Evaluated, found: Sequence[Passage], index: dict[str, int]) -> dict[str, Any]:
    rows = [(passage, " ".join(_error_keys(passage.wrong, index))) for passage in found if passage.wrong]
    return {
        "id": document.doc_id,
        "meta": [f"{document.meta[key]}" for key in BREAKDOWN_NAMES if document.meta.get(key) is not None],
        "annotated_labels": document.annotated_labels,
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


def _confusion_rows(metrics: Metrics) -> list[dict[str, Any]]:
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
        pieces += [Piece(text[cursor : span.start]), Piece(text[span.start : span.end], span.label, errors)]
        cursor = span.end
    pieces.append(Piece(text[cursor:end]))
    return [piece for piece in pieces if piece.text]


def _palette_css() -> str:
    def rules(scheme: str) -> str:
        lines = []
        for name, colours in [*PALETTE.items(), ("other", OTHER_COLOURS)]:
            background, text = getattr(colours, scheme)
            lines.append(f".label-{name} {{ --mark: {background}; --mark-text: {text}; }}")
        return "\n".join(lines)

    dark = rules("dark")
    return f"\n{rules('light')}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _css_class(label: str) -> str:
    return f"label-{label}" if label in PALETTE else "label-other"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _range(interval: Interval | None) -> str:
    return f"{_percent(interval.low)}–{_percent(interval.high)}" if interval else "–"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def markdown_cell(text: str) -> str:
    """Text for one Markdown line: nothing in it ends the line or the table cell, or starts markup."""
    return re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", " ".join(text.split()))


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        padded = [*cells, *[""] * (len(header) - len(cells))]
        return f"| {' | '.join(padded)} |"

    return ["", line(header), line(["---", *["---:"] * (len(header) - 1)]), *(line(row) for row in rows)]
