from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import srsly
import yaml
from script_runs import run_script
from tiny_corpus import PARAGRAPH, SOURCES, contents, put, write_corpus

from persian_ner.corpus import read_config, read_records
from persian_ner.intake import Loaded, load, load_sources, read_raw, write_records
from persian_ner.layers import standoff
from persian_ner.layers.standoff import Edit, Entry, Layer
from persian_ner.records import InputError, Problem, Record, Span
from persian_ner.sources import Source, read_source


def load_all(root: Path, skip_problems: bool = False) -> list[Loaded]:
    return load_sources(read_config(root / "corpus.yml"), root / "sources", root, skip_problems)


def problems_of(root: Path, skip_problems: bool = False) -> list[Problem]:
    with pytest.raises(InputError) as raised:
        load_all(root, skip_problems)
    return raised.value.problems


def surfaces(record: Record) -> list[tuple[str, str]]:
    return [(record.text[span.start : span.end], span.label) for span in record.spans]


def jsonl_source(root: Path, lines: str, **changes: object) -> Source:
    put(root / "data.jsonl", lines)
    fields = {
        "name": "mine",
        "format": "jsonl",
        "path": "data.jsonl",
        "labels": {"person": "PER", "place": "GPE", "time": None},
        "annotated_labels": ["PER", "GPE"],
        "uncovered": "missing",
        "licence": "MIT",
    }
    return Source.model_validate(fields | changes)


def test_labels_are_mapped_and_those_left_out_counted(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    loaded = load(read_source(tmp_path / "sources" / "columns.yml"), tmp_path)
    assert loaded.problems == []
    assert [record.id for record in loaded.records] == ["columns/columns#1", "columns/columns#2"]
    first, second = loaded.records
    assert surfaces(first) == [
        ("سارا", "PER"),
        ("هفته آینده", "DATE"),
        ("از", "GPE"),
        ("آب", "ORG"),
        ("جشن", "EVENT"),
    ]
    assert second.spans == []
    assert second.meta == {"document": "columns", "source": "columns"}
    assert second.annotated_labels == ["PER", "ORG", "GPE", "EVENT", "DATE"]
    assert loaded.left_out == Counter({"label money mapped to null": 2})


def test_every_unmapped_label_of_every_record_is_reported(tmp_path: Path) -> None:
    source = jsonl_source(
        tmp_path,
        '{"id": "1", "text": "abcd", "spans": [{"start": 0, "end": 1, "label": "thing"}, '
        '{"start": 1, "end": 2, "label": "person"}, {"start": 2, "end": 3, "label": "animal"}, '
        '{"start": 3, "end": 4, "label": "animal"}]}\n'
        '{"id": "2", "text": "b", "spans": [{"start": 0, "end": 1, "label": "time"}]}\n'
        '{"id": "3", "text": "c", "spans": [{"start": 0, "end": 1, "label": "animal"}]}\n',
    )
    loaded = load(source, tmp_path)
    file = str(tmp_path / "data.jsonl")
    assert loaded.problems == [
        Problem(file, 1, "mine/1", "label 'animal' is not in the label map of source 'mine'"),
        Problem(file, 1, "mine/1", "label 'thing' is not in the label map of source 'mine'"),
        Problem(file, 3, "mine/3", "label 'animal' is not in the label map of source 'mine'"),
    ]
    assert loaded.left_out == Counter({"label time mapped to null": 1})


def test_a_record_that_annotates_less_than_its_source_says(tmp_path: Path) -> None:
    source = jsonl_source(
        tmp_path,
        '{"id": "1", "text": "a", "annotated_labels": ["person", "place", "time"]}\n'
        '{"id": "2", "text": "b", "annotated_labels": ["person"]}\n{"id": "3", "text": "c"}\n',
    )
    assert load(source, tmp_path).problems == [
        Problem(
            str(tmp_path / "data.jsonl"),
            2,
            "mine/2",
            "annotated_labels lacks GPE, which source 'mine' says it annotates",
        )
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"path": "nowhere.jsonl"}, "No such file"),
        ({"format": "xml"}, "unknown format 'xml'; known: "),
        ({"options": {"colour": 1}}, "jsonl has no option colour"),
        ({"options": {"path": "a"}}, "jsonl has no option path"),
        ({"format": "conll", "options": {"scheme": "iobes"}}, "option scheme: "),
    ],
)
def test_a_source_that_cannot_be_read_is_a_problem(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    source = jsonl_source(tmp_path, '{"id": "1", "text": "a"}\n', **changes)
    (problem,) = load(source, tmp_path).problems
    assert (problem.file, problem.line) == (str(tmp_path / source.path), 0)
    assert problem.reason.startswith(f"cannot be read as {source.format}: ") and reason in problem.reason


def test_the_problems_of_all_sources_are_reported_together(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    put(tmp_path / "articles" / "a.md", "---\nid: a\n---\nقم ]\n")
    put(tmp_path / "held_out" / "c.md", f"---\nid: c\n---\n{PARAGRAPH} [کیش](LOC)\n")
    put(tmp_path / "columns.txt", "سارا B-pers\nرفت I-thing\n")
    found = [(Path(problem.file).name, problem.line, problem.doc_id) for problem in problems_of(tmp_path)]
    assert found == [("a.md", 4, "a"), ("columns.txt", 2, "columns#1"), ("c.md", 4, "held-out/c")]


def test_the_problems_of_all_source_files_are_reported_together(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    put(tmp_path / "sources" / "own.yml", SOURCES["own"].replace("licence", "license"))
    (tmp_path / "sources" / "columns.yml").unlink()
    found = [(Path(problem.file).name, problem.reason.partition(":")[0]) for problem in problems_of(tmp_path)]
    assert found == [("columns.yml", "cannot be read as YAML"), ("own.yml", "licence"), ("own.yml", "license")]


def test_two_sources_of_one_name_would_hide_each_other(tmp_path: Path) -> None:
    config = write_corpus(tmp_path)
    put(config, config.read_text("utf-8").replace("[own,", "[own, own,"))
    assert [problem.reason for problem in problems_of(tmp_path)] == ["two sources of the corpus are named 'own'"]


def test_a_source_of_another_name_than_its_file_would_not_be_found(tmp_path: Path) -> None:
    """``not_trained_on`` and ``optional`` name files, records name sources."""
    write_corpus(tmp_path)
    put(tmp_path / "sources" / "held-out.yml", SOURCES["held-out"].replace("name: held-out", "name: held"))
    (problem,) = problems_of(tmp_path)
    assert (Path(problem.file).name, problem.reason) == ("held-out.yml", "name: 'held' is not the name of the file")


def test_documents_with_problems_can_be_left_out_and_are_listed(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    put(tmp_path / "articles" / "bad.md", "---\nid: bad\n---\nقم ]\n")
    put(tmp_path / "articles" / "foreign.md", f"---\nid: foreign\n---\n{PARAGRAPH} [کیش](LOC)\n")
    put(tmp_path / "articles" / "twice.md", f"---\nid: twice\n---\n{PARAGRAPH.replace('(PER)', '(ORG)')}\n")
    put(tmp_path / "articles" / "first.md", f"---\nid: first\n---\n{PARAGRAPH}\n")
    own, held_out, columns = load_all(tmp_path, skip_problems=True)
    assert [record.id for record in own.records] == ["own/a", "own/b", "own/first"]
    assert [(problem.doc_id, problem.reason[:10]) for problem in own.skipped] == [
        ("bad", "stray ']':"),
        ("own/foreign", "label 'LOC"),
        ("own/twice", "same text "),
    ]
    assert (len(held_out.records), held_out.skipped, len(columns.records), columns.skipped) == (1, [], 2, [])
    write_records([own, held_out, columns], tmp_path / "out", tmp_path)
    facts = srsly.read_json(tmp_path / "out" / "sources.json")
    assert facts["own"]["skipped"] == sorted(map(str, own.skipped))
    assert facts["own"]["records"] == 3


def test_a_source_that_cannot_be_read_is_never_left_out(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "columns.txt").unlink()
    put(tmp_path / "articles" / "bad.md", "---\nid: bad\n---\nقم ]\n")
    assert [Path(problem.file).name for problem in problems_of(tmp_path, skip_problems=True)] == ["columns.txt"]


def test_a_file_that_breaks_off_is_never_left_out(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    tasks = [{"id": n, "data": {"text": f"قم {n}"}, "annotations": [{"result": []}]} for n in range(9)]
    put(tmp_path / "columns.txt", json.dumps(tasks, indent=1)[:-200])
    source = (tmp_path / "sources" / "columns.yml").read_text("utf-8")
    fields = {**yaml.safe_load(source), "format": "label-studio", "options": {}}
    put(tmp_path / "sources" / "columns.yml", yaml.safe_dump(fields))
    (problem,) = problems_of(tmp_path, skip_problems=True)
    assert problem.reason.startswith("not JSON: ")


def test_a_brat_folder_that_is_not_there_is_never_left_out(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (tmp_path / "columns.txt").unlink()
    source = (tmp_path / "sources" / "columns.yml").read_text("utf-8")
    put(
        tmp_path / "sources" / "columns.yml",
        yaml.safe_dump({**yaml.safe_load(source), "format": "brat", "path": "nowhere", "options": {}}),
    )
    (problem,) = problems_of(tmp_path, skip_problems=True)
    assert problem == Problem(str(tmp_path / "nowhere"), 0, "", "no such file or folder")


def test_what_is_written(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    out = tmp_path / "out"
    assert write_records(load_all(tmp_path), out, tmp_path) == 5
    records = read_records(out / "records.jsonl")
    assert [record.id for record in records] == [
        "own/a",
        "own/b",
        "held-out/c",
        "columns/columns#1",
        "columns/columns#2",
    ]
    assert records[1].spans[:2] == [Span(start=0, end=12, label="PER"), Span(start=13, end=19, label="DATE")]
    facts = srsly.read_json(out / "sources.json")
    assert list(facts) == ["own", "held-out", "columns"]
    assert facts["columns"] == {
        "format": "conll",
        "path": "columns.txt",
        "options": {},
        "labels": {"pers": "PER", "loc": "GPE", "org": "ORG", "eve": "EVENT", "dat": "DATE", "money": None},
        "layer": None,
        "documents_of": None,
        "annotated_labels": ["PER", "ORG", "GPE", "EVENT", "DATE"],
        "uncovered": None,
        "split": "test",
        "licence": "none stated",
        "description": "",
        "absent": False,
        "sha256": hashlib.sha256((tmp_path / "columns.txt").read_bytes()).hexdigest(),
        "layer_sha256": None,
        "records": 2,
        "left_out": {"label money mapped to null": 2},
        "skipped": [],
        "repairs": 0,
    }


def test_a_data_set_of_the_hub_is_known_by_its_records(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    (columns,) = (item for item in load_all(tmp_path) if item.source.name == "columns")
    hub = replace(columns, source=columns.source.model_copy(update={"path": "owner/name"}))

    def checksum(loaded: Loaded) -> str:
        write_records([loaded], tmp_path / "out", tmp_path)
        return str(srsly.read_json(tmp_path / "out" / "sources.json")["columns"]["sha256"])

    known = checksum(hub)
    assert known == checksum(hub)
    first, *others = hub.records
    assert checksum(replace(hub, records=others)) != known
    assert checksum(replace(hub, records=[first.model_copy(update={"spans": []}), *others])) != known


def test_records_that_cannot_be_written_change_nothing(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    out = tmp_path / "out"
    loaded = load_all(tmp_path)
    write_records(loaded, out, tmp_path)
    before = contents(out)
    loaded[2].records[0].meta["seen"] = {1}
    loaded[0].left_out["more"] = 1
    with pytest.raises(TypeError):
        write_records(loaded, out, tmp_path)
    assert contents(out) == before


LAYER_SOURCE = """
name: columns
format: conll
path: columns.txt
labels: {pers: PER, loc: layer, org: ORG, eve: EVENT, dat: DATE, money: null}
layer: layers/columns.jsonl
annotated_labels: [PER, ORG, GPE, EVENT, DATE]
split: test
licence: none stated
"""


def with_layer(root: Path, *edits: Edit) -> Source:
    """The tiny corpus with a layer over its last source; returns that source. Its place is «از»."""
    write_corpus(root)
    source = read_source(put(root / "sources" / "columns.yml", LAYER_SOURCE))
    records = read_raw(source, root)
    entries = {"columns#1": Entry(standoff.digest(records[0].text), edits)} if edits else {}
    layer = Layer("columns", standoff.document_digests(records), entries)
    standoff.write(layer, root / "layers" / "columns.jsonl")
    return source


DECIDED = Edit(16, 18, "از", "loc", "GPE", "gazetteer")
ADDED = Edit(22, 29, "ده ریال", "money", "DATE", "reading")


def test_raw_records_carry_the_labels_of_the_source(tmp_path: Path) -> None:
    source = with_layer(tmp_path, DECIDED)
    first, second = read_raw(source, tmp_path)
    assert (first.id, second.id) == ("columns#1", "columns#2")
    assert [span.label for span in first.spans] == ["pers", "dat", "loc", "org", "money", "eve"]
    # Records that the reader rejects are left out: no layer can be about them.
    put(tmp_path / "columns.txt", "سارا B-pers\nرفت\n\nاو O\n")
    assert [record.text for record in read_raw(source, tmp_path)] == ["او"]
    (tmp_path / "columns.txt").unlink()
    with pytest.raises(InputError, match="cannot be read as conll: "):
        read_raw(source, tmp_path)


def test_a_layer_decides_before_the_map(tmp_path: Path) -> None:
    loaded = load(with_layer(tmp_path, DECIDED, ADDED), tmp_path)
    assert loaded.problems == []
    first, second = loaded.records
    assert surfaces(first) == [
        ("سارا", "PER"),
        ("هفته آینده", "DATE"),
        ("از", "GPE"),
        ("آب", "ORG"),
        ("ده ریال", "DATE"),
        ("جشن", "EVENT"),
    ]
    assert (first.id, second.id, second.spans) == ("columns/columns#1", "columns/columns#2", [])
    assert second.meta == {"document": "columns", "source": "columns"}
    assert second.annotated_labels == ["PER", "ORG", "GPE", "EVENT", "DATE"]
    assert loaded.left_out == Counter({"label money mapped to null": 1})


def test_a_place_nobody_decided_about_is_a_problem_with_its_place(tmp_path: Path) -> None:
    with_layer(tmp_path)
    assert problems_of(tmp_path) == [
        Problem(str(tmp_path / "columns.txt"), 1, "columns#1", "loc 'از' at 16–18 is not decided in the layer")
    ]
    *_, columns = load_all(tmp_path, skip_problems=True)
    assert [record.id for record in columns.records] == ["columns/columns#2"]
    assert [problem.doc_id for problem in columns.skipped] == ["columns#1"]


def test_a_layer_does_not_fit_another_text(tmp_path: Path) -> None:
    source = with_layer(tmp_path, DECIDED)
    text = (tmp_path / "columns.txt").read_text("utf-8")
    put(tmp_path / "columns.txt", text.replace("سارا", "دارا"))
    file = str(tmp_path / "columns.txt")
    reason = "is not the one the layer was made for"
    of_the_document = Problem(file, 0, "columns", f"the document {reason}")
    of_the_text = Problem(file, 1, "columns#1", f"the text {reason}")
    assert load(source, tmp_path).problems == [of_the_text, of_the_document]
    put(tmp_path / "columns.txt", text.replace("داد", "گرفت"))
    assert load(source, tmp_path).problems == [of_the_document]


@pytest.mark.parametrize(("before", "after"), [("سارا", "دارا"), ("داد", "گرفت")])  # with and without edits
def test_nothing_of_a_document_that_a_layer_does_not_fit_is_trained_on(tmp_path: Path, before: str, after: str) -> None:
    with_layer(tmp_path, DECIDED)
    text = (tmp_path / "columns.txt").read_text("utf-8")
    put(tmp_path / "columns.txt", text.replace(before, after))
    assert "columns" in [problem.doc_id for problem in problems_of(tmp_path)]
    loaded = load_all(tmp_path, skip_problems=True)
    columns = loaded[-1]
    assert columns.records == []
    assert "columns" in [problem.doc_id for problem in columns.skipped]
    assert write_records(loaded, tmp_path / "out", tmp_path) == 3
    facts = srsly.read_json(tmp_path / "out" / "sources.json")["columns"]
    assert (facts["records"], facts["left_out"]) == (0, {"record of a changed document": 2})
    assert facts["skipped"] == sorted(map(str, columns.skipped))


def test_a_layer_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    source = with_layer(tmp_path, DECIDED)
    file = tmp_path / "layers" / "columns.jsonl"
    put(file, file.read_text("utf-8") + "{\n[]\n")
    found = problems_of(tmp_path)
    # Problems of the whole source, with neither line nor document: skipping problems must not empty the source.
    assert {(problem.file, problem.line, problem.doc_id) for problem in found} == {(str(file), 0, "")}
    assert [problem.reason.partition(":")[0] for problem in found] == ["line 3", "line 4"]
    file.unlink()
    assert load(source, tmp_path).problems == [Problem(str(file), 0, "", "no such file")]


def test_the_checksum_of_the_layer_is_kept(tmp_path: Path) -> None:
    with_layer(tmp_path, DECIDED)
    write_records(load_all(tmp_path), tmp_path / "out", tmp_path)
    facts = srsly.read_json(tmp_path / "out" / "sources.json")
    layer = tmp_path / "layers" / "columns.jsonl"
    assert facts["columns"]["layer"] == "layers/columns.jsonl"
    assert facts["columns"]["layer_sha256"] == hashlib.sha256(layer.read_bytes()).hexdigest()
    assert facts["own"]["layer_sha256"] is None


def make_optional(root: Path) -> None:
    config = (root / "corpus.yml").read_text("utf-8")
    put(root / "corpus.yml", config.replace(", columns]", "]\noptional: [columns]"))


def test_an_optional_source_that_is_there_is_like_any_other(tmp_path: Path) -> None:
    with_layer(tmp_path, DECIDED)
    expected = [item.records for item in load_all(tmp_path)]
    make_optional(tmp_path)
    loaded = load_all(tmp_path)
    assert [item.records for item in loaded] == expected
    assert not any(item.absent for item in loaded)
    put(tmp_path / "columns.txt", "سارا B-thing\n")
    assert {problem.file for problem in problems_of(tmp_path)} == {str(tmp_path / "columns.txt")}


def test_an_optional_source_that_is_not_there_is_left_out_and_said_to_be_absent(tmp_path: Path) -> None:
    with_layer(tmp_path, DECIDED)
    make_optional(tmp_path)
    (tmp_path / "columns.txt").unlink()
    loaded = load_all(tmp_path)
    assert [(item.source.name, len(item.records), item.absent) for item in loaded] == [
        ("own", 2, False),
        ("held-out", 1, False),
        ("columns", 0, True),
    ]
    assert write_records(loaded, tmp_path / "out", tmp_path) == 3
    facts = srsly.read_json(tmp_path / "out" / "sources.json")
    assert [facts[name]["absent"] for name in ("own", "held-out", "columns")] == [False, False, True]
    assert (facts["columns"]["sha256"], facts["columns"]["records"]) == (None, 0)
    assert facts["columns"]["layer_sha256"] is not None


def test_only_the_data_of_an_optional_source_may_be_absent(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    make_optional(tmp_path)
    (tmp_path / "sources" / "columns.yml").unlink()
    assert [Path(problem.file).name for problem in problems_of(tmp_path)] == ["columns.yml"]
    write_corpus(tmp_path)
    config = (tmp_path / "corpus.yml").read_text("utf-8")
    put(tmp_path / "corpus.yml", config + "optional: [columns]\n")
    assert [problem.reason for problem in problems_of(tmp_path)] == ["two sources of the corpus are named 'columns'"]


def test_validate_says_what_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_layer(tmp_path, DECIDED)
    make_optional(tmp_path)
    (tmp_path / "columns.txt").unlink()
    monkeypatch.chdir(tmp_path)
    done = run_script("validate", "corpus.yml", "corpus", "--sources", "sources")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "own: 2 records, 0 documents left out for 0 problems",
        "held-out: 1 records, 0 documents left out for 0 problems",
        "ABSENT: columns, no columns.txt",
        "Wrote corpus/records.jsonl: 3 records, 0 problems skipped",
    ]


def test_only_documents_of_a_layer_are_taken(tmp_path: Path) -> None:
    lines = "\n".join(
        json.dumps({"id": f"{name}-1", "text": "سارا", "meta": {"document": name}})
        for name in ("known", "test", "other")
    )
    put(tmp_path / "layer.jsonl", "")
    standoff.write(Layer("mine", {"known": "0" * 16}), tmp_path / "layer.jsonl")
    loaded = load(jsonl_source(tmp_path, lines, documents_of="layer.jsonl"), tmp_path)
    assert [record.id for record in loaded.records] == ["mine/known-1"]
    assert loaded.left_out == Counter({"record of a document without decisions": 2})
    put(tmp_path / "layer.jsonl", "no layer\n")
    broken = load(jsonl_source(tmp_path, lines, documents_of="layer.jsonl"), tmp_path)
    assert broken.records == []
    assert [(problem.doc_id, problem.line) for problem in broken.problems] == [("", 0)]


def test_peyma_without_its_layer_has_no_test_documents() -> None:
    sources = Path(__file__).parents[1] / "configs" / "sources"
    layered, crude = (read_source(sources / f"nsurl-300k{kind}.yml") for kind in ("", "-crude"))
    assert crude.documents_of == layered.layer
