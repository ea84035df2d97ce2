"""``scripts/audit.py``: what it writes, its exit codes, and what it refuses."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import get_args

from click.testing import Result
from typer.testing import CliRunner

from persian_ner.audit.schema import KINDS, Audit, Verdict
from persian_ner.evaluate import write_evaluation
from persian_ner.files import checksum
from persian_ner.metrics import Evaluated, ModelInfo, Provenance, compute
from persian_ner.readers import records_jsonl
from persian_ner.records import Record, Span

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"
TEXT = "سارا احمدی به شیراز رفت و در همان شهر ماند و به پرسش خبرنگاران پاسخ داد."
OTHER = "راهداران می‌گویند گردنه‌های برف‌گیر تا ظهر شنبه برای خودروهای سبک باز خواهد شد."
SARA = Span(start=0, end=10, label="PER")
SHIRAZ = Span(start=14, end=19, label="GPE")


def run(*arguments: object) -> Result:
    spec = spec_from_file_location("audit_script", SCRIPT)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


def write(folder: Path, name: str, *texts: str, spans: list[Span] | None = None) -> str:
    path = folder / f"{name}.jsonl"
    records_jsonl.write((Record(id=f"{name}-{n}", text=text, spans=spans or []) for n, text in enumerate(texts)), path)
    return f"{name}={path}"


def evaluation(folder: Path, *documents: Evaluated) -> Path:
    write_evaluation(folder, compute(documents), documents)
    return folder


def test_writes_three_files(tmp_path: Path) -> None:
    train = write(tmp_path, "train", TEXT, spans=[SARA, SHIRAZ])
    test = write(tmp_path, "test", OTHER)
    model = evaluation(tmp_path / "run", Evaluated("train-0", TEXT, [], [SARA]), Evaluated("elsewhere", TEXT, [], []))
    result = run(tmp_path / "out", train, test, "--predictions", model)
    assert result.exit_code == 0, result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.json", "audit.html", "audit.md"}
    audit = Audit.model_validate_json((tmp_path / "out" / "audit.json").read_bytes())
    assert [(file.split, file.documents, file.spans) for file in audit.files] == [
        ("train", 1, {"PER": 1, "GPE": 1}),
        ("test", 1, {"PER": 0, "GPE": 0}),
    ]
    (info,) = audit.disagreement.predictions
    assert (info.documents, info.unknown_documents, info.scored) == (1, 1, False)
    # The annotation is that of the audited file, not of the evaluation.
    assert [(doubt.kind, doubt.labels) for doubt in audit.disagreement.findings] == [("unfound", ["GPE"])]
    assert "unfound: 1 (0 high, 0 medium, 1 low)" in result.output
    assert "1 more in none of the files" in (tmp_path / "out" / "audit.md").read_text(encoding="utf-8")


def test_several_models(tmp_path: Path) -> None:
    train = write(tmp_path, "train", TEXT, spans=[SARA])
    runs = [evaluation(tmp_path / name, Evaluated("train-0", TEXT, [], [SARA, SHIRAZ])) for name in ("one", "two")]
    result = run(tmp_path / "out", train, "--predictions", runs[0], "--predictions", runs[1])
    assert result.exit_code == 0, result.output
    (doubt,) = Audit.model_validate_json((tmp_path / "out" / "audit.json").read_bytes()).disagreement.findings
    assert (doubt.kind, doubt.models, doubt.of, doubt.severity) == ("unmarked", 2, 2, "medium")


def test_scores_survive_the_way_through_the_files(tmp_path: Path) -> None:
    train = write(tmp_path, "train", TEXT, spans=[SARA])
    sure = SHIRAZ.model_copy(update={"score": 0.97})
    model = evaluation(tmp_path / "run", Evaluated("train-0", TEXT, [], [SARA, sure]))
    assert run(tmp_path / "out", train, "--predictions", model).exit_code == 0
    (doubt,) = Audit.model_validate_json((tmp_path / "out" / "audit.json").read_bytes()).disagreement.findings
    assert doubt.confidence == 0.97


def test_a_model_that_was_trained_on_an_audited_file_is_known_by_its_checksum(tmp_path: Path) -> None:
    train, test = write(tmp_path, "train", TEXT, spans=[SARA]), write(tmp_path, "test", OTHER)
    sums = {"splits": {name: {"file": checksum(tmp_path / f"{name}.jsonl")} for name in ("train", "test")}}
    provenance = Provenance(
        created=datetime(2025, 1, 1, tzinfo=timezone.utc),
        model=ModelInfo(name="x", lang="fa", version="1", provenance={"corpus": sums}),
        data=None,
        device="cpu",
        git_commit=None,
        versions={},
    )
    for name, text in (("train", TEXT), ("test", OTHER)):
        documents = [Evaluated(f"{name}-0", text, [], [])]
        metrics = compute(documents).model_copy(update={"provenance": provenance})
        write_evaluation(tmp_path / f"run-{name}", metrics, documents)
    folders = ("--predictions", tmp_path / "run-train", "--predictions", tmp_path / "run-test")
    result = run(tmp_path / "out", train, test, *folders)
    assert result.exit_code == 0, result.output
    first, second = Audit.model_validate_json((tmp_path / "out" / "audit.json").read_bytes()).disagreement.predictions
    assert (first.model, first.trained_on) == ("fa_x 1", ["train"])
    assert second.trained_on == []  # it has no predictions of the training documents


def test_max_leak(tmp_path: Path) -> None:
    files = [write(tmp_path, "train", TEXT, OTHER), write(tmp_path, "test", TEXT, OTHER.replace("شنبه", "فردا") * 2)]
    assert run(tmp_path / "out", *files).exit_code == 0
    result = run(tmp_path / "out", *files, "--max-leak", "0.1")
    assert result.exit_code == 3
    assert "test: " in result.output and "MEAN NOTHING" in result.output
    assert (tmp_path / "out" / "audit.html").exists()
    assert run(tmp_path / "out", *files, "--max-leak", "1").exit_code == 0
    assert run(tmp_path / "out", *files, "--max-leak", "2").exit_code == 2  # refused by typer


def test_all_problems_of_all_inputs_are_reported_and_nothing_is_written(tmp_path: Path) -> None:
    good = write(tmp_path, "train", TEXT)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "a", "text": "x", "spans": [{"start": 0, "end": 9, "label": "PER"}]}\n{\n', encoding="utf-8")
    result = run(
        *(tmp_path / "out", good, good, f"test={bad}", "dev=" + str(tmp_path / "none.jsonl"), "nothing"),
        *("--predictions", tmp_path / "no-run"),
    )
    assert result.exit_code == 1
    for expected in ("is the name of", f"{bad}:1", f"{bad}:2", "none.jsonl", "not NAME=FILE", "no-run"):
        assert expected in result.output
    assert not (tmp_path / "out").exists()


def test_predictions_of_other_texts_are_refused(tmp_path: Path) -> None:
    train = write(tmp_path, "train", TEXT)
    other = evaluation(tmp_path / "other", Evaluated("train-0", OTHER, [], []))
    unknown = evaluation(tmp_path / "unknown", Evaluated("x", OTHER, [], []))
    result = run(tmp_path / "out", train, "--predictions", other, "--predictions", unknown)
    assert result.exit_code == 1
    assert "[train-0] has another text than in 'train'" in result.output
    assert f"{unknown}/predictions.jsonl: [-] has none of the documents of the files" in result.output
    assert not (tmp_path / "out").exists()


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    text = (SCRIPT.parents[1] / "docs" / "audit.md").read_text(encoding="utf-8")
    for name, content in re.findall(r"^```json data/(\S+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = run(tmp_path / "out", f"train={tmp_path / 'train.jsonl'}", f"test={tmp_path / 'test.jsonl'}")
    assert result.exit_code == 0, result.output
    shown = re.search(r"^```text\n(leak: .*?)Wrote ", text, flags=re.MULTILINE | re.DOTALL)
    assert shown and shown[1] in result.output
    audit = Audit.model_validate_json((tmp_path / "out" / "audit.json").read_bytes())
    assert [split.verdict for split in audit.leakage.splits] == ["first", "void"]


def test_the_documentation_describes_every_kind_and_verdict() -> None:
    text = (SCRIPT.parents[1] / "docs" / "audit.md").read_text(encoding="utf-8")
    described = {name for row in re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) for name in [row]}
    assert described == {*KINDS, *get_args(Verdict)} - {"first", "nothing"}
