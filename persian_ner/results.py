"""Published results: small files under ``docs/results``, and the tables of the documentation made from them.

A block of a Markdown page holds what is made from the results that it names::

    <!-- results: NAME -->
    …
    <!-- end -->

Of one evaluation that is its scores by label; of several, a row each; of a
comparison, its scores and sentences; of a robustness measurement, the losses.
The files hold scores and provenance, no text of the corpora and no folders.

Scores that others have published stand in a block ``<!-- cited: SOURCE -->``, which
is left as it is. No other score is typed into a page: ``tests/test_results.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import srsly
from pydantic import BaseModel, ConfigDict, Field

from persian_ner.calibration import Calibration
from persian_ner.compare import Comparison, Value, sentences
from persian_ner.evaluate import EvaluationMetrics
from persian_ner.files import write_text
from persian_ner.metrics import Footprint, Macro, Provenance, Scores, Speed
from persian_ner.novelty import ByKnown
from persian_ner.records import InputError, Problem
from persian_ner.report import KNOWN_HEADINGS, MARKDOWN_FILTERS, read_as
from persian_ner.robustness import Change, Robustness
from persian_ner.templating import render_markdown

RESULTS_FOLDER = Path("docs", "results")

_NAME = r"[\w.-]+"
_END = "<!-- end -->"
_RESULTS = rf"<!-- results: (?P<names>{_NAME}(?: {_NAME})*) -->"
_CITED = r"<!-- cited: [^\n]+ -->"
_MARKER = re.compile(rf"^(?:{_RESULTS}|{_CITED}|{_END})$", re.MULTILINE)
_BLOCK = re.compile(rf"^({_RESULTS}\n).*?^{_END}$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(rf"^(?:{_RESULTS}|{_CITED})\n.*?^{_END}$", re.MULTILINE | re.DOTALL)


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvaluationResult(_Schema):
    """Of a ``metrics.json``; ``known`` is its ``novelty``, all labels together."""

    kind: Literal["evaluation"] = "evaluation"
    documents: int
    words: int
    labels: list[str]
    overall: Scores
    macro: Macro
    per_label: dict[str, Scores]
    level: float = Field(description="of the intervals")
    known: ByKnown | None
    speed: Speed | None
    footprint: Footprint | None
    calibration: Calibration | None
    provenance: Provenance


class RobustnessResult(_Schema):
    """Of a ``robustness.json``, all labels together."""

    kind: Literal["robustness"] = "robustness"
    documents: int
    words: int
    damages: dict[str, Change]
    level: float = Field(description="of the intervals")
    provenance: Provenance


class ComparisonResult(_Schema):
    """All of a ``comparison.json``."""

    kind: Literal["comparison"] = "comparison"
    comparison: Comparison


Result = Annotated[EvaluationResult | RobustnessResult | ComparisonResult, Field(discriminator="kind")]


class _File(_Schema):
    schema_version: Literal[1] = 1
    result: Result


def extract(path: Path) -> Result:
    """What is published of a ``metrics.json``, ``comparison.json`` or ``robustness.json``.

    Raises :class:`InputError` for another file, for one that does not say what was measured, and
    for a comparison of systems without names.
    """
    try:
        keys = set(srsly.read_json(path))
    except (OSError, ValueError, TypeError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    if "systems" in keys:
        comparison = read_as(path, Comparison)
        if any("/" in system.name for system in comparison.systems):
            raise InputError([Problem(str(path), 0, "", "names systems by their folders: compare SYSTEM=FOLDER")])
        return ComparisonResult(comparison=_without_folders(comparison))
    robust = "damages" in keys
    measured: Robustness | EvaluationMetrics = read_as(path, Robustness) if robust else read_as(path, EvaluationMetrics)
    if measured.provenance is None or measured.provenance.data is None:
        raise InputError([Problem(str(path), 0, "", "does not say which file of records was measured")])
    data = measured.provenance.data
    common: dict[str, Any] = {
        "documents": measured.documents,
        "words": measured.words,
        "level": measured.bootstrap.level,
        "provenance": measured.provenance.model_copy(
            update={"data": data.model_copy(update={"path": Path(data.path).name})}
        ),
    }
    if isinstance(measured, Robustness):
        return RobustnessResult(**common, damages={name: found.overall for name, found in measured.damages.items()})
    return EvaluationResult(
        **common,
        labels=measured.labels,
        overall=measured.overall,
        macro=measured.macro,
        per_label=measured.per_label,
        known=measured.novelty.overall if measured.novelty else None,
        speed=measured.speed,
        footprint=measured.footprint,
        calibration=measured.calibration,
    )


def add(name: str, path: Path, folder: Path = RESULTS_FOLDER) -> Path:
    """Publish a file under a name, in place of an earlier one; returns what was written. Raises :class:`InputError`."""
    if not re.fullmatch(_NAME, name):
        raise InputError([Problem("NAME", 0, "", f"{name!r} has other characters than letters, digits, '_', '-', '.'")])
    written = folder / f"{name}.json"
    write_text(written, _File(result=extract(path)).model_dump_json(indent=2) + "\n")
    return written


def read_results(folder: Path = RESULTS_FOLDER) -> dict[str, Result]:
    """All published results by name. Raises :class:`InputError` with every problem of every file."""
    found: dict[str, Result] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.stem] = read_as(path, _File).result
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def pages(root: Path) -> list[Path]:
    """The Markdown pages of the documentation."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def rewrite(text: str, results: Mapping[str, Result], file: str = "") -> str:
    """A page with its blocks made anew.

    Raises :class:`InputError` with every marker that is not one of a pair, and every block that names
    an unknown result, or several that are not all evaluations.
    """
    problems = list(_defects(text, results, file))
    if problems:
        raise InputError(problems)

    def made_anew(block: re.Match[str]) -> str:
        return f"{block[1]}\n{render({name: results[name] for name in block['names'].split()})}\n{_END}"

    return _BLOCK.sub(made_anew, text)


def without_blocks(text: str) -> str:
    """A page with its blocks of either kind emptied, line for line."""
    return _ANY_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)


def render(results: Mapping[str, Result]) -> str:
    """The Markdown of one result, or of several evaluations."""
    return render_markdown(
        "results.md.j2",
        {**MARKDOWN_FILTERS, "value": _value},
        results=results,
        known_headings=KNOWN_HEADINGS,
        sentences=sentences,
    )


def _defects(text: str, results: Mapping[str, Result], file: str) -> Iterator[Problem]:
    opened = 0
    for marker in _MARKER.finditer(text):
        line = text.count("\n", 0, marker.start()) + 1
        names = (marker["names"] or "").split()
        begins = marker[0] != _END
        if begins and opened:
            yield Problem(file, opened, "", f"block without {_END}")
        if not begins and not opened:
            yield Problem(file, line, "", f"{_END} without a block")
        opened = line if begins else 0
        unknown = [name for name in names if name not in results]
        for name in unknown:
            yield Problem(file, line, "", f"no result {name!r} (there are: {', '.join(results) or 'none'})")
        if len(names) > 1 and not unknown and not _evaluations([results[name] for name in names]):
            yield Problem(file, line, "", "only evaluations can be put into one table")
    if opened:
        yield Problem(file, opened, "", f"block without {_END}")


def _evaluations(results: Sequence[Result]) -> bool:
    return all(isinstance(result, EvaluationResult) for result in results)


def _without_folders(comparison: Comparison) -> Comparison:
    systems = [
        system.model_copy(
            update={"runs": [run.model_copy(update={"folder": Path(run.folder).name}) for run in system.runs]}
        )
        for system in comparison.systems
    ]
    return comparison.model_copy(update={"systems": systems})


def _value(value: Value) -> str:
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.1f}" + ("" if value.sd is None else f" ± {100 * value.sd:.1f}")
