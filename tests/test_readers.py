from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from persian_ner.readers.registry import READERS, read
from persian_ner.records import Record


def test_every_reader_has_one_line_of_help_and_typed_keyword_options() -> None:
    for name, reader in READERS.items():
        assert reader.HELP and "\n" not in reader.HELP, name
        first, *options = inspect.signature(reader.read).parameters.values()
        assert first.name == "path"
        for option in options:
            assert option.kind is inspect.Parameter.KEYWORD_ONLY, (name, option.name)
            assert option.annotation is not inspect.Parameter.empty
            assert option.default is not inspect.Parameter.empty


def test_read_passes_path_and_options_on(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("B-LOC قم\n", "utf-8")
    (record,) = read("conll", str(tmp_path / "a.txt"), token_column=1, tag_column=0)
    assert isinstance(record, Record)
    assert [(record.text, span.label) for span in record.spans] == [("قم", "LOC")]


def test_options_may_come_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("B-LOC قم\nI-ORG قم\n", "utf-8")
    (record,) = read("conll", tmp_path / "a.txt", token_column="1", tag_column="0", repair="true")
    assert isinstance(record, Record)
    assert [span.label for span in record.spans] == ["LOC", "ORG"]


def test_values_an_option_cannot_have_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="option token_space: Input should be 'keep' or 'zwnj', not 'drop'"):
        read("conll", tmp_path, token_space="drop")
    with pytest.raises(ValueError, match=r"option scheme: Input should be 'auto', .*, not 'iobes'"):
        read("huggingface", tmp_path, scheme="iobes")
    with pytest.raises(ValueError, match=r"option answers: .*, not 'accept'"):
        read("prodigy", tmp_path, answers="accept")


def test_unknown_formats_and_options_are_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown format 'xml'; known: markup, jsonl, .*, docbin"):
        read("xml", tmp_path)
    with pytest.raises(ValueError, match=r"conll has no option colour, shape; known: token_column, .*, repair"):
        read("conll", tmp_path, colour=1, shape=2, repair=True)
    with pytest.raises(ValueError, match=r"doccano has no option repair; known: offsets"):
        read("doccano", tmp_path, repair=True)
