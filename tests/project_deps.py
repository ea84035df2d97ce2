"""Which files of this repository a script depends on, read from its import statements.

``project.yml`` must name them all, or a change would not re-run what it affects:
``python tests/project_deps.py`` writes them there.
"""

from __future__ import annotations

import ast
import re
from importlib.metadata import entry_points
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "persian_ner"
TRAINING = ("-m spacy train", "scripts/study.py")
"""What in a command's script begins a training, which finds code by the entry points of the configuration."""
DATA = {
    "persian_ner/augment.py": "persian_ner/names.yml",
    "persian_ner/layers/wordlists.py": "persian_ner/layers/words.yml",
}
"""What code reads from files beside it."""
_DEPS = re.compile(r"(?<=\n    deps:\n)(?:      - .*\n)+")


def with_code_deps(project: str, root: Path = ROOT) -> str:
    """``project.yml`` with exactly the code that each command uses among its dependencies, behind all others."""
    head, separator, commands = project.partition("\ncommands:\n")
    blocks = re.split(r"(?=^  - name: )", commands, flags=re.MULTILINE)
    return head + separator + "".join(_with_code(block, root) for block in blocks)


def code_of(script: str, root: Path = ROOT) -> set[str]:
    """The files of ours that a command runs whose ``script`` this is, relative to ``root``."""
    begun = {root / word for word in re.findall(r"\bscripts/\w+\.py", script)}
    if any(training in script for training in TRAINING):
        groups = ("spacy_callbacks", "spacy_loggers", "spacy_augmenters")
        points = [point for group in groups for point in entry_points(group=group)]
        begun |= {file for point in points for file in _files(point.module, root, root)}
    code = {file.as_posix() for begin in begun for file in imported_files(begin, root)}
    return code | {data for file, data in DATA.items() if file in code}


def _with_code(block: str, root: Path) -> str:
    code = code_of(block.partition("\n    deps:\n")[0], root)
    ordered = sorted(code, key=lambda file: (file.startswith(PACKAGE), file))

    def made_anew(deps: re.Match[str]) -> str:
        made = re.compile(rf" (scripts|{PACKAGE})/.*\.(py|yml)$")
        others = [line for line in deps[0].splitlines() if not made.search(line)]
        return "".join(f"{line}\n" for line in [*others, *(f"      - {file}" for file in ordered)])

    return _DEPS.sub(made_anew, block)


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
        for module in imported_modules(file):
            queue += [path for path in _files(module, root, script.parent) if path not in found]
    return {file.relative_to(root) for file in found if file.stat().st_size}


def imported_modules(file: Path) -> set[str]:
    """Names that a file imports, of modules and of what is in them."""
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


if __name__ == "__main__":
    project_file = ROOT / "project.yml"
    project_file.write_text(with_code_deps(project_file.read_text(encoding="utf-8")), encoding="utf-8")
