"""Thresholds: what a file of them may say, and which numbers of an evaluation they find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from persian_ner.evaluate import EvaluationMetrics
from persian_ner.metrics import Evaluated, compute
from persian_ner.records import InputError, Span
from persian_ner.thresholds import Threshold, missed, read_thresholds

TEXT = "مریم به رشت رفت."
PER, GPE = Span(start=0, end=4, label="PER"), Span(start=8, end=11, label="GPE")
# P 1, R 2/3, F1 0.8; of «a.b» F1 2/3, of the document without a topic 1.
METRICS = EvaluationMetrics.model_validate(
    compute(
        [
            Evaluated("one", TEXT, [PER, GPE], [PER], meta={"topic": "a.b"}),
            Evaluated("other", TEXT, [PER], [PER]),
        ]
    ).model_dump(exclude={"schema_version"})
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "thresholds.yml"


def short(file: Path, content: str) -> list[str]:
    file.write_text(content, encoding="utf-8")
    return missed(METRICS, read_thresholds(file))


def refused(file: Path, content: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        short(file, content)
    return [str(problem).removeprefix(str(file)) for problem in caught.value.problems]


def test_yaml_and_json_say_the_same(file: Path) -> None:
    file.write_text("# ours\noverall.strict.f1: 0.8\n'calibration.ece': {max: 5e-2, min: 0}\n", encoding="utf-8")
    assert read_thresholds(file) == [
        Threshold("overall.strict.f1", 0.8, None, str(file), 2),
        Threshold("calibration.ece", 0.0, 0.05, str(file), 3),
    ]
    found = {"overall.strict.f1": 0.8, "calibration.ece": {"max": 5e-2, "min": 0}}
    file.write_text(json.dumps(found, indent=1), encoding="utf-8")
    assert [(t.path, t.minimum, t.maximum) for t in read_thresholds(file)] == [
        ("overall.strict.f1", 0.8, None),
        ("calibration.ece", 0.0, 0.05),
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("documents", 2),
        ("overall.strict.precision", 1),
        ("overall.partial.recall", 2 / 3),
        ("macro.recall", 0.5),
        ("per_label.GPE.strict.missed", 1),
        ("breakdowns.topic.a.b.f1", 2 / 3),
        ("breakdowns.topic.null.f1", 1),
        ("by_length.1.support", 3),
        ("confusion.0.count", 2),
    ],
)
def test_any_number_is_found(file: Path, path: str, value: float) -> None:
    assert short(file, f"{path}: {{min: {value!r}, max: {value!r}}}\n") == []
    more, less = value + 0.25, value - 0.25
    assert short(file, f"{path}: {more}\n") == [f"{path} {value:.6g} is below {more:g}"]
    assert short(file, f"{path}: {{max: {less}}}\n") == [f"{path} {value:.6g} is above {less:g}"]


def test_null_reaches_nothing(file: Path) -> None:
    content = "per_label.ORG.strict.f1: 0\nspeed.words_per_second: 1\ncalibration.ece: {max: 1}\n"
    assert short(file, content) == [
        "per_label.ORG.strict.f1 is null",
        "speed.words_per_second is null",
        "calibration.ece is null",
    ]


def test_every_wrong_entry_is_named(file: Path) -> None:
    content = """\
overall.strict.f1: true
overall.strict.recall: .nan
macro.f1: .inf
macro.recall: "0.8"
documents: 1
words:
speed: [1]
per_label: {PER: 0.5}
documents: 2
calibration.ece: {max: high, max: 0.5, min: 0, min: 1}
calibration.brier: {}
macro.precision: {min: 0.9, max: 0.8}
"""
    assert refused(file, content) == [
        ":1: [-] overall.strict.f1: expected a finite number, not 'true'",
        ":2: [-] overall.strict.recall: expected a finite number, not '.nan'",
        ":3: [-] macro.f1: expected a finite number, not '.inf'",
        ":4: [-] macro.recall: expected a finite number, not '0.8'",
        ":6: [-] words: expected a finite number, not ''",
        ":7: [-] speed: expected a finite number, not a list or mapping",
        ":8: [-] per_label: unknown key 'PER', expected min or max",
        ":9: [-] documents: is given in line 5 already",
        ":10: [-] calibration.ece: max is given twice",
        ":10: [-] calibration.ece: max: expected a finite number, not 'high'",
        ":10: [-] calibration.ece: min is given twice",
        ":11: [-] calibration.brier: expected a number, min or max",
        ":12: [-] macro.precision: min is greater than max, which no number satisfies",
    ]


@pytest.mark.parametrize("content", ["", "# nothing\n", "{}", "null", "0.8", "- documents: 1\n"])
def test_a_file_without_entries_is_refused(file: Path, content: str) -> None:
    assert refused(file, content) == [": [-] expected entries such as overall.strict.f1: 0.8"]


@pytest.mark.parametrize("content", [b"{", b"\xff", None])
def test_a_file_that_cannot_be_read_is_refused(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_thresholds(file)


def test_paths_of_no_number_are_all_named(file: Path) -> None:
    content = "overall.strict.f: 0.8\noverall: 1\ndocuments: 9\nname: 1\noverall.strict.f1.x: 1\nxyz: 1\n"
    found = refused(file, content)
    assert [line.partition(": metrics.json has no such number")[0] for line in found] == [
        ":1: [-] overall.strict.f",
        ":2: [-] overall",
        ":4: [-] name",
        ":5: [-] overall.strict.f1.x",
        ":6: [-] xyz",
    ]
    assert "did you mean overall.strict.f1 or " in found[0]
    assert found[-1].endswith("no such number")
