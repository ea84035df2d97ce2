"""Which LOC is a GPE by list and head word: ``persian_ner.layers.places`` and the word lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import raw_texts
from tiny_corpus import put

from persian_ner.characters import comparable
from persian_ner.layers.places import Gazetteer, Verdict, decide, load_gazetteer
from persian_ner.layers.wordlists import patterns, words
from persian_ner.records import InputError

GAZETTEER = Gazetteer(
    frozenset(map(comparable, ["بغداد", "گلستان", "قطر", "مزار شریف", "مزارشریف", "خرم‌آباد", "سازمان ملل", "جهان"]))
)


def gpe(surface: str) -> list[str] | None:
    """The surfaces of the GPE inside a LOC; ``None``: a reader decides."""
    verdict = decide(surface, GAZETTEER)
    return None if verdict is None else [surface[start:end] for start, end in verdict.spans]


@pytest.mark.parametrize(
    ("surface", "names", "by"),
    [
        ("بغداد", ["بغداد"], "gazetteer"),
        ("بغـداد", ["بغـداد"], "gazetteer"),  # spelling does not matter
        ("مزار\u200cشریف", ["مزار\u200cشریف"], "gazetteer"),
        ("خرم آباد", ["خرم آباد"], "gazetteer"),
        ("غرب بغداد", ["بغداد"], "beside, gazetteer"),
        ("حومه شمالی  مزار شريف", ["مزار شريف"], "beside, gazetteer"),
        ("مرز استان گلستان", ["استان گلستان"], "beside, head word"),
        ("شمال رود کارون", [], "beside, head word"),
        ("استان گلستان", ["استان گلستان"], "head word"),
        ("روستای ناشناس", ["روستای ناشناس"], "head word"),
        ("استان مزار شریف", ["استان مزار شریف"], "head word"),
        ("کشور قطر", ["کشور قطر"], "head word"),
        ("رود کارون", [], "head word"),
        ("دریای بغداد", [], "head word"),
        ("سدی بزرگ", [], "head word"),
        ("اروپا", [], "region"),
        ("شمال غرب", [], "region"),
        # In the gazetteer, and nevertheless no place with a government.
        ("سازمان ملل", [], "region"),
        ("سازمان\u200cملل", [], "region"),
        ("جهان", [], "region"),
    ],
)
def test_what_lists_and_head_words_decide(surface: str, names: list[str], by: str) -> None:
    verdict = decide(surface, GAZETTEER)
    assert verdict is not None
    assert ([surface[start:end] for start, end in verdict.spans], verdict.by) == (names, by)


@pytest.mark.parametrize(
    "surface",
    [
        "",
        " ",
        "ناشناس",
        "دوحه قطر",  # two names
        "کشور دوست",  # «کشور» stands before other words too
        "استان بزرگ و کهن",  # several words, none listed
        "غرب ناشناس",
        "کاخ سفید",  # stands for an institution, though «کاخ» is a building
        "البرز",  # a province and a mountain
        "غرب البرز",
    ],
)
def test_what_a_reader_has_to_decide(surface: str) -> None:
    assert gpe(surface) is None


def test_what_is_undecided_stays_so_when_a_list_has_it() -> None:
    assert decide("البرز", Gazetteer(frozenset(["البرز"]))) is None


@settings(max_examples=300)
@given(
    st.one_of(
        raw_texts(),
        st.lists(
            st.sampled_from(sorted(words("beside") | words("administrative") | words("regions") | GAZETTEER.names)),
            max_size=5,
        ).map("  ".join),
    )
)
def test_the_names_are_inside_the_surface_and_begin_and_end_with_it_or_a_word(surface: str) -> None:
    verdict = decide(surface, GAZETTEER)
    for start, end in verdict.spans if verdict else ():
        assert 0 <= start < end == len(surface)
        assert start == 0 or surface[start - 1].isspace()
        assert comparable(surface[start:end])


def write_gazetteers(folder: Path) -> None:
    territories = {"IQ": "عراق", "QA": "قطر (امارت)", "UN": "سازمان ملل متحد", "001": "جهان", "X": "ک"}
    put(folder / "i18n_iso_countries_fa.json", json.dumps({"countries": {"IR": ["ایران", "جمهوری اسلامی ایران"]}}))
    put(
        folder / "cldr_fa" / "territories.json",
        json.dumps({"main": {"fa": {"localeDisplayNames": {"territories": territories}}}}),
    )
    put(
        folder / "sajaddp_all.json",
        json.dumps([{"name": "مازندران", "type": "province"}, {"name": "میان‌رود", "type": "rural"}]),
    )
    put(
        folder / "geonames_cities1000_arabicscript.json",
        json.dumps(
            [{"pop": 50_000, "alt": ["Mazar", "مزار شريف"]}, {"pop": 49_999, "alt": ["ده‌کوچک"]}], ensure_ascii=False
        ),
    )


def test_lists_of_places_are_read_folded_and_without_regions(tmp_path: Path) -> None:
    write_gazetteers(tmp_path)
    names = {"عراق", "قطر", "ایران", "جمهوری اسلامی ایران", "جمهوریاسلامیایران", "مازندران", "مزار شریف", "مزارشریف"}
    gazetteer = load_gazetteer(tmp_path)
    assert gazetteer.names == names
    assert "مزار\u200cشریف" in gazetteer and "ایـران" in gazetteer and "ده\u200cکوچک" not in gazetteer
    assert decide("سازمان ملل متحد", gazetteer) == Verdict((), "region")


def test_every_list_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    write_gazetteers(tmp_path)
    (tmp_path / "i18n_iso_countries_fa.json").unlink()
    put(tmp_path / "cldr_fa" / "territories.json", '{"main": {"en": {}}}')
    put(tmp_path / "sajaddp_all.json", '[{"name": "قم"}]')
    put(tmp_path / "geonames_cities1000_arabicscript.json", "[{")
    with pytest.raises(InputError) as raised:
        load_gazetteer(tmp_path)
    names = ["cldr_fa/territories.json", "geonames_cities1000_arabicscript.json", "i18n_iso_countries_fa.json"]
    names.append("sajaddp_all.json")
    assert [problem.file for problem in raised.value.problems] == [str(tmp_path / name) for name in names]


def test_words_are_comparable_whatever_their_spelling() -> None:
    assert comparable("  مِزار\u200cشريف  ۱۲\n") == "مزارشریف 12"
    assert {"خاور میانه", "شبهقاره"} <= words("regions") | words("natural_or_built")
    for name in ("administrative", "natural_or_built", "regions", "beside", "event_cues", "date_cues"):
        assert words(name) and all(word == comparable(word) for word in words(name))
    assert words("loose_administrative") < words("administrative")
    assert len(patterns("event_pairs")) > 5
