"""The word lists behind the layers (``words.yml``), read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from persian_ner.characters import fold


@cache
def _lists() -> dict[str, Any]:
    lists: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
    return lists


def key(surface: str) -> str:
    """The form under which names are compared: folded, half-spaces dropped, single spaces."""
    return " ".join(fold(surface).split())


def words(name: str) -> frozenset[str]:
    """A list of words, as keys."""
    return frozenset(key(word.replace("_", " ")) for word in _lists()[name].split())


def patterns(name: str) -> list[str]:
    """A list of regular expressions over folded text."""
    return list(_lists()[name])
