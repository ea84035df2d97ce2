"""Scores that an evaluation must reach, from a YAML or JSON file.

Each entry names a number of ``metrics.json`` by its path, and says how little or
how much it may be; a number alone is the least::

    overall.strict.f1: 0.8
    per_label.PER.strict.recall: 0.85
    breakdowns.topic.economy.f1: 0.7
    calibration.ece: {max: 0.05}

Items of a list are named by their ``value`` or ``words``, others by their place, from 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from persian_ner.metrics import Metrics
from persian_ner.records import InputError, Problem


@dataclass(frozen=True)
class Threshold:
    """What the number at ``path`` of ``metrics.json`` may be, and where that is said."""

    path: str
    minimum: float | None
    maximum: float | None
    file: str
    line: int

    def problem(self, reason: str) -> Problem:
        """A problem located at this entry."""
        return Problem(self.file, self.line, "", f"{self.path}: {reason}")


def read_thresholds(file: Path) -> list[Threshold]:
    """Read thresholds. Raises :class:`InputError` with every problem found."""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError([Problem(str(file), 0, "", f"cannot be read: {error}")]) from error
    if not isinstance(root, yaml.MappingNode) or not root.value:
        raise InputError([Problem(str(file), 0, "", "expected entries such as overall.strict.f1: 0.8")])
    thresholds: list[Threshold] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for key, value in root.value:
        path, line = str(key.value), key.start_mark.line + 1
        reasons, minimum, maximum = _bounds(value)
        if path in lines:
            reasons.append(f"is given in line {lines[path]} already")
        lines.setdefault(path, line)
        thresholds.append(Threshold(path, minimum, maximum, str(file), line))
        problems += [thresholds[-1].problem(reason) for reason in reasons]
    if problems:
        raise InputError(problems)
    return thresholds


def missed(metrics: Metrics, thresholds: Sequence[Threshold]) -> list[str]:
    """One message for each number that is not what it may be; null never is, nor what a null would hold.

    Raises :class:`InputError` with every path that is not one of a number in ``metrics``.
    """
    values = dict(_values(metrics.model_dump(mode="json")))
    nulls = [path for path, value in values.items() if value is None]
    problems: list[Problem] = []
    messages: list[str] = []
    for threshold in thresholds:
        if threshold.path in values or any(threshold.path.startswith(f"{null}.") for null in nulls):
            messages += _shortfalls(threshold, values.get(threshold.path))
        else:
            similar = get_close_matches(threshold.path, values)
            hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
            problems.append(threshold.problem(f"metrics.json has no such number{hint}"))
    if problems:
        raise InputError(problems)
    return messages


def _bounds(node: yaml.Node) -> tuple[list[str], float | None, float | None]:
    """What is wrong with the value of an entry, its minimum and its maximum."""
    if not isinstance(node, yaml.MappingNode):
        number = _number(node)
        return ([_not_a_number(node)] if number is None else []), number, None
    reasons: list[str] = []
    bounds: dict[str, float | None] = {}
    for key, value in node.value:
        name = str(key.value)
        if name not in ("min", "max"):
            reasons.append(f"unknown key {name!r}, expected min or max")
        elif name in bounds:
            reasons.append(f"{name} is given twice")
        else:
            bounds[name] = _number(value)
            if bounds[name] is None:
                reasons.append(f"{name}: {_not_a_number(value)}")
    if not node.value:
        reasons.append("expected a number, min or max")
    minimum, maximum = bounds.get("min"), bounds.get("max")
    if minimum is not None and maximum is not None and minimum > maximum:
        reasons.append("min is greater than max, which no number satisfies")
    return reasons, minimum, maximum


def _number(node: yaml.Node) -> float | None:
    """The finite number of an unquoted scalar; None for anything else."""
    if not isinstance(node, yaml.ScalarNode) or node.style is not None:
        return None
    try:
        number = float(node.value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _not_a_number(node: yaml.Node) -> str:
    found = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
    return f"expected a finite number, not {found}"


def _values(content: Any, path: str = "") -> Iterator[tuple[str, float | None]]:
    """Every number and every null, with its path."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _values(value, f"{path}.{key}" if path else key)
    elif isinstance(content, list):
        for place, item in enumerate(content):
            yield from _values(item, f"{path}.{_name(item, place)}")
    elif content is None or (isinstance(content, (int, float)) and not isinstance(content, bool)):
        yield path, content


def _name(item: Any, place: int) -> str:
    named = item if isinstance(item, dict) else {}
    name = named.get("value", named.get("words", place))
    return "null" if name is None else str(name)


def _shortfalls(threshold: Threshold, value: float | None) -> Iterator[str]:
    if value is None:
        yield f"{threshold.path} is null"
        return
    if threshold.minimum is not None and value < threshold.minimum:
        yield f"{threshold.path} {value:.6g} is below {threshold.minimum:g}"
    if threshold.maximum is not None and value > threshold.maximum:
        yield f"{threshold.path} {value:.6g} is above {threshold.maximum:g}"
