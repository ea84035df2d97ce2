"""What readers of cue words never saw: a random part of those sentences, read in full, and what that says of the rest.

Readers looked at the sentences with a word that events begin with or, where a source has no dates, that dates have
(:mod:`persian_ner.layers.cues`). A sheet is a folder: ``questions.tsv`` (number, sentence) is for a reader, who answers
in ``answers.tsv`` (number, all names in the order of the text as ``label=surface`` joined by ``|``, or ``-``). Where
that differs from the corpus and the corpus is not to be changed, or otherwise, ``decided.tsv`` says in the same form
what is to stand there. ``key.jsonl`` holds the sentences in the form that is kept afterwards beside the layers, JSON
Lines without text::

    {"id": "1.txt#3", "sha256": "<sha256>", "corpus": [[4, 9, "ایران", "GPE"], …], "read": [], "decided": []}

``corpus`` is what corpus and layer had before the decisions corrected it, ``read`` what the reader had who did not see
that; offsets are in characters of the record's text, checksums those of :mod:`persian_ner.layers.standoff`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import srsly
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import chi2

from persian_ner.files import replacing, write_text
from persian_ner.labels import LABELS
from persian_ner.layers.agreement import ANSWERS_FILE, QUESTIONS_FILE, as_shown, read_named
from persian_ner.layers.corrections import Dispute, Line, Place, readings
from persian_ner.layers.cues import date_cues, event_cues
from persian_ner.layers.standoff import digest
from persian_ner.layers.tsv import NOTHING
from persian_ner.readers.json_input import iter_models
from persian_ner.records import InputError, Problem, Record
from persian_ner.sources import Source

KEY_FILE, DECIDED_FILE = "key.jsonl", "decided.tsv"
LEVEL = 0.95
"""Of the intervals of :func:`estimate`."""

Name = tuple[int, int, str, str]
"""Start, end, surface, label."""


class Sentence(BaseModel):
    """What a corpus has in one sentence, what a reader has, and what was decided; see the module's description."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    sha256: str = Field(min_length=1)
    corpus: tuple[Name, ...]
    read: tuple[Name, ...]
    decided: tuple[Name, ...]


@dataclass(frozen=True)
class Rate:
    """So many names in so many sentences; ``per_hundred`` sentences, with an interval at :data:`LEVEL`."""

    count: int
    per_hundred: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """By label the names of the corpus that are right or not (``wrong``), and those it lacks (``missed``).

    A name with another border or label counts in both of the latter. ``differed``: sentences that the reader read
    otherwise than the corpus has them; ``changed``: those in which something was decided to be wrong or missed.
    """

    sentences: int
    differed: int
    changed: int
    right: Mapping[str, int]
    missed: Mapping[str, Rate]
    wrong: Mapping[str, Rate]


def is_unread(text: str, source: Source) -> bool:
    """Whether nothing in a sentence made readers look for events and, where the source has none, for dates."""
    has_dates = "DATE" in source.labels.values()
    return not event_cues(text) and (has_dates or not date_cues(text))


def sample(records: Iterable[Record], source: Source, size: int, seed: int) -> list[Record]:
    """``size`` random records, of those that are unread, in random order (all of them if there are fewer)."""
    choices = [record for record in records if is_unread(record.text, source)]
    random.Random(seed).shuffle(choices)
    return choices[:size]


def write_sheet(folder: Path, records: Sequence[Record]) -> None:
    """Write the sentences, and apart from them the key; ``records`` carry the names that the layer leaves them with."""
    asked = (f"{number}\t{as_shown(record.text)}" for number, record in enumerate(records, start=1))
    write_text(folder / QUESTIONS_FILE, "".join(f"{line}\n" for line in asked))
    write(
        folder / KEY_FILE,
        (Sentence(id=item.id, sha256=digest(item.text), corpus=_names(item), read=(), decided=()) for item in records),
    )


def _names(record: Record) -> tuple[Name, ...]:
    spans = sorted(record.spans, key=lambda span: span.start)
    return tuple((span.start, span.end, record.text[span.start : span.end], span.label) for span in spans)


def join(folder: Path, texts: Mapping[str, str]) -> list[Sentence]:
    """The sentences of a sheet as they were read.

    ``texts`` are those of the records, by id. Raises :class:`InputError` for a missing file and with every bad line of
    key and answers, every sentence that has no answer or two, every answer to no sentence, every name that is not in
    its sentence behind the one before, and every record that ``texts`` has not, or not as it was read.
    """
    key = read(folder / KEY_FILE)
    asked = {str(number): sentence for number, sentence in enumerate(key, start=1)}
    answers = read_named(folder / ANSWERS_FILE, asked)
    file = folder / DECIDED_FILE
    decided = answers | (read_named(file, asked, complete=False) if file.exists() else {})
    problems: list[Problem] = []
    found: list[Sentence] = []
    for number, sentence in asked.items():
        text = texts.get(sentence.id)
        if text is None or digest(text) != sentence.sha256:
            problems.append(Problem(str(folder / KEY_FILE), int(number), sentence.id, "no such sentence in the source"))
            continue
        try:
            read_, decided_ = (_located(text, given[number]) for given in (answers, decided))
        except ValueError as error:
            problems.append(Problem(str(folder), 0, number, str(error)))
        else:
            found.append(sentence.model_copy(update={"read": read_, "decided": decided_}))
    if problems:
        raise InputError(problems)
    return found


def _located(text: str, answer: str) -> tuple[Name, ...]:
    """The names of an answer, each where it occurs next as whole words; ``ValueError`` when one does not."""
    names: list[Name] = []
    behind = 0
    for part in () if answer == NOTHING else answer.split("|"):
        label, _, surface = part.partition("=")
        if label not in LABELS:
            raise ValueError(f"unknown label {label!r}")
        words = r"\s+".join(map(re.escape, surface.split()))
        match = re.compile(rf"(?<![^\W_]){words}(?![^\W_])").search(text, behind)
        if match is None:
            raise ValueError(f"{surface!r} does not occur behind the name before it")
        behind = match.end()
        names.append((match.start(), behind, match.group(), label))
    return tuple(names)


def correct(source: str, sentences: Iterable[Sentence], texts: Mapping[str, str]) -> list[Line]:
    """The lines of readings that lead from what the corpus had to what was decided, also in copies of a sentence.

    ``texts`` are those of the records, by id. Raises :class:`InputError` with every sentence of which no readings can
    say what was decided.
    """
    changes = (
        Dispute(
            number="",
            record=f"{source}/{sentence.id}",
            text=texts[sentence.id],
            corpus=_places(sentence.corpus),
            model=_places(sentence.decided),
        )
        for sentence in sentences
    )
    return readings(changes, source, texts)


def _places(names: Iterable[Name]) -> tuple[Place, ...]:
    return tuple((start, end, label) for start, end, _, label in names)


def write(path: Path, sentences: Iterable[Sentence]) -> None:
    """Write sentences; an earlier file is replaced when the new one is complete."""
    with replacing(path) as partial:
        srsly.write_jsonl(partial, (sentence.model_dump() for sentence in sentences))


def read(path: Path) -> list[Sentence]:
    """Read sentences; raises :class:`InputError` for no file, and with every bad line."""
    if not path.is_file():
        raise InputError([Problem(str(path), 0, "", "no such file")])
    problems: list[Problem] = []
    found: list[Sentence] = []
    for item in iter_models(path, Sentence):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            found.append(item)
    if problems:
        raise InputError(problems)
    return found


def read_kept(path: Path) -> list[Sentence]:
    """What was read of a source; nothing when nobody has. Raises as :func:`read`."""
    return read(path) if path.exists() else []


def estimate(sentences: Sequence[Sentence]) -> Estimate:
    """How many names of each label a hundred unread sentences (at least one here) lack, and how many are wrong."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for sentence in sentences:
        corpus, decided = set(sentence.corpus), set(sentence.decided)
        right.update(label for *_, label in corpus & decided)
        missed.update(label for *_, label in decided - corpus)
        wrong.update(label for *_, label in corpus - decided)
    return Estimate(
        sentences=len(sentences),
        differed=sum(sentence.read != sentence.corpus for sentence in sentences),
        changed=sum(sentence.decided != sentence.corpus for sentence in sentences),
        right={label: right[label] for label in LABELS},
        missed={label: rate(missed[label], len(sentences)) for label in LABELS},
        wrong={label: rate(wrong[label], len(sentences)) for label in LABELS},
    )


def rate(count: int, sentences: int) -> Rate:
    """A count in a number of sentences as a rate with the exact interval of a Poisson mean (Garwood 1936)."""
    tail = (1 - LEVEL) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(1 - tail, 2 * count + 2) / 2
    return Rate(count, 100 * count / sentences, 100 * float(low) / sentences, 100 * float(high) / sentences)
