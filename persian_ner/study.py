"""Studies: the same training with one thing changed, over several seeds, measured on the same gold files.

A study is a YAML file under ``configs/studies``. Every system of it is trained once
a seed and evaluated on every gold file; :mod:`persian_ner.compare` then puts the
systems side by side. Runs that are finished are kept: a study that was stopped, or
got another system or seed, goes on with what is missing. The output folder holds::

    corpora/NAME           records and DocBin files of a corpus, as validate and convert write them
    runs/SYSTEM-SEED       the trained pipeline's evaluations, one folder a gold file; log.jsonl and run.json
    comparison/GOLD        comparison.json and comparison.md

The pipelines themselves are deleted once they are evaluated.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import srsly
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt
from spacy.tokens import DocBin
from spacy.util import load_config

from persian_ner import compare, corpus, docbin, evaluate, files, intake
from persian_ner.records import InputError, Problem, collecting
from persian_ner.sources import read_yaml

RUN_FILE = "run.json"
LOG_FILE = "train.log"


class System(BaseModel):
    """One way of training.

    ``corpus`` and ``config`` name files under ``configs``; ``encoder`` is a folder of
    a Hugging Face model, in place of the configuration's. ``share``: the part of the training documents that is used.
    ``settings`` are values of the training configuration, by dotted name.
    """

    model_config = ConfigDict(extra="forbid")

    corpus: str
    config: str = "default"
    encoder: str | None = None
    share: float = Field(default=1.0, gt=0, le=1)
    settings: dict[str, Any] = Field(default_factory=dict)


class Study(BaseModel):
    """What is compared. ``settings`` are those of all systems; the first system is the baseline.

    ``dev`` names the corpus whose development split every training uses, so that no
    system chooses its best step on other texts than the rest. ``gold`` are files of
    canonical records by name; ``{corpora}`` in a path is the folder of the corpora.
    """

    model_config = ConfigDict(extra="forbid")

    description: str
    seeds: list[NonNegativeInt] = Field(min_length=1)
    dev: str
    gold: dict[str, str] = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    systems: dict[str, System] = Field(min_length=1)
    skip_problems: bool = False
    threads: PositiveInt = 1


@dataclass(frozen=True)
class Run:
    """One training: everything that decides its result, and where it goes."""

    folder: Path
    config: Path
    train: Path
    dev: Path
    gold: dict[str, Path]
    settings: dict[str, Any]
    threads: int

    def key(self) -> dict[str, Any]:
        """What must be the same for a finished run to count: contents, not names."""
        paths = load_config(self.config, overrides=self.settings)["paths"]
        return {
            "config": files.checksum(self.config),
            "train": files.checksum(self.train),
            "dev": files.checksum(self.dev),
            "gold": {name: files.checksum(path) for name, path in self.gold.items()},
            "encoder": None,
            **{name: _contents(path) for name, path in paths.items() if path and name not in ("train", "dev", "log")},
            "settings": {name: value for name, value in self.settings.items() if not name.startswith("paths.")},
        }


def read_study(path: Path, more_gold: Sequence[str] = ()) -> Study:
    """Read a study; ``more_gold`` are further gold files, as ``NAME=FILE``.

    Raises :class:`InputError` naming everything that is wrong, missing files included.
    """
    study = read_yaml(path, Study)
    named = [(argument, *argument.partition("=")[::2]) for argument in more_gold]
    study.gold |= {name: file for _, name, file in named}
    problems = [Problem(argument, 0, "", "is not NAME=FILE") for argument, name, file in named if not (name and file)]
    problems += [
        Problem(str(path), 0, "", f"no such file: {needed}")
        for needed in sorted(
            {f"configs/corpus/{name}.yml" for name in [study.dev, *(s.corpus for s in study.systems.values())]}
            | {f"configs/{system.config}.cfg" for system in study.systems.values()}
            | {system.encoder for system in study.systems.values() if system.encoder}
            | {gold for gold in study.gold.values() if "{corpora}" not in gold}
        )
        if not Path(needed).exists()
    ]
    if problems:
        raise InputError(problems)
    return study


def prepare(study: Study, output: Path) -> list[Run]:
    """Build the corpora; returns all runs, finished or not.

    Raises :class:`InputError` with the problems of all corpora and all gold files.
    """
    problems: list[Problem] = []
    folders = {name: output / "corpora" / name for name in [study.dev, *(s.corpus for s in study.systems.values())]}
    for name, folder in folders.items():
        collecting(problems, partial(_build, name, folder, study.skip_problems))
    gold = {name: Path(path.format(corpora=output / "corpora")) for name, path in study.gold.items()}
    built = not problems
    for name, path in gold.items():  # before hours of training, not after them
        if built or "{corpora}" not in study.gold[name]:  # what lies in a corpus that was not built is of another run
            collecting(problems, partial(evaluate.read_gold, path))
    if problems:
        raise InputError(set(problems))  # corpora share sources
    return [
        Run(
            folder=output / "runs" / f"{name}-{seed}",
            config=Path(f"configs/{system.config}.cfg"),
            train=_share(folders[system.corpus] / "train.spacy", system.share),
            dev=folders[study.dev] / "dev.spacy",
            gold=gold,
            settings={
                **({"paths.encoder": system.encoder} if system.encoder else {}),
                **study.settings,
                **system.settings,
                "system.seed": seed,
            },
            threads=study.threads,
        )
        for seed in study.seeds  # before systems: a study that is stopped has all systems of the seeds it came to
        for name, system in study.systems.items()
    ]


def run(runs: list[Run], jobs: int) -> Iterator[tuple[Run, str | None]]:
    """Train and evaluate what is not finished, ``jobs`` at a time; yields each run and, if it failed, why."""
    waiting = []
    for item in runs:
        if _is_finished(item):
            yield item, None
        else:
            waiting.append(item)
    # A process a training: torch's threads and memory cannot be given back otherwise.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_train_and_evaluate, waiting)


def comparisons(study: Study, output: Path) -> dict[str, compare.Comparison]:
    """Compare the systems on each gold file and write that; all runs must be finished."""
    found = {}
    for gold in study.gold:
        arguments = [
            f"{system}={output / 'runs' / f'{system}-{seed}' / gold}"
            for system in study.systems
            for seed in study.seeds
        ]
        found[gold] = compare.compare(compare.read_runs(arguments))
        compare.write(output / "comparison" / gold, found[gold])
    return found


def _build(name: str, folder: Path, skip_problems: bool) -> None:
    config = corpus.read_config(Path(f"configs/corpus/{name}.yml"))
    loaded = intake.load_sources(config, Path("configs/sources"), Path(), skip_problems)
    intake.write_records(loaded, folder, Path())
    corpus.convert(config, folder, skip_misaligned=False)


def _contents(path: str) -> str:
    """The checksum of a file or folder; the name of an encoder of the hub."""
    return files.checksum(Path(path)) if Path(path).exists() else path


def _share(train: Path, share: float) -> Path:
    """The segments of a DocBin whose record's id has its hash in the share; those of a record go together.

    So a smaller share is part of every larger one.
    """
    if share == 1:
        return train
    docs = (
        doc
        for doc in DocBin().from_disk(train).get_docs(docbin.blank().vocab)
        if _position(str(doc.user_data["id"]).rpartition("@")[0]) < share
    )
    target = train.with_name(f"train-{share:g}.spacy")
    docbin.write(docbin.from_docs(docs), target)
    return target


def _position(document: str) -> float:
    return int.from_bytes(hashlib.sha256(document.encode("utf-8")).digest()[:8], "big") / 2**64


def _is_finished(item: Run) -> bool:
    made = item.folder / RUN_FILE
    return made.exists() and srsly.read_json(made)["key"] == item.key()


def _train_and_evaluate(item: Run) -> tuple[Run, str | None]:
    """In a process of its own. The failure is what the exception says; everything else is in the log."""
    import torch
    from spacy.cli.train import train

    torch.set_num_threads(item.threads)
    os.environ["OMP_NUM_THREADS"] = str(item.threads)
    shutil.rmtree(item.folder, ignore_errors=True)
    item.folder.mkdir(parents=True)
    paths = {"train": item.train, "dev": item.dev, "log": item.folder / "log.jsonl"}
    overrides = {f"paths.{name}": str(path) for name, path in paths.items()} | item.settings
    begin = time.perf_counter()
    with (item.folder / LOG_FILE).open("w", encoding="utf-8") as log:
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                train(item.config, item.folder / "pipeline", overrides=overrides)
        except (Exception, SystemExit) as error:
            return item, f"{type(error).__name__}: {error} (see {item.folder / LOG_FILE})"
    seconds = time.perf_counter() - begin
    nlp = evaluate.load_pipeline(str(item.folder / "pipeline" / "model-best"))
    for name, path in item.gold.items():
        metrics, evaluated = evaluate.evaluate(nlp, evaluate.read_gold(path), name=name, data=path)
        evaluate.write_evaluation(item.folder / name, metrics, evaluated)
    shutil.rmtree(item.folder / "pipeline")
    files.write_json(item.folder / RUN_FILE, {"key": item.key(), "training_seconds": round(seconds)})
    return item, None
