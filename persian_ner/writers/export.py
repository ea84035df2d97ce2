"""Handing texts over to an annotation tool. Behind ``export``.

A writer module has ``SUFFIX`` of its files, ``RESERVED`` keys of ``meta``,
``defects(task)``, ``to_json(tasks)``, and ``settings(labels)`` with
``SETTINGS_SUFFIX`` for the tool's own configuration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from persian_ner import files, validation
from persian_ner.records import InputError, Problem
from persian_ner.writers import doccano, label_studio, prodigy, task
from persian_ner.writers.task import Task

Tool = Literal["label-studio", "doccano", "prodigy"]
WRITERS: dict[str, ModuleType] = {"label-studio": label_studio, "doccano": doccano, "prodigy": prodigy}


@dataclass(frozen=True)
class Exported:
    """What was written: how many texts, how many spans in them, the files, and what to do with those."""

    tasks: int
    spans: int
    files: list[Path]
    next_step: str


def export(
    source: Path, output: Path, tool: Tool, labels: Sequence[str], text_field: str = "text", id_field: str = "id"
) -> Exported:
    """Write the records of ``source`` (see :func:`persian_ner.writers.task.read`) for a tool with these labels.

    Beside ``output`` goes the tool's own configuration, if it has one. Refused is
    whatever ``validate`` would refuse of the corrected texts, and what the tool
    cannot hold: raises :class:`InputError` with all problems, and then writes nothing.
    """
    writer = WRITERS[tool]
    tasks, problems = _read(source, text_field, id_field)
    if output.suffix != writer.SUFFIX:
        problems.append(Problem(str(output), 0, "", f"{tool} reads {writer.SUFFIX} files"))
    if output.resolve() == source.resolve():
        problems.append(Problem(str(output), 0, "", "is the input"))
    invalid = validation.check((item.record for item in tasks), labels)
    problems += invalid
    at_fault = {(problem.file, problem.line) for problem in invalid}
    for item in tasks:
        reserved = sorted(writer.RESERVED & item.record.meta.keys())
        problems += (
            item.record.problem(f"field {key!r} means something else in {tool}: rename it") for key in reserved
        )
        if item.record.origin not in at_fault:
            problems += (item.record.problem(reason) for reason in writer.defects(item))
    if problems:
        raise InputError(problems)
    content = writer.to_json(tasks)
    written = [output]
    settings_file = output.with_suffix(writer.SETTINGS_SUFFIX or writer.SUFFIX)
    if writer.SETTINGS_SUFFIX:
        files.write_text(settings_file, writer.settings(labels))
        written.append(settings_file)
    if writer.SUFFIX == ".json":
        files.write_json(output, content)
    else:
        files.write_text(output, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in content))
    spans = sum(len(item.record.spans) for item in tasks)
    return Exported(len(tasks), spans, written, writer.next_step(output, settings_file, labels))


def _read(source: Path, text_field: str, id_field: str) -> tuple[list[Task], list[Problem]]:
    tasks: list[Task] = []
    problems: list[Problem] = []
    try:
        found: Iterator[Task | Problem] = task.read(source, text_field, id_field)
        for item in found:
            if isinstance(item, Task):
                tasks.append(item)
            else:
                problems.append(item)
    except OSError as error:
        problems.append(Problem(str(source), 0, "", f"cannot be read: {error.strerror}"))
    if not tasks and not problems:
        problems.append(Problem(str(source), 0, "", "no records"))
    return tasks, problems
