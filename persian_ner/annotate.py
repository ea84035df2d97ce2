"""Bulk annotation: any number of records in, the same records with their entities out.

**The same result for any number of workers, any batch size and any number of
interruptions.** What a transformer computes depends, in the last digits, on the
texts that share a forward pass. Therefore the records are packed into batches by a
rule that knows the input alone (:func:`pack`); a batch is always predicted as a
whole, with one thread of torch; and what workers are handed is whole batches.

**Nothing lost, nothing doubled.** What is finished is kept in a folder beside the
output, in numbered parts of consecutive records::

    run.json                what the run is: input, fields, pipeline, versions, device
    000000.annotated.jsonl  records with their entities
    000000.rejects.jsonl    what was no record, and why
    000000.json             commits these two: how many records they are, and their sizes

A part without its last file does not count. Parts end where batches end, so a run
that goes on behind the last part packs the rest as the first run would have done.
At the end the parts are joined and the folder is deleted.

**A worker that dies** (killed, most often for lack of memory) is replaced, and its batch
tried once more. A batch that kills a second time is tried text by text, each up to twice:
what kills both times alone is rejected, the others are annotated. So the outcome of a
deadly text depends on its batch alone, not on workers. In a single process (one
worker) there is nobody left to do this; the run dies and can be continued with more.

**Dates** are resolved over a whole text, after its pieces have been joined, whether or
not the pipeline has a component for that: what «همان روز» means can be in an earlier piece.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import re
import shutil
import signal
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import filelock
import srsly
from pydantic import BaseModel, ConfigDict, ValidationError
from tqdm import tqdm

from persian_ner import annotate_io, files
from persian_ner.annotate_io import ENTITIES, KEPT_AS, MODEL, Entry, Kind, Source
from persian_ner.cpu_precision import Arithmetic, arithmetic_of
from persian_ner.dates.coverage import LABEL
from persian_ner.dates.published import publication_date
from persian_ner.dates.resolve import resolve_in_turn
from persian_ner.evaluate import provenance
from persian_ner.fast_inference import load_fast
from persian_ner.machine import cpu_name
from persian_ner.metrics import Provenance, count_words
from persian_ner.predict import SCORE_DIGITS, score_of
from persian_ner.records import InputError, Problem, collecting

if TYPE_CHECKING:  # spaCy takes seconds to import
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.tokens import Span as SpacySpan

BATCH_RECORDS = 128
BATCH_CHARS = 50_000
LONGEST_PIECE = 10_000
"""The three decide which texts share a forward pass: other values can change results in their last digits."""

COMMIT_SECONDS = 30.0
SPEED_METHOD = (
    "words (separated by white space) of the annotated texts, divided by the seconds on the clock from the start of "
    "the run, loading of the pipeline included, to its last committed part; for an interrupted annotation both are "
    "sums over its runs, without what was lost and done again"
)

_SUFFIXES = (".jsonl", ".parquet")
_PART_BYTES = 1 << 26  # a part is in memory until it is committed
_TASKS_AHEAD = 2  # for each worker, so that none waits for the parent
_THREADS = 1  # sums in another order differ in their last digits
_ATTEMPTS = 2
_DEADLY = "kills the worker: its process died twice at this text alone, most often for lack of memory"
_BORDERS = [re.compile(pattern) for pattern in (r"\n", r"[.!?؟؛…]\s", r"\s")]
_SOUND_TEXT = "سلام."

T = TypeVar("T")
Batch = list[Entry]


class Text(NamedTuple):
    """What is annotated of a record: its text, and the day it was published, where that is known."""

    text: str
    published: date | None


class Outcome(NamedTuple):
    """The entities of one text, or the reason why the pipeline cannot annotate it."""

    entities: list[dict[str, Any]]
    reason: str = ""


class Stopped(RuntimeError):
    """Raised when memory runs out, or workers cannot be started or die at any text; what is committed is kept."""


class Summary(BaseModel):
    """What a finished annotation was. ``words`` are those of the annotated records.

    ``undated`` are the annotated records without a publication date, where a field with it was named;
    ``threads`` are those of torch in each worker, ``processor`` is None on a GPU.
    """

    model_config = ConfigDict(extra="forbid")

    input: dict[str, Any]
    output: str
    records: int
    annotated: int
    rejected: int
    undated: int
    words: int
    seconds: float
    words_per_second: float | None
    speed_method: str
    workers: int
    threads: int
    cores: int
    processor: str | None
    batch_size: int
    arithmetic: Arithmetic
    provenance: Provenance


@dataclass(frozen=True)
class Job:
    """What to annotate with which pipeline (a folder or a package), and the file to write: JSON lines or Parquet.

    ``bfloat16``: compute in it where the processor can (:mod:`persian_ner.fast_inference`).
    ``date_field`` is that of the publication date; ``""`` for none.
    """

    source: Source
    output: Path
    model: str
    text_field: str = "text"
    id_field: str = "id"
    bfloat16: bool = True
    date_field: str = ""

    @property
    def rejects(self) -> Path:
        """The file with what could not be annotated, and why."""
        return self.output.with_name(f"{self.output.name}.rejects.jsonl")

    @property
    def summary(self) -> Path:
        """The file with the :class:`Summary`."""
        return self.output.with_name(f"{self.output.name}.summary.json")

    @property
    def folder(self) -> Path:
        """The folder of an unfinished run."""
        return self.output.with_name(f"{self.output.name}.parts")


def default_gpu() -> int:
    """0, the first GPU, where PyTorch and CuPy both find one; -1 for the CPU elsewhere."""
    from thinc.compat import has_cupy_gpu, has_torch_cuda_gpu

    return 0 if has_cupy_gpu and has_torch_cuda_gpu else -1


def default_workers(gpu_id: int) -> int:
    """As many as there are cores for this process; one on a GPU, whose memory workers would have to share."""
    if gpu_id >= 0:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def annotate(
    job: Job, *, workers: int, batch_size: int, gpu_id: int = -1, commit_seconds: float = COMMIT_SECONDS
) -> Summary:
    """Annotate all records, or the rest of them where an earlier run was interrupted.

    ``batch_size`` is how many records a worker is handed at once, rounded up to
    whole batches; ``commit_seconds`` how much work an interruption can cost. Neither
    these nor ``workers`` change the result. A record is written with all its
    fields (some renamed: :data:`persian_ner.annotate_io.KEPT_AS`), a made-up id where it
    has none, its entities (offsets in characters of its text, and what dates mean) and
    the pipeline's version.

    Raises :class:`InputError` for a pipeline that cannot be loaded, an output of
    unknown kind or in the place of the input, an unfinished run of something else or
    still going on, and an input that cannot be read to its end; :class:`Stopped` when
    memory runs out in a single process, or workers cannot be started or die at any text.
    """
    clock = time.perf_counter()
    problems: list[Problem] = []
    if str(job.output.resolve()) == job.source.identity.get("file"):
        problems.append(Problem(str(job.output), 0, "", "is the input"))
    nlp = collecting(problems, lambda: load_for(job.output, job.model, gpu_id, bfloat16=job.bfloat16))
    if problems or nlp is None:
        raise InputError(problems)
    made_by = provenance(nlp, None)
    identity = identity_of(job, nlp, made_by)
    with _unfinished(job, identity, clock) as parts:
        entries = (checked(entry, job) for entry in job.source.read(parts.position))
        tasks = _tasks(pack(entries, lambda entry: text_size(entry, job)), batch_size)
        version = f"{made_by.model.lang}_{made_by.model.name} {made_by.model.version}"
        if workers > 1:
            results = _in_workers(job, tasks, workers, gpu_id)
            del nlp  # each worker has its own
        else:
            results = _in_this_process(nlp, job, tasks)
        with _progress(job.source, parts) as show, closing(results):
            for batch, outcomes in results:
                parts.add(job, version, batch, outcomes)
                show()
                if parts.is_due(commit_seconds):
                    parts.commit()
            parts.commit()
        return _finish(job, parts, made_by, identity["arithmetic"], workers, batch_size)


def load_for(output: Path, model: str, gpu_id: int, *, bfloat16: bool) -> Language:
    """The pipeline that :func:`annotate` uses. Raises :class:`InputError` with what is wrong with it and the output."""
    problems: list[Problem] = []
    if output.suffix not in _SUFFIXES:
        problems.append(Problem(str(output), 0, "", f"not one of {', '.join(_SUFFIXES)}"))
    nlp = collecting(problems, lambda: load_fast(model, gpu_id, bfloat16=bfloat16))
    if problems or nlp is None:
        raise InputError(problems)
    return nlp


def pack(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Consecutive items in lists of at most ``BATCH_RECORDS``, and ``BATCH_CHARS`` unless a single item is larger.

    Where a list ends depends on its own items and the next one only: what is left
    of the items after any list is packed as it is here.
    """
    batch: list[T] = []
    total = 0
    for item in items:
        if batch and (len(batch) == BATCH_RECORDS or total + size(item) > BATCH_CHARS):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size(item)
    if batch:
        yield batch


def pieces(text: str, longest: int) -> list[tuple[int, int]]:
    """Offsets that cut a text into adjoining pieces of at most ``longest`` characters.

    A piece ends, in its second half, after the last line break, else after the last
    sentence, else after the last space; where there is none it is cut hard.
    """
    found: list[tuple[int, int]] = []
    start = 0
    while len(text) - start > longest:
        end = _border(text, start + longest // 2, start + longest)
        found.append((start, end))
        start = end
    return [*found, (start, len(text))]


def _border(text: str, earliest: int, latest: int) -> int:
    for border in _BORDERS:
        if ends := [match.end() for match in border.finditer(text, earliest, latest)]:
            return ends[-1]
    return latest


def annotate_batch(nlp: Language, batch: list[Text]) -> list[Outcome]:
    """Predict a batch of texts as :func:`annotate_texts` does, and resolve the dates in them."""
    outcomes = annotate_texts(nlp, [item.text for item in batch])
    for item, outcome in zip(batch, outcomes, strict=True):
        resolve_dates(outcome.entities, item.published)
    return outcomes


def resolve_dates(entities: list[dict[str, Any]], published: date | None) -> None:
    """Say in each DATE entity of one text, in place, which days it means; the ones before it are its context."""
    dates = [entity for entity in entities if entity["label"] == LABEL]
    values = resolve_in_turn((entity["text"] for entity in dates), published)
    for entity, value in zip(dates, values, strict=True):
        entity.pop("date", None)  # of a component of the pipeline, which knows neither the day nor other pieces
        if iso := value.iso():
            entity["date"] = iso
        entity["date_details"] = value.to_dict()


def annotate_texts(nlp: Language, texts: list[str]) -> list[Outcome]:
    """Predict a batch of texts; long ones in pieces.

    A text at which the pipeline fails, or which its tokenizer changes, is an outcome
    with a reason. Then the others are predicted one by one. Raises what the pipeline
    raises when it fails at any text, and when memory runs out.
    """
    from torch import OutOfMemoryError

    try:
        return [Outcome(entities) for entities in _predict(nlp, texts)]
    except (MemoryError, OutOfMemoryError):
        raise
    except Exception:
        return [_annotate_alone(nlp, text) for text in texts]


def _annotate_alone(nlp: Language, text: str) -> Outcome:
    from torch import OutOfMemoryError

    try:
        return Outcome(_predict(nlp, [text])[0])
    except (MemoryError, OutOfMemoryError):
        raise
    except Exception as error:
        _predict(nlp, [_SOUND_TEXT])  # raises if it is not the text
        return Outcome([], textwrap.shorten(f"the pipeline fails: {type(error).__name__}: {error}", 300))


class _Piece(NamedTuple):
    text: int
    start: int
    end: int


def _predict(nlp: Language, texts: list[str]) -> list[list[dict[str, Any]]]:
    longest = min(LONGEST_PIECE, nlp.max_length)
    cuts = [
        _Piece(number, start, end)
        for number, text in enumerate(texts)
        for start, end in pieces(text, longest)
        if text[start:end].strip()
    ]
    found: list[list[dict[str, Any]]] = [[] for _ in texts]
    for batch in pack(cuts, lambda piece: piece.end - piece.start):
        surfaces = [texts[piece.text][piece.start : piece.end] for piece in batch]
        with nlp.memory_zone():  # or the vocabulary would grow with every new word
            for piece, surface, doc in zip(batch, surfaces, nlp.pipe(surfaces, batch_size=len(batch)), strict=True):
                if doc.text != surface:
                    raise ValueError("the tokenizer changes the text")
                found[piece.text] += entities_of(doc, piece.start)
    return found


def entities_of(doc: Doc, offset: int) -> list[dict[str, Any]]:
    """The entities of a document as they are written; ``offset`` is where it begins in its text, in characters."""
    scores = _group_scores(doc)
    found = []
    for ent in doc.ents:
        entity: dict[str, Any] = {
            "start": offset + ent.start_char,
            "end": offset + ent.end_char,
            "label": ent.label_,
            "text": ent.text,
        }
        score = score_of(ent)
        if score is None:
            score = scores.get((ent.start, ent.end, ent.label_))
        if score is not None:
            entity["score"] = score
        if date := _iso_date(ent):
            entity["date"] = date
        found.append(entity)
    return found


def _group_scores(doc: Doc) -> dict[tuple[int, int, str], float]:
    """The scores of spans in the document's span groups, as the span categoriser leaves them."""
    return {
        (span.start, span.end, span.label_): round(float(score), SCORE_DIGITS)
        for group in doc.spans.values()
        if "scores" in group.attrs
        for span, score in zip(group, group.attrs["scores"], strict=True)
    }


def _iso_date(ent: SpacySpan) -> str | None:
    """The resolved date, where a component of the pipeline sets one: of its ``iso()`` if it has that, else as text."""
    value = ent._.date if ent.has_extension("date") else None
    iso = getattr(value, "iso", None)
    if callable(iso):
        value = iso()
    return None if value is None else str(value)


def checked(entry: Entry, job: Job) -> Entry:
    """The entry, with a reason if it cannot be annotated."""
    return entry if entry.reason else replace(entry, reason=_defect(entry.fields, job))


def _defect(fields: Mapping[str, Any], job: Job) -> str:
    """Why a record cannot be annotated; ``""`` when it can."""
    if job.text_field not in fields:
        return f"no field {job.text_field!r}"
    text = fields[job.text_field]
    if not isinstance(text, str):
        return f"field {job.text_field!r} is {'null' if text is None else type(text).__name__}, not text"
    if clashes := annotate_io.name_clashes(fields):
        return clashes[0]
    if not annotate_io.is_unicode(fields):
        return "holds half of a character (a lone surrogate)"
    try:
        _published(fields, job)
    except ValueError as error:
        return f"field {job.date_field!r} {error}"
    return ""


def _published(fields: Mapping[str, Any], job: Job) -> date | None:
    """The publication date, if the record has one. Raises ``ValueError`` for what is none."""
    return publication_date(fields.get(job.date_field)) if job.date_field else None


def text_size(entry: Entry, job: Job) -> int:
    """Characters to annotate, by which :func:`pack` packs."""
    return 0 if entry.reason else len(entry.fields[job.text_field])


def _tasks(batches: Iterable[Batch], batch_size: int) -> Iterator[list[Batch]]:
    """Consecutive batches, together at least ``batch_size`` records."""
    task: list[Batch] = []
    for batch in batches:
        task.append(batch)
        if sum(map(len, task)) >= batch_size:
            yield task
            task = []
    if task:
        yield task


def texts_of(task: list[Batch], job: Job) -> list[list[Text]]:
    """The texts of each batch that can be annotated."""
    return [
        [Text(entry.fields[job.text_field], _published(entry.fields, job)) for entry in batch if not entry.reason]
        for batch in task
    ]


_Results = Generator[tuple[Batch, list[Outcome]], None, None]


def _in_this_process(nlp: Language, job: Job, tasks: Iterable[list[Batch]]) -> _Results:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(_THREADS)
    try:
        for task in tasks:
            for batch, texts in zip(task, texts_of(task, job), strict=True):
                yield batch, annotate_batch(nlp, texts)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise Stopped("memory ran out (with more workers, a text that needs too much is rejected)") from error
    finally:
        torch.set_num_threads(threads)


def _in_workers(job: Job, tasks: Iterable[list[Batch]], workers: int, gpu_id: int) -> _Results:
    """Predict in several processes; results are in the order of the tasks, of which few are under way."""
    crew = [_Worker(job, gpu_id) for _ in range(workers)]
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in crew:
        idle.put(worker)

    def work(task: list[list[Text]]) -> list[list[Outcome]]:
        worker = idle.get()
        try:
            return [worker.annotate(texts) for texts in task]
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)  # each waits for one process
    waiting: deque[tuple[list[Batch], Future[list[list[Outcome]]]]] = deque()

    def first() -> Iterator[tuple[Batch, list[Outcome]]]:
        task, future = waiting.popleft()
        return zip(task, future.result(), strict=True)

    try:
        for task in tasks:
            waiting.append((task, threads.submit(work, texts_of(task, job))))
            if len(waiting) > _TASKS_AHEAD * workers:
                yield from first()
        while waiting:
            yield from first()
    finally:
        threads.shutdown(cancel_futures=True)
        for worker in crew:
            worker.end()


class _Worker:
    """A process with the pipeline, which is replaced when it dies."""

    def __init__(self, job: Job, gpu_id: int) -> None:
        self._settings = (job.model, gpu_id, job.bfloat16)
        self._process: ProcessPoolExecutor | None = None  # of its own, or the death of one would end all

    def annotate(self, batch: list[Text]) -> list[Outcome]:
        """Predict a batch; a text that kills the process is an outcome with a reason.

        Raises :class:`Stopped` when no process can be started, or any text kills it.
        """
        for _ in range(_ATTEMPTS):
            if (outcomes := self._attempt(batch)) is not None:
                return outcomes
        if len(batch) > 1:
            return [outcome for text in batch for outcome in self.annotate([text])]
        if self._attempt([Text(_SOUND_TEXT, None)]) is None:
            raise Stopped("workers die at any text, most often for lack of memory (use fewer workers)")
        return [Outcome([], _DEADLY)]

    def _attempt(self, batch: list[Text]) -> list[Outcome] | None:
        """The outcomes; None when the process has died, or had too little memory."""
        if self._process is None:
            self._process = _started(*self._settings)
        try:
            return self._process.submit(_work, batch).result()
        except (BrokenProcessPool, MemoryError):
            self.end()
            return None

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.shutdown()
            self._process = None


def _started(model: str, gpu_id: int, bfloat16: bool) -> ProcessPoolExecutor:
    """A process with the pipeline loaded. Raises :class:`Stopped` where there can be none."""
    # A forked copy of a process with threads, or with a GPU, can hang.
    process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_follow_parent)
    try:
        process.submit(_load, model, gpu_id, bfloat16).result()
    except BrokenProcessPool as error:
        process.shutdown()
        raise Stopped("a worker died at its start, most often for lack of memory (use fewer workers)") from error
    except Exception as error:
        process.shutdown()
        raise Stopped(f"a worker cannot be started: {type(error).__name__}: {error}") from error
    return process


_pipeline: Language


def _follow_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _load(model: str, gpu_id: int, bfloat16: bool) -> None:
    global _pipeline
    import torch

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(_THREADS)
    _pipeline = load_fast(model, gpu_id, bfloat16=bfloat16)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(batch: list[Text]) -> list[Outcome]:
    from torch import OutOfMemoryError

    try:
        return annotate_batch(_pipeline, batch)
    except OutOfMemoryError as error:  # the parent tells one kind of it
        raise MemoryError(str(error)) from None


class Part(BaseModel):
    """What commits a part: ``done`` is the progress behind it, ``sizes`` are the bytes of its two files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    annotated: int
    rejected: int
    undated: int
    words: int
    seconds: float
    done: int
    kinds: dict[str, Kind]
    sizes: tuple[int, int]


@dataclass
class Parts:
    """The committed parts of a run, and the one being filled. ``clock`` is when the last of them was committed."""

    folder: Path
    committed: list[Part]
    clock: float
    annotated: list[bytes] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)
    undated: int = 0
    words: int = 0
    done: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)

    @property
    def position(self) -> int:
        """How many entries of the input the committed parts hold."""
        return sum(part.annotated + part.rejected for part in self.committed)

    @property
    def all_words(self) -> int:
        """The words of the annotated records, committed or not."""
        return sum(part.words for part in self.committed) + self.words

    def add(self, job: Job, version: str, batch: Batch, outcomes: list[Outcome]) -> None:
        """Add a batch: the outcomes are those of its entries without a defect."""
        found = iter(outcomes)
        for entry in batch:
            outcome = Outcome([], entry.reason) if entry.reason else next(found)
            if outcome.reason:
                self.rejected.append(annotate_io.to_line(_reject(entry, outcome.reason, job)))
                continue
            fields = {KEPT_AS.get(name, name): value for name, value in _with_id(entry, job).items()}
            record = fields | {MODEL: version}
            add_kinds(self.kinds, {name: annotate_io.kind_of(value) for name, value in record.items()})
            self.undated += bool(job.date_field) and _published(entry.fields, job) is None
            self.words += count_words(entry.fields[job.text_field])
            self.annotated.append(annotate_io.to_line(record | {ENTITIES: outcome.entities}))
        self.done = batch[-1].done

    def is_due(self, seconds: float) -> bool:
        """Whether the part is to be committed: after so many seconds, or when it is large."""
        return time.perf_counter() - self.clock >= seconds or sum(map(len, self.annotated)) >= _PART_BYTES

    def commit(self) -> None:
        """Write the part, if anything is in it, and begin the next one."""
        if not self.annotated and not self.rejected:
            return
        now = time.perf_counter()
        annotated, rejects, commit = _part_files(self.folder, len(self.committed))
        sizes = (annotated.write_bytes(b"".join(self.annotated)), rejects.write_bytes(b"".join(self.rejected)))
        part = Part(
            annotated=len(self.annotated),
            rejected=len(self.rejected),
            undated=self.undated,
            words=self.words,
            seconds=now - self.clock,
            done=self.done,
            kinds=self.kinds,
            sizes=sizes,
        )
        files.write_json(commit, part.model_dump())
        self.committed.append(part)
        self.clock, self.annotated, self.rejected, self.kinds = now, [], [], {}
        self.words = self.undated = 0


def add_kinds(kinds: dict[str, Kind], more: Mapping[str, Kind]) -> None:
    """Widen the kinds of columns, in place, so that they hold these too."""
    for name, kind in more.items():
        kinds[name] = annotate_io.common_kind(kinds.get(name, "null"), kind)


def _part_files(folder: Path, number: int) -> tuple[Path, Path, Path]:
    stem = f"{number:06}"
    return folder / f"{stem}.annotated.jsonl", folder / f"{stem}.rejects.jsonl", folder / f"{stem}.json"


def _with_id(entry: Entry, job: Job) -> dict[str, Any]:
    """The fields, with an id from the line where the record has none."""
    if entry.fields.get(job.id_field) is not None:
        return entry.fields
    made_up = {job.id_field: f"{job.source.name}#{entry.line}"}
    return made_up | entry.fields | made_up


def _reject(entry: Entry, reason: str, job: Job) -> dict[str, Any]:
    found = {"line": entry.line, "id": entry.fields.get(job.id_field), "reason": reason}
    return found | ({"raw": entry.raw} if entry.raw else {"record": entry.fields})


def identity_of(job: Job, nlp: Language, made_by: Provenance) -> dict[str, Any]:
    """What must be the same for a run to go on where another one stopped."""
    return {
        "input": job.source.identity,
        "text_field": job.text_field,
        "id_field": job.id_field,
        "date_field": job.date_field,
        "pipeline": {
            "name": made_by.model.name,
            "version": made_by.model.version,
            "sha256": files.checksum(nlp.path) if nlp.path else None,
        },
        "device": made_by.device,
        "arithmetic": arithmetic_of(nlp),
        "versions": made_by.versions,
        "batches": {"records": BATCH_RECORDS, "characters": BATCH_CHARS, "longest_piece": LONGEST_PIECE},
    }


@contextmanager
def _unfinished(job: Job, identity: dict[str, Any], clock: float) -> Iterator[Parts]:
    """The parts of this run, from an earlier start of it if there was one, kept from other processes meanwhile."""
    job.folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(job.folder / "lock").acquire(timeout=0)
    except filelock.Timeout:
        raise InputError([Problem(str(job.folder), 0, "", "another process is writing here")]) from None
    with lock:
        run = job.folder / "run.json"
        if run.exists():
            _check_identity(job.folder, srsly.read_json(run), identity)
        else:
            files.write_json(run, identity)
        committed = _committed(job.folder)
        for leftover in job.folder.glob("[0-9]*"):
            if int(leftover.name.partition(".")[0]) >= len(committed):
                leftover.unlink()
        yield Parts(job.folder, committed, clock, done=committed[-1].done if committed else 0)


def _check_identity(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [Problem(str(folder), 0, "", difference) for difference in differences(before, now)]
    if changed:
        advice = "an unfinished run of something else: bring that back to go on with it, or delete this folder"
        raise InputError([Problem(str(folder), 0, "", advice), *changed])


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is another value than before, of nested objects."""
    old, new = _flat(before), _flat(now)
    return [
        f"{name} was {old.get(name)}, and is {new.get(name)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _flat(content: Any, under: str = "") -> dict[str, Any]:
    """The leaves of nested objects, each by the names that lead to it."""
    if not isinstance(content, dict):
        return {under: content}
    nested = (_flat(value, f"{under} {name}".strip()) for name, value in content.items())
    return {name: value for part in nested for name, value in part.items()}


def _committed(folder: Path) -> list[Part]:
    """The parts from the first to the last that is whole and has all before it."""
    parts: list[Part] = []
    while True:
        annotated, rejects, commit = _part_files(folder, len(parts))
        try:
            part = Part.model_validate_json(commit.read_bytes())
            if (annotated.stat().st_size, rejects.stat().st_size) != part.sizes:
                return parts
        except (OSError, ValidationError):
            return parts
        parts.append(part)


def _finish(
    job: Job, parts: Parts, made_by: Provenance, arithmetic: Arithmetic, workers: int, batch_size: int
) -> Summary:
    """Join the parts; the output comes last, so that with it everything is there."""
    annotated = sum(part.annotated for part in parts.committed)
    rejected = sum(part.rejected for part in parts.committed)
    seconds = sum(part.seconds for part in parts.committed)
    summary = Summary(
        input=job.source.identity,
        output=str(job.output),
        records=annotated + rejected,
        annotated=annotated,
        rejected=rejected,
        undated=sum(part.undated for part in parts.committed),
        words=parts.all_words,
        seconds=seconds,
        words_per_second=parts.all_words / seconds if seconds else None,
        speed_method=SPEED_METHOD,
        workers=workers,
        threads=_THREADS,
        cores=default_workers(-1),
        processor=cpu_name() if made_by.device.startswith("cpu") else None,
        batch_size=batch_size,
        arithmetic=arithmetic,
        provenance=made_by,
    )
    part_files = [_part_files(job.folder, number) for number in range(len(parts.committed))]
    annotate_io.join([rejects for _, rejects, _ in part_files], job.rejects)
    files.write_text(job.summary, summary.model_dump_json(indent=2) + "\n")
    if job.output.suffix == ".parquet":
        kinds: dict[str, Kind] = {}
        for part in parts.committed:
            add_kinds(kinds, part.kinds)
        annotate_io.write_parquet([records for records, _, _ in part_files], job.output, kinds)
    else:
        annotate_io.join([records for records, _, _ in part_files], job.output)
    shutil.rmtree(job.folder)
    return summary


@contextmanager
def _progress(source: Source, parts: Parts) -> Iterator[Callable[[], None]]:
    """A progress bar with rate and remaining time, and the function that brings it up to date."""
    begin, before = time.perf_counter(), parts.all_words
    with tqdm(
        desc=source.name, total=source.total, initial=parts.done, unit=source.unit, unit_scale=True, mininterval=1
    ) as bar:

        def show() -> None:
            speed = (parts.all_words - before) / (time.perf_counter() - begin)
            bar.set_postfix_str(f"{parts.all_words} words, {speed:.0f} words/s", refresh=False)
            bar.update(parts.done - bar.n)

        yield show
