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

_TOKEN = re.compile(
    r"\\(?P<escaped>[\[\]\\])"
    r"|\[(?P<surface>(?:[^\[\]\\\n]|\\[\[\]\\])+)\]\((?P<label>[A-Z][A-Z0-9_]*)\)"
    r"|(?P<stray>[\[\]\\])"
)
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
            reason = f"stray {match['stray']!r}: write \\{match['stray']} or complete the [surface](LABEL)"
            defects.append((match.start(), reason))
            continue
        piece = match["escaped"] or _ESCAPE.sub(r"\1", match["surface"])
        if match["label"]:
            spans.append(Span(start=length, end=length + len(piece), label=match["label"]))
        pieces.append(piece)
        length += len(piece)
    pieces.append(body[cursor:])
    return "".join(pieces), spans, defects


def render(text: str, spans: list[Span]) -> str:
    """Write text and spans as markup; the inverse of :func:`parse`.

    Raises ``ValueError`` for a span that inline markup cannot hold: one that
    overlaps another, is empty or has a line break, or a label of other characters than
    capitals A–Z, digits and ``_``, or that does not begin with a capital.
    """
    pieces: list[str] = []
    cursor = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start < cursor:
            raise ValueError(f"overlapping span at {span.start}: inline markup is flat")
        marked_up = f"[{_escape(text[span.start : span.end])}]({span.label})"
        if not _TOKEN.fullmatch(marked_up):
            raise ValueError(f"span {span.start}–{span.end} {span.label}: inline markup cannot hold {marked_up!r}")
        pieces += [_escape(text[cursor : span.start]), marked_up]
        cursor = span.end
    pieces.append(_escape(text[cursor:]))
    return "".join(pieces)


def render_file(record: Record) -> str:
    """A whole file for one record: front matter, then the marked-up text. Raises ``ValueError`` as :func:`render`.

    The front matter has a line for each entry of ``meta``, so line breaks in one become spaces, and no second ``id``.
    """
    meta = {"id": record.id} | {key: value for key, value in record.meta.items() if key != "id"}
    front = "\n".join(" ".join(f"{key}: {value}".splitlines()) for key, value in meta.items())
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
    problems: list[Problem] = []
    for item in iter_text_lines(path):
        if isinstance(item, Problem):
            problems.append(item)
        lines.append("" if isinstance(item, Problem) else item[1])
    if not lines or lines[0] != _FENCE or _FENCE not in lines[1:]:
        reason = "no front matter: the file must begin with a '---' line, keys, and a '---' line"
        yield from [*problems, Problem(str(path), 1, "", reason)]
        return
    fence = lines.index(_FENCE, 1)
    meta: dict[str, str] = {}
    for number, line in enumerate(lines[1:fence], start=2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not key or key in meta:
            reason = f"front matter line is not a new 'key: value': {line!r}"
            problems.append(Problem(str(path), number, meta.get("id", ""), reason))
        else:
            meta[key] = value
    doc_id = meta.pop("id", "")
    if not doc_id:
        problems.append(Problem(str(path), 1, "", "front matter has no id"))
    filled = [number for number in range(fence + 1, len(lines)) if lines[number].strip()]
    first, last = (filled[0], filled[-1]) if filled else (fence + 1, fence)
    body = "\n".join(lines[first : last + 1])
    text, spans, defects = parse(body)
    for offset, reason in defects:
        problems.append(Problem(str(path), first + 1 + body.count("\n", 0, offset), doc_id, reason))
    if problems:
        yield from problems
    else:
        yield Record(id=doc_id, text=text, spans=spans, meta=dict(meta), origin=(str(path), first + 1))
