"""Strange texts by the thousand through a pipeline: no crash, no lost character, no impossible entity.

A text depends on the seed, its number and the sentences that are mutated, and on
nothing else, so that :func:`persian_ner.fuzz_texts.make` can make it again. Checked are:

* every text comes back as it was; entities lie in it, hold more than white space,
  do not overlap, begin and end where tokens do, and have labels of the pipeline;
  resolved dates do not end before they begin, and confidences are probabilities;
* a text with half of a surrogate pair is refused by name (:func:`persian_ner.predict.predict`);
* a few very long texts, with the time and memory they take;
* where the encoder sees no difference between keyboards, digits and lost
  half-spaces, a text and its :func:`twin` have the same entities. Each is predicted
  alone, since the texts of a batch change each other's last digits;
* :func:`persian_ner.dates.resolve.resolve` answers any expression, with an interval or a reason.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from persian_ner.characters import DIGIT_FOLDS, ZWNJ
from persian_ner.dates.resolve import resolve
from persian_ner.dates.value import FLAGS, REASONS, DateValue
from persian_ner.evaluate import provenance, read_gold
from persian_ner.fast_inference import load_fast
from persian_ner.fuzz_texts import SURROGATES, Expression, Text, long_texts, make, make_date
from persian_ner.hazm_alignment import sentences
from persian_ner.metrics import Provenance, count_words
from persian_ner.predict import predict
from persian_ner.readers import markup
from persian_ner.records import InputError, Problem, collect

if TYPE_CHECKING:  # spaCy takes seconds to import, and the caller has done so to load ``nlp``
    from spacy.language import Language
    from spacy.tokens import Doc, Span

ARTICLES = Path("assets/articles")
BATCH_SIZE = 64
TWIN_EVERY = 50
"""Of so many texts one is compared with its twin."""
TEXTS_TO_A_DATE = 10
"""For so many texts one date expression is tried."""
SHRUNK = 20
"""So many failures are reduced to the smallest text that still fails."""
_PUBLISHED = date(2025, 4, 17)
_SHRINK_TRIES = 400
_LONGEST_SHOWN = 400


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Failure(_Schema):
    """A text with which something is wrong."""

    kind: str = Field(description="of the text: of KINDS, the name of a long text, 'twin' or 'date'")
    number: int | None = Field(description="what the text is made from, with the seed; null for a long text")
    reason: str
    text: str = Field(description="as Python writes it; the middle of a long one left out")
    smallest: str | None = Field(
        description="the smallest text found that fails alone; null for long texts, for texts that fail only in their "
        f"batch, and after the first {SHRUNK} failures"
    )


class Count(_Schema):
    """Texts of one kind."""

    texts: int
    words: int
    entities: int


class Long(_Schema):
    """A very long text: ``peak_memory_mb`` is that of the process so far."""

    characters: int
    tokens: int
    entities: int
    seconds: float
    peak_memory_mb: float


class Twins(_Schema):
    """Texts that were compared with their twins, and those that cannot be since their tokens differ."""

    compared: int
    tokens_differ: int


class Dates(_Schema):
    """Date expressions that were made up, by the reason why they have no interval, or ``resolved``."""

    texts: int
    outcomes: dict[str, int]


class Fuzz(_Schema):
    """What was tried and what failed. Memory is the peak of the whole process, the loaded pipeline included."""

    schema_version: Literal[1] = 1
    seed: int
    texts: int
    words: int
    seconds: float = Field(description="of the texts, the long ones and the twins left out")
    peak_memory_mb_at_a_tenth: float
    peak_memory_mb: float = Field(description="after all texts, before the long ones")
    kinds: dict[str, Count]
    long: dict[str, Long]
    twins: Twins | None = Field(description="null when the encoder sees a difference, or there is none")
    dates: Dates
    failures: list[Failure]
    provenance: Provenance


def read_sentences(records: Path | None = None) -> list[str]:
    """The sentences to mutate, of canonical records or of the project's own articles. Raises :class:`InputError`."""
    if records:
        found = read_gold(records)
    else:
        found, problems = collect(markup.read(ARTICLES))
        if problems:
            raise InputError(problems)
    cut = [record.text[start:end] for record in found for start, end in sentences(record.text)]
    if not cut:
        raise InputError([Problem(str(records or ARTICLES), 0, "", "no sentences")])
    return cut


def load(model: str, gpu_id: int = -1, *, bfloat16: bool = True) -> Language:
    """A pipeline as ``annotate`` and ``serve`` run it: fast, with confidences and resolved dates.

    Raises :class:`InputError`.
    """
    from persian_ner.dates.component import add_dates  # it imports spaCy

    nlp = load_fast(model, gpu_id, bfloat16=bfloat16)
    add_dates(nlp)
    return nlp


def fuzz(nlp: Language, originals: Sequence[str], *, count: int, seed: int) -> Fuzz:
    """Try ``count`` texts, date expressions and the long texts; ``originals`` are sentences to mutate."""
    made_by = provenance(nlp, None)
    trial = _Trial(nlp)
    begin = time.perf_counter()
    at_a_tenth = 0.0
    for start in tqdm(range(0, count, BATCH_SIZE), desc="texts", unit="batch", mininterval=1):
        trial.batch([make(number, seed, originals) for number in range(start, min(start + BATCH_SIZE, count))])
        if not at_a_tenth and 10 * (start + BATCH_SIZE) >= count:
            at_a_tenth = _peak_memory_mb()
    seconds = time.perf_counter() - begin
    peak = _peak_memory_mb()
    twins = None
    if sees_no_difference(nlp):
        for number in tqdm(range(0, count, TWIN_EVERY), desc="twins", unit="text", mininterval=1):
            trial.twins(make(number, seed, originals))
        twins = Twins(compared=trial.twin_counts["compared"], tokens_differ=trial.twin_counts["tokens differ"])
    for number in tqdm(range(0, count, TEXTS_TO_A_DATE), desc="dates", unit="text", mininterval=1):
        trial.date(make_date(number, seed))
    for name, text in tqdm(long_texts(originals, seed).items(), desc="long texts", unit="text"):
        trial.long(name, text)
    return Fuzz(
        seed=seed,
        texts=count,
        words=trial.words.total(),
        seconds=seconds,
        peak_memory_mb_at_a_tenth=at_a_tenth,
        peak_memory_mb=peak,
        kinds={
            kind: Count(texts=texts, words=trial.words[kind], entities=trial.entities[kind])
            for kind, texts in trial.texts.most_common()
        },
        long=trial.longs,
        twins=twins,
        dates=Dates(texts=trial.dates.total(), outcomes=dict(trial.dates.most_common())),
        failures=trial.failures,
        provenance=made_by,
    )


# --- trying -----------------------------------------------------------------------------------------------------------


class _Read(NamedTuple):
    """What is left of a document: offsets of its tokens, entities, and what is wrong with it."""

    tokens: list[tuple[int, int]]
    entities: list[tuple[int, int, str]]
    defects: list[str]


class _Trial:
    """A pipeline, and what came of the texts so far."""

    def __init__(self, nlp: Language):
        self._nlp = nlp
        self._labels = {label for labels in nlp.pipe_labels.values() for label in labels}
        self.failures: list[Failure] = []
        self.texts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.entities: Counter[str] = Counter()
        self.twin_counts: Counter[str] = Counter()
        self.dates: Counter[str] = Counter()
        self.longs: dict[str, Long] = {}

    def batch(self, texts: Sequence[Text]) -> None:
        for text in texts:
            self.texts[text.kind] += 1
            self.words[text.kind] += count_words(text.text)
            if text.kind == SURROGATES and (reason := not_refused(self._nlp, text.text)):
                self._fail(text, reason, partial(not_refused, self._nlp))
        self._whole_batch([text for text in texts if text.kind != SURROGATES])

    def _whole_batch(self, texts: Sequence[Text]) -> bool:
        """Try texts together and, when the pipeline fails at them, in halves; whether all is well."""
        read = self._read([text.text for text in texts])
        if not isinstance(read, str):
            for text, found in zip(texts, read, strict=True):
                self.entities[text.kind] += len(found.entities)
                if found.defects:
                    self._fail(text, "; ".join(found.defects), self._defect)
            return not any(found.defects for found in read)
        if len(texts) == 1:
            self._fail(texts[0], read, self._defect)
            return False
        middle = len(texts) // 2
        halves = [self._whole_batch(half) for half in (texts[:middle], texts[middle:])]
        if all(halves):
            self._fail(texts[0], f"{read} (only in one batch with the {len(texts) - 1} texts after it)", self._defect)
        return False

    def twins(self, text: Text) -> None:
        if text.kind == SURROGATES or twin(text.text)[0] == text.text:
            return
        reason = self._twin_defect(text.text)
        if reason is None:
            self.twin_counts["tokens differ"] += 1
            return
        self.twin_counts["compared"] += 1
        if reason:
            self._fail(text._replace(kind="twin"), reason, lambda candidate: self._twin_defect(candidate) or "")

    def date(self, expression: Expression) -> None:
        outcome, reason = try_date(expression)
        self.dates[outcome] += 1
        if reason:
            context = f" (published {expression.reference}, after {list(expression.context)})"
            text = Text(expression.number, "date", expression.text)
            self._fail(text, reason + context, lambda candidate: try_date(expression._replace(text=candidate))[1])

    def long(self, name: str, text: str) -> None:
        begin = time.perf_counter()
        read = self._read([text])
        seconds = time.perf_counter() - begin
        found = _Read([], [], [read]) if isinstance(read, str) else read[0]
        self.longs[name] = Long(
            characters=len(text),
            tokens=len(found.tokens),
            entities=len(found.entities),
            seconds=seconds,
            peak_memory_mb=_peak_memory_mb(),
        )
        if found.defects:
            reason = "; ".join(found.defects)
            self.failures.append(Failure(kind=name, number=None, reason=reason, text=shown(text), smallest=None))

    def _read(self, texts: Sequence[str]) -> list[_Read] | str:
        """What the pipeline makes of texts in one batch; what it raises, as text."""
        with self._nlp.memory_zone():  # or the vocabulary would grow with every new word
            try:
                docs = self._nlp.pipe(map(self._doc, texts), batch_size=len(texts) or 1)
                return [
                    _Read(
                        [(token.idx, token.idx + len(token)) for token in doc],
                        [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents],
                        defects(text, doc, self._labels),
                    )
                    for text, doc in zip(texts, docs, strict=True)
                ]
            except Exception as error:  # whatever it is, it is what this is looking for
                return f"{type(error).__name__}: {error}"

    def _doc(self, text: str) -> Doc:
        """The text, published on some day if its length is even: dates are resolved with and without one."""
        doc = self._nlp.make_doc(text)
        if len(text) % 2 == 0 and doc.has_extension("publication_date"):
            doc._.publication_date = _PUBLISHED
        return doc

    def _defect(self, text: str) -> str:
        read = self._read([text])
        return read if isinstance(read, str) else "; ".join(read[0].defects)

    def _twin_defect(self, text: str) -> str | None:
        """How the entities of a text and its twin differ; None when their tokens do."""
        other, offsets = twin(text)
        own, its = self._read([text]), self._read([other])
        if isinstance(own, str) or isinstance(its, str):
            return own if isinstance(own, str) else str(its)
        if [(offsets[start], offsets[end]) for start, end in own[0].tokens] != its[0].tokens:
            return None
        moved = [(offsets[start], offsets[end], label) for start, end, label in own[0].entities]
        if moved == its[0].entities:
            return ""
        lost, won = sorted({*moved} - {*its[0].entities}), sorted({*its[0].entities} - {*moved})
        return f"its twin {shown(other)} lacks {lost} and has {won} instead"

    def _fail(self, text: Text, reason: str, fails: Callable[[str], str]) -> None:
        smallest = None
        if len(self.failures) < SHRUNK and fails(text.text):
            smallest = shown(shrink(text.text, fails))
        self.failures.append(
            Failure(kind=text.kind, number=text.number, reason=reason, text=shown(text.text), smallest=smallest)
        )


def defects(text: str, doc: Doc, labels: set[str]) -> list[str]:
    """What is wrong with the document that a pipeline with these labels made of a text."""
    if doc.text != text:
        return [f"the text comes back as {shown(doc.text)}"]
    found: list[str] = []
    starts = {token.idx for token in doc}
    ends = {token.idx + len(token) for token in doc}
    for ent in doc.ents:
        reasons = []
        if not 0 <= ent.start_char < ent.end_char <= len(text):
            reasons.append("is empty or outside the text")
        elif not text[ent.start_char : ent.end_char].strip():
            reasons.append("is white space")
        if ent.start_char not in starts or ent.end_char not in ends:
            reasons.append("does not begin and end where tokens do")
        if ent.label_ not in labels:
            reasons.append("has a label that is none of the pipeline's")
        if ends_before_it_begins(ent):
            reasons.append("is a date that ends before it begins")
        if not has_sound_confidence(ent):
            reasons.append("has a confidence that is no probability")
        found += [f"{ent.label_} {ent.start_char}–{ent.end_char} {reason}" for reason in reasons]
    for before, after in pairwise(sorted((ent.start_char, ent.end_char) for ent in doc.ents)):
        if after[0] < before[1]:
            found.append(f"{before[0]}–{before[1]} and {after[0]}–{after[1]} overlap")
    return found


def ends_before_it_begins(ent: Span) -> bool:
    """Whether ``fa_dates`` gave the entity an impossible interval."""
    value: DateValue | None = ent._.date if ent.has_extension("date") else None
    return bool(value and value.start and value.end and value.end < value.start)


def has_sound_confidence(ent: Span) -> bool:
    """Whether the confidence that ``fa_confidence`` gave the entity, if any, is a probability."""
    confidence: float | None = ent._.confidence if ent.has_extension("confidence") else None
    return confidence is None or 0 <= confidence <= 1


def not_refused(nlp: Language, text: str) -> str:
    """What is wrong with the answer to a text that no UTF-8 file can hold, beside one that is sound; "" for others."""
    try:
        text.encode()
        return ""
    except UnicodeEncodeError:
        pass
    try:
        predict(nlp, ["سارا به شیراز رفت.", text])
    except InputError as error:
        return "" if [problem.line for problem in error.problems] == [2] else f"not refused by name: {error}"
    except Exception as error:
        return f"not refused but {type(error).__name__}: {error}"
    return "not refused"


def shrink(text: str, fails: Callable[[str], str]) -> str:
    """The smallest text found by leaving out stretches of ``text`` for which ``fails`` still gives a reason."""
    tries = _SHRINK_TRIES
    size = len(text)
    before = None
    while size and tries and text != before:
        before = text if size == 1 else None  # what is needed next to one letter may not be when that is gone
        start = 0
        while start < len(text) and tries:
            candidate = text[:start] + text[start + size :]
            tries -= 1
            if fails(candidate):
                text = candidate
            else:
                start += size
        size = max(size // 2, 1)
    return text


def shown(text: str) -> str:
    """A text as Python writes it, the middle of a long one left out."""
    if len(text) <= _LONGEST_SHOWN:
        return repr(text)
    half = _LONGEST_SHOWN // 2
    return f"{text[:half]!r} … {text[-half:]!r} ({len(text)} characters)"


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


# --- twins ------------------------------------------------------------------------------------------------------------

_DIGITS = "".join(DIGIT_FOLDS), *("".join(forms) for forms in zip(*DIGIT_FOLDS.values(), strict=True))
_NEXT_DIGITS = str.maketrans("".join(_DIGITS), "".join((*_DIGITS[1:], _DIGITS[0])))
_TWIN = str.maketrans({ZWNJ: "", "ی": "ي", "ک": "ك"}) | _NEXT_DIGITS
_SAME_FOR_THE_ENCODER = ("رئیس‌جمهور کی ۱۲", "رئيسجمهور كي 12")


def twin(text: str) -> tuple[str, list[int]]:
    """The text without half-spaces, with «ي», «ك» and other digits; and where each of its offsets (0–length) went."""
    letters = [letter.translate(_TWIN) for letter in text]
    return "".join(letters), [0, *accumulate(map(len, letters))]


def sees_no_difference(nlp: Language) -> bool:
    """Whether the pipeline has an encoder whose own tokenizer takes a text and its twin for the same."""
    for _, component in nlp.pipeline:
        tokenizer = getattr(getattr(component, "model", None), "tokenizer", None)
        if tokenizer is not None:
            one, other = (tokenizer(text)["input_ids"] for text in _SAME_FOR_THE_ENCODER)
            return bool(one == other)
    return False


# --- dates ------------------------------------------------------------------------------------------------------------


def try_date(expression: Expression) -> tuple[str, str]:
    """What became of an expression (``resolved`` or the reason why not), and what is wrong with the answer."""
    try:
        context: list[DateValue] = []
        for text in expression.context:
            context.append(resolve(text, expression.reference, context))
        value = resolve(expression.text, expression.reference, context)
        stored = DateValue.from_dict(value.to_dict())
    except Exception as error:  # resolve() raises nothing, it says
        return "raised", f"{type(error).__name__}: {error}"
    return value.reason or "resolved", "; ".join(_date_defects(value, stored))


def _date_defects(value: DateValue, stored: DateValue) -> Iterator[str]:
    if stored != value:
        yield "the value is another one after it was stored"
    if set(value.flags) - set(FLAGS):
        yield f"unknown flags {value.flags}"
    if value.reason is not None:
        if value.reason not in REASONS or value.start or value.end:
            yield f"unresolved with reason {value.reason!r} and interval {value.start}–{value.end}"
        return
    if value.start is None or value.end is None or value.end < value.start:
        yield f"the interval is {value.start}–{value.end}"
    elif any(not value.start <= start <= end <= value.end for start, end in value.parts):
        yield f"parts {value.parts} are not within {value.start}–{value.end}"
