"""What ``pip install`` of this project brings: all that the components of a packaged model import."""

from __future__ import annotations

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project_deps import ROOT, imported_files, imported_modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = {canonicalize_name(item.name): item for item in map(Requirement, PROJECT["dependencies"])}
PINS = [Requirement(line) for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()]


def components() -> list[Path]:
    """The files of the components that spaCy finds, and imports whenever it makes a pipeline."""
    points = PROJECT["entry-points"]["spacy_factories"].values()
    return [ROOT / f"{point.partition(':')[0].replace('.', '/')}.py" for point in points]


def imported_distributions() -> set[str]:
    files = {file for component in components() for file in imported_files(component, ROOT)}
    tops = {module.partition(".")[0] for file in files for module in imported_modules(ROOT / file)}
    known = packages_distributions()
    outside = tops - set(sys.stdlib_module_names) - {"persian_ner"}
    assert outside <= known.keys()
    return {canonicalize_name(name) for top in outside for name in known[top]}


def test_what_the_components_import_is_declared_and_nothing_else() -> None:
    assert {"fa_confidence", "fa_dates"} == PROJECT["entry-points"]["spacy_factories"].keys()
    assert imported_distributions() == DECLARED.keys()


@pytest.mark.parametrize("name", DECLARED)
def test_pins_lie_in_the_declared_ranges(name: str) -> None:
    pins = [item for item in PINS if canonicalize_name(item.name) == name]
    assert pins
    for pin in pins:
        version = re.fullmatch(r"==([\d.]+)", str(pin.specifier))
        assert version is not None
        assert version[1] in DECLARED[name].specifier
