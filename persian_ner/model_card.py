"""Packaging a trained pipeline together with a model card that is made from its evaluation. Behind ``wheel``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import srsly
from spacy.cli.package import package as spacy_package

from persian_ner import report
from persian_ner.evaluate import METRICS_FILE, EvaluationMetrics, read_metrics
from persian_ner.files import write_text
from persian_ner.records import InputError, Problem
from persian_ner.templating import render_markdown

CARD = "README.md"
MEANINGS = {
    "PER": "people by name, without titles",
    "ORG": "named organisations: ministries, companies, parties, clubs, media",
    "GPE": "places with a government: countries, provinces, cities, villages",
    "EVENT": "named happenings: wars, elections, tournaments, festivals, religious occasions",
    "DATE": "calendar dates and periods of a day or longer",
}


def model_card(meta: dict[str, Any], evaluation: report.Evaluation) -> str:
    """Markdown: what a stamped pipeline of this ``meta.json`` finds, how well, trained on what, and its limits."""
    return render_markdown(
        "model_card.md.j2",
        report.MARKDOWN_FILTERS,
        meta=meta,
        metrics=evaluation.metrics,
        meanings=MEANINGS,
        summary=f"#{report.markdown_summary(evaluation)}",  # its heading is one of a section of the card
    )


def build(model: Path, evaluation: Path, packages: Path, name: str, version: str) -> Path:
    """Build a wheel of a pipeline with its card, below ``packages``; returns the folder it is in.

    ``evaluation`` is a folder that ``evaluate`` wrote for this very pipeline. Raises
    :class:`InputError` when it is not, or the pipeline is not stamped with its sources.
    """
    meta: dict[str, Any] = srsly.read_json(model / "meta.json")
    metrics = read_metrics(evaluation)
    robustness = report.read_robustness(evaluation)
    _check(model, meta, evaluation, metrics)
    meta |= {"name": name, "version": version}
    if robustness and not report.same_run(metrics, robustness):
        robustness = None
    card = model_card(meta, report.Evaluation(metrics, (), robustness))
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=packages) as folder:
        # A copy, since the folder of the pipeline is the output of its training alone.
        carded = Path(folder) / "model"
        shutil.copytree(model, carded)
        write_text(carded / CARD, card)
        spacy_package(
            carded,
            packages,
            name=name,
            version=version,
            create_sdist=False,
            create_wheel=True,
            force=True,
            silent=False,
        )
    return packages / f"{meta['lang']}_{name}-{version}" / "dist"


def _check(model: Path, meta: dict[str, Any], folder: Path, metrics: EvaluationMetrics) -> None:
    if "provenance" not in meta or "sources" not in meta:
        raise InputError([Problem(str(model / "meta.json"), 0, "", "does not say what the pipeline was trained on")])
    if metrics.provenance is None or metrics.provenance.model.provenance != meta["provenance"]:
        raise InputError([Problem(str(folder / METRICS_FILE), 0, "", f"is not of {model}: evaluate it again")])
