from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_strategies import CHARACTERS
from script_runs import run_script
from spacy.language import Language
from spacy.training import Example
from spacy.vocab import Vocab

from persian_ner import augment, docbin, name_swaps
from persian_ner.augment import apply
from persian_ner.metrics import span_defects
from persian_ner.name_swaps import Names
from persian_ner.records import InputError, Record, Span
from persian_ner.tokenizer import create_tokenizer

NLP = docbin.blank()
TOKENIZER = create_tokenizer(Vocab())
NAMES = Names(given=["لاله"], family=["آرامی"], countries=["غنا", "ایران"], towns=["یوش", "تهران", "تبریز"])
ONE = NAMES.model_copy(update={"countries": ["ایران"], "towns": ["تهران"]})
LABELS = ["PER", "ORG", "GPE", "EVENT", "DATE"]
WORDS = ["تهران", "استان", "تبریز", "ایران", "تهران\u200cپارس", "سارا", "احمدی", "شهرداری", "رود"]


def record(*parts: str | tuple[str, str], id: str = "r") -> Record:
    """A record out of words, with a space between them; those with a label are spans."""
    text, spans = "", []
    for part in parts:
        words, label = part if isinstance(part, tuple) else (part, None)
        if label:
            spans.append(Span(start=len(text), end=len(text) + len(words), label=label))
        text += f"{words} "
    return Record(id=id, text=text.rstrip(), spans=spans)


def swapped(document: Record, names: Names = NAMES, rate: float = 1.0, seed: int = 0) -> tuple[str, list[str]]:
    edits = name_swaps.swap(names)(document.text, document.spans, random.Random(seed), rate)
    text, spans = apply(document.text, document.spans, edits)
    return text, [text[span.start : span.end] for span in spans]


def test_names_are_those_of_the_annotation() -> None:
    document = record(
        ("سارا احمدی", "PER"), "از", ("یوش", "GPE"), "به", ("استان مرکزی", "GPE"), "و", ("كرج", "GPE"), ("آسیا", "GPE"),
        ("باقر", "PER"), ("شرکت نفت", "ORG"), ("رضا آرام", "PER"),
    )  # fmt: skip
    # «استان» is a head word, «كرج» is not as newspapers write it, «آسیا» no place with a government
    assert name_swaps.collect([document, document]) == Names(
        given=["رضا", "سارا"], family=["آرام", "احمدی"], countries=[], towns=["یوش"]
    )


def test_names_of_lists_join_them(tmp_path: Path) -> None:
    lists: dict[str, Any] = {
        "i18n_iso_countries_fa": {"countries": {"GH": "غنا", "TR": "تركيه"}},
        "sajaddp_all": [{"name": "نور", "type": "city"}, {"name": "ده بالا", "type": "rural"}],
        "geonames_cities1000_arabicscript": [
            {"pop": 2_000_000, "alt": ["Accra", "آکرا", "أكرا"]},
            {"pop": 5_000, "alt": ["هو"]},
        ],
        "nabidam_names": {"لاله": {}, "Ali": {}},
    }
    document = record(("سارا احمدی", "PER"), "در", ("غنا", "GPE"), "و", ("یوش", "GPE"))
    with pytest.raises(InputError) as raised:
        name_swaps.collect([document], tmp_path)
    assert len(raised.value.problems) == len(lists)
    for name in lists:
        (tmp_path / f"{name}.json").write_text('{"alt": ', encoding="utf-8")
    with pytest.raises(InputError) as raised:
        name_swaps.collect([document], tmp_path)
    assert [problem.file for problem in raised.value.problems] == sorted(
        str(tmp_path / f"{name}.json") for name in lists
    )
    for name, content in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    assert name_swaps.collect([document], tmp_path) == Names(
        given=["سارا", "لاله"], family=["احمدی"], countries=["غنا"], towns=["آکرا", "نور", "یوش"]
    )


@pytest.mark.parametrize(
    ("bare", "labels", "kept"),
    [(9, None, True), (21, None, False), (20, None, True), (42, ["PER", "GPE"], False), (42, ["GPE", "ORG"], True)],
    ids=["seldom", "often bare", "not often enough", "people and places annotated", "people not annotated"],
)
def test_what_is_hardly_ever_a_name_is_left_out(bare: int, labels: list[str] | None, kept: bool) -> None:
    words: list[str | tuple[str, str]] = []
    for word in ("این", "اين", "دوران"):  # «این» in two spellings, as often together as «دوران»
        count = bare if word == "دوران" else bare // 2 + (word == "این") * (bare % 2)
        words += [word] * count
    names = record(("این احمدی", "PER"), ("رضا دوران", "PER"), ("سارا آرام", "PER"), ("دوران", "GPE"), ("یوش", "GPE"))
    texts = record(*words, ("رود دوران", "ORG")).model_copy(update={"annotated_labels": labels})
    found = name_swaps.collect([names, texts])
    assert ("این" in found.given, "دوران" in found.family) == (kept, kept)
    assert ("دوران" in found.towns) == kept
    assert {"رضا", "سارا"} <= set(found.given) and {"احمدی", "آرام"} <= set(found.family) and "یوش" in found.towns


def test_names_that_are_common_words_alone_are_refused() -> None:
    texts = record(*["به"] * 21)
    with pytest.raises(InputError, match="or only such as are common words"):
        name_swaps.collect([record(("به احمدی", "PER"), ("یوش", "GPE")), texts])


def test_countries_that_are_common_words_are_left_out(tmp_path: Path) -> None:
    lists: dict[str, Any] = {
        "i18n_iso_countries_fa": {"countries": {"ML": "مالی", "GH": "غنا"}},
        "sajaddp_all": [],
        "geonames_cities1000_arabicscript": [],
        "nabidam_names": {},
    }
    for name, content in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    names = record(("سارا احمدی", "PER"), ("یوش", "GPE"), ("مالی", "GPE"))
    found = name_swaps.collect([names, record(*["مالی"] * 21)], tmp_path)
    assert (found.countries, found.towns) == (["غنا"], ["یوش"])


def test_an_annotation_without_names_is_refused() -> None:
    with pytest.raises(ValueError, match="no full name"):
        name_swaps.collect([record("بی نام", ("یوش", "GPE"))])


def test_names_become_others_of_their_kind() -> None:
    document = record(("سارا احمدی", "PER"), "در", ("ایران", "GPE"), "و", ("استان تهران", "GPE"), ("احمدی", "PER"))
    names = NAMES.model_copy(update={"countries": ["ایران", "ایران "], "towns": ["تهران", "یوش"]})
    for seed in range(20):
        _, found = swapped(document, names, seed=seed)
        assert found[0] == "لاله آرامی"
        assert found[1].strip() == "ایران"
        assert found[2] in ("استان تهران", "استان یوش")
        assert found[3] == "آرامی"


def test_the_same_name_becomes_the_same() -> None:
    document = record(("تبریز", "GPE"), "و", ("تبريز", "GPE"), "و", ("شهرداری تبریز", "ORG"))
    found = {tuple(swapped(document, seed=seed)[1]) for seed in range(50)}
    assert len(found) > 1
    for first, second, third in found:
        assert first in ("تبریز", second) or second == "تبريز"
        assert third.removeprefix("شهرداری ") in {first, second, "تبریز"}
    assert ("یوش", "یوش", "شهرداری یوش") in found


@pytest.mark.parametrize(
    ("words", "label", "expected"),
    [
        ("رود تبریز", "GPE", "رود تبریز"),  # no head word of a place with a government
        ("تبریز", "ORG", "تبریز"),  # a club that is called like a town
        ("تبریز قدیم", "GPE", "تبریز قدیم"),
        ("تبریز", "DATE", "تبریز"),
        ("تبریز نو", "ORG", "تبریز نو"),
        ("تبریز", "GPE", "تهران"),
        ("شهر تبریز", "GPE", "شهر تهران"),
        ("جام تبریز", "EVENT", "جام تهران"),
        ("وزارت دفاع غنا", "ORG", "وزارت دفاع ایران"),
    ],
)
def test_what_counts_as_a_place(words: str, label: str, expected: str) -> None:
    damage = name_swaps.swap(NAMES)
    document = record("در", (words, label), "بود")
    outcomes = {swapped(document, seed=seed)[1][0] for seed in range(40)}
    assert expected in outcomes
    assert len(outcomes) == 1 or expected != words
    assert damage(document.text, document.spans, random.Random(0), 0.0) == []


@st.composite
def documents(draw: st.DrawFn) -> Record:
    text = draw(
        st.one_of(
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join),
            st.text(alphabet=CHARACTERS + "تهران ", min_size=1, max_size=40),
        )
    )
    tokens = [token for token in TOKENIZER(text) if not token.text.isspace()]
    borders = sorted(draw(st.sets(st.integers(0, len(tokens)), max_size=8)))
    spans = [
        Span(start=tokens[a].idx, end=tokens[b - 1].idx + len(tokens[b - 1]), label=draw(st.sampled_from(LABELS)))
        for a, b in zip(borders[::2], borders[1::2], strict=False)
    ]
    return Record(id="r", text=text, spans=spans)


@given(documents(), st.integers(0, 99))
def test_only_names_change_and_offsets_follow(document: Record, seed: int) -> None:
    edits = name_swaps.swap(NAMES)(document.text, document.spans, random.Random(seed), 0.7)
    assert all(any(span.start <= edit.start and edit.end <= span.end for span in document.spans) for edit in edits)
    text, spans = apply(document.text, document.spans, edits)
    assert span_defects(text, spans) == []
    assert [span.label for span in spans] == [span.label for span in document.spans]

    def around(text: str, spans: list[Span]) -> list[str]:
        borders = [0, *(edge for span in spans for edge in (span.start, span.end)), len(text)]
        return [text[a:b] for a, b in zip(borders[::2], borders[1::2], strict=True)]

    assert around(text, spans) == around(document.text, document.spans)


def example() -> Example:
    document = record(("سارا احمدی", "PER"), "به", ("تبریز", "GPE"), "رفت")
    doc = NLP.make_doc(document.text)
    doc.set_ents([doc.char_span(span.start, span.end, label=span.label) for span in document.spans])
    return Example(NLP.make_doc(document.text), doc)


def test_the_augmenter(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(ONE.model_dump_json(), encoding="utf-8")
    augmenter = name_swaps.names_swapped(1.0, 1.0, str(tmp_path / "names.json"))
    one = ONE.model_copy(update={"towns": ["تبریز"]})
    (variant,) = augmenter(NLP, example())
    assert [ent.text for ent in variant.reference.ents] == ["لاله آرامی", "تبریز"]  # a town that no list has stays
    (tmp_path / "names.json").write_text(one.model_dump_json(), encoding="utf-8")
    unchanged = example()
    assert list(name_swaps.names_swapped(0.0, 1.0, str(tmp_path / "names.json"))(NLP, unchanged)) == [unchanged]
    assert list(name_swaps.names_swapped(1.0, 1.0, None)(NLP, unchanged)) == [unchanged]


@pytest.mark.parametrize(("level", "rate", "reason"), [(1.5, 0.5, "level is 1.5"), (0.5, -1, "rate is -1")])
def test_wrong_settings(level: float, rate: float, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        name_swaps.names_swapped(level, rate, None)


def test_augmenters_in_turn() -> None:
    def twice(nlp: Language, example: Example) -> Iterator[Example]:
        yield from (example, example)

    assert len(list(augment.in_turn(twice, twice)(NLP, example()))) == 4
    assert len(list(augment.in_turn()(NLP, example()))) == 1


def test_the_command(tmp_path: Path) -> None:
    train, output = tmp_path / "train.jsonl", tmp_path / "names.json"
    documents = [record(("سارا احمدی", "PER"), "در", ("یوش", "GPE"))]
    train.write_text("\n".join(each.model_dump_json(exclude_none=True) for each in documents), encoding="utf-8")
    done = run_script("names", train, output, "--gazetteers", tmp_path / "none")
    assert done.exit_code == 0
    assert "ABSENT" in done.output
    assert Names(**json.loads(output.read_text(encoding="utf-8"))).towns == ["یوش"]
    train.write_text('{"id": 1}\n{"id": "a"}\n', encoding="utf-8")
    failed = run_script("names", train, output)
    assert failed.exit_code == 1
    assert "train.jsonl:1: [1]" in failed.output
    assert "train.jsonl:2: [a]" in failed.output
    train.write_text('{"id": "a", "text": "بی نام"}\n', encoding="utf-8")
    nameless = run_script("names", train, output)
    assert nameless.exit_code == 1
    assert "train.jsonl: [-] the annotation has no full name" in nameless.output
    assert output.exists()
