"""The model card in the package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import spacy
from markdown_it import MarkdownIt
from project_copy import ROOT
from script_runs import run_script
from test_report import PROVENANCE, RIGHT, WRONG, evaluation, robustness

from persian_ner.evaluate import write_evaluation
from persian_ner.files import write_text
from persian_ner.labels import LABELS
from persian_ner.metrics import ModelInfo
from persian_ner.model_card import MEANINGS, model_card

STAMP = {"git_commit": "a" * 40}
SOURCES = [{"name": "articles | x", "license": "CC BY 4.0", "description": "news"}]
META: dict[str, Any] = {
    "lang": "fa",
    "name": "tiny",
    "version": "1.0",
    "description": "Persian names",
    "license": "CC BY 4.0",
    "sources": SOURCES,
    "provenance": STAMP,
}
MEASURED = PROVENANCE.model_copy(update={"model": ModelInfo(name="tiny", lang="fa", version="1.0", provenance=STAMP)})


def test_the_card_by_hand() -> None:
    found = evaluation(WRONG, RIGHT, name="test", provenance=MEASURED)
    card = model_card(META, found)
    lines = card.splitlines()
    headings = [line for line in lines if line.startswith("#")]
    assert headings == [
        "# fa\\_tiny 1.0",
        *("## Labels", "## Scores", "### test", "## Training data", "## Licence", "## Limits"),
    ]
    assert "| GPE | places with a government: countries, provinces, cities, villages |" in lines
    assert "| articles \\| x | CC BY 4.0 | news |" in lines
    assert any(line.startswith("| all (micro) | 40.0 | 25.0–100.0 |") for line in lines)
    assert "\n\n\n" not in card
    tables = [token for token in MarkdownIt("commonmark").enable("table").parse(card) if token.type == "table_open"]
    assert len(tables) == 4


def test_meanings_are_those_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert tuple(MEANINGS) == LABELS
    assert all(f"| `{label}` | {meaning} |" in readme for label, meaning in MEANINGS.items())


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A stamped pipeline and its evaluation."""
    nlp = spacy.blank("fa", meta={"name": "tiny", "version": "1.0"})
    nlp.add_pipe("fa_confidence")
    nlp.to_disk(tmp_path / "model")
    meta = json.loads((tmp_path / "model" / "meta.json").read_text(encoding="utf-8"))
    write_text(tmp_path / "model" / "meta.json", json.dumps(meta | META))
    found = evaluation(WRONG, name="test", provenance=MEASURED)
    write_evaluation(tmp_path / "reports", found.metrics, found.documents)
    noise = robustness(found.metrics, MEASURED).model_dump_json()
    write_text(tmp_path / "reports" / "robustness" / "robustness.json", noise)
    return tmp_path / "model", tmp_path / "reports"


def package(model: Path, reports: Path, packages: Path) -> Any:
    return run_script("package", model, reports, packages, "--name", "mine", "--version", "2.0")


def test_the_card_is_in_the_wheel(made: tuple[Path, Path], tmp_path: Path) -> None:
    before = sorted(made[0].rglob("*"))
    done = package(*made, tmp_path / "packages")
    assert done.exit_code == 0, done.output
    (wheel,) = (tmp_path / "packages" / "fa_mine-2.0" / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        card = archive.read("fa_mine/fa_mine-2.0/README.md").decode()
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    assert card.startswith("# fa\\_mine 2.0\n\nPersian names\n") and 'spacy.load("fa_mine")' in card
    assert "| typos | 25.0 | -12.5 | -25.0 … +0.0 |" in card.splitlines()
    assert "## Limits" in metadata  # it is what `pip show` and an index tell of the package
    assert sorted(made[0].rglob("*")) == before
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["fa_mine-2.0"]


def test_the_package_needs_no_project_and_gets_on_with_one(made: tuple[Path, Path], tmp_path: Path) -> None:
    assert package(*made, tmp_path / "packages").exit_code == 0
    (wheel,) = (tmp_path / "packages").glob("*/dist/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        assert "persian" not in "".join(re.findall("Requires-Dist: .*", archive.read(metadata).decode()))
        archive.extractall(tmp_path / "installed")
    script = "import sys; sys.path.insert(0, {path!r}); {imports}; nlp = fa_mine.load(); print(nlp('سارا').text)"
    for imports in ("import fa_mine, persian_ner.confidence", "import persian_ner.confidence, fa_mine"):
        code = script.format(path=str(tmp_path / "installed"), imports=imports)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "سارا\n"), done.stderr


def test_an_evaluation_of_another_pipeline_is_refused(made: tuple[Path, Path], tmp_path: Path) -> None:
    model, reports = made
    meta = json.loads((model / "meta.json").read_text(encoding="utf-8"))
    write_text(model / "meta.json", json.dumps(meta | {"provenance": {"git_commit": "b" * 40}}))
    done = package(model, reports, tmp_path / "packages")
    assert done.exit_code == 1 and f"metrics.json: [-] is not of {model}: evaluate it again" in done.output
    del meta["provenance"]
    write_text(model / "meta.json", json.dumps(meta))
    done = package(model, reports, tmp_path / "packages")
    assert done.exit_code == 1 and "does not say what the pipeline was trained on" in done.output
    done = package(model, tmp_path, tmp_path / "packages")
    assert done.exit_code == 1 and "metrics.json: [-] cannot be read" in done.output
    assert not (tmp_path / "packages").exists()


def test_every_input_that_cannot_be_read_is_named(made: tuple[Path, Path], tmp_path: Path) -> None:
    model, reports = made
    write_text(model / "meta.json", "{")
    write_text(reports / "metrics.json", "{}")
    write_text(reports / "robustness" / "robustness.json", "[]")
    done = package(model, reports, tmp_path / "packages")
    assert done.exit_code == 1
    assert all(f"{name}.json: [-]" in done.output for name in ("meta", "metrics", "robustness"))
    assert not (tmp_path / "packages").exists()
