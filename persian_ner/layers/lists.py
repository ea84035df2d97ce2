"""Lists of names that others have published: JSON files in one folder, under the names given here.

None is in this repository. In the folder, next to each other, are

* ``i18n_iso_countries_fa.json``: ``langs/fa.json`` of npm i18n-iso-countries,
* ``cldr_fa/territories.json``: the Persian ``territories.json`` of npm cldr-localenames-full,
* ``sajaddp_all.json``: ``dist/json/all.json`` of github.com/sajaddp/list-of-cities-in-Iran,
* ``geonames_cities1000_arabicscript.json``: the places of GeoNames with at least a thousand inhabitants that have names
  in Arabic script, each with ``pop`` (inhabitants) and ``alt`` (names),
* ``nabidam_names.json``: ``names.json`` of github.com/nabidam/persian-names, whose keys are given names.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasPath, BaseModel, Field, RootModel

from persian_ner.readers.json_input import AnyObject, read_as


class _Countries(BaseModel):
    countries: dict[str, str | list[str]]


class _Territories(BaseModel):
    territories: dict[str, str] = Field(validation_alias=AliasPath("main", "fa", "localeDisplayNames", "territories"))


class _IranianPlace(BaseModel):
    name: str
    type: str


class _IranianPlaces(RootModel[list[_IranianPlace]]):
    pass


class Town(BaseModel):
    """A place with its inhabitants (``pop``) and its names in Arabic script and others (``alt``)."""

    pop: int
    alt: list[str]


class _Towns(RootModel[list[Town]]):
    pass


def countries(folder: Path) -> list[str]:
    """Names of countries. Raises, like all of these, :class:`InputError` for no such file and for another one."""
    found = read_as(folder / "i18n_iso_countries_fa.json", _Countries).countries.values()
    return [name for names in found for name in (names if isinstance(names, list) else [names])]


def territories(folder: Path) -> list[str]:
    """Names of countries and of other parts of the world."""
    return list(read_as(folder / "cldr_fa" / "territories.json", _Territories).territories.values())


def iranian_places(folder: Path) -> list[str]:
    """Names of provinces, counties and towns of Iran; not of its rural districts."""
    found = read_as(folder / "sajaddp_all.json", _IranianPlaces).root
    return [place.name for place in found if place.type != "rural"]


def towns(folder: Path) -> list[Town]:
    """Towns of the world."""
    return read_as(folder / "geonames_cities1000_arabicscript.json", _Towns).root


def given_names(folder: Path) -> list[str]:
    """Given names."""
    return list(read_as(folder / "nabidam_names.json", AnyObject).root)
