"""Which files of this repository a script depends on, read from its import statements.

``project.yml`` must name them all, or a change would not re-run what it affects.
"""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = "persian_ner"


def imported_files(script: Path, root: Path) -> set[Path]:
    """Files under ``root`` that ``script`` imports, directly or not, the script included; relative to ``root``.

    Imports inside functions count. Packages bring their ``__init__.py`` where it is not empty.
    """
    found: set[Path] = set()
    queue = [script]
    while queue:
        file = queue.pop()
        if file in found:
            continue
        found.add(file)
        for module in _modules(file):
            queue += [path for path in _files(module, root, script.parent) if path not in found]
    return {file.relative_to(root) for file in found if file.stat().st_size}


def _modules(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _files(module: str, root: Path, script_folder: Path) -> list[Path]:
    if module.split(".")[0] != PACKAGE:
        beside = script_folder / f"{module}.py"
        return [beside] if beside.exists() else []
    parts = module.split(".")
    packages = [root.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    return [path for path in [*packages, root.joinpath(*parts).with_suffix(".py")] if path.exists()]
