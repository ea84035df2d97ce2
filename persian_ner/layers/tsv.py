"""The tab-separated files in which people write down decisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from persian_ner.records import InputError, Problem, iter_text_lines

NOTHING = "-"
"""Stands where somebody has decided that there is no name."""


def rows(path: Path, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """The cells of every line, with its number (from 1); lines that are not UTF-8 join ``problems``.

    Raises :class:`InputError` when there is no such file.
    """
    if not path.is_file():
        raise InputError([Problem(str(path), 0, "", "no such file")])
    for item in iter_text_lines(path):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            yield item[0], item[1].split("\t")
