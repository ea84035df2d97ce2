"""Small file helpers: atomic writes, checksums, and the commit the files are at."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file or folder to write, which takes the place of ``path`` when the block ends well, and is removed when not.

    What an interrupted run left half-written is gone when the block begins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    _remove(partial)
    try:
        yield partial
        _put(partial, path)
    finally:
        _remove(partial)


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A folder to write to, whose files and folders take the place of ``folder``'s of the same names.

    They do when the block ends well; what else ``folder`` has stays. When the block does not end well, nothing changes.
    """
    folder = folder.resolve()  # behind a link, since files move within one file system only
    partial = folder.with_name(folder.name + ".partial")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        folder.mkdir(exist_ok=True)
        for made in sorted(partial.iterdir()):
            _put(made, folder / made.name)
    finally:
        _remove(partial)


def _put(made: Path, place: Path) -> None:
    if place.is_dir() or made.is_dir():  # a folder does not take another's place as a file does
        _remove(place)
    made.replace(place)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; an earlier file is replaced only when the new one is complete."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON, indented, atomically; Persian text stays readable. Raises ``ValueError`` for NaN and infinity."""
    write_text(path, json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def checksum(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files (relative names and contents, in name order)."""
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    else:
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            digest.update(str(file.relative_to(path)).encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def git_commit(folder: Path = Path(__file__).parent) -> str | None:
    """The commit checked out in ``folder``, with ``-dirty`` when files differ from it; None outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
