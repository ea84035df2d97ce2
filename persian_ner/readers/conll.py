"""Reader of column files (CoNLL): one token a line, its tag in another column, a blank line between sentences.

One record is one sentence; its text is rebuilt from the tokens by
:func:`persian_ner.detokenize.detokenize`. White space at the edges of a column
is padding of the file, not part of the token. A line that begins with
``-DOCSTART-`` starts a new document.

Real corpora have defects, and dropping their sentences costs names. With
``repair`` these are read as follows, and every repair is listed in the record's
``meta["repairs"]``:

* ``wordO``, ``wordB-PER`` (no separator): split, if the end is a tag that the file uses elsewhere;
* a token without a tag, followed by a line with only a tag: joined;
* a token without a tag in a sentence that has tags otherwise: its tag is taken as O;
* a tag without a token (the token was white space): left out, unless a span starts there;
* an orphan ``I-X``, a span without its ``E-X`` or ``L-X``: see :mod:`persian_ner.readers.tags`.

Without ``repair`` they are problems like all others, and a sentence with a
problem is not yielded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from persian_ner.characters import ZWNJ
from persian_ner.detokenize import detokenize
from persian_ner.readers.tags import OUTSIDE, Scheme, SchemeOption, decode, detect_scheme, split_tag
from persian_ner.records import Problem, Record, Span, iter_text_lines

HELP = "Column files (CoNLL): token and BIO/IOB1/BIOES/BILOU tag, blank line between sentences; a file or a folder"

_DOCUMENT_START = "-DOCSTART-"
_TAG_AT_END = re.compile(r"(?:O|[BIESLU][-_]\w+)\Z")


@dataclass
class _Row:
    line: int
    token: str
    tag: str | None


@dataclass
class _Defect:
    line: int
    reason: str
    remedy: str = ""  # how ``repair`` reads it; "": not at all


@dataclass
class _Sentence:
    file: Path
    id: str
    document: str
    first_line: int
    rows: list[_Row] = field(default_factory=list)
    defects: list[_Defect] = field(default_factory=list)


@dataclass
class _Block:
    """The lines of one sentence before they are split into columns."""

    document: str
    lines: list[tuple[int, str]] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Layout:
    width: int
    token: int
    tag: int
    separator: str | None
    tags: frozenset[str]  # of the file's well-formed lines


def read(
    path: Path,
    *,
    token_column: int = 0,
    tag_column: int = -1,
    separator: str | None = None,
    scheme: SchemeOption = "auto",
    token_space: Literal["keep", "zwnj"] = "keep",
    comment: str | None = None,
    pattern: str = "*",
    repair: bool = False,
) -> Iterator[Record | Problem]:
    """Read one file, or the files of a folder whose names match ``pattern``, in natural order (2 before 10).

    ``separator`` between columns is, if ``None``, the tab where a line has one
    (tokens may then contain spaces) and any run of spaces elsewhere. ``scheme``
    ``"auto"`` takes, for all files together, the one with the fewest defects.
    ``token_space`` ``"zwnj"`` writes a space inside a token as the half-space
    that some copies of PEYMA lost. Lines that begin with ``comment`` are left out.

    A record's id is ``<file>#<number of the sentence>``, where ``<file>`` is the
    stem of a single file or the name below the folder; sentences that are not
    yielded are counted too. ``meta["document"]`` is ``<file>``, after a
    ``-DOCSTART-`` line ``<file>#doc<number>``. Problems: lines without a tag or
    with another number of columns than the file's other lines, no token, tags of
    unknown shape or against their scheme, text that is not UTF-8.
    """
    files = _files(path, pattern)
    if not files:
        yield Problem(str(path), 0, "", f"no file matches {pattern!r} here")
    parsed: list[_Sentence | Problem] = []
    for file, name in files:
        parsed += _read_file(file, name, token_column, tag_column, separator, comment)
    sentences = [item for item in parsed if isinstance(item, _Sentence)]
    known = (
        detect_scheme([row.tag or OUTSIDE for row in item.rows] for item in sentences) if scheme == "auto" else scheme
    )
    for item in parsed:
        if isinstance(item, Problem):
            yield item
        else:
            yield from _record(item, known, token_space == "zwnj", repair)


def _files(path: Path, pattern: str) -> list[tuple[Path, str]]:
    if not path.is_dir():
        return [(path, path.stem)]
    files = [(file, file.relative_to(path).as_posix()) for file in path.glob(pattern) if file.is_file()]
    return sorted(files, key=lambda item: _natural_key(item[1]))


def _natural_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _read_file(
    file: Path, name: str, token_column: int, tag_column: int, separator: str | None, comment: str | None
) -> Iterator[_Sentence | Problem]:
    blocks = list(_blocks(file, name, comment))
    cells = [_split(line, separator) for block in blocks for _, line in block.lines]
    widths = Counter(len(row) for row in cells if len(row) > 1)
    if not widths:
        yield Problem(str(file), 0, "", "no line has two columns: is the separator right?")
        return
    width = widths.most_common(1)[0][0]
    positions = [column + width if column < 0 else column for column in (token_column, tag_column)]
    if not all(0 <= position < width for position in positions) or positions[0] == positions[1]:
        reason = f"token column {token_column} and tag column {tag_column} are not two of the {width} columns"
        yield Problem(str(file), 0, "", reason)
        return
    token, tag = positions
    tags = {row[tag].strip() for row in cells if len(row) == width}
    layout = _Layout(width, token, tag, separator, frozenset(tag for tag in tags if split_tag(tag)) | {OUTSIDE})
    for number, block in enumerate(blocks, start=1):
        yield _sentence(file, f"{name}#{number}", block, layout)


def _blocks(file: Path, name: str, comment: str | None) -> Iterator[_Block]:
    documents = 0
    block = _Block(name)
    for item in iter_text_lines(file):
        if isinstance(item, Problem):
            block.unreadable.append(item)
            continue
        number, line = item
        starts_document = line.startswith(_DOCUMENT_START)
        if not line.strip() or starts_document:
            if block.lines or block.unreadable:
                yield block
            documents += starts_document
            block = _Block(f"{name}#doc{documents}" if documents else name)
        elif not (comment and line.startswith(comment)):
            block.lines.append((number, line))
    if block.lines or block.unreadable:
        yield block


def _split(line: str, separator: str | None) -> list[str]:
    if separator is not None:
        return line.split(separator)
    return line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))


def _sentence(file: Path, sentence_id: str, block: _Block, layout: _Layout) -> _Sentence:
    first_line = min([number for number, _ in block.lines] + [problem.line for problem in block.unreadable])
    sentence = _Sentence(file, sentence_id, block.document, first_line)
    sentence.defects += (_Defect(problem.line, problem.reason) for problem in block.unreadable)
    for number, line in block.lines:
        _add_row(sentence, number, line, layout)
    if not sentence.rows:  # leaving out its tags would leave out the sentence, unreported
        for defect in sentence.defects:
            defect.remedy = ""
    has_tags = any(row.tag is not None for row in sentence.rows)
    for row in sentence.rows:
        if row.tag is None:
            # «NATO» may be a word without a tag, or «NAT» with the tag O: not ours to decide.
            clear = has_tags and not _TAG_AT_END.search(row.token)
            sentence.defects.append(_Defect(row.line, f"no tag: {row.token!r}", "taken as O" if clear else ""))
    return sentence


def _add_row(sentence: _Sentence, number: int, line: str, layout: _Layout) -> None:
    """Add the row of one line to the sentence, and the line's defects."""
    cells = [cell.strip() for cell in _split(line, layout.separator)]
    rows, defects = sentence.rows, sentence.defects
    if len(cells) not in (1, layout.width):
        defects.append(_Defect(number, f"{len(cells)} columns where the file has {layout.width}: {line!r}"))
        return
    if len(cells) == layout.width:
        token, tag = cells[layout.token], cells[layout.tag] or None
    elif cells[0] in layout.tags:
        token, tag = "", cells[0]
    else:
        token, tag = _unglue(cells[0], layout.tags)
        if tag:
            defects.append(_Defect(number, f"no separator before the tag: {line!r}", f"split before {tag}"))
    if token:
        rows.append(_Row(number, token, tag))
    elif len(cells) == 1 and rows and rows[-1].tag is None:
        before = rows[-1]
        before.tag = tag
        defects.append(_Defect(before.line, f"no tag: {before.token!r}", f"tag taken from line {number}"))
        defects.append(_Defect(number, f"no token: {line!r}", f"joined to line {before.line}"))
    else:
        starts_span = tag is None or tag[0] not in "OI"
        defects.append(_Defect(number, f"no token: {line!r}", "" if starts_span else "left out"))


def _unglue(text: str, tags: frozenset[str]) -> tuple[str, str | None]:
    """Split «wordB-PER» into word and tag; a capital before the tag («NATO») leaves the text whole."""
    for tag in sorted(tags, key=len, reverse=True):
        word = text.removesuffix(tag)
        if word and word != text:
            return (text, None) if "A" <= word[-1] <= "Z" else (word, tag)
    return text, None


def _record(sentence: _Sentence, scheme: Scheme, space_to_zwnj: bool, repair: bool) -> Iterator[Record | Problem]:
    spans, tag_defects = decode([row.tag or OUTSIDE for row in sentence.rows], scheme, repair)
    defects = sentence.defects + [
        _Defect(sentence.rows[defect.token].line, defect.reason, defect.remedy) for defect in tag_defects
    ]
    defects.sort(key=lambda defect: defect.line)
    problems = [defect for defect in defects if not (repair and defect.remedy)]
    for defect in problems:
        yield Problem(str(sentence.file), defect.line, sentence.id, defect.reason)
    if problems:
        return
    tokens = [re.sub(" +", ZWNJ, row.token) if space_to_zwnj else row.token for row in sentence.rows]
    text, offsets = detokenize(tokens)
    meta: dict[str, object] = {"document": sentence.document}
    if defects:
        meta["repairs"] = [f"line {defect.line}: {defect.reason}; {defect.remedy}" for defect in defects]
    yield Record(
        id=sentence.id,
        text=text,
        spans=[Span(start=offsets[start][0], end=offsets[end - 1][1], label=label) for start, end, label in spans],
        meta=meta,
        origin=(str(sentence.file), sentence.first_line),
    )
