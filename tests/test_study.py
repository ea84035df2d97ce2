"""Studies: several trainings that differ in one thing, measured alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from project_copy import ROOT, copy_project
from spacy.tokens import Doc, DocBin

from persian_ner import study
from persian_ner.docbin import blank
from persian_ner.records import InputError

STUDY: dict[str, Any] = {
    "description": "two widths",
    "seeds": [0],
    "dev": "own",
    "gold": {"test": "{corpora}/own/test.jsonl"},
    "settings": {"training.max_steps": 4, "training.eval_frequency": 2},
    "systems": {
        "narrow": {"corpus": "own", "config": "cnn", "settings": {"components.ner.model.hidden_width": 8}},
        "half": {"corpus": "own", "config": "cnn", "share": 0.5},
    },
}


def write_study(project: Path, changes: dict[str, Any] | None = None) -> Path:
    path = project / "configs" / "studies" / "small.yml"
    path.write_text(yaml.safe_dump(STUDY | (changes or {}), sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy_project(tmp_path, articles=40)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "study.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_study_goes_on_with_what_is_missing(project: Path) -> None:
    config = write_study(project)
    done = run_script(config, "out", "--jobs", 2)
    assert done.returncode == 0, done.stderr
    comparison = json.loads((project / "out/comparison/test/comparison.json").read_text(encoding="utf-8"))
    assert [system["name"] for system in comparison["systems"]] == ["narrow", "half"]
    assert not (project / "out/runs/half-0/pipeline").exists()
    finished = (project / "out/runs/half-0/run.json").stat().st_mtime_ns

    write_study(project, {"systems": {**STUDY["systems"], "broken": {"corpus": "own", "settings": {"no.such": 1}}}})
    done = run_script(config, "out")
    assert done.returncode == 1
    assert "broken-0" in done.stderr
    assert "1 of 3 runs failed" in done.stderr
    assert (project / "out/runs/half-0/run.json").stat().st_mtime_ns == finished


def test_every_missing_file_is_named(project: Path) -> None:
    systems = {"a": {"corpus": "none", "config": "nothing", "encoder": "nowhere"}}
    config = write_study(project, {"systems": systems, "gold": {"g": "gone.jsonl"}})
    with pytest.raises(InputError) as error:
        study.read_study(config, ["more=also-gone.jsonl"])
    named = [problem.reason for problem in error.value.problems]
    for missing in ("configs/corpus/none.yml", "configs/nothing.cfg", "nowhere", "gone.jsonl", "also-gone.jsonl"):
        assert f"no such file: {missing}" in named


def test_a_gold_file_without_a_name_is_refused(project: Path) -> None:
    with pytest.raises(InputError) as error:
        study.read_study(write_study(project), ["gold.jsonl", "=gold.jsonl", "name="])
    reasons = {problem.file: problem.reason for problem in error.value.problems}
    assert [reasons.get(argument) for argument in ("gold.jsonl", "=gold.jsonl", "name=")] == ["is not NAME=FILE"] * 3


def test_bad_gold_is_reported_before_the_trainings(project: Path) -> None:
    for name in ("first", "second"):
        (project / f"{name}.jsonl").write_text("no json\n", encoding="utf-8")
    gold = {"test": "{corpora}/own/test.jsonl", "first": "first.jsonl", "second": "second.jsonl"}
    plan = study.read_study(write_study(project, {"gold": gold}))
    with pytest.raises(InputError) as error:
        study.prepare(plan, project / "out")
    found = [(problem.file, problem.line) for problem in error.value.problems]
    assert found == [("first.jsonl", 1), ("second.jsonl", 1)]


def test_the_problems_of_all_corpora_and_of_gold_are_listed_once(project: Path) -> None:
    names = ("first", "second", "third")
    for name, sources in zip(names, (["articles", "mine"], ["articles"], ["articles"]), strict=True):
        (project / "configs" / "corpus" / f"{name}.yml").write_text(
            yaml.safe_dump({"sources": sources, "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}, "max_words": 120}),
            encoding="utf-8",
        )
    (article, *_) = sorted((project / "assets" / "articles").glob("*.md"))
    with article.open("a", encoding="utf-8") as handle:
        handle.write("\n]\n")
    (project / "gold.jsonl").write_text("no json\n", encoding="utf-8")
    systems = {name: {"corpus": name, "config": "cnn"} for name in names}
    plan = study.read_study(
        write_study(
            project,
            {"dev": "third", "systems": systems, "gold": {"own": "{corpora}/third/test.jsonl", "bad": "gold.jsonl"}},
        )
    )
    with pytest.raises(InputError) as error:
        study.prepare(plan, project / "out")
    found = [Path(problem.file).name for problem in error.value.problems]
    assert found == [article.name, "mine.yml", "gold.jsonl"]


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "studies").glob("*.yml")), ids=lambda path: path.stem)
def test_studies_of_the_project_are_valid(path: Path) -> None:
    plan = study.Study.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    for system in plan.systems.values():
        assert (ROOT / "configs" / "corpus" / f"{system.corpus}.yml").exists()
        assert (ROOT / "configs" / f"{system.config}.cfg").exists()


def test_a_smaller_share_is_part_of_a_larger_one(tmp_path: Path) -> None:
    nlp = blank()

    def doc(name: str) -> Doc:
        made = nlp.make_doc(f"متن {name}")
        made.user_data["id"] = name
        return made

    def ids(path: Path) -> Sequence[str]:
        return [found.user_data["id"] for found in DocBin().from_disk(path).get_docs(nlp.vocab)]

    whole = tmp_path / "train.spacy"
    DocBin(docs=[doc(f"{n}@{part}") for n in range(200) for part in (0, 70)], store_user_data=True).to_disk(whole)
    quarter, half = ids(study._share(whole, 0.25)), ids(study._share(whole, 0.5))
    assert study._share(whole, 1) == whole
    assert set(quarter) < set(half)
    assert 60 <= len(quarter) <= 140
    assert all(f"{name.partition('@')[0]}@70" in quarter for name in quarter)


def test_the_key_is_of_contents(tmp_path: Path) -> None:
    for name in ("train", "dev", "gold"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    config = ROOT / "configs" / "cnn.cfg"
    run = study.Run(
        tmp_path / "run", config, tmp_path / "train", tmp_path / "dev", {"g": tmp_path / "gold"}, {"system.seed": 0}, 1
    )
    before = run.key()
    assert replace(run, threads=2, folder=tmp_path / "elsewhere").key() == before
    assert replace(run, settings={"system.seed": 1}).key() != before
    (tmp_path / "gold").write_text("changed", encoding="utf-8")
    assert run.key() != before


def test_the_key_is_of_every_file_that_a_configuration_names(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    for file in (names, tmp_path / "corpus"):
        file.write_text(file.name, encoding="utf-8")
    run = study.Run(
        tmp_path / "run", ROOT / "configs" / "full.cfg", tmp_path / "corpus", tmp_path / "corpus", {}, {}, 1
    )
    plain = run.key()
    swapping = replace(run, settings={"paths.names": str(names)})
    before = swapping.key()
    assert before != plain
    names.write_text("changed", encoding="utf-8")
    assert swapping.key() != before
    first, second = (replace(run, settings={"paths.encoder": f"hub/{name}"}).key() for name in ("first", "second"))
    assert first != second
