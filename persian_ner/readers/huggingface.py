"""Reader of Hugging Face ``datasets`` with a column of tokens and a column of tags.

The source is local (a file in JSON, JSON lines, CSV or Parquet, a folder of
such files, or a folder written by ``save_to_disk``) or, where no such path
exists, the name of a dataset on the hub. Tags are the numbers of a ``ClassLabel``
or text, in any scheme of :mod:`persian_ner.readers.tags`. In CSV a cell holds a
list as Python or JSON writes it, or the items separated by spaces. The text is
rebuilt by :func:`persian_ner.detokenize.detokenize`; other columns are left out.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persian_ner.detokenize import detokenize
from persian_ner.readers.json_input import text_id
from persian_ner.readers.tags import OUTSIDE, Scheme, SchemeOption, decode, detect_scheme
from persian_ner.records import Problem, Record, Span

if TYPE_CHECKING:
    from datasets import Dataset

HELP = "Hugging Face datasets, local or by hub name: token and tag columns"

_BUILDERS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def read(
    path: Path | str,
    *,
    config: str | None = None,
    split: str | None = None,
    tokens_column: str = "tokens",
    tags_column: str = "ner_tags",
    id_column: str | None = None,
    scheme: SchemeOption = "auto",
    repair: bool = False,
) -> Iterator[Record | Problem]:
    """Read a dataset; ``config`` is the configuration of a hub dataset (a language, a version).

    All splits are read, or the one named ``split``. The record's id is the value
    of ``id_column``, or else ``<name>/<split>#<row>``; ``meta`` has the split and,
    with ``repair`` (see :func:`persian_ner.readers.tags.decode`), the repairs.
    The line of a problem is the number of the row in its split, from 1.

    Raises ``FileNotFoundError`` for a file name where no file is, ``ValueError``
    for an unknown split or kind of file, a dataset that ``datasets`` cannot make
    of it, and what else that raises for one it cannot load.
    """
    # Imported here because loading ``datasets`` takes seconds.
    from datasets.exceptions import DatasetGenerationError

    try:
        loaded = _load(path, config, split)
    except DatasetGenerationError as error:  # its own message never says what is wrong
        raise ValueError(str(error.__cause__ or error)) from error
    for name, dataset in loaded.items():
        yield from _read_split(str(path), name, dataset, tokens_column, tags_column, id_column, scheme, repair)


def _load(path: Path | str, config: str | None, split: str | None) -> dict[str, Dataset]:
    import datasets

    local = Path(path)
    if local.is_dir():
        saved = (local / "dataset_dict.json").exists() or (local / "state.json").exists()
        loaded = datasets.load_from_disk(str(local)) if saved else datasets.load_dataset(str(local))
    elif local.suffix in _BUILDERS or local.exists():
        if not local.exists():
            raise FileNotFoundError(f"no such file: {path}")
        if local.suffix not in _BUILDERS:
            raise ValueError(f"{path}: not one of {', '.join(_BUILDERS)}")
        loaded = datasets.load_dataset(_BUILDERS[local.suffix], data_files=str(local))
    else:
        loaded = datasets.load_dataset(str(path), config)
    splits: dict[str, Dataset] = (
        dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {str(loaded.split or "data"): loaded}
    )
    if split is None:
        return splits
    if split not in splits:
        raise ValueError(f"{path} has no split {split!r}, only {', '.join(splits)}")
    return {split: splits[split]}


def _read_split(
    path: str,
    split: str,
    dataset: Dataset,
    tokens_column: str,
    tags_column: str,
    id_column: str | None,
    scheme: SchemeOption,
    repair: bool,
) -> Iterator[Record | Problem]:
    wanted = [tokens_column, tags_column, *([id_column] if id_column else [])]
    missing = [column for column in wanted if column not in dataset.column_names]
    for column in missing:
        yield Problem(path, 0, "", f"{split} has no column {column!r}, only {', '.join(dataset.column_names)}")
    if missing:
        return
    names = _class_names(dataset.features[tags_column])
    rows = dataset.select_columns(wanted)
    if scheme == "auto":
        known = detect_scheme([tag for tag in _tags(row[tags_column], names) if tag] for row in rows)
    else:
        known = scheme
    for number, row in enumerate(rows, start=1):
        fallback = f"{Path(path).stem}/{split}#{number}"
        doc_id = (text_id(row[id_column]) if id_column else "") or fallback
        tokens, tags = _cells(row[tokens_column]), _tags(row[tags_column], names)
        reasons = _row_defects(tokens, tags, row[tags_column])
        if id_column and not text_id(row[id_column]):
            reasons.append(f"{id_column}: neither text nor a whole number: {row[id_column]!r}")
        if reasons:
            yield from (Problem(path, number, doc_id, reason) for reason in reasons)
        else:
            yield from _record(path, number, doc_id, split, tokens, [tag or OUTSIDE for tag in tags], known, repair)


def _record(
    path: str, number: int, doc_id: str, split: str, tokens: list[str], tags: list[str], scheme: Scheme, repair: bool
) -> Iterator[Record | Problem]:
    spans, defects = decode(tags, scheme, repair)
    problems = [defect for defect in defects if not (repair and defect.remedy)]
    for defect in problems:
        yield Problem(path, number, doc_id, f"token {defect.token + 1}: {defect.reason}")
    if problems:
        return
    text, offsets = detokenize(tokens)
    meta: dict[str, Any] = {"split": split}
    if defects:
        meta["repairs"] = [f"token {defect.token + 1}: {defect.reason}; {defect.remedy}" for defect in defects]
    yield Record(
        id=doc_id,
        text=text,
        spans=[Span(start=offsets[start][0], end=offsets[end - 1][1], label=label) for start, end, label in spans],
        meta=meta,
        origin=(path, number),
    )


def _class_names(feature: Any) -> list[str] | None:
    """The names of the classes of a column of class numbers; ``None`` of any other column."""
    from datasets import ClassLabel

    item = getattr(feature, "feature", feature)
    return list(item.names) if isinstance(item, ClassLabel) else None


def _cells(value: Any) -> list[Any]:
    """The items of a list column, or of a list written as text."""
    if not isinstance(value, str):
        return list(value) if value is not None else []
    if value.startswith("["):
        for parse in (json.loads, ast.literal_eval):  # JSON first: it writes an emoji as two escapes
            try:
                parsed = parse(value)
            except (ValueError, SyntaxError):
                continue
            if isinstance(parsed, list):
                return parsed
    return value.split()


def _tags(value: Any, names: list[str] | None) -> list[str | None]:
    """The tags as text; ``None`` for what is no tag (a number without a name, a missing value)."""
    tags: list[str | None] = []
    for item in _cells(value):
        if isinstance(item, str):
            tags.append(item)
        else:
            named = names is not None and isinstance(item, int) and 0 <= item < len(names)
            tags.append(names[item] if names is not None and named else None)
    return tags


def _row_defects(tokens: list[Any], tags: list[str | None], raw_tags: Any) -> list[str]:
    reasons: list[str] = []
    if not tokens:
        reasons.append("no tokens")
    if len(tokens) != len(tags):
        reasons.append(f"{len(tokens)} tokens but {len(tags)} tags")
    for number, token in enumerate(tokens, start=1):
        if not isinstance(token, str) or not token.strip():
            reasons.append(f"token {number}: not text: {token!r}")
    for number, (tag, raw) in enumerate(zip(tags, _cells(raw_tags), strict=True), start=1):
        if tag is None:
            reasons.append(f"token {number}: {raw!r} is not a tag, nor the number of a class of the column")
    return reasons
