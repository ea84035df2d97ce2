from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from persian_ner.readers import huggingface
from persian_ner.records import Problem, Span, collect

TOKENS = ["ابن", "سینا", "در", "همدان", "درگذشت", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O", "O"]
TEXT = "ابن سینا در همدان درگذشت."
SPANS = [Span(start=0, end=8, label="PER"), Span(start=12, end=17, label="LOC")]
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ROWS: list[dict[str, Any]] = [{"tokens": TOKENS, "ner_tags": TAGS}, {"tokens": ["آری"], "ner_tags": ["O"]}]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def class_labels(rows: list[dict[str, Any]]) -> datasets.Dataset:
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.List(datasets.Value("string")),
            "ner_tags": datasets.List(datasets.ClassLabel(names=NAMES)),
        }
    )
    return datasets.Dataset.from_list([{"id": f"s{n}", **row} for n, row in enumerate(rows)], features=features)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_json_lines(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "data.jsonl", ROWS)
    records, problems = collect(huggingface.read(file))
    assert problems == []
    assert [record.id for record in records] == ["data/train#1", "data/train#2"]
    assert (records[0].text, records[0].spans) == (TEXT, SPANS)
    assert records[0].meta == {"split": "train"}
    assert [record.origin for record in records] == [(str(file), 1), (str(file), 2)]


def test_parquet_and_other_column_names(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    datasets.Dataset.from_list([{"n": 4, "words": TOKENS, "iob": TAGS}]).to_parquet(file)
    records, problems = collect(
        huggingface.read(file, tokens_column="words", tags_column="iob", id_column="n", scheme="bio")
    )
    assert problems == []
    assert [(record.id, record.text, record.spans) for record in records] == [("4", TEXT, SPANS)]


@pytest.mark.parametrize("join", [" ".join, str, lambda items: json.dumps(items, ensure_ascii=False), json.dumps])
def test_csv(tmp_path: Path, join: Any) -> None:
    file = tmp_path / "data.csv"
    datasets.Dataset.from_list([{"tokens": join(TOKENS), "ner_tags": join(TAGS)}]).to_csv(file, index=False)
    records, problems = collect(huggingface.read(file))
    assert problems == []
    assert [(record.text, record.spans) for record in records] == [(TEXT, SPANS)]


def test_csv_with_an_emoji_as_json_escapes_it(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    row = {"tokens": json.dumps(["😀", "قم"]), "ner_tags": json.dumps(["O", "B-LOC"])}
    datasets.Dataset.from_list([row]).to_csv(file, index=False)
    (record,), problems = collect(huggingface.read(file))
    assert (record.text, problems) == ("😀 قم", [])
    assert record.spans == [Span(start=2, end=4, label="LOC")]


def test_csv_whose_text_begins_with_a_bracket(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    datasets.Dataset.from_list([{"tokens": "[ قم ]", "ner_tags": "O B-LOC O"}]).to_csv(file, index=False)
    records, problems = collect(huggingface.read(file))
    assert problems == []
    assert [(record.text, record.spans) for record in records] == [("[قم]", [Span(start=1, end=3, label="LOC")])]


def test_saved_datasets_with_class_numbers_and_splits(tmp_path: Path) -> None:
    rows = [{"tokens": TOKENS, "ner_tags": [NAMES.index(tag) for tag in TAGS]}]
    datasets.DatasetDict(train=class_labels(rows), test=class_labels(rows * 2)).save_to_disk(tmp_path / "both")
    records, problems = collect(huggingface.read(tmp_path / "both"))
    assert problems == []
    assert [record.id for record in records] == ["both/train#1", "both/test#1", "both/test#2"]
    assert all((record.text, record.spans) == (TEXT, SPANS) for record in records)
    records, problems = collect(huggingface.read(str(tmp_path / "both"), split="test", id_column="id"))
    assert problems == []
    assert [(record.id, record.meta) for record in records] == [("s0", {"split": "test"}), ("s1", {"split": "test"})]
    with pytest.raises(ValueError, match="no split 'dev', only train, test"):
        list(huggingface.read(tmp_path / "both", split="dev"))
    class_labels(rows).save_to_disk(tmp_path / "one")
    records, problems = collect(huggingface.read(tmp_path / "one"))
    assert ([record.spans for record in records], problems) == ([SPANS], [])


def test_a_folder_of_data_files(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_jsonl(folder / "train.jsonl", ROWS)
    write_jsonl(folder / "test.jsonl", ROWS[:1])
    records, problems = collect(huggingface.read(folder))
    assert problems == []
    assert [record.id for record in records] == ["corpus/train#1", "corpus/train#2", "corpus/test#1"]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("bioes", ["B-PER", "E-PER", "O", "S-LOC", "O", "O"]),
        ("bilou", ["B_PER", "L_PER", "O", "U_LOC", "O", "O"]),
        ("iob1", ["I-PER", "I-PER", "O", "I-LOC", "O", "O"]),
    ],
)
def test_schemes_are_given_or_detected(tmp_path: Path, scheme: Any, tags: list[str]) -> None:
    file = write_jsonl(tmp_path / "data.jsonl", [{"tokens": TOKENS, "ner_tags": tags}])
    for option in (scheme, "auto"):
        (record,), problems = collect(huggingface.read(file, scheme=option))
        assert (record.spans, problems) == (SPANS, [])


def test_bad_rows(tmp_path: Path) -> None:
    file = write_jsonl(
        tmp_path / "data.jsonl",
        [
            {"id": "h1", "tokens": ["علی", "رفت"], "ner_tags": ["B-PER"]},
            {"id": "h2", "tokens": ["قم", ""], "ner_tags": ["I-LOC", "O"]},
            {"id": "h3", "tokens": ["قم", "و", "ری"], "ner_tags": ["I-LOC", "O", "LOC"]},
            {"id": None, "tokens": [], "ner_tags": []},
            {"id": "h5", "tokens": ["علی", "رفت"], "ner_tags": ["B-PER", "O"]},
        ],
    )
    records, problems = collect(huggingface.read(file, id_column="id", repair=True))
    assert [record.id for record in records] == ["h5"]
    assert problems == [
        Problem(str(file), 1, "h1", "2 tokens but 1 tags"),
        Problem(str(file), 2, "h2", "token 2: not text: ''"),
        Problem(str(file), 3, "h3", "token 3: 'LOC' is not a tag of the scheme bio"),
        Problem(str(file), 4, "data/train#4", "no tokens"),
        Problem(str(file), 4, "data/train#4", "id: neither text nor a whole number: None"),
    ]


def test_orphans_are_problems_or_repaired(tmp_path: Path) -> None:
    rows = [{"tokens": TOKENS, "ner_tags": TAGS}, {"tokens": ["در", "قم"], "ner_tags": ["O", "I-LOC"]}]
    file = write_jsonl(tmp_path / "data.jsonl", rows)
    records, problems = collect(huggingface.read(file))
    assert len(records) == 1
    assert problems == [Problem(str(file), 2, "data/train#2", "token 2: I-LOC continues no LOC span")]
    records, problems = collect(huggingface.read(file, repair=True))
    assert problems == []
    assert records[1].spans == [Span(start=3, end=5, label="LOC")]
    assert records[1].meta["repairs"] == ["token 2: I-LOC continues no LOC span; a span starts here"]


def test_class_numbers_without_names(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "data.jsonl", [{"tokens": ["قم"], "ner_tags": [3]}])
    assert list(huggingface.read(file)) == [
        Problem(str(file), 1, "data/train#1", "token 1: 3 is not a tag, nor the number of a class of the column")
    ]
    class_labels([{"tokens": ["قم"], "ner_tags": [-1]}]).save_to_disk(tmp_path / "hidden")
    (problem,) = huggingface.read(tmp_path / "hidden")
    assert isinstance(problem, Problem)
    assert problem.reason == "token 1: -1 is not a tag, nor the number of a class of the column"


def test_missing_columns(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "data.jsonl", [{"words": ["قم"], "ner_tags": ["O"]}])
    assert list(huggingface.read(file, id_column="key")) == [
        Problem(str(file), 0, "", "train has no column 'tokens', only words, ner_tags"),
        Problem(str(file), 0, "", "train has no column 'key', only words, ner_tags"),
    ]


def test_a_name_that_is_no_local_path_is_taken_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def load_dataset(name: str, config: str | None = None) -> datasets.DatasetDict:
        asked.append((name, config))
        return datasets.DatasetDict(validation=datasets.Dataset.from_list(ROWS))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    records, problems = collect(huggingface.read("someone/persian-names", config="fa", split="validation"))
    assert problems == []
    assert asked == [("someone/persian-names", "fa")]
    assert [record.id for record in records] == ["persian-names/validation#1", "persian-names/validation#2"]


def test_paths_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        list(huggingface.read(tmp_path / "absent.jsonl"))
    (tmp_path / "data.xml").write_text("<x/>", "utf-8")
    with pytest.raises(ValueError, match=r"not one of \.json, \.jsonl, \.csv, \.parquet"):
        list(huggingface.read(tmp_path / "data.xml"))
    (tmp_path / "data.jsonl").write_text('{"tokens": ["a"], "ner_tags": ["O"]}\n{"tokens": [\n', "utf-8")
    with pytest.raises(ValueError, match="JSON parse error"):
        list(huggingface.read(tmp_path / "data.jsonl"))
