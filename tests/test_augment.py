from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_strategies import CHARACTERS, LABELS, annotated_texts
from spacy.language import Language
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan
from spacy.training import Corpus, Example
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import fix_random_seed

from persian_ner import augment, docbin
from persian_ner.augment import DAMAGES, MIXTURES, RATES, SPAM, Edit, apply, damage, damaged_example, recipe
from persian_ner.characters import NBSP, ZWNJ, fold
from persian_ner.metrics import span_defects
from persian_ner.records import Record, Span
from persian_ner.tokenizer import create_tokenizer

NLP = docbin.blank()
TOKENIZER = create_tokenizer(Vocab())
MARKS = "َُِّ"
_SAMPLE = """
    رئیس‌جمهور کتاب‌هایشان می‌خواهم می‌گوید تهران شیراز سارا احمدی شرکت نفت را آن نان خوب است به و از دیگر اگر بانک ملی
    ایران خیابان زنگ جشن عید گاز چای تابستان ۱۴۰۴ 2025 ٣٠ ۳/۵ ۱۰:۳۰ Google کیک
"""
WORDS = _SAMPLE.split()


def moved(name: str, text: str, spans: list[Span], rate: float = 1.0, seed: int = 0) -> tuple[str, list[Span]]:
    return apply(text, spans, DAMAGES[name](text, spans, random.Random(seed), rate))


def surfaces(text: str, spans: list[Span]) -> list[str]:
    return [text[span.start : span.end] for span in spans]


def token_spans(draw: st.DrawFn, text: str) -> list[Span]:
    """Flat spans from the start of a token to the end of a token, white space aside."""
    tokens = [token for token in TOKENIZER(text) if not token.text.isspace()]
    borders = sorted(draw(st.sets(st.integers(0, len(tokens)), max_size=8)))
    return [
        Span(
            start=tokens[first].idx,
            end=tokens[last - 1].idx + len(tokens[last - 1]),
            label=draw(st.sampled_from(LABELS)),
        )
        for first, last in zip(borders[::2], borders[1::2], strict=False)
    ]


@st.composite
def wild(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Any characters that matter to the tokenizer or to a damage, in any order."""
    text = draw(st.text(alphabet=CHARACTERS + MARKS + "یکنرسعف@_1٣", min_size=1, max_size=40))
    return text, token_spans(draw, text)


@st.composite
def prose(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Words with half-spaces and numbers, joined as text is."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=25))
    gaps = st.sampled_from([" ", " ", " ", "، ", ". ", ": «", "» ", " (", ") ", "،", "\n\n", "؟ "])
    text = "".join(part for word in words for part in (word, draw(gaps)))
    return text, token_spans(draw, text)


def origins(text: str, edits: list[Edit]) -> list[tuple[int, bool]]:
    """For each character of the edited text, where in ``text`` it comes from and whether it was there before."""
    found: list[tuple[int, bool]] = []
    position = 0
    for edit in edits:
        found += [(offset, True) for offset in range(position, edit.start)]
        found += [(edit.start, False)] * len(edit.replacement)
        position = edit.end
    return found + [(offset, True) for offset in range(position, len(text))]


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Span], list[Edit]]:
    """A text, flat spans, and edits of which none straddles the edge of a span."""
    text, spans = draw(annotated_texts())
    edges = sorted({0, len(text), *(edge for span in spans for edge in (span.start, span.end))})
    borders = sorted(draw(st.lists(st.integers(0, len(text)), max_size=10)))
    edits = [
        Edit(start, end, draw(st.text(alphabet="xyz", max_size=3)))
        for start, end in zip(borders[::2], borders[1::2], strict=False)
        if not any(start < edge < end for edge in edges)
    ]
    return text, spans, edits


@given(edited())
def test_apply_moves_spans_exactly(drawn: tuple[str, list[Span], list[Edit]]) -> None:
    text, spans, edits = drawn
    expected = []
    for span in spans:
        # What belongs to a span: its own characters, and what edits inside it that are no insertion at its edge make.
        inside = [e for e in edits if span.start <= e.start and e.end <= span.end]
        inside = [e for e in inside if e.start < e.end or span.start < e.start < span.end]
        surface = ""
        position = span.start
        for edit in inside:
            surface += text[position : edit.start] + edit.replacement
            position = edit.end
        expected.append(surface + text[position : span.end])
    if "" in expected:
        with pytest.raises(ValueError, match="leave nothing of the span"):
            apply(text, spans, edits)
        return
    damaged, after = apply(text, spans, edits)
    assert surfaces(damaged, after) == expected
    assert [span.label for span in after] == [span.label for span in spans]
    assert span_defects(damaged, after) == []
    assert "".join(text[i] for i, kept in origins(text, edits) if kept) == "".join(
        character for character, (_, kept) in zip(damaged, origins(text, edits), strict=True) if kept
    )


def test_apply_at_the_edges_of_a_span() -> None:
    span = Span(start=2, end=4, label="PER", surface="سی")
    text, (after,) = apply("آ سی ب", [span], [Edit(2, 2, "<"), Edit(4, 4, ">"), Edit(5, 6, "")])
    assert (text, after) == ("آ <سی> ", Span(start=3, end=5, label="PER", surface="سی"))
    text, touching = apply(
        "سیب", [Span(start=0, end=2, label="PER"), Span(start=2, end=3, label="ORG")], [Edit(2, 2, "-")]
    )
    assert (text, surfaces(text, touching)) == ("سی-ب", ["سی", "ب"])


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([Edit(1, 3, "")], "straddles"),
        ([Edit(0, 6, "x")], "straddles"),
        ([Edit(2, 4, "")], "leave nothing of the span 2–4"),
        ([Edit(2, 3, "x"), Edit(2, 4, "y")], "overlap"),
        ([Edit(5, 7, "")], "outside"),
        ([Edit(5, 4, "")], "outside"),
    ],
)
def test_apply_refuses(edits: list[Edit], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        apply("آ سی ب", [Span(start=2, end=4, label="PER")], edits)


@pytest.mark.parametrize("name", DAMAGES)
@settings(max_examples=60)
@given(drawn=st.one_of(wild(), prose()), rate=st.sampled_from([0.2, 0.7, 1.0]), seed=st.integers(0, 999))
def test_every_damage_keeps_its_promises(name: str, drawn: tuple[str, list[Span]], rate: float, seed: int) -> None:
    text, spans = drawn
    edits = DAMAGES[name](text, spans, random.Random(seed), rate)
    assert edits == DAMAGES[name](text, spans, random.Random(seed), rate)
    assert all(left.end <= right.start for left, right in pairwise(edits))
    assert all(text[edit.start : edit.end] != edit.replacement for edit in edits)
    damaged, after = apply(text, spans, edits)
    assert span_defects(damaged, after) == []
    doc = TOKENIZER(damaged)
    assert doc.text == damaged
    assert all(doc.char_span(span.start, span.end) is not None for span in after)
    # Every character that no edit names is still there, and on the same side of every span border.
    kept = [(source, place) for place, (source, was) in enumerate(origins(text, edits)) if was]
    assert {source for source, _ in kept} == set(range(len(text))) - {
        offset for edit in edits for offset in range(edit.start, edit.end)
    }
    for source, place in kept:
        assert text[source] == damaged[place]
        for old, new in zip(spans, after, strict=True):
            assert (old.start <= source < old.end) == (new.start <= place < new.end)


@pytest.mark.parametrize("name", DAMAGES)
@given(drawn=prose())
def test_nothing_is_damaged_at_rate_zero(name: str, drawn: tuple[str, list[Span]]) -> None:
    assert DAMAGES[name](*drawn, random.Random(0), 0.0) == []


@given(prose())
def test_half_spaces(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    for name, replacement in (("zwnj_stripped", ""), ("zwnj_to_space", " ")):
        damaged, after = moved(name, text, spans)
        assert damaged == text.replace(ZWNJ, replacement)
        assert surfaces(damaged, after) == [surface.replace(ZWNJ, replacement) for surface in surfaces(text, spans)]


@given(prose(), st.integers(0, 99))
def test_odd_spaces(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, _ = drawn
    damaged, _ = moved("odd_spaces", text, [], seed=seed)
    alone = [text.replace(" ", kind) for kind in ("  ", f"{NBSP} ")]
    assert damaged in [*alone, text.replace(" ", NBSP).replace(ZWNJ, NBSP)]


ODD_SPACES = ("  ", NBSP, f"{NBSP} ")


def test_every_kind_of_odd_spaces_occurs() -> None:
    found = {moved("odd_spaces", "سارا رفت", [], seed=seed)[0] for seed in range(20)}
    assert found == {f"سارا{kind}رفت" for kind in ODD_SPACES}


def test_a_span_over_an_odd_space_keeps_it() -> None:
    span = Span(start=0, end=10, label="PER")
    found = {tuple(surfaces(*moved("odd_spaces", "سارا احمدی رفت", [span], seed=seed))) for seed in range(20)}
    assert found == {(f"سارا{kind}احمدی",) for kind in ODD_SPACES}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("ایران\u200c\u064e", 0, 5),  # the mark would join the word
        ("5\u200c6", 0, 1),  # the digits would join
        ("«\u200c»", 1, 2),  # nothing would be left
    ],
)
def test_a_half_space_that_keeps_a_span_apart_stays(text: str, start: int, end: int) -> None:
    span = Span(start=start, end=end, label="GPE")
    assert TOKENIZER(text).char_span(start, end) is not None
    assert DAMAGES["zwnj_stripped"](text, [span], random.Random(0), 1.0) == []
    assert DAMAGES["zwnj_stripped"](text, [], random.Random(0), 1.0) != []


@given(prose(), st.integers(0, 99))
def test_arabic_letters(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, spans = drawn
    damaged, after = moved("arabic_letters", text, spans, seed=seed)
    assert not set(damaged) & set("یک")
    persian = str.maketrans("يىك", "ییک")
    assert damaged.translate(persian) == text
    assert surfaces(damaged.translate(persian), after) == surfaces(text, spans)


def test_alef_maqsura_stands_at_the_end_of_words_only() -> None:
    found = {moved("arabic_letters", "یکی می‌آیی", [], seed=seed)[0] for seed in range(20)}
    assert found == {"يكي مي‌آيي", "يكى مى‌آيى"}


@given(prose(), st.integers(0, 99))
def test_other_digits(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, spans = drawn
    damaged, after = moved("other_digits", text, spans, seed=seed)
    assert [(span.start, span.end) for span in after] == [(span.start, span.end) for span in spans]
    for old, new in zip(text, damaged, strict=True):
        assert (old != new) == old.isdecimal()
        assert fold(old) == fold(new)


def test_other_digits_change_by_number_not_by_digit() -> None:
    found = {moved("other_digits", "۱۲ و ۳۴", [], seed=seed)[0] for seed in range(40)}
    assert found == {f"{one} و {two}" for one in ("12", "١٢") for two in ("34", "٣٤")}


@given(prose())
def test_punctuation_removed(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    damaged, after = moved("punctuation_removed", text, spans)
    bare = str.maketrans("", "", "،.:«»()؟ ")
    assert damaged.translate(bare) == text.translate(bare)
    for old, new in zip(surfaces(text, spans), surfaces(damaged, after), strict=True):
        assert old.translate(bare) == new.translate(bare)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("گفت: «سلام، ایران!»", "گفت سلام ایران"),
        ("تهران،قم", "تهران قم"),
        ("ساعت ۱۰:۳۰، ۳.۵ کیلو", "ساعت ۱۰:۳۰ ۳.۵ کیلو"),
        ("(تهران)", "تهران"),
    ],
)
def test_punctuation_removed_leaves_words_and_numbers_whole(text: str, expected: str) -> None:
    assert moved("punctuation_removed", text, [])[0] == expected


def test_space_lost_after_punctuation() -> None:
    text = "رفت. تهران، قم ، «ری» شهر (ری) است؟\n"
    span = Span(start=5, end=10, label="GPE")
    damaged, after = moved("space_lost_after_punctuation", text, [span])
    assert damaged == "رفت.تهران،قم ،«ری»شهر (ری)است؟\n"
    assert surfaces(damaged, after) == ["تهران"]


@given(prose())
def test_words_are_glued_inside_and_outside_spans_but_not_at_their_edges(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    damaged, after = moved("words_glued", text, spans)
    assert damaged.replace(" ", "") == text.replace(" ", "")
    for old, new in zip(spans, after, strict=True):
        assert text[old.start - 1 : old.start].isspace() == damaged[new.start - 1 : new.start].isspace()
        assert text[old.end : old.end + 1].isspace() == damaged[new.end : new.end + 1].isspace()


def test_words_glued() -> None:
    text = "آقای سارا احمدی به شهر ری، رفت ۲ بار"
    damaged, after = moved("words_glued", text, [Span(start=5, end=15, label="PER")])
    assert damaged == "آقای سارااحمدی بهشهرری، رفت ۲ بار"
    assert surfaces(damaged, after) == ["سارااحمدی"]


def test_keyboard_neighbours() -> None:
    # On a Latin keyboard F touches D, G, R, T, C and V; Q touches W and A; the comma touches M, K and L.
    assert set(augment._NEIGHBOURS["ب"]) == set("یلقفزر")
    assert set(augment._NEIGHBOURS["ض"]) == set("صش")
    assert set(augment._NEIGHBOURS["و"]) == set("پنم")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60), st.sampled_from([0.05, 0.3, 1.0]), st.integers(0, 99))
def test_typos_are_one_mistake_in_at_most_the_given_share_of_words(words: list[str], rate: float, seed: int) -> None:
    damaged = moved("typos", " ".join(words), [], rate, seed)[0].split(" ")
    changed = [(old, new) for old, new in zip(words, damaged, strict=True) if old != new]
    assert len(changed) <= rate * len(words)
    assert all(new in set(one_mistake(old)) for old, new in changed)


def one_mistake(word: str) -> Iterator[str]:
    for i, letter in enumerate(word):
        yield word[:i] + word[i + 1 :]
        yield word[:i] + letter + word[i:]
        yield word[:i] + word[i + 1 : i + 2] + letter + word[i + 2 :]
        yield from (word[:i] + other + word[i + 1 :] for other in augment._NEIGHBOURS.get(letter, ""))


def test_all_kinds_of_typos_occur() -> None:
    found = {moved("typos", "شیراز", [], 1.0, seed)[0] for seed in range(300)}
    assert found <= set(one_mistake("شیراز"))
    assert {"شیاز", "شیرااز", "شریاز", "سیراز"} <= found  # dropped, doubled, swapped, the key beside it


@given(wild(), st.integers(0, 99))
def test_ocr_confuses_letters_of_one_shape(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, spans = drawn
    groups = ["بپتثنی", "رزژ", "دذ", "سش", "عغ", "فق", "کگ", "جچحخ"]
    damaged, after = moved("ocr_confusions", text, spans, seed=seed)
    assert [(span.start, span.end) for span in after] == [(span.start, span.end) for span in spans]
    for old, new in zip(text, damaged, strict=True):
        assert old == new or any(old in group and new in group for group in groups)


def test_ocr_leaves_final_forms_that_look_like_no_other() -> None:
    found = {moved("ocr_confusions", "بن بی", [], seed=seed)[0] for seed in range(80)}
    assert {word[1] for text in found for word in text.split()} == {"ن", "ی"}
    assert {text[0] for text in found} == set("پتثنی")


@given(prose(), st.integers(0, 99))
def test_spam_stands_between_words_outside_spans(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, spans = drawn
    edits = DAMAGES["spam_injected"](text, spans, random.Random(seed), 1.0)
    damaged, after = apply(text, spans, edits)
    assert surfaces(damaged, after) == surfaces(text, spans)
    for edit in edits:
        assert edit.replacement.removesuffix(" ") in SPAM
        assert edit.start == edit.end
        assert text[edit.start - 1] == " "
        assert not any(span.start < edit.start < span.end for span in spans)


@given(prose())
def test_colloquial_leaves_spans_alone(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    damaged, after = moved("colloquial", text, spans)
    assert surfaces(damaged, after) == surfaces(text, spans)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("می‌خواهم", "می‌خوام"),
        ("نمی‌خواهیم", "نمی‌خوایم"),
        ("میگوید می گویند", "میگه می گن"),
        ("می‌آید", "میاد"),
        ("نان را خورد", "نون رو خورد"),
        ("هوا خوب است.", "هوا خوبه."),
        ("آشنا است", "آشنا است"),
        ("آن‌ها و کتاب‌شان", "اونا و کتاب‌شون"),
        ("آنچه برای استان رانده", "آنچه برای استان رانده"),
    ],
)
def test_colloquial(text: str, expected: str) -> None:
    assert moved("colloquial", text, [])[0] == expected


def test_a_spoken_ending_is_not_glued_to_a_span() -> None:
    text = "اینجا تهران است"
    assert moved("colloquial", text, [Span(start=6, end=11, label="GPE")])[0] == text
    assert moved("colloquial", text, [])[0] == "اینجا تهرانه"


@given(prose(), st.integers(0, 99))
def test_diacritics_are_all_that_is_added(drawn: tuple[str, list[Span]], seed: int) -> None:
    text, spans = drawn
    damaged, after = moved("diacritics_added", text, spans, seed=seed)
    bare = str.maketrans("", "", MARKS)
    assert damaged.translate(bare) == text
    assert [surface.translate(bare) for surface in surfaces(damaged, after)] == surfaces(text, spans)


def test_a_letter_with_a_mark_gets_no_other() -> None:
    assert DAMAGES["diacritics_added"]("مَ", [], random.Random(0), 1.0) == []


def test_every_damage_changes_a_text_that_has_what_it_damages() -> None:
    text = "سارا می‌گوید: کیک ۱۴۰۴ خوب است. " * 3
    for name in DAMAGES:
        spans = [Span(start=0, end=4, label="PER")] if name.startswith("names_") else []
        assert moved(name, text, spans)[0] != text, name


@pytest.mark.parametrize("group", augment.NAME_GROUPS)
def test_people_are_renamed_alike_wherever_they_occur(group: str) -> None:
    text = "احمدی آمد. سارا احمدی و رضا احمدی از تهران‌اند. سارا گفت، مهر گفت."
    spans, place = [], 0
    for surface in ("احمدی", "سارا احمدی", "رضا احمدی", "تهران", "سارا", "مهر"):
        place = text.index(surface, place)
        spans.append(Span(start=place, end=place + len(surface), label="GPE" if surface == "تهران" else "PER"))
        place += len(surface)
    alone, sara, reza, tehran, again, other = surfaces(*moved(f"names_{group}", text, spans))
    assert tehran == "تهران"
    names = augment.NAME_GROUPS[group]
    assert alone in names["last"] and other in names["last"] and again in names["first"]
    assert sara == f"{again} {alone}"
    assert reza.removesuffix(f" {alone}") in names["first"]


def test_names_of_a_group_are_different_and_words_of_the_tokenizer() -> None:
    for group in augment.NAME_GROUPS.values():
        for names in group.values():
            assert len(set(names)) == len(names) >= 30
            assert all(re.fullmatch(r"[\u0621-\u06cc\u200c ]+", name) for name in names)


def record(text: str = "رئیس‌جمهور به تهران رفت. سال ۱۴۰۴ خوب است. " * 8, **fields: object) -> Record:
    spans = [Span(start=14, end=19, label="GPE", surface=text[14:19])]
    return Record.model_validate({"id": "a", "text": text, "spans": spans, "meta": {"topic": "x"}, **fields})


def test_damage_of_a_record() -> None:
    clean = record(annotated_labels=["GPE"])
    damaged = damage(clean, ["zwnj_stripped", "arabic_letters", "diacritics_added"], seed=0)
    assert (damaged.id, damaged.annotated_labels) == (clean.id, clean.annotated_labels)
    assert damaged.meta == {"topic": "x", "damage": ["zwnj_stripped", "arabic_letters", "diacritics_added"]}
    assert ZWNJ not in damaged.text
    assert span_defects(damaged.text, damaged.spans) == []
    assert clean == record(annotated_labels=["GPE"])


def test_only_damages_that_changed_something_are_named() -> None:
    assert damage(record("سارا به شهر  رفت آرام"), ["other_digits", "spam_injected"], seed=0).meta["damage"] == []


def test_damage_depends_on_seed_and_record_only() -> None:
    names = ["typos", "scanned"]
    assert damage(record(), names, seed=1) == damage(record(), names, seed=1)
    texts = [damage(record(id=name), names, seed).text for name in ("a", "b") for seed in (1, 2)]
    assert len(set(texts)) == len(texts)
    # The same on every machine and Python version: what was measured once can be measured again.
    assert (
        damage(Record(id="a", text="سارا احمدی امروز به شیراز رفت"), {"typos": 0.5}, seed=1).text
        == "سالا احدی امروز به شیراز فرت"
    )


def test_what_one_damage_draws_does_not_depend_on_the_others() -> None:
    both = damage(record(), ["other_digits", "zwnj_stripped"], seed=3).text
    assert both == damage(record(), ["other_digits"], seed=3).text.replace(ZWNJ, "")
    assert both == damage(record(), ["zwnj_stripped", "other_digits"], seed=3).text


def test_recipe() -> None:
    assert recipe(["typos", "scraped"]) == {"typos": RATES["typos"], **MIXTURES["scraped"]}
    assert list(recipe(["typos", "scraped"])) == ["typos", *MIXTURES["scraped"]]
    assert recipe({"typos": 0.5}) == {"typos": 0.5}
    assert RATES.keys() == DAMAGES.keys()
    for mixture in MIXTURES.values():
        assert recipe(mixture) == mixture
    with pytest.raises(ValueError, match=r"'typo'.*'scrap'.*known: zwnj_stripped, .*scanned"):
        recipe(["typo", "scrap"])
    with pytest.raises(ValueError, match="rate of typos is 5"):
        recipe({"typos": 5})


# The augmenter


def scraper_noise(level: float, damages: list[str]) -> Callable[[Language, Example], Iterator[Example]]:
    config = {"augmenter": {"@augmenters": "persian_ner.scraper_noise.v1", "level": level, "damages": damages}}
    augmenter: Callable[[Language, Example], Iterator[Example]] = registry.resolve(config)["augmenter"]
    return augmenter


def make_example(text: str, spans: list[Span], missing: Iterable[int] = (), nlp: Language = NLP) -> Example:
    doc = NLP.make_doc(text)
    entities = [doc.char_span(span.start, span.end, label=span.label) or doc[0:0] for span in spans]
    covered = {token.i for entity in entities for token in entity}
    doc.set_ents(entities, missing=[doc[i : i + 1] for i in {*missing} - covered if i < len(doc)], default="outside")
    return Example(nlp.make_doc(text), doc)


def test_the_example_is_yielded_as_it_is_at_level_zero() -> None:
    example = make_example("رئیس‌جمهور رفت", [])
    assert list(scraper_noise(0.0, ["zwnj_stripped"])(NLP, example)) == [example]
    (variant,) = scraper_noise(1.0, ["zwnj_stripped"])(NLP, example)
    assert variant.reference.text == variant.predicted.text == "رئیسجمهور رفت"


def test_the_level_is_a_share_and_spacy_seeds_it() -> None:
    text = " ".join(WORDS)
    start = text.index("سارا احمدی")
    example = make_example(text, [Span(start=start, end=start + 10, label="PER")])
    augmenter = scraper_noise(0.5, [*DAMAGES, *MIXTURES])

    def texts(seed: int) -> list[str]:
        fix_random_seed(seed)
        return [variant.text for _ in range(100) for variant in augmenter(NLP, example)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert 30 < texts(1).count(example.text) < 70


@pytest.mark.parametrize(
    ("level", "damages", "reason"),
    [(1.5, ["typos"], "level is 1.5"), (0.5, [], "no damages"), (0.5, ["typo"], "unknown damage 'typo'")],
)
def test_wrong_settings_of_the_augmenter(level: float, damages: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        augment.scraper_noise(level, damages)


@pytest.mark.parametrize("name", [*DAMAGES, *MIXTURES])
@settings(max_examples=50)
@given(drawn=prose(), missing=st.sets(st.integers(0, 60), max_size=30), seed=st.integers(0, 999))
def test_the_augmenter_keeps_entities_and_missing_annotation(
    name: str, drawn: tuple[str, list[Span]], missing: set[int], seed: int
) -> None:
    text, spans = drawn
    example = make_example(text, spans, missing)
    damages = {step: max(rate, 0.5) for step, rate in recipe([name]).items()}
    sources: list[int | None] = list(range(len(text)))
    for step, rate in damages.items():
        edits = DAMAGES[step](text, spans, random.Random(f"{step}/{seed}"), rate)
        sources = [sources[place] if kept else None for place, kept in origins(text, edits)]
        text, spans = apply(text, spans, edits)
    variant = damaged_example(NLP, example, damages, seed)
    if variant is None:
        assert text == example.text
        return
    old, new = example.reference, variant.reference
    assert new.text == variant.predicted.text == text
    assert [(ent.start_char, ent.end_char, ent.label_) for ent in new.ents] == [
        (span.start, span.end, span.label) for span in spans
    ]
    state = {offset: token.ent_iob for token in old for offset in range(token.idx, token.idx + len(token))}
    for token in new:
        origin = [state.get(source) if source is not None else None for source in sources[token.idx :][: len(token)]]
        if token.ent_iob in (1, 3):
            assert set(origin) <= {None, 1, 3}
        elif 0 in origin:
            assert token.ent_iob == 0
        elif None not in origin:
            assert token.ent_iob == 2
    if all(token.ent_iob in (0, 1, 3) for token in old):
        # White space between two names is no name.
        assert all(token.ent_iob in (0, 1, 3) or token.is_space for token in new)


@pytest.mark.parametrize(("missing", "before", "after"), [({0, 1}, 0, 2), ({3, 4, 5}, 2, 0)])
def test_what_is_inserted_beside_missing_tokens_is_missing(missing: set[int], before: int, after: int) -> None:
    text = "در شهر تهران هوا خوب بود"
    example = make_example(text, [Span(start=7, end=12, label="GPE")], missing)
    for seed in range(20):
        variant = damaged_example(NLP, example, {"spam_injected": 1.0}, seed)
        assert variant is not None
        (city,) = variant.reference.ents
        assert city.text == "تهران"
        assert {token.ent_iob for token in variant.reference[: city.start]} == {before}
        assert {token.ent_iob for token in variant.reference[city.end :]} == {after}


def test_glued_words_are_missing_when_one_of_them_was() -> None:
    variant = damaged_example(NLP, make_example("به شهر ما رفت", [], {1}), {"words_glued": 1.0}, 0)
    assert variant is not None
    assert [(token.text, token.ent_iob) for token in variant.reference] == [("بهشهرمارفت", 0)]


def test_a_variant_that_misaligns_a_span_is_not_used() -> None:
    text = "گفت (رئیس‌جمهور) بود"
    spans = [Span(start=5, end=15, label="PER")]
    default = spacy.blank("fa")
    default.tokenizer = spacy.tokenizer.Tokenizer(default.vocab)  # words at white space only
    example = make_example(text, spans, nlp=default)
    assert list(scraper_noise(1.0, ["zwnj_stripped"])(default, example)) == [example]
    assert damaged_example(NLP, example, {"zwnj_stripped": 1.0}, 0) is not None


def test_other_annotation_is_not_lost() -> None:
    text = "رئیس‌جمهور رفت"
    recipe = {"zwnj_stripped": 1.0}
    tagged = make_example(text, [])
    tagged.reference[0].tag_ = "N"
    assert damaged_example(NLP, tagged, recipe, 0) is None
    grouped = make_example(text, [])
    grouped.reference.spans["sc"] = [grouped.reference[0:1]]
    assert damaged_example(NLP, grouped, recipe, 0) is None
    blocked = make_example(text, [])
    blocked.reference.set_ents([], blocked=[blocked.reference[0:1]])
    assert damaged_example(NLP, blocked, recipe, 0) is None
    example = make_example(text, [])
    doc = example.reference
    doc.set_ents([DocSpan(doc, 0, 1, label="PER", kb_id="Q1", span_id="e1")])
    doc.cats = {"news": 1.0}
    doc.user_data["id"] = "a"
    variant = damaged_example(NLP, example, recipe, 0)
    assert variant is not None
    (entity,) = variant.reference.ents
    assert (entity.text, entity.label_, entity.kb_id_, entity.id_) == ("رئیسجمهور", "PER", "Q1", "e1")
    assert (variant.reference.cats, variant.reference.user_data["id"]) == ({"news": 1.0}, "a")


def test_a_corpus_with_the_augmenter(tmp_path: Path) -> None:
    docs: list[Doc] = [make_example(f"رئیس‌جمهور {word} رفت", []).reference for word in ("اول", "دوم", "سوم")]
    docbin.write(docbin.from_docs(docs), tmp_path / "train.spacy")
    corpus = Corpus(tmp_path / "train.spacy", augmenter=scraper_noise(1.0, ["zwnj_stripped"]))
    assert [example.text for example in corpus(NLP)] == [doc.text.replace(ZWNJ, "") for doc in docs]
