"""Evaluate a pipeline on gold records, and keep the result in a folder.

A folder of one evaluation holds ``metrics.json`` (:class:`EvaluationMetrics`)
and ``predictions.jsonl``: per document ``id``, ``text``, ``gold``, ``predicted`` (spans
with a ``score`` where the pipeline tells its confidence), ``annotated_labels`` and ``meta``.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import srsly
from pydantic import BaseModel, Field

from persian_ner import calibration
from persian_ner.calibration import Calibration
from persian_ner.files import checksum, git_commit, write_text
from persian_ner.machine import cpu_name
from persian_ner.metrics import (
    DataInfo,
    Evaluated,
    Footprint,
    Metrics,
    ModelInfo,
    Provenance,
    Speed,
    compute,
    count_words,
    span_defects,
)
from persian_ner.novelty import Novelty, Training, measure, training_labels
from persian_ner.predict import BATCH_SIZE, half_characters, predict
from persian_ner.readers import records_jsonl
from persian_ner.readers.json_input import iter_models, read_as
from persian_ner.records import InputError, Problem, Record, Span, collect

if TYPE_CHECKING:
    from spacy.language import Language

METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.jsonl"
WARM_UP_TEXTS = 8
SPEED_METHOD = (
    f"raw texts in, entities with their confidence out, by nlp.pipe in batches of {BATCH_SIZE}; words separated by "
    "white space, all texts once, pipeline loaded and warmed up before"
)

_PACKAGES = (
    "spacy",
    "spacy-curated-transformers",
    "spacy-transformers",
    "thinc",
    "torch",
    "transformers",
    "numpy",
    "nervaluate",
)


class EvaluationMetrics(Metrics):
    """What an evaluation on file holds: the metrics, and those that take the training records to tell.

    Version 2 added ``novelty``, version 3 ``calibration``, ``footprint`` and
    ``by_sentence_length``, version 4 the ``intervals`` of all scores (before, there was
    ``strict_f1_interval`` alone), version 5 those of ``macro``; files of
    older versions, which lack them, are read as well.
    """

    schema_version: Literal[1, 2, 3, 4, 5] = Field(  # type: ignore[assignment]  # wider than Metrics, and never assigned to
        default=5, description="version of this schema; older files are read as well"
    )
    novelty: Novelty | None = Field(default=None, description="null when no training records were given")
    calibration: Calibration | None = Field(default=None, description="null when no predicted span has a score")


class _Line(BaseModel):
    """A line of ``predictions.jsonl``."""

    id: str
    text: str
    gold: list[Span]
    predicted: list[Span]
    annotated_labels: list[str] | None
    meta: dict[str, Any]


def evaluate(
    nlp: Language,
    records: Sequence[Record],
    *,
    name: str = "",
    data: Path | None = None,
    training: Training | None = None,
    batch_size: int = BATCH_SIZE,
) -> tuple[EvaluationMetrics, list[Evaluated]]:
    """Predict and score ``records``; ``data`` is the file they came from, for the provenance.

    With ``training``, spans are also scored by whether their surfaces are known from
    there. The pipeline's first texts are predicted twice, so that one-time costs do
    not count as speed. Raises :class:`InputError` when gold spans cannot be scored.
    """
    predict(nlp, islice(records, WARM_UP_TEXTS), batch_size)
    begin = time.perf_counter()
    predicted = predict(nlp, records, batch_size)
    seconds = time.perf_counter() - begin
    evaluated = [
        Evaluated(record.id, record.text, record.spans, spans, record.annotated_labels, record.meta)
        for record, spans in zip(records, predicted, strict=True)
    ]
    words = sum(count_words(record.text) for record in records)
    scores = compute(evaluated)
    metrics = EvaluationMetrics.model_validate(
        {
            **scores.model_dump(exclude={"schema_version"}),
            "name": name,
            "footprint": footprint(nlp),
            "speed": _speed(words, seconds),
            "provenance": provenance(nlp, data),
            "novelty": measure(evaluated, scores.labels, training) if training else None,
            "calibration": calibration.measure(evaluated, _temperature(nlp)),
        }
    )
    return metrics, evaluated


def _speed(words: int, seconds: float) -> Speed:
    import torch
    from thinc.api import get_current_ops

    on_cpu = get_current_ops().device_type == "cpu"
    return Speed(
        words=words,
        seconds=seconds,
        words_per_second=words / seconds if words else None,
        threads=torch.get_num_threads() if on_cpu else None,
        cpu=cpu_name() if on_cpu else None,
    )


def _temperature(nlp: Language) -> float | None:
    component: Any = nlp.get_pipe(calibration.NAME) if nlp.has_pipe(calibration.NAME) else None
    return component.temperature if component else None


def provenance(nlp: Language, data: Path | None) -> Provenance:
    """Model, data, versions and code state of an evaluation made now."""
    from thinc.api import get_current_ops

    meta = nlp.meta
    return Provenance(
        created=datetime.now(timezone.utc).replace(microsecond=0),
        model=ModelInfo(
            name=meta["name"], lang=meta["lang"], version=meta["version"], provenance=meta.get("provenance")
        ),
        data=_data_info(data) if data else None,
        device=f"{get_current_ops().device_type} ({platform.machine()})",
        git_commit=git_commit(),
        versions={"python": platform.python_version(), **_package_versions()},
    )


def footprint(nlp: Language) -> Footprint:
    """Size of the pipeline's files, and the most memory that this process has used so far."""
    files = [file for file in nlp.path.rglob("*") if file.is_file()] if nlp.path else None
    return Footprint(
        model_bytes=None if files is None else sum(file.stat().st_size for file in files),
        peak_memory_bytes=_peak_memory(),
    )


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def load_pipeline(model: str, gpu_id: int = -1) -> Language:
    """Load a pipeline folder or package, on a GPU unless ``gpu_id`` is negative, and have it tell its confidence.

    Raises :class:`InputError`.
    """
    import spacy
    from thinc.api import require_gpu

    from persian_ner.confidence import add_to

    try:
        if gpu_id >= 0:
            require_gpu(gpu_id)
        return add_to(spacy.load(model))
    except (OSError, ValueError, ImportError) as error:
        raise InputError([Problem(model, 0, "", f"cannot be loaded: {error}")]) from error


def read_gold(path: Path) -> list[Record]:
    """Read canonical JSONL to evaluate on. Raises :class:`InputError` with every problem found.

    Refused is what cannot be scored (unreadable lines, repeated ids, spans that
    are empty, overlap, lie outside the text or belie their surface; a text with
    half of a surrogate pair, which no pipeline can read). The other
    checks of :mod:`persian_ner.validation` are for training data.
    """
    if not path.is_file():
        raise InputError([Problem(str(path), 0, "", "no such file")])
    records, problems = collect(records_jsonl.read(path))
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            problems.append(record.problem("id already used"))
        seen.add(record.id)
        problems += [record.problem(defect) for defect in span_defects(record.text, record.spans)]
    problems += half_characters(records)
    if not records and not problems:
        problems.append(Problem(str(path), 0, "", "no records"))
    if problems:
        raise InputError(problems)
    return records


def read_training(path: Path) -> Training:
    """Read the canonical JSONL that a pipeline was trained on. Raises :class:`InputError` as :func:`read_gold` does."""
    return Training(training_labels(read_gold(path)), _data_info(path))


def write_evaluation(folder: Path, metrics: Metrics, evaluated: Sequence[Evaluated]) -> None:
    """Write both files of an evaluation, each atomically, once both are complete in memory."""
    predictions = "".join(srsly.json_dumps(_to_json(document)) + "\n" for document in evaluated)
    summary = metrics.model_dump_json(indent=2) + "\n"
    write_text(folder / PREDICTIONS_FILE, predictions)
    write_text(folder / METRICS_FILE, summary)


def read_metrics(folder: Path) -> EvaluationMetrics:
    """Read the metrics that :func:`write_evaluation` wrote. Raises :class:`InputError` with every problem found."""
    return read_as(folder / METRICS_FILE, EvaluationMetrics)


def read_evaluation(folder: Path) -> tuple[EvaluationMetrics, list[Evaluated]]:
    """Read what :func:`write_evaluation` wrote. Raises :class:`InputError` with every problem found."""
    metrics: EvaluationMetrics | None = None
    evaluated, problems = _read_predictions(folder / PREDICTIONS_FILE)
    try:
        metrics = read_metrics(folder)
    except InputError as error:
        problems += error.problems
    if metrics and not problems and metrics.documents != len(evaluated):
        reason = f"{len(evaluated)} documents here, but {metrics.documents} in {METRICS_FILE}"
        problems.append(Problem(str(folder / PREDICTIONS_FILE), 0, "", reason))
    if problems or metrics is None:
        raise InputError(problems)
    return metrics, evaluated


def _read_predictions(path: Path) -> tuple[list[Evaluated], list[Problem]]:
    evaluated: list[Evaluated] = []
    problems: list[Problem] = []
    try:
        # Not srsly, which reads some numbers a last digit off, so that scores would not be what was written.
        for item in iter_models(path, _Line):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                evaluated.append(
                    Evaluated(item.id, item.text, item.gold, item.predicted, item.annotated_labels, item.meta)
                )
    except OSError as error:
        problems.append(Problem(str(path), 0, "", f"cannot be read: {error.strerror}"))
    return evaluated, problems


def _to_json(document: Evaluated) -> dict[str, Any]:
    def spans(found: list[Span]) -> list[dict[str, Any]]:
        return [span.model_dump(exclude_none=True) for span in found]

    return {
        "id": document.doc_id,
        "text": document.text,
        "gold": spans(document.gold),
        "predicted": spans(document.predicted),
        "annotated_labels": document.annotated_labels,
        "meta": document.meta,
    }


def _data_info(path: Path) -> DataInfo:
    return DataInfo(path=path.as_posix(), sha256=checksum(path))


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
