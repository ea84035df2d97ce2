"""Raw text to packed token blocks: read, clean, deduplicate, encode."""

from __future__ import annotations

import hashlib
import io
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow
from tokenizers import Tokenizer

from persian_ner.characters import fold

MIN_CHARS = 20
"""Shorter paragraphs are menus, captions and page furniture more often than prose."""


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
    training split of a dataset, which is streamed.
    """
    if name.startswith("hf:"):
        yield from _dataset_lines(*name.removeprefix("hf:").split(":"))
        return
    with _open(folder / name) as handle:
        for line in handle:
            yield line.rstrip("\n")


def _dataset_lines(name: str, config: str | None = None) -> Iterator[str]:
    from datasets import load_dataset  # not needed for files, and slow to import

    for row in load_dataset(name, config, split="train", streaming=True):
        yield from row["text"].splitlines()
        yield ""


def _open(path: Path) -> IO[str]:
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    if path.suffix == ".zst":
        return io.TextIOWrapper(pyarrow.input_stream(path, compression="zstd"), encoding="utf-8")
    return path.open(encoding="utf-8")


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
    """Encode paragraphs to one ``uint16`` stream; ``[SEP]`` stands at every document border."""
    if tokenizer.get_vocab_size() > np.iinfo(np.uint16).max + 1:
        raise ValueError("the vocabulary does not fit 16-bit ids")
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
