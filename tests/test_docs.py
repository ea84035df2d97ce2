"""The documentation tells the truth: its code runs, its commands and links exist, its samples are read as it says."""

from __future__ import annotations

import importlib.util
import inspect
import random
import re
import shlex
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import pytest
import spacy
import typer
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from spacy.cli._util import app as spacy_app
from spacy.training import Example
from spacy.util import registry as registry_of_spacy
from thinc.api import Config
from typer.testing import CliRunner
from weasel.cli.document import project_document

from persian_ner import augment, docbin, intake
from persian_ner.corpus import read_config
from persian_ner.evaluate import EvaluationMetrics, evaluate, write_evaluation
from persian_ner.labels import LABELS
from persian_ner.readers import markup, registry
from persian_ner.records import Record, Span, collect
from persian_ner.sources import read_source
from persian_ner.tables import COLUMNS, to_csv
from persian_ner.thresholds import read_thresholds

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = yaml.safe_load((ROOT / "project.yml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYTHON = ".venv/bin/python"
# Files of the user which the pages talk about without showing them.
OF_THE_USER = {"configs/corpus/gold.yml", "assets/corpora", "assets/downloads"}
FOLDERS = ("assets/", "configs/", "docs/", "persian_ner/", "scripts/", "tests/")


class Fence(NamedTuple):
    """A fenced block; ``name`` is the file name in its info string, if any."""

    page: Path
    line: int
    language: str
    name: str
    content: str


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def fences(page: Path, text: str | None = None) -> list[Fence]:
    found = []
    for token in tokens(page.read_text(encoding="utf-8") if text is None else text):
        if token.type == "fence":
            language, _, name = token.info.strip().partition(" ")
            assert token.map
            found.append(Fence(page, token.map[0] + 1, language, name, token.content))
    return found


def inline(page: Path, kind: str) -> list[Token]:
    children = [child for token in tokens(page.read_text(encoding="utf-8")) for child in token.children or ()]
    return [child for child in children if child.type == kind]


def code_spans(page: Path) -> list[str]:
    return [token.content for token in inline(page, "code_inline")]


def of_language(*languages: str) -> list[Any]:
    found = [fence for page in PAGES for fence in fences(page) if fence.language in languages]
    return [pytest.param(fence, id=f"{fence.page.name}:{fence.line}") for fence in found]


def write_named(page: Path, folder: Path) -> list[Fence]:
    """Write the page's named blocks as files below ``folder``."""
    named = [fence for fence in fences(page) if fence.name]
    for fence in named:
        file = folder / fence.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(fence.content, encoding="utf-8")
    return named


def sections(page: Path) -> dict[str, str]:
    """Heading → the text below it, up to the next heading of any level; code is not searched for headings."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    parsed = tokens("".join(lines))
    starts = [
        (parsed[index + 1].content, token.map)
        for index, token in enumerate(parsed)
        if token.type == "heading_open" and token.map
    ]
    ends = [span[0] for _, span in starts[1:]] + [len(lines)]
    return {title: "".join(lines[span[1] : end]) for (title, span), end in zip(starts, ends, strict=True)}


def anchors(page: Path) -> set[str]:
    """The anchors that code hosts give to headings."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in sections(page)}


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


class TestPython:
    @pytest.fixture
    def workplace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder with something like the trained pipeline and its evaluation at their usual places."""
        nlp = spacy.blank("fa")
        ruler: Any = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "PER", "pattern": "مریم رستمی"}, {"label": "GPE", "pattern": "رشت"}])
        (tmp_path / "training").mkdir()
        nlp.to_disk(tmp_path / "training" / "model-best")
        text = "مریم رستمی به رشت و تهران رفت."
        spans = [Span(start=0, end=10, label="PER"), Span(start=14, end=17, label="GPE")]
        gold = [Record(id="a", text=text, spans=[*spans, Span(start=20, end=25, label="GPE")])]
        metrics, evaluated = evaluate(nlp, gold)
        write_evaluation(tmp_path / "reports", metrics, evaluated)
        (tmp_path / "reports" / "metrics.csv").write_text(to_csv([(metrics, None)]), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_blocks_run(self, page: Path, workplace: Path) -> None:
        for fence in fences(page):
            if fence.language == "python":
                code = compile("\n" * fence.line + fence.content, str(page), "exec")
                exec(code, {"__name__": "documentation"})

    def test_the_first_example_prints_entities(self, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        example = next(fence for fence in fences(ROOT / "README.md") if fence.language == "python")
        exec(example.content, {})
        assert "0 10 PER مریم رستمی" in capsys.readouterr().out


class TestCommands:
    @pytest.mark.parametrize("fence", of_language("bash"))
    def test_exist(self, fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "project.yml").write_bytes((ROOT / "project.yml").read_bytes())
        monkeypatch.chdir(tmp_path)
        for line in fence.content.splitlines():
            self.check(shlex.split(line), fence.page)

    def check(self, words: list[str], page: Path) -> None:
        match words:
            case ["git", "clone", _, "persian-ner"] | ["cd", "persian-ner"]:
                pass
            case ["make", *arguments]:
                self.check_make(arguments)
            case [python, "-m", "pip", "install", *_] if python == PYTHON:
                pass
            case [python, "-m", "spacy", "project", "run", *arguments] if python == PYTHON:
                self.check_project_run(arguments)
            case [python, "-m", "spacy", "project", "assets", ".", "--extra"] if python == PYTHON:
                assert all(asset["extra"] for asset in PROJECT["assets"])
            case [python, script, *arguments] if python == PYTHON:
                self.check_script(script, arguments, page)
            case _:
                pytest.fail(f"unknown command: {shlex.join(words)}")

    def check_make(self, arguments: list[str]) -> None:
        for argument in arguments:
            name, equals, _ = argument.partition("=")
            assert re.search(rf"^{name} *\?=" if equals else rf"^{name}:", MAKEFILE, flags=re.MULTILINE), argument

    def check_project_run(self, arguments: list[str]) -> None:
        assert arguments[1:2] == ["."], "the project folder must stand before the variables"
        done = CliRunner().invoke(spacy_app, ["project", "run", *arguments, "--dry"])
        assert done.exit_code == 0, done.output
        # The report of one model must not show the training of another.
        if arguments[0] in ("report", "robustness", "evaluate") and "--vars.reports_dir" in arguments:
            assert "--vars.training_dir" in arguments

    def check_script(self, script: str, arguments: list[str], page: Path) -> None:
        known = {option for command in script_commands(ROOT / script) for option in command}
        assert {argument for argument in arguments if argument.startswith("--")} <= known
        shown = {fence.name for fence in fences(page)} | OF_THE_USER
        files = {argument for argument in arguments if argument.startswith(FOLDERS)}
        assert {file for file in files if not (ROOT / file).exists()} <= shown

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_variables_exist(self, page: Path) -> None:
        named = set(re.findall(r"--vars\.(\w+)", page.read_text(encoding="utf-8")))
        assert named <= PROJECT["vars"].keys()

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_make_targets_exist(self, page: Path) -> None:
        for span in code_spans(page):
            if command := re.fullmatch(r"make (\w+)", span):
                self.check_make([command[1]])

    def test_the_readme_names_every_list_of_packages_for_machines_without_network(self) -> None:
        """The targets that the quick start runs install from these."""
        paragraph = next(
            text for text in sections(ROOT / "README.md")["Troubleshooting"].split("\n\n") if "No network" in text
        )
        (extra,) = re.findall(r"--ignore-requires-python (.*)", MAKEFILE)
        installed = re.findall(r"--requirement (\S+)", MAKEFILE) + re.findall(r"(\w+)==", extra)
        assert {"requirements-ray.txt", "hazm"} <= set(installed)
        assert all(name in paragraph for name in installed)

    def test_the_readme_explains_every_make_target_it_needs(self) -> None:
        assert {"make train", "make test"} <= {
            line for fence in fences(ROOT / "README.md") for line in fence.content.splitlines()
        }


def script_commands(script: Path) -> list[set[str]]:
    """The options of each command of a script."""
    spec = importlib.util.spec_from_file_location(f"documented_{script.stem}", script)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(script.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(script.parent))
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer()
        app.command()(module.main)
    command: Any = typer.main.get_command(app)
    commands = getattr(command, "commands", {"": command}).values()
    return [{name for parameter in item.params for name in parameter.opts} for item in commands]


class TestReferences:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_links_resolve(self, page: Path) -> None:
        for token in inline(page, "link_open"):
            target, _, anchor = str(token.attrGet("href")).partition("#")
            if target.startswith("https://"):
                continue
            file = page.parent / target if target else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), f"{target}#{anchor}"

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_files_named_in_the_text_exist(self, page: Path) -> None:
        shown = {fence.name for fence in fences(page)} | OF_THE_USER | {asset["dest"] for asset in PROJECT["assets"]}
        named = {span for span in code_spans(page) if span.startswith(FOLDERS) and "<" not in span}
        assert {file for file in named - shown if not (ROOT / file).exists()} == set()


class TestReadme:
    README = ROOT / "README.md"

    def test_command_tables_are_fresh(self, tmp_path: Path) -> None:
        copy = tmp_path / "README.md"
        copy.write_bytes(self.README.read_bytes())
        project_document(ROOT, copy)
        assert copy.read_text(encoding="utf-8") == self.README.read_text(encoding="utf-8")

    def test_label_table(self) -> None:
        rows = re.findall(r"^\| `([A-Z]+)` \|", self.README.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert tuple(rows) == LABELS

    def test_formats_named_are_the_readers(self) -> None:
        section = sections(self.README)["Your own data in ten lines"]
        assert set(registry.READERS) <= set(re.findall(r"`([a-z-]+)`", section)) | {"markup"}

    def test_own_data_in_ten_lines(self, tmp_path: Path) -> None:
        named = write_named(self.README, tmp_path)
        settings = [fence for fence in named if fence.name.startswith("configs/")]
        assert sum(len(fence.content.splitlines()) for fence in settings) == 10
        for name in ("articles.yml", "reference.yml"):
            source = ROOT / "configs" / "sources" / name
            (tmp_path / "configs" / "sources" / name).write_bytes(source.read_bytes())
        (tmp_path / "assets").symlink_to(ROOT / "assets")
        config = read_config(tmp_path / "configs" / "corpus" / "mine.yml")
        loaded = intake.load_sources(config, tmp_path / "configs" / "sources", tmp_path)
        (record,) = next(item.records for item in loaded if item.source.name == "mine")
        assert sorted(span.label for span in record.spans) == sorted(LABELS)
        assert docbin.to_doc(record, docbin.blank(), None)[1] == []

    def test_problems_look_as_shown(self) -> None:
        (_, reason), *_ = markup.parse("لغو [شد.")[2]
        assert reason in self.README.read_text(encoding="utf-8")


class TestSettings:
    @pytest.mark.parametrize("fence", of_language("yaml"))
    def test_are_valid(self, fence: Fence, tmp_path: Path) -> None:
        file = tmp_path / Path(fence.name).name
        file.write_text(fence.content, encoding="utf-8")
        match Path(fence.name).parts:
            case ["configs", "sources", name]:
                source = read_source(file)
                assert f"{source.name}.yml" == name
                registry.read(source.format, tmp_path, **source.options)  # raises at once for an unknown option
            case ["configs", "corpus", _]:
                read_config(file)
            case ["thresholds.yml"]:
                read_thresholds(file)
            case _:
                pytest.fail(f"YAML of an unknown kind: {fence.name!r}")


class TestFormats:
    PAGE = ROOT / "docs" / "formats.md"
    TEXT = "مریم رستمی دوشنبه وارد رشت شد."
    SPANS = (("PER", "مریم رستمی"), ("DATE", "دوشنبه"), ("GPE", "رشت"))

    @pytest.mark.usefixtures("own_cache")
    @pytest.mark.parametrize("name", registry.READERS)
    def test_sample_gives_the_record(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        samples = fences(self.PAGE, sections(self.PAGE)[name])
        for sample in samples:
            if sample.language == "python":
                exec(sample.content, {})
            else:
                # Only brat's text has no line break at its end that is not part of it.
                text = sample.content.removesuffix("\n") if sample.name.endswith(".txt") else sample.content
                Path(sample.name).write_text(text, encoding="utf-8")
        first = samples[0].name or "sample.spacy"
        (record,), problems = collect(registry.read(name, Path(first)))
        assert problems == []
        assert record.text == self.TEXT
        assert tuple((span.label, record.text[span.start : span.end]) for span in record.spans) == self.SPANS

    @pytest.mark.parametrize("name", registry.READERS)
    def test_all_options_are_described(self, name: str) -> None:
        options = set(inspect.signature(registry.READERS[name].read).parameters) - {"path"}
        section = sections(self.PAGE)[name]
        described = {
            option
            for row in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
            for option in re.findall(r"`(\w+)`", row)
        }
        assert described == options
        assert ("No options." in section) is not bool(options)

    def test_the_columns_of_the_table_are_described(self) -> None:
        section = sections(self.PAGE)["The numbers as a table"]
        assert re.findall(r"`(\w+)`", section[section.index("columns") : section.index("Scores are")]) == list(COLUMNS)

    def test_metrics_are_described(self) -> None:
        rows = re.findall(r"^\| (`.*?) \|", sections(self.PAGE)["What evaluate writes"], flags=re.MULTILINE)
        assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(EvaluationMetrics.model_fields)


class TestAugmenters:
    PAGE = ROOT / "docs" / "augmenters.md"
    TEXT = "سارا احمدی كتاب را از شیراز برد. رئیس‌جمهور گفت: بله."

    def settings(self) -> set[str]:
        return {point.name for point in entry_points(group="spacy_augmenters") if point.name.startswith("persian_ner.")}

    def rows(self, section: str) -> list[list[str]]:
        return [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)]

    def test_every_augmenter_has_its_section_and_settings(self) -> None:
        found = sections(self.PAGE)
        assert self.settings() <= found.keys() and len(self.settings()) >= 3
        for name in self.settings():
            parameters = inspect.signature(registry_of_spacy.augmenters.get(name)).parameters.values()
            expected = [item.name for item in parameters if item.kind is not inspect.Parameter.VAR_POSITIONAL]
            described = [names[0] for names in self.rows(found[name].partition("| Damage |")[0])]
            assert described == expected, name

    def test_every_damage_and_mixture_is_listed_with_its_rate(self) -> None:
        damages, separator, mixtures = sections(self.PAGE)["persian_ner.scraper_noise.v1"].partition("| Mixture |")
        assert separator
        listed = re.findall(r"^\| (`.*?) \| ([\d.]+) \|", damages, flags=re.MULTILINE)
        rates = {name: float(rate) for names, rate in listed for name in re.findall(r"`(\w+)`", names)}
        assert rates == augment.RATES
        of_mixtures = re.findall(r"^\| `(\w+)` \| (.*) \|$", mixtures, flags=re.MULTILINE)
        assert {name: re.findall(r"`(\w+)`", of) for name, of in of_mixtures} == {
            name: list(of) for name, of in augment.MIXTURES.items()
        }

    @pytest.mark.parametrize("fence", of_language("ini"))
    def test_configurations_change_examples(
        self, fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_named(self.PAGE, tmp_path)
        config = Config().from_str(f"[corpora]\n[corpora.train]\n{fence.content}")["corpora"]["train"]["augmenter"]
        augmenter = registry_of_spacy.resolve({"augmenter": config})["augmenter"]
        spans = [Span(start=0, end=10, label="PER"), Span(start=22, end=27, label="GPE")]
        nlp = docbin.blank()
        doc, _ = docbin.to_doc(Record(id="example", text=self.TEXT, spans=spans), nlp, None)
        random.seed(0)
        found = [
            variant.reference for _ in range(40) for variant in augmenter(nlp, Example(nlp.make_doc(self.TEXT), doc))
        ]
        assert len({variant.text for variant in found}) > 1
        assert all([ent.label_ for ent in variant.ents] == ["PER", "GPE"] for variant in found)


class TestAnnotation:
    PAGE = ROOT / "docs" / "annotation.md"

    def examples(self) -> list[str]:
        blocks = [fence.content for fence in fences(self.PAGE) if fence.language == "markdown"]
        return [item for item in [*code_spans(self.PAGE), *blocks] if "](" in item and "](LABEL)" not in item]

    def test_examples_keep_the_rules_of_markup(self) -> None:
        nlp = docbin.blank()
        seen = set()
        for example in self.examples():
            text, spans, defects = markup.parse(example)
            assert defects == [], example
            seen |= {span.label for span in spans}
            assert docbin.to_doc(Record(id="example", text=text, spans=spans), nlp, None)[1] == []
        assert seen == set(LABELS)

    def test_the_sample_file_is_read(self, tmp_path: Path) -> None:
        sample = next(fence.content for fence in fences(self.PAGE) if fence.content.startswith("---"))
        (tmp_path / "sample.md").write_text(sample, encoding="utf-8")
        (record,), problems = collect(markup.read(tmp_path))
        assert problems == []
        assert record.meta == {"topic": "travel", "kind": "report"}
        assert "«[باران] بند نمی‌آید.»" in record.text

    def test_every_label_has_its_section(self) -> None:
        assert [title.partition(":")[0] for title in sections(self.PAGE) if title.partition(":")[0] in LABELS] == list(
            LABELS
        )
