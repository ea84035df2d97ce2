"""How confidences are measured, and how their temperature is found."""

from __future__ import annotations

import json
import math
import random
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from script_runs import run_script
from spacy.language import Language
from tiny_ner import TEXTS, tiny_ner

from persian_ner import docbin
from persian_ner.calibration import BINS, Calibration, calibrate, measure
from persian_ner.files import checksum
from persian_ner.metrics import Evaluated
from persian_ner.predict import predict
from persian_ner.readers import records_jsonl
from persian_ner.records import InputError, Record, Span


def document(outcomes: list[tuple[float | None, bool]], **facts: Any) -> Evaluated:
    """A document with a span of one letter for each confidence, right or not."""
    text = "ا" * max(1, len(outcomes))
    predicted = [Span(start=i, end=i + 1, label="PER", score=score) for i, (score, _) in enumerate(outcomes)]
    gold = [Span(start=i, end=i + 1, label="PER" if right else "ORG") for i, (_, right) in enumerate(outcomes)]
    return Evaluated("a", text, gold, predicted, **facts)


def numbers(calibration: Calibration | None) -> list[float | None]:
    assert calibration is not None
    facts = calibration.model_dump()
    return [value for part in facts.pop("bins") for value in part.values()] + list(facts.values())


class TestMeasure:
    def test_by_hand(self) -> None:
        """A bin for each score: equal ones are never parted."""
        found = measure(
            [document([(0.5, False), (0.6, True)]), document([(0.9, True), (0.9, True), (0.7, False)])], 1.5
        )
        assert found is not None
        assert [(b.low, b.high, b.count, b.mean_confidence, b.precision) for b in found.bins] == [
            (0.5, 0.5, 1, 0.5, 0.0),
            (0.6, 0.6, 1, 0.6, 1.0),
            (0.7, 0.7, 1, 0.7, 0.0),
            (0.9, 0.9, 2, 0.9, 1.0),
        ]
        assert found.ece == pytest.approx((0.5 + 0.4 + 0.7 + 2 * 0.1) / 5)
        assert found.brier == pytest.approx((0.25 + 0.16 + 0.49 + 2 * 0.01) / 5)
        assert found.auroc == pytest.approx(
            5 / 6
        )  # of the six pairs of a right and a wrong one, 0.6 < 0.7 alone is false
        assert (found.temperature, found.unscored) == (1.5, 0)
        assert str(found) == "ECE 0.3600, Brier score 0.1840, AUROC 0.8333"

    def test_bins_hold_equally_many(self) -> None:
        found = measure([document([((index + 1) / 100, index % 2 == 0) for index in range(40)])])
        assert found is not None
        assert [part.count for part in found.bins] == [4] * BINS
        assert found.bins[0].mean_confidence == pytest.approx(0.025)
        assert found.bins[0].precision == 0.5

    def test_a_wrong_boundary_is_wrong(self) -> None:
        span = {"label": "PER", "score": 0.8}
        right, wrong = Span(start=0, end=2, **span), Span(start=3, end=5, **span)
        gold = [Span(start=0, end=2, label="PER"), Span(start=3, end=6, label="PER")]
        found = measure([Evaluated("a", "سس سسس", gold, [right, wrong])])
        assert found is not None
        assert [(part.count, part.precision) for part in found.bins] == [(2, 0.5)]

    def test_all_right(self) -> None:
        found = measure([document([(0.5, True), (1.0, True)])])
        assert found is not None
        assert (found.auroc, found.brier) == (None, 0.125)
        assert "AUROC undefined" in str(found)

    def test_without_scores(self) -> None:
        assert measure([]) is None
        assert measure([document([(None, True)])]) is None
        found = measure([document([(None, True), (0.5, False), (None, False)])])
        assert found is not None
        assert (found.unscored, sum(part.count for part in found.bins)) == (2, 1)

    def test_labels_that_are_not_annotated_do_not_count(self) -> None:
        outcomes: list[tuple[float | None, bool]] = [(0.5, True), (None, True)]
        assert measure([document(outcomes, annotated_labels=["ORG"])]) is None
        assert measure([document(outcomes, annotated_labels=["PER"])]) == measure([document(outcomes)])

    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
    def test_whatever_the_scores(self, outcomes: list[tuple[float, bool]]) -> None:
        found = measure([document([*outcomes])])
        assert found is not None
        assert sum(part.count for part in found.bins) == len(outcomes)
        assert 1 <= len(found.bins) <= BINS
        assert all(before.high < after.low for before, after in zip(found.bins, found.bins[1:], strict=False))
        assert all(part.low - 1e-9 <= part.mean_confidence <= part.high + 1e-9 for part in found.bins)
        assert 0 <= found.ece <= 1
        assert 0 <= found.brier <= 1
        shuffled = measure([document([*random.Random(0).sample(outcomes, len(outcomes))])])
        assert numbers(shuffled) == pytest.approx(numbers(found))

    def test_schema_is_closed(self) -> None:
        found = measure([document([(0.5, True)])])
        assert found is not None
        assert Calibration.model_validate_json(found.model_dump_json()) == found
        with pytest.raises(ValidationError):
            Calibration.model_validate({**found.model_dump(), "mce": 0.1})

    @pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
    def test_a_score_is_a_probability(self, score: float) -> None:
        with pytest.raises(ValidationError):
            Span(start=0, end=1, label="PER", score=score)


def gold_records(nlp: Language, texts: list[str], wrong_every: int = 3) -> list[Record]:
    """What the pipeline finds, but for every third span."""
    numbers = count(1)
    return [
        Record(id=text, text=text, spans=[span for span in spans if next(numbers) % wrong_every])
        for text, spans in zip(texts, predict(nlp, texts), strict=True)
    ]


def log_loss(nlp: Language, records: list[Record], temperature: float) -> float:
    if nlp.has_pipe("fa_confidence"):
        nlp.remove_pipe("fa_confidence")
    nlp.add_pipe("fa_confidence", config={"temperature": temperature})
    losses = []
    for record, spans in zip(records, predict(nlp, records), strict=True):
        gold = {(span.start, span.end, span.label) for span in record.spans}
        for span in spans:
            assert span.score is not None
            right = (span.start, span.end, span.label) in gold
            losses.append(-math.log(span.score if right else 1 - span.score))
    return sum(losses) / len(losses)


class TestCalibrate:
    def test_finds_the_temperature_of_least_log_loss(self) -> None:
        nlp = tiny_ner()
        records = gold_records(nlp, TEXTS)
        found = calibrate(nlp, records)
        assert found is not None
        best = log_loss(nlp, records, found.temperature)
        for factor in (0.7, 0.9, 1.1, 1.5):
            assert best < log_loss(nlp, records, found.temperature * factor)
        assert (found.before.temperature, found.after.temperature) == (1.0, found.temperature)

    def test_before_and_after_are_what_an_evaluation_measures(self) -> None:
        nlp = tiny_ner()
        records = gold_records(nlp, TEXTS)
        found = calibrate(nlp, records)
        assert found is not None
        for calibration in (found.before, found.after):
            log_loss(nlp, records, calibration.temperature)  # type: ignore[arg-type]  # sets the temperature
            evaluated = [
                Evaluated(record.id, record.text, record.spans, spans)
                for record, spans in zip(records, predict(nlp, records), strict=True)
            ]
            measured = measure(evaluated, calibration.temperature)
            assert numbers(measured) == pytest.approx(numbers(calibration), abs=1e-4)

    def test_the_threshold_is_half_the_f1_that_it_leads_to(self) -> None:
        nlp = tiny_ner()
        records = gold_records(nlp, TEXTS)
        found = calibrate(nlp, records)
        assert found is not None
        settings = {"chooses_entities": True, "temperature": found.temperature, "threshold": found.threshold}
        nlp.add_pipe("fa_confidence", config=settings)
        assert calibrate(nlp, records) == found  # whatever the pipeline chooses already
        gold = {(record.id, span.start, span.end, span.label) for record in records for span in record.spans}
        predicted = {
            (record.id, span.start, span.end, span.label)
            for record, spans in zip(records, predict(nlp, records), strict=True)
            for span in spans
        }
        f1 = 2 * len(gold & predicted) / (len(gold) + len(predicted))
        assert 0 < f1 < 1
        assert found.threshold == pytest.approx(f1 / 2, abs=0.001)

    @pytest.mark.parametrize("wrong_every", [1, 100])
    def test_nothing_can_be_told_when_all_are_right_or_all_wrong(self, wrong_every: int) -> None:
        nlp = tiny_ner()
        assert calibrate(nlp, gold_records(nlp, TEXTS, wrong_every)) is None
        assert calibrate(nlp, []) is None

    def test_a_pipeline_without_ner(self) -> None:
        with pytest.raises(InputError, match="no component 'ner'"):
            calibrate(docbin.blank(), [])


class TestScript:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        tiny_ner().to_disk(tmp_path / "model")
        return tmp_path / "model"

    @pytest.fixture
    def dev(self, tmp_path: Path) -> Path:
        records_jsonl.write(gold_records(tiny_ner(), TEXTS), tmp_path / "dev.jsonl")
        return tmp_path / "dev.jsonl"

    def test_the_temperature_is_kept_and_nothing_else(self, model: Path, dev: Path) -> None:
        before = contents(model)
        done = run_script("calibrate", model, dev)
        assert done.exit_code == 0, done.output
        assert done.output.count("ECE") == 2
        after = contents(model)
        assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == {
            Path("meta.json")
        }
        nlp = spacy.load(model)
        assert nlp.pipe_names == ["ner"]
        found = calibrate(nlp, list(records_jsonl.read(dev)))  # type: ignore[arg-type]
        assert found is not None
        nlp.add_pipe("fa_confidence")
        assert nlp.get_pipe("fa_confidence").temperature == pytest.approx(found.temperature)
        assert nlp.meta["fa_confidence"]["threshold"] == pytest.approx(found.threshold)
        assert f"Threshold {found.threshold}" in done.output
        assert all(ent._.confidence for ent in nlp(TEXTS[0]).ents)

    def test_twice_gives_the_same_model(self, model: Path, dev: Path) -> None:
        first = run_script("calibrate", model, dev)
        once = checksum(model)
        second = run_script("calibrate", model, dev)
        assert (checksum(model), second.output) == (once, first.output)

    def test_without_anything_to_fit(self, model: Path, dev: Path) -> None:
        dev.write_text(json.dumps({"id": "a", "text": "\n"}) + "\n", encoding="utf-8")
        done = run_script("calibrate", model, dev)
        assert done.exit_code == 0
        assert "all right or all wrong" in done.output
        assert spacy.load(model).add_pipe("fa_confidence").temperature == 1.0  # type: ignore[attr-defined]

    def test_bad_input_is_reported_together_and_changes_nothing(self, model: Path, dev: Path) -> None:
        (model / "config.cfg").write_text("[nlp", encoding="utf-8")
        dev.write_text("not json\n", encoding="utf-8")
        before = contents(model)
        done = run_script("calibrate", model, dev)
        assert done.exit_code == 1
        assert "dev.jsonl:1" in done.output
        assert "cannot be loaded" in done.output
        assert contents(model) == before

    def test_a_pipeline_without_ner(self, tmp_path: Path, dev: Path) -> None:
        docbin.blank().to_disk(tmp_path / "blank")
        before = contents(tmp_path / "blank")
        done = run_script("calibrate", tmp_path / "blank", dev)
        assert done.exit_code == 1
        assert "no component 'ner'" in done.output
        assert contents(tmp_path / "blank") == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
