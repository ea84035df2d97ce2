from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import filelock
import fingerprint
import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from script_runs import run_script
from spacy.language import Language
from spacy.tokens import Doc, Span
from tiny_encoder import save_encoder
from tiny_ner import tiny_ner

from persian_ner import annotate, docbin
from persian_ner.annotate import Job, Outcome, Text, annotate_texts, pack, pieces
from persian_ner.annotate_io import Entry, Source, common_kind, kind_of, open_source
from persian_ner.records import InputError

TESTS = Path(__file__).parent
SCRIPT = TESTS.parent / "scripts" / "annotate.py"
SMALL_BATCH = 8
SLOW = "SLOW_PIPELINE"
ALL_DIE = "WORKERS_DIE_AT_ANY_TEXT"
NONE_STARTS = "WORKERS_DIE_AT_THEIR_START"
DIED_ONCE = "FILE_OF_THE_FIRST_DEATH"
DEADLY, DEADLY_ONCE = 2, 21  # ids of texts in different batches
TEXT = "سارا احمدی به شیراز رفت."
FOUND = [
    {"start": 0, "end": 10, "label": "PER", "text": "سارا احمدی"},
    {"start": 14, "end": 19, "label": "GPE", "text": "شیراز"},
]
# The script as a user runs it, with the components below in the pipeline and small batches; workers import it too.
DRIVER = f"""
import sys
sys.path[:0] = [{str(TESTS)!r}, {str(SCRIPT.parent)!r}]
import persian_ner.annotate
import test_annotate
persian_ner.annotate.BATCH_RECORDS = test_annotate.SMALL_BATCH
if __name__ == "__main__":
    from annotate import app
    app()
"""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@Language.factory("test_annotate_start")
def start(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    if NONE_STARTS in os.environ and multiprocessing.parent_process():
        die()
    return lambda doc: doc


@Language.component("test_annotate_trouble")
def trouble(doc: Doc) -> Doc:
    if "خراب" in doc.text:
        raise ValueError("این متن نه")
    if "بمیر" in doc.text or ALL_DIE in os.environ:
        die()
    if "یک بار" in doc.text and DIED_ONCE in os.environ and not Path(os.environ[DIED_ONCE]).exists():
        Path(os.environ[DIED_ONCE]).touch()
        die()
    if SLOW in os.environ:
        time.sleep(0.01)
    return doc


def ruler() -> Language:
    nlp = docbin.blank()
    nlp.meta |= {"name": "ruler", "version": "1.2.3"}
    nlp.add_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
        [{"label": "GPE", "pattern": "شیراز"}, {"label": "PER", "pattern": "سارا احمدی"}]
    )
    return nlp


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = ruler()
    nlp.add_pipe("test_annotate_trouble")
    nlp.add_pipe("test_annotate_start")
    path = tmp_path_factory.mktemp("models") / "ruler"
    nlp.to_disk(path)
    return path


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that a process without this file can load."""
    path = tmp_path_factory.mktemp("models") / "plain"
    ruler().to_disk(path)
    return path


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate, "BATCH_RECORDS", SMALL_BATCH)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def go(model: Path, source: Path | str | Source, output: Path, **options: Any) -> annotate.Summary:
    opened = source if isinstance(source, Source) else open_source(str(source))
    return annotate.annotate(Job(opened, output, str(model)), **{"workers": 1, "batch_size": 1, **options})


def write_jsonl(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def rejects(output: Path) -> list[dict[str, Any]]:
    return read_jsonl(output.with_name(output.name + ".rejects.jsonl"))


def corpus(size: int) -> list[dict[str, Any]]:
    """Records of different lengths; one in seven is none."""
    return [
        {"id": number, "text": f"{number} " + TEXT * (number % 5 + 1)} if number % 7 else {"id": number}
        for number in range(size)
    ]


ROWS = [{"id": "a", "text": TEXT}, {"id": "b", "text": "در «شیراز»،\nباران، برف"}]


class TestInput:
    def jsonl(self, folder: Path) -> str:
        lines = [json.dumps(row) for row in ROWS]
        (folder / "in.jsonl").write_bytes(("\ufeff" + lines[0] + "\r\n\n" + lines[1]).encode())
        return str(folder / "in.jsonl")

    def parquet(self, folder: Path) -> str:
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "in.parquet")
        return str(folder / "in.parquet")

    def csv(self, folder: Path, suffix: str = "csv", delimiter: str = ",") -> str:
        with (folder / f"in.{suffix}").open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.DictWriter(handle, ["id", "text"], delimiter=delimiter)
            writer.writeheader()
            writer.writerows(ROWS)
        return str(folder / f"in.{suffix}")

    def tsv(self, folder: Path) -> str:
        return self.csv(folder, "tsv", "\t")

    def dataset_of_files(self, folder: Path) -> str:
        (folder / "data").mkdir()
        write_jsonl(folder / "data" / "train.jsonl", ROWS)
        return f"hf:{folder / 'data'}"

    def saved_dataset(self, folder: Path) -> str:
        datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)}).save_to_disk(folder / "saved")
        return f"hf:{folder / 'saved'}"

    @pytest.mark.parametrize("write", [jsonl, parquet, csv, tsv, dataset_of_files, saved_dataset])
    def test_every_format_gives_the_same(self, write: Callable[..., str], model: Path, tmp_path: Path) -> None:
        source = write(self, tmp_path)
        output = tmp_path / "out.jsonl"
        summary = go(model, source, output)
        assert (summary.records, summary.annotated, summary.rejected, summary.words) == (2, 2, 0, 9)
        assert read_jsonl(output) == [
            {"id": "a", "text": TEXT, "model": "fa_ruler 1.2.3", "entities": FOUND},
            {
                "id": "b",
                "text": ROWS[1]["text"],
                "model": "fa_ruler 1.2.3",
                "entities": [{"start": 4, "end": 9, "label": "GPE", "text": "شیراز"}],
            },
        ]
        assert rejects(output) == []
        assert not (tmp_path / "out.jsonl.parts").exists()

    @pytest.mark.parametrize("write", [jsonl, parquet, csv, tsv, dataset_of_files, saved_dataset])
    def test_reading_can_begin_anywhere(self, write: Callable[..., str], tmp_path: Path) -> None:
        source = open_source(write(self, tmp_path))
        entries = list(source.read(0))
        assert [list(source.read(skip)) for skip in range(3)] == [entries, entries[1:], []]
        if source.total is not None:
            assert entries[-1].done == source.total

    @pytest.mark.parametrize("skip", [0, 999, 1000, 2300, 2500])
    def test_reading_parquet_of_many_rows_can_begin_anywhere(self, skip: int, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": [str(number) for number in range(2500)]}), tmp_path / "in.parquet")
        entries = list(open_source(str(tmp_path / "in.parquet")).read(skip))
        assert [entry.fields["text"] for entry in entries] == [str(number) for number in range(skip, 2500)]
        assert [entry.line for entry in entries] == list(range(skip + 1, 2501))

    def test_lines_of_text_get_ids(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "news.txt").write_bytes(f"{TEXT}\n\n \r\nشیراز\u2028آرام\r\n".encode() + b"\xff\n")
        go(model, tmp_path / "news.txt", tmp_path / "out.jsonl")
        assert [(record["id"], record["text"]) for record in read_jsonl(tmp_path / "out.jsonl")] == [
            ("news#1", TEXT),
            ("news#4", "شیراز\u2028آرام"),
        ]
        (reject,) = rejects(tmp_path / "out.jsonl")
        assert (reject["line"], reject["raw"]) == (5, "\\xff")
        assert reject["reason"].startswith("not UTF-8: invalid start byte at byte 0")

    def test_other_fields_are_kept_and_other_names_can_be_given(self, model: Path, tmp_path: Path) -> None:
        records = [{"key": 7, "body": TEXT, "tags": ["a", {"b": 1.5}], "n": None}, {"key": None, "body": "شیراز"}]
        write_jsonl(tmp_path / "in.jsonl", records)
        job = Job(
            open_source(str(tmp_path / "in.jsonl"), text_field="body"), tmp_path / "o.jsonl", str(model), "body", "key"
        )
        annotate.annotate(job, workers=1, batch_size=1)
        first, second = read_jsonl(job.output)
        assert first == {**records[0], "model": "fa_ruler 1.2.3", "entities": FOUND}
        assert second["key"] == "in#2"

    def test_fields_named_as_those_of_the_result_are_kept(self, model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": TEXT, "model": "T-34"}, {"id": 2, "text": "آری"}])
        (tmp_path / "in.csv").write_text(f"id,model,text\n1,T-34,{TEXT}\n", encoding="utf-8")
        for source in ("in.jsonl", "in.csv"):
            go(model, tmp_path / source, tmp_path / "once.jsonl")
            first, *others = read_jsonl(tmp_path / "once.jsonl")
            assert (first["input_model"], first["model"], first["entities"]) == ("T-34", "fa_ruler 1.2.3", FOUND)
            assert all("input_model" not in record for record in others)
        write_jsonl(tmp_path / "earlier.jsonl", [{"id": 1, "text": "شیراز", "model": "fa_old 1", "entities": FOUND}])
        go(model, tmp_path / "earlier.jsonl", tmp_path / "twice.parquet")
        (row,) = pq.read_table(tmp_path / "twice.parquet").to_pylist()
        assert (row["input_model"], json.loads(row["input_entities"])) == ("fa_old 1", FOUND)
        assert (row["model"], [item["end"] for item in row["entities"]]) == ("fa_ruler 1.2.3", [5])

    def test_text_and_id_may_have_the_names_of_the_result(self, model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", [{"entities": TEXT}])
        opened = open_source(str(tmp_path / "in.jsonl"), text_field="entities")
        job = Job(opened, tmp_path / "out.jsonl", str(model), "entities", "model")
        annotate.annotate(job, workers=1, batch_size=1)
        (record,) = read_jsonl(job.output)
        assert record == {
            "input_model": "in#1", "input_entities": TEXT, "model": "fa_ruler 1.2.3", "entities": FOUND,
        }  # fmt: skip

    def test_what_is_no_record_is_rejected_with_its_reason(self, model: Path, tmp_path: Path) -> None:
        bad = [
            (b"{", "not JSON: Expecting property name"),
            (b"[1]", "not JSON: expected a JSON object, found list"),
            (b'{"id": 1, "text": "\xd8"}', "not UTF-8: invalid continuation byte at byte 19 of the line"),
            (b'{"id": 1, "id": 2}', "not JSON: a key occurs twice"),
            (b'{"text": "a", "n": NaN}', "not JSON: NaN is not a JSON value"),
            (b'{"text": "a", "n": 1e999}', "not JSON: 1e999 is beyond"),
            (b'{"id": "x"}', "no field 'text'"),
            (b'{"text": null}', "field 'text' is null, not text"),
            (b'{"text": ["a"]}', "field 'text' is list, not text"),
            (b'{"text": 5}', "field 'text' is int, not text"),
            (b'{"text": "a \\ud800"}', "holds half of a character"),
            (b'{"text": "a", "deep": [{"b": "\\udc00"}]}', "holds half of a character"),
            (b'{"text": "a", "model": "m", "input_model": 1}', "has both 'model' and 'input_model': the result takes"),
            ('{"text": "خراب"}'.encode(), "the pipeline fails: ValueError: این متن نه"),
        ]
        good = json.dumps({"id": "good", "text": TEXT}).encode()
        lines = [line for raw, _ in bad for line in (good, raw)]
        (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
        output = tmp_path / "out.jsonl"
        summary = go(model, tmp_path / "in.jsonl", output)
        assert (summary.annotated, summary.rejected) == (len(bad), len(bad))
        assert [record["entities"] for record in read_jsonl(output)] == [FOUND] * len(bad)
        found = rejects(output)
        assert [reject["line"] for reject in found] == list(range(2, 2 * len(bad) + 1, 2))
        for reject, (raw, reason) in zip(found, bad, strict=True):
            assert reject["reason"].startswith(reason)
            if "record" in reject:
                assert reject["record"] == json.loads(raw)
            else:
                assert reject["raw"].encode() == raw.replace(b"\xd8", b"\\xd8")
        assert found[6]["id"] == "x"

    def test_bad_rows_of_csv(self, model: Path, tmp_path: Path) -> None:
        content = (
            f'id,text\n1,{TEXT}\n2\n3,"a"b\n4,{TEXT},x\n\n5,'.encode() + b"\xff\n" + f'6,"{TEXT}"\n7,"open\n'.encode()
        )
        (tmp_path / "in.csv").write_bytes(content)
        go(model, tmp_path / "in.csv", tmp_path / "out.jsonl")
        assert [record["id"] for record in read_jsonl(tmp_path / "out.jsonl")] == ["1", "6"]
        assert [(reject["line"], reject["reason"], reject["raw"]) for reject in rejects(tmp_path / "out.jsonl")] == [
            (3, "1 cells, but 2 columns", "2\n"),
            (4, "not CSV: ',' expected after '\"'", '3,"a"b\n'),
            (5, "3 cells, but 2 columns", f"4,{TEXT},x\n"),
            (7, "not UTF-8", "5,\\xff\n"),
            (9, "not CSV: unexpected end of data", '7,"open\n'),
        ]

    def test_values_that_json_has_not(self, model: Path, tmp_path: Path) -> None:
        row = {
            "text": TEXT,
            "day": date(2024, 3, 20),
            "at": datetime(2024, 3, 20, 8, 30),
            "price": Decimal("1.50"),
            "share": float("nan"),
            "nested": {"list": [1, None]},
        }
        table = pa.Table.from_pylist([{**row, "bytes": None}, {**row, "bytes": b"x"}])
        pq.write_table(table, tmp_path / "in.parquet")
        go(model, tmp_path / "in.parquet", tmp_path / "out.jsonl")
        (record,) = read_jsonl(tmp_path / "out.jsonl")
        assert record == {
            "id": "in#1",
            "text": TEXT,
            "day": "2024-03-20",
            "at": "2024-03-20T08:30:00",
            "price": "1.50",
            "share": None,
            "nested": {"list": [1, None]},
            "bytes": None,
            "model": "fa_ruler 1.2.3",
            "entities": FOUND,
        }
        (reject,) = rejects(tmp_path / "out.jsonl")
        assert (reject["line"], reject["reason"]) == (2, "field 'bytes': bytes has no place in JSON")

    def test_a_row_of_parquet_that_is_not_utf_8(self, model: Path, tmp_path: Path) -> None:
        cells = pa.array([b"\xff\xfe", TEXT.encode()], pa.binary()).cast(pa.string(), safe=False).view(pa.string())
        pq.write_table(pa.table({"text": cells}), tmp_path / "in.parquet")
        go(model, tmp_path / "in.parquet", tmp_path / "out.jsonl")
        assert [record["id"] for record in read_jsonl(tmp_path / "out.jsonl")] == ["in#2"]
        (reject,) = rejects(tmp_path / "out.jsonl")
        assert reject["line"] == 1 and reject["reason"].startswith("cannot be read: 'utf-8' codec can't decode")

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("none.jsonl", None, "cannot be read: "),
            ("in.docx", b"", "not one of .jsonl"),
            ("in.csv", b"id,body\n1,a\n", "no column 'text', only id, body"),
            ("in.csv", b"text,text\n1,a\n", "several columns 'text'"),
            (
                "in.csv",
                b"text,input_model,model\n1,2,3\n",
                "has both 'model' and 'input_model': the result takes the name 'model', and yours would become "
                "'input_model'; rename one of the two in the input, or leave it out",
            ),
            ("in.csv", b"", "no column 'text', only nothing"),
            ("in.csv", b'"te"xt\n1\n', "not CSV"),
            ("in.csv", "متن\n1\n".encode("cp1256"), "not UTF-8"),
            ("in.csv", "text\n1\n".encode("utf-16"), "not UTF-8"),
            ("in.parquet", b"PAR1", "cannot be read as Parquet"),
            ("hf:none", None, "cannot be loaded as a dataset"),
        ],
    )
    def test_inputs_that_cannot_be_used(
        self, name: str, content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        if content is not None:
            Path(name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            open_source(name)
        assert caught.value.problems[0].reason.startswith(reason)

    def test_a_split_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="cannot be loaded as a dataset"):
            open_source(self.saved_dataset(tmp_path), split="test")

    def test_a_dataset_of_the_hub_is_read_at_its_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []

        def load(name: str, config: str | None, **options: object) -> Any:
            asked.append((name, config, options))
            return datasets.Dataset.from_list(ROWS).to_iterable_dataset()

        def info(self: object, name: str, revision: str | None) -> SimpleNamespace:
            return SimpleNamespace(sha={"some/news": "1f2e", None: "1f2e"}[revision or name])

        monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", info)
        monkeypatch.setattr(datasets, "load_dataset", load)
        source = open_source("hf:some/news", config="fa", split="test")
        assert asked == [("some/news", "fa", {"split": "test", "streaming": True, "revision": "1f2e"})]
        assert source.identity == {"dataset": "some/news", "config": "fa", "split": "test", "revision": "1f2e"}
        assert [entry.fields for entry in source.read(1)] == ROWS[1:]

    def test_an_input_that_breaks_off_can_be_mended(self, model: Path, tmp_path: Path) -> None:
        """What was read before is not lost, unless the file is another one."""
        records = [Entry(number, number, {"id": number, "text": TEXT}) for number in range(1, 41)]
        broken = True

        def read(skip: int) -> Iterator[Entry]:
            for entry in records[skip:]:
                if broken and entry.line == 30:
                    raise InputError([])
                yield entry

        source = Source("net", {"file": "x"}, " rows", None, read)
        with pytest.raises(InputError):
            go(model, source, tmp_path / "out.jsonl", commit_seconds=0)
        assert len(list((tmp_path / "out.jsonl.parts").glob("*.annotated.jsonl"))) == 3
        broken = False
        go(model, source, tmp_path / "out.jsonl")
        assert [record["id"] for record in read_jsonl(tmp_path / "out.jsonl")] == list(range(1, 41))

    def test_errors_of_libraries_while_reading_say_where(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        folder.mkdir()
        write_jsonl(folder / "train.jsonl", ROWS)
        source = open_source(f"hf:{folder}")
        (folder / "train.jsonl").write_bytes(b"{")
        with pytest.raises(InputError, match="cannot be read any further"):
            list(source.read(0))

    def test_the_input_is_never_held(self, model: Path, tmp_path: Path) -> None:
        """Of an input without an end, parts are written all the same."""
        output = tmp_path / "out.jsonl"
        read = 0

        def endless(skip: int) -> Iterator[Entry]:
            nonlocal read
            for number in count(skip + 1):
                parts = len(list((tmp_path / "out.jsonl.parts").glob("*.annotated.jsonl")))
                assert number <= SMALL_BATCH * (parts + 1) + 1
                if parts == 5:
                    raise KeyboardInterrupt
                read = number
                yield Entry(number, number, {"text": TEXT})

        with pytest.raises(KeyboardInterrupt):
            go(model, Source("endless", {}, " rows", None, endless), output, commit_seconds=0)
        assert read == SMALL_BATCH * 5 + 1  # a batch ends when the next record is known


class TestParquet:
    def test_has_what_json_lines_have(self, model: Path, tmp_path: Path) -> None:
        records = [
            {"id": 1, "text": TEXT, "n": 1, "mixed": "a", "tags": ["x"], "none": None, "yes": True, "long": 1 << 70},
            {"id": 2, "text": "آری", "n": 2.5, "mixed": 3, "tags": None, "none": None, "long": 4},
            {"id": 1 << 60, "text": "شیراز", "later": "z"},
        ]
        write_jsonl(tmp_path / "in.jsonl", records)
        go(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
        go(model, tmp_path / "in.jsonl", tmp_path / "out.parquet", commit_seconds=0)
        table = pq.read_table(tmp_path / "out.parquet")
        types = {field.name: str(field.type) for field in table.schema}
        entities = types.pop("entities")
        assert types == {
            "id": "int64", "text": "string", "n": "double", "mixed": "string", "tags": "string", "none": "null",
            "yes": "bool", "long": "string", "later": "string", "model": "string",
        }  # fmt: skip
        assert entities.count("int64") == 2 and "score: double" in entities and "date: string" in entities
        assert "date_details: struct<start: string, end: string, calendar: string, granularity: string, " in entities
        assert "flags: list<element: string>, parts: list<element: list<element: string>>" in entities
        as_json = {"mixed", "tags", "long"}
        for row, record in zip(table.to_pylist(), read_jsonl(tmp_path / "out.jsonl"), strict=True):
            found = [{k: v for k, v in entity.items() if v is not None} for entity in row.pop("entities")]
            assert found == record.pop("entities")
            values = {k: json.loads(v) if k in as_json else v for k, v in row.items() if v is not None}
            assert values == {k: v for k, v in record.items() if v is not None}

    def test_without_any_record(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").touch()
        summary = go(model, tmp_path / "in.jsonl", tmp_path / "out.parquet")
        assert (summary.records, summary.words_per_second) == (0, None)
        assert pq.read_table(tmp_path / "out.parquet").num_rows == 0

    VALUES = st.lists(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just([1]), max_size=5
    )

    @given(VALUES, st.randoms())
    def test_the_kind_of_a_column_is_that_of_its_values_in_any_order(self, values: list[Any], random: Any) -> None:
        def kind(items: list[Any]) -> str:
            found = "null"
            for item in items:
                found = common_kind(found, kind_of(item))  # type: ignore[arg-type]
            return found

        shuffled = random.sample(values, len(values))
        assert kind(shuffled) == kind(values)
        types = {type(value) for value in values if value is not None}
        if len(types) > 1 and types != {int, float}:
            assert kind(values) == "json"


class TestDates:
    FIRST = "مریم پنجشنبه ۲۸ فروردین ۱۴۰۴ رفت"
    ROWS: tuple[dict[str, Any], ...] = (
        {"id": 1, "text": "مریم پنجشنبه رفت.", "day": "2025-04-15"},
        {"id": 2, "text": "مریم پنجشنبه رفت.", "day": "1404-02-02T08:30:00+03:30"},
        {"id": 3, "text": "مریم پنجشنبه رفت.", "day": None},
        {"id": 4, "text": "مریم پنجشنبه رفت."},
        {"id": 5, "text": "مریم پنجشنبه رفت.", "day": "بامداد"},
        {"id": 6, "text": "مریم پنجشنبه رفت.", "day": 20250415},
        {"id": 7, "text": f"{FIRST} و روز شنبه برگشت؛ جمعه ۲۸ فروردین ۱۴۰۴ نبود.", "day": ""},
        {"id": 8, "text": "", "day": "2025-04-15"},
    )

    @pytest.fixture(scope="class")
    def dater(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """It has fa_dates itself, which sees neither publication dates nor other pieces."""
        nlp = docbin.blank()
        nlp.meta |= {"name": "dater", "version": "1"}
        patterns = ["پنجشنبه", "پنجشنبه ۲۸ فروردین ۱۴۰۴", "جمعه ۲۸ فروردین ۱۴۰۴", "روز شنبه", "آبان و دی ۱۴۰۳"]
        ruler: Any = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "DATE", "pattern": pattern} for pattern in patterns])
        ruler.add_patterns([{"label": "PER", "pattern": "مریم"}])
        nlp.add_pipe("fa_dates")
        path = tmp_path_factory.mktemp("models") / "dater"
        nlp.to_disk(path)
        return path

    def annotated(
        self, model: Path, source: Path, output: Path, date_field: str = "day", **options: Any
    ) -> annotate.Summary:
        job = Job(open_source(str(source), date_field=date_field), output, str(model), date_field=date_field)
        return annotate.annotate(job, **{"workers": 1, "batch_size": 1, **options})

    def meanings(self, output: Path) -> dict[int, list[str | None]]:
        return {
            record["id"]: [
                item.get("date") or item["date_details"]["reason"]
                for item in record["entities"]
                if item["label"] == "DATE"
            ]
            for record in read_jsonl(output)
        }

    def test_with_the_publication_date_and_without(self, dater: Path, tmp_path: Path) -> None:
        source, output = write_jsonl(tmp_path / "in.jsonl", self.ROWS), tmp_path / "out.jsonl"
        summary = self.annotated(dater, source, output)
        assert self.meanings(output) == {
            1: ["2025-04-17"],
            2: ["2025-04-24"],
            3: ["no_reference"],
            4: ["no_reference"],
            7: ["2025-04-17", "2025-04-19", "2025-04-17"],
            8: [],
        }
        assert [(reject["id"], reject["reason"]) for reject in rejects(output)] == [
            (5, "field 'day' is not a whole date such as 2025-04-15: 'بامداد'"),
            (6, "field 'day' is int, not a date"),
        ]
        assert (summary.annotated, summary.rejected, summary.undated) == (6, 2, 3)
        person, day = read_jsonl(output)[0]["entities"]
        assert set(person) == {"start", "end", "label", "text"}
        assert day == {
            "start": 5,
            "end": 12,
            "label": "DATE",
            "text": "پنجشنبه",
            "date": "2025-04-17",
            "date_details": {
                "start": "2025-04-17",
                "end": "2025-04-17",
                "calendar": "jalali",
                "granularity": "day",
                "reason": None,
                "flags": [],
                "parts": [],
            },
        }
        assert read_jsonl(output)[4]["entities"][-1]["date_details"]["flags"] == ["weekday_mismatch"]
        summary = self.annotated(dater, source, tmp_path / "without.jsonl", date_field="")
        assert (summary.annotated, summary.rejected, summary.undated) == (8, 0, 0)
        assert self.meanings(tmp_path / "without.jsonl")[1] == ["no_reference"]

    def test_without_a_component_in_the_pipeline(self, dater: Path, tmp_path: Path) -> None:
        nlp = spacy.load(dater)
        nlp.remove_pipe("fa_dates")
        nlp.to_disk(tmp_path / "model")
        source = write_jsonl(tmp_path / "in.jsonl", self.ROWS)
        for name, model in (("with", dater), ("without", tmp_path / "model")):
            self.annotated(model, source, tmp_path / f"{name}.jsonl")
        assert (tmp_path / "with.jsonl").read_bytes() == (tmp_path / "without.jsonl").read_bytes()

    def test_the_context_is_the_whole_text(self, dater: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each in a piece of its own: the second date is understood by the first one."""
        monkeypatch.setattr(annotate, "LONGEST_PIECE", 40)
        text = f"{self.FIRST}.\nدر راه بود و\nروز شنبه برگشت."
        assert len(pieces(text, 40)) > 1
        source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": text}])
        self.annotated(dater, source, tmp_path / "out.jsonl", date_field="")
        assert self.meanings(tmp_path / "out.jsonl") == {1: ["2025-04-17", "2025-04-19"]}

    def test_the_same_for_any_batch_size_workers_and_interruption(self, dater: Path, tmp_path: Path) -> None:
        source = write_jsonl(tmp_path / "in.jsonl", [row | {"id": n} for n, row in enumerate(self.ROWS * 5)])
        outputs = [tmp_path / f"{name}.jsonl" for name in ("1", "1000", "workers", "again")]
        self.annotated(dater, source, outputs[0])
        self.annotated(dater, source, outputs[1], batch_size=1000)
        self.annotated(dater, source, outputs[2], workers=2, batch_size=3)
        with pytest.MonkeyPatch.context() as patch:
            crash_at(8, patch)
            with pytest.raises(Crash):
                self.annotated(dater, source, outputs[3], commit_seconds=0)
        assert committed(outputs[3]) > 0
        with pytest.raises(InputError, match="date_field was day, and is "):
            self.annotated(dater, source, outputs[3], date_field="")
        summary = self.annotated(dater, source, outputs[3])
        assert (summary.annotated, summary.undated) == (30, 15)
        assert len({output.read_bytes() for output in outputs}) == 1

    def test_in_parquet(self, dater: Path, tmp_path: Path) -> None:
        text = "مریم آبان و دی ۱۴۰۳ رفت."
        published = datetime(2025, 4, 15, 8)
        pq.write_table(
            pa.Table.from_pylist([{"text": text, "day": published}, {"text": "مریم پنجشنبه", "day": published}]),
            tmp_path / "in.parquet",
        )
        self.annotated(dater, tmp_path / "in.parquet", tmp_path / "out.parquet")
        first, second = pq.read_table(tmp_path / "out.parquet").column("entities").to_pylist()
        assert first[0]["date_details"] is None
        assert first[1]["date"] == "2024-10-22/2025-01-19"
        assert first[1]["date_details"] == {
            "start": "2024-10-22",
            "end": "2025-01-19",
            "calendar": "jalali",
            "granularity": "month",
            "reason": None,
            "flags": [],
            "parts": [["2024-10-22", "2024-11-20"], ["2024-12-21", "2025-01-19"]],
        }
        assert second[1]["date"] == "2025-04-17"

    def test_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": ["x"]}), tmp_path / "in.parquet")
        with pytest.raises(InputError, match="no column 'day', only text"):
            open_source(str(tmp_path / "in.parquet"), date_field="day")


@pytest.mark.parametrize("text", ["", " \n\u00a0"])
def test_an_empty_text_has_no_entities(text: str, model: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": text}, {"id": 2, "text": TEXT}])
    summary = go(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert [record["entities"] for record in read_jsonl(tmp_path / "out.jsonl")] == [[], FOUND]
    assert (summary.annotated, summary.rejected) == (2, 0)


class TestEntities:
    @given(st.text("اب .؟\n", max_size=200), st.integers(min_value=1, max_value=40))
    def test_pieces_hold_the_whole_text(self, text: str, longest: int) -> None:
        found = pieces(text, longest)
        assert "".join(text[start:end] for start, end in found) == text
        assert all(end - start <= longest for start, end in found)
        assert len(found) == 1 or all(start < end for start, end in found)

    @pytest.mark.parametrize(
        ("text", "ends"),
        [
            ("یک دو. سه\nچهار پنج", [10, 18]),  # a line break
            ("یک دو سه. چهار پنج", [10, 18]),  # a sentence
            ("یک دو سه چهار پنج", [9, 17]),  # a space
            ("\nیکدوسهچهارپنجشش", [12, 16]),  # nothing in the second half
            ("یک ۳.۵ دو. سه چهار", [11, 18]),  # a decimal point ends no sentence
        ],
    )
    def test_pieces_end_at_the_best_border(self, text: str, ends: list[int]) -> None:
        assert [end for _, end in pieces(text, 12)] == ends

    @given(st.lists(st.integers(min_value=0, max_value=60_000), max_size=60), st.integers(min_value=0, max_value=9))
    def test_batches(self, sizes: list[int], skip: int) -> None:
        batches = list(pack(sizes, lambda size: size))
        assert [size for batch in batches for size in batch] == sizes
        for batch in batches:
            assert len(batch) <= annotate.BATCH_RECORDS
            assert len(batch) == 1 or sum(batch) <= annotate.BATCH_CHARS
        rest = sizes[sum(map(len, batches[:skip])) :]
        assert list(pack(rest, lambda size: size)) == batches[skip:]

    @pytest.mark.parametrize("longest", [1, 24, 60])
    def test_offsets_in_a_text_of_many_pieces(self, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
        nlp = ruler()
        nlp.max_length = longest
        text = f"   \n{TEXT} " * 9
        (outcome,) = annotate_texts(nlp, [text])
        assert outcome.reason == ""
        assert all(text[item["start"] : item["end"]] == item["text"] for item in outcome.entities)
        if longest > 1:
            assert len(outcome.entities) == 18

    def test_a_text_beyond_what_spacy_takes(self, model: Path, tmp_path: Path) -> None:
        text = f"{TEXT}\n" * 45_000
        assert len(text) > spacy.blank("fa").max_length
        write_jsonl(tmp_path / "in.jsonl", [{"text": text}])
        go(model, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
        (record,) = read_jsonl(tmp_path / "out.jsonl")
        assert len(record["entities"]) == 90_000
        assert all(text[item["start"] : item["end"]] == item["text"] for item in record["entities"])

    def test_a_text_that_the_tokenizer_changes_is_no_result(self) -> None:
        nlp = ruler()
        keep = nlp.tokenizer
        nlp.tokenizer = lambda text: Doc(nlp.vocab, words=text.split()) if "  " in text else keep(text)  # type: ignore
        changed, kept = annotate_texts(nlp, ["دو  فاصله", TEXT])
        assert changed == Outcome([], "the pipeline fails: ValueError: the tokenizer changes the text")
        assert kept == Outcome(FOUND)

    def test_a_pipeline_that_fails_at_everything_is_not_the_fault_of_the_texts(self) -> None:
        nlp = ruler()

        def broken(doc: Doc) -> Doc:
            raise OSError("the GPU is gone")

        Language.component("test_annotate_broken", func=broken)
        nlp.add_pipe("test_annotate_broken")
        with pytest.raises(OSError, match="the GPU is gone"):
            annotate_texts(nlp, [TEXT])

    def test_lack_of_memory_is_not_the_fault_of_the_texts(self) -> None:
        nlp = ruler()

        def short(doc: Doc) -> Doc:
            if doc.text == TEXT:
                raise MemoryError
            if doc.text == "other":
                raise ValueError
            return doc

        Language.component("test_annotate_short", func=short)
        nlp.add_pipe("test_annotate_short")
        with pytest.raises(MemoryError):
            annotate_texts(nlp, [TEXT])
        with pytest.raises(MemoryError):
            annotate_texts(nlp, ["other", TEXT])

    def test_dates_and_scores_where_the_pipeline_has_them(self) -> None:
        nlp = ruler()
        values = {
            "شیراز": SimpleNamespace(iso=lambda: "2025-04-17/2025-04-20"),
            "احمدی": SimpleNamespace(iso=lambda: None),
        }

        def resolve(doc: Doc) -> Doc:
            for ent in doc.ents:
                ent._.date = values.get(ent.text, date(2025, 1, 2) if ent.text == "رشت" else None)
            first = doc.ents[0]
            doc.spans["sc"] = [Span(doc, first.start, first.end, label=first.label)]
            doc.spans["sc"].attrs["scores"] = numpy.asarray([0.25], dtype="f")
            doc.spans["others"] = [doc[0:1]]
            return doc

        Language.component("test_annotate_resolve", func=resolve)
        nlp.add_pipe("test_annotate_resolve")
        nlp.get_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
            [{"label": "GPE", "pattern": "رشت"}, {"label": "PER", "pattern": "احمدی"}]
        )
        resolved = Span.get_extension("date")  # of fa_dates, which spaCy loads through its entry point
        Span.set_extension("date", default=None, force=True)
        try:
            (outcome,) = annotate_texts(nlp, ["شیراز و رشت و احمدی"])
            Span.set_extension("confidence", getter=lambda span: 0.123456 if span.text == "رشت" else None, force=True)
            (scored,) = annotate_texts(nlp, ["شیراز و رشت و احمدی"])
        finally:
            Span.set_extension("date", getter=resolved[2], force=True)
            Span.set_extension("confidence", default=None, force=True)
        assert [(item["text"], item.get("score"), item.get("date")) for item in outcome.entities] == [
            ("شیراز", 0.25, "2025-04-17/2025-04-20"),
            ("رشت", None, "2025-01-02"),
            ("احمدی", None, None),
        ]
        assert set(outcome.entities[2]) == {"start", "end", "label", "text"}
        assert [item.get("score") for item in scored.entities] == [0.25, 0.1235, None]

    def test_memory_does_not_grow_with_the_vocabulary(self) -> None:
        nlp = ruler()
        annotate_texts(nlp, [TEXT])
        before = len(nlp.vocab.strings)
        annotate_texts(nlp, [" ".join(f"نام{number}" for number in range(2000))])
        assert len(nlp.vocab.strings) == before


class TestSameResult:
    """The label of an entity is a fingerprint of the batch, the threads and the encoder's output, bit by bit."""

    @pytest.fixture
    def fingerprints(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("fingerprints")
        save_encoder(folder / "encoder")
        nlp = docbin.blank()
        spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 32, "stride": 24}
        architecture = "spacy-transformers.TransformerModel.v3"
        settings = {"@architectures": architecture, "name": str(folder / "encoder"), "get_spans": spans}
        nlp.add_pipe("transformer", config={"model": settings, "max_batch_items": 200})
        nlp.add_pipe(fingerprint.NAME)
        nlp.initialize()
        nlp.to_disk(folder / "model")
        return folder / "model"

    def test_for_any_batch_size_and_number_of_workers(self, fingerprints: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", corpus(60))
        outputs = []
        for size in (1, 20, 1000):
            outputs.append(tmp_path / f"{size}.jsonl")
            go(fingerprints, tmp_path / "in.jsonl", outputs[-1], batch_size=size)
        outputs.append(tmp_path / "workers.jsonl")
        (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
        command = ["driver.py", fingerprints, "in.jsonl", outputs[-1], "--workers", "2", "--batch-size", "3"]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        contents = {output.read_bytes() for output in outputs}
        assert len(contents) == 1
        # The fingerprints tell batches apart, or all this would show nothing.
        labels = [item["label"] for record in read_jsonl(outputs[0]) for item in record["entities"]]
        texts = [record["text"] for record in corpus(60) if "text" in record]
        alone = [doc.ents[0].label_ for doc in spacy.load(fingerprints).pipe(texts, batch_size=5)]
        assert len(labels) == len(alone)
        assert set(labels).isdisjoint(alone)

    def test_scores_too(self, tmp_path: Path) -> None:
        nlp = tiny_ner()
        nlp.add_pipe("fa_confidence")
        nlp.to_disk(tmp_path / "model")
        records = corpus(30)
        write_jsonl(tmp_path / "in.jsonl", records)
        outputs = [tmp_path / "1.jsonl", tmp_path / "1000.jsonl", tmp_path / "workers.jsonl"]
        for size in (1, 1000):
            go(tmp_path / "model", tmp_path / "in.jsonl", tmp_path / f"{size}.jsonl", batch_size=size)
        (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
        command = ["driver.py", tmp_path / "model", "in.jsonl", outputs[-1], "--workers", "2", "--batch-size", "3"]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert len({output.read_bytes() for output in outputs}) == 1
        entities = [item for record in read_jsonl(outputs[0]) for item in record["entities"]]
        assert entities
        assert all(0 < item["score"] <= 1 and round(item["score"], 4) == item["score"] for item in entities)

    def test_threads_are_given_back(self, model: Path, tmp_path: Path) -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            go(model, write_jsonl(tmp_path / "in.jsonl", corpus(3)), tmp_path / "out.jsonl")
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(threads)


class Crash(BaseException):
    """A kill: nothing handles it."""


class TestResume:
    SIZE = 3 * SMALL_BATCH + 2

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        return write_jsonl(tmp_path / "in.jsonl", corpus(self.SIZE))

    @pytest.fixture
    def loaded(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Loads the pipeline once only."""
        nlp = spacy.load(model)
        monkeypatch.setattr(annotate, "load_fast", lambda *_, **__: nlp)

    @pytest.mark.usefixtures("loaded")
    def test_after_a_crash_at_any_step(self, model: Path, source: Path, tmp_path: Path) -> None:
        go(model, source, tmp_path / "whole.jsonl")
        expected = [(tmp_path / f"whole.jsonl{name}").read_bytes() for name in ("", ".rejects.jsonl")]
        crashes = 0
        for step in count(1):
            output = tmp_path / f"{step}" / "out.jsonl"
            with pytest.MonkeyPatch.context() as patch:
                crash_at(step, patch)
                try:
                    go(model, source, output, commit_seconds=0)
                except Crash:
                    crashes += 1
                    assert not output.exists() or output.read_bytes() == expected[0]
                else:
                    break
            go(model, source, output, commit_seconds=0, batch_size=step)
            assert [output.with_name(f"out.jsonl{name}").read_bytes() for name in ("", ".rejects.jsonl")] == expected
            summary = json.loads(output.with_name("out.jsonl.summary.json").read_bytes())
            assert (summary["records"], summary["rejected"]) == (self.SIZE, 4)
        assert crashes >= 20

    def test_after_kills_of_a_process_with_workers(self, model: Path, tmp_path: Path) -> None:
        source = write_jsonl(tmp_path / "in.jsonl", corpus(400))
        go(model, source, tmp_path / "whole.jsonl")
        output = tmp_path / "out.jsonl"
        (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
        before = 0
        for workers, batch_size in (("2", "20"), ("1", "1")):
            command = [sys.executable, "driver.py", model, source, output, "--commit-seconds", "0"]
            process = subprocess.Popen(
                [*command, "--workers", workers, "--batch-size", batch_size],
                cwd=tmp_path, env={**os.environ, SLOW: "1"}, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            wait_until(lambda process=process, more=before + 5: committed(output) >= more or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            wait_until(lambda process=process: not group_is_alive(process.pid))  # no worker is left over
            assert not output.exists()
            before = committed(output)
            kept = {file: file.read_bytes() for file in output.with_name("out.jsonl.parts").glob("*.annotated.jsonl")}
        summary = go(model, source, output, commit_seconds=3600)
        assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
        assert rejects(output) == rejects(tmp_path / "whole.jsonl")
        assert (summary.annotated, summary.rejected) == (342, 58)
        # What was committed was not done again: it begins the output.
        assert output.read_bytes().startswith(b"".join(kept[file] for file in sorted(kept)[:before]))
        ids = [record["id"] for record in read_jsonl(output)] + [reject["id"] for reject in rejects(output)]
        assert sorted(ids) == list(range(400))

    def interrupted(self, model: Path, source: Path, output: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            crash_at(15, patch)
            with pytest.raises(Crash):
                go(model, source, output, commit_seconds=0)

    @pytest.mark.usefixtures("loaded")
    def test_what_is_done_is_not_done_again(self, model: Path, source: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        self.interrupted(model, source, output)
        done = committed(output) * SMALL_BATCH
        assert 0 < done < self.SIZE
        asked: list[int] = []
        opened = open_source(str(source))

        def read(skip: int) -> Iterator[Entry]:
            asked.append(skip)
            return opened.read(skip)

        go(model, Source(opened.name, opened.identity, "B", opened.total, read), output)
        assert asked == [done]

    @pytest.mark.usefixtures("loaded")
    def test_of_something_else_is_refused(self, model: Path, source: Path, tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        self.interrupted(model, source, output)
        before = contents(tmp_path / "out.jsonl.parts")
        write_jsonl(source, [*corpus(self.SIZE), {"text": TEXT}])
        with pytest.raises(InputError) as caught:
            go(model, source, output)
        reasons = [problem.reason for problem in caught.value.problems]
        assert any("unfinished run of something else" in reason for reason in reasons)
        assert [reason.partition(" was ")[0] for reason in reasons[1:]] == ["input modified_ns", "input size"]
        (tmp_path / "data").mkdir()
        write_jsonl(tmp_path / "data" / "train.jsonl", corpus(3))
        with pytest.raises(InputError, match=r"input dataset was None, and is "):
            go(model, f"hf:{tmp_path / 'data'}", output)
        assert contents(tmp_path / "out.jsonl.parts") == before

    def test_with_another_pipeline_is_refused(self, model: Path, source: Path, tmp_path: Path) -> None:
        trained = tmp_path / "trained"
        shutil.copytree(model, trained)
        output = tmp_path / "out.jsonl"
        self.interrupted(trained, source, output)
        meta = json.loads((trained / "meta.json").read_bytes())
        (trained / "meta.json").write_text(json.dumps(meta | {"version": "2.0.0"}), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            go(trained, source, output)
        assert [problem.reason.partition(", ")[0] for problem in caught.value.problems][
            2
        ] == "pipeline version was 1.2.3"
        shutil.rmtree(tmp_path / "out.jsonl.parts")
        go(trained, source, output)
        assert read_jsonl(output)[0]["model"] == "fa_ruler 2.0.0"

    @pytest.mark.usefixtures("loaded")
    def test_a_damaged_part_is_done_again(self, model: Path, source: Path, tmp_path: Path) -> None:
        go(model, source, tmp_path / "whole.jsonl")
        output = tmp_path / "out.jsonl"
        self.interrupted(model, source, output)
        first = tmp_path / "out.jsonl.parts" / "000000.annotated.jsonl"
        first.write_bytes(first.read_bytes()[:-5])
        assert committed(output) > 1
        with pytest.MonkeyPatch.context() as patch:
            crash_at(5, patch)  # after the commit of one part that holds everything
            with pytest.raises(Crash):
                go(model, source, output)
        assert committed(output) == 1
        go(model, source, output)
        assert output.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()

    @pytest.mark.usefixtures("loaded")
    def test_two_at_once_are_refused(self, model: Path, source: Path, tmp_path: Path) -> None:
        (tmp_path / "out.jsonl.parts").mkdir()
        with (
            filelock.FileLock(tmp_path / "out.jsonl.parts" / "lock"),
            pytest.raises(InputError, match="another process"),
        ):
            go(model, source, tmp_path / "out.jsonl")


class TestDeadWorkers:
    """Workers that are really killed."""

    def start(self, folder: Path, model: Path, output: str, *options: str, **env: str) -> subprocess.Popen[str]:
        (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
        command = [sys.executable, "driver.py", str(model), "in.jsonl", output, "--commit-seconds", "0", *options]
        return subprocess.Popen(
            command, cwd=folder, env=os.environ | env, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def records(self) -> list[dict[str, Any]]:
        """A text that kills, and in another batch one that kills once."""
        records = corpus(240)
        for place, text in ((DEADLY, f"{TEXT} بمیر"), (DEADLY_ONCE, f"یک بار {TEXT}")):
            records[place] = {"id": place, "text": text}
        return records

    def check(self, model: Path, folder: Path, output: str) -> None:
        """Whether the deadly text is rejected, and all else as one process makes it of the others."""
        records = [record for record in self.records() if record["id"] != DEADLY]
        go(model, write_jsonl(folder / "others.jsonl", records), folder / "others.out.jsonl")
        assert (folder / output).read_bytes() == (folder / "others.out.jsonl").read_bytes()
        found = rejects(folder / output)
        assert [reject["id"] for reject in found] == sorted({DEADLY} | set(range(0, 240, 7)) - {DEADLY_ONCE})
        killing = [reject["id"] for reject in found if reject["reason"].startswith("kills the worker")]
        assert killing == [DEADLY]

    def test_what_kills_twice_is_rejected_and_nothing_else_is_lost(self, model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", self.records())
        died = tmp_path / "died"
        run = self.start(tmp_path, model, "out.jsonl", "--workers", "2", "--batch-size", "1", **{DIED_ONCE: str(died)})
        assert run.communicate()[1].splitlines()[-1].startswith("35 records could not be annotated")
        assert run.returncode == 0
        assert died.exists()
        self.check(model, tmp_path, "out.jsonl")

    def test_a_run_that_is_killed_too_goes_on_behind_the_deadly_text(self, model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", self.records())
        first = self.start(tmp_path, model, "out.jsonl", "--workers", "3", "--batch-size", "20", **{SLOW: "1"})
        wait_until(lambda: committed(tmp_path / "out.jsonl") >= 3 or first.poll() is not None, seconds=1200)
        first.kill()
        first.communicate()
        wait_until(lambda: not group_is_alive(first.pid))  # no worker is left over
        assert not (tmp_path / "out.jsonl").exists()
        assert b"kills the worker" in (tmp_path / "out.jsonl.parts" / "000000.rejects.jsonl").read_bytes()
        second = self.start(tmp_path, model, "out.jsonl", "--workers", "2")
        errors = second.communicate()[1]
        assert second.returncode == 0, errors
        self.check(model, tmp_path, "out.jsonl")

    @pytest.mark.parametrize(
        ("trouble", "message"),
        [(NONE_STARTS, "a worker died at its start"), (ALL_DIE, "workers die at any text")],
    )
    def test_what_is_not_the_fault_of_a_text_stops_the_run(
        self, trouble: str, message: str, model: Path, tmp_path: Path
    ) -> None:
        write_jsonl(tmp_path / "in.jsonl", [{"text": TEXT}])
        run = self.start(tmp_path, model, "out.jsonl", "--workers", "2", **{trouble: "1"})
        errors = [line for line in run.communicate()[1].splitlines() if "records" not in line and line.strip()]
        assert run.returncode == 1
        assert errors[-1] == (
            f"Stopped: {message}, most often for lack of memory (use fewer workers). The same command goes on."
        )
        assert not any("Traceback" in line for line in errors)
        assert not (tmp_path / "out.jsonl").exists()


class FakeProcess:
    """Stands for a process that lacks memory where a text says so, and remembers what it was asked."""

    def __init__(self, asked: list[list[str]], deadly: str) -> None:
        self.asked, self.deadly = asked, deadly

    def submit(self, _: Callable[..., Any], batch: list[Text]) -> Future[list[Outcome]]:
        texts = [item.text for item in batch]
        self.asked.append(texts)
        future: Future[list[Outcome]] = Future()
        if any(self.deadly in text for text in texts):
            future.set_exception(MemoryError())
        else:
            future.set_result([Outcome([{"text": text}]) for text in texts])
        return future

    def shutdown(self) -> None:
        self.asked.append(["END"])


class TestWorker:
    def worker(self, monkeypatch: pytest.MonkeyPatch, deadly: str) -> tuple[annotate._Worker, list[list[str]]]:
        asked: list[list[str]] = []
        monkeypatch.setattr(annotate, "_started", lambda *_: FakeProcess(asked, deadly))
        return annotate._Worker(Job(Source("", {}, "B", None, lambda _: iter(())), Path(), ""), -1), asked

    def test_each_text_of_a_batch_that_dies_twice_is_tried_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        worker, asked = self.worker(monkeypatch, "!")
        outcomes = worker.annotate([Text(text, None) for text in ("a", "b!", "c")])
        assert [outcome.entities for outcome in outcomes] == [[{"text": "a"}], [], [{"text": "c"}]]
        assert [bool(outcome.reason) for outcome in outcomes] == [False, True, False]
        end, batch, sound = ["END"], ["a", "b!", "c"], ["سلام."]
        assert asked == [batch, end, batch, end, ["a"], ["b!"], end, ["b!"], end, sound, ["c"]]

    def test_what_any_text_does_is_the_fault_of_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        worker, _ = self.worker(monkeypatch, "")
        with pytest.raises(annotate.Stopped, match="workers die at any text"):
            worker.annotate([Text("a", None), Text("b", None)])


def crash_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Crash at the so-manyth change of a file; of what is written then, half gets there."""
    steps = count(1)

    def crashing(original: Callable[..., Any], half: bool) -> Callable[..., Any]:
        def change(first: Any, *rest: Any, **options: Any) -> Any:
            if next(steps) == step:
                if half:
                    original(first, rest[0][: len(rest[0]) // 2], **options)
                raise Crash
            return original(first, *rest, **options)

        return change

    patch.setattr(Path, "write_bytes", crashing(Path.write_bytes, half=True))
    patch.setattr(Path, "write_text", crashing(Path.write_text, half=True))
    patch.setattr(Path, "replace", crashing(Path.replace, half=False))
    patch.setattr(shutil, "copyfileobj", crashing(shutil.copyfileobj, half=False))
    patch.setattr(shutil, "rmtree", crashing(shutil.rmtree, half=False))


def committed(output: Path) -> int:
    return len(list(output.with_name(f"{output.name}.parts").glob("[0-9]*[0-9].json")))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def wait_until(condition: Callable[[], bool], seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


class TestScript:
    def test_says_what_it_wrote(self, plain_model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", corpus(8))
        output = tmp_path / "out.jsonl"
        output.write_text("earlier", encoding="utf-8")
        result = run_script("annotate", plain_model, tmp_path / "in.jsonl", output, "--workers", 1, "--gpu-id", -1)
        assert result.exit_code == 0, result.output
        assert f"Wrote {output}: 6 records, 80 words, " in result.output
        assert f"2 records could not be annotated: see {output}.rejects.jsonl" in result.output
        assert len(read_jsonl(output)) == 6
        summary = annotate.Summary.model_validate_json(output.with_name("out.jsonl.summary.json").read_bytes())
        assert summary.words_per_second == pytest.approx(80 / summary.seconds)
        assert "publication date" not in result.output
        assert "loading of the pipeline included" in summary.speed_method
        assert summary.provenance.model.version == "1.2.3"

    def test_says_how_many_have_no_publication_date(self, plain_model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", [{"text": TEXT, "day": "2025-04-15"}, {"text": TEXT}])
        result = run_script(
            "annotate", plain_model, tmp_path / "in.jsonl", tmp_path / "o.jsonl", "--workers", 1, "--date-field", "day"
        )
        assert (result.exit_code, "1 records have no publication date in 'day'" in result.output) == (0, True)

    def test_shows_progress(self, plain_model: Path, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in.jsonl", corpus(8))
        result = run_script("annotate", plain_model, tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--workers", 1)
        assert "in: 100%" in result.output
        assert "words/s" in result.output

    def test_bad_input_is_a_message(self, plain_model: Path, tmp_path: Path) -> None:
        source = write_jsonl(tmp_path / "in.jsonl", corpus(2))
        for arguments, message in [
            ((plain_model, tmp_path / "none.jsonl", tmp_path / "out.jsonl"), "cannot be read"),
            (("no_such_pipeline", source, tmp_path / "out.jsonl"), "cannot be loaded"),
            ((plain_model, source, tmp_path / "out.csv"), "not one of .jsonl, .parquet"),
            ((plain_model, source, source), "is the input"),
        ]:
            result = run_script("annotate", *arguments)
            assert (result.exit_code, message in result.output) == (1, True)
        assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]

    def test_all_that_is_wrong_is_said_at_once(self, tmp_path: Path) -> None:
        texts = write_jsonl(tmp_path / "in.jsonl", corpus(2))
        table = tmp_path / "in.csv"
        table.write_text("body\nرشت\n", encoding="utf-8")
        for source, messages in [
            (texts, ("not one of .jsonl, .parquet", "cannot be loaded")),
            (table, ("no column 'text'", "no column 'day'", "not one of .jsonl, .parquet", "cannot be loaded")),
        ]:
            result = run_script("annotate", "no_such_pipeline", source, tmp_path / "out.csv", "--date-field", "day")
            assert result.exit_code == 1
            assert [message for message in messages if message not in result.stderr] == []
        result = run_script("annotate", "no_such_pipeline", texts, texts)
        assert "is the input" in result.stderr and "cannot be loaded" in result.stderr
        assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "in.csv"}

    def test_an_interruption_says_how_to_go_on(
        self, plain_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        source = write_jsonl(tmp_path / "in.jsonl", corpus(2))
        with monkeypatch.context() as patch:
            patch.setattr(annotate, "annotate_texts", interrupt)
            result = run_script("annotate", plain_model, source, tmp_path / "out.jsonl", "--workers", 1)
        assert (result.exit_code, "The same command goes on." in result.output) == (130, True)
        assert run_script("annotate", plain_model, source, tmp_path / "out.jsonl", "--workers", 1).exit_code == 0
        assert len(read_jsonl(tmp_path / "out.jsonl")) == 1

    def test_lack_of_memory_in_one_process_is_a_message(
        self, plain_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lack(*_: object) -> None:
            raise MemoryError

        source = write_jsonl(tmp_path / "in.jsonl", corpus(2))
        monkeypatch.setattr(annotate, "annotate_texts", lack)
        result = run_script("annotate", plain_model, source, tmp_path / "out.jsonl", "--workers", 1)
        assert (result.exit_code, "Stopped: memory ran out" in result.output) == (1, True)
        assert not (tmp_path / "out.jsonl").exists()

    def test_defaults_for_the_machine(self) -> None:
        assert annotate.default_workers(0) == 1
        assert 1 <= annotate.default_workers(-1) <= (os.cpu_count() or 1)
        assert annotate.default_gpu() in ((-1,) if not torch.cuda.is_available() else (-1, 0))
