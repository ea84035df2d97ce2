"""Reader (and writer) for articles in readable inline markup.

A file is a front matter of ``key: value`` lines between two ``---`` lines, then
the article. A span is written ``[surface](LABEL)``; everything else is the
article's text, character by character::

    ---
    id: diplomacy-001
    topic: diplomacy
    published: 2025-04-17
    ---
    [عباس عراقچی](PER) [پنجشنبه](DATE) وارد [مسکو](GPE) شد.

``id`` is required; the other keys go to ``meta`` as strings. Square brackets and
backslashes that belong to the text are written ``\\[``, ``\\]`` and ``\\\\``.
The text is the body without leading and trailing blank lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from persian_ner.records import Problem, Record, Span, iter_text_lines

HELP = "Articles in inline markup, [surface](LABEL), one file each (.md), with id/topic/… front matter"

_TOKEN = re.compile(r"\\(?P<escaped>[\[\]\\])|\[(?P<surface>(?:[^\[\]\\\n]|\\[\[\]\\])+)\]\((?P<label>[A-Z]+)\)|(?P<stray>[\[\]\\])")
_ESCAPE = re.compile(r"\\([\[\]\\])")
_FENCE = "---"


def parse(body: str) -> tuple[str, list[Span], list[tuple[int, str]]]:
    """Parse marked-up text.

    Returns the raw text, its spans (offsets in characters of that text), and
    the defects as ``(offset in body, reason)``; a stray bracket or backslash
    is a defect, never text.
    """
    pieces: list[str] = []
    spans: list[Span] = []
    defects: list[tuple[int, str]] = []
    length = 0
    cursor = 0
    for match in _TOKEN.finditer(body):
        literal = body[cursor : match.start()]
        pieces.append(literal)
        length += len(literal)
        cursor = match.end()
        if match["stray"]:
            defects.append((match.start(), f"stray {match['stray']!r}: write \\{match['stray']} or complete the [surface](LABEL)"))
            continue
        piece = match["escaped"] or _ESCAPE.sub(r"\1", match["surface"])
        if match["label"]:
            spans.append(Span(start=length, end=length + len(piece), label=match["label"]))
        pieces.append(piece)
        length += len(piece)
    pieces.append(body[cursor:])
    return "".join(pieces), spans, defects


def render(text: str, spans: list[Span]) -> str:
    """Write text and non-overlapping spans as markup; the inverse of :func:`parse`."""
    pieces: list[str] = []
    cursor = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start < cursor:
            raise ValueError(f"overlapping span at {span.start}: inline markup is flat")
        pieces += [_escape(text[cursor : span.start]), "[", _escape(text[span.start : span.end]), "](", span.label, ")"]
        cursor = span.end
    pieces.append(_escape(text[cursor:]))
    return "".join(pieces)


def render_file(record: Record) -> str:
    """A whole file for one record: front matter, then the marked-up text."""
    meta = {"id": record.id, **record.meta}
    front = "\n".join(f"{key}: {value}" for key, value in meta.items())
    return f"{_FENCE}\n{front}\n{_FENCE}\n{render(record.text, record.spans)}\n"


def read(path: Path) -> Iterator[Record | Problem]:
    """Read one file, or every ``*.md`` file below a folder in name order."""
    files = sorted(path.rglob("*.md")) if path.is_dir() else [path]
    if not files:
        yield Problem(str(path), 0, "", "no *.md file here")
    for file in files:
        yield from _read_file(file)


def _escape(text: str) -> str:
    return re.sub(r"([\[\]\\])", r"\\\1", text)


def _read_file(path: Path) -> Iterator[Record | Problem]:
    lines: list[str] = []
    for item in iter_text_lines(path):
        if isinstance(item, Problem):
            yield item
            return
        lines.append(item[1])
    if not lines or lines[0] != _FENCE or _FENCE not in lines[1:]:
        yield Problem(str(path), 1, "", "no front matter: the file must begin with a '---' line, keys, and a '---' line")
        return
    fence = lines.index(_FENCE, 1)
    meta: dict[str, str] = {}
    for number, line in enumerate(lines[1:fence], start=2):
        key, colon, value = line.partition(":")
        if not colon or not key.strip() or key.strip() in meta:
            yield Problem(str(path), number, "", f"front matter line is not a new 'key: value': {line!r}")
            continue
        meta[key.strip()] = value.strip()
    doc_id = meta.pop("id", "")
    if not doc_id:
        yield Problem(str(path), 1, "", "front matter has no id")
        return
    first = next((i for i in range(fence + 1, len(lines)) if lines[i].strip()), len(lines))
    body = "\n".join(lines[first:]).rstrip()
    text, spans, defects = parse(body)
    for offset, reason in defects:
        yield Problem(str(path), first + 1 + body.count("\n", 0, offset), doc_id, reason)
    if not defects:
        yield Record(id=doc_id, text=text, spans=spans, meta=dict(meta), origin=(str(path), first + 1))
