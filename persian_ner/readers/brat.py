"""Reader of brat's standoff format: ``name.txt`` with the text and ``name.ann`` with the annotation.

Read are the text-bound annotations, ``T1<TAB>PER 0 5<TAB>surface``, with offsets
in characters of the text file as it stands (a byte-order mark and carriage
returns count, as in brat). Relations (R), events (E), attributes (A, M),
normalisations (N), equivalences (*) and notes (#) do not concern named entities
and are left out. A discontinuous annotation has no flat form and is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from persian_ner.records import Problem, Record, Span, iter_text_lines

HELP = "brat standoff: a folder of .txt files, each with its .ann (or one .txt)"

_TEXT_BOUND = re.compile(
    r"(?P<id>T\d+)\t(?P<label>\S+) (?P<start>\d+) (?P<end>\d+)(?P<more>(?:;\d+ \d+)*)\t(?P<surface>.*)"
)
_NOT_TEXT_BOUND = tuple("REAMN*#")


def read(path: Path) -> Iterator[Record | Problem]:
    """Read one ``.txt`` with its ``.ann``, or all below a folder in name order.

    The record's id is the path below the folder without its suffix, or the stem
    of a single file. Problems: no ``.ann``, a ``.ann`` without ``.txt``, lines of
    unknown shape, repeated annotation ids, offsets outside the text, and a surface
    that is not the text at the offsets (brat writes a space for a newline).
    """
    if not path.exists():
        yield Problem(str(path), 0, "", "no such file or folder")
        return
    if not path.is_dir():
        yield from _document(path, path.stem)
        return
    texts = sorted(path.rglob("*.txt"))
    if not texts:
        yield Problem(str(path), 0, "", "no *.txt file here")
    for file in texts:
        yield from _document(file, _name(file, path))
    for file in sorted(path.rglob("*.ann")):
        if not file.with_suffix(".txt").exists():
            yield Problem(str(file), 0, _name(file, path), "no .txt file beside it")


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def _document(file: Path, doc_id: str) -> Iterator[Record | Problem]:
    annotation = file.with_suffix(".ann")
    if not annotation.exists():
        yield Problem(str(file), 0, doc_id, "no .ann file beside it")
        return
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(str(file), 0, doc_id, f"not UTF-8: {error.reason} at byte {error.start} of the file")
        return
    spans: list[Span] = []
    problems: list[Problem] = []
    ids: set[str] = set()
    for item in iter_text_lines(annotation):
        if isinstance(item, Problem):
            problems.append(Problem(item.file, item.line, doc_id, item.reason))
            continue
        number, line = item
        if not line.strip() or line.startswith(_NOT_TEXT_BOUND):
            continue
        span = _span(line, text, ids)
        if isinstance(span, Span):
            spans.append(span)
        else:
            problems.append(Problem(str(annotation), number, doc_id, span))
    yield from problems
    if not problems:
        yield Record(id=doc_id, text=text, spans=spans, origin=(str(file), 1))


def _span(line: str, text: str, ids: set[str]) -> Span | str:
    """The span of a text-bound annotation, or what is wrong with the line."""
    match = _TEXT_BOUND.fullmatch(line)
    if not match:
        return f"not a line of brat's format: {line!r}"
    if match["id"] in ids:
        return f"{match['id']} occurs twice"
    ids.add(match["id"])
    if match["more"]:
        return f"{match['id']} is discontinuous: {match['start']} {match['end']}{match['more']}"
    start, end = int(match["start"]), int(match["end"])
    if not start < end <= len(text):
        return f"{match['id']} {start}–{end} lies outside the text (0–{len(text)}) or is empty"
    surface = text[start:end]
    if surface.replace("\n", " ") != match["surface"]:
        return f"{match['id']} {start}–{end} says {match['surface']!r} but the text there is {surface!r}"
    return Span(start=start, end=end, label=match["label"], surface=surface)
