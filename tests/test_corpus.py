from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from tiny_corpus import PARAGRAPH, SOURCES, contents, put, write_corpus

from persian_ner.corpus import convert, read_config, read_records, split_records
from persian_ner.docbin import as_stream
from persian_ner.intake import load_sources, write_records
from persian_ner.records import InputError, Record
from persian_ner.segments import segment
from persian_ner.splits import SPLITS

CONFIG = "sources: [own]\nshares: {train: 0.5, dev: 0.25, test: 0.25}\nmax_words: 100\n"


def prepare(root: Path) -> Path:
    """Validate the tiny corpus below ``root``; returns its corpus folder."""
    config = read_config(root / "corpus.yml")
    write_records(load_sources(config, root / "sources", root), root / "corpus", root)
    return root / "corpus"


def convert_corpus(root: Path, skip_misaligned: bool = False) -> dict[str, Any]:
    return convert(read_config(root / "corpus.yml"), prepare(root), skip_misaligned)


def read_docs(path: Path) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_a_configuration(tmp_path: Path) -> None:
    config = read_config(put(tmp_path / "corpus.yml", CONFIG))
    assert (config.sources, config.max_words) == (["own"], 100)
    assert config.shares == {"train": 0.5, "dev": 0.25, "test": 0.25}
    assert (config.optional, config.drop_repeats) == ([], False)
    config = read_config(put(tmp_path / "corpus.yml", CONFIG + "optional: [b, c]\ndrop_repeats: true\n"))
    assert (config.optional, config.drop_repeats) == (["b", "c"], True)


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (CONFIG.replace("0.5", "0.4"), ["shares: must name train, dev, test and sum to 1"]),
        (CONFIG.replace("test:", "gold:"), ["shares: must name train, dev, test and sum to 1"]),
        (CONFIG.replace("0.5", "1.25").replace("dev: 0.25", "dev: -0.5"), ["shares.dev: Input should be greater"]),
        (
            CONFIG.replace("[own]", "[]").replace("100", "0"),
            ["max_words: Input should be greater", "sources: List should"],
        ),
        (CONFIG + "optional: b\ndrop_repeats: [2]\n", ["drop_repeats: Input should", "optional: Input should"]),
        (CONFIG + "max_word: 5\n", ["max_word: Extra inputs are not permitted"]),
        ("sources: [own", ["cannot be read as YAML: "]),
        ("", ["file: Input should be"]),
    ],
)
def test_everything_wrong_with_a_configuration_is_named(tmp_path: Path, content: str, reasons: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        read_config(put(tmp_path / "corpus.yml", content))
    found = [problem.reason for problem in raised.value.problems]
    assert len(found) == len(reasons)
    assert all(reason.startswith(start) for reason, start in zip(found, reasons, strict=True))


def test_records_with_problems_are_not_read(tmp_path: Path) -> None:
    file = put(tmp_path / "records.jsonl", '{"id": "a"}\n{"id": "b", "text": "x"}\nc\n')
    with pytest.raises(InputError) as raised:
        read_records(file)
    assert [problem.line for problem in raised.value.problems] == [1, 3]


def test_a_source_can_be_pinned_to_a_split() -> None:
    records = [Record(id=f"{source}/{n}", text="x", meta={"source": source}) for source in "ab" for n in range(50)]
    shares = {"train": 0.4, "dev": 0.3, "test": 0.3}
    splits = split_records(records, shares, {"a": "dev", "b": None})
    assert [record for record in splits["dev"] if record.meta["source"] == "a"] == records[:50]
    assert all(any(record.meta["source"] == "b" for record in splits[split]) for split in SPLITS)
    assert sum(map(len, splits.values())) == 100


def test_a_document_stays_in_its_split_whatever_else_is_there() -> None:
    def made(numbers: list[int]) -> dict[str, set[str]]:
        records = [
            Record(id=f"s/{n}#{k}", text="x", meta={"source": "s", "document": str(n)}) for n in numbers for k in (1, 2)
        ]
        splits = split_records(records, {"train": 0.4, "dev": 0.3, "test": 0.3}, {})
        return {split: {record.id for record in found} for split, found in splits.items()}

    few, many = made(list(range(30))), made(list(range(99, -1, -1)))
    assert all(few[split] < many[split] for split in SPLITS)
    # Both sentences of a document are in one split.
    assert all(sum(f"s/{n}#1" in ids for ids in many.values()) == 1 for n in range(100))
    assert all((f"s/{n}#1" in ids) == (f"s/{n}#2" in ids) for n in range(100) for ids in many.values())


def test_the_manifest_counts_what_is_there(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    manifest = convert_corpus(tmp_path)
    folder = tmp_path / "corpus"
    assert srsly.read_json(folder / "manifest.json") == manifest
    splits = {
        split: {key: facts[key] for key in facts if key != "sha256"} for split, facts in manifest["splits"].items()
    }
    own = {"documents": 2, "records": 2, "spans": {"PER": 2, "ORG": 2, "GPE": 4, "EVENT": 2, "DATE": 2}}
    held_out = {"documents": 1, "records": 1, "spans": {"PER": 1, "ORG": 1, "GPE": 2, "EVENT": 1, "DATE": 1}}
    columns = {"documents": 1, "records": 2, "spans": {"PER": 1, "ORG": 1, "GPE": 1, "EVENT": 1, "DATE": 1}}
    assert splits == {
        "train": {**own, "segments": 3, "tokens": 2 + 16 + 16, "by_source": {"own": own}},
        "dev": {**held_out, "segments": 1, "tokens": 16, "by_source": {"held-out": held_out}},
        "test": {**columns, "segments": 2, "tokens": 8 + 5, "by_source": {"columns": columns}},
    }
    for split in SPLITS:
        assert manifest["splits"][split]["sha256"] == {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in (f"{split}.jsonl", f"{split}.spacy")
        }
    assert manifest["sources"] == srsly.read_json(folder / "sources.json")
    assert manifest["labels"] == ["PER", "ORG", "GPE", "EVENT", "DATE"]
    assert manifest["dropped"] == {
        "not_trained_on": {},
        "repeats": {},
        "misaligned_spans": [],
        "documents_with_problems": {},
        "spans_left_out_by_label_map": {"columns": {"label money mapped to null": 2}},
    }


def test_the_documents_are_those_of_the_manifest(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    manifest = convert_corpus(tmp_path)
    folder = tmp_path / "corpus"
    for split, facts in manifest["splits"].items():
        docs, records = read_docs(folder / f"{split}.spacy"), read_records(folder / f"{split}.jsonl")
        assert (len(docs), len(records), sum(map(len, docs))) == (facts["segments"], facts["records"], facts["tokens"])
        labels = [ent.label_ for doc in docs for ent in doc.ents]
        assert {label: labels.count(label) for label in facts["spans"]} == facts["spans"]
        assert sorted(ent.text for doc in docs for ent in doc.ents) == sorted(
            record.text[span.start : span.end] for record in records for span in record.spans
        )
    assert sorted(doc.user_data["id"] for doc in read_docs(folder / "train.spacy")) == [
        "own/a@0",
        "own/a@11",
        "own/b@0",
    ]


def test_training_documents_are_in_the_order_of_a_stream_and_others_in_that_of_the_records(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    convert_corpus(tmp_path)
    max_words = read_config(tmp_path / "corpus.yml").max_words
    for split in SPLITS:
        records = read_records(tmp_path / "corpus" / f"{split}.jsonl")
        segments = [piece for record in records for piece in segment(record, max_words)]
        ordered = as_stream(segments) if split == "train" else segments
        docs = read_docs(tmp_path / "corpus" / f"{split}.spacy")
        assert [doc.user_data["id"] for doc in docs] == [piece.id for piece in ordered]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    convert_corpus(tmp_path)
    before = contents(tmp_path / "corpus")
    assert len(before) == 9
    convert_corpus(tmp_path)
    assert contents(tmp_path / "corpus") == before


def misalign(root: Path) -> None:
    """Two spans of the training and one of the development documents that are not whole tokens."""
    wrong = PARAGRAPH.replace("[همدان](GPE)", "[همد](GPE)ان").replace(" از ", " ا[ز](ORG) ")
    put(root / "articles" / "b.md", f"---\nid: b\n---\n{wrong}\n")
    put(root / "held_out" / "c.md", f"---\nid: c\n---\n{PARAGRAPH}\n\nته[ران](GPE)\n")


def test_misaligned_spans_fail_with_all_listed_and_nothing_written(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    convert_corpus(tmp_path)
    misalign(tmp_path)
    prepare(tmp_path)
    before = contents(tmp_path / "corpus")
    with pytest.raises(InputError) as raised:
        convert(read_config(tmp_path / "corpus.yml"), tmp_path / "corpus", skip_misaligned=False)
    assert [(problem.line, problem.doc_id, problem.reason[:10]) for problem in raised.value.problems] == [
        (2, "own/b@0", "GPE 'همد' "),
        (2, "own/b@0", "ORG 'ز' at"),
        (3, "held-out/c@74", "GPE 'ران' "),
    ]
    assert contents(tmp_path / "corpus") == before


def test_misaligned_spans_can_be_skipped_and_are_in_the_manifest(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    misalign(tmp_path)
    manifest = convert_corpus(tmp_path, skip_misaligned=True)
    listed = manifest["dropped"]["misaligned_spans"]
    assert [line.partition("] ")[2][:8] for line in listed] == ["ORG 'ز' ", "GPE 'همد", "GPE 'ران"]
    folder = tmp_path / "corpus"
    spans = {split: sum(manifest["splits"][split]["spans"].values()) for split in SPLITS}
    entities = {split: sum(len(doc.ents) for doc in read_docs(folder / f"{split}.spacy")) for split in SPLITS}
    assert spans == {"train": 13, "dev": 7, "test": 5}
    assert entities == {"train": 11, "dev": 6, "test": 5}


def test_a_label_that_a_split_lacks_is_an_error(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    put(tmp_path / "held_out" / "c.md", "---\nid: c\n---\n[سارا](PER) [دوشنبه](DATE) رفت.\n")
    with pytest.raises(InputError) as raised:
        convert_corpus(tmp_path)
    assert [str(problem) for problem in raised.value.problems] == [
        f"dev: [-] no {label} span in the dev split" for label in ("EVENT", "GPE", "ORG")
    ]


def test_partial_coverage_reaches_the_documents(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    partial = SOURCES["columns"].replace("[PER, ORG, GPE, EVENT, DATE]", "[PER, GPE, DATE]") + "uncovered: missing\n"
    partial = (
        partial.replace("org: ORG", "org: null").replace("eve: EVENT", "eve: null").replace("split: test", "split: dev")
    )
    put(tmp_path / "sources" / "columns.yml", partial)
    put(tmp_path / "sources" / "own.yml", SOURCES["own"].replace("split: train", ""))
    # One source in dev and test besides, so that no split lacks a label.
    put(
        tmp_path / "sources" / "third.yml",
        SOURCES["own"].replace("own", "third").replace("articles", "third").replace("train", "test"),
    )
    put(tmp_path / "third" / "d.md", f"---\nid: d\n---\n{PARAGRAPH.replace('سارا', 'مانا')}\n")
    put(
        tmp_path / "corpus.yml",
        CONFIG.replace("[own]", "[own, held-out, columns, third]").replace("0.5", "1").replace("0.25", "0"),
    )
    manifest = convert_corpus(tmp_path)
    assert manifest["splits"]["dev"]["by_source"]["columns"]["spans"] == {
        "PER": 1,
        "ORG": 0,
        "GPE": 1,
        "EVENT": 0,
        "DATE": 1,
    }
    docs = {doc.user_data["id"]: doc for doc in read_docs(tmp_path / "corpus" / "dev.spacy")}
    assert {token.ent_iob_ for token in docs["columns/columns#2@0"]} == {""}
    assert "" not in {token.ent_iob_ for token in docs["held-out/c@0"]}
    # A corpus may treat all its sources alike, whatever they say.
    put(tmp_path / "corpus.yml", (tmp_path / "corpus.yml").read_text("utf-8") + "uncovered: outside\n")
    assert convert_corpus(tmp_path)["sources"]["columns"]["uncovered"] == "outside"
    docs = {doc.user_data["id"]: doc for doc in read_docs(tmp_path / "corpus" / "dev.spacy")}
    assert {token.ent_iob_ for token in docs["columns/columns#2@0"]} == {"O"}


def test_a_label_that_is_left_out_of_training_with_its_source_is_an_error(tmp_path: Path) -> None:
    config = write_corpus(tmp_path)
    both = SOURCES["own"].replace("name: own", "name: both").replace("articles", "both")
    put(tmp_path / "sources" / "both.yml", both)
    put(tmp_path / "both" / "e.md", f"---\nid: e\n---\n{PARAGRAPH.replace('سارا', 'مانا')}\n")
    for name in ("a", "b"):
        put(tmp_path / "articles" / f"{name}.md", f"---\nid: {name}\n---\n[سارا](PER) [دوشنبه](DATE) رفت.\n")
    put(config, config.read_text("utf-8").replace("[own,", "[both, own,"))
    convert_corpus(tmp_path)
    put(config, config.read_text("utf-8") + "not_trained_on: [both]\n")
    with pytest.raises(InputError) as raised:
        convert_corpus(tmp_path)
    assert [str(problem) for problem in raised.value.problems] == [
        f"train: [-] no {label} span in the train split" for label in ("EVENT", "GPE", "ORG")
    ]


@pytest.mark.parametrize("missing", ["records.jsonl", "sources.json"])
def test_before_validate_there_is_nothing_to_convert(tmp_path: Path, missing: str) -> None:
    write_corpus(tmp_path)
    (prepare(tmp_path) / missing).unlink()
    with pytest.raises(InputError, match="no such file: validate writes it"):
        convert(read_config(tmp_path / "corpus.yml"), tmp_path / "corpus", skip_misaligned=False)


def test_records_of_an_undeclared_source_are_an_error(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    folder = prepare(tmp_path)
    with (folder / "records.jsonl").open("a", encoding="utf-8") as handle:
        handle.write('{"id": "x/1", "text": "قم", "meta": {"source": "x"}}\n{"id": "2", "text": "یزد"}\n')
    before = contents(folder)
    with pytest.raises(InputError) as raised:
        convert(read_config(tmp_path / "corpus.yml"), folder, skip_misaligned=False)
    assert [(problem.line, problem.reason) for problem in raised.value.problems] == [
        (6, "meta.source is not in sources.json"),
        (7, "meta.source is not in sources.json"),
    ]
    assert contents(folder) == before


def test_training_records_that_repeat_others_can_be_left_out(tmp_path: Path) -> None:
    config = write_corpus(tmp_path)
    other = "[مانا](PER) در [یزد](GPE) از [بانک نو](ORG) پس از [جام باران](EVENT) در [مهر](DATE) نوشت."
    put(tmp_path / "articles" / "c.md", f"---\nid: c\n---\n{other}\n")
    put(tmp_path / "articles" / "d.md", f"---\nid: d\n---\n{other.replace('ی', 'ي')}\n")
    kept = {"own/a", "own/b", "own/c", "own/d"}
    assert convert_corpus(tmp_path)["dropped"]["repeats"] == {}
    assert {record.id for record in read_records(tmp_path / "corpus" / "train.jsonl")} == kept
    put(config, config.read_text("utf-8") + "drop_repeats: true\n")
    manifest = convert_corpus(tmp_path)
    # The paragraph of «a» and «b» is that of the development document but for one name.
    assert manifest["dropped"]["repeats"] == {
        "a sentence of a held-out document": 2,
        "the same text as an earlier record": 1,
    }
    train = manifest["splits"]["train"]
    assert (train["records"], train["segments"], train["by_source"]["own"]["records"]) == (1, 1, 1)
    assert [record.id for record in read_records(tmp_path / "corpus" / "train.jsonl")] == ["own/c"]
    assert [doc.user_data["id"] for doc in read_docs(tmp_path / "corpus" / "train.spacy")] == ["own/c@0"]
    assert [manifest["splits"][split]["records"] for split in ("dev", "test")] == [1, 2]


def test_what_is_not_trained_on_is_measured_on_and_counted(tmp_path: Path) -> None:
    config = write_corpus(tmp_path)
    both = SOURCES["own"].replace("name: own", "name: both").replace("articles", "both").replace("split: train\n", "")
    put(tmp_path / "sources" / "both.yml", both)
    for number in range(20):
        put(tmp_path / "both" / f"{number}.md", f"---\nid: b{number}\n---\n[قم](GPE) {number}\n")
    put(config, config.read_text("utf-8").replace("[own,", "[both, own,") + "not_trained_on: [both]\n")
    manifest = convert_corpus(tmp_path)
    found = {split: facts["by_source"].get("both", {}).get("records", 0) for split, facts in manifest["splits"].items()}
    assert found["train"] == 0
    assert min(found["dev"], found["test"]) > 0
    assert manifest["dropped"]["not_trained_on"] == {"both": 20 - found["dev"] - found["test"]}


def test_cues_reach_the_documents(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    partial = SOURCES["own"].replace("GPE, EVENT, DATE]", "GPE, DATE]").replace("EVENT: EVENT", "EVENT: null")
    put(tmp_path / "sources" / "partial.yml", partial.replace("own", "partial").replace("articles", "partial"))
    with (tmp_path / "sources" / "partial.yml").open("a", encoding="utf-8") as handle:
        handle.write("uncovered: cues\n")
    put(tmp_path / "partial" / "e.md", "---\nid: e\n---\n[سارا](PER) گفت: جشنواره باران.\n")
    put(tmp_path / "corpus.yml", CONFIG.replace("[own]", "[own, partial, held-out, columns]"))
    convert_corpus(tmp_path)
    docs = {doc.user_data["id"]: doc for doc in read_docs(tmp_path / "corpus" / "train.spacy")}
    assert [(token.text, token.ent_iob_) for token in docs["partial/e@0"]] == [
        ("سارا", "B"),
        ("گفت", "O"),
        (":", "O"),
        ("جشنواره", ""),
        ("باران", ""),
        (".", "O"),
    ]
