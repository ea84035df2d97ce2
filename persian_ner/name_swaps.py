"""Training examples with other people and other places in them, so that a model reads a name's surroundings.

A model that has met a town only by name misses the towns it has not met. Swapping
names for others of their kind («mention replacement», Dai & Adel 2020) shows it
more names than a corpus has, in sentences that stay as they were. The names are
those that the training split annotates and, where the lists behind the layers are
at hand, theirs and those of a list of given names. What is hardly ever a name in the
training split is left out («به» and «این» are in every list), or the model would
learn that any word may be one.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import srsly
from pydantic import BaseModel, ConfigDict, Field

from persian_ner.augment import Augmenter, Damage, Edit, at_level, harmless, in_turn
from persian_ner.characters import comparable
from persian_ner.layers import lists
from persian_ner.layers.cues import located_words
from persian_ner.layers.wordlists import words
from persian_ner.records import InputError, Problem, Record, Span, collecting

_HEADS = (words("administrative") - words("loose_administrative")) | {"شهر"}
"""Head words that a name of a place stands behind: «استان گیلان»."""
_ALL_HEADS = words("administrative")
_NO_PLACES = words("regions") | words("institutions")
_WORD = "[اآبپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیئ\u200c]+"
_PERSIAN_NAME = re.compile(f"{_WORD}(?: {_WORD}){{0,2}}")
"""Spelt as in Persian newspapers. GeoNames' names in Arabic script are Arabic and Urdu too."""
_LONGEST_PLACE = 3
_SEEN = 10
_BARE = 20
"""No name is a word that is so often outside all names, and more than so many times as often as in names of a kind."""
_MANY_PEOPLE = 100_000
"""Inhabitants from which a foreign town's name is taken: smaller ones are hardly ever in Persian news."""


class Names(BaseModel):
    """Names to swap in, each once, in the order of :func:`sorted`.

    ``given`` and ``family`` are the parts of people's names, ``countries`` and
    ``towns`` places; a town is every place with a government that is no country.
    """

    model_config = ConfigDict(extra="forbid")

    given: list[str] = Field(min_length=1)
    family: list[str] = Field(min_length=1)
    countries: list[str]
    towns: list[str] = Field(min_length=1)


def collect(records: Iterable[Record], gazetteers: Path | None = None, file: str = "") -> Names:
    """The names in the PER and GPE spans of ``records`` and, if given, in a folder of lists.

    Countries are known from the lists alone. Names of one word that is hardly ever
    a name in the texts are left out. The folder has ``i18n_iso_countries_fa.json``, ``sajaddp_all.json``,
    ``geonames_cities1000_arabicscript.json`` and ``nabidam_names.json``, see :mod:`persian_ner.layers.lists`. Raises
    :class:`InputError` when the records, which are those of ``file``, have no full name of a person or no place, and
    with each list that is missing or has something else in it.
    """
    given, family, towns = set[str](), set[str](), set[str]()
    countries: set[str] = set()
    seen: dict[str | None, Counter[str]] = {None: Counter(), "PER": Counter(), "GPE": Counter()}
    for record in records:
        _count(record, seen)
        for span in record.spans:
            surface = record.text[span.start : span.end]
            if not _PERSIAN_NAME.fullmatch(surface):
                continue
            parts = surface.split(" ")
            if span.label == "PER" and len(parts) > 1:
                given.add(parts[0])
                family.add(parts[-1])
            elif span.label == "GPE" and comparable(parts[0]) not in _ALL_HEADS:
                towns.add(surface)
    if gazetteers is not None:
        countries, listed_towns, listed_given = _listed(gazetteers)
        towns |= listed_towns
        given |= listed_given
    no_towns = {comparable(name) for name in countries} | _NO_PLACES
    towns = {name for name in towns if comparable(name) not in no_towns}
    no_person, no_place = (_no_names(seen, label) for label in ("PER", "GPE"))
    given, family = ({name for name in names if comparable(name) not in no_person} for names in (given, family))
    countries, towns = ({name for name in names if comparable(name) not in no_place} for names in (countries, towns))
    if not (given and family and towns):
        reason = (
            "the annotation has no full name of a person, or no place, to swap in, or only such as are common words"
        )
        raise InputError([Problem(file, 0, "", reason)])
    return Names(given=sorted(given), family=sorted(family), countries=sorted(countries), towns=sorted(towns))


def _count(record: Record, seen: dict[str | None, Counter[str]]) -> None:
    """Count a record's words by the label of the span they are in, ``None`` outside all of them.

    Of a record that may leave people or places bare, the words outside spans say nothing.
    """
    whole = record.annotated_labels is None or {"PER", "GPE"} <= set(record.annotated_labels)
    spans = iter(sorted(record.spans, key=lambda span: span.start))
    span = next(spans, None)
    for start, end, word in located_words(record.text):
        while span is not None and span.end <= start:
            span = next(spans, None)
        label = span.label if span is not None and span.start < end else None
        if label in seen and (whole or label is not None):
            seen[label][word] += 1


def _no_names(seen: dict[str | None, Counter[str]], label: str) -> set[str]:
    """Words that stand outside all names too often for a name of this label, in their :func:`comparable` form."""
    return {word for word, count in seen[None].items() if count >= _SEEN and count > _BARE * seen[label][word]}


def _listed(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """Countries, towns and given names of the lists in ``folder``. Raises as :func:`collect` does."""
    problems: list[Problem] = []
    countries = collecting(problems, lambda: lists.countries(folder))
    iranian = collecting(problems, lambda: lists.iranian_places(folder))
    towns = collecting(problems, lambda: lists.towns(folder))
    given = collecting(problems, lambda: lists.given_names(folder))
    if countries is None or iranian is None or towns is None or given is None:
        raise InputError(problems)
    foreign = (name for town in towns if town.pop >= _MANY_PEOPLE for name in town.alt)
    return (
        _persian(countries),
        _persian(iranian) | _persian(name for name in foreign if not name.startswith("ال")),
        _persian(given),
    )


def _persian(names: Iterable[str]) -> set[str]:
    return {name for name in names if _PERSIAN_NAME.fullmatch(name)}


def swap(names: Names) -> Damage:
    """A damage that puts names of ``names`` in the place of those annotated; ``rate`` is the share of names swapped.

    People get a new given and a new family name; countries become countries, other
    places towns, with or without a head word («استان …»); a place at the end of an
    ORG or EVENT («شهرداری تبریز») becomes another one. The same name becomes the same
    wherever it occurs. A GPE that is none of the known places stays.
    """
    countries = {comparable(name) for name in names.countries}
    towns = {comparable(name) for name in names.towns}

    def place(old: str, rng: random.Random) -> str | None:
        key = comparable(old)
        pool = names.countries if key in countries else names.towns if key in towns else None
        return rng.choice(pool) if pool else None

    def propose(text: str, spans: Iterable[Span], rng: random.Random, rate: float) -> list[Edit]:
        chosen: dict[tuple[str, str], str | None] = {}
        edits = []

        def replacement(kind: str, old: str, draw: Callable[[str, random.Random], str | None]) -> str | None:
            key = (kind, comparable(old))
            if key not in chosen:
                chosen[key] = draw(old, rng) if rng.random() < rate else None
            return chosen[key]

        for span in spans:
            surface = text[span.start : span.end]
            parts = surface.split()
            if span.label == "PER" and parts:
                *first, last = parts
                swapped = [
                    replacement("given", " ".join(first), lambda _, rng: rng.choice(names.given)) if first else None,
                    replacement("family", last, lambda _, rng: rng.choice(names.family)),
                ]
                new = " ".join(part or old for part, old in zip(swapped, (" ".join(first), last), strict=True)).strip()
                edits.append(Edit(span.start, span.end, new))
            elif span.label in ("GPE", "ORG", "EVENT"):
                edits += _place_edit(span, surface, lambda old: replacement("place", old, place))
        return edits

    return harmless(propose)


def _place_edit(span: Span, surface: str, replace: Callable[[str], str | None]) -> Iterator[Edit]:
    """Replace the longest known place at the end of a span; in a GPE, only all of it but for a head word."""
    borders = [match.start() for match in re.finditer(r"\S+", surface)]
    for index in range(max(0, len(borders) - _LONGEST_PLACE), len(borders)):
        if span.label == "GPE":
            head = comparable(surface[: borders[index]])
            if head and head not in _HEADS:
                return
        elif index == 0:
            continue  # an organisation that is called like a place alone («ملوان», «تراکتور») is no place
        if new := replace(surface[borders[index] :]):
            yield Edit(span.start + borders[index], span.end, new)
            return


def names_swapped(level: float, rate: float, names: str | None) -> Augmenter:
    """Augmenter for ``[corpora.train.augmenter]``, registered as ``persian_ner.names_swapped.v1``.

    An example is yielded as it is or, with probability ``level``, with ``rate`` of
    its names swapped for others of the file ``names`` (:class:`Names` as JSON; none:
    nothing is swapped). Draws with Python's global generator, which spaCy seeds.
    Raises ``ValueError`` when ``level`` or ``rate`` is no probability or the file is
    no such file.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}, not in 0–1")
    damages = {"names": swap(Names(**srsly.read_json(names)))} if names else {}
    swapping = at_level(level, lambda: {"names": rate}, damages)
    return swapping if damages else in_turn()
