"""Packaging a trained pipeline together with a model card that is made from its evaluation. Behind ``wheel``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import srsly
from spacy.cli.package import package as spacy_package
from spacy.util import split_requirement

from persian_ner import confidence, files, report
from persian_ner.evaluate import METRICS_FILE, EvaluationMetrics, read_metrics
from persian_ner.files import write_text
from persian_ner.model_meta import read_stamped
from persian_ner.records import InputError, Problem, collecting
from persian_ner.robustness import Robustness
from persian_ner.templating import render_markdown

CARD = "README.md"
DISTRIBUTION = "persian-ner"
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

    ``evaluation`` is a folder that ``evaluate`` wrote for this very pipeline. Raises :class:`InputError` with every
    problem: when it is not, when the pipeline is not stamped with its sources, and for each file that cannot be read.
    """
    meta, metrics, robustness = _inputs(model, evaluation)
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
            code_paths=[Path(confidence.__file__)],
            name=name,
            version=version,
            create_sdist=False,
            create_wheel=False,
            force=True,
            silent=False,
        )
    package = packages / f"{meta['lang']}_{name}-{version}"
    _without_this_project(package / "meta.json")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", "dist"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "."], cwd=package, check=True)
    return package / "dist"


def _without_this_project(meta: Path) -> None:
    """Take this project out of the requirements, since the package brings the one file of it that a pipeline needs."""
    found = srsly.read_json(meta)
    others = [item for item in found["requirements"] if split_requirement(item)[0].replace("_", "-") != DISTRIBUTION]
    files.write_json(meta, found | {"requirements": others})


def _inputs(model: Path, folder: Path) -> tuple[dict[str, Any], EvaluationMetrics, Robustness | None]:
    """The pipeline's ``meta.json``, and what was measured of it."""
    problems: list[Problem] = []
    meta = collecting(problems, lambda: read_stamped(model / "meta.json"))
    metrics = collecting(problems, lambda: read_metrics(folder))
    robustness = collecting(problems, lambda: report.read_robustness(folder))
    if meta and metrics and (metrics.provenance is None or metrics.provenance.model.provenance != meta["provenance"]):
        problems.append(Problem(str(folder / METRICS_FILE), 0, "", f"is not of {model}: evaluate it again"))
    if problems or meta is None or metrics is None:
        raise InputError(problems)
    return meta, metrics, robustness
