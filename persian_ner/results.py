"""Published results: small files under ``docs/results``, and the tables of the documentation made from them.

A block of a Markdown page holds what is made from the results that it names::

    <!-- results: NAME -->
    …
    <!-- end -->

Of one evaluation that is its scores by label; of several, a row each; of a
comparison, its scores and sentences; of a robustness measurement, the losses; of
speed, a benchmark, scaling, load, bulk annotation, fuzzing and dates what their commands report.
A block ``<!-- errors: NAME -->`` says what costs an evaluation its score.
The files hold figures and provenance, no text of the corpora and no folders.

Scores that others have published stand in a block ``<!-- cited: SOURCE -->``, which
is left as it is. No other score is typed into a page: ``tests/test_results.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import srsly
from pydantic import BaseModel, ConfigDict, Field

from persian_ner import annotate, benchmark, scaling, speed
from persian_ner.calibration import Calibration
from persian_ner.compare import Comparison, Value, sentences
from persian_ner.dates.accuracy import DateReport
from persian_ner.evaluate import SPEED_METHOD, EvaluationMetrics
from persian_ner.files import write_text
from persian_ner.fuzz import Fuzz
from persian_ner.load import Load
from persian_ner.metrics import BoundaryErrors, Confusion, DataInfo, Footprint, Macro, Provenance, Scores, Speed
from persian_ner.novelty import ByKnown
from persian_ner.readers.json_input import read_as
from persian_ner.records import InputError, Problem
from persian_ner.report import KNOWN_HEADINGS, MARKDOWN_FILTERS
from persian_ner.robustness import Change, Robustness
from persian_ner.templating import render_markdown

RESULTS_FOLDER = Path("docs", "results")

_NAME = r"[\w.-]+"
_END = "<!-- end -->"
_RESULTS = rf"<!-- (?P<what>results|errors): (?P<names>{_NAME}(?: {_NAME})*) -->"
_CITED = r"<!-- cited: [^\n]+ -->"
_MARKER = re.compile(rf"^(?:{_RESULTS}|{_CITED}|{_END})$", re.MULTILINE)
_BLOCK = re.compile(rf"^({_RESULTS}\n).*?^{_END}$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(rf"^(?:{_RESULTS}|{_CITED})\n.*?^{_END}$", re.MULTILINE | re.DOTALL)


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvaluationResult(_Schema):
    """Of a ``metrics.json``; ``known`` is its ``novelty``, all labels together, by the records ``training``."""

    kind: Literal["evaluation"] = "evaluation"
    documents: int
    words: int
    labels: list[str]
    overall: Scores
    macro: Macro
    per_label: dict[str, Scores]
    confusion: list[Confusion]
    boundaries: BoundaryErrors
    level: float = Field(description="of the intervals")
    known: ByKnown | None
    training: DataInfo | None = Field(default=None, description="the records that annotate what is known")
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


class SpeedResult(_Schema):
    """Of a ``speed.json``."""

    kind: Literal["speed"] = "speed"
    speed: speed.SpeedReport


class BenchmarkResult(_Schema):
    """Of a ``summary.json`` or ``benchmark.json``."""

    kind: Literal["benchmark"] = "benchmark"
    summary: benchmark.Summary


class ScalingResult(_Schema):
    """Of a ``scaling.json``."""

    kind: Literal["scaling"] = "scaling"
    scaling: scaling.Scaling


class LoadResult(_Schema):
    """Of a ``load.json``, without the service's address."""

    kind: Literal["load"] = "load"
    load: Load


class AnnotateResult(_Schema):
    """Of the ``….summary.json`` of a bulk annotation, without folders."""

    kind: Literal["annotate"] = "annotate"
    annotate: annotate.Summary


class FuzzResult(_Schema):
    """Of a ``fuzz.json``; of failures the reason only."""

    kind: Literal["fuzz"] = "fuzz"
    fuzz: Fuzz


class DatesResult(_Schema):
    """Of a ``dates.json``, without the expressions."""

    kind: Literal["dates"] = "dates"
    dates: DateReport


Result = Annotated[
    EvaluationResult
    | RobustnessResult
    | ComparisonResult
    | SpeedResult
    | BenchmarkResult
    | ScalingResult
    | LoadResult
    | AnnotateResult
    | FuzzResult
    | DatesResult,
    Field(discriminator="kind"),
]


class _File(_Schema):
    schema_version: Literal[1] = 1
    result: Result


_SCHEMAS: dict[str, type[BaseModel]] = {
    "damages": Robustness,
    "cpu": speed.SpeedReport,
    "benchmark": benchmark.Summary,
    "sizing": scaling.Scaling,
    "latency_seconds": Load,
    "speed_method": annotate.Summary,
    "twins": Fuzz,
    "differences": Comparison,
    "coverage": DateReport,
}
"""By a field that no other kind of file has. What has none of them is an evaluation."""


def extract(path: Path) -> Result:
    """What is published of a file that one of the commands has written.

    Raises :class:`InputError` for another file, for scores that do not say what was measured or were
    made with uncommitted changes, and for a comparison of systems without names.
    """
    try:
        keys = set(srsly.read_json(path))
    except (OSError, ValueError, TypeError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    schema = next((schema for key, schema in _SCHEMAS.items() if key in keys), EvaluationMetrics)
    measured = read_as(path, schema)
    if changed := sorted({commit for commit in _commits(measured) if commit.endswith("-dirty")}):
        reason = f"was made with uncommitted changes ({', '.join(changed)}): commit them, and measure again"
        raise InputError([Problem(str(path), 0, "", reason)])
    match measured:
        case EvaluationMetrics() | Robustness():
            return _scores(path, measured)
        case Comparison():
            return ComparisonResult(comparison=_compared(path, measured))
        case speed.SpeedReport():
            systems = [system.model_copy(update={"model": Path(system.model).name}) for system in measured.systems]
            return SpeedResult(speed=measured.model_copy(update={"data": _file_of(measured.data), "systems": systems}))
        case benchmark.Summary():
            tested = [
                system.model_copy(update={"runs": [Path(run).name for run in system.runs]})
                for system in measured.systems
            ]
            return BenchmarkResult(summary=measured.model_copy(update={"systems": tested}))
        case scaling.Scaling():
            return ScalingResult(scaling=measured.model_copy(update={"file": Path(measured.file).name}))
        case Load():
            return LoadResult(load=measured.model_copy(update={"url": "", "data": _file_of(measured.data)}))
        case annotate.Summary():
            where = {"input": _without_folders(measured.input), "output": Path(measured.output).name}
            return AnnotateResult(annotate=measured.model_copy(update=where))
        case Fuzz():
            failures = [failure.model_copy(update={"text": "", "smallest": None}) for failure in measured.failures]
            return FuzzResult(fuzz=measured.model_copy(update={"failures": failures}))
        case DateReport():
            return DatesResult(dates=_without_expressions(measured))
    raise TypeError(schema)


def _commits(measured: BaseModel) -> list[str]:
    """The commits of the code that measured, as far as the file says them."""
    match measured:
        case Comparison():
            made = [run.provenance for system in measured.systems for run in system.runs]
            commits = [measured.git_commit, *(provenance.git_commit for provenance in made if provenance)]
        case DateReport():
            commits = [measured.git_commit]
        case EvaluationMetrics() | Robustness() | speed.SpeedReport() | scaling.Scaling() | annotate.Summary() | Fuzz():
            commits = [measured.provenance.git_commit] if measured.provenance else []
        case _:
            commits = []
    return [commit for commit in commits if commit]


def _scores(path: Path, measured: EvaluationMetrics | Robustness) -> EvaluationResult | RobustnessResult:
    if measured.provenance is None or measured.provenance.data is None:
        raise InputError([Problem(str(path), 0, "", "does not say which file of records was measured")])
    common: dict[str, Any] = {
        "documents": measured.documents,
        "words": measured.words,
        "level": measured.bootstrap.level,
        "provenance": _without_folder(measured.provenance),
    }
    if isinstance(measured, Robustness):
        return RobustnessResult(**common, damages={name: found.overall for name, found in measured.damages.items()})
    return EvaluationResult(
        **common,
        labels=measured.labels,
        overall=measured.overall,
        macro=measured.macro,
        per_label=measured.per_label,
        confusion=measured.confusion,
        boundaries=measured.boundaries.overall,
        known=measured.novelty.overall if measured.novelty else None,
        training=_records_of(measured),
        speed=measured.speed,
        footprint=measured.footprint,
        calibration=measured.calibration,
    )


def _records_of(measured: EvaluationMetrics) -> DataInfo | None:
    training = measured.novelty.training if measured.novelty else None
    return training.model_copy(update={"path": _place(training.path)}) if training else None


def _place(path: str) -> str:
    """The end of a path that says which split of which corpus it is, without folders of one machine."""
    return Path(*Path(path).parts[-3:]).as_posix() if Path(path).is_absolute() else Path(path).as_posix()


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
        named = {name: results[name] for name in block["names"].split()}
        made = render(named) if block["what"] == "results" else render_errors(*named.values())
        return f"{block[1]}\n{made}\n{_END}"

    return _BLOCK.sub(made_anew, text)


def without_blocks(text: str) -> str:
    """A page with its blocks of either kind emptied, line for line."""
    return _ANY_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)


def render(results: Mapping[str, Result]) -> str:
    """The Markdown of one result, or of several evaluations."""
    if len(results) == 1:
        match next(iter(results.values())):
            case SpeedResult(speed=measured):
                return _inside(speed.to_markdown(measured))
            case BenchmarkResult(summary=summary):
                return _inside(benchmark.to_markdown(summary))
            case ScalingResult(scaling=scaled):
                return _inside(scaling.to_markdown(scaled))
    return render_markdown(
        "results.md.j2",
        {**MARKDOWN_FILTERS, "value": _value},
        results=results,
        known_headings=KNOWN_HEADINGS,
        speed_method=SPEED_METHOD,
        sentences=sentences,
    )


def render_errors(result: Result) -> str:
    """The Markdown of what costs an evaluation its score.

    Exact matches are what strict ones would be if all labels of spans with right
    boundaries were right, type matches if all boundaries of spans with right labels were.
    """
    assert isinstance(result, EvaluationResult)
    counts = {(cell.gold, cell.predicted): cell.count for cell in result.confusion}
    return render_markdown("errors.md.j2", MARKDOWN_FILTERS, result=result, counts=counts)


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
        if marker["what"] == "errors" and not unknown and (len(names) > 1 or not _evaluations([results[names[0]]])):
            yield Problem(file, line, "", "errors are those of one evaluation")
    if opened:
        yield Problem(file, opened, "", f"block without {_END}")


def _evaluations(results: Sequence[Result]) -> bool:
    return all(isinstance(result, EvaluationResult) for result in results)


def _compared(path: Path, comparison: Comparison) -> Comparison:
    if any("/" in system.name for system in comparison.systems):
        raise InputError([Problem(str(path), 0, "", "names systems by their folders: compare SYSTEM=FOLDER")])
    systems = [
        system.model_copy(
            update={
                "runs": [
                    run.model_copy(
                        update={
                            "folder": Path(run.folder).name if run.folder else None,
                            "provenance": run.provenance and _without_folder(run.provenance),
                        }
                    )
                    for run in system.runs
                ]
            }
        )
        for system in comparison.systems
    ]
    return comparison.model_copy(update={"systems": systems})


def _without_folder(provenance: Provenance) -> Provenance:
    return provenance.model_copy(update={"data": provenance.data and _file_of(provenance.data)})


def _file_of(data: DataInfo) -> DataInfo:
    return data.model_copy(update={"path": Path(data.path).name})


def _without_folders(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies an input of bulk annotation, with the names of local files and folders only."""
    return {
        name: Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
        for name, value in identity.items()
    }


def _without_expressions(report: DateReport) -> DateReport:
    accuracy = report.accuracy and report.accuracy.model_copy(update={"misses": []})
    coverage = replace(report.coverage, unresolved=[])
    return report.model_copy(update={"data": _file_of(report.data), "coverage": coverage, "accuracy": accuracy})


def _inside(page: str) -> str:
    """A page as a part of another one: without its title, and with its headings as paragraphs."""
    return re.sub(r"^#+ (.*)$", r"**\1**", page.partition("\n")[2], flags=re.MULTILINE).strip() + "\n"


def _value(value: Value) -> str:
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.1f}" + ("" if value.sd is None else f" ± {100 * value.sd:.1f}")
