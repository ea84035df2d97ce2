"""Writer of tasks for Label Studio, and of the labelling interface that fits them.

What a pipeline suggests becomes a prediction, which is an annotation only once
somebody submits it; what is annotated already becomes an annotation. Offsets are
in characters, as Label Studio counts them since pull request 308 of its frontend
(2021; UTF-16 code units before); a carriage return counts like any other character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from persian_ner.writers.colours import backgrounds, hotkeys
from persian_ner.writers.task import Task

SUFFIX = ".json"
SETTINGS_SUFFIX = ".labels.xml"
RESERVED = frozenset({"text"})
"""Keys of ``meta`` that would hide what Label Studio keeps there."""

_CONTROL, _OBJECT = "label", "text"


def defects(task: Task) -> Iterator[str]:
    """Why a task cannot be given to the tool: it takes all that is valid."""
    yield from ()


def to_json(tasks: Iterable[Task]) -> list[dict[str, Any]]:
    """The content of the file to import."""
    return [_task(task) for task in tasks]


def settings(labels: Sequence[str]) -> str:
    """The labelling interface: labels with colours and keys, text from right to left."""
    view = ElementTree.Element("View")
    control = ElementTree.SubElement(view, "Labels", name=_CONTROL, toName=_OBJECT)
    keys = hotkeys(labels)
    for label, colour in backgrounds(labels).items():
        attributes = {"value": label, "background": colour}
        if label in keys:
            attributes["hotkey"] = keys[label]
        ElementTree.SubElement(control, "Label", attributes)
    area = ElementTree.SubElement(view, "View", style="direction: rtl; text-align: right")
    ElementTree.SubElement(area, "Text", name=_OBJECT, value="$text")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def next_step(output: Path, settings_file: Path, labels: Sequence[str]) -> str:
    """What to do with the two files."""
    return f"In Label Studio: {settings_file} is the code of the labelling interface; then import {output}"


def _task(task: Task) -> dict[str, Any]:
    content: dict[str, Any] = {"data": {"text": task.record.text} | task.identity() | task.record.meta}
    if task.model is not None:
        prediction: dict[str, Any] = {"model_version": task.model, "result": _results(task)}
        if task.lowest_score is not None:
            prediction["score"] = task.lowest_score
        content["predictions"] = [prediction]
    elif task.is_decided:
        content["annotations"] = [{"result": _results(task)}]
    return content


def _results(task: Task) -> list[dict[str, Any]]:
    results = []
    for number, (span, score) in enumerate(task.scored_spans, start=1):
        surface = task.record.text[span.start : span.end]
        result = {
            "id": f"span-{number}",
            "from_name": _CONTROL,
            "to_name": _OBJECT,
            "type": "labels",
            "value": {"start": span.start, "end": span.end, "text": surface, "labels": [span.label]},
        }
        results.append(result if score is None else result | {"score": score})
    return results
