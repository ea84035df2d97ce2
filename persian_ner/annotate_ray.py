"""Bulk annotation on a Ray cluster: many files in, one Parquet file for each of them out.

Ray Data runs two stages. Tasks read the input files, pack their records into batches
as :mod:`persian_ner.annotate` does, and hand on numbered parts of ``PART_BATCHES``
batches; a pool of actors, each of which holds the pipeline, predicts them. Input and
output are local or in any storage that fsspec knows::

    run.json                      what the run is: fields, pipeline, versions, batches
    annotated/NAME.parquet        the records of input NAME with their entities, in their order
    rejects/NAME.jsonl            what of it could not be annotated, and why; absent when nothing is in it
    done/NAME.json                commits input NAME (:class:`Done`)
    parts/DIGEST/000000.jsonl     parts of an input, identified by its name, size and time, that is not done
    summary.json                  the :class:`Summary`

**The same result as ``annotate``.** Batches depend on the input file alone, and are
predicted whole, with one thread of torch. What ``annotate`` writes for an input, to
Parquet and to its rejects, is byte for byte what is written here, for any number of
workers, on machines of one kind (processors of other kinds round in other ways).

**Nothing lost, nothing doubled.** The parts of an input, and what each holds, follow
from the input and the pipeline. A part is one file, and appears whole or not at all;
doing it twice writes the same bytes to the same place. An input is joined from all of
its parts, each once and in order, and ``done`` is written last. So a dead worker's
part is done by another, and a run that was killed goes on with the parts that are
missing. A part at which workers die again and again is given up; its input is then
named as failed and not written, and all others are.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import pickle
import socket
import sys
import tempfile
import textwrap
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from glob import has_magic
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import filelock
import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from persian_ner import annotate, annotate_io
from persian_ner.annotate_io import Kind, Source
from persian_ner.cpu_precision import Arithmetic
from persian_ner.evaluate import provenance
from persian_ner.fast_inference import load_fast
from persian_ner.metrics import Provenance
from persian_ner.records import InputError, Problem

if TYPE_CHECKING:  # spaCy takes seconds to import
    from spacy.language import Language

ATTEMPTS = 3
PART_BATCHES = 4
"""Batches of one part: what a dead worker has to do again."""

SPEED_METHOD = (
    "words (separated by white space) annotated by this run, divided by the seconds on the clock from the start of its "
    "first part to the end of its last one; starting the cluster and loading the pipeline come before (startup_seconds)"
)

_SUFFIXES = (".jsonl", ".parquet")
_FOLDERS = ("annotated", "rejects", "done", "parts")
_AT_ONCE = 16  # small requests to the storage, which are mostly waited for
_WORKERS_OF_A_READER = 8
_NOTHING: dict[str, Any] = {"parts": 0, "records": 0, "words": 0, "seconds": 0.0}


@dataclass(frozen=True)
class Place:
    """A file or folder: a path in a file system of fsspec."""

    system: Any
    path: str

    @classmethod
    def at(cls, url: str) -> Place:
        """The place at a local path or URL. Raises :class:`InputError` for a storage that cannot be opened."""
        try:
            system, path = fsspec.core.url_to_fs(url)
        except Exception as error:  # of the storage's own library
            raise InputError([Problem(url, 0, "", f"cannot be opened: {error}")]) from error
        return cls(system, path.rstrip("/"))

    def __truediv__(self, name: str) -> Place:
        """A place below this one."""
        return Place(self.system, f"{self.path}/{name}")

    def __str__(self) -> str:
        """The path if it is local, else a URL."""
        return self.path if self.is_local else str(self.system.unstrip_protocol(self.path))

    @property
    def is_local(self) -> bool:
        """Whether the path is one of this machine."""
        return isinstance(self.system, LocalFileSystem)

    def files(self) -> list[str]:
        """The paths of all files below this place."""
        self.system.invalidate_cache()
        return list(self.system.find(self.path))

    @contextmanager
    def replacing(self) -> Iterator[str]:
        """A path to write, which becomes this place when the block ends well."""
        self.system.makedirs(self.system._parent(self.path), exist_ok=True)
        unfinished = f"{self.path}.{uuid.uuid4().hex}.partial"
        yield unfinished
        self.system.mv(unfinished, self.path)

    def write_json(self, content: Any) -> None:
        """Write JSON, which appears when it is complete."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
        with self.replacing() as unfinished:
            self.system.pipe_file(unfinished, text.encode())

    def read_json(self) -> Any:
        """Read JSON."""
        return json.loads(self.system.cat_file(self.path))

    def put(self, file: Path) -> None:
        """Copy a local file to this place, where it appears when it is complete."""
        with self.replacing() as unfinished:
            self.system.put_file(str(file), unfinished)

    @contextmanager
    def local(self) -> Iterator[Path]:
        """A local file with this content, under its name: the file itself or a copy."""
        if self.is_local:
            yield Path(self.path)
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / PurePosixPath(self.path).name
            self.system.get_file(self.path, str(copy))
            yield copy


@dataclass(frozen=True)
class Input:
    """One file of records. ``name`` is its path below the folder that was given, without suffix."""

    name: str
    place: Place
    size: int
    modified: str

    @property
    def identity(self) -> dict[str, Any]:
        """Which file this is: with the same identity it has the same content."""
        return {"file": str(self.place), "size": self.size, "modified": self.modified}

    @property
    def digest(self) -> str:
        """A name for the identity."""
        return hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Job:
    """What to annotate (file, folder or pattern) with which pipeline, and the folder to write: local paths or URLs."""

    source: str
    output: str
    model: str
    text_field: str = "text"
    id_field: str = "id"
    bfloat16: bool = True
    date_field: str = ""


class Done(BaseModel):
    """What commits an input. ``seconds`` are those that workers took for its parts.

    ``undated`` are the annotated records without a publication date, where a field with it was named.
    """

    model_config = ConfigDict(extra="forbid")

    file: str
    size: int
    modified: str
    parts: int
    annotated: int
    rejected: int
    undated: int
    words: int
    seconds: float
    devices: list[str]


class Failure(BaseModel):
    """An input that could not be finished."""

    model_config = ConfigDict(extra="forbid")

    file: str
    reason: str


class Worker(BaseModel):
    """What one process did in this run; a worker that died and was started again counts as another.

    ``memory_bytes`` is the most it had in memory, ``loading_seconds`` what the pipeline took to load.
    """

    model_config = ConfigDict(extra="forbid")

    node: str
    process: int
    loading_seconds: float
    memory_bytes: int
    parts: int = 0
    records: int = 0
    words: int = 0
    seconds: float = 0


class Run(BaseModel):
    """What this run did itself; the rest was there. ``records`` are those of its parts, rejects included."""

    model_config = ConfigDict(extra="forbid")

    records: int
    words: int
    startup_seconds: float | None
    seconds: float | None
    words_per_second: float | None
    speed_method: str
    workers: list[Worker]


class Summary(BaseModel):
    """What was annotated by all runs together, what failed, and what this run did.

    ``worker_seconds`` are those that workers took for what is done. Words are those of annotated records.
    """

    model_config = ConfigDict(extra="forbid")

    source: str
    output: str
    inputs: int
    done: int
    failed: list[Failure]
    records: int
    annotated: int
    rejected: int
    undated: int
    words: int
    worker_seconds: float
    run: Run
    arithmetic: Arithmetic
    provenance: Provenance


@dataclass(frozen=True)
class _Part:
    """Consecutive records to annotate, from the first to the last of ``lines``; ``size`` is their share of the file."""

    input: Input
    number: int
    lines: tuple[int, int]
    size: int
    batches: list[annotate.Batch]


@dataclass(frozen=True)
class _Annotated:
    """A part that is written."""

    input: Input
    number: int
    size: int
    worker: Worker


@dataclass(frozen=True)
class _End:
    """An input that is read to its end, and how many parts it has."""

    input: Input
    parts: int


@dataclass(frozen=True)
class _Failed:
    """Why an input cannot be finished."""

    input: Input
    reason: str


_Message = _Part | _Annotated | _End | _Failed


class _Head(BaseModel):
    """The first line of a part; that many lines with records and then with rejects follow."""

    annotated: int
    rejected: int
    undated: int
    words: int
    seconds: float
    device: str
    kinds: dict[str, Kind]


def connect(address: str, workers: int) -> None:
    """Connect to a Ray cluster, unless there is a connection; ``local`` starts one here, with a core for each worker.

    Nothing is reported to anyone: Ray's usage statistics are off. Raises
    :class:`InputError` where Ray is not installed or the cluster is not there.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        ray = _ray()
    except ImportError as error:
        reason = f"cannot be imported ({error}): install this package with its extra 'ray'"
        raise InputError([Problem("ray", 0, "", reason)]) from error
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options |= {"num_cpus": max(workers, annotate.default_workers(-1)), "include_dashboard": False}
    try:
        ray.init(address, **options)
    except (ConnectionError, ValueError) as error:
        raise InputError([Problem(address, 0, "", f"no Ray cluster: {error}")]) from error


def room(gpu: bool) -> int:
    """How many the connected cluster has room for. Raises :class:`InputError` when that is none."""
    kind = "GPU" if gpu else "CPU"
    found = int(_ray().cluster_resources().get(kind, 0))
    if not found:
        raise InputError([Problem("ray", 0, "", f"the cluster has no {kind}")])
    return found


def _ray() -> Any:
    """Ray, which is installed with an extra only, and takes seconds to import."""
    importlib.import_module("ray.data")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what goes wrong is said in the summary
    return importlib.import_module("ray")


def annotate_files(
    job: Job, *, address: str = "local", workers: int = 0, gpu: bool = False, attempts: int = ATTEMPTS
) -> Summary:
    """Annotate all inputs, or what an earlier run left, on a cluster (see :func:`connect`).

    Each worker takes a core, and a GPU with ``gpu``; 0 ``workers`` are as many as the
    cluster has of these. A part is tried so many times (``attempts``) when workers die
    at it; then its input is one of ``failed``, as is one that cannot be read to its
    end. The same call goes on with those.

    Raises :class:`InputError`, before anything is written, for inputs that cannot be
    used (all of them are named), a pipeline that cannot be loaded, and an output that is
    of something else or being written; :class:`persian_ner.annotate.Stopped` when the
    workers cannot be started.
    """
    clock = time.perf_counter()
    if Path(job.model).exists():
        job = replace(job, model=str(Path(job.model).resolve()))  # workers have working folders of their own
    output = Place.at(job.output)
    _check_apart(Place.at(job.source), output)
    inputs = find_inputs(job.source, job.text_field, job.date_field, output)
    nlp = load_fast(job.model, bfloat16=job.bfloat16)
    made_by = provenance(nlp, None)
    identity = _identity(job, nlp, made_by, gpu)
    del nlp  # each worker has its own
    connect(address, workers)
    workers = workers or room(gpu)
    with _held(output):
        _check_run(output, identity | {"part_batches": PART_BATCHES})
        run = _Running(output, _finished(output, inputs), clock)
        run.open = {item.name: _Open(item) for item in inputs if item.name not in run.done}
        _find_parts(output, run.open.values())
        if run.open:
            stream = _annotate_on_ray(job, run, identity, workers, gpu, attempts)
            with closing(stream), _progress(inputs, run) as show:
                run.follow(stream, show, workers)
        summary = run.summary(job, made_by, identity["arithmetic"])
        if not summary.failed:
            _remove(output / "parts")
        (output / "summary.json").write_json(summary.model_dump(mode="json"))
        return summary


def find_inputs(source: str, text_field: str, date_field: str = "", output: Place | None = None) -> list[Input]:
    """The files at a path or URL: a file, all files below a folder, or those that match a pattern.

    Names that begin with a dot or an underscore are left out: the markers of other
    programs. So is what runs write to ``output``, which a pattern may match. Raises
    :class:`InputError` with every file that is none of Parquet and JSON lines, cannot be
    read, lacks a field as a column, or has the name of another.
    """
    place = Place.at(source)
    try:
        found = [(name, file) for name, file in _files(place) if not (output and _is_written(file, output))]
    except Exception as error:  # of the storage's own library
        raise InputError([Problem(source, 0, "", f"cannot be read: {error}")]) from error
    if not found:
        raise InputError([Problem(source, 0, "", f"no file here that ends in {' or '.join(_SUFFIXES)}")])
    names = [PurePosixPath(name).with_suffix("").as_posix() for name, _ in found]
    places = [file for _, file in found]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        defects = list(pool.map(partial(_defects, text_field=text_field, date_field=date_field), places))
    problems = [
        Problem(str(file), 0, "", reason) for file, reasons in zip(places, defects, strict=True) for reason in reasons
    ]
    used = Counter(names)
    problems += [
        Problem(str(file), 0, "", "another input has this name, but for the suffix")
        for name, file in zip(names, places, strict=True)
        if used[name] > 1
    ]
    if problems:
        raise InputError(problems)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(_input, names, places))


def _files(place: Place) -> list[tuple[str, Place]]:
    """The files of a source, each with its path below the folder, in the order of these."""
    system, path = place.system, place.path
    if has_magic(path):
        root = _root(place).path
        paths = [item for item, facts in system.glob(path, detail=True).items() if facts["type"] == "file"]
    elif system.isfile(path):
        root, paths = system._parent(path), [path]
    elif system.exists(path):
        root, paths = path, place.files()
    else:
        raise FileNotFoundError("no such file or folder")
    names = {item.removeprefix(root).lstrip("/"): Place(system, item) for item in sorted(paths)}
    return [
        (name, file) for name, file in names.items() if not any(part.startswith((".", "_")) for part in name.split("/"))
    ]


def _root(place: Place) -> Place:
    """The place itself, or the folder in which a pattern looks."""
    return replace(place, path="/".join(takewhile(lambda part: not has_magic(part), place.path.split("/"))))


def _defects(file: Place, text_field: str, date_field: str) -> list[str]:
    """What is wrong with an input that can be seen without reading it."""
    import pyarrow.parquet as pq

    suffix = PurePosixPath(file.path).suffix
    if suffix not in _SUFFIXES:
        return [f"not one of {', '.join(_SUFFIXES)} (a pattern such as FOLDER/*.parquet leaves other files out)"]
    try:
        with file.system.open(file.path, "rb") as handle:
            columns = pq.read_schema(handle).names if suffix == ".parquet" else None
    except Exception as error:  # of the storage's own library, or of pyarrow
        return [f"cannot be read: {error}"]
    return [] if columns is None else annotate_io.column_defects(columns, text_field, date_field)


def _input(name: str, file: Place) -> Input:
    try:
        modified = str(file.system.modified(file.path))
    except NotImplementedError:  # of storages that do not know
        modified = ""
    return Input(name, file, file.system.size(file.path), modified)


def _check_apart(source: Place, output: Place) -> None:
    if _is_below(output, source):
        raise InputError([Problem(str(output), 0, "", "lies in the input, of which it would become a part")])
    if _is_written(_root(source), output):
        raise InputError([Problem(str(source), 0, "", f"lies where results are written to {output}")])


def _is_written(place: Place, output: Place) -> bool:
    """Whether runs with this output write, and at last delete, what is at a place."""
    return any(_is_below(place, output / name) for name in _FOLDERS)


def _is_below(place: Place, folder: Place) -> bool:
    return f"{place}/".startswith(f"{folder}/")


def _local_job(job: Job, name: str) -> annotate.Job:
    """The job as :mod:`persian_ner.annotate` knows it, for one input."""
    nowhere = Source(name, {}, "B", None, lambda skip: iter(()))
    return annotate.Job(nowhere, Path(), job.model, job.text_field, job.id_field, job.bfloat16, job.date_field)


def _identity(job: Job, nlp: Language, made_by: Provenance, gpu: bool) -> dict[str, Any]:
    """What must be the same for all workers, and for a run to go on where another one stopped."""
    found = annotate.identity_of(_local_job(job, ""), nlp, made_by)
    return found | ({"device": "gpu", "arithmetic": "float32"} if gpu else {})  # the command's machine may have none


@contextmanager
def _held(output: Place) -> Iterator[None]:
    """Keep other processes from a local folder; other storages have no locks."""
    if not output.is_local:
        yield
        return
    Path(output.path).mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(Path(output.path) / "lock").acquire(timeout=0)
    except filelock.Timeout:
        raise InputError([Problem(str(output), 0, "", "another process is writing here")]) from None
    with lock:
        yield


def _check_run(output: Place, identity: dict[str, Any]) -> None:
    run = output / "run.json"
    if not run.system.exists(run.path):
        run.write_json(identity)
    elif changed := annotate.differences(run.read_json(), identity):
        advice = "a run of something else: bring that back to go on with it, or take another folder"
        raise InputError(Problem(str(output), 0, "", reason) for reason in [advice, *changed])


def _finished(output: Place, inputs: list[Input]) -> dict[str, Done]:
    """What is done of the inputs, by name. Raises :class:`InputError` with every input that has changed since."""

    def read(item: Input) -> Done | None:
        file = output / f"done/{item.name}.json"
        return Done.model_validate(file.read_json()) if file.system.exists(file.path) else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = zip(inputs, pool.map(read, inputs), strict=True)
        done = {item.name: (item, of) for item, of in found if of}
    problems = [
        Problem(str(item.place), 0, "", f"{difference}: delete {output}/done/{name}.json to annotate it again")
        for name, (item, of) in done.items()
        for difference in annotate.differences(of.model_dump(include=set(item.identity)), item.identity)
    ]
    if problems:
        raise InputError(problems)
    return {name: of for name, (_, of) in done.items()}


@dataclass
class _Open:
    """An input that is not done: its parts that are written, and, once it is read to its end, how many it has."""

    input: Input
    written: set[int] = field(default_factory=set)
    parts: int | None = None
    reasons: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether it can be joined."""
        return len(self.written) == self.parts and not self.reasons

    @property
    def failure(self) -> Failure:
        """Why it is not done, when nothing more is under way."""
        reasons = self.reasons or ["not read to its end, because processes died at it"]
        return Failure(file=str(self.input.place), reason="; ".join(reasons))


def _find_parts(output: Place, inputs: Iterable[_Open]) -> None:
    """Note which parts earlier runs have written, and remove what they left of others."""
    by_digest = {item.input.digest: item for item in inputs}
    for path in output.files():
        file = PurePosixPath(path)
        item = by_digest.get(file.parent.name)
        if file.suffix in (".partial", ".begun"):
            output.system.rm_file(path)
        elif item and file.suffix == ".jsonl":
            item.written.add(int(file.stem))


def _remove(folder: Place) -> None:
    if folder.system.exists(folder.path):
        folder.system.rm(folder.path, recursive=True)


def _annotate_on_ray(
    job: Job, run: _Running, identity: dict[str, Any], workers: int, gpu: bool, attempts: int
) -> Generator[_Message, None, None]:
    """What tasks and actors have done, as they do it. What is lost with a worker for good is missing."""
    ray = _ray()
    context = ray.data.DataContext.get_current().copy()
    context.target_max_block_size = 1  # each part is a block, hence a task of its own
    context.max_errored_blocks = -1  # an input at which its readers die must not end the run
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    items = [pickle.dumps((item.input, frozenset(item.written))) for item in run.open.values()]
    readers = 1 + workers // _WORKERS_OF_A_READER
    with ray.data.DataContext.current(context):
        dataset = (
            ray.data.from_items(items, override_num_blocks=len(items))
            .flat_map(
                _read,
                fn_kwargs={"job": job, "part_batches": PART_BATCHES},
                num_cpus=0,  # or there would be no core for it beside the actors
                compute=ray.data.TaskPoolStrategy(size=min(readers, len(items))),
            )
            .map_batches(
                _Annotator,
                fn_constructor_kwargs={
                    "job": job,
                    "output": run.output,
                    "identity": identity,
                    "gpu": gpu,
                    "attempts": attempts,
                },
                batch_size=1,
                num_cpus=1,
                num_gpus=int(gpu),
                # With one task at a time no other part waits at a worker that dies.
                compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            )
        )
    try:
        for row in dataset.iter_rows():
            yield pickle.loads(row["item"])
    except ray.exceptions.RayError as error:
        raise annotate.Stopped(f"the workers cannot go on: {_last_line(error)}") from error


def _read(row: dict[str, Any], job: Job, part_batches: int) -> Iterator[dict[str, bytes]]:
    """The parts of an input that are not written yet, and its end.

    Which these are was settled before the run: Ray may read an input again, when what was read is lost with its
    node, and then counts on the same rows.
    """
    item, written = pickle.loads(row["item"])
    local_job = _local_job(job, item.name)
    number = before = 0
    try:
        with item.place.local() as path:
            source = annotate_io.open_source(str(path), text_field=job.text_field, date_field=job.date_field)
            entries = (annotate.checked(entry, local_job) for entry in source.read(0))
            batches = annotate.pack(entries, lambda entry: annotate.text_size(entry, local_job))
            while part := list(islice(batches, part_batches)):
                first, last = part[0][0], part[-1][-1]
                done = item.size * last.done // (source.total or 1)
                if number not in written:
                    yield _row(_Part(item, number, (first.line, last.line), done - before, part))
                number, before = number + 1, done
    except InputError as error:
        yield _row(_Failed(item, "; ".join(problem.reason for problem in error.problems)))
    except Exception as error:  # of the storage's own library
        yield _row(_Failed(item, f"cannot be read: {type(error).__name__}: {error}"))
    else:
        yield _row(_End(item, number))


def _row(message: _Message) -> dict[str, bytes]:
    return {"item": pickle.dumps(message)}


class _Annotator:
    """An actor of the pool: holds the pipeline, and writes parts."""

    def __init__(self, job: Job, output: Place, identity: dict[str, Any], gpu: bool, attempts: int) -> None:
        begin = time.perf_counter()
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        self._job, self._output, self._gpu, self._attempts = job, output, gpu, attempts
        self._nlp = load_fast(job.model, 0 if gpu else -1, bfloat16=job.bfloat16)
        made_by = provenance(self._nlp, None)
        on_gpu = made_by.device.startswith("gpu")
        if different := annotate.differences(identity, _identity(job, self._nlp, made_by, on_gpu)):
            machine = socket.gethostname()
            raise RuntimeError(f"{machine} is not set up as the machine of the command: {'; '.join(different)}")
        self._device = made_by.device
        self._version = f"{made_by.model.lang}_{made_by.model.name} {made_by.model.version}"
        self._loading = time.perf_counter() - begin

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[bytes]]:
        """Annotate and write a part; other messages are handed on."""
        (message,) = (pickle.loads(item) for item in rows["item"])
        return {"item": [pickle.dumps(self.work(message) if isinstance(message, _Part) else message)]}

    def work(self, part: _Part) -> _Annotated | _Failed:
        """Annotate and write a part, unless it was begun too often: what a worker dies at, Ray gives to others.

        A part that is there was written in this run, by a worker that died before it could say so.
        """
        first, last = part.lines
        begin = time.perf_counter()
        written = self._output / _part_name(part.input, part.number)
        try:
            if written.system.exists(written.path):
                return self._annotated(part, _head(written), begin)
            if self._may_begin(part):
                return self._annotated(part, self._annotate(part), begin)
            reason = f"workers died at them (attempts: {self._attempts})"
        except Exception as error:  # lack of memory, a GPU that is gone, the storage
            reason = f"{type(error).__name__}: {error}"
        return _Failed(part.input, textwrap.shorten(f"lines {first} to {last}: {reason}", 500))

    def _may_begin(self, part: _Part) -> bool:
        """Leave one more mark beside the part, if there are not as many as attempts."""
        for attempt in range(self._attempts):
            mark = self._output / f"{_part_name(part.input, part.number)}.{attempt}.begun"
            if not mark.system.exists(mark.path):
                mark.system.makedirs(mark.system._parent(mark.path), exist_ok=True)
                mark.system.pipe_file(mark.path, b"begun")
                return True
        return False

    def _annotate(self, part: _Part) -> _Head:
        import torch
        from thinc.api import require_gpu

        begin = time.perf_counter()
        # Ray calls this in another thread than the constructor, and both are settings of a thread.
        torch.set_num_threads(1)
        if self._gpu:
            require_gpu(0)
        local_job = _local_job(self._job, part.input.name.rpartition("/")[2])
        lines = annotate.Parts(Path(), [], begin)
        for batch, texts in zip(part.batches, annotate.texts_of(part.batches, local_job), strict=True):
            lines.add(local_job, self._version, batch, annotate.annotate_batch(self._nlp, texts))
        head = _Head(
            annotated=len(lines.annotated),
            rejected=len(lines.rejected),
            undated=lines.undated,
            words=lines.words,
            seconds=time.perf_counter() - begin,
            device=self._device,
            kinds=lines.kinds,
        )
        target = self._output / _part_name(part.input, part.number)
        with target.replacing() as unfinished:
            content = b"".join([head.model_dump_json().encode() + b"\n", *lines.annotated, *lines.rejected])
            target.system.pipe_file(unfinished, content)
        return head

    def _annotated(self, part: _Part, head: _Head, begin: float) -> _Annotated:
        worker = Worker(
            node=socket.gethostname(),
            process=os.getpid(),
            loading_seconds=self._loading,
            memory_bytes=_most_memory(),
            parts=1,
            records=head.annotated + head.rejected,
            words=head.words,
            seconds=max(head.seconds, time.perf_counter() - begin),
        )
        return _Annotated(part.input, part.number, part.size, worker)


def _most_memory() -> int:
    """The most bytes of memory that this process has held."""
    import resource  # of Unix only, as are Ray's clusters

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _head(part: Place) -> _Head:
    with part.system.open(part.path, "rb") as lines:
        return _Head.model_validate_json(lines.readline())


def _part_name(item: Input, number: int) -> str:
    return f"parts/{item.digest}/{number:06}.jsonl"


def _join(item: Input, output: Place, parts: int) -> Done:
    """Write the files of an input from all of its parts, commit it, and remove the parts."""
    commit = output / f"done/{item.name}.json"
    if commit.system.exists(commit.path):  # by an attempt that died before it could say so
        _remove(output / f"parts/{item.digest}")
        return Done.model_validate(commit.read_json())
    done = Done(**item.identity, parts=parts, annotated=0, rejected=0, undated=0, words=0, seconds=0, devices=[])
    kinds: dict[str, Kind] = {}
    devices: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        annotated, rejects = Path(folder) / "annotated.jsonl", Path(folder) / "rejects.jsonl"
        with annotated.open("wb") as records, rejects.open("wb") as others:
            for number in range(parts):
                part = output / _part_name(item, number)
                with part.system.open(part.path, "rb") as lines:
                    head = _Head.model_validate_json(lines.readline())
                    records.writelines(islice(lines, head.annotated))
                    others.writelines(islice(lines, head.rejected))
                done.annotated += head.annotated
                done.rejected += head.rejected
                done.undated += head.undated
                done.words += head.words
                done.seconds += head.seconds
                devices.add(head.device)
                annotate.add_kinds(kinds, head.kinds)
        table = Path(folder) / "annotated.parquet"
        annotate_io.write_parquet([annotated], table, kinds)
        if done.rejected:
            (output / f"rejects/{item.name}.jsonl").put(rejects)
        (output / f"annotated/{item.name}.parquet").put(table)
    done.devices = sorted(devices)
    commit.write_json(done.model_dump())
    _remove(output / f"parts/{item.digest}")
    return done


@dataclass
class _Running:
    """A run: the inputs that are done and those that are not, and what its workers have done."""

    output: Place
    done: dict[str, Done]
    clock: float
    open: dict[str, _Open] = field(default_factory=dict)
    workers: dict[tuple[str, int], Worker] = field(default_factory=dict)
    begin: float | None = None
    end: float | None = None

    @property
    def words(self) -> int:
        """The words that this run has annotated."""
        return sum(worker.words for worker in self.workers.values())

    @property
    def seconds(self) -> float | None:
        """From the start of the first part to the end of the last one."""
        return None if self.begin is None or self.end is None else self.end - self.begin

    def follow(self, messages: Iterable[_Message], show: Callable[[int], None], workers: int) -> None:
        """Take note of what is done, and join inputs that are complete: as many at once as there are workers."""
        ray = _ray()
        join = ray.remote(num_cpus=0)(_join)
        joining: dict[Any, str] = {}
        for message in messages:
            state = self.open[message.input.name]
            match message:
                case _Annotated():
                    self._add(message.worker)
                    state.written.add(message.number)
                    show(message.size)
                case _End():
                    state.parts = message.parts
                case _Failed():
                    state.reasons.append(message.reason)
            if state.is_complete:
                joining[join.remote(state.input, self.output, state.parts)] = state.input.name
            while len(joining) > workers:
                self._joined(joining)
        while joining:
            self._joined(joining)

    def _add(self, part: Worker) -> None:
        now = time.perf_counter()
        self.begin = min(self.begin or now, now - part.seconds)
        self.end = now
        worker = self.workers.setdefault((part.node, part.process), part.model_copy(update=_NOTHING))
        worker.memory_bytes = max(worker.memory_bytes, part.memory_bytes)
        for name in _NOTHING:
            setattr(worker, name, getattr(worker, name) + getattr(part, name))

    def _joined(self, joining: dict[Any, str]) -> None:
        """Wait for one of the inputs that are being joined."""
        ray = _ray()
        (first, *_), _ = ray.wait(list(joining))
        name = joining.pop(first)
        try:
            self.done[name] = ray.get(first)
            del self.open[name]
        except ray.exceptions.RayError as error:
            self.open[name].reasons.append(f"cannot be written: {_last_line(error)}")

    def summary(self, job: Job, made_by: Provenance, arithmetic: Arithmetic) -> Summary:
        """What there is now, when nothing more is under way."""
        done = self.done.values()
        devices = sorted({device for item in done for device in item.devices})
        return Summary(
            source=job.source,
            output=str(self.output),
            inputs=len(done) + len(self.open),
            done=len(done),
            failed=[item.failure for item in self.open.values()],
            records=sum(item.annotated + item.rejected for item in done),
            annotated=sum(item.annotated for item in done),
            rejected=sum(item.rejected for item in done),
            undated=sum(item.undated for item in done),
            words=sum(item.words for item in done),
            worker_seconds=sum(item.seconds for item in done),
            run=Run(
                records=sum(worker.records for worker in self.workers.values()),
                words=self.words,
                startup_seconds=None if self.begin is None else self.begin - self.clock,
                seconds=self.seconds,
                words_per_second=self.words / self.seconds if self.seconds else None,
                speed_method=SPEED_METHOD,
                workers=list(self.workers.values()),
            ),
            arithmetic=arithmetic,
            provenance=made_by.model_copy(update={"device": ", ".join(devices) or made_by.device}),
        )


def _last_line(error: Exception) -> str:
    """What an error of Ray says last, which is what happened; the traceback of the worker comes before."""
    return str(error).strip().rpartition("\n")[2]


@contextmanager
def _progress(inputs: list[Input], run: _Running) -> Iterator[Callable[[int], None]]:
    """A progress bar with rate and remaining time, and the function that moves it on by so many bytes of input."""
    total = sum(item.size for item in inputs)
    left = sum(item.input.size for item in run.open.values())
    with tqdm(total=total, initial=total - left, unit="B", unit_scale=True, mininterval=1) as bar:

        def show(size: int) -> None:
            speed = run.words / run.seconds if run.seconds else 0
            bar.set_postfix_str(f"{len(run.done)}/{len(inputs)} files, {run.words} words, {speed:.0f} words/s", False)
            bar.update(size)

        yield show
