"""The word lists behind the layers (``words.yml``), read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from persian_ner.characters import comparable


@cache
def _lists() -> dict[str, Any]:
    lists: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
    return lists


def words(name: str) -> frozenset[str]:
    """A list of words, in comparable form."""
    return frozenset(comparable(word.replace("_", " ")) for word in _lists()[name].split())


def patterns(name: str) -> list[str]:
    """A list of regular expressions over folded text."""
    return list(_lists()[name])
