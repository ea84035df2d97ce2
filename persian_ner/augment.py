"""What scraping, typing and scanning do to Persian text, done on purpose, with spans carried along exactly.

A **damage** proposes edits of a text; :func:`apply` carries them out and moves
the spans. The same documents clean and damaged are what robustness is measured
on (:mod:`persian_ner.robustness`), and damaged training examples make a model
robust (:func:`scraper_noise`). Swapping the names of people for those of one
group counts as a damage too: what it costs is the model's bias. Every damage keeps three promises: an edit lies
inside one span or outside all of them, no span becomes empty, and a span border
that was a border of the pipeline's tokens (of white space: none) still is one.
"""

from __future__ import annotations

import random
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, wraps
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import yaml
from spacy.language import Language
from spacy.tokens import Doc, Token
from spacy.training import Example

from persian_ner.characters import DIGIT_FOLDS, NBSP, ZWNJ
from persian_ner.records import Record, Span
from persian_ner.tokenizer import token_pattern


class Edit(NamedTuple):
    """Replace ``text[start:end]`` by ``replacement``; an insertion where ``start == end``."""

    start: int
    end: int
    replacement: str


Damage = Callable[[str, Sequence[Span], random.Random, float], list[Edit]]
"""``(text, spans, rng, rate)`` to edits in text order; ``rate`` is the share of the possible places that is damaged."""

Recipe = Mapping[str, float]
"""Damages by name, each with its rate, in the order in which they are done to a text."""

Augmenter = Callable[[Language, Example], Iterator[Example]]

DAMAGES: dict[str, Damage] = {}
RATES: dict[str, float] = {}
"""The rate at which a damage is done when it is asked for by its name alone."""

MIXTURES: dict[str, Recipe] = {
    "scraped": {
        "zwnj_stripped": 1.0,
        "arabic_letters": 1.0,
        "space_lost_after_punctuation": 0.3,
        "spam_injected": 0.01,
    },
    "social": {"colloquial": 0.7, "punctuation_removed": 0.7, "zwnj_to_space": 1.0, "typos": 0.03},
    "scanned": {"diacritics_added": 0.02, "other_digits": 0.3, "ocr_confusions": 0.02, "words_glued": 0.03},
}
"""Damages that occur together: a scraped page, a post typed on a phone, a scanned page."""


def apply(text: str, spans: Sequence[Span], edits: Sequence[Edit]) -> tuple[str, list[Span]]:
    """Carry out edits (offsets in characters of ``text``) and move the spans with them.

    Text inserted at the edge of a span stays outside it. ``surface``, where a
    span gives it, becomes the new surface. Raises ``ValueError`` when edits
    overlap or lie outside the text, straddle the edge of a span, or leave a span
    empty.
    """
    edits = sorted(edits, key=lambda edit: edit[:2])
    if any(left.end > right.start for left, right in pairwise(edits)):
        raise ValueError("edits overlap")
    if any(not 0 <= edit.start <= edit.end <= len(text) for edit in edits):
        raise ValueError("an edit lies outside the text")
    if any(_straddlers(spans, edits)):
        raise ValueError("an edit straddles the edge of a span")
    damaged = _replace(text, edits)
    moved = []
    for span, (start, end) in zip(spans, _moved(spans, edits), strict=True):
        if start >= end:
            raise ValueError(f"the edits leave nothing of the span {span.start}–{span.end}")
        surface = None if span.surface is None else damaged[start:end]
        moved.append(span.model_copy(update={"start": start, "end": end, "surface": surface}))
    return damaged, moved


def recipe(damages: Sequence[str] | Recipe) -> dict[str, float]:
    """Damages by name with their rates, from the names of damages and mixtures or from given rates.

    Raises ``ValueError`` naming everything that is unknown or no rate.
    """
    if isinstance(damages, Mapping):
        given = dict(damages)
    else:
        given = {}
        for name in damages:
            given |= MIXTURES.get(name) or {name: RATES.get(name, 1.0)}
    wrong = [f"unknown damage {name!r}" for name in given if name not in DAMAGES]
    wrong += [f"the rate of {name} is {rate}, not in 0–1" for name, rate in given.items() if not 0 <= rate <= 1]
    if wrong:
        raise ValueError(f"{'; '.join(wrong)} (known: {', '.join([*DAMAGES, *MIXTURES])})")
    return given


def damage(record: Record, damages: Sequence[str] | Recipe, seed: int) -> Record:
    """The record with its text damaged and its spans moved.

    ``damages`` are names from :data:`DAMAGES` and :data:`MIXTURES`, or rates by
    name; they are done one after the other, and of a damage named twice the last
    rate counts. The result depends on ``seed``, the record's id and its content
    only. ``meta["damage"]`` lists the damages that changed something. Raises
    ``ValueError`` as :func:`recipe` does.
    """
    text, spans = record.text, record.spans
    changed = []
    for step in _in_turn(text, spans, recipe(damages), f"{seed}/{record.id}"):
        text, spans = step.text, step.spans
        changed.append(step.name)
    return record.model_copy(update={"text": text, "spans": spans, "meta": {**record.meta, "damage": changed}})


def scraper_noise(level: float, damages: list[str]) -> Augmenter:
    """Augmenter for ``[corpora.train.augmenter]``, registered as ``persian_ner.scraper_noise.v1``.

    An example is yielded as it is or, with probability ``level``, damaged by one
    of ``damages`` (names from :data:`DAMAGES` and :data:`MIXTURES`), drawn with
    Python's global generator, which spaCy seeds. Entities stay exact; a token
    whose annotation was missing, and what is inserted beside it, is missing. The
    example is yielded as it is also when the damage changes nothing, when a
    span would not be whole tokens, and when it carries annotation other than
    entities, categories and user data. Raises ``ValueError`` as :func:`recipe`
    does, and when ``level`` is no probability or there is no damage.
    """
    recipes = [recipe([name]) for name in damages]
    if not recipes:
        raise ValueError("no damages")
    return at_level(level, lambda: random.choice(recipes))


def at_level(level: float, draw: Callable[[], Recipe], known: Mapping[str, Damage] = DAMAGES) -> Augmenter:
    """An augmenter that damages a share ``level`` of the examples, each as ``draw`` says; see :func:`scraper_noise`.

    ``known`` are the damages that may be drawn. Raises ``ValueError`` when ``level`` is no probability.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"level is {level}, not in 0–1")

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        variant = None
        if random.random() < level:
            variant = damaged_example(nlp, example, draw(), random.getrandbits(64), known)
        yield variant or example

    return augment


def in_turn(*augmenters: Augmenter) -> Augmenter:
    """One augmenter out of several, each given what the one before it yields; ``persian_ner.in_turn.v1``."""

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        examples = [example]
        for augmenter in augmenters:
            examples = [variant for each in examples for variant in augmenter(nlp, each)]
        yield from examples

    return augment


def damaged_example(
    nlp: Language, example: Example, damages: Recipe, seed: int, known: Mapping[str, Damage] = DAMAGES
) -> Example | None:
    """A damaged variant tokenised by ``nlp``; None where :func:`scraper_noise` says the example stays as it is.

    ``known`` are the damages that ``damages`` may name.
    """
    reference = example.reference
    if not _carries_entities_only(reference):
        return None
    text = reference.text
    spans = [Span(start=entity.start_char, end=entity.end_char, label=entity.label_) for entity in reference.ents]
    unknown = _unknown_ranges(reference)
    for step in _in_turn(text, spans, damages, str(seed), known):
        text, spans = step.text, step.spans
        unknown = [(_leftmost(start, step.edits), _rightmost(end, step.edits)) for start, end in unknown]
    if text == reference.text:
        return None
    doc = nlp.make_doc(text)
    entities = []
    for old, span in zip(reference.ents, spans, strict=True):
        entity = doc.char_span(span.start, span.end, label=old.label, kb_id=old.kb_id, span_id=old.id)
        if entity is None:
            return None
        entities.append(entity)
    covered = {token.i for entity in entities for token in entity}
    missing = [doc[token.i : token.i + 1] for token in doc if token.i not in covered and _touches(token, unknown)]
    doc.set_ents(entities, missing=missing, default="outside")
    doc.cats = dict(reference.cats)
    doc.user_data = dict(reference.user_data)
    return Example(nlp.make_doc(text), doc)


class _Step(NamedTuple):
    """A damage that changed something: its edits, and what they made of the text and the spans."""

    name: str
    edits: list[Edit]
    text: str
    spans: list[Span]


def _in_turn(
    text: str, spans: Sequence[Span], damages: Recipe, seed: str, known: Mapping[str, Damage] = DAMAGES
) -> Iterator[_Step]:
    for name, rate in damages.items():
        # A generator of its own for each damage: what one of them draws does not depend on the others.
        rng = random.Random(f"{name}/{seed}")
        edits = known[name](text, spans, rng, rate)
        if edits:
            text, spans = apply(text, spans, edits)
            yield _Step(name, edits, text, spans)


# Moving offsets


def _replace(text: str, edits: Sequence[Edit]) -> str:
    pieces = []
    position = 0
    for edit in edits:
        pieces += [text[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*pieces, text[position:]])


def _moved(spans: Sequence[Span], edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """New offsets of spans; the edits are in order and straddle no edge."""
    starts, ends = [edit.start for edit in edits], [edit.end for edit in edits]
    shifts = [0, *accumulate(_growth(edit) for edit in edits)]
    return [
        # All that ends before the span moves its start; all that starts before its end moves its end.
        (span.start + shifts[bisect_right(ends, span.start)], span.end + shifts[bisect_left(starts, span.end)])
        for span in spans
    ]


def _growth(edit: Edit) -> int:
    return len(edit.replacement) - (edit.end - edit.start)


def _leftmost(offset: int, edits: Sequence[Edit]) -> int:
    """Where a range that starts at ``offset`` starts after the edits, with all that is inserted or replaced there."""
    shift = 0
    for edit in edits:
        if edit.start >= offset:
            break
        if edit.end > offset:
            return edit.start + shift
        shift += _growth(edit)
    return offset + shift


def _rightmost(offset: int, edits: Sequence[Edit]) -> int:
    """Where a range that ends at ``offset`` ends after the edits, with all that is inserted or replaced there."""
    shift = 0
    for edit in edits:
        if edit.start > offset or edit.start == offset < edit.end:
            break
        if edit.end > offset:
            return edit.start + shift + len(edit.replacement)
        shift += _growth(edit)
    return offset + shift


# What the damages promise


def _straddlers(spans: Sequence[Span], edits: Sequence[Edit]) -> Iterator[bool]:
    """For each edit, whether the edge of a span lies inside it."""
    edges = sorted(edge for span in spans for edge in (span.start, span.end))
    return (bisect_right(edges, edit.start) < bisect_left(edges, edit.end) for edit in edits)


def _harmless(text: str, spans: Sequence[Span], edits: Sequence[Edit]) -> list[Edit]:
    """The edits less those that break a promise of this module; edits must not overlap."""
    edits = sorted((edit for edit in edits if text[edit.start : edit.end] != edit.replacement), key=lambda e: e[:2])
    kept = [edit for edit, straddles in zip(edits, _straddlers(spans, edits), strict=True) if not straddles]
    before = _edges_on_borders(text, [(span.start, span.end) for span in spans])
    while kept:
        after = _edges_on_borders(_replace(text, kept), _moved(spans, kept))
        broken = [
            edge
            for span, was, now in zip(spans, before, after, strict=True)
            for edge, fine_before, fine_now in zip((span.start, span.end), was, now, strict=True)
            if fine_now is None or (fine_before and not fine_now)
        ]
        if not broken:
            break
        # Borders depend on the characters beside them, so that the edits beside them are to blame.
        blamed = {min(range(len(kept)), key=lambda index: _distance(kept[index], edge)) for edge in broken}
        kept = [edit for index, edit in enumerate(kept) if index not in blamed]
    return kept


def _distance(edit: Edit, offset: int) -> int:
    return max(edit.start - offset, offset - edit.end, 0)


def _edges_on_borders(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[bool | None, bool | None]]:
    """For each span, whether it starts where a token starts and ends where one ends; (None, None) if it is empty."""
    borders = [match.span() for match in _tokens(text)]
    starts, ends = {start for start, _ in borders}, {end for _, end in borders}
    return [(start in starts, end in ends) if start < end else (None, None) for start, end in spans]


@lru_cache(maxsize=1)
def _token_regex() -> re.Pattern[str]:
    return re.compile(token_pattern())


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """The tokens of the project's tokenizer, white space left out."""
    return _token_regex().finditer(text)


# Carrying the annotation of a document


def _carries_entities_only(doc: Doc) -> bool:
    blocked = any(token.ent_iob_ == "B" and not token.ent_type for token in doc)
    # ``has_annotation`` says yes to sentence starts in every document of one token.
    sentences = any(token.is_sent_start is not None for token in doc[1:])
    others = any(doc.has_annotation(name) for name in ("TAG", "POS", "MORPH", "LEMMA", "DEP"))
    return not (blocked or sentences or others or doc.spans or doc.has_unknown_spaces)


def _unknown_ranges(doc: Doc) -> list[tuple[int, int]]:
    """The stretches of tokens without entity annotation, each from the token before it to the token after it."""
    ranges: list[tuple[int, int]] = []
    for token in doc:
        if token.ent_iob == 0:
            start = doc[token.i - 1].idx + len(doc[token.i - 1]) if token.i else 0
            end = doc[token.i + 1].idx if token.i + 1 < len(doc) else len(doc.text)
            if ranges and ranges[-1][1] >= start:
                start = ranges.pop()[0]
            ranges.append((start, end))
    return ranges


def _touches(token: Token, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(token.idx < end and start < token.idx + len(token) for start, end in ranges)


# The damages


def harmless(propose: Damage) -> Damage:
    """A damage out of a function that proposes edits: those that break a promise of this module are left out."""

    @wraps(propose)
    def done(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
        return _harmless(text, spans, propose(text, spans, rng, rate))

    return done


def _damage(rate: float) -> Callable[[Damage], Damage]:
    """Register a function that proposes edits as a damage, which keeps the promises of this module."""

    def register(propose: Damage) -> Damage:
        done = DAMAGES[propose.__name__] = harmless(propose)
        RATES[propose.__name__] = rate
        return done

    return register


_LETTERS = "ءآأؤإئابپتةثجچحخدذرزژسشصضطظعغفقکكگلمنهوىيی"
_ORDINARY_WORD = re.compile(f"[{_LETTERS}]+(?:{ZWNJ}[{_LETTERS}]+)*")
_LETTER = re.compile(f"[{_LETTERS}]")


def _ordinary_words(text: str) -> list[re.Match[str]]:
    """The tokens that are Persian words, free of marks."""
    return [match for match in _tokens(text) if _ORDINARY_WORD.fullmatch(match[0])]


def _overlaps(spans: Sequence[Span], start: int, end: int) -> bool:
    return any(span.start < end and start < span.end for span in spans)


@_damage(rate=1.0)
def zwnj_stripped(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Half-spaces are lost: «رئیس‌جمهور» becomes «رئیسجمهور»."""
    return [Edit(*match.span(), "") for match in re.finditer(ZWNJ, text) if rng.random() < rate]


@_damage(rate=1.0)
def zwnj_to_space(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Half-spaces become spaces: «رئیس‌جمهور» becomes «رئیس جمهور»."""
    return [Edit(*match.span(), " ") for match in re.finditer(ZWNJ, text) if rng.random() < rate]


@_damage(rate=1.0)
def arabic_letters(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Letters of an Arabic keyboard: «ي» (or «ى» at the end of words, throughout a text) and «ك»."""
    final = rng.choice("يى")
    edits = []
    for match in re.finditer("[یک]", text):
        if rng.random() < rate:
            joined = _LETTER.match(text, match.end())
            edits.append(Edit(*match.span(), "ك" if match[0] == "ک" else "ي" if joined else final))
    return edits


_DIGITS = [*("".join(DIGIT_FOLDS[str(value)][system] for value in range(10)) for system in (0, 1)), "0123456789"]
_NUMBER = re.compile("|".join(f"[{digits}]+" for digits in _DIGITS))


@_damage(rate=1.0)
def other_digits(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Numbers are written in another one of the Persian, Arabic-Indic and Latin digits, each number in its own."""
    edits = []
    for match in _NUMBER.finditer(text):
        if rng.random() < rate:
            own = next(digits for digits in _DIGITS if match[0][0] in digits)
            other = rng.choice([digits for digits in _DIGITS if digits is not own])
            edits.append(Edit(*match.span(), match[0].translate(str.maketrans(own, other))))
    return edits


_PUNCTUATION_RUN = re.compile('[،؛:.؟?!…«»"”“()\\[\\]]+')


@_damage(rate=1.0)
def punctuation_removed(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Punctuation is gone, but for marks inside numbers; a run of it between words without spaces leaves a space."""
    edits = []
    for match in _PUNCTUATION_RUN.finditer(text):
        start, end = match.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        if before.isdecimal() and after.isdecimal():
            continue
        removed = [offset for offset in range(start, end) if rng.random() < rate]
        glued = len(removed) == end - start and before.strip() and after.strip()
        edits += [Edit(offset, offset + 1, " " if glued and offset == end - 1 else "") for offset in removed]
    return edits


@_damage(rate=0.5)
def space_lost_after_punctuation(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """The space after punctuation is lost: «رفت. او» becomes «رفت.او»."""
    return [Edit(*match.span(), "") for match in re.finditer(r"(?<=[،؛:.؟!»)]) (?=\S)", text) if rng.random() < rate]


@_damage(rate=0.3)
def odd_spaces(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Other spaces, the same throughout a text: doubled, no-break, or a no-break and a plain one, as on old web pages.

    Where they are no-break, half-spaces become such, too.
    """
    kind = rng.choice(["  ", NBSP, f"{NBSP} "])
    places = f" |{ZWNJ}" if kind == NBSP else " "
    return [Edit(*match.span(), kind) for match in re.finditer(places, text) if rng.random() < rate]


@_damage(rate=0.05)
def words_glued(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """The space between two Persian words is lost, never one at the edge of a span."""
    return [
        Edit(left.end(), right.start(), "")
        for left, right in pairwise(_ordinary_words(text))
        if text[left.end() : right.start()] == " " and rng.random() < rate
    ]


# The letters that ISIRI 9147 (standard Persian keyboard) has without Shift; a row begins half a key right of the one
# above it.
_KEYBOARD = ("ضصثقفغعهخحجچ", "شسیبلاتنمکگ", "ظطزرذدپو")


def _keyboard_neighbours() -> dict[str, str]:
    neighbours = {}
    for row, letters in enumerate(_KEYBOARD):
        for column, letter in enumerate(letters):
            places = [(row, column - 1), (row, column + 1)]
            places += [(row - 1, column), (row - 1, column + 1), (row + 1, column - 1), (row + 1, column)]
            neighbours[letter] = "".join(
                _KEYBOARD[y][x] for y, x in places if 0 <= y < len(_KEYBOARD) and 0 <= x < len(_KEYBOARD[y])
            )
    return neighbours


_NEIGHBOURS = _keyboard_neighbours()
_SHORTEST_WITH_TYPO = 3


@_damage(rate=0.05)
def typos(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """One typing mistake in at most ``rate`` of the (whitespace-separated) words, of three letters or more.

    A letter is replaced by a neighbour on the standard Persian keyboard (ISIRI
    9147), dropped, doubled, or changes places with the next one.
    """
    words = [match for match in _ordinary_words(text) if len(match[0]) >= _SHORTEST_WITH_TYPO]
    chosen = rng.sample(words, min(int(rate * len(text.split())), len(words)))
    return [_typo(text, word, rng) for word in sorted(chosen, key=lambda match: match.start())]


def _typo(text: str, word: re.Match[str], rng: random.Random) -> Edit:
    letters = [offset for offset in range(*word.span()) if text[offset] != ZWNJ]
    offset = rng.choice(letters)
    options = [
        [Edit(offset, offset + 1, "")],
        [Edit(offset, offset + 1, text[offset] * 2)],
        [Edit(offset, offset + 1, letter) for letter in _NEIGHBOURS.get(text[offset], "")],
        [
            Edit(place, place + 2, text[place + 1] + text[place])
            for place in (offset, offset - 1)
            if {place, place + 1} <= {*letters} and text[place] != text[place + 1]
        ],
    ]
    return rng.choice(rng.choice([edits for edits in options if edits]))


_LOOK_ALIKES = ("بپتثنی", "رزژ", "دذ", "سش", "عغ", "فق", "کگ", "جچحخ")
_CONFUSIONS = {letter: group.replace(letter, "") for group in _LOOK_ALIKES for letter in group}
_ONLY_BEFORE_A_LETTER = "نی"  # at the end of a word these two look like no other letter


@_damage(rate=0.02)
def ocr_confusions(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Letters are taken for others that differ in dots or strokes."""
    edits = []
    for offset, letter in enumerate(text):
        others = _CONFUSIONS.get(letter, "")
        if not _LETTER.match(text, offset + 1):
            others = "" if letter in _ONLY_BEFORE_A_LETTER else others.strip(_ONLY_BEFORE_A_LETTER)
        if others and rng.random() < rate:
            edits.append(Edit(offset, offset + 1, rng.choice(others)))
    return edits


SPAM = (
    "بت فوروارد",
    "بت زون",
    "سایت شرط بندی معتبر",
    "پیش بینی فوتبال با ضریب بالا",
    "بونوس صد درصدی اولین واریز",
    "بازی انفجار آنلاین",
    "@kanal_x عضو شوید",
    "به کانال ما بپیوندید @khabar_x",
    "لینک عضویت در بیو",
    "t.me/kanal_x",
    "برای ادامه مطلب کلیک کنید",
    "تبلیغات",
)


@_damage(rate=0.01)
def spam_injected(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Betting and channel advertisements between words, outside all spans."""
    return [
        Edit(match.end(), match.end(), rng.choice(SPAM) + " ")
        for match in re.finditer(r"(?<=\S) (?=\S)", text)
        if rng.random() < rate and not _overlaps(spans, match.end(), match.end())
    ]


_VERB_STEMS = {
    "خواهم": "خوام",
    "خواهی": "خوای",
    "خواهد": "خواد",
    "خواهیم": "خوایم",
    "خواهند": "خوان",
    "گویم": "گم",
    "گوید": "گه",
    "گوییم": "گیم",
    "گویند": "گن",
    "شود": "شه",
    "شوند": "شن",
    "روم": "رم",
    "رود": "ره",
    "روند": "رن",
    "کند": "کنه",
    "کنند": "کنن",
    "دهم": "دم",
    "دهد": "ده",
    "دهند": "دن",
    "تواند": "تونه",
    "توانند": "تونن",
    "توانیم": "تونیم",
    "دانم": "دونم",
    "داند": "دونه",
    "دانند": "دونن",
    "گذارد": "ذاره",
    "گذارند": "ذارن",
    "آورد": "اره",
    "آورند": "ارن",
    "آید": "اد",
    "آیند": "ان",
}
_SPOKEN_WORDS = {
    "را": "رو",
    "آن": "اون",
    "همان": "همون",
    f"آن{ZWNJ}ها": "اونا",
    f"این{ZWNJ}ها": "اینا",
    "ایشان": "ایشون",
    "خودشان": "خودشون",
    "خودمان": "خودمون",
    "دیگر": "دیگه",
    "اگر": "اگه",
    "یک": "یه",
    "هستند": "هستن",
    "بودند": "بودن",
    "شدند": "شدن",
    "کردند": "کردن",
    "گفتند": "گفتن",
    "نان": "نون",
    "جان": "جون",
    "خانه": "خونه",
    "میدان": "میدون",
    "خیابان": "خیابون",
    "باران": "بارون",
    "آسمان": "آسمون",
    "زندان": "زندون",
    "تابستان": "تابستون",
    "زمستان": "زمستون",
    "مهمان": "مهمون",
    "ارزان": "ارزون",
    "گران": "گرون",
    "آسان": "آسون",
    "جوان": "جوون",
    "کدام": "کدوم",
    "تمام": "تموم",
    "آرام": "آروم",
}
_SPOKEN = re.compile(
    rf"(?<![{_LETTERS}{ZWNJ}])(?:"
    rf"(?P<prefix>ن?می)(?P<joiner>[{ZWNJ} ]?)(?P<stem>{'|'.join(_VERB_STEMS)})|(?P<word>{'|'.join(_SPOKEN_WORDS)}))"
    rf"(?![{_LETTERS}{ZWNJ}])"
    rf"|(?<=[{_LETTERS}]{ZWNJ})(?P<owner>[شتم])ان(?![{_LETTERS}{ZWNJ}])"
    # After «ا», «و», «ه» and «ی» the spoken form of «است» is another one.
    rf"|(?<=[{''.join(sorted(set(_LETTERS) - set('ءآأؤإئاةهوىيی')))}])(?P<copula> است)(?![{_LETTERS}{ZWNJ}])"
)


@_damage(rate=1.0)
def colloquial(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Spoken forms of common words outside all spans: «می‌خواهم» becomes «می‌خوام», «خوب است» «خوبه», «نان» «نون»."""
    return [
        Edit(*match.span(), _spoken(match))
        for match in _SPOKEN.finditer(text)
        if rng.random() < rate and not _overlaps(spans, *match.span())
    ]


def _spoken(match: re.Match[str]) -> str:
    if match["stem"]:
        short = _VERB_STEMS[match["stem"]]
        return match["prefix"] + ("" if short.startswith("ا") else match["joiner"]) + short
    if match["owner"]:
        return match["owner"] + "ون"
    return "ه" if match["copula"] else _SPOKEN_WORDS[match["word"]]


_HARAKAT = "\u064e\u064f\u0650\u0651"  # fatha, damma, kasra, shadda


@_damage(rate=0.1)
def diacritics_added(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
    """Letters without a mark get one: «مجلس» becomes «مَجلس»."""
    return [
        # The mark belongs to its letter, and so to the letter's span.
        Edit(*match.span(), match[0] + rng.choice(_HARAKAT))
        for match in _LETTER.finditer(text)
        if not unicodedata.combining(text[match.end() : match.end() + 1] or " ") and rng.random() < rate
    ]


NAME_GROUPS: dict[str, dict[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("names.yml").read_text(encoding="utf-8")
)
"""First names and surnames (``first``, ``last``) of groups of people."""


def _swapped(group: str) -> Damage:
    """The names of people become those of one group, each the same wherever it occurs, alone or in a longer name."""
    firsts, lasts = (NAME_GROUPS[group][part] for part in ("first", "last"))

    def swap(text: str, spans: Sequence[Span], rng: random.Random, rate: float) -> list[Edit]:
        people = [span for span in spans if span.label == "PER" and rng.random() < rate]
        words = [text[span.start : span.end].split() for span in people]
        first: dict[str, str] = {}
        last: dict[str, str] = {}
        for *given, family in filter(lambda name: len(name) > 1, words):
            first.setdefault(" ".join(given), rng.choice(firsts))
            last.setdefault(family, rng.choice(lasts))
        edits = []
        for span, name in zip(people, words, strict=True):
            if len(name) > 1:
                new = f"{first[' '.join(name[:-1])]} {last[name[-1]]}"
            elif name and name[0] in first:
                new = first[name[0]]
            else:
                new = last.setdefault("".join(name), rng.choice(lasts))
            edits.append(Edit(span.start, span.end, new))
        return edits

    swap.__name__ = f"names_{group}"
    swap.__doc__ = _swapped.__doc__
    return swap


for _group in NAME_GROUPS:
    _damage(rate=1.0)(_swapped(_group))
