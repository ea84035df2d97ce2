"""Which LOC of a corpus is a GPE: the clear cases, decided by gazetteer and head word.

LOC of the Persian corpora mixes countries and cities with rivers, roads and
continents. What neither the lists nor the head words decide is left to a reader
(``None``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from persian_ner.characters import comparable
from persian_ner.layers import lists
from persian_ner.layers.wordlists import words
from persian_ner.records import InputError, Problem, collecting

_ADMINISTRATIVE = words("administrative")
_LOOSE = words("loose_administrative")
_NATURAL = words("natural_or_built")
_REGIONS = words("regions") | {region.replace(" ", "") for region in words("regions")}
_BESIDE = words("beside")
_UNDECIDED = words("institutions") | words("undecided")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Verdict:
    """What a LOC is: ``spans`` are the GPE inside it, offsets in characters of the surface; ``by`` names the rule."""

    spans: tuple[tuple[int, int], ...]
    by: str


@dataclass(frozen=True)
class Gazetteer:
    """Names of places with a government, in comparable form."""

    names: frozenset[str]

    def __contains__(self, surface: str) -> bool:
        """Whether the surface is a listed name, with or without spaces."""
        name = comparable(surface)
        return name in self.names or name.replace(" ", "") in self.names


def load_gazetteer(folder: Path) -> Gazetteer:
    """Read the lists of places in ``folder``.

    Needed are ``i18n_iso_countries_fa.json``, ``cldr_fa/territories.json``, ``sajaddp_all.json`` and
    ``geonames_cities1000_arabicscript.json``; :mod:`persian_ner.layers.lists` says where they are from. Raises
    :class:`InputError` with each that is missing or has something else in it.
    """
    problems: list[Problem] = []
    countries = collecting(problems, lambda: lists.countries(folder))
    territories = collecting(problems, lambda: lists.territories(folder))
    iranian = collecting(problems, lambda: lists.iranian_places(folder))
    towns = collecting(problems, lambda: lists.towns(folder))
    if countries is None or territories is None or iranian is None or towns is None:
        raise InputError(problems)
    foreign = [name for town in towns if town.pop >= 50_000 for name in town.alt if not name.isascii()]
    names = {_bare(name) for name in (*countries, *territories, *iranian, *foreign)}
    keys = {comparable(name) for name in names} | {comparable(name).replace(" ", "") for name in names}
    return Gazetteer(frozenset(name for name in keys - _REGIONS if len(name) > 1))


def _bare(name: str) -> str:
    """A name without what a list says of it in brackets."""
    return re.sub(r"\s*\(.*?\)\s*", " ", name).strip()


def decide(surface: str, gazetteer: Gazetteer) -> Verdict | None:
    """The GPE of a LOC surface by list and head word, or ``None`` when a reader has to decide.

    «غرب بغداد» → «بغداد» inside; «رود کارون» → nothing; «استان گلستان» → the
    whole; «اروپا» → nothing.
    """
    tokens = [(match.start(), match.end()) for match in _WORD.finditer(surface)]
    keys = [comparable(surface[start:end]) for start, end in tokens]
    if not tokens or comparable(surface) in _UNDECIDED:
        return None
    if comparable(surface) in _REGIONS:
        return Verdict((), "region")
    if surface in gazetteer:
        return Verdict(((0, len(surface)),), "gazetteer")
    if keys[0] in _NATURAL or keys[0].removesuffix("ی") in _NATURAL:
        return Verdict((), "head word")
    if len(tokens) > 1 and keys[0] in _BESIDE:
        start = next((index for index, word in enumerate(keys) if word not in _BESIDE), len(keys))
        if start == len(keys):
            return Verdict((), "region")
        inner = decide(surface[tokens[start][0] :], gazetteer)
        if inner is None:
            return None
        shift = tokens[start][0]
        return Verdict(tuple((a + shift, b + shift) for a, b in inner.spans), f"beside, {inner.by}")
    if len(tokens) in (2, 3, 4) and keys[0] in _ADMINISTRATIVE and surface[tokens[1][0] :] in gazetteer:
        return Verdict(((0, len(surface)),), "head word")
    if len(tokens) == 2 and keys[0] in _ADMINISTRATIVE - _LOOSE:
        return Verdict(((0, len(surface)),), "head word")
    return None
