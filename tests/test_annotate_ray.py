from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import filelock
import fingerprint
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from script_runs import run_script
from spacy.language import Language
from spacy.tokens import Doc

from persian_ner import annotate, annotate_ray, docbin
from persian_ner.annotate_io import open_source
from persian_ner.annotate_ray import Done, Job, Place, Summary, annotate_files, find_inputs
from persian_ner.evaluate import provenance
from persian_ner.fast_inference import load_fast
from persian_ner.records import InputError

ray = pytest.importorskip("ray")

TESTS = Path(__file__).parent
SCRIPT = TESTS.parent / "scripts" / "annotate_ray.py"
TEXT = "سارا احمدی ۲۸ فروردین ۱۴۰۴ به شیراز رفت و شنبه برگشت."
# Words in texts at which a worker dies or waits, before the path of the file that decides whether it does.
DIES_ONCE, DIES_WHILE, WAITS_WHILE = "یک‌بار:", "تا:", "بمان:"
FAILS = "خراب"
# The script as a user runs it, with parts of one batch.
DRIVER = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import typer, annotate_ray, persian_ner.annotate_ray
persian_ner.annotate_ray.PART_BATCHES = 1
typer.run(annotate_ray.main)
"""
# How spaCy finds the components below in processes that do not import this file.
ENTRY_POINTS = """
[spacy_factories]
test_ray_trouble = test_annotate_ray:trouble
test_fingerprint = fingerprint:Fingerprint
"""


@Language.component("test_ray_trouble")
def trouble(doc: Doc) -> Doc:
    for word in doc.text.split():
        if word == FAILS:
            raise ValueError("این متن نه")
        while word.startswith(WAITS_WHILE) and Path(word.removeprefix(WAITS_WHILE)).exists():
            time.sleep(0.05)
        if word.startswith(DIES_ONCE) and not (marker := Path(word.removeprefix(DIES_ONCE))).exists():
            marker.touch()
            os._exit(9)
        if word.startswith(DIES_WHILE) and Path(word.removeprefix(DIES_WHILE)).exists():
            os._exit(9)
    return doc


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    nlp = docbin.blank()
    nlp.meta |= {"name": "ruler", "version": "1.2.3"}
    ruler: Any = nlp.add_pipe("entity_ruler")
    date = [{"TEXT": word} for word in ("۲۸", "فروردین", "۱۴۰۴")]
    ruler.add_patterns([{"label": "GPE", "pattern": "شیراز"}, {"label": "DATE", "pattern": date}])
    ruler.add_patterns([{"label": "DATE", "pattern": "شنبه"}])
    nlp.add_pipe("fa_dates")
    nlp.add_pipe("test_ray_trouble")
    nlp.add_pipe(fingerprint.NAME)
    path = tmp_path_factory.mktemp("models") / "ruler"
    nlp.to_disk(path)
    return str(path)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster whose processes find the components above."""
    plugin = tmp_path_factory.mktemp("plugin")
    (plugin / "plugin-1.dist-info").mkdir()
    (plugin / "plugin-1.dist-info" / "METADATA").write_text("Name: plugin\nVersion: 1\n", encoding="utf-8")
    (plugin / "plugin-1.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(plugin), str(TESTS)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # or whatever else runs on the machine comes first
        context = ray.init(
            num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False,
            logging_level="error",
        )  # fmt: skip
        yield context.address_info["address"]
        ray.shutdown()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate_ray, "PART_BATCHES", 1)


def corpus(size: int, *words: str) -> list[dict[str, Any]]:
    """Records of different lengths; one in seven has no text, and the words stand in the middle one."""
    records: list[dict[str, Any]] = [
        {
            "id": f"id{number}",
            "text": f"{number} " + TEXT * (number % 5 + 1) if number % 7 else None,
            "day": ["2025-04-15", "1404-01-29", None][number % 3],
        }
        for number in range(size)
    ]
    records[size // 2]["text"] = " ".join(["میان", *words])
    return records


def write_parquet(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("day", pa.string())])
    pq.write_table(pa.Table.from_pylist(records, schema), path)
    return path


def write_jsonl(path: Path, records: Iterable[dict[str, Any]], *more: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join([*lines, *more]), encoding="utf-8")
    return path


def assert_as_annotate(model: str, sources: dict[str, Path], output: Path, folder: Path) -> None:
    """The output is what annotate writes for each source (by its name), byte for byte, and nothing else."""
    expected = {"run.json", "summary.json", "lock"}
    for name, source in sources.items():
        alone = folder / f"{name}.parquet"
        alone_job = annotate.Job(open_source(str(source)), alone, model, date_field="day")
        done = annotate.annotate(alone_job, workers=1, batch_size=1)
        assert (output / "annotated" / f"{name}.parquet").read_bytes() == alone.read_bytes()
        expected |= {f"annotated/{name}.parquet", f"done/{name}.json"}
        if done.rejected:
            rejects = (output / "rejects" / f"{name}.jsonl").read_bytes()
            assert rejects == alone.with_name(f"{alone.name}.rejects.jsonl").read_bytes()
            expected.add(f"rejects/{name}.jsonl")
        commit = Done.model_validate_json((output / "done" / f"{name}.json").read_bytes())
        for name_of_count in ("annotated", "rejected", "undated", "words"):
            assert getattr(commit, name_of_count) == getattr(done, name_of_count)
    files = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert files | {"lock"} == expected | {"lock"}


def test_on_a_cluster(cluster: str, model: str, tmp_path: Path) -> None:
    """A run that is killed half-way, then one with records at which workers die, once and always, then one without.

    It is one test because starting workers is what takes time.
    """
    waits, once, still = tmp_path / "waits", tmp_path / "once", tmp_path / "still"
    waits.touch()
    still.touch()
    folder, output = tmp_path / "in", tmp_path / "out"
    long = corpus(300, WAITS_WHILE + str(waits))  # the second part of three
    long[280]["text"] = f"سوم {DIES_ONCE}{once}"
    sources = {
        "a": write_parquet(folder / "a.parquet", long),
        "sub/b": write_jsonl(folder / "sub" / "b.jsonl", corpus(40, FAILS), "{", "[1]"),
        "sub/poison": write_parquet(folder / "sub" / "poison.parquet", corpus(140, DIES_WHILE + str(still))),
        "empty": write_jsonl(folder / "empty.jsonl", []),
    }
    (folder / "_SUCCESS").touch()
    job = Job(f"simplecache::file://{folder}", str(output), model, date_field="day")
    assert not Place.at(job.source).is_local

    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    command = [sys.executable, "driver.py", model, job.source, job.output, "--address", cluster, "--workers", "1"]
    command += ["--date-field", "day"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 400
    while not list(output.glob("parts/*/000000.jsonl")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    waits.unlink()
    assert not (output / "done" / "a.json").exists()

    result = run_script(
        "annotate_ray", model, job.source, output, "--workers", 2, "--attempts", 2, "--date-field", "day"
    )
    assert result.exit_code == 1, result.output
    assert once.exists()
    summary = Summary.model_validate_json((output / "summary.json").read_bytes())
    (failure,) = summary.failed
    assert failure.file == f"file://{sources['sub/poison']}"
    assert failure.reason == "lines 1 to 128: workers died at them (attempts: 2)"
    assert f"Failed: {failure.file}: {failure.reason}" in result.output
    assert (summary.inputs, summary.done, summary.records) == (4, 3, 342)
    assert f"Wrote {output}: 3 of 4 files, {summary.annotated} records, {summary.words} words, " in result.output
    assert not (output / "annotated" / "sub" / "poison.parquet").exists()
    assert 44 + 42 + 12 <= summary.run.records <= 44 + 128 + 42 + 12  # the first part was there
    assert sum(worker.records for worker in summary.run.workers) == summary.run.records
    assert all(worker.memory_bytes > 10_000_000 for worker in summary.run.workers)

    still.unlink()
    summary = annotate_files(job, workers=1)
    assert (summary.failed, summary.done, summary.records) == ([], 4, 482)
    assert summary.run.records == 128  # what was missing, and nothing else
    assert_as_annotate(model, sources, output, tmp_path / "alone")
    found = pq.read_table(output / "annotated" / "a.parquet").to_pylist()
    assert [row["id"] for row in found] == [row["id"] for row in long if row["text"]]
    dates = [item["date"] for item in found[0]["entities"] if item["label"] == "DATE"]
    assert dates == ["2025-04-17", "2025-04-19"] * 2
    assert f"{summary.undated} records have no publication date" not in result.output and summary.undated > 100

    summary = annotate_files(job, workers=1)
    assert (summary.records, summary.run.records, summary.run.workers) == (482, 0, [])


def without_ray(job: Job, *, keep: Callable[[int], bool] = lambda number: True, part_batches: int = 1) -> list[Any]:
    """What the stages do, one after the other in this process; only parts whose number is kept are annotated."""
    output = Place.at(job.output)
    nlp = load_fast(job.model)
    identity = annotate_ray._identity(job, nlp, provenance(nlp, None), False)
    annotator = annotate_ray._Annotator(job, output, identity, False, 2)
    found = []
    for item in find_inputs(job.source, job.text_field):
        state = annotate_ray._Open(item)
        annotate_ray._find_parts(output, [state])
        for row in annotate_ray._read({"item": pickle.dumps((item, frozenset(state.written)))}, job, part_batches):
            message = pickle.loads(row["item"])
            if not isinstance(message, annotate_ray._Part):
                found.append(message)
            elif keep(message.number):
                found.append(annotator.work(message))
    return found


def join_all(job: Job, messages: list[Any]) -> None:
    for end in messages:
        if isinstance(end, annotate_ray._End):
            annotate_ray._join(end.input, Place.at(job.output), end.parts)


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


class TestStages:
    """The steps without a cluster, in a storage that is not local."""

    @pytest.fixture
    def source(self, tmp_path: Path, memory: Any) -> Path:
        source = write_parquet(tmp_path / "a.b.parquet", corpus(300, FAILS))
        memory.put_file(str(source), "/in/x/a.b.parquet")
        return source

    def assert_same(self, model: str, source: Path, tmp_path: Path, memory: Any, name: str) -> None:
        memory.get("/out", str(tmp_path / "out"), recursive=True)
        assert not (tmp_path / "out" / "parts").exists() or not list((tmp_path / "out" / "parts").rglob("*.jsonl"))
        shutil.rmtree(tmp_path / "out" / "parts", ignore_errors=True)
        (tmp_path / "out" / "run.json").touch()
        (tmp_path / "out" / "summary.json").touch()
        assert_as_annotate(model, {name: source}, tmp_path / "out", tmp_path / "alone")

    @pytest.mark.parametrize("part_batches", [1, 2, 16])
    def test_parts_of_any_size_give_what_annotate_gives(
        self, part_batches: int, model: str, source: Path, tmp_path: Path, memory: Any
    ) -> None:
        job = Job("memory://in", "memory://out", model, date_field="day")
        messages = without_ray(job, part_batches=part_batches)
        parts = [message for message in messages if isinstance(message, annotate_ray._Annotated)]
        assert len(parts) == {1: 3, 2: 2, 16: 1}[part_batches]
        assert sum(part.size for part in parts) == source.stat().st_size
        assert sum(part.worker.records for part in parts) == 300
        join_all(job, messages)
        self.assert_same(model, source, tmp_path, memory, "x/a.b")

    def test_what_is_missing_is_done_and_nothing_else(
        self, model: str, source: Path, tmp_path: Path, memory: Any
    ) -> None:
        job = Job("memory://in/x/a.b.parquet", "memory://out", model, date_field="day")
        assert [message.number for message in without_ray(job, keep=[1].__contains__)[:-1]] == [1]
        digest = find_inputs(job.source, "text")[0].digest
        for attempt in range(2):  # what a run before has left at which workers died
            memory.pipe_file(f"/out/parts/{digest}/000000.jsonl.{attempt}.begun", b"")
        memory.pipe_file(f"/out/parts/{digest}/000002.jsonl.1f2e.partial", b"half")
        messages = without_ray(job)
        assert [message.number for message in messages[:-1]] == [0, 2]
        assert not memory.exists(f"/out/parts/{digest}/000002.jsonl.1f2e.partial")
        join_all(job, messages)
        join_all(job, messages)  # as after a worker that died before it could say that it had joined them
        self.assert_same(model, source, tmp_path, memory, "a.b")

    def test_an_input_that_is_not_whole_is_not_written(self, model: str, source: Path, memory: Any) -> None:
        job = Job("memory://in", "memory://out", model)
        messages = without_ray(job, keep=[0, 2].__contains__)
        with pytest.raises(FileNotFoundError):
            join_all(job, messages)
        assert {path.split("/")[2] for path in memory.find("/out")} == {"parts"}

    def test_a_part_is_not_begun_for_ever(self, model: str, source: Path, memory: Any) -> None:
        job = Job("memory://in", "memory://out", model)
        nlp = load_fast(model)
        identity = annotate_ray._identity(job, nlp, provenance(nlp, None), False)
        annotator = annotate_ray._Annotator(job, Place.at(job.output), identity, False, 2)
        (item,) = find_inputs(job.source, "text")
        row, *_ = annotate_ray._read({"item": pickle.dumps((item, frozenset()))}, job, 1)

        def attempt() -> Any:
            (done,) = annotator({"item": [row["item"]]})["item"]
            return pickle.loads(done)

        part = f"/out/parts/{item.digest}/000000.jsonl"
        first = attempt()
        content = memory.cat_file(part)
        # As after workers that died when it was written, but before they could say so.
        again = [attempt() for _ in range(3)]
        assert {(done.number, done.worker.records, done.worker.words) for done in [first, *again]} == {
            (0, 128, first.worker.words)
        }
        assert memory.cat_file(part) == content
        for _ in range(2):
            memory.rm(part)
            last = attempt()
        assert isinstance(last, annotate_ray._Failed)
        assert attempt().reason == "lines 1 to 128: workers died at them (attempts: 2)"

    def test_joining_can_break_off_anywhere(self, model: str, source: Path, tmp_path: Path, memory: Any) -> None:
        job = Job("memory://in/x", "memory://out", model, date_field="day")
        messages = without_ray(job)
        breaks = 0
        for step in count(1):
            steps = count(1)
            with pytest.MonkeyPatch.context() as patch:
                for name in ("mv", "rm", "put_file", "pipe_file"):
                    patch.setattr(type(memory), name, breaking(getattr(type(memory), name), steps, step))
                try:
                    join_all(job, messages)
                except KeyboardInterrupt:
                    breaks += 1
                    assert memory.exists("/out/done/a.b.json") or memory.exists("/out/parts")
                else:
                    break
        assert breaks >= 6
        annotate_ray._find_parts(Place.at(job.output), [])
        self.assert_same(model, source, tmp_path, memory, "a.b")

    def test_an_input_that_breaks_off_is_named(self, model: str, tmp_path: Path, memory: Any) -> None:
        path = write_parquet(tmp_path / "a.parquet", corpus(300, ""))
        content = path.read_bytes()
        memory.pipe_file("/in/a.parquet", content[:4] + b"\0" * 200 + content[204:])
        *_, last = without_ray(Job("memory://in", "memory://out", model))
        assert isinstance(last, annotate_ray._Failed)
        assert last.reason.startswith("cannot be read any further")

    def test_lack_of_memory_is_no_result(self, model: str, source: Path, memory: Any, monkeypatch: Any) -> None:
        def short(*_: object) -> None:
            raise MemoryError("none left")

        monkeypatch.setattr(annotate, "annotate_texts", short)
        job = Job("memory://in", "memory://out", model)
        first, *_ = without_ray(job)
        assert (first.input.name, first.reason) == ("x/a.b", "lines 1 to 128: MemoryError: none left")
        assert [path for path in memory.find("/out") if path.endswith(".jsonl")] == []

    def test_a_machine_that_is_set_up_otherwise_is_refused(self, model: str, tmp_path: Path) -> None:
        job = Job("in", str(tmp_path), model)
        nlp = load_fast(model)
        identity = annotate_ray._identity(job, nlp, provenance(nlp, None), False)
        identity["versions"]["spacy"] = "3.7.0"
        with pytest.raises(RuntimeError, match=r"versions spacy was 3.7.0, and is "):
            annotate_ray._Annotator(job, Place.at(str(tmp_path)), identity, False, 2)


def breaking(original: Callable[..., Any], steps: Iterator[int], step: int) -> Callable[..., Any]:
    def change(*arguments: Any, **options: Any) -> Any:
        if next(steps) == step:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    return change


class TestInput:
    def test_files_of_a_folder_a_pattern_and_one_file(self, tmp_path: Path) -> None:
        for name in ("b.parquet", "sub/a.parquet", "_tmp/c.parquet", "sub/.d.parquet"):
            write_parquet(tmp_path / "in" / name, corpus(3))
        write_jsonl(tmp_path / "in" / "e.jsonl", corpus(3))

        def names(source: str) -> list[str]:
            return [item.name for item in find_inputs(source, "text")]

        assert names(str(tmp_path / "in")) == ["b", "e", "sub/a"]
        assert names(f"file://{tmp_path}/in/") == ["b", "e", "sub/a"]
        assert names(f"{tmp_path}/in/*.parquet") == ["b"]
        assert names(f"{tmp_path}/in/*/*.parquet") == ["sub/a"]
        assert names(f"{tmp_path}/in/sub/a.parquet") == ["a"]

    def test_what_a_pattern_matches_of_the_output_is_no_input(self, tmp_path: Path) -> None:
        for name in ("a", "sub/b", "out/parts/1f2e/000000", "out/rejects/a", "out/mine/c"):
            write_jsonl(tmp_path / "in" / f"{name}.jsonl", corpus(3))
        found = find_inputs(f"{tmp_path}/in/**/*.jsonl", "text", output=Place.at(f"{tmp_path}/in/out"))
        assert [item.name for item in found] == ["a", "out/mine/c", "sub/b"]

    def test_another_file_has_another_digest(self, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "a.jsonl", corpus(3))
        (before,) = find_inputs(str(tmp_path / "a.jsonl"), "text")
        assert find_inputs(str(tmp_path / "a.jsonl"), "text") == [before]
        write_jsonl(tmp_path / "a.jsonl", corpus(4))
        (after,) = find_inputs(str(tmp_path / "a.jsonl"), "text")
        assert (before.name, before.digest != after.digest) == (after.name, True)

    def test_every_problem_is_listed(self, model: str, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        write_parquet(folder / "good.parquet", corpus(3))
        (folder / "bad.parquet").write_bytes(b"PAR1")
        pq.write_table(pa.table({"body": ["x"]}), folder / "other.parquet")
        clash = {"text": ["x"], "entities": ["x"], "input_entities": ["x"]}
        pq.write_table(pa.table(clash), folder / "twice.parquet")
        (folder / "notes.txt").touch()
        write_jsonl(folder / "good.jsonl", corpus(3))
        result = run_script("annotate_ray", model, folder, tmp_path / "out")
        assert result.exit_code == 1
        assert result.output.splitlines()[-1] == "6 problems found; nothing was written."
        for name, reason in [
            ("bad.parquet", "cannot be read: "),
            ("good.jsonl", "another input has this name, but for the suffix"),
            ("good.parquet", "another input has this name, but for the suffix"),
            ("notes.txt", "not one of .jsonl, .parquet (a pattern such as FOLDER/*.parquet leaves other files out)"),
            ("other.parquet", "no column 'text', only body"),
            ("twice.parquet", "has both 'entities' and 'input_entities': the result takes the name 'entities', and "),
        ]:
            assert f"{folder / name}: [-] {reason}" in result.output
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("none", "cannot be read: no such file or folder"),
            ("empty", "no file here that ends in .jsonl or .parquet"),
            ("nowhere://x", "cannot be opened: "),
            ("in/*.parquet", "no file here"),
        ],
    )
    def test_inputs_that_are_not_there(
        self, source: str, reason: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        result = run_script("annotate_ray", model, source, "out")
        assert (result.exit_code, reason in result.output) == (1, True), result.output
        assert not (tmp_path / "out").exists()

    def test_other_bad_arguments(self, model: str, tmp_path: Path) -> None:
        write_jsonl(tmp_path / "in" / "a.jsonl", corpus(3))
        for arguments, message in [
            (("no_such_pipeline", tmp_path / "in", tmp_path / "out"), "cannot be loaded"),
            ((model, tmp_path / "in", tmp_path / "in" / "out"), "lies in the input"),
            ((model, f"{tmp_path}/out/parts/*.jsonl", tmp_path / "out"), "lies where results are written"),
            ((model, tmp_path / "in", "nowhere://out"), "cannot be opened"),
        ]:
            result = run_script("annotate_ray", *arguments)
            assert (result.exit_code, message in result.output) == (1, True), result.output
        assert {path.name for path in tmp_path.rglob("*")} == {"in", "a.jsonl"}

    def test_without_ray(self, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_jsonl(tmp_path / "a.jsonl", corpus(3))
        monkeypatch.setitem(sys.modules, "ray.data", None)
        result = run_script("annotate_ray", model, tmp_path / "a.jsonl", tmp_path / "out")
        assert (result.exit_code, "install this package with its extra 'ray'" in result.output) == (1, True)
        assert not (tmp_path / "out").exists()


class TestGoingOn:
    def test_a_run_of_something_else_is_refused(self, tmp_path: Path) -> None:
        output = Place.at(str(tmp_path / "out"))
        for _ in range(2):
            annotate_ray._check_run(output, {"pipeline": {"version": "1"}, "device": "cpu"})
        with pytest.raises(InputError) as caught:
            annotate_ray._check_run(output, {"pipeline": {"version": "2"}, "device": "gpu"})
        assert sorted(problem.reason for problem in caught.value.problems) == [
            "a run of something else: bring that back to go on with it, or take another folder",
            "device was cpu, and is gpu",
            "pipeline version was 1, and is 2",
        ]

    def test_inputs_that_have_changed_are_all_named(self, model: str, tmp_path: Path) -> None:
        job = Job(str(tmp_path / "in"), str(tmp_path / "out"), model)
        for name in ("a", "b", "c"):
            write_jsonl(tmp_path / "in" / f"{name}.jsonl", corpus(3))
        join_all(job, without_ray(job))
        inputs = find_inputs(job.source, "text")
        assert list(annotate_ray._finished(Place.at(job.output), inputs)) == ["a", "b", "c"]
        for name in ("a", "c"):
            write_jsonl(tmp_path / "in" / f"{name}.jsonl", corpus(4))
        with pytest.raises(InputError) as caught:
            annotate_ray._finished(Place.at(job.output), find_inputs(job.source, "text"))
        assert {(Path(problem.file).name, problem.reason.split()[0]) for problem in caught.value.problems} == {
            ("a.jsonl", "size"), ("a.jsonl", "modified"), ("c.jsonl", "size"), ("c.jsonl", "modified"),
        }  # fmt: skip
        assert f"delete {job.output}/done/a.json to annotate it again" in caught.value.problems[0].reason

    def test_two_at_once_are_refused(self, tmp_path: Path) -> None:
        with (
            filelock.FileLock(tmp_path / "lock"),
            pytest.raises(InputError, match="another process"),
            annotate_ray._held(Place.at(str(tmp_path))),
        ):
            pass
