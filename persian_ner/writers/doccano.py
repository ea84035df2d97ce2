"""Writer of examples for doccano's sequence-labelling projects, and of the labels for such a project.

doccano has no suggestions: what a pipeline found is an annotation there from the
start, and only the export of approved documents leaves out what nobody looked at.

doccano counts offsets in UTF-16 code units (its issue 2290, open since 2023), that is,
characters beyond U+FFFF (emoji) twice. What comes back does not say so,
hence texts with such characters are refused. With the project's option "count grapheme
clusters as one character", a letter with its half-space would count once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import srsly

from persian_ner.writers.colours import TEXT_COLOUR, backgrounds, hotkeys
from persian_ner.writers.task import Task

SUFFIX = ".jsonl"
SETTINGS_SUFFIX = ".labels.json"
RESERVED = frozenset({"id", "text", "data", "label", "labels", "entities", "relations"})
"""Keys of ``meta`` that doccano, or the reader of its exports, takes for something else."""

_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


def defects(task: Task) -> Iterator[str]:
    """Why a task cannot be given to the tool."""
    if found := _BEYOND_BASIC_PLANE.search(task.record.text):
        yield f"doccano counts {found[0]!r} at {found.start()} as two characters: what it exports would be misplaced"


def to_json(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """The lines of the file to import."""
    return [
        {
            "text": task.record.text,
            "label": [[span.start, span.end, span.label] for span, _ in task.scored_spans],
        }
        | task.identity()
        | task.record.meta
        | task.suggested_by()
        for task in tasks
    ]


def settings(labels: Sequence[str]) -> str:
    """The file with the project's labels: colours and keys."""
    keys = hotkeys(labels)
    content = [
        {"text": label, "background_color": colour, "text_color": TEXT_COLOUR}
        | ({"suffix_key": keys[label]} if label in keys else {})
        for label, colour in backgrounds(labels).items()
    ]
    return srsly.json_dumps(content, indent=2) + "\n"


def next_step(output: Path, settings_file: Path, labels: Sequence[str]) -> str:
    """What to do with the two files."""
    return f"In doccano: import {settings_file} as span types; then {output} as a JSONL data set"
