"""Fuzzing pipelines that are sound, and pipelines that are broken on purpose."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from script_runs import run_script
from spacy.language import Language
from spacy.tokens import Doc, Span
from tiny_corpus import put
from tiny_ner import tiny_ner

from persian_ner import docbin, fuzz
from persian_ner.characters import comparable
from persian_ner.dates.value import DateValue
from persian_ner.fuzz_texts import KINDS, SURROGATES, Expression, Text, long_texts, make, make_date
from persian_ner.predict import predict
from persian_ner.records import InputError, Problem, Record

ORIGINALS = [
    "مریم رستمی، رئیس دانشگاه گیلان، دوشنبه ۱۲ مهر ۱۴۰۳ در شیراز از برگزاری جشنواره فیلم خبر داد و به رشت رفت.",
    "کتاب‌های رئیس‌جمهور پیشین در نمایشگاه شیراز فروخته شد و ناشران از فروش سال گذشته راضی بودند.",
]
TEXTS = [make(number, 0, ORIGINALS) for number in range(3000)]


def pipeline(*components: str) -> Language:
    """Knows «شیراز», and then does what the components do."""
    nlp = docbin.blank()
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": "شیراز"}])
    for name in components:
        nlp.add_pipe(name)
    return nlp


def component(name: str) -> Callable[[Callable[[Doc], Doc]], Callable[[Doc], Doc]]:
    return lambda function: Language.component(name, func=function)


@component("fails_on_nul")
def fails_on_nul(doc: Doc) -> Doc:
    if "\0" in doc.text:
        raise KeyError("nul")
    return doc


@component("loses_a_letter")
def loses_a_letter(doc: Doc) -> Doc:
    return Doc(doc.vocab, [token.text.replace("ث", "") for token in doc]) if "ث" in doc.text else doc


@component("marks_blanks")
def marks_blanks(doc: Doc) -> Doc:
    doc.ents = [Span(doc, token.i, token.i + 1, label="GPE") for token in doc if "\u3000" in token.text]
    return doc


@component("marks_emoji")
def marks_emoji(doc: Doc) -> Doc:
    doc.ents = [Span(doc, token.i, token.i + 1, label="FACE") for token in doc if token.text == "😀"]
    return doc


@Language.factory("fails_in_company")
class FailsInCompany:
    """Fails when two texts with NUL are in one batch, and only then."""

    def __init__(self, nlp: Language, name: str) -> None: ...

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def pipe(self, stream: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        docs = list(stream)
        if sum("\0" in doc.text for doc in docs) > 1:
            raise RuntimeError("two")
        return iter(docs)


class Folding:
    """A component with an encoder's tokenizer that sees no difference between a text and its twin."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.model = SimpleNamespace(tokenizer=lambda text: {"input_ids": comparable(text)})

    def __call__(self, doc: Doc) -> Doc:
        doc.ents = [Span(doc, token.i, token.i + 1, label="GPE") for token in doc if self.is_name(token.text)]
        return doc

    def is_name(self, word: str) -> bool:
        return comparable(word) in ("رییسجمهور", "12")


@Language.factory("folding")
class SoundFolding(Folding): ...


@Language.factory("folding_badly")
class BadFolding(Folding):
    """It says that it sees no difference, but does."""

    def is_name(self, word: str) -> bool:
        return word == "رئیس‌جمهور"


@pytest.fixture
def without_long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "long_texts", lambda originals, seed: {"long": "شیراز " * 300})


# --- the texts --------------------------------------------------------------------------------------------------------


def test_texts_are_made_again_from_seed_and_number_alone() -> None:
    assert [make(text.number, 0, ORIGINALS) for text in TEXTS[::-100]] == TEXTS[::-100]
    assert make(7, 0, ORIGINALS) != make(7, 1, ORIGINALS)
    assert make_date(7, 0) == make_date(7, 0) != make_date(7, 1)
    assert long_texts(ORIGINALS, 0) == long_texts(ORIGINALS, 0) != long_texts(ORIGINALS, 1)


def test_texts_are_short_and_of_every_kind() -> None:
    assert Counter(text.kind for text in TEXTS).keys() == KINDS.keys()
    assert 6 <= statistics.median(len(text.text.split()) for text in TEXTS) <= 14
    everything = "".join(text.text for text in TEXTS)
    strange = [
        "\0",
        "\u200c\u200c",
        "👩‍👩‍👧‍👦",
        "\u202e",
        "\ue000",
        "\uffff",
        "\U0010ffff",
        "א",
        "語",
        "٣",
        "[SEP]",
        "\u2028",
    ]
    assert [characters for characters in strange if characters not in everything] == []
    texts = {text.text for text in TEXTS}
    assert "" in texts and any(text.isspace() for text in texts) and max(map(len, texts)) >= 3000


def test_halves_of_characters_are_in_texts_of_their_kind_and_in_no_others() -> None:
    for text in TEXTS:
        assert any("\ud800" <= letter <= "\udfff" for letter in text.text) == (text.kind == SURROGATES)


def test_long_texts_are_as_long_as_they_are_called() -> None:
    word, prose, breaks, emoji = long_texts(ORIGINALS, 0).values()
    assert len(word.encode()) == 2**20 and not any(letter.isspace() for letter in word)
    assert 2**20 <= len(prose.encode()) < 2**20 + 1000
    assert breaks == "\n" * 100_000
    assert len(emoji) == 50_000


# --- sound pipelines --------------------------------------------------------------------------------------------------


def test_a_sound_pipeline_has_no_failures_not_even_with_a_megabyte() -> None:
    nlp = pipeline("fa_dates")
    found = fuzz.fuzz(nlp, ORIGINALS, count=300, seed=0)
    assert found.failures == []
    kinds = Counter(text.kind for text in TEXTS[:300])
    assert {kind: counts.texts for kind, counts in found.kinds.items()} == kinds
    assert (found.texts, found.words) == (300, sum(len(text.text.split()) for text in TEXTS[:300]))
    sound = [text.text for text in TEXTS[:300] if text.kind != SURROGATES]
    assert sum(counts.entities for counts in found.kinds.values()) == sum(map(len, predict(nlp, sound))) > 10
    assert found.long["100,000 line breaks"].tokens == 1
    assert found.long["1 MB of sentences"].entities > 3000
    assert found.peak_memory_mb >= found.peak_memory_mb_at_a_tenth > 50
    assert found.twins is None
    assert found.dates.texts == sum(found.dates.outcomes.values()) == 30
    assert fuzz.Fuzz.model_validate_json(found.model_dump_json()) == found


def test_texts_and_their_twins_have_the_same_entities(without_long_texts: None) -> None:
    found = fuzz.fuzz(pipeline("folding"), ORIGINALS, count=1500, seed=0)
    assert found.failures == []
    assert found.twins is not None
    assert found.twins.compared > 10
    assert fuzz.fuzz(pipeline("folding_badly"), ORIGINALS, count=1, seed=0).twins is not None


# --- broken pipelines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "culprit", "reason", "smallest"),
    [
        ("fails_on_nul", "\0", "KeyError: 'nul'", "'\\x00'"),
        ("loses_a_letter", "ث", "the text comes back as", "'ث'"),
        ("marks_blanks", "\u3000", "is white space", None),
        ("marks_emoji", "😀", "FACE 0–1 has a label that is none of the pipeline's", "'😀'"),
    ],
)
def test_every_text_at_which_a_component_breaks_is_found_and_the_first_made_small(
    without_long_texts: None, broken: str, culprit: str, reason: str, smallest: str | None
) -> None:
    nlp = pipeline(broken)
    found = fuzz.fuzz(nlp, [*ORIGINALS, "ثریا رفت."], count=600, seed=0)
    texts = [make(number, 0, [*ORIGINALS, "ثریا رفت."]) for number in range(600)]
    guilty = {text.number for text in texts if culprit in text.text and text.kind != SURROGATES}
    reported = [failure.number for failure in found.failures]
    assert guilty and reported == sorted(set(reported))
    if broken in ("fails_on_nul", "loses_a_letter"):  # of the others some are no tokens of their own, or not alone
        assert set(reported) == guilty
    else:
        assert reported and set(reported) <= guilty
    assert any(reason in failure.reason for failure in found.failures)
    assert {failure.kind for failure in found.failures} <= KINDS.keys()
    small = {failure.smallest for failure in found.failures[: fuzz.SHRUNK]}
    assert small == {smallest} if smallest else all(text and len(text) <= len("' \\u3000 '") for text in small)
    assert {failure.smallest for failure in found.failures[fuzz.SHRUNK :]} <= {None}


def test_a_batch_that_fails_though_none_of_its_texts_does(without_long_texts: None) -> None:
    trial = fuzz._Trial(pipeline("fails_in_company"))
    trial.batch([Text(number, "k", text) for number, text in enumerate(["سارا", "\0", "رفت", "رفت\0"])])
    (failure,) = trial.failures
    assert (failure.number, failure.smallest) == (0, None)
    assert failure.reason == "RuntimeError: two (only in one batch with the 3 texts after it)"


def test_a_long_text_at_which_a_component_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "long_texts", lambda originals, seed: {"long": "شیراز " * 300 + "\0"})
    (failure,) = fuzz.fuzz(pipeline("fails_on_nul"), ["سارا"], count=1, seed=0).failures
    assert (failure.kind, failure.number, failure.smallest) == ("long", None, None)
    assert failure.text.endswith("\\x00' (1801 characters)")


def test_a_twin_with_other_entities_is_found_and_made_small() -> None:
    trial = fuzz._Trial(pipeline("folding_badly"))
    trial.twins(Text(3, "k", "کتاب‌های رئیس‌جمهور پیشین"))
    trial.twins(Text(4, "k", "شیراز"))  # differs in a letter only, and so is compared as well
    trial.twins(Text(5, "k", "سارا \u200c رفت"))  # the half-space is a token, which the twin has not
    trial.twins(Text(6, "k", "سارا رفت"))  # is its own twin
    assert trial.twin_counts == {"compared": 2, "tokens differ": 1}
    (failure,) = trial.failures
    assert (failure.kind, failure.number, failure.smallest) == ("twin", 3, "'رئیس\\u200cجمهور'")
    assert failure.reason.endswith("lacks [(8, 17, 'GPE')] and has [] instead")


def test_twins() -> None:
    assert fuzz.twin("کی\u200cت ۱٢3") == ("كيت ١2۳", [0, 1, 2, 2, 3, 4, 5, 6, 7])


def ent(
    start: int, end: int, label: str = "GPE", value: DateValue | None = None, confidence: float | None = None
) -> Any:
    underscore = SimpleNamespace(date=value, confidence=confidence)
    return SimpleNamespace(start_char=start, end_char=end, label_=label, _=underscore, has_extension=lambda name: True)


@pytest.mark.parametrize(
    ("ents", "found"),
    [
        ([ent(0, 2), ent(3, 5)], []),
        ([ent(3, 3)], ["GPE 3–3 is empty or outside the text", "GPE 3–3 does not begin and end where tokens do"]),
        ([ent(3, 6)], ["GPE 3–6 is empty or outside the text", "GPE 3–6 does not begin and end where tokens do"]),
        ([ent(2, 3)], ["GPE 2–3 is white space", "GPE 2–3 does not begin and end where tokens do"]),
        ([ent(0, 4)], ["GPE 0–4 does not begin and end where tokens do"]),
        ([ent(0, 2, "LOC")], ["LOC 0–2 has a label that is none of the pipeline's"]),
        ([ent(0, 5), ent(3, 5)], ["0–5 and 3–5 overlap"]),
        ([ent(0, 2, value=DateValue(date(2025, 1, 1), date(2025, 1, 2)))], []),
        ([ent(0, 2, confidence=1.0)], []),
        ([ent(0, 2, confidence=1.5)], ["GPE 0–2 has a confidence that is no probability"]),
        ([ent(0, 2, confidence=float("nan"))], ["GPE 0–2 has a confidence that is no probability"]),
        (
            [ent(0, 2, value=DateValue(date(2025, 1, 2), date(2025, 1, 1)))],
            ["GPE 0–2 is a date that ends before it begins"],
        ),
    ],
)
def test_what_is_wrong_with_entities(ents: list[Any], found: list[str]) -> None:
    class Token(SimpleNamespace):
        def __len__(self) -> int:
            return 2

    class Document(SimpleNamespace):
        def __iter__(self) -> Iterator[Token]:
            return iter([Token(idx=0), Token(idx=3)])

    doc: Any = Document(text="سا را", ents=ents)
    assert fuzz.defects("سا را", doc, {"GPE"}) == found


def test_shrinking_keeps_what_is_needed_wherever_it_is() -> None:
    def fails(text: str) -> str:
        return "x" if "ا" in text and text.count("ب") >= 2 else ""

    assert sorted(fuzz.shrink("سلام بر تو ای باد بهار", fails)) == ["ا", "ب", "ب"]
    assert fuzz.shrink("سلام", lambda text: "x") == ""
    # «ب» cannot go while «ت» is there, which comes after it.
    assert fuzz.shrink("ابت", lambda text: "x" if "ا" in text and ("ب" in text or "ت" not in text) else "") == "ا"
    tried: list[str] = []
    fuzz.shrink("ا" * 10_000, lambda text: str(tried.append(text) or ""))
    assert len(tried) == 400


# --- halves of characters ---------------------------------------------------------------------------------------------


def test_texts_that_no_file_can_hold_are_refused_by_name_before_anything_is_predicted() -> None:
    record = Record(id="r", text="شیراز \udfff", origin=("a.jsonl", 7))
    with pytest.raises(InputError) as raised:
        predict(pipeline(), ["شیراز", "شی\ud83dراز", record])
    assert raised.value.problems == [
        Problem("a.jsonl", 7, "r", "holds half of a character (lone surrogate U+DFFF at 6)"),
        Problem("texts", 2, "", "holds half of a character (lone surrogate U+D83D at 2)"),
    ]
    assert fuzz.not_refused(pipeline(), "\ud83d") == fuzz.not_refused(pipeline(), "شیراز") == ""


def test_texts_that_the_pipeline_does_not_take_are_all_named() -> None:
    nlp = pipeline()
    nlp.max_length = 9
    long = Record(id="r", text="شیراز شیراز", origin=("a.jsonl", 7))
    with pytest.raises(InputError) as raised:
        predict(nlp, ["شیراز", "شیراز رشت قم", long])
    reason = "has {} characters; the pipeline takes 9 at once (nlp.max_length): divide the text"
    assert raised.value.problems == [
        Problem("a.jsonl", 7, "r", reason.format(11)),
        Problem("texts", 2, "", reason.format(12)),
    ]


def test_a_half_that_is_not_refused_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fuzz, "predict", lambda nlp, texts: [[span.label_ for span in nlp(text).ents] for text in texts]
    )
    trial = fuzz._Trial(pipeline())
    trial.batch([Text(1, SURROGATES, "سارا \ud83d رفت")])
    (failure,) = trial.failures
    assert failure.reason.startswith("not refused but UnicodeEncodeError")
    assert failure.smallest == "'\\ud83d'"


# --- dates ------------------------------------------------------------------------------------------------------------


def test_expressions_are_dates_often_enough_to_matter() -> None:
    outcomes = Counter(fuzz.try_date(make_date(number, 0))[0] for number in range(300))
    assert outcomes["resolved"] > 30 and len(outcomes) > 6
    assert "raised" not in outcomes


def test_a_resolver_that_raises_is_found_and_its_text_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(text: str, reference: date | None, context: list[DateValue]) -> DateValue:
        if "مهر" in text:
            raise OverflowError("mehr")
        return DateValue(reason="empty")

    monkeypatch.setattr(fuzz, "resolve", resolve)
    trial = fuzz._Trial(pipeline())
    trial.date(Expression(5, "۱۲ مهر ۱۴۰۳", date(2025, 4, 1), ("دیروز",)))
    (failure,) = trial.failures
    assert (failure.kind, failure.number, failure.smallest) == ("date", 5, "'مهر'")
    assert failure.reason == "OverflowError: mehr (published 2025-04-01, after ['دیروز'])"


@pytest.mark.parametrize(
    ("value", "defect"),
    [
        (DateValue(date(2025, 1, 2), date(2025, 1, 1)), "the interval is 2025-01-02–2025-01-01"),
        (DateValue(), "the interval is None–None"),
        (DateValue(date(2025, 1, 1), reason="vague"), "unresolved with reason 'vague' and interval 2025-01-01–None"),
        (DateValue(reason="tired"), "unresolved with reason 'tired' and interval None–None"),  # type: ignore[arg-type]
        (DateValue(reason="vague", flags=("odd",)), "unknown flags ('odd',)"),  # type: ignore[arg-type]
        (
            DateValue(date(2025, 1, 1), date(2025, 1, 2), parts=((date(2025, 1, 1), date(2025, 1, 3)),)),
            "parts ((datetime.date(2025, 1, 1), datetime.date(2025, 1, 3)),) are not within 2025-01-01–2025-01-02",
        ),
    ],
)
def test_what_is_wrong_with_a_date(monkeypatch: pytest.MonkeyPatch, value: DateValue, defect: str) -> None:
    monkeypatch.setattr(fuzz, "resolve", lambda text, reference, context: value)
    assert fuzz.try_date(Expression(0, "دیروز", None, ()))[1] == defect


# --- the command ------------------------------------------------------------------------------------------------------


RECORD = {"id": "a", "text": "سارا به شیراز رفت. مریم ماند."}


def test_the_command_writes_what_it_found(tmp_path: Path, without_long_texts: None) -> None:
    pipeline().to_disk(tmp_path / "model")
    records = put(tmp_path / "a.jsonl", json.dumps(RECORD))
    assert fuzz.read_sentences(records) == ["سارا به شیراز رفت.", "مریم ماند."]
    output = tmp_path / "new" / "fuzz.json"
    done = run_script("fuzz", tmp_path / "model", output, "--inputs", 40, "--records", records, "--seed", 3)
    assert done.exit_code == 0, done.output
    found = fuzz.Fuzz.model_validate_json(output.read_bytes())
    assert (found.seed, found.texts, found.failures) == (3, 40, [])
    assert done.stdout.startswith(f"Wrote {output}: 40 texts, {found.words} words, ")
    assert done.stdout.endswith(" 0 failures\n")


def test_the_command_tries_what_annotate_and_serve_run(tmp_path: Path) -> None:
    tiny_ner().to_disk(tmp_path / "model")
    nlp = fuzz.load(str(tmp_path / "model"))
    assert nlp.pipe_names == ["ner", "fa_confidence", "fa_dates"]


def test_an_impossible_date_of_a_pipeline_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()

    def resolve(text: str, reference: date | None, earlier: list[DateValue]) -> DateValue:
        seen.add(reference)
        return DateValue(date(2025, 1, 2), date(2025, 1, 1))

    monkeypatch.setattr(sys.modules["persian_ner.dates.resolve"], "resolve", resolve)
    nlp = pipeline()
    nlp.add_pipe("fa_dates", config={"label": "GPE"})
    trial = fuzz._Trial(nlp)
    trial.batch([Text(0, "k", "شیراز"), Text(1, "k", "شیراز!")])
    assert [failure.reason for failure in trial.failures] == ["GPE 0–5 is a date that ends before it begins"] * 2
    assert seen == {None, date(2025, 4, 17)}


def test_the_command_says_what_failed(tmp_path: Path, without_long_texts: None) -> None:
    pipeline("fails_on_nul").to_disk(tmp_path / "model")
    records = put(tmp_path / "a.jsonl", json.dumps(RECORD))
    output = tmp_path / "fuzz.json"
    done = run_script("fuzz", tmp_path / "model", output, "--inputs", 100, "--records", records)
    assert done.exit_code == 3
    found = json.loads(output.read_text(encoding="utf-8"))["failures"]
    assert found and f"{found[0]['kind']} {found[0]['number']}: KeyError: 'nul': '\\x00'\n" in done.stderr


def test_the_command_lists_every_problem_and_writes_nothing(tmp_path: Path) -> None:
    records = put(tmp_path / "a.jsonl", '{"id": "a"}\nb\n')
    done = run_script("fuzz", tmp_path / "no model", tmp_path / "fuzz.json", "--records", records)
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert [line.partition(" ")[0] for line in lines[:2]] == [f"{records}:1:", f"{records}:2:"]
    assert "cannot be loaded" in lines[2] and lines[3] == "3 problems found; nothing was written."
    assert not (tmp_path / "fuzz.json").exists()


def test_records_without_a_sentence(tmp_path: Path) -> None:
    records = put(tmp_path / "a.jsonl", '{"id": "a", "text": " "}\n')
    with pytest.raises(InputError, match="no sentences"):
        fuzz.read_sentences(records)


def test_sentences_of_articles_with_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "articles" / "a.md", "---\nid: a\n---\n[سارا](PER) به [شیراز](GPE) رفت.\n")
    monkeypatch.setattr(fuzz, "ARTICLES", tmp_path / "articles")
    assert fuzz.read_sentences() == ["سارا به شیراز رفت."]
    put(tmp_path / "articles" / "b.md", "---\nid: b\n---\n[سارا رفت.\n")
    with pytest.raises(InputError, match="stray"):
        fuzz.read_sentences()
