"""Training on labels of one's own: the worked example of docs/own-labels.md, and what it rests on."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from project_copy import ROOT, copy_project, set_in_config
from script_runs import run_script
from spacy.tokens import Doc, DocBin
from test_docs import PYTHON, fences, write_named
from tiny_corpus import put

from persian_ner import docbin, intake
from persian_ner.corpus import convert, read_config
from persian_ner.readers import label_studio, markup
from persian_ner.records import InputError, Record, collect
from persian_ner.sources import read_source

PAGE = ROOT / "docs" / "own-labels.md"
# What a reader of the page would correct the suggestions to.
CORRECTED = {
    "shop-01": "[شرکت نوآوران سپهر](ORG) [دوشنبه](DATE) در [تهران](GPE) از تلفن همراه [آذرخش ۷](PRODUCT) رونمایی کرد.",
    "shop-02": "[لیلا مهرجو](PER)، مدیر فروش [کارخانه سپیدرود](ORG)، گفت: یخچال [برفاب ۳۰۰](PRODUCT) از"
    " [مهر ۱۴۰۳](DATE) به بازار می‌آید.",
    "shop-03": "بلندگوی [نوا مینی](PRODUCT) در [جشنواره فناوری خزر](EVENT) جایزه گرفت.",
    "shop-04": "قیمت ساعت هوشمند [پایش ۲](PRODUCT) در فروشگاه‌های [شیراز](GPE) پایین آمد.",
    "shop-05": "[کاوه نادری](PER) می‌گوید دوربین [چشم‌انداز پرو](PRODUCT) برای عکاسی در شب ساخته شده است.",
    "shop-06": "[شرکت رایان‌گستر](ORG) [سال گذشته](DATE) دو هزار رایانهٔ [سبک‌بال](PRODUCT) فروخت.",
    "shop-07": "در [نمایشگاه الکترونیک تبریز](EVENT)، جاروبرقی [گردباد ۹۰۰](PRODUCT) بیش از همه دیده شد.",
    "shop-08": "خودروی [آهو](PRODUCT)، ساخت [ایران](GPE)، با باتری تازه به [عمان](GPE) صادر می‌شود.",
    "shop-09": "هدفون [خاموش ۴](PRODUCT) که [بنیاد پژواک](ORG) طراحی کرده، صدای خیابان را حذف می‌کند.",
    "shop-10": "[مریم رستمی](PER) [آذر پارسال](DATE) چاپگر [نقش‌نگار](PRODUCT) را خرید و هنوز از آن راضی است.",
}
SPANS = {name: markup.parse(text)[1] for name, text in CORRECTED.items()}
# The last of the texts is left unfinished, in the way of each tool.
UNFINISHED = "shop-10"


def annotate(text: str) -> list[dict[str, Any]]:
    """A pipeline that knows two names, and one wrongly."""
    found = [(text.find(name), name, label) for name, label in (("تهران", "GPE"), ("آهو", "PER"))]
    return [
        {"start": start, "end": start + len(name), "label": label, "text": name}
        for start, name, label in found
        if start >= 0
    ]


def from_label_studio(file: Path, finish: bool) -> list[dict[str, Any]]:
    """The file to import as Label Studio exports it, corrected; the last task is skipped unless all are finished."""
    tasks = []
    for number, task in enumerate(json.loads(file.read_text(encoding="utf-8")), start=1):
        name, text = task["data"]["record"], task["data"]["text"]
        result = [
            {
                "id": f"x{index}",
                "from_name": "label",
                "to_name": "text",
                "type": "labels",
                "origin": "manual",
                "value": {"start": s.start, "end": s.end, "text": text[s.start : s.end], "labels": [s.label]},
            }
            for index, s in enumerate(SPANS[name])
        ]
        cancelled = name == UNFINISHED and not finish
        annotation = {"id": number, "was_cancelled": cancelled, "ground_truth": False, "result": result}
        tasks.append(task | {"id": 100 + number, "annotations": [annotation], "inner_id": number})
    return tasks


def from_doccano(file: Path, finish: bool) -> list[dict[str, Any]]:
    """As doccano exports approved documents: with ids of its own, without the others."""
    return [
        line | {"id": number, "Comments": [], "label": [[s.start, s.end, s.label] for s in SPANS[line["record"]]]}
        for number, line in enumerate(srsly.read_jsonl(file), start=900)
        if finish or line["record"] != UNFINISHED
    ]


def from_prodigy(file: Path, finish: bool) -> list[dict[str, Any]]:
    """As ``db-out`` writes it."""
    return [
        line
        | {
            "spans": [{"start": s.start, "end": s.end, "label": s.label} for s in SPANS[line["id"]]],
            "answer": "reject" if line["id"] == UNFINISHED and not finish else "accept",
            "_input_hash": number,
            "_timestamp": 1,
        }
        for number, line in enumerate(srsly.read_jsonl(file))
    ]


TOOLS: dict[str, Callable[[Path, bool], list[dict[str, Any]]]] = {
    "label-studio": from_label_studio,
    "doccano": from_doccano,
    "prodigy": from_prodigy,
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page in a folder, with what ``annotate`` would have written."""
    write_named(PAGE, tmp_path)
    texts = list(srsly.read_jsonl(tmp_path / "data" / "shop.jsonl"))
    lines = [text | {"model": "fa_x 1", "entities": annotate(text["text"])} for text in texts]
    srsly.write_jsonl(tmp_path / "data" / "shop.annotated.jsonl", lines)
    corpus = (tmp_path / "configs" / "corpus" / "shop.yml").read_text(encoding="utf-8")
    put(tmp_path / "configs" / "corpus" / "alone.yml", corpus.replace("[articles-five, shop]", "[shop]"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def round_trip(shop: Path, tool: str, finish: bool) -> Path:
    """Export for the tool, correct, and declare the tool's export as the source; returns that."""
    suffix = ".json" if tool == "label-studio" else ".jsonl"
    arguments = ["data/shop.annotated.jsonl", f"data/to-review{suffix}", "--to", tool]
    done = run_script("export", *arguments, "--corpus", "configs/corpus/shop.yml")
    assert done.exit_code == 0, done.output
    corrected = TOOLS[tool](shop / "data" / f"to-review{suffix}", finish)
    declare(shop, tool)
    return write_reviewed(shop, suffix, corrected)


def write_reviewed(folder: Path, suffix: str, corrected: list[dict[str, Any]]) -> Path:
    """What the tool has exported, where the source of the page expects it."""
    reviewed = folder / "data" / f"shop.reviewed{suffix}"
    if suffix == ".json":
        srsly.write_json(reviewed, corrected)
    else:
        srsly.write_jsonl(reviewed, corrected)
    return reviewed


def declare(folder: Path, tool: str) -> None:
    """Let the source of the page be an export of another tool."""
    if tool == "label-studio":
        return
    source = folder / "configs" / "sources" / "shop.yml"
    declared = source.read_text(encoding="utf-8").replace("label-studio", tool)
    source.write_text(declared.replace("shop.reviewed.json", "shop.reviewed.jsonl"), encoding="utf-8")


def load(shop: Path, skip_problems: bool = False) -> intake.Loaded:
    config = read_config(shop / "configs" / "corpus" / "alone.yml")
    (loaded,) = intake.load_sources(config, shop / "configs" / "sources", shop, skip_problems)
    return loaded


def found(records: list[Record]) -> dict[str, list[tuple[str, str]]]:
    return {
        record.text: [(record.text[span.start : span.end], span.label) for span in record.spans] for record in records
    }


def expected(*without: str) -> dict[str, list[tuple[str, str]]]:
    parsed = [markup.parse(text) for name, text in CORRECTED.items() if name not in without]
    return {text: [(text[span.start : span.end], span.label) for span in spans] for text, spans, _ in parsed}


class TestPage:
    def test_the_corrections_are_of_the_texts_of_the_page(self, shop: Path) -> None:
        texts = {line["id"]: line["text"] for line in srsly.read_jsonl(shop / "data" / "shop.jsonl")}
        assert texts == {name: markup.parse(text)[0] for name, text in CORRECTED.items()}

    @pytest.mark.parametrize("tool", TOOLS)
    def test_corrections_come_back(self, shop: Path, tool: str) -> None:
        round_trip(shop, tool, finish=True)
        loaded = load(shop)
        assert found(loaded.records) == expected()
        documents = {record.meta.get("document", record.id.removeprefix("shop/")) for record in loaded.records}
        assert documents == set(CORRECTED)

    @pytest.mark.parametrize(
        ("tool", "reason"),
        [("label-studio", "no annotation: 1 cancelled"), ("prodigy", "the answer is 'reject', not accept")],
    )
    def test_what_is_not_finished_is_a_problem_and_left_out_on_request(
        self, shop: Path, tool: str, reason: str
    ) -> None:
        round_trip(shop, tool, finish=False)
        with pytest.raises(InputError) as raised:
            load(shop)
        assert [problem.reason for problem in raised.value.problems] == [reason]
        loaded = load(shop, skip_problems=True)
        assert [problem.reason for problem in loaded.skipped] == [reason]
        assert found(loaded.records) == expected(UNFINISHED)
        page = PAGE.read_text(encoding="utf-8")
        assert f"] {reason}\n" in page

    def test_doccano_exports_what_is_approved(self, shop: Path) -> None:
        round_trip(shop, "doccano", finish=False)
        assert found(load(shop).records) == expected(UNFINISHED)

    def test_suggestions_alone_are_no_annotation(self, shop: Path) -> None:
        reviewed = round_trip(shop, "label-studio", finish=True)
        tasks = srsly.read_json(reviewed)
        tasks[2]["annotations"] = []
        srsly.write_json(reviewed, tasks)
        with pytest.raises(InputError) as raised:
            load(shop)
        assert [(problem.doc_id, problem.reason) for problem in raised.value.problems] == [("103", "no annotation")]

    def test_the_sample_of_label_studio(self, shop: Path) -> None:
        (sample,) = [fence for fence in fences(PAGE) if fence.language == "json" and not fence.name]
        (record,), problems = collect(label_studio.read(put(shop / "sample.json", sample.content)))
        assert problems == []
        assert found([record]) == {
            text: spans for text, spans in expected().items() if text == markup.parse(CORRECTED["shop-04"])[0]
        }
        assert record.meta == {"record": "shop-04", "document": "shop-04"}

    def test_the_command_of_prodigy(self, shop: Path) -> None:
        arguments = ["data/shop.annotated.jsonl", "data/shop.to-review.jsonl", "--to", "prodigy"]
        done = run_script("export", *arguments, "--corpus", "configs/corpus/shop.yml")
        command = done.stdout.splitlines()[-1].removeprefix("With Prodigy: ")
        assert f"\n{command}\n" in PAGE.read_text(encoding="utf-8")

    @pytest.mark.slow
    @pytest.mark.parametrize("tool", TOOLS)
    def test_the_commands_run(self, tmp_path: Path, tool: str) -> None:
        """With Label Studio as they stand; with the others as the page says, up to the corrections' validation."""
        project = copy_project(tmp_path / "project", articles=60)
        write_named(PAGE, project)
        set_in_config(project / "configs" / "new-labels.cfg", max_steps=2, eval_frequency=2)
        nlp = docbin.blank()
        ruler: Any = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "GPE", "pattern": "تهران"}, {"label": "PER", "pattern": "آهو"}])
        (project / "training").mkdir()
        nlp.to_disk(project / "training" / "model-best")
        commands = [line for fence in fences(PAGE) if fence.language == "bash" for line in fence.content.splitlines()]
        annotating, exporting, training, again = commands
        suffix = ".json"
        if tool != "label-studio":
            suffix = ".jsonl"
            exporting = exporting.replace("label-studio", tool).replace("to-review.json", "to-review.jsonl")
            training = training.replace("reviewed.json", "reviewed.jsonl").replace("run all", "run validate")
            declare(project, tool)

        self.run(annotating, project)
        self.run(exporting, project)
        to_review = project / "data" / f"shop.to-review{suffix}"
        suggested = to_review.read_text(encoding="utf-8")
        assert all(label in suggested for label in ("PER", "GPE"))
        corrected = TOOLS[tool](to_review, True)
        write_reviewed(project, suffix, corrected)
        self.run(training, project)
        records = srsly.read_jsonl(project / "corpus" / "shop" / "records.jsonl")
        assert "PRODUCT" in {span["label"] for record in records for span in record["spans"]}
        if tool != "label-studio":
            return

        nlp = spacy.load(project / "training" / "shop" / "model-best")
        assert set(nlp.get_pipe("ner").labels) == {"PER", "ORG", "GPE", "EVENT", "DATE", "PRODUCT"}
        metrics = srsly.read_json(project / "reports" / "shop" / "metrics.json")
        assert metrics["per_label"]["PRODUCT"]["support"] >= 1
        assert "PRODUCT" in (project / "reports" / "shop" / "report.html").read_text(encoding="utf-8")
        self.run(again, project)
        lines = list(srsly.read_jsonl(project / "data" / "shop.again.jsonl"))
        assert [line["id"] for line in lines] == list(CORRECTED)

    def run(self, command: str, folder: Path) -> None:
        words = shlex.split(command)
        assert words[0] == PYTHON
        done = subprocess.run([sys.executable, *words[1:]], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


FIVE = """
name: five
format: markup
path: five
labels: {PER: PER, ORG: ORG, GPE: GPE, EVENT: EVENT, DATE: DATE}
annotated_labels: [PER, ORG, GPE, EVENT, DATE]
split: train
licence: MIT
"""
SIX = """
name: six
format: markup
path: six
labels: {PER: PER, ORG: ORG, GPE: GPE, EVENT: EVENT, DATE: DATE, PRODUCT: PRODUCT}
annotated_labels: [PER, ORG, GPE, EVENT, DATE, PRODUCT]
licence: MIT
"""
TWO = """
name: six
format: markup
path: six
labels: {PER: PER, ORG: null, GPE: null, EVENT: null, DATE: null, PRODUCT: PRODUCT}
annotated_labels: [PER, PRODUCT]
licence: MIT
"""
FIVE_TEXT = "---\nid: f\n---\n[سارا](PER) گوشی آذرخش را در جشنواره دید.\n"
SIX_TEXT = (
    "---\nid: {name}\n---\n[{name}](PER) [دوشنبه](DATE) در [یزد](GPE) از [بانک نو](ORG) گفت"
    " و در [جشنواره باران](EVENT) گوشی [آذرخش](PRODUCT) خرید.\n"
)
NAMES = ("آوا", "سارا", "دارا")  # by their hashes in train, dev and test
OUR_LABELS = "PER, ORG, GPE, EVENT, DATE"


def write(root: Path, labels: str, sources: str, six: str = SIX, uncovered: str = "") -> None:
    put(root / "five" / "f.md", FIVE_TEXT)
    for name in NAMES:
        put(root / "six" / f"{name}.md", SIX_TEXT.format(name=name))
    put(root / "sources" / "five.yml", FIVE + uncovered)
    put(root / "sources" / "six.yml", six)
    shares = "{train: 0.34, dev: 0.33, test: 0.33}"
    put(root / "corpus.yml", f"sources: [{sources}]\nlabels: [{labels}]\nshares: {shares}\nmax_words: 99\n")


def reasons(root: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        intake.load_sources(read_config(root / "corpus.yml"), root / "sources", root)
    return [problem.reason for problem in raised.value.problems]


def converted(root: Path) -> dict[str, Doc]:
    """All documents of the corpus, by id."""
    config = read_config(root / "corpus.yml")
    intake.write_records(intake.load_sources(config, root / "sources", root), root / "out", root)
    convert(config, root / "out", skip_misaligned=False)
    vocab = docbin.blank().vocab
    docs = [doc for file in sorted((root / "out").glob("*.spacy")) for doc in DocBin().from_disk(file).get_docs(vocab)]
    return {str(doc.user_data["id"]): doc for doc in docs}


class TestLabelsOfACorpus:
    def test_a_source_must_know_the_labels_of_the_corpus(self, tmp_path: Path) -> None:
        write(tmp_path, f"{OUR_LABELS}, PRODUCT", "five, six")
        (reason,) = reasons(tmp_path)
        assert reason.startswith("file: annotated_labels lacks PRODUCT: set uncovered to missing")
        write(tmp_path, OUR_LABELS, "five, six")
        assert reasons(tmp_path) == [
            f"annotated_labels.5: unknown label 'PRODUCT'; known: {OUR_LABELS}",
            f"labels.PRODUCT: unknown label 'PRODUCT'; known: {OUR_LABELS}",
        ]

    def test_a_span_of_a_label_that_a_source_does_not_annotate(self, tmp_path: Path) -> None:
        partial = SIX.replace("DATE, PRODUCT]", "DATE]") + "uncovered: missing\n"
        write(tmp_path, f"{OUR_LABELS}, PRODUCT", "six", partial)
        assert len(reasons(tmp_path)) == len(NAMES)

    def test_the_project_s_labels_are_the_default(self, tmp_path: Path) -> None:
        write(tmp_path, OUR_LABELS, "five")
        text = (tmp_path / "corpus.yml").read_text("utf-8")
        put(tmp_path / "corpus.yml", text.replace(f"labels: [{OUR_LABELS}]\n", ""))
        assert read_config(tmp_path / "corpus.yml").labels == OUR_LABELS.split(", ")
        put(tmp_path / "six.yml", SIX)
        with pytest.raises(InputError, match=f"unknown label 'PRODUCT'; known: {OUR_LABELS}"):
            read_source(tmp_path / "six.yml")

    @pytest.mark.parametrize("labels", ["PER, layer", "PER, گوشی", "PER, PER", ""])
    def test_labels_that_cannot_be(self, tmp_path: Path, labels: str) -> None:
        write(tmp_path, labels, "five")
        with pytest.raises(InputError, match="labels"):
            read_config(tmp_path / "corpus.yml")

    @pytest.mark.parametrize(("uncovered", "outside"), [("missing", ""), ("outside", "O"), ("cues", "O")])
    def test_what_is_unknown_to_the_model(self, tmp_path: Path, uncovered: str, outside: str) -> None:
        """«five» lacks products only: for them there are no cues, and «جشنواره» is one for events."""
        write(tmp_path, f"{OUR_LABELS}, PRODUCT", "five, six", uncovered=f"uncovered: {uncovered}\n")
        docs = converted(tmp_path)
        assert {token.ent_iob_ for token in docs["five/f@0"][1:]} == {outside}
        assert [ent.label_ for ent in docs["five/f@0"].ents] == ["PER"]
        assert all(token.ent_iob_ for name in NAMES for token in docs[f"six/{name}@0"])

    def test_a_gap_in_both_kinds_of_labels(self, tmp_path: Path) -> None:
        four = FIVE.replace("EVENT, DATE]", "DATE]").replace("EVENT: EVENT, ", "")
        write(tmp_path, f"{OUR_LABELS}, PRODUCT", "five, six")
        put(tmp_path / "sources" / "five.yml", four + "uncovered: cues\n")
        unknown = [token.text for token in converted(tmp_path)["five/f@0"] if not token.ent_iob_]
        assert "جشنواره" in unknown
        assert "گوشی" not in unknown

    def test_a_corpus_of_other_labels_only(self, tmp_path: Path) -> None:
        write(tmp_path, "PER, PRODUCT", "six", TWO)
        docs = converted(tmp_path)
        assert {ent.label_ for doc in docs.values() for ent in doc.ents} == {"PER", "PRODUCT"}
        assert all(token.ent_iob_ for doc in docs.values() for token in doc)
        manifest = srsly.read_json(tmp_path / "out" / "manifest.json")
        assert manifest["labels"] == ["PER", "PRODUCT"]
        assert manifest["splits"]["train"]["spans"] == {"PER": 1, "PRODUCT": 1}

    def test_every_split_needs_the_labels_of_the_corpus(self, tmp_path: Path) -> None:
        write(tmp_path, "PER, PRODUCT", "six", TWO)
        (tmp_path / "six" / f"{NAMES[1]}.md").unlink()
        with pytest.raises(InputError) as raised:
            converted(tmp_path)
        assert [problem.reason for problem in raised.value.problems] == [
            "no PER span in the dev split",
            "no PRODUCT span in the dev split",
        ]

    def test_labels_changed_since_validation_are_a_message(self, tmp_path: Path) -> None:
        write(tmp_path, "PER, PRODUCT", "six", TWO)
        converted(tmp_path)
        write(tmp_path, "PER, THING", "six", TWO)
        with pytest.raises(InputError) as raised:
            convert(read_config(tmp_path / "corpus.yml"), tmp_path / "out", skip_misaligned=False)
        assert {problem.file for problem in raised.value.problems} == {str(tmp_path / "out" / "sources.json")}
        assert "unknown label 'PRODUCT'; known: PER, THING" in str(raised.value)
