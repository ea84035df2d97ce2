"""The check of thresholds as a step of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_runs import run_script
from test_report import RIGHT, scored

from persian_ner.evaluate import write_evaluation


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    write_evaluation(tmp_path / "reports", scored(RIGHT), [RIGHT])
    return tmp_path / "reports"


@pytest.mark.parametrize(
    ("asked", "missed", "status"), [("1", [], 0), ("1.5", ["overall.strict.f1 1 is below 1.5"], 3)]
)
def test_what_is_not_reached(reports: Path, tmp_path: Path, asked: str, missed: list[str], status: int) -> None:
    thresholds = tmp_path / "thresholds.yml"
    thresholds.write_text(f"documents: 1\noverall.strict.f1: {asked}\n", encoding="utf-8")
    done = run_script("check_thresholds", reports, thresholds, tmp_path / "out.json")
    assert done.exit_code == status
    found = [line for line in done.output.splitlines() if line.startswith("Threshold not reached: ")]
    assert found == [f"Threshold not reached: {message}" for message in missed]
    assert f"reaches {2 - len(missed)} of 2 thresholds" in done.output
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written == {"asked": ["documents", "overall.strict.f1"], "missed": missed}


def test_bad_input_is_all_named_and_nothing_written(reports: Path, tmp_path: Path) -> None:
    thresholds = tmp_path / "thresholds.yml"
    thresholds.write_text("overall.strict.f: 1\n", encoding="utf-8")
    done = run_script("check_thresholds", reports, thresholds, tmp_path / "out.json")
    assert done.exit_code == 1 and f"{thresholds}:1" in done.output
    thresholds.write_text("documents: many\n", encoding="utf-8")
    done = run_script("check_thresholds", tmp_path / "none", thresholds, tmp_path / "out.json")
    assert done.exit_code == 1
    assert f"{thresholds}:1" in done.output and str(tmp_path / "none" / "metrics.json") in done.output
    assert not (tmp_path / "out.json").exists()
