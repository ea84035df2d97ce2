"""Putting the public corpora where the source files expect them, checked: behind the ``corpora`` command.

They are not ours to redistribute, so each comes either from its public
repository (``spacy project assets`` downloads it) or from a folder of the user's
that has the same files.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from persian_ner import files
from persian_ner.records import InputError, Problem
from persian_ner.sources import read_yaml


class CorpusFile(BaseModel):
    """One download; ``unzip`` maps folders to patterns of an archive's members, a plain file has none."""

    model_config = ConfigDict(extra="forbid")

    download: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    unzip: dict[str, str] = Field(default_factory=dict)

    def targets(self) -> list[str]:
        """What it becomes, relative to the folder of corpora."""
        return list(self.unzip) or [self.download]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid")

    files: list[CorpusFile] = Field(min_length=1)


@dataclass(frozen=True)
class Placed:
    """One target and where it came from.

    ``origin`` is a path: the target itself when it could only be left as it was.
    ``None``: it is nowhere to be had.
    """

    target: str
    origin: Path | None


def read_config(path: Path) -> list[CorpusFile]:
    """Read the list of downloads; raises :class:`InputError` naming everything that is wrong."""
    return read_yaml(path, _Config).files


def place(downloads: Iterable[CorpusFile], folder: Path, corpora: Path, mirror: Path | None) -> list[Placed]:
    """Copy or unpack every file that is there to below ``corpora``, replacing what was there.

    With ``mirror``, files are taken from there (it is laid out like ``corpora``)
    and ``folder``, the downloads, is not looked at. What is not there is left as an
    earlier run placed it. Raises :class:`InputError` with every file whose checksum
    is wrong and every archive without the expected members; then nothing has been
    replaced. What is unpacked in a mirror has no checksum here: its texts are compared
    with those that the layers were made for when the corpus is read
    (:func:`persian_ner.layers.standoff.apply`).
    """
    downloads = list(downloads)
    problems: list[Problem] = []
    for item in downloads:
        source = mirror / item.download if mirror else folder / item.download
        if source.is_file():
            problems += _problems(item, source)
    if problems:
        raise InputError(problems)
    corpora.mkdir(parents=True, exist_ok=True)  # what comes next depends on it, also when it is empty
    placed: list[Placed] = []
    for item in downloads:
        for target in item.targets():
            origin = mirror / target if mirror else folder / item.download
            if not origin.exists():
                earlier = corpora / target
                placed.append(Placed(target, earlier if earlier.exists() else None))
                continue
            with files.replacing(corpora / target) as partial:
                if origin.is_dir():
                    _copy_folder(origin, partial)
                elif item.unzip and mirror is None:
                    _unzip(origin, item.unzip[target], partial)
                else:
                    shutil.copyfile(origin, partial)
            placed.append(Placed(target, origin))
    return placed


def _problems(item: CorpusFile, source: Path) -> list[Problem]:
    found = files.checksum(source)
    if found != item.sha256:
        return [Problem(str(source), 0, "", f"its SHA-256 is {found}, not {item.sha256}")]
    if item.unzip and not zipfile.is_zipfile(source):
        return [Problem(str(source), 0, "", "not a zip archive")]
    missing = [pattern for pattern in item.unzip.values() if not _members(source, pattern)]
    return [Problem(str(source), 0, "", f"no member matches {pattern!r}") for pattern in missing]


def _members(archive: Path, pattern: str) -> list[str]:
    with zipfile.ZipFile(archive) as handle:
        names = [name for name in handle.namelist() if not name.endswith("/")]
    depth = len(PurePosixPath(pattern).parts)
    return [name for name in names if fnmatch("/".join(PurePosixPath(name).parts[-depth:]), pattern)]


def _unzip(archive: Path, pattern: str, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(archive) as handle:
        for name in _members(archive, pattern):
            (folder / PurePosixPath(name).name).write_bytes(handle.read(name))


def _copy_folder(source: Path, target: Path) -> None:
    """Copy contents, not permissions: what came from a read-only folder must be replaceable."""
    target.mkdir()
    for item in source.iterdir():
        if item.is_dir():
            _copy_folder(item, target / item.name)
        else:
            shutil.copyfile(item, target / item.name)
