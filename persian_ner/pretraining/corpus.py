"""Raw text to packed token blocks: read, clean, deduplicate, encode."""

from __future__ import annotations

import hashlib
import io
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow
from tokenizers import Tokenizer

from persian_ner.characters import fold
from persian_ner.records import InputError, Problem, decoded_lines

MIN_CHARS = 20
"""Shorter paragraphs are menus, captions and page furniture more often than prose."""
MOST_PIECES = np.iinfo(np.uint16).max + 1
"""Of a vocabulary, whose ids are kept in 16 bits."""
_DATASET = "hf:"


@dataclass(frozen=True)
class CleaningCounts:
    """What cleaning did to one source, in paragraphs."""

    read: int
    kept: int
    too_short: int
    not_persian: int
    duplicate: int


def read_lines(name: str, folder: Path) -> Iterator[str]:
    """Paragraphs of a source, one a line; document borders are blank lines ('').

    ``name`` is that of a UTF-8 file in ``folder`` (``.txt``, ``.txt.xz``,
    ``.txt.zst``), or ``hf:NAME`` or ``hf:NAME:CONFIG`` for the field ``text`` of the
    training split of a dataset, which is streamed. Raises :class:`InputError` for what cannot be read; for lines that
    are not UTF-8 at the end, and with the first of them.
    """
    if name.startswith(_DATASET):
        yield from _dataset_lines(name)
        return
    path = folder / name
    wrong: Problem | None = None
    more = 0
    try:
        with _open(path) as handle:
            for item in decoded_lines(handle, str(path)):
                if not isinstance(item, Problem):
                    if wrong is None:
                        yield item[1]
                elif wrong is None:
                    wrong = item
                else:
                    more += 1
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    if wrong is not None:
        others = f"; nor are {more:,} lines after it" if more else ""
        raise InputError([replace(wrong, reason=wrong.reason + others)])


def absent(names: Iterable[str], folder: Path) -> list[Problem]:
    """A problem for each file of these names that ``folder`` has not; data sets are not looked for."""
    paths = [folder / name for name in names if not name.startswith(_DATASET)]
    return [Problem(str(path), 0, "", "no such file") for path in paths if not path.is_file()]


def _dataset_lines(source: str) -> Iterator[str]:
    from datasets import load_dataset  # not needed for files, and slow to import
    from datasets.exceptions import DatasetsError

    name, _, config = source.removeprefix(_DATASET).partition(":")
    try:
        for number, row in enumerate(load_dataset(name, config or None, split="train", streaming=True), start=1):
            if not isinstance(text := row.get("text"), str):
                raise ValueError(f"row {number} has no text in the field «text»")
            yield from text.splitlines()
            yield ""
    except (OSError, ValueError, DatasetsError) as error:
        raise InputError([Problem(source, 0, "", f"cannot be read: {error}")]) from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    if path.suffix == ".zst":
        return io.BufferedReader(pyarrow.input_stream(path, compression="zstd"))
    return path.open("rb")


def clean(lines: Iterable[str], seen: set[bytes]) -> tuple[list[str], CleaningCounts]:
    """Drop short, non-Persian and repeated paragraphs.

    ``seen`` holds digests of folded paragraphs and is shared between sources, so
    a paragraph that occurs in two of them is kept once. Blank lines (document
    borders) are kept.
    """
    kept: list[str] = []
    read = short = foreign = duplicate = 0
    for line in lines:
        text = line.strip()
        if not text:
            kept.append("")
            continue
        read += 1
        if len(text) < MIN_CHARS:
            short += 1
            continue
        if sum("\u0600" <= char <= "\u06ff" for char in text) * 2 < len(text.replace(" ", "")):
            foreign += 1
            continue
        digest = hashlib.blake2b("".join(fold(text).split()).encode(), digest_size=8).digest()
        if digest in seen:
            duplicate += 1
            continue
        seen.add(digest)
        kept.append(text)
    counts = CleaningCounts(read, read - short - foreign - duplicate, short, foreign, duplicate)
    return kept, counts


def encode(paragraphs: Iterable[str], tokenizer: Tokenizer, batch: int = 4096) -> np.ndarray:
    """Encode paragraphs to one ``uint16`` stream; ``[SEP]`` stands at every document border.

    The tokenizer has :data:`MOST_PIECES` at most.
    """
    border = tokenizer.token_to_id("[SEP]")
    stream: list[np.ndarray] = []
    pending: list[str] = []

    def flush() -> None:
        for encoding in tokenizer.encode_batch(pending, add_special_tokens=False):
            stream.append(np.asarray(encoding.ids or [border], dtype=np.uint16))
        pending.clear()

    for paragraph in paragraphs:
        pending.append(paragraph)
        if len(pending) == batch:
            flush()
    flush()
    return np.concatenate(stream) if stream else np.zeros(0, dtype=np.uint16)


def blocks(stream: np.ndarray, length: int, cls_id: int, sep_id: int) -> np.ndarray:
    """Cut a stream into rows ``[CLS] … [SEP]`` of exactly ``length`` ids; the incomplete tail is dropped."""
    body = length - 2
    rows = len(stream) // body
    packed = np.empty((rows, length), dtype=np.uint16)
    packed[:, 0] = cls_id
    packed[:, 1:-1] = stream[: rows * body].reshape(rows, body)
    packed[:, -1] = sep_id
    return packed
