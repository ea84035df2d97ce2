"""Strict JSON input for the readers of JSON formats: every defect becomes a problem with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, RootModel, ValidationError

from persian_ner.records import InputError, Problem, iter_text_lines

_Model = TypeVar("_Model", bound=BaseModel)
_BLANK = " \t\n\r"


class AnyObject(RootModel[dict[str, Any]]):
    """For :func:`read_as`: a file with an object, whatever is in it."""


class JsonObject(NamedTuple):
    """An object of a JSON file and the 1-based line on which it starts."""

    line: int
    content: dict[str, Any]


def iter_json_lines(path: Path) -> Iterator[JsonObject | Problem]:
    """Yield the object of every non-blank line of a JSON-lines file.

    A line that is not UTF-8, not JSON, not an object, or repeats a key of an
    object is yielded as problems instead.
    """
    for item in iter_text_lines(path):
        if isinstance(item, Problem):
            yield item
            continue
        number, line = item
        if not line.strip():
            continue
        decoder = _Decoder()
        try:
            content = decoder.decode(line)
        except (ValueError, RecursionError) as error:
            yield Problem(str(path), number, "", f"not JSON: {error}")
            continue
        yield from _checked(path, number, content, decoder.take_repeated_keys())


def iter_json_array(path: Path) -> Iterator[JsonObject | Problem]:
    """Yield the objects of a file that is one JSON array of objects, or one object.

    Problems are yielded as by :func:`iter_json_lines`; after text that is not
    JSON nothing more can be read from such a file.
    """
    try:
        text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(str(path), 0, "", f"not UTF-8: {error.reason} at byte {error.start} of the file")
        return
    decoder = _Decoder()
    line = 1
    counted = 0
    position = _skip_blank(text, 0)
    in_array = text.startswith("[", position)
    if in_array:
        position = _skip_blank(text, position + 1)
        if text.startswith("]", position):
            yield from _rest_is_blank(path, text, position + 1)
            return
    while True:
        line += text.count("\n", counted, position)
        counted = position
        try:
            content, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            where = error.lineno if isinstance(error, json.JSONDecodeError) else line
            yield Problem(str(path), where, "", f"not JSON: {error}", ends_file=True)
            return
        yield from _checked(path, line, content, decoder.take_repeated_keys())
        position = _skip_blank(text, position)
        if not in_array or not text.startswith(",", position):
            break
        position = _skip_blank(text, position + 1)
    if in_array:
        if not text.startswith("]", position):
            where = text.count("\n", 0, position) + 1
            reason = "not JSON: expected ',' or ']' after an element of the array"
            yield Problem(str(path), where, "", reason, ends_file=True)
            return
        position += 1
    yield from _rest_is_blank(path, text, position)


def validation_reasons(error: ValidationError, under: tuple[str, ...] = ()) -> list[str]:
    """What is wrong, one text for each error pydantic found, with the path of the key it concerns.

    ``under`` is the path of the value that was validated, where that is not the whole object.
    """
    reasons: list[str] = []
    for detail in error.errors(include_url=False):
        where = ".".join(str(part) for part in (*under, *detail["loc"]))
        match detail["type"]:
            case "missing":
                reasons.append(f"{where}: missing")
            case "extra_forbidden":
                reasons.append(f"{where}: unknown key")
            case _:
                reasons.append(f"{where}: {detail['msg']}, not {detail['input']!r}")
    return reasons


def invalid(path: Path, item: JsonObject, error: ValidationError) -> list[Problem]:
    """A problem for each thing that pydantic found wrong with an object of a file, named by its ``id``."""
    name = text_id(item.content.get("id"))
    return [Problem(str(path), item.line, name, reason) for reason in validation_reasons(error)]


def iter_models(path: Path, model: type[_Model]) -> Iterator[_Model | Problem]:
    """The objects of a file of JSON lines, each as a model, or the problems of its line."""
    for item in iter_json_lines(path):
        if isinstance(item, Problem):
            yield item
            continue
        try:
            yield model.model_validate(item.content)
        except ValidationError as error:
            yield from invalid(path, item, error)


def read_as(path: Path, schema: type[_Model]) -> _Model:
    """Read a JSON file of this schema. Raises :class:`InputError` with every problem found."""
    try:
        return schema.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            Problem(str(path), 0, "", f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}")
            for item in error.errors()
        ) from error
    except OSError as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error


def find_id(content: Mapping[str, Any], fallback: str, keys: tuple[str, ...] = ("id",)) -> tuple[str, str]:
    """The id of an object, and what is wrong with it (``""``: nothing).

    It is the value of the first of ``keys`` the object has; ``fallback`` where it has none or an unusable one.
    """
    for key in keys:
        if key in content:
            doc_id = text_id(content[key])
            reason = "" if doc_id else f"{key}: neither text nor a whole number: {content[key]!r}"
            return doc_id or fallback, reason
    return fallback, ""


def text_id(value: Any) -> str:
    """An id for messages and records: text as it is, an integer as text, ``""`` for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def others(content: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """The entries of an object under other than the known keys."""
    return {key: value for key, value in content.items() if key not in known}


class _Decoder(json.JSONDecoder):
    """A JSON decoder that remembers repeated keys and refuses NaN and Infinity."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object, parse_constant=self._constant)
        self._repeated_keys: list[str] = []

    def take_repeated_keys(self) -> list[str]:
        """The keys that occurred twice in an object since the last call."""
        keys, self._repeated_keys = self._repeated_keys, []
        return keys

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                self._repeated_keys.append(key)
            content[key] = value
        return content

    @staticmethod
    def _constant(name: str) -> Any:
        raise ValueError(f"{name} is not a JSON value")


def _checked(path: Path, line: int, content: Any, repeated_keys: list[str]) -> Iterator[JsonObject | Problem]:
    if not isinstance(content, dict):
        yield Problem(str(path), line, "", f"expected a JSON object, found {type(content).__name__}")
        return
    for key in repeated_keys:
        yield Problem(str(path), line, text_id(content.get("id")), f"key {key!r} occurs twice in one object")
    if not repeated_keys:
        yield JsonObject(line, content)


def _skip_blank(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position


def _rest_is_blank(path: Path, text: str, position: int) -> Iterator[Problem]:
    position = _skip_blank(text, position)
    if position < len(text):
        line = text.count("\n", 0, position) + 1
        yield Problem(str(path), line, "", "not JSON: more text after the end of the JSON value", ends_file=True)
