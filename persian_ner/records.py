"""The canonical annotated record, and the problems found while reading one.

Every reader in :mod:`persian_ner.readers` yields these two types and nothing
else, so that each later step (validation, splitting, DocBin conversion,
evaluation) sees one shape whatever the source format was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt

_T = TypeVar("_T")


@dataclass(frozen=True, order=True)
class Problem:
    """One defect of the input: where it is and why it is one.

    ``line`` is 1-based; 0 when the problem belongs to the file as a whole.
    ``ends_file``: nothing behind it can be read, so that leaving out a document
    does not get rid of it.
    """

    file: str
    line: int
    doc_id: str
    reason: str
    ends_file: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """``file:line: [document id] reason``."""
        where = self.file + (f":{self.line}" if self.line else "")
        return f"{where}: [{self.doc_id or '-'}] {self.reason}"


class Span(BaseModel):
    """One annotated span.

    ``start`` and ``end`` are offsets in characters of the record's raw
    ``text`` (``text[start:end]`` is the surface). ``surface`` is optional: when
    a source gives it, validation checks it against the text. ``score`` is how sure
    the pipeline that predicted the span was, where it says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: StrictInt
    end: StrictInt
    label: str
    surface: str | None = None
    score: float | None = Field(default=None, ge=0, le=1)


class Record(BaseModel):
    """One annotated document (an article, or a sentence where a source has no more).

    ``annotated_labels`` are the labels the source annotates exhaustively: a
    token outside every span is a negative for these labels only. ``None`` means
    all labels of the scheme. ``origin`` is the file and 1-based line the record
    was read from, for messages; it is not written back.
    """

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    text: str
    spans: list[Span] = Field(default_factory=list)
    meta: dict[str, Any] = Field(default_factory=dict)
    annotated_labels: list[str] | None = None
    origin: tuple[str, int] = Field(default=("", 0), exclude=True, repr=False)

    def problem(self, reason: str) -> Problem:
        """A problem located at this record."""
        return Problem(*self.origin, self.id, reason)


class InputError(ValueError):
    """Raised when input cannot be used; carries *all* problems found, not the first."""

    def __init__(self, problems: Iterable[Problem]):
        """Keep ``problems``, sorted by file and line."""
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def collect(items: Iterable[Record | Problem]) -> tuple[list[Record], list[Problem]]:
    """Split a reader's output into records and problems, keeping order."""
    records: list[Record] = []
    problems: list[Problem] = []
    for item in items:
        if isinstance(item, Problem):
            problems.append(item)
        else:
            records.append(item)
    return records, problems


def collecting(problems: list[Problem], load: Callable[[], _T]) -> _T | None:
    """Load something; what is wrong with it joins ``problems``, so that all inputs are reported at once.

    Returns what ``load`` returns, and None when it raises :class:`InputError`.
    """
    try:
        return load()
    except InputError as error:
        problems += error.problems
        return None


def loaded(path: Path, load: Callable[[Path], _T]) -> _T:
    """What ``load`` makes of a file or folder; raises :class:`InputError` when it is not there or cannot be read."""
    if not path.exists():
        raise InputError([Problem(str(path), 0, "", "not there")])
    try:
        return load(path)
    except Exception as error:  # what reads tokenizers, weights and pipelines has no kind of error in common
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {shorten(str(error), 200)}")]) from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, for :func:`loaded`."""
    return path.read_text(encoding="utf-8")


def iter_text_lines(path: Path) -> Iterator[tuple[int, str] | Problem]:
    """Yield ``(line number, line without its newline)`` of a UTF-8 file.

    Only ``\\n`` and ``\\r\\n`` end a line: ``str.splitlines`` would also break at
    U+2028, U+0085 and other characters that scraped text contains. A leading
    byte-order mark is dropped. A line that is not UTF-8 is yielded as a
    :class:`Problem`, and reading goes on.
    """
    with path.open("rb") as handle:
        yield from decoded_lines(handle, str(path))


def decoded_lines(lines: Iterable[bytes], file: str) -> Iterator[tuple[int, str] | Problem]:
    """As :func:`iter_text_lines`, of lines that something else reads; ``file`` is named in the problems."""
    for number, raw in enumerate(lines, start=1):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Problem(file, number, "", f"not UTF-8: {error.reason} at byte {error.start} of the line")
            continue
        yield number, line.removesuffix("\n").removesuffix("\r")
