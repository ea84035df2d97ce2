from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_runs import run_script
from spacy.language import Language

from persian_ner import docbin
from persian_ner.augment import DAMAGES, MIXTURES, RATES, damage
from persian_ner.metrics import Interval
from persian_ner.records import InputError, Record, Span
from persian_ner.robustness import (
    ROBUSTNESS_FILE,
    TABLE_FILE,
    Robustness,
    lost_more_than,
    measure,
    recipes,
    to_markdown,
    write,
)

ZWNJ_DAMAGE = {"zwnj_stripped": {"zwnj_stripped": 1.0}}
RECORDS = [
    # Seven words in all, one of them with a half-space.
    Record(id="a", text="سارا به خوش‌آب رفت.", spans=[Span(start=8, end=14, label="GPE")]),
    Record(id="b", text="شیراز آرام بود.", spans=[Span(start=0, end=5, label="GPE")]),
]


@pytest.fixture(scope="module")
def nlp() -> Language:
    """Knows «خوش‌آب» with its half-space only, and takes it for a LOC without."""
    pipeline = docbin.blank()
    pipeline.meta["name"] = "ruler"
    pipeline.add_pipe("entity_ruler").add_patterns(  # type: ignore[attr-defined]
        [
            {"label": "GPE", "pattern": "شیراز"},
            {"label": "GPE", "pattern": "خوش‌آب"},
            {"label": "LOC", "pattern": "خوشآب"},
        ]
    )
    return pipeline


@pytest.fixture(scope="module")
def model(nlp: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    nlp.to_disk(path)
    return path


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    lines = [json.dumps(record.model_dump(exclude_none=True), ensure_ascii=False) for record in RECORDS]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_same_documents_clean_and_damaged(nlp: Language) -> None:
    result = measure(nlp, RECORDS, ZWNJ_DAMAGE, name="آزمون")
    assert (result.name, result.documents, result.words) == ("آزمون", 2, 7)
    assert result.labels == ["PER", "ORG", "GPE", "EVENT", "DATE", "LOC"]
    found = result.damages["zwnj_stripped"]
    assert found.rates == {"zwnj_stripped": 1.0}
    assert found.documents_changed == 1
    assert found.words_changed == pytest.approx(1 / 7)
    # Clean both spans are found. Damaged one of two is, and the other has the wrong label: P = R = F1 = 1/2.
    assert (found.overall.clean.f1, found.overall.damaged.f1) == (1.0, 0.5)
    assert (found.overall.damaged.correct, found.overall.damaged.incorrect) == (1, 1)
    assert found.overall.difference == -0.5
    # Only of GPE: one found of two, nothing spurious.
    assert found.per_label["GPE"].damaged.f1 == pytest.approx(2 / 3)
    assert found.per_label["GPE"].difference == pytest.approx(-1 / 3)
    # No document has a PER, and none has a LOC while it is clean.
    assert found.per_label["PER"].difference is None
    assert (found.per_label["LOC"].clean.f1, found.per_label["LOC"].damaged.f1) == (None, 0.0)
    assert found.per_label["LOC"].difference is None
    assert found.per_label["LOC"].interval is None


def test_the_interval_is_of_the_difference_of_the_same_documents(nlp: Language) -> None:
    # Drawn are a, a (difference −1) and b, b (0), a quarter of the times each, and a, b (−1/2).
    (found,) = measure(nlp, RECORDS, ZWNJ_DAMAGE).damages.values()
    assert found.overall.interval == Interval(low=-1.0, high=0.0)
    # F1 varies from draw to draw here, but a damage that costs nothing costs nothing in any draw.
    hard = [Record(id=str(i), text="کرج دور است.", spans=[Span(start=0, end=3, label="GPE")]) for i in range(5)]
    (found,) = measure(nlp, [*RECORDS, *hard], {"spam": {"spam_injected": 1.0}}).damages.values()
    assert found.documents_changed == 7
    assert found.overall.clean.f1 == pytest.approx(4 / 9)
    assert found.overall.interval == Interval(low=0.0, high=0.0)


def test_one_document_has_no_interval(nlp: Language) -> None:
    (found,) = measure(nlp, RECORDS[:1], ZWNJ_DAMAGE).damages.values()
    assert (found.overall.difference, found.overall.interval) == (-1.0, None)


def test_documents_without_spans(nlp: Language) -> None:
    (found,) = measure(nlp, [Record(id="a", text="")], ZWNJ_DAMAGE).damages.values()
    assert (found.overall.clean.f1, found.overall.difference, found.words_changed) == (None, None, None)


def test_labels_that_a_document_does_not_annotate_do_not_count(nlp: Language) -> None:
    records = [
        *RECORDS,
        Record(id="c", text="خوش‌آب، شیراز", spans=[Span(start=0, end=6, label="LOC")], annotated_labels=["LOC"]),
    ]
    (found,) = measure(nlp, records, ZWNJ_DAMAGE).damages.values()
    # In c, only LOC counts: missed while clean (2 of 2 + 3), found without the half-space (2 of 3 + 3).
    assert found.overall.clean.f1 == pytest.approx(4 / 5)
    assert found.overall.damaged.f1 == pytest.approx(4 / 6)
    assert found.per_label["LOC"].difference == pytest.approx(2 / 3)


def test_damages_follow_from_the_seed(nlp: Language) -> None:
    damages = {"typos": {"typos": 0.5}, "spam": {"spam_injected": 0.5}}
    first, again = (measure(nlp, RECORDS, damages, seed=4) for _ in range(2))
    assert first.damages == again.damages
    assert first.seed == 4
    changed = [damage(record, {"spam_injected": 0.5}, 4).text != record.text for record in RECORDS]
    assert first.damages["spam"].documents_changed == sum(changed)


def test_recipes() -> None:
    everything = recipes([], 0.1)
    assert list(everything) == [*DAMAGES, *MIXTURES]
    assert everything["typos"] == {"typos": 0.1}
    assert everything["social"] == MIXTURES["social"]
    assert recipes(["words_glued"], 0.1) == {"words_glued": {"words_glued": RATES["words_glued"]}}
    with pytest.raises(InputError) as caught:
        recipes(["typo", "scraped", "scan"], 0.1)
    assert len(caught.value.problems) == 2


def test_losses_above_a_limit(nlp: Language) -> None:
    result = measure(nlp, RECORDS, {**ZWNJ_DAMAGE, "digits": {"other_digits": 1.0}})
    assert lost_more_than(result, 0.5) == []
    assert lost_more_than(result, 0.4) == ["zwnj_stripped: F1 falls by 0.5000, more than 0.4"]
    assert lost_more_than(measure(nlp, [Record(id="a", text="هیچ")], ZWNJ_DAMAGE), 0.0) == []


def test_markdown(nlp: Language) -> None:
    lines = to_markdown(measure(nlp, RECORDS, ZWNJ_DAMAGE, name="dev")).splitlines()
    assert lines[0] == "# Robustness: dev"
    assert "| zwnj_stripped | 1 | 14.3% | 1.0000 | 0.5000 | -0.5000 | -1.0000 … +0.0000 |" in lines
    assert "| zwnj_stripped | – | – | -0.3333 | – | – | – |" in lines


def test_write_round_trip(nlp: Language, tmp_path: Path) -> None:
    result = measure(nlp, RECORDS, ZWNJ_DAMAGE)
    write(tmp_path / "new", result)
    written = json.loads((tmp_path / "new" / ROBUSTNESS_FILE).read_text(encoding="utf-8"))
    assert written["schema_version"] == 1
    assert Robustness.model_validate(written) == result
    assert (tmp_path / "new" / TABLE_FILE).read_text(encoding="utf-8") == to_markdown(result)


def test_script_writes_both_files(model: Path, gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_script(
        "robustness", model, gold, out, "--damages", "zwnj_stripped, typos", "--typo-rate", "0.5", "--seed", "3"
    )
    assert result.exit_code == 0, result.output
    assert str(out / ROBUSTNESS_FILE) in result.output.splitlines()[-1]
    assert sorted(path.name for path in out.iterdir()) == [ROBUSTNESS_FILE, TABLE_FILE]
    written = Robustness.model_validate_json((out / ROBUSTNESS_FILE).read_bytes())
    assert (written.name, written.seed, list(written.damages)) == ("gold", 3, ["zwnj_stripped", "typos"])
    assert written.damages["typos"].rates == {"typos": 0.5}
    assert written.provenance.data is not None
    assert written.provenance.data.path == gold.as_posix()


def test_script_measures_everything_by_default(model: Path, gold: Path, tmp_path: Path) -> None:
    assert run_script("robustness", model, gold, tmp_path / "out").exit_code == 0
    written = Robustness.model_validate_json((tmp_path / "out" / ROBUSTNESS_FILE).read_bytes())
    assert list(written.damages) == [*DAMAGES, *MIXTURES]
    assert written.damages["typos"].rates == {"typos": 0.05}


@pytest.mark.parametrize(("limit", "code"), [("0.5", 0), ("0.4", 3)])
def test_script_checks_the_limit(model: Path, gold: Path, tmp_path: Path, limit: str, code: int) -> None:
    result = run_script("robustness", model, gold, tmp_path / "out", "--damages", "zwnj_stripped", "--max-loss", limit)
    assert result.exit_code == code
    assert ("Above the limit: zwnj_stripped" in result.output) == (code == 3)
    assert (tmp_path / "out" / ROBUSTNESS_FILE).exists()


def test_script_reports_all_bad_input_and_keeps_earlier_outputs(gold: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ROBUSTNESS_FILE).write_text("earlier")
    gold.write_text("not json\n")
    result = run_script("robustness", "no_such_pipeline", gold, out, "--damages", "typo,scraped")
    assert result.exit_code == 1
    for expected in ("gold.jsonl", "no_such_pipeline", "unknown damage 'typo'"):
        assert expected in result.output
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [(ROBUSTNESS_FILE, "earlier")]


def test_script_refuses_a_text_that_the_pipeline_cannot_take(model: Path, gold: Path, tmp_path: Path) -> None:
    gold.write_text(json.dumps({"id": "book", "text": "a" * 1_000_001}) + "\n", encoding="utf-8")
    result = run_script("robustness", model, gold, tmp_path / "out")
    assert result.exit_code == 1
    assert f"{gold}:1: [book] has 1,000,001 characters" in result.output
    assert not (tmp_path / "out").exists()
