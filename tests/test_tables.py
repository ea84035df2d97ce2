"""The numbers of a report as one tidy table."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from test_report import PROVENANCE, RIGHT, WRONG, robustness, scored

from persian_ner.calibration import Bin, Calibration
from persian_ner.metrics import BREAKDOWN_KEYS, Evaluated, Footprint
from persian_ner.novelty import Training, measure
from persian_ner.tables import COLUMNS, rows, to_csv

TRAINING = Training({"شیراز": frozenset({"GPE"})})
"""Its documents: six gold spans, of which «دیروز» and the second «شیراز» are found, and six predicted ones."""

CALIBRATION = Calibration(
    bins=[
        Bin(low=0.5, high=0.75, count=4, mean_confidence=0.625, precision=0.5),
        Bin(low=0.75, high=1, count=4, mean_confidence=0.875, precision=1),
    ],
    ece=0.125,
    brier=0.25,
    auroc=None,
    unscored=3,
)


def table(*documents: Evaluated, **more: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(to_csv([(scored(*documents, **more), None)]).splitlines()))


def value(found: list[dict[str, str]], **columns: str) -> str:
    (row,) = [row for row in found if columns.items() <= row.items()]
    return row["value"]


def test_scores_by_hand() -> None:
    found = table(WRONG, RIGHT, name="a, b")
    assert {row["evaluation"] for row in found} == {"a, b"}
    scores = [row for row in found if row["table"] == "scores"]
    assert len(scores) == (5 + 1) * 4 * (3 + 2 + 5) + 4 * 3
    every = {"table": "scores", "label": "all (micro)"}
    assert value(scores, **every, match="strict", measure="precision") == str(2 / 5)
    assert value(scores, **every, match="partial", measure="correct") == "3"
    assert value(scores, label="PER", match="partial", measure="f1") == "0.5"
    assert value(scores, label="EVENT", match="strict", measure="recall") == ""  # no gold
    assert value(scores, label="all (macro)", match="type", measure="f1") == str((1 + 2 / 3 + 0 + 1 + 0) / 5)
    (row,) = [r for r in scores if (r["label"], r["match"], r["measure"]) == ("PER", "strict", "recall")]
    assert (row["low"], row["high"]) == ("0.0", "0.0")
    intervals = scored(WRONG, RIGHT).macro.intervals
    macros = {(r["match"], r["measure"]): (r["low"], r["high"]) for r in scores if r["label"] == "all (macro)"}
    assert intervals.f1 is not None and intervals.f1.low < intervals.f1.high
    assert macros["strict", "f1"] == (str(intervals.f1.low), str(intervals.f1.high))
    assert macros["type", "f1"] == ("", "")


def test_breakdowns_confusion_and_boundaries_by_hand() -> None:
    found = table(WRONG, RIGHT, novelty=measure([WRONG, RIGHT], ["PER", "ORG", "GPE", "EVENT", "DATE"], TRAINING))
    topics = [row for row in found if row["table"] == "topic"]
    assert [row["group"] for row in topics if row["measure"] == "documents"] == ["سفر", ""]
    assert value(topics, group="سفر", measure="f1") == str(2 / 7)
    assert value(found, table="span_length", group="2", measure="recall") == "0.0"
    assert value(found, table="training", group="same_label", label="GPE", measure="recall") == "0.5"
    assert value(found, table="confusion", label="GPE", group="ORG") == "1"
    assert value(found, table="confusion", label="spurious", group="EVENT") == "1"
    assert not [row for row in found if row["table"] == "confusion" and row["group"] == "missed"]
    assert value(found, table="boundaries", label="all (micro)", measure="right_too_short") == "1"


def test_every_table_is_there_where_it_was_measured() -> None:
    meta = dict.fromkeys(BREAKDOWN_KEYS, "x")
    document = Evaluated("d", WRONG.text, WRONG.gold, WRONG.predicted, meta=meta)
    metrics = scored(
        document,
        novelty=measure([document], ["PER"], TRAINING),
        calibration=CALIBRATION,
        footprint=Footprint(model_bytes=7, peak_memory_bytes=None),
        provenance=PROVENANCE,
    )
    found = list(rows(metrics, robustness(metrics)))
    tables = {row.table for row in found}
    assert tables == {
        *("scores", *BREAKDOWN_KEYS, "span_length", "sentence_length", "training", "confusion", "boundaries"),
        *("run", "calibration", "robustness"),
    }
    keys = [(row.table, row.group, row.label, row.match, row.measure) for row in found]
    assert len(keys) == len(set(keys))
    change = next(row for row in found if row.measure == "f1_difference")
    assert (change.group, change.value, change.low, change.high) == ("typos", -0.125, -0.25, 0.0)
    run = {row.measure: row.value for row in found if row.table == "run"}
    assert run["model_bytes"] == 7 and run["peak_memory_bytes"] is None
    assert (run["left_out_gold"], run["left_out_predicted"]) == (0, 0)
    calibration = {(row.group, row.measure): row.value for row in found if row.table == "calibration"}
    assert calibration["", "ece"] == 0.125 and calibration["", "auroc"] is None and calibration["", "unscored"] == 3
    assert calibration["2", "mean_confidence"] == 0.875 and calibration["2", "count"] == 4
    assert len(calibration) == 5 + 2 * 5
    assert not {"training", "calibration", "robustness", "topic"} & {row["table"] for row in table(RIGHT)}


def test_what_was_not_scored_is_told() -> None:
    part = Evaluated("d", WRONG.text, WRONG.gold, WRONG.predicted, annotated_labels=["PER"])
    found = table(part)
    for side, spans in ("gold", WRONG.gold), ("predicted", WRONG.predicted):
        others = sum(span.label != "PER" for span in spans)
        assert others and value(found, table="run", measure=f"left_out_{side}") == str(others)


def test_nothing_evaluated_is_still_a_table() -> None:
    found = table()
    assert {row["table"] for row in found} == {"scores", "boundaries", "run"}
    assert to_csv([]) == ",".join(COLUMNS) + "\n"
    assert value(found, table="run", measure="documents") == "0"
    assert pytest.approx(0) == sum(float(row["value"] or 0) for row in found)
