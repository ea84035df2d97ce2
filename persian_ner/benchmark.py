"""A public benchmark in its own terms: a corpus' own labels and split, scored as the published figures are.

Published figures are entity F1 (exact span and label) of predictions for the
*corpus' tokens*. **Gold tokens** is that measure: the pipeline is given the tokens,
and spans are compared. Tokens and their offsets in the text correspond one to one, so
equal offsets are equal tokens and :func:`persian_ner.metrics.compute` counts what
conlleval and seqeval count. **Raw text** is the same for what users have: the text
without its tokens, cut by the pipeline's own tokenizer.

Without a test file, one of ``folds`` blocks of consecutive sentences is the test part,
so that an article is (but for the edges of the block) on one side only. The
development part is a block too, at an end of the training part, away from the test.

Sentences of the test part that the training file has as well make scores too good.
They are counted, and scores are given without them, too.

A prepared folder holds ``{train,dev,test}.jsonl``, ``{train,dev,test}.spacy`` and
``manifest.json``; a scored one ``benchmark.json`` (:class:`Run`), ``benchmark.md``, and in
``gold_tokens`` and ``raw_text`` an evaluation each, as :mod:`persian_ner.evaluate` writes it.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from persian_ner import docbin, files
from persian_ner.compare import Value
from persian_ner.detokenize import detokenize
from persian_ner.duplicates import compare_key, find_leaks
from persian_ner.evaluate import provenance, read_gold, write_evaluation
from persian_ner.metrics import Evaluated, Metrics, Provenance, compute, span_defects
from persian_ner.predict import BATCH_SIZE, predict
from persian_ner.readers import records_jsonl, registry
from persian_ner.readers.json_input import read_as
from persian_ner.records import InputError, Problem, Record, Span, collect, collecting, iter_text_lines
from persian_ner.sources import read_yaml
from persian_ner.templating import markdown_cell, render_markdown

if TYPE_CHECKING:  # spaCy takes seconds to import
    from spacy.language import Language
    from spacy.tokens import Doc

DEV_SHARE = 0.1
"""The part of the training sentences that chooses the best of a training's models."""

SPLITS = ("train", "dev", "test")
TOKENS = "tokens"
"""The key of a record's ``meta`` with the offsets of the corpus' tokens."""

MANIFEST = "manifest.json"
RUN_FILE = "benchmark.json"
SUMMARY_FILE = "summary.json"
TABLE_FILE = "benchmark.md"

Measure = Literal["gold_tokens", "raw_text"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Strict):
    """A published figure: strict F1 on gold tokens of the test file, in percent."""

    system: str
    f1: float = Field(ge=0, le=100)
    source: str


class Benchmark(_Strict):
    """What ``configs/benchmark.yml`` says: the labels scored, options of the column reader, and published figures."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    labels: list[str] = Field(min_length=1)
    published: list[Published]


class TestedOn(_Strict):
    """What was tested on: a file, or a block of the training file (``file`` is null)."""

    file: str | None
    fold: int | None
    folds: int | None

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.file or f"block {self.fold} of {self.folds}"


class Leaks(_Strict):
    """The test sentences that the training file has as well, by record id."""

    same_text: list[str] = Field(description="apart from punctuation, spacing and variants of letters")
    nearly: list[str] = Field(description="a sentence of 30 letters or more, with a similarity of 0.8 or more")

    @property
    def ids(self) -> set[str]:
        """All of them."""
        return {*self.same_text, *self.nearly}


class Manifest(_Strict):
    """What was prepared from which files, and what was left out."""

    schema_version: Literal[1] = 1
    benchmark: str
    labels: list[str]
    test: TestedOn
    sha256: dict[str, str] = Field(description="of the files read: train, and test if there was one")
    sentences: dict[str, int]
    tokens: dict[str, int]
    spans: dict[str, dict[str, int]]
    repairs: list[str]
    left_out: list[str] = Field(description="sentences with a problem")
    misaligned: dict[str, list[str]] = Field(
        description="spans that are not whole tokens of our tokenizer: not trained on, and out of reach on raw text"
    )
    leaks: Leaks


class Part(_Strict):
    """The scores of a set of test sentences."""

    gold_tokens: Metrics
    raw_text: Metrics


class Run(_Strict):
    """One trained pipeline, scored."""

    schema_version: Literal[1] = 1
    manifest: Manifest
    seed: int | None
    encoder: str | None = Field(description="that the training started from; null without a transformer")
    overall: Part
    without_leaks: Part
    provenance: Provenance


class System(_Strict):
    """The runs of one system, other folds or seeds of the same test part or division."""

    name: str
    test: str
    runs: list[str] = Field(description="folders")
    f1: dict[Measure, Value]
    f1_without_leaks: dict[Measure, Value]
    per_label: dict[str, Value] = Field(description="F1 on gold tokens")
    test_sentences: int = Field(description="of all runs")
    leaking_sentences: int
    left_out: int = Field(description="sentences with a problem, of all runs")
    commits: list[str] = Field(default_factory=list, description="of the code that trained and scored, where known")


class Summary(_Strict):
    """Measured systems beside the published figures. Measured values are shares of 1, published ones percent."""

    schema_version: Literal[1] = 1
    benchmark: str
    labels: list[str]
    systems: list[System]
    published: list[Published]


def read_benchmark(path: Path) -> Benchmark:
    """Read ``configs/benchmark.yml``; raises :class:`InputError` naming everything that is wrong."""
    return read_yaml(path, Benchmark)


def prepare(
    benchmark: Benchmark,
    train_file: Path,
    folder: Path,
    *,
    test_file: Path | None,
    fold: int,
    folds: int,
    skip_problems: bool,
) -> Manifest:
    """Read the corpus' files, split them, and write the prepared folder.

    Without ``test_file`` block ``fold`` (1 is the first) of ``folds`` is tested on.
    Raises :class:`InputError` with all problems of both files, unless
    ``skip_problems``: then sentences with a problem are left out and listed, if a file has others.
    """
    paths = [train_file, *([test_file] if test_file else [])]
    read = [_read(path, benchmark) for path in paths]
    problems = [problem for _, found in read for problem in found]
    unusable = [problem for problem in problems if not problem.doc_id]
    unusable += [
        Problem(str(path), 0, "", "no sentence without a problem")
        for path, (records, found) in zip(paths, read, strict=True)
        if not records and all(problem.doc_id for problem in found)
    ]
    if not test_file and not 1 <= fold <= folds <= len(read[0][0]):
        unusable.append(Problem(str(train_file), 0, "", f"there is no block {fold} of {folds}"))
    if unusable or (problems and not skip_problems):
        raise InputError({*problems, *unusable})
    splits = _with_test(read[0][0], read[1][0]) if test_file else split_blocks(read[0][0], fold, folds)
    nlp = docbin.blank()
    packed = {split: docbin.from_records(records, nlp, {}) for split, records in splits.items()}
    for split in SPLITS:
        records_jsonl.write(splits[split], folder / f"{split}.jsonl")
        docbin.write(packed[split][0], folder / f"{split}.spacy")
    manifest = Manifest(
        benchmark=benchmark.name,
        labels=benchmark.labels,
        test=TestedOn(
            file=test_file.name if test_file else None,
            fold=None if test_file else fold,
            folds=None if test_file else folds,
        ),
        sha256={role: files.checksum(path) for role, path in zip(("train", "test"), paths, strict=False)},
        sentences={split: len(records) for split, records in splits.items()},
        tokens={split: sum(len(record.meta[TOKENS]) for record in records) for split, records in splits.items()},
        spans={split: _span_counts(records, benchmark.labels) for split, records in splits.items()},
        repairs=[
            f"{record.id}: {repair}"
            for records in splits.values()
            for record in records
            for repair in record.meta.get("repairs", ())
        ],
        left_out=sorted(map(str, problems)),
        misaligned={split: sorted(map(str, found)) for split, (_, found) in packed.items()},
        leaks=leaking(splits),
    )
    files.write_json(folder / MANIFEST, manifest.model_dump())
    return manifest


def split_blocks(records: Sequence[Record], fold: int, folds: int) -> dict[str, list[Record]]:
    """Consecutive sentences as three splits: block ``fold`` of ``folds`` to test on, the rest for training.

    The development part is ``DEV_SHARE`` of the rest, from that end of the file that
    is further from the test block.
    """
    start, end = ((len(records) * edge) // folds for edge in (fold - 1, fold))
    size = _dev_size(len(records) - (end - start))
    if start >= len(records) - end:
        dev, train = records[:size], [*records[size:start], *records[end:]]
    else:
        border = len(records) - size
        dev, train = records[border:], [*records[:start], *records[end:border]]
    return {"train": list(train), "dev": list(dev), "test": list(records[start:end])}


def _with_test(training: Sequence[Record], test: Sequence[Record]) -> dict[str, list[Record]]:
    """The published split; the development part is the end of the training file."""
    border = len(training) - _dev_size(len(training))
    return {"train": list(training[:border]), "dev": list(training[border:]), "test": list(test)}


def _dev_size(sentences: int) -> int:
    return max(1, round(DEV_SHARE * sentences))


def leaking(splits: dict[str, list[Record]]) -> Leaks:
    """The test sentences that occur in the other two splits, which both come from the training file."""
    training = splits["train"] + splits["dev"]
    keys = {compare_key(record.text) for record in training}
    same = [record.id for record in splits["test"] if compare_key(record.text) in keys]
    found = find_leaks({"train": training, "test": splits["test"]})
    nearly = {leak.doc_id for leak in found if leak.split == "test"}.difference(same)
    return Leaks(same_text=same, nearly=[record.id for record in splits["test"] if record.id in nearly])


def _read(path: Path, benchmark: Benchmark) -> tuple[list[Record], list[Problem]]:
    """The sentences without a problem, with the corpus' tokens in ``meta``; ids begin with the file's stem."""
    try:
        records, problems = collect(registry.read("conll", path, **benchmark.options))
        tokens = _tokens(path)
    except (OSError, ValueError) as error:
        return [], [Problem(str(path), 0, "", f"cannot be read: {error}")]
    sound = []
    for record in records:
        words = tokens[int(record.id.rpartition("#")[2]) - 1]
        text, offsets = detokenize(words)
        reasons = span_defects(record.text, record.spans)
        unknown = {span.label for span in record.spans}.difference(benchmark.labels)
        reasons += [f"label {label!r} is not one of {', '.join(benchmark.labels)}" for label in sorted(unknown)]
        if text != record.text:
            reasons.append("its tokens are not those of the file after repairs")
        problems += [record.problem(reason) for reason in reasons]
        if not reasons:
            sound.append(record.model_copy(update={"meta": {**record.meta, TOKENS: [list(ends) for ends in offsets]}}))
    return sound, problems


def _tokens(path: Path) -> list[list[str]]:
    """The first column of each sentence of a column file, as it stands there."""
    found: list[list[str]] = [[]]
    for item in iter_text_lines(path):
        line = "\ufffd" if isinstance(item, Problem) else item[1]  # the reader rejects the sentence
        if line.strip():
            found[-1].append(line.strip(" ").split(" ")[0].split("\t")[0])
        elif found[-1]:
            found.append([])
    return found


def _span_counts(records: Iterable[Record], labels: Iterable[str]) -> dict[str, int]:
    counts = Counter(span.label for record in records for span in record.spans)
    return {label: counts[label] for label in labels}


def read_prepared(folder: Path, benchmark: Benchmark | None) -> tuple[Manifest, list[Record]]:
    """The manifest and the test sentences of a prepared folder; raises :class:`InputError` with all problems.

    The folder must be of ``benchmark``, if that is given.
    """
    problems: list[Problem] = []
    manifest = collecting(problems, lambda: read_as(folder / MANIFEST, Manifest))
    records = collecting(problems, lambda: read_gold(folder / "test.jsonl"))
    problems += [record.problem(f"meta has no {TOKENS}") for record in records or () if TOKENS not in record.meta]
    if manifest is not None:
        problems += _other_benchmark(manifest, benchmark, folder / MANIFEST)
    if problems or manifest is None or records is None:
        raise InputError(problems)
    return manifest, records


def score(nlp: Language, manifest: Manifest, records: Sequence[Record], folder: Path) -> Run:
    """Predict and score the test sentences, and write the evaluations of both measures below ``folder``."""
    predicted: dict[Measure, list[list[Span]]] = {
        "gold_tokens": predict_tokens(nlp, records),
        "raw_text": predict(nlp, records),
    }
    evaluated = {
        measure: [
            Evaluated(record.id, record.text, record.spans, spans) for record, spans in zip(records, found, strict=True)
        ]
        for measure, found in predicted.items()
    }
    leaks = manifest.leaks.ids
    overall = {measure: compute(found, manifest.labels) for measure, found in evaluated.items()}
    without_leaks = {
        measure: compute([document for document in found if document.doc_id not in leaks], manifest.labels)
        for measure, found in evaluated.items()
    }
    for measure, metrics in overall.items():
        write_evaluation(folder / measure, metrics.model_copy(update={"name": measure}), evaluated[measure])
    return Run(
        manifest=manifest,
        seed=nlp.config.get("system", {}).get("seed"),
        encoder=nlp.config.get("paths", {}).get("encoder") if nlp.has_pipe("transformer") else None,
        overall=Part(**overall),
        without_leaks=Part(**without_leaks),
        provenance=provenance(nlp, None),
    )


def predict_tokens(nlp: Language, records: Sequence[Record]) -> list[list[Span]]:
    """Predict the spans of records that bring their tokens, with these tokens instead of the pipeline's own."""
    docs = [_doc(nlp, record) for record in records]
    return [
        [Span(start=ent.start_char, end=ent.end_char, label=ent.label_) for ent in doc.ents]
        for doc in nlp.pipe(docs, batch_size=BATCH_SIZE)
    ]


def _doc(nlp: Language, record: Record) -> Doc:
    from spacy.tokens import Doc

    offsets = record.meta[TOKENS]
    words = [record.text[start:end] for start, end in offsets]
    following = [start for start, _ in offsets[1:]] + [len(record.text)]
    doc = Doc(nlp.vocab, words, [end < after for (_, end), after in zip(offsets, following, strict=True)])
    assert doc.text == record.text
    return doc


def read_runs(arguments: Sequence[str], benchmark: Benchmark | None) -> dict[str, list[tuple[str, Run]]]:
    """Read scored folders named ``FOLDER`` or ``SYSTEM=FOLDER``, by system.

    Raises :class:`InputError` with every problem: what cannot be read, runs of another
    benchmark, if one is given, and runs of one system whose test parts cannot be averaged.
    """
    problems: list[Problem] = []
    systems: dict[str, list[tuple[str, Run]]] = {}
    for argument in arguments:
        name, separator, folder = argument.partition("=")
        folder = folder if separator else argument
        file = Path(folder) / RUN_FILE
        try:
            run = read_as(file, Run)
        except InputError as error:
            problems += error.problems
            continue
        problems += _other_benchmark(run.manifest, benchmark, file)
        systems.setdefault(name, []).append((folder, run))
    for name, runs in systems.items():
        if len({_division(run) for _, run in runs}) > 1:
            problems.append(Problem(name, 0, "", "its runs are of different test files or numbers of blocks"))
    if problems:
        raise InputError(problems)
    return systems


def summarise(benchmark: Benchmark, systems: dict[str, list[tuple[str, Run]]]) -> Summary:
    """Mean and standard deviation over the runs of each system, beside the published figures."""
    return Summary(
        benchmark=benchmark.name,
        labels=benchmark.labels,
        systems=[_system(name, runs, benchmark.labels) for name, runs in systems.items()],
        published=benchmark.published,
    )


def to_markdown(summary: Summary) -> str:
    """The summary as Markdown, with how to read it."""
    return render_markdown("benchmark.md.j2", {"cell": markdown_cell, "value": in_percent}, summary=summary)


def write_run(folder: Path, benchmark: Benchmark, run: Run, name: str) -> Summary:
    """Write ``benchmark.json`` and ``benchmark.md`` of one run; returns what the table shows."""
    summary = summarise(benchmark, {name: [(str(folder), run)]})
    table = to_markdown(summary)
    files.write_text(folder / TABLE_FILE, table)
    files.write_text(folder / RUN_FILE, run.model_dump_json(indent=2) + "\n")
    return summary


def write_summary(folder: Path, summary: Summary) -> None:
    """Write ``summary.json`` and ``benchmark.md`` of several runs."""
    table = to_markdown(summary)
    files.write_text(folder / TABLE_FILE, table)
    files.write_text(folder / SUMMARY_FILE, summary.model_dump_json(indent=2) + "\n")


def _other_benchmark(manifest: Manifest, benchmark: Benchmark | None, file: Path) -> list[Problem]:
    if benchmark is None or (manifest.benchmark, manifest.labels) == (benchmark.name, benchmark.labels):
        return []
    return [Problem(str(file), 0, "", f"is not of the benchmark {benchmark.name!r} with its labels")]


def _division(run: Run) -> tuple[str | None, int | None, str]:
    """What must be equal for runs to be averaged: the test file, or how the training file was divided."""
    part, sums = run.manifest.test, run.manifest.sha256
    return part.file, part.folds, " ".join(sorted(sums.values()))


def _system(name: str, runs: Sequence[tuple[str, Run]], labels: Sequence[str]) -> System:
    found = [run for _, run in runs]
    tests = list(dict.fromkeys(run.manifest.test.name for run in found))
    return System(
        name=name,
        test=", ".join(tests),
        runs=[folder for folder, _ in runs],
        f1=_by_measure([run.overall for run in found]),
        f1_without_leaks=_by_measure([run.without_leaks for run in found]),
        per_label={
            label: _value([run.overall.gold_tokens.per_label[label].strict.f1 for run in found]) for label in labels
        },
        test_sentences=sum(run.manifest.sentences["test"] for run in found),
        leaking_sentences=sum(len(run.manifest.leaks.ids) for run in found),
        left_out=sum(len(run.manifest.left_out) for run in found),
        commits=list(dict.fromkeys(run.provenance.git_commit for run in found if run.provenance.git_commit)),
    )


def _by_measure(parts: Sequence[Part]) -> dict[Measure, Value]:
    return {
        "gold_tokens": _value([part.gold_tokens.overall.strict.f1 for part in parts]),
        "raw_text": _value([part.raw_text.overall.strict.f1 for part in parts]),
    }


def _value(runs: list[float | None]) -> Value:
    known = [value for value in runs if value is not None]
    return Value(
        runs=runs,
        mean=statistics.fmean(known) if known else None,
        sd=statistics.stdev(known) if len(known) > 1 else None,
    )


def in_percent(value: Value) -> str:
    """A value with its standard deviation, in percent."""
    if value.mean is None:
        return "–"
    return f"{100 * value.mean:.2f}" + ("" if value.sd is None else f" ± {100 * value.sd:.2f}")
