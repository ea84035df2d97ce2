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
from collections.abc import Iterable, Iterator
from pathlib import Path

from persian_ner import files
from persian_ner.records import InputError, Problem, Record, Span, collect, iter_text_lines

HELP = "Articles in inline markup, [surface](LABEL), one file each (.md), with id/topic/… front matter"

_TOKEN = re.compile(
    r"\\(?P<escaped>[\[\]\\])"
    r"|\[(?P<surface>(?:[^\[\]\\\n]|\\[\[\]\\])+)\]\((?P<label>[A-Z][A-Z0-9_]*)\)"
    r"|(?P<stray>[\[\]\\])"
)
_ESCAPE = re.compile(r"\\([\[\]\\])")
_FENCE = "---"
_WRITTEN = re.compile(r"\d{5,}\.md")


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


def write(records: Iterable[Record], folder: Path, *, lossy: bool = False) -> list[Problem]:
    """Write one numbered file a record into ``folder``, in the place of those of an earlier call; all or nothing.

    Every file is read back. Returns what of the records does not come back as it was. Raises :class:`InputError` with
    that, unless ``lossy``, with every record that a file cannot hold, and for a folder with other files.
    """
    problems = _not_ours(folder)
    losses: list[Problem] = []
    with files.replacing(folder.resolve()) as partial:  # "." and a link have no name to put another beside
        partial.mkdir()
        for number, record in enumerate(records, start=1):
            file = partial / f"{number:05d}.md"
            try:
                file.write_text(render_file(record), encoding="utf-8", newline="\n")
            except UnicodeEncodeError:
                problems.append(record.problem("holds half of a character (a lone surrogate)"))
            except ValueError as error:
                problems.append(record.problem(str(error)))
            else:
                found, defects = collect(_read_file(file))
                problems += (record.problem(f"inline markup cannot hold it: {defect.reason}") for defect in defects)
                losses += (
                    record.problem(f"inline markup {loss}") for again in found for loss in _losses(record, again)
                )
        if not lossy:
            problems += losses
        if problems:
            raise InputError(problems)
    return losses


def _not_ours(folder: Path) -> list[Problem]:
    """Why a folder must not be replaced."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        return [Problem(str(folder), 0, "", "is not a folder")]
    others = sorted(item.name for item in folder.iterdir() if not _WRITTEN.fullmatch(item.name))
    if not others:
        return []
    reason = f"would be replaced, but holds other files (such as {others[0]}): name another folder"
    return [Problem(str(folder), 0, "", reason)]


def _losses(record: Record, again: Record) -> Iterator[str]:
    """What of a record is not what came back from its file; numbers in ``meta`` may have come back as text."""
    if again.id != record.id:
        yield f"changes its id to {again.id!r}"
    if again.text != record.text:
        yield "changes its text: blank lines at the ends and \\r before a line break are lost"
    elif _places(again) != _places(record):
        yield "changes its spans"
    for key, value in record.meta.items():
        if again.meta.get(key) != str(value) or not isinstance(value, str | int | float):
            yield f"changes meta {key!r} from {value!r} to {again.meta.get(key)!r}"
    if record.annotated_labels is not None:
        yield "loses its annotated_labels"
    if any(span.score is not None for span in record.spans):
        yield "loses its scores"
    for span in record.spans:
        if span.surface not in (None, record.text[span.start : span.end]):
            yield f"loses the surface {span.surface!r} at {span.start}–{span.end}, which is not that of the text"


def _places(record: Record) -> list[tuple[int, int, str]]:
    return sorted((span.start, span.end, span.label) for span in record.spans)


def read(path: Path) -> Iterator[Record | Problem]:
    """Read one file, or every ``*.md`` file below a folder in name order."""
    found = sorted(path.rglob("*.md")) if path.is_dir() else [path]
    if not found:
        yield Problem(str(path), 0, "", "no *.md file here")
    for file in found:
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
