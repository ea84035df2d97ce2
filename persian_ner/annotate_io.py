"""What bulk annotation reads and writes: records one after the other from files and datasets, and the finished file.

=====================  ===============================================================
input                  one record is
=====================  ===============================================================
``.jsonl``             a line with a JSON object; blank lines are skipped
``.txt``               a line, under the name of the text field; blank lines are skipped
``.csv``, ``.tsv``     a row (all values are text), with a header row
``.parquet``           a row
``hf:NAME``            a row of a dataset of the Hugging Face hub, read as a stream, or
                       of a local folder (data files, or written by ``save_to_disk``)
=====================  ===============================================================

Nothing is held in memory but the current record, and batches of rows of Parquet.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from persian_ner.files import replacing
from persian_ner.records import InputError, Problem

DATASET_PREFIX = "hf:"
ENTITIES = "entities"
"""The field with the entities of an annotated record."""
MODEL = "model"
"""The field of an annotated record with name and version of the pipeline."""
KEPT_AS = {name: f"input_{name}" for name in (ENTITIES, MODEL)}
"""What fields of the input are called in the output whose own names the result takes."""
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
# What a quotation mark that is never closed can swallow before reading goes on behind it.
_LONGEST_CSV_CELL = 10_000_000
_ROWS_AT_ONCE = 1000
_INT64 = 1 << 63

Kind = Literal["null", "bool", "int", "float", "text", "json"]
"""What the values of a field are, for a column of Parquet: "json" where they are nested or differ."""


@dataclass(frozen=True)
class Entry:
    """One record of the input, or, with a ``reason``, what stands in its place and is none.

    ``line`` is the 1-based number of its line or row; ``done`` the progress once
    it is dealt with, in the unit of its source. ``raw`` is its text where that
    could not be taken apart into fields.
    """

    line: int
    done: int
    fields: dict[str, Any] = field(default_factory=dict)
    raw: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Source:
    """An input that was found and can be read.

    ``identity`` says which input it is: a later run with the same identity reads
    the same entries. ``read`` yields the entries after the first so many.
    ``total`` is the progress at the end, where that is known.
    """

    name: str
    identity: dict[str, Any]
    unit: Literal["B", " rows"]
    total: int | None
    read: Callable[[int], Iterator[Entry]]


def open_source(
    name: str,
    *,
    text_field: str = "text",
    date_field: str = "",
    config: str = "",
    split: str = "train",
    revision: str = "",
) -> Source:
    """Find the input; its format follows from its suffix. The last three options are for datasets (``hf:``) only.

    Raises :class:`InputError` for an input that is not there, of no known format, or,
    where its columns are known, without that of the text, or of the date if one is named.
    """
    if name.startswith(DATASET_PREFIX):
        source, columns = _open_dataset(name.removeprefix(DATASET_PREFIX), config, split, revision)
    else:
        source, columns = _open_file(Path(name), text_field)
    if columns is not None and (reasons := column_defects(columns, text_field, date_field)):
        raise InputError(Problem(name, 0, "", reason) for reason in reasons)
    return source


def column_defects(columns: list[str], text_field: str, date_field: str) -> list[str]:
    """Why an input with these columns cannot be used; ``date_field`` is ``""`` where none is needed."""
    missing = [field for field in (text_field, date_field) if field and field not in columns]
    return [
        *(f"no column {field!r}, only {', '.join(columns) or 'nothing'}" for field in missing),
        *(f"several columns {column!r}" for column in dict.fromkeys(columns) if columns.count(column) > 1),
        *name_clashes(columns),
    ]


def name_clashes(names: Container[str]) -> list[str]:
    """Which fields of these cannot be kept (:data:`KEPT_AS`), because the name that they would get is taken too."""
    return [
        f"has both {name!r} and {kept!r}: the result takes the name {name!r}, and yours would become {kept!r}; "
        "rename one of the two in the input, or leave it out"
        for name, kept in KEPT_AS.items()
        if name in names and kept in names
    ]


def _open_file(path: Path, text_field: str) -> tuple[Source, list[str] | None]:
    """A file and the names of its columns, where all its records have the same."""
    columns: list[str] | None = None
    rows: int | None = None
    try:
        facts = path.stat()
        match path.suffix:
            case ".jsonl":
                read: Callable[[int], Iterator[Entry]] = partial(_read_jsonl, path)
            case ".txt":
                read = partial(_read_text, path, text_field)
            case ".csv" | ".tsv":
                read = partial(_read_csv, path)
                columns = _csv_header(path)
            case ".parquet":
                read = partial(_read_parquet, path)
                columns, rows = _parquet_facts(path)
            case _:
                formats = ".jsonl, .txt, .csv, .tsv, .parquet"
                raise InputError([Problem(str(path), 0, "", f"not one of {formats}, nor {DATASET_PREFIX}NAME")])
    except OSError as error:
        raise InputError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    identity = {"file": str(path.resolve()), "size": facts.st_size, "modified_ns": facts.st_mtime_ns}
    entries = _saying_where(str(path), read)
    if rows is None:
        return Source(path.stem, identity, "B", facts.st_size, entries), columns
    return Source(path.stem, identity, " rows", rows, entries), columns


def _saying_where(name: str, read: Callable[[int], Iterator[Entry]]) -> Callable[[int], Iterator[Entry]]:
    """Reading that raises :class:`InputError` whatever goes wrong: libraries raise errors of many kinds midway."""

    def entries(skip: int) -> Iterator[Entry]:
        line = 0
        try:
            for entry in read(skip):
                line = entry.line
                yield entry
        except Exception as error:
            reason = f"cannot be read any further: {type(error).__name__}: {error}"
            raise InputError([Problem(name, line, "", reason)]) from error

    return entries


class _Line(NamedTuple):
    number: int
    end: int
    raw: bytes


def _lines(path: Path) -> Iterator[_Line]:
    """The lines of a file without their ends and a byte-order mark; ``end`` is the offset behind the line, in bytes.

    Only line feeds end lines, as in :func:`persian_ner.records.iter_text_lines`.
    """
    end = 0
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, start=1):
            end += len(raw)
            yield _Line(number, end, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)


def _full_lines(path: Path, skip: int) -> Iterator[_Line]:
    stripped = (line._replace(raw=line.raw.removesuffix(b"\n").removesuffix(b"\r")) for line in _lines(path))
    return islice((line for line in stripped if line.raw.strip()), skip, None)


def _read_jsonl(path: Path, skip: int) -> Iterator[Entry]:
    for number, end, raw in _full_lines(path, skip):
        try:
            content = _DECODER.decode(raw.decode("utf-8"))
            if not isinstance(content, dict):
                raise ValueError(f"expected a JSON object, found {type(content).__name__}")
        except UnicodeDecodeError as error:
            yield _undecodable(number, end, raw, error)
        except (ValueError, RecursionError) as error:
            yield Entry(number, end, raw=raw.decode("utf-8"), reason=f"not JSON: {error}")
        else:
            yield Entry(number, end, content)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return content


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is beyond the range of numbers")
    return number


# What Python's decoder would let through, but could not be written again as it was.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def _read_text(path: Path, text_field: str, skip: int) -> Iterator[Entry]:
    for number, end, raw in _full_lines(path, skip):
        try:
            yield Entry(number, end, {text_field: raw.decode("utf-8")})
        except UnicodeDecodeError as error:
            yield _undecodable(number, end, raw, error)


def _undecodable(number: int, end: int, raw: bytes, error: UnicodeDecodeError) -> Entry:
    reason = f"not UTF-8: {error.reason} at byte {error.start} of the line"
    return Entry(number, end, raw=raw.decode("utf-8", "backslashreplace"), reason=reason)


class _CsvRow(NamedTuple):
    line: int
    end: int
    cells: list[str]
    raw: str = ""
    reason: str = ""


def _csv_rows(path: Path) -> Iterator[_CsvRow]:
    """Rows with at least one cell, the header among them; bytes that are not UTF-8 become lone surrogates."""
    consumed: list[str] = []
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in _lines(path):
            end = line.end
            consumed.append(line.raw.decode("utf-8", "surrogateescape"))
            yield consumed[-1]

    csv.field_size_limit(_LONGEST_CSV_CELL)
    rows = csv.reader(lines(), delimiter=_DELIMITERS[path.suffix], strict=True)
    while True:
        first = rows.line_num + 1
        consumed.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _CsvRow(first, end, [], "".join(consumed), f"not CSV: {error}")
            continue
        if cells:
            yield _CsvRow(first, end, cells, "".join(consumed))


def _csv_header(path: Path) -> list[str]:
    header = next(_csv_rows(path), _CsvRow(1, 0, []))
    if reason := header.reason or ("" if is_unicode(header.raw) else "not UTF-8"):
        raise InputError([Problem(str(path), header.line, "", reason)])
    return header.cells


def _read_csv(path: Path, skip: int) -> Iterator[Entry]:
    rows = _csv_rows(path)
    header = next(rows).cells
    for row in islice(rows, skip, None):
        reason = row.reason
        if not reason and len(row.cells) != len(header):
            reason = f"{len(row.cells)} cells, but {len(header)} columns"
        elif not reason and not is_unicode(row.raw):
            reason = "not UTF-8"
        if reason:
            raw = row.raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            yield Entry(row.line, row.end, raw=raw, reason=reason)
        else:
            yield Entry(row.line, row.end, dict(zip(header, row.cells, strict=True)))


def _parquet_facts(path: Path) -> tuple[list[str], int]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow.names, file.metadata.num_rows
    except ValueError as error:  # what pyarrow's own errors are
        raise InputError([Problem(str(path), 0, "", f"cannot be read as Parquet: {error}")]) from error


def _read_parquet(path: Path, skip: int) -> Iterator[Entry]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        first = 0
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
            for index in range(max(0, skip - first), batch.num_rows):
                number = first + index + 1
                try:
                    (row,) = batch.slice(index, 1).to_pylist()
                except (ValueError, OverflowError) as error:  # bytes that are not UTF-8, times beyond Python's
                    yield Entry(number, number, reason=f"cannot be read: {error}")
                else:
                    yield _row(number, row)
            first += batch.num_rows


def _open_dataset(name: str, config: str, split: str, revision: str) -> tuple[Source, list[str] | None]:
    """A dataset and the names of its columns, where these are known before reading."""
    # Imported here because loading ``datasets`` takes seconds.
    import datasets

    identity: dict[str, Any] = {"dataset": name, "config": config, "split": split}
    try:
        if Path(name).is_dir():
            identity |= {"dataset": str(Path(name).resolve()), "files_sha256": _folder_state(Path(name))}
            if any((Path(name) / file).exists() for file in ("dataset_dict.json", "state.json")):
                loaded = datasets.load_from_disk(name)
                saved = loaded[split] if isinstance(loaded, datasets.DatasetDict) else loaded
                dataset = saved.to_iterable_dataset()
            else:
                dataset = datasets.load_dataset(name, config or None, split=split, streaming=True)
        else:
            from huggingface_hub import HfApi

            # A name on the hub means something else after each upload; the commit does not.
            identity["revision"] = HfApi().dataset_info(name, revision=revision or None).sha
            dataset = datasets.load_dataset(
                name, config or None, split=split, streaming=True, revision=identity["revision"]
            )
    except Exception as error:  # of this library, of the hub's, and of the network
        reason = f"cannot be loaded as a dataset: {type(error).__name__}: {error}"
        raise InputError([Problem(name, 0, "", reason)]) from error

    def read(skip: int) -> Iterator[Entry]:
        return (_row(number, row) for number, row in enumerate(dataset.skip(skip), start=skip + 1))

    known = (dataset.info.splits or {}).get(split)
    total = known.num_examples if known and known.num_examples else None
    return Source(Path(name).name, identity, " rows", total, _saying_where(name, read)), dataset.column_names


def _folder_state(folder: Path) -> str:
    """SHA-256 of names, sizes and times of change of all files, so that large data need not be read."""
    digest = hashlib.sha256()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):
        facts = file.stat()
        digest.update(f"{file.relative_to(folder)}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _row(number: int, row: Mapping[str, Any]) -> Entry:
    fields: dict[str, Any] = {}
    reasons: list[str] = []
    for name, value in row.items():
        try:
            fields[name] = _plain(value)
        except ValueError as error:
            reasons.append(f"field {name!r}: {error}")
    return Entry(number, number, fields, reason="; ".join(reasons))


def _plain(value: Any) -> Any:
    """A value as JSON has it: dates and times as ISO text, decimals as text, NaN and infinity as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} has no place in JSON")


def to_line(content: Mapping[str, Any]) -> bytes:
    """One line of JSON, with its end. A lone surrogate, which UTF-8 has no place for, is written as an escape."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def is_unicode(content: Any) -> bool:
    """Whether no text in a value, as JSON has it, holds a lone surrogate (half of a character, which UTF-8 has not)."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def kind_of(value: Any) -> Kind:
    """The kind of one value of a record read from JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int" if -_INT64 <= value < _INT64 else "json"
        case float():
            return "float"
        case str():
            return "text"
    return "json"


def common_kind(first: Kind, second: Kind) -> Kind:
    """The kind of a column that has values of both kinds."""
    found = {first, second} - {"null"}
    if len(found) == 2:
        return "float" if found == {"int", "float"} else "json"
    return found.pop() if found else "null"


def join(parts: Iterable[Path], target: Path) -> None:
    """Write the parts one after the other to ``target``, which appears when it is complete."""
    with replacing(target) as unfinished, unfinished.open("wb") as output:
        for part in parts:
            with part.open("rb") as handle:
                shutil.copyfileobj(handle, output)


def write_parquet(parts: Iterable[Path], target: Path, kinds: Mapping[str, Kind]) -> None:
    """Write annotated records of JSON lines as one Parquet file, which appears when it is complete.

    ``kinds`` are the columns but for the entities: these are lists of structures, with nulls
    for a score or a date that an entity has not; days are ISO text, as in JSON. A column of the
    kind "json" holds JSON as text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"null": pa.null(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    fields = [(name, types.get(kind, pa.string())) for name, kind in kinds.items()]
    schema = pa.schema([*fields, (ENTITIES, pa.list_(pa.struct(_entity_fields(pa))))])
    lines = (line.raw for part in parts for line in _lines(part))
    with replacing(target) as unfinished, pq.ParquetWriter(unfinished, schema) as writer:
        while rows := [json.loads(line) for line in islice(lines, _ROWS_AT_ONCE)]:
            columns = {name: [_cell(row.get(name), kind) for row in rows] for name, kind in kinds.items()}
            columns[ENTITIES] = [row[ENTITIES] for row in rows]
            writer.write_table(pa.table(columns, schema))


def _entity_fields(pa: Any) -> list[tuple[str, Any]]:
    return [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("label", pa.string()),
        ("text", pa.string()),
        ("score", pa.float64()),
        ("date", pa.string()),
        ("date_details", pa.struct(_date_fields(pa))),
    ]


def _date_fields(pa: Any) -> list[tuple[str, Any]]:
    """Of :meth:`persian_ner.dates.value.DateValue.to_dict`."""
    return [
        ("start", pa.string()),
        ("end", pa.string()),
        ("calendar", pa.string()),
        ("granularity", pa.string()),
        ("reason", pa.string()),
        ("flags", pa.list_(pa.string())),
        ("parts", pa.list_(pa.list_(pa.string()))),
    ]


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    match kind:
        case "float":
            return float(value)
        case "json":
            return json.dumps(value, ensure_ascii=False)
    return value
