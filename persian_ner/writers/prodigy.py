"""Writer of examples for Prodigy's ``ner.manual``.

Offsets are in characters. The examples bring the tokens of our own tokenizer, which
Prodigy keeps: reviewers can then mark nothing but whole tokens, which ``convert`` asks
for. What Prodigy recorded of an earlier round (``answer``, ``flagged``, ``_timestamp`` …)
is left out, since it would contradict what it records now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persian_ner import docbin
from persian_ner.records import Problem, Record
from persian_ner.writers.task import Task

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

SUFFIX = ".jsonl"
SETTINGS_SUFFIX = ""
"""Labels are given on Prodigy's command line."""
RESERVED: frozenset[str] = frozenset()

_OF_AN_EARLIER_ROUND = ("answer", "flagged")


def defects(task: Task) -> Iterator[str]:
    """Why a task cannot be given to the tool: spans that are not whole tokens."""
    for problem in _tokenised(task.record)[1]:
        yield problem.reason


def to_json(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """The lines of the file to annotate, for tasks without defects."""
    return [_example(task) for task in tasks]


def settings(labels: Sequence[str]) -> str:
    """Nothing: Prodigy has no such file."""
    return ""


def next_step(output: Path, settings_file: Path, labels: Sequence[str]) -> str:
    """The command that starts the annotation."""
    return f"With Prodigy: prodigy ner.manual DATASET blank:fa {output} --label {','.join(labels)}"


def _example(task: Task) -> dict[str, Any]:
    record = task.record
    doc, _ = _tokenised(record)
    scores = {(span.start, span.end): score for span, score in task.scored_spans}
    spans = []
    for ent in doc.ents:
        span = {
            "start": ent.start_char,
            "end": ent.end_char,
            "token_start": ent.start,
            "token_end": ent.end - 1,
            "label": ent.label_,
        }
        score = scores[ent.start_char, ent.end_char]
        spans.append(span if score is None else span | {"score": score})
    kept = {
        key: value for key, value in record.meta.items() if key not in _OF_AN_EARLIER_ROUND and not key.startswith("_")
    }
    tokens = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "id": token.i,
            "ws": bool(token.whitespace_),
        }
        for token in doc
    ]
    return {
        "id": task.id_in_source,
        "text": record.text,
        "tokens": tokens,
        "spans": spans,
        "meta": kept | task.suggested_by(),
    }


def _tokenised(record: Record) -> tuple[Doc, list[Problem]]:
    return docbin.to_doc(record.model_copy(update={"annotated_labels": None}), _tokenizer(), None)


@cache
def _tokenizer() -> Language:
    return docbin.blank()
