import hashlib
import json
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import spacy
import torch
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from tiny_ner import tiny_ner
from typer.testing import CliRunner

from persian_ner import calibration, fast_inference
from persian_ner.evaluate import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    EvaluationMetrics,
    evaluate,
    git_commit,
    load_pipeline,
    read_evaluation,
    read_gold,
    read_training,
    write_evaluation,
)
from persian_ner.metrics import compute
from persian_ner.novelty import measure
from persian_ner.predict import predict
from persian_ner.readers import records_jsonl
from persian_ner.records import InputError, Record, Span
from persian_ner.tokenizer import create_tokenizer

SCRIPT = Path(__file__).parents[1] / "scripts" / "evaluate.py"
TEXT = "سارا احمدی به شیراز رفت.\n\nشیراز آرام بود."
PER = Span(start=0, end=10, label="PER")
GPE = Span(start=14, end=19, label="GPE")
SECOND_GPE = Span(start=26, end=31, label="GPE")


def ruler_pipeline():
    nlp = spacy.blank("fa", meta={"name": "ruler", "version": "1.2.3", "provenance": {"seed": 7}})
    nlp.tokenizer = create_tokenizer(nlp.vocab)
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "GPE", "pattern": "شیراز"}, {"label": "PER", "pattern": "احمدی"}]
    )
    return nlp


@pytest.fixture(scope="module")
def nlp():
    return ruler_pipeline()


@pytest.fixture(scope="module")
def model(nlp, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.jsonl"
    records = [
        {"id": "a", "text": TEXT, "spans": [s.model_dump(exclude_none=True) for s in (PER, GPE, SECOND_GPE)]},
        {"id": "b", "text": "هیچ.", "spans": [], "meta": {"topic": "x"}, "annotated_labels": ["PER"]},
    ]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def run(*arguments):
    spec = spec_from_file_location("evaluate_script", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


def test_predict_takes_texts_and_records_in_order(nlp):
    found = predict(nlp, ["", TEXT, Record(id="r", text="در شیراز")], batch_size=2)
    assert found[0] == []
    assert [(TEXT[s.start : s.end], s.label) for s in found[1]] == [
        ("احمدی", "PER"),
        ("شیراز", "GPE"),
        ("شیراز", "GPE"),
    ]
    assert found[2] == [Span(start=3, end=8, label="GPE")]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_predicted_offsets_refer_to_the_raw_text(before, after):
    text = f"{before} شیراز {after}"
    found = predict(NLP, [text])[0]
    assert all(text[span.start : span.end] in ("شیراز", "احمدی") for span in found)
    assert len(before) + 1 in [span.start for span in found]


NLP = ruler_pipeline()


def test_predict_refuses_a_tokenizer_that_changes_the_text():
    changing = spacy.blank("fa")
    changing.tokenizer = lambda text: Doc(changing.vocab, words=text.split())
    with pytest.raises(RuntimeError, match="changes the text"):
        predict(changing, ["دو  فاصله"])


def test_evaluate_scores_and_measures(nlp, gold):
    metrics, evaluated = evaluate(nlp, read_gold(gold), name="آزمون", data=gold)
    strict = metrics.overall.strict
    assert (strict.correct, strict.incorrect, strict.missed, strict.spurious) == (2, 1, 0, 0)
    assert metrics.name == "آزمون"
    assert metrics.speed.words == metrics.words == 9
    assert metrics.speed.words_per_second == pytest.approx(9 / metrics.speed.seconds)
    assert metrics.speed.threads == torch.get_num_threads()
    assert metrics.speed.cpu
    assert [document.doc_id for document in evaluated] == ["a", "b"]
    assert evaluated[0].gold == [PER, GPE, SECOND_GPE]
    assert evaluated[1].annotated_labels == ["PER"]


def test_provenance_names_model_data_and_versions(nlp, gold):
    provenance = evaluate(nlp, read_gold(gold), data=gold)[0].provenance
    assert (provenance.model.name, provenance.model.lang, provenance.model.version) == ("ruler", "fa", "1.2.3")
    assert provenance.model.provenance == {"seed": 7}
    assert provenance.data.path == gold.as_posix()
    assert provenance.data.sha256 == hashlib.sha256(gold.read_bytes()).hexdigest()
    assert provenance.versions["spacy"] == spacy.__version__
    assert provenance.created.tzinfo is not None


def test_evaluate_nothing(nlp):
    metrics, evaluated = evaluate(nlp, [])
    assert evaluated == []
    assert metrics.overall.strict.f1 is None
    assert metrics.speed.words_per_second is None
    assert metrics.provenance.data is None


def test_git_commit(tmp_path):
    assert git_commit(tmp_path) is None
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "file").write_text("1")
    subprocess.run(["git", "add", "file"], cwd=tmp_path, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "one"], cwd=tmp_path, check=True)
    clean = git_commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == f"{clean}-dirty"


def test_write_and_read_round_trip(nlp, gold, tmp_path):
    result = evaluate(nlp, read_gold(gold), data=gold)
    write_evaluation(tmp_path / "new" / "out", *result)
    assert read_evaluation(tmp_path / "new" / "out") == result
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [METRICS_FILE, PREDICTIONS_FILE]


def test_novelty_is_kept_with_the_metrics(nlp, gold, tmp_path):
    train = tmp_path / "train.jsonl"
    train.write_text(json.dumps({"id": "t", "text": "شيراز", "spans": [{"start": 0, "end": 5, "label": "GPE"}]}))
    training = read_training(train)
    assert training.data.sha256 == hashlib.sha256(train.read_bytes()).hexdigest()
    metrics, evaluated = evaluate(nlp, read_gold(gold), training=training)
    assert metrics.schema_version == 5
    assert metrics.novelty == measure(evaluated, metrics.labels, training)
    # Both «شیراز» are known and found; the person is not, and half of the name is found.
    known, never = metrics.novelty.overall.same_label, metrics.novelty.overall.never
    assert (known.correct, known.predicted, known.support) == (2, 2, 2)
    assert (never.correct, never.predicted, never.support) == (0, 1, 1)
    write_evaluation(tmp_path / "out", metrics, evaluated)
    assert read_evaluation(tmp_path / "out") == (metrics, evaluated)


def test_metrics_of_version_1_are_read(nlp, gold, tmp_path):
    metrics, evaluated = evaluate(nlp, read_gold(gold))
    write_evaluation(tmp_path, compute(evaluated), evaluated)
    assert "novelty" not in json.loads((tmp_path / METRICS_FILE).read_text())
    found, _ = read_evaluation(tmp_path)
    assert isinstance(found, EvaluationMetrics)
    assert (found.schema_version, found.novelty, found.calibration) == (1, None, None)
    assert found.overall == metrics.overall


def test_metrics_of_version_3_are_read(nlp, gold, tmp_path):
    metrics, evaluated = evaluate(nlp, read_gold(gold))
    write_evaluation(tmp_path, metrics, evaluated)
    older = json.loads((tmp_path / METRICS_FILE).read_text()) | {"schema_version": 3}
    for scores in (older["overall"], *older["per_label"].values()):
        scores["strict_f1_interval"] = scores.pop("intervals")["strict"]["f1"]
    del older["macro"]["intervals"]
    (tmp_path / METRICS_FILE).write_text(json.dumps(older))
    found, _ = read_evaluation(tmp_path)
    assert found.schema_version == 3
    assert found.macro.f1 == metrics.macro.f1 and found.macro.intervals.f1 is None
    assert found.overall.intervals.strict.f1 == metrics.overall.intervals.strict.f1 is not None
    assert found.per_label["PER"].intervals.strict.precision is None
    assert found.overall.strict == metrics.overall.strict


def test_confidences_are_measured_and_kept(tmp_path):
    nlp = tiny_ner()
    nlp.add_pipe("fa_confidence", config={"temperature": 1.5})
    gold = [Record(id="a", text=TEXT, spans=[PER, GPE, SECOND_GPE])]
    metrics, evaluated = evaluate(nlp, gold)
    spans = evaluated[0].predicted
    ents = nlp(TEXT).ents
    assert [span.score for span in spans] == pytest.approx([ent._.confidence for ent in ents], abs=1e-4)
    assert all(span.score == round(span.score, 4) for span in spans)
    assert metrics.calibration == calibration.measure(evaluated, 1.5)
    assert metrics.calibration.temperature == 1.5
    assert sum(part.count for part in metrics.calibration.bins) == len(spans) > 0
    write_evaluation(tmp_path, metrics, evaluated)
    assert read_evaluation(tmp_path) == (metrics, evaluated)
    kept = json.loads((tmp_path / PREDICTIONS_FILE).read_text(encoding="utf-8"))
    assert [span["score"] for span in kept["predicted"]] == [span.score for span in spans]
    # The scores of spans do not depend on their confidences.
    nlp.remove_pipe("fa_confidence")
    without, plain = evaluate(nlp, gold)
    assert without.calibration is None
    assert "score" not in plain[0].predicted[0].model_dump(exclude_none=True)
    assert without.overall == metrics.overall


def test_greedy_scores_what_ner_finds_alone(tmp_path):
    nlp = tiny_ner()
    gold = [Record(id="a", text=TEXT, spans=[PER, GPE, SECOND_GPE])]
    records_jsonl.write(gold, tmp_path / "gold.jsonl")
    alone = [(span.start, span.end, span.label) for span in predict(nlp, [TEXT])[0]]
    nlp.add_pipe("fa_confidence", config={"chooses_entities": True, "threshold": 0.7})
    nlp.to_disk(tmp_path / "model")
    for options, same in (([], False), (["--greedy"], True), (["--greedy", "--fast"], True)):
        assert run(tmp_path / "model", tmp_path / "gold.jsonl", tmp_path / "out", *options).exit_code == 0
        _, evaluated = read_evaluation(tmp_path / "out")
        found = [(span.start, span.end, span.label) for span in evaluated[0].predicted]
        assert (found == alone) is same


def test_fast_predicts_as_annotate_does(tmp_path, monkeypatch):
    sped_up = []
    monkeypatch.setattr(fast_inference, "speed_up", lambda nlp: sped_up.append(nlp) or nlp)
    records_jsonl.write([Record(id="a", text=TEXT)], tmp_path / "gold.jsonl")
    tiny_ner().to_disk(tmp_path / "model")
    for options in ([], ["--fast"]):
        assert run(tmp_path / "model", tmp_path / "gold.jsonl", tmp_path / "out", *options).exit_code == 0
        assert len(sped_up) == len(options)


def test_read_evaluation_reports_both_files(nlp, tmp_path):
    write_evaluation(tmp_path, *evaluate(nlp, []))
    other = json.loads((tmp_path / METRICS_FILE).read_text())
    (tmp_path / METRICS_FILE).write_text(json.dumps(other | {"schema_version": 6}))
    (tmp_path / PREDICTIONS_FILE).write_text('{"id": "a"}\n')
    with pytest.raises(InputError) as caught:
        read_evaluation(tmp_path)
    files = [Path(problem.file).name for problem in caught.value.problems]
    assert list(dict.fromkeys(files)) == [METRICS_FILE, PREDICTIONS_FILE]
    assert "schema_version" in caught.value.problems[0].reason


def test_read_evaluation_names_the_lines_of_predictions_that_cannot_be_used(nlp, gold, tmp_path):
    write_evaluation(tmp_path, *evaluate(nlp, read_gold(gold)))
    path = tmp_path / PREDICTIONS_FILE
    whole, short = path.read_text(encoding="utf-8").splitlines()
    lines = [
        whole,
        short.replace('"gold"', '"golf"'),
        short.replace('"annotated_labels":["PER"]', '"annotated_labels":"PER"'),
        whole.replace('"start":5', '"start":"5"'),
        "[]",
        whole[:-9],
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_evaluation(tmp_path)
    found = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert found[:4] == [
        "2: [b] gold: missing",
        "3: [b] annotated_labels: Input should be a valid list, not 'PER'",
        "4: [a] predicted.0.start: Input should be a valid integer, not '5'",
        "5: [-] expected a JSON object, found list",
    ]
    assert found[4].startswith("6: [-] not JSON: ") and len(found) == 5


def test_read_evaluation_refuses_files_of_different_evaluations(nlp, gold, tmp_path):
    write_evaluation(tmp_path, *evaluate(nlp, read_gold(gold)))
    (tmp_path / PREDICTIONS_FILE).write_text("")
    with pytest.raises(InputError, match="0 documents here, but 2"):
        read_evaluation(tmp_path)


def test_read_gold_lists_every_problem(tmp_path):
    path = tmp_path / "gold.jsonl"
    lines = [
        {"id": "a", "text": "سلام", "spans": [{"start": 0, "end": 9, "label": "PER"}]},
        {"id": "a", "text": "سلام", "spans": []},
        {
            "id": "c",
            "text": "سلام",
            "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 2, "end": 4, "label": "ORG"}],
        },
        {"id": "d", "text": "سلام \ud83d", "spans": []},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "not json\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_gold(path)
    assert {problem.doc_id for problem in caught.value.problems} >= {"a", "c", "d"}
    assert len(caught.value.problems) == 5


def test_read_gold_refuses_a_missing_or_empty_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_gold(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError):
        read_gold(tmp_path / "empty.jsonl")


def test_load_pipeline_says_what_is_wrong():
    with pytest.raises(InputError, match="cannot be loaded"):
        load_pipeline("no_such_pipeline")


def test_script_writes_both_files_and_says_so(model, gold, tmp_path):
    result = run(model, gold, tmp_path / "out", "--name", "dev")
    assert result.exit_code == 0, result.output
    last = result.output.splitlines()[-1]
    assert str(tmp_path / "out" / METRICS_FILE) in last
    assert "overall F1 0.6667" in last
    metrics, evaluated = read_evaluation(tmp_path / "out")
    assert metrics.name == "dev"
    assert len(evaluated) == 2
    lines = (tmp_path / "out" / PREDICTIONS_FILE).read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["predicted"][0] == {"start": 5, "end": 10, "label": "PER"}


def test_script_scores_by_training_surface(model, gold, tmp_path):
    assert run(model, gold, tmp_path / "out", "--train", gold).exit_code == 0
    metrics, _ = read_evaluation(tmp_path / "out")
    assert metrics.novelty.training.path == gold.as_posix()
    # Gold is training here, so all of it is known; the half name that is predicted is not.
    assert metrics.novelty.overall.same_label.support == 3
    assert metrics.novelty.overall.never.predicted == 1


def test_script_reports_all_bad_input_and_keeps_earlier_outputs(gold, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / METRICS_FILE).write_text("earlier")
    thresholds = tmp_path / "thresholds.yaml"
    thresholds.write_text("overall.strict.f1: yes\n")
    gold.write_text("not json\n")
    missing = tmp_path / "train.jsonl"
    result = run("no_such_pipeline", gold, out, "--thresholds", thresholds, "--train", missing)
    assert result.exit_code == 1
    for expected in ("gold.jsonl", "thresholds.yaml:1", "no_such_pipeline", "train.jsonl"):
        assert expected in result.output
    assert (out / METRICS_FILE).read_text() == "earlier"
    assert [path.name for path in out.iterdir()] == [METRICS_FILE]


@pytest.mark.parametrize(
    ("content", "short"),
    [
        ("overall.strict.f1: 0.5\n", []),
        (
            "per_label.PER.strict.f1: 0.5\nper_label.GPE.strict.f1: 0.5\noverall.strict.f1: 0.7\n",
            ["per_label.PER.strict.f1 0 is below 0.5", "overall.strict.f1 0.666667 is below 0.7"],
        ),
    ],
)
def test_script_checks_thresholds(model, gold, tmp_path, content, short):
    thresholds = tmp_path / "thresholds.yaml"
    thresholds.write_text(content)
    result = run(model, gold, tmp_path / "out", "--thresholds", thresholds)
    assert result.exit_code == (3 if short else 0)
    found = [line for line in result.output.splitlines() if line.startswith("Threshold not reached: ")]
    assert found == [f"Threshold not reached: {message}" for message in short]
    assert read_evaluation(tmp_path / "out")[0].overall.strict.correct == 2


def test_script_refuses_thresholds_of_what_is_not_measured(model, gold, tmp_path):
    thresholds = tmp_path / "thresholds.yaml"
    thresholds.write_text("overall.strict.f1: 0.99\noverall.strict.f: 0.5\nper_label.LOC.strict.f1: 0.5\n")
    result = run(model, gold, tmp_path / "out", "--thresholds", thresholds)
    assert result.exit_code == 1
    problems = result.output.splitlines()[:-1]
    assert [line.partition(": ")[0] for line in problems] == [f"{thresholds}:2", f"{thresholds}:3"]
    assert not (tmp_path / "out").exists()
