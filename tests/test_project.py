"""The project as its users run it: ``spacy project run``, from inline markup to a pipeline in another environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import spacy
import yaml
from project_copy import ROOT, commands_run, copy_project, run_project, set_in_config
from project_deps import with_code_deps
from weasel.cli.run import check_rerun, project_run, update_lockfile
from weasel.util import load_project_config

from persian_ner.labels import LABELS

PROJECT = yaml.safe_load((ROOT / "project.yml").read_text(encoding="utf-8"))
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
STEPS = {*PROJECT["workflows"]["package"], "train-with-names"}
PATHS = (
    *(
        "hub_encoder",
        "encoder",
        "gold",
        "gold_dir",
        "thresholds",
        "comparison_dir",
        "texts",
        "annotated",
        "annotated_dir",
    ),
    *("to_review", "audit_dir", "benchmark_train", "benchmark_test", "mirror", "gazetteers", "raw_text", "raw_news"),
    *("pretrain_dir", "earlier_encoder"),
)
"""The variables whose paths may have spaces."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that went through the whole workflow, with a tenth of the articles and of the steps."""
    project = copy_project(tmp_path_factory.mktemp("trained"), articles=60)
    set_in_config(project / "configs" / "default.cfg", max_steps=120, eval_frequency=60, warmup_steps=20)
    done = run_project(project, "package")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.slow
class TestTrained:
    def test_scores(self, trained: Path) -> None:
        metrics = json.loads((trained / "reports" / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["documents"] >= 8
        assert metrics["overall"]["strict"]["f1"] > 0.5

    def test_report_is_written(self, trained: Path) -> None:
        page = (trained / "reports" / "report.html").read_text(encoding="utf-8")
        assert 'dir="rtl"' in page

    def test_loads_and_keeps_the_text(self, trained: Path) -> None:
        nlp = spacy.load(trained / "training" / "model-best")
        assert set(nlp.get_pipe("ner").labels) == set(LABELS)
        for text in ["", " ", "\n", "😀👩‍👩‍👧", "a" * 5000, "می‌ رود\x00", "سلام!ایران۲۰ abc עברית", "\u200c\u200f"]:
            assert nlp(text).text == text

    def test_sees_through_damage(self, trained: Path) -> None:
        nlp = spacy.load(trained / "training" / "model-best")
        clean = "محمدرضا کریمی‌نژاد، رئیس‌جمهور پیشین، ۲۸ فروردین ۱۴۰۴ وارد تهران شد."
        twins = [clean.replace("\u200c", ""), clean.replace("ی", "ي").replace("ک", "ك"), clean.replace("۲۸", "28")]
        expected = [ent.label_ for ent in nlp(clean).ents]
        assert expected
        for twin in twins:
            assert [ent.label_ for ent in nlp(twin).ents] == expected

    def test_long_documents_are_read_to_the_end(self, trained: Path) -> None:
        nlp = spacy.load(trained / "training" / "model-best")
        paragraph = "مریم حسینی در مشهد با خبرنگار گفت‌وگو کرد و از برنامه‌های سال آینده خبر داد. "
        doc = nlp(paragraph * 200)
        pieces = doc._.trf_data.align.lengths
        assert sum(pieces) > 2500
        assert all(length for token, length in zip(doc, pieces, strict=True) if token.is_alpha)
        last = [ent.text for ent in doc.ents if ent.start_char >= len(paragraph) * 198]
        assert "مشهد" in last

    def test_provenance(self, trained: Path) -> None:
        meta = json.loads((trained / "training" / "model-best" / "meta.json").read_text(encoding="utf-8"))
        manifest = json.loads((trained / "corpus" / "manifest.json").read_text(encoding="utf-8"))
        assert meta["name"] == "ent_news_trf"
        assert meta["license"] == "CC BY 4.0"
        assert meta["labels"]["ner"] == sorted(LABELS)
        assert meta["provenance"]["corpus"]["splits"]["train"] == manifest["splits"]["train"]["sha256"]

    def test_wheel_in_an_environment_without_this_project(self, trained: Path, tmp_path: Path) -> None:
        wheel = next((trained / "packages").glob("*/dist/*.whl"))
        venv.create(tmp_path / "env", with_pip=True)
        python = tmp_path / "env" / "bin" / "python"
        site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
        # Third-party packages are borrowed, this project's own install with its entry points is not.
        borrowed = tmp_path / "borrowed"
        borrowed.mkdir()
        for item in Path(sysconfig.get_path("purelib")).iterdir():
            if "persian_ner" not in item.name:
                (borrowed / item.name).symlink_to(item)
        (site / "borrowed.pth").write_text(str(borrowed), encoding="utf-8")
        with zipfile.ZipFile(wheel) as archive:
            cards = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/README.md")]
        assert len(cards) == 1 and "## Limits" in cards[0] and "| PER | people by name" in cards[0]
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, cwd=tmp_path
        )
        script = (
            "import importlib.util, json, spacy\n"
            "assert importlib.util.find_spec('persian_ner') is None\n"
            "doc = spacy.load('fa_ent_news_trf')(open('text.txt', encoding='utf-8').read())\n"
            "print(json.dumps([[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents]))\n"
        )
        text = "عباس کاظمی، مدیرکل راهداری استان ایلام، دیروز در دهلران گفت: جاده باز است."
        (tmp_path / "text.txt").write_text(text, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [python, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
        )
        doc = spacy.load(trained / "training" / "model-best")(text)
        assert json.loads(done.stdout.splitlines()[-1]) == [[e.start_char, e.end_char, e.label_] for e in doc.ents]


def run_all(project: Path) -> list[str]:
    done = run_project(project, "all", "--vars.config", "cnn")
    assert done.returncode == 0, done.stdout + done.stderr
    return commands_run(done.stdout)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("reruns"), articles=60)
    set_in_config(project / "configs" / "cnn.cfg", max_steps=2, eval_frequency=2)
    assert run_all(project) == [
        *("validate", "convert", "check-splits", "train", "evaluate", "report", "check-thresholds"),
    ]
    return project


class TestReruns:
    """A second run does nothing; a change re-runs what depends on it and no more."""

    def test_nothing_changed(self, project: Path) -> None:
        assert run_all(project) == []

    def test_script_changed(self, project: Path) -> None:
        script = project / "scripts" / "report.py"
        script.write_text(script.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
        assert run_all(project) == ["report"]

    def test_config_changed(self, project: Path) -> None:
        set_in_config(project / "configs" / "cnn.cfg", max_steps=3)
        ran = run_all(project)
        assert ran[0] == "train"
        assert set(ran) <= {"train", "evaluate", "report", "check-thresholds"}

    def test_thresholds_changed(self, project: Path) -> None:
        thresholds, page = project / "thresholds.yml", project / "reports" / "report.html"
        page.unlink()
        for minimum, status, expected in (1000, 3, ["report", "check-thresholds"]), (1, 0, ["check-thresholds"]):
            thresholds.write_text(f"documents: {minimum}\n", encoding="utf-8")
            done = run_project(project, "all", "--vars.config", "cnn", "--vars.thresholds", "thresholds.yml")
            assert done.returncode == status
            assert commands_run(done.stdout) == expected
            assert ("Threshold not reached: documents " in done.stderr) == bool(status)
            assert page.exists()  # to look at, above all when a threshold is not reached
            assert len(json.loads((project / "reports" / "thresholds.json").read_text())["missed"]) == bool(status)

    def test_annotation_changed(self, project: Path) -> None:
        manifest = project / "corpus" / "manifest.json"
        before = json.loads(manifest.read_text(encoding="utf-8"))["splits"]["train"]["spans"]["PER"]
        ids = {json.loads(line)["id"] for line in (project / "corpus" / "train.jsonl").open(encoding="utf-8")}
        article = next(
            file for file in sorted((project / "assets" / "articles").glob("*.md")) if f"articles/{file.stem}" in ids
        )
        with article.open("a", encoding="utf-8") as handle:
            handle.write("\n\n[شهربانو دشتستانی](PER) در پایان از همه سپاس‌گزاری کرد.\n")
        assert run_all(project)[:4] == ["validate", "convert", "check-splits", "train"]
        after = json.loads(manifest.read_text(encoding="utf-8"))["splits"]["train"]["spans"]["PER"]
        assert after == before + 1

    def test_bad_annotation_stops_everything_and_changes_nothing(self, project: Path) -> None:
        before = {file: file.read_bytes() for file in (project / "corpus").iterdir()}
        articles = sorted((project / "assets" / "articles").glob("*.md"))[:2]
        for article in articles:
            with article.open("a", encoding="utf-8") as handle:
                handle.write("\n\n[نیمه‌کاره](PERSON) و [باز\n")
        done = run_project(project, "all", "--vars.config", "cnn")
        assert done.returncode != 0
        for article in articles:
            lines = [line for line in done.stderr.splitlines() if article.name in line]
            assert any("stray '['" in line for line in lines)
        assert {file: file.read_bytes() for file in (project / "corpus").iterdir()} == before


@pytest.mark.slow
def test_full_runs_to_the_end_where_no_public_corpus_is(tmp_path: Path) -> None:
    """The workflow inside takes its options from the command: one that is lost stops it."""
    project = copy_project(tmp_path / "project", articles=60)
    set_in_config(project / "configs" / "full.cfg", max_steps=2, eval_frequency=2, warmup_steps=1)
    (tmp_path / "mirror").mkdir()
    done = run_project(project, "full", "--vars.mirror", str(tmp_path / "mirror"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nsurl-600k" in done.stdout + done.stderr
    config = spacy.util.load_config(project / "training" / "full" / "model-best" / "config.cfg", interpolate=True)
    assert config["corpora"]["train"]["augmenter"]["*"]["names"]["names"] == "corpus/full/names.json"
    assert (project / "reports" / "full" / "metrics.json").exists()
    # The last state of the training is the model, whatever its score.
    best, last = (project / "training" / "full" / f"model-{name}" / "ner" / "model" for name in ("best", "last"))
    assert best.read_bytes() == last.read_bytes()


def test_clean_keeps_what_cannot_be_made_again_soon(tmp_path: Path) -> None:
    kept = ("training/encoder-before", "training/pretrain", "training/pretrain-new", "training/objectives")
    for folder in (*kept, "training/model-best", "training/cnn/model-best", "corpus/full", "reports", "packages"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()
    for file in ("training/log.jsonl", "project.lock"):
        (tmp_path / file).touch()
    for _ in range(2):
        subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], check=True, cwd=tmp_path)
        assert {file.parent.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("file")} == set(kept)
        assert {file.name for file in tmp_path.iterdir()} == {"training"}
    shutil.rmtree(tmp_path / "training")
    subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], check=True, cwd=tmp_path)


class TestProjectFile:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_and_outputs(self, name: str) -> None:
        assert COMMANDS[name]["help"]
        assert COMMANDS[name]["outputs"] or name == "serve"

    @pytest.mark.parametrize("name", COMMANDS)
    def test_dependencies_are_complete(self, name: str) -> None:
        """Each file that the script names but does not make is in ``deps``.

        Files that may be missing cannot be; a command that reads such files must never be skipped.
        """
        words = [word for line in COMMANDS[name]["script"] for word in line.split()]
        needed = {word for word in words if word.startswith(("configs/", "assets/")) and "encoder" not in word}
        needed -= set(COMMANDS[name]["outputs"])
        if COMMANDS[name].get("no_skip"):
            needed.discard("assets/downloads")
        assert needed <= set(COMMANDS[name]["deps"])

    def test_dependencies_on_code_are_those_of_the_import_statements(self) -> None:
        """``python tests/project_deps.py`` writes them."""
        text = (ROOT / "project.yml").read_text(encoding="utf-8")
        assert with_code_deps(text) == text
        assert "persian_ner/training_log.py" in COMMANDS["train"]["deps"]
        assert {"scripts/validate.py", "scripts/_cli.py", "persian_ner/intake.py"} <= set(COMMANDS["validate"]["deps"])

    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_gpu_is_handed_on(self, name: str) -> None:
        """To every script that takes one; `annotate` finds it itself, and takes another among its options.

        `benchmark.py prepare` runs no pipeline; only `score` of the same script takes a GPU.
        """
        for line in COMMANDS[name]["script"]:
            script = ROOT / line.split()[1]
            if name != "annotate" and script.suffix == ".py" and "gpu_id:" in script.read_text(encoding="utf-8"):
                assert "--gpu-id ${vars.gpu_id}" in line or " prepare " in line

    def test_full_hands_on_training_options(self) -> None:
        config = load_project_config(ROOT, overrides={"vars.train_options": " --training.max_steps=4"})
        line = next(command["script"][0] for command in config["commands"] if command["name"] == "full-model")
        words = shlex.split(line)
        assert words[words.index("--vars.train_options") + 1] == " --training.max_steps=4"

    def test_full_hands_on_every_variable_of_the_workflow_inside(self) -> None:
        inside = [COMMANDS[name] for name in PROJECT["workflows"]["with-names"]]
        used = {
            name
            for command in inside
            for line in [*command["script"], *command["deps"], *command["outputs"]]
            for name in re.findall(r"\$\{vars\.(\w+)\}", line)
        }
        (line,) = COMMANDS["full-model"]["script"]
        assert used == set(re.findall(r"--vars\.(\w+)", line))

    def test_names_that_are_listed_are_trained_on(self) -> None:
        steps = PROJECT["workflows"]["with-names"]
        (names,) = COMMANDS["names"]["outputs"]
        training = COMMANDS[steps[steps.index("names") + 1]]
        assert f"--paths.names {names} " in training["script"][0]
        assert names in training["deps"]
        without = [line.replace(f"--paths.names {names} ", "") for line in training["script"]]
        assert without == COMMANDS["train"]["script"]

    def test_speed_is_that_of_the_pipeline_trained(self) -> None:
        config = load_project_config(ROOT, overrides={"vars.training_dir": "training/mine"})
        (line,) = next(command["script"] for command in config["commands"] if command["name"] == "speed")
        assert shlex.split(line)[2:4] == ["encoder=training/mine/model-best", "fast"]

    def test_robustness_measured_later_gets_into_the_card(self, tmp_path: Path) -> None:
        wheel = next(command for command in load_project_config(ROOT)["commands"] if command["name"] == "wheel")
        for path in (*wheel["deps"], *wheel["outputs"]):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        update_lockfile(tmp_path, wheel)
        (tmp_path / "reports" / "robustness").mkdir()
        (tmp_path / "reports" / "robustness" / "robustness.json").touch()
        assert check_rerun(tmp_path, wheel)

    def test_paths_may_have_spaces(self) -> None:
        """But for those of the workflow's steps, as project.yml says."""

        def words(path: str) -> dict[str, list[list[str]]]:
            config = load_project_config(ROOT, overrides={f"vars.{variable}": path for variable in PATHS})
            scripts = {command["name"]: command["script"] for command in config["commands"]}
            return {name: [shlex.split(line) for line in scripts[name]] for name in COMMANDS.keys() - STEPS}

        whole = {
            name: [[word.replace("a b", "a-b") for word in line] for line in script]
            for name, script in words("a b").items()
        }
        assert whole == words("a-b")

    def test_a_command_takes_files_with_spaces(self, tmp_path: Path) -> None:
        for name in ("project.yml", "configs", "scripts", "persian_ner"):
            (tmp_path / name).symlink_to(ROOT / name)
        line = {"id": "a", "text": "رشت", "model": "fa_x 1.0", "entities": [{"start": 0, "end": 3, "label": "GPE"}]}
        (tmp_path / "my texts.jsonl").write_text(json.dumps(line), encoding="utf-8")
        options = ("--vars.annotated", "my texts.jsonl", "--vars.to_review", "to review/texts.json")
        done = run_project(tmp_path, "export", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / "to review" / "texts.json").exists()

    def test_texts_to_annotate_may_be_a_data_set_of_the_hub(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Every dependency must be a path that exists, or nothing is run."""
        (tmp_path / "project.yml").write_bytes((ROOT / "project.yml").read_bytes())
        for dep in next(item["deps"] for item in load_project_config(ROOT)["commands"] if item["name"] == "annotate"):
            (tmp_path / dep).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / dep).touch()
        project_run(tmp_path, "annotate", overrides={"vars.texts": "hf:NAME"}, dry=True)
        out = capfd.readouterr().out
        assert "Missing dependency" not in out
        assert " hf:NAME " in out

    def test_further_pretraining_is_not_skipped_for_an_encoder_that_it_has_changed(self, tmp_path: Path) -> None:
        """Skipping the first step, the last one would write the old run over what has become of the encoder since."""
        commands = {command["name"]: command for command in load_project_config(ROOT)["commands"]}
        prepare, export = commands["pretrain-further-prepare"], commands["pretrain-further-export"]
        for path in (*prepare["deps"], *prepare["outputs"], *export["deps"], *export["outputs"]):
            (tmp_path / path).mkdir(parents=True, exist_ok=True)
        update_lockfile(tmp_path, prepare)
        update_lockfile(tmp_path, export)
        assert not check_rerun(tmp_path, prepare)
        (tmp_path / "assets" / "encoder" / "new").write_text("new")
        assert check_rerun(tmp_path, prepare) and not check_rerun(tmp_path, export)
        (tmp_path / "training" / "pretrain" / "before.md" / "new").write_text("new")
        assert check_rerun(tmp_path, export)

    def test_workflows_name_commands(self) -> None:
        for steps in PROJECT["workflows"].values():
            assert set(steps) <= COMMANDS.keys()
