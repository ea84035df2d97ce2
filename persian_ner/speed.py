"""How fast pipelines annotate raw text, side by side, and where the time goes.

**Measured** is everything from a list of raw texts to entities. Each system lives in
a process of its own, so that memory is its own and none disturbs another, and only one
of them works at a time. After a warm-up on the same texts, every round has each system
annotate all texts once, beginning with another system each time: what slows the machine
down for a while slows all of them.

A system's speed is the median of its rounds, in whitespace-separated words a second; a
ratio is the median of the ratios within the rounds. Intervals are of the median, from
order statistics, without assuming a distribution (Conover 1999, "Practical Nonparametric
Statistics", 3.2); null where there are too few rounds for one.

**Built on the fly** from the first pipeline, with random weights (which cost what trained ones cost)
and its tokenizers:

* ``fast``: the pipeline with :func:`persian_ner.fast_inference.speed_up`;
* ``bert-base``: the same pipeline, with an encoder of BERT-base size;
* ``bert-base-fast``: both;
* ``hf-bert-base``: the token-classification pipeline of Hugging Face transformers with a model of that
  size, in the library's default batches (one text at a time), with overlapping windows like those of
  spaCy for long texts. It predicts no entities, which spares it their aggregation.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import quantile_test

from persian_ner import files
from persian_ner.evaluate import load_pipeline, provenance
from persian_ner.fast_inference import speed_up
from persian_ner.machine import cpu_name
from persian_ner.metrics import LEVEL, DataInfo, Interval, Provenance, count_words
from persian_ner.records import InputError, Problem, Record
from persian_ner.report import MARKDOWN_FILTERS
from persian_ner.templating import render_markdown

if TYPE_CHECKING:
    from spacy.language import Language

SPEED_FILE = "speed.json"
TABLE_FILE = "speed.md"

FAST = "fast"
BUILT = (FAST, "bert-base", "bert-base-fast", "hf-bert-base")
"""The systems that are built from the first pipeline."""

BERT_BASE: dict[str, int] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
"""Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers"; 86 M parameters and the vocabulary's."""

_HF_WINDOW = 512
_HF_STRIDE = 128

T = TypeVar("T")


@dataclass(frozen=True)
class SystemSpec:
    """A system to measure: a pipeline's folder or package, or the kind that is built from it."""

    name: str
    model: str
    built: str | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Median(_Strict):
    """A median and its interval."""

    median: float
    interval: Interval | None


class SystemSpeed(_Strict):
    """One system."""

    name: str
    model: str
    built: str | None
    parameters: int | None = Field(description="of the encoder; null without one")
    words_per_second: Median
    first_is_faster: Median = Field(description="speed of the first system, divided by this one's")
    fast_is_faster: Median | None = Field(
        default=None, description="the same of the first system sped up, if it is there"
    )
    peak_memory_bytes: int = Field(description="of the system's process, Python and loading included")
    seconds: list[float] = Field(description="by round")


class Stage(_Strict):
    """What one stage of the first pipeline takes; nested stages are not counted twice."""

    name: str
    seconds: float
    share: float


class Profile(_Strict):
    """Where the time of the first pipeline goes; ``padding`` is the share of its encoder's input that is padding."""

    stages: list[Stage]
    padding: float | None


class SpeedReport(_Strict):
    """Everything that was measured."""

    schema_version: Literal[1] = 1
    data: DataInfo
    texts: int
    words: int
    cpu: str
    threads: int
    rounds: int
    level: float = Field(description="of the intervals")
    systems: list[SystemSpeed]
    profile: Profile | None
    provenance: Provenance = Field(description="of the first system")


def parse_systems(arguments: Sequence[str]) -> list[SystemSpec]:
    """Systems named by ``MODEL`` or ``NAME=MODEL``, where later ones may be one of :data:`BUILT`.

    Raises :class:`InputError` for a repeated name, and when the first is no pipeline.
    """
    specs: list[SystemSpec] = []
    problems: list[Problem] = []
    for argument in arguments:
        name, separator, rest = argument.partition("=")
        model = rest if separator else argument
        if not name or not model:
            problems.append(Problem(argument, 0, "", "is neither MODEL nor NAME=MODEL"))
        elif any(spec.name == name for spec in specs):
            problems.append(Problem(argument, 0, "", f"there is a system {name!r} already"))
        elif model not in BUILT:
            specs.append(SystemSpec(name, model, None))
        elif specs:
            specs.append(SystemSpec(name, specs[0].model, model))
        else:
            problems.append(Problem(argument, 0, "", "is built from the first system, which must be a pipeline"))
    if problems:
        raise InputError(problems)
    return specs


def first_texts(records: Iterable[Record], words: int) -> list[str]:
    """Whole texts from the beginning, until they have so many words; fewer if there are no more."""
    texts: list[str] = []
    total = 0
    for record in records:
        if total >= words:
            break
        texts.append(record.text)
        total += count_words(record.text)
    return texts


def measure(
    specs: Sequence[SystemSpec], texts: Sequence[str], data: Path, *, rounds: int, threads: int, profiled: bool
) -> SpeedReport:
    """Measure all systems on the texts, which are from the file ``data``, with so many threads of torch.

    Raises :class:`InputError` for the systems that cannot be loaded.
    """
    words = sum(map(count_words, texts))
    if not words:
        raise InputError([Problem(str(data), 0, "", "no words to annotate")])
    with ExitStack() as stack:
        pools = [stack.enter_context(_process()) for _ in specs]
        ready = [pool.submit(_start, spec, texts, threads) for pool, spec in zip(pools, specs, strict=True)]
        started = [future.result() for future in ready]
        problems = [problem for found in started for problem in found.problems]
        if problems:
            raise InputError(problems)
        seconds: list[list[float]] = [[] for _ in specs]
        for number in range(rounds):
            for index in _rotated(range(len(specs)), number):
                seconds[index].append(pools[index].submit(_round).result())
        found_profile = pools[0].submit(_profile).result() if profiled else None
        peaks = [pool.submit(_peak_memory).result() for pool in pools]
    fast = next((found for spec, found in zip(specs, seconds, strict=True) if spec.built == FAST), None)
    made_by = started[0].provenance
    assert made_by is not None  # the first system is a pipeline
    return SpeedReport(
        data=DataInfo(path=data.as_posix(), sha256=files.checksum(data)),
        texts=len(texts),
        words=words,
        cpu=cpu_name(),
        threads=threads,
        rounds=rounds,
        level=LEVEL,
        systems=[
            SystemSpeed(
                name=spec.name,
                model=spec.model,
                built=spec.built,
                parameters=begun.parameters,
                words_per_second=median_of([words / taken for taken in found]),
                first_is_faster=_ratio(found, seconds[0]),
                fast_is_faster=_ratio(found, fast) if fast else None,
                peak_memory_bytes=peak,
                seconds=found,
            )
            for spec, begun, found, peak in zip(specs, started, seconds, peaks, strict=True)
        ],
        profile=found_profile,
        provenance=made_by,
    )


def _ratio(seconds: Sequence[float], faster: Sequence[float]) -> Median:
    return median_of([taken / other for taken, other in zip(seconds, faster, strict=True)])


def median_of(values: Sequence[float]) -> Median:
    """The median with its interval from order statistics."""
    ends = quantile_test(values, p=0.5).confidence_interval(LEVEL)
    known = ends.low == ends.low and ends.high == ends.high  # nan: not with so few values
    return Median(
        median=statistics.median(values),
        interval=Interval(low=float(ends.low), high=float(ends.high)) if known else None,
    )


def write(folder: Path, report: SpeedReport) -> None:
    """Write ``speed.json`` and ``speed.md``, each atomically, once both are complete in memory."""
    table = to_markdown(report)
    files.write_text(folder / TABLE_FILE, table)
    files.write_text(folder / SPEED_FILE, report.model_dump_json(indent=2) + "\n")


def to_markdown(report: SpeedReport) -> str:
    """The report's tables."""
    return render_markdown("speed.md.j2", MARKDOWN_FILTERS, report=report)


def with_bert_base(nlp: Language) -> Language:
    """The same pipeline with an encoder of BERT-base size. Its weights and those of the other components are random."""
    from spacy.util import load_model_from_config
    from spacy_transformers.data_classes import HFObjects
    from transformers import BertConfig, BertModel

    config = nlp.config.interpolate()
    config["initialize"] = {}  # what prepares a training is not for a comparison
    other = load_model_from_config(config, auto_fill=True)
    theirs: Any = other.tokenizer
    ours: Any = nlp.tokenizer
    theirs.from_bytes(ours.to_bytes())
    component: Any = nlp.get_pipe("transformer")
    tokenizer = component.model.tokenizer
    encoder = BertModel(BertConfig(vocab_size=len(tokenizer), **BERT_BASE))
    transformer: Any = other.get_pipe("transformer")
    transformer.model.attrs["set_transformer"](transformer.model, HFObjects(tokenizer, encoder, None, {}, {}))
    ner: Any = nlp.get_pipe("ner")
    other_ner: Any = other.get_pipe("ner")
    for label in ner.labels:
        other_ner.add_label(label)
    other.initialize()
    return other


def hugging_face_bert_base(nlp: Language) -> Any:
    """The token-classification pipeline of Hugging Face with BERT-base, for the labels and word pieces of ``nlp``."""
    from transformers import BertConfig, BertForTokenClassification
    from transformers.pipelines.token_classification import TokenClassificationPipeline

    component: Any = nlp.get_pipe("transformer")
    tokenizer = component.model.tokenizer
    tokenizer.model_max_length = _HF_WINDOW
    ner: Any = nlp.get_pipe("ner")
    tags = ["O", *(f"{prefix}-{label}" for label in ner.labels for prefix in "BI")]
    names = {"id2label": dict(enumerate(tags)), "label2id": {tag: index for index, tag in enumerate(tags)}}
    config = BertConfig(vocab_size=len(tokenizer), **names, **BERT_BASE)
    model = BertForTokenClassification(config)
    with torch.no_grad():
        model.classifier.bias[0] = 1e4  # O everywhere
    return TokenClassificationPipeline(
        model=model.eval(), tokenizer=tokenizer, aggregation_strategy="simple", stride=_HF_STRIDE, device="cpu"
    )


def profile(nlp: Language, texts: Sequence[str]) -> Profile:
    """Annotate the texts as ``nlp.pipe`` does, with a stopwatch in each stage. The pipeline stays instrumented."""
    watch = Stopwatch()
    pieces: Counter[str] = Counter()
    if nlp.has_pipe("transformer"):
        component: Any = nlp.get_pipe("transformer")
        model = component.model
        model.tokenizer.batch_encode_plus = watch.timed("word-piece tokenizer", model.tokenizer.batch_encode_plus)
        forward = watch.timed("encoder", model.transformer.forward)

        def counting(*args: Any, **kwargs: Any) -> Any:
            pieces["real"] += int(kwargs["attention_mask"].sum())
            pieces["all"] += kwargs["attention_mask"].numel()
            return forward(*args, **kwargs)

        model.transformer.forward = counting
    stream: Iterable[Any] = watch.stream("tokenizer", map(nlp.make_doc, texts))
    for name, component in nlp.pipeline:
        piped = (
            component.pipe(stream, batch_size=nlp.batch_size) if hasattr(component, "pipe") else map(component, stream)
        )
        stream = watch.stream("wrapper of the encoder" if name == "transformer" else name, piped)
    with watch.measuring("other"):
        _exhaust(stream)
    total = sum(watch.seconds.values())
    longest_first = sorted(watch.seconds.items(), key=lambda item: -item[1])
    return Profile(
        stages=[Stage(name=name, seconds=taken, share=taken / total) for name, taken in longest_first],
        padding=1 - pieces["real"] / pieces["all"] if pieces["all"] else None,
    )


class Stopwatch:
    """Adds up seconds by name. While something is measured within something else, only the inner one's run."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        """Nothing measured yet; ``clock`` tells seconds."""
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        """The time of the block goes to ``name``."""
        self._charge()
        self._running.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.pop()

    def timed(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """The function, with its time going to ``name``."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> T:
            with self.measuring(name):
                return function(*args, **kwargs)

        return run

    def stream(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The items, with the time it takes to make them going to ``name``."""
        iterator = iter(items)
        while True:
            with self.measuring(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def _charge(self) -> None:
        now = self._clock()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


@dataclass(frozen=True)
class _Started:
    problems: list[Problem]
    parameters: int | None = None
    provenance: Provenance | None = None


_texts: Sequence[str]
_annotate: Callable[[Sequence[str]], Iterable[Any]]
_pipeline: Language


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _start(spec: SystemSpec, texts: Sequence[str], threads: int) -> _Started:
    """Load the system in this process, and warm it up. Problems are returned: an InputError cannot be sent."""
    global _texts, _annotate, _pipeline
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    try:
        nlp = load_pipeline(spec.model)
    except InputError as error:
        return _Started(error.problems)
    if spec.built and not (nlp.has_pipe("transformer") and nlp.has_pipe("ner")):
        return _Started([Problem(spec.model, 0, "", f"has no transformer and ner, which {spec.built} is built from")])
    encoder: Any = None
    _texts = texts
    if spec.built == "hf-bert-base":
        tagger = hugging_face_bert_base(nlp)
        encoder, _annotate = tagger.model, lambda texts: tagger(list(texts))
    else:
        if spec.built in ("bert-base", "bert-base-fast"):
            nlp = with_bert_base(nlp)
        if spec.built in (FAST, "bert-base-fast"):
            speed_up(nlp)
        if nlp.has_pipe("transformer"):
            component: Any = nlp.get_pipe("transformer")
            encoder = component.model.transformer
        _pipeline, _annotate = nlp, nlp.pipe
    _round()
    parameters = sum(weights.numel() for weights in encoder.parameters()) if encoder else None
    return _Started([], parameters, provenance(nlp, None))


def _round() -> float:
    begin = time.perf_counter()
    _exhaust(_annotate(_texts))
    return time.perf_counter() - begin


def _profile() -> Profile:
    return profile(_pipeline, _texts)


def _peak_memory() -> int:
    """In bytes; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _exhaust(items: Iterable[Any]) -> None:
    deque(items, maxlen=0)


def _rotated(items: Sequence[T], by: int) -> list[T]:
    first = by % len(items)
    return [*items[first:], *items[:first]]
