from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from tiny_corpus import SOURCES, put

from persian_ner.records import InputError
from persian_ner.sources import BY_LAYER, Source, read_source

GOOD = SOURCES["own"]


def reasons(path: Path) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_source(path)
    assert {(problem.file, problem.line) for problem in raised.value.problems} == {(str(path), 0)}
    return [problem.reason for problem in raised.value.problems]


def test_a_source_file(tmp_path: Path) -> None:
    source = read_source(put(tmp_path / "own.yml", GOOD + 'options: {separator: "\\t"}\ndescription: شعر\n'))
    assert (source.name, source.format, source.path, source.split) == ("own", "markup", "articles", "train")
    assert (source.options, source.uncovered, source.description) == ({"separator": "\t"}, None, "شعر")


def test_every_wrong_field_is_named(tmp_path: Path) -> None:
    bad = GOOD.replace("name: own", "name: Own corpus").replace("licence", "license").replace("train", "training")
    found = reasons(put(tmp_path / "own.yml", bad))
    assert [reason.partition(":")[0] for reason in found] == ["licence", "license", "name", "split"]


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "نام"])
def test_a_file_without_fields(tmp_path: Path, content: str) -> None:
    (reason,) = reasons(put(tmp_path / "own.yml", content))
    assert reason.startswith("file: ")


@pytest.mark.parametrize("content", [b"name: [own\n", b"name: \xff\n"])
def test_a_file_that_is_not_yaml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.yml").write_bytes(content)
    (reason,) = reasons(tmp_path / "own.yml")
    assert reason.startswith("cannot be read as YAML: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (reason,) = reasons(tmp_path / "own.yml")
    assert "No such file" in reason


def test_unknown_labels_on_our_side(tmp_path: Path) -> None:
    bad = GOOD.replace("GPE: GPE", "GPE: LOC").replace("[PER, ORG", "[PER, MISC, ORG")
    known = "known: PER, ORG, GPE, EVENT, DATE"
    assert reasons(put(tmp_path / "own.yml", bad)) == [
        f"annotated_labels.1: unknown label 'MISC'; {known}",
        f"labels.GPE: unknown label 'LOC'; {known}",
    ]


def test_partial_coverage_must_say_what_the_rest_is(tmp_path: Path) -> None:
    partial = GOOD.replace("EVENT, DATE]", "DATE]")
    (reason,) = reasons(put(tmp_path / "own.yml", partial))
    assert reason.startswith("file: annotated_labels lacks EVENT: set uncovered to missing")
    for choice in ("missing", "cues", "outside"):
        assert read_source(put(tmp_path / "own.yml", f"{partial}uncovered: {choice}\n")).uncovered == choice
    (reason,) = reasons(put(tmp_path / "own.yml", f"{partial}uncovered: negative\n"))
    assert reason.startswith("uncovered: ")


def test_full_coverage_in_any_order_needs_no_choice() -> None:
    labels = ["DATE", "EVENT", "GPE", "ORG", "PER"]
    fields = {"name": "a", "format": "markup", "path": "x", "labels": {}, "licence": "MIT"}
    assert Source.model_validate({**fields, "annotated_labels": labels}).uncovered is None
    with pytest.raises(ValidationError):
        Source.model_validate({**fields, "annotated_labels": labels[1:]})


def test_labels_can_be_left_to_a_layer(tmp_path: Path) -> None:
    layered = GOOD.replace("GPE: GPE", "GPE: layer")
    assert reasons(put(tmp_path / "own.yml", layered)) == [
        "file: labels leave a label to the layer, but no layer is given"
    ]
    source = read_source(put(tmp_path / "own.yml", layered + "layer: layers/own.jsonl\n"))
    assert (source.layer, source.labels["GPE"]) == ("layers/own.jsonl", BY_LAYER)
    assert read_source(put(tmp_path / "own.yml", GOOD)).layer is None
    # A layer may correct a source whose labels the map decides.
    assert read_source(put(tmp_path / "own.yml", GOOD + "layer: layers/own.jsonl\n")).layer == "layers/own.jsonl"


def test_the_layer_is_no_label_that_is_annotated(tmp_path: Path) -> None:
    bad = GOOD.replace("[PER, ORG", "[PER, layer, ORG")
    assert reasons(put(tmp_path / "own.yml", bad)) == [
        "annotated_labels.1: unknown label 'layer'; known: PER, ORG, GPE, EVENT, DATE"
    ]
