"""A copy of the project in a temporary folder, and running its commands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_project(target: Path, articles: int) -> Path:
    """Copy what the commands need, with the first ``articles`` articles and three more for training only."""
    for folder in ("configs", "scripts", "persian_ner", "assets/encoder", "assets/layers"):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "project.yml", target)
    for folder, count in (("articles", articles), ("reference", 3)):
        (target / "assets" / folder).mkdir()
        for file in sorted((ROOT / "assets" / folder).glob("*-00[1-3].md"))[:count]:
            shutil.copy(file, target / "assets" / folder)
    return target


def set_in_config(config: Path, **values: object) -> None:
    """Change ``key = value`` lines of a training configuration; every key must be there."""
    text = config.read_text(encoding="utf-8")
    for key, value in values.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count, f"{config} has no {key}"
    config.write_text(text, encoding="utf-8")


def run_project(project: Path, command: str, *overrides: str) -> subprocess.CompletedProcess[str]:
    """``spacy project run`` in the copy; returns the finished process, whatever its status."""
    return subprocess.run(
        [sys.executable, "-m", "spacy", "project", "run", command, str(project), *overrides],
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
    )


def commands_run(output: str) -> list[str]:
    """Names of the commands that were run rather than skipped, in order, from the output of ``spacy project run``."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    return re.findall(r"^=+ ([\w-]+) =+\nRunning command", plain, flags=re.MULTILINE)
