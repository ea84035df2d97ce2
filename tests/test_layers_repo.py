"""The layers of this repository, and, where the public corpora are at hand, that they fit them exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from date_ranges import BETWEEN, split_ranges
from project_copy import ROOT
from script_runs import run_script

from persian_ner import validation
from persian_ner.characters import comparable
from persian_ner.corpus import read_config as read_corpus_config
from persian_ner.intake import read_raw
from persian_ner.labels import LABELS
from persian_ner.layers import defects, proofread, raw_text, standoff, unread
from persian_ner.layers.agreement import read_answers
from persian_ner.layers.build import build, read_readings, read_surfaces
from persian_ner.layers.corrections import read_decisions
from persian_ner.layers.places import Gazetteer, load_gazetteer
from persian_ner.layers.standoff import Layer
from persian_ner.pretraining.corpus import read_lines
from persian_ner.public_corpora import read_config as read_corpora_config
from persian_ner.records import Record
from persian_ner.sources import BY_LAYER, Source, read_source

LAYERS = ROOT / "assets" / "layers"
SHARED = ROOT.parent / "shared"
PLACED = PurePosixPath("assets/corpora")
SOURCES = {path.stem: read_source(path) for path in sorted((ROOT / "configs" / "sources").glob("*.yml"))}
LAYERED = [name for name, source in SOURCES.items() if source.layer is not None]
TEXTS = [name for name in LAYERED if not SOURCES[name].labels]
"""Sources of bare text, of which a layer holds all there is; nothing builds it."""
BUILT = [name for name in LAYERED if name not in TEXTS]


@cache
def layer(name: str) -> Layer:
    return standoff.read(LAYERS / f"{name}.jsonl")


@cache
def records(name: str) -> list[Record]:
    """A source's records, read from the folder of shared corpora, which is laid out like the one it expects."""
    if not (SHARED / "corpora").exists():
        pytest.skip("../shared/corpora is absent")
    if name in TEXTS:
        wanted = layer(name).documents
        texts = raw_text.documents(read_lines("news.txt.xz", SHARED / "raw_text"))
        return [record for document in texts if document[0].meta["document"] in wanted for record in document]
    path = SHARED / "corpora" / PurePosixPath(SOURCES[name].path).relative_to(PLACED)
    return read_raw(SOURCES[name].model_copy(update={"path": str(path)}), ROOT)


@cache
def gazetteer() -> Gazetteer:
    if not (SHARED / "gazetteers").exists():
        pytest.skip("../shared/gazetteers is absent")
    return load_gazetteer(SHARED / "gazetteers")


def decided(source: Source) -> frozenset[str]:
    return frozenset(label for label, ours in source.labels.items() if ours == BY_LAYER)


def test_every_layer_belongs_to_a_source_and_the_other_way_round() -> None:
    assert (len(BUILT), TEXTS) == (9, ["raw-news"])
    assert {str(SOURCES[name].layer) for name in LAYERED} == {
        path.relative_to(ROOT).as_posix() for path in LAYERS.glob("*.jsonl")
    }
    assert {path.stem for path in (LAYERS / "readings").iterdir()} == set(BUILT)


@pytest.mark.parametrize("name", LAYERED)
def test_a_layer_is_sound(name: str) -> None:
    source = SOURCES[name]
    assert (source.name, source.layer) == (name, f"assets/layers/{name}.jsonl")
    assert layer(name).source == name
    entries = layer(name).entries
    assert entries and {record.partition("#")[0] for record in entries} <= layer(name).documents.keys()
    edits = [edit for entry in entries.values() for edit in entry.edits]
    assert {edit.was for edit in edits if edit.was} <= source.labels.keys()
    assert decided(source) <= {edit.was for edit in edits}
    assert not any(edit.surface != edit.surface.strip() for edit in edits if edit.now)


@pytest.mark.parametrize("name", BUILT)
def test_the_readings_of_a_layer_are_sound(name: str) -> None:
    readings = read_readings(LAYERS / "readings" / f"{name}.tsv")
    assert readings and {record.partition("#")[0] for record in readings} <= layer(name).documents.keys()
    entries = layer(name).entries
    read = {record for record, entry in entries.items() if any(e.by == standoff.BY_READING for e in entry.edits)}
    assert read <= readings.keys()


def test_corrections_of_a_reading_in_full_are_among_the_readings() -> None:
    files = sorted((LAYERS / "proofread").glob("*.tsv"))
    assert files and {file.stem for file in files} <= set(LAYERED)
    for file in files:
        kept = proofread.read_kept(file)
        assert kept and {record for record, *_ in kept} <= read_readings(LAYERS / "readings" / file.name).keys()


def test_decisions_made_twice_are_about_records_of_a_layer() -> None:
    files = sorted((LAYERS / "agreement").glob("*.tsv"))
    assert files and {file.stem for file in files} <= set(LAYERED)
    for file in files:
        answers = read_answers(file)
        assert answers
        of_layer = {answer.record for answer in answers if answer.kind != "dispute"}
        # A later reading may have gone back to what the source has, of which a layer says nothing.
        read = read_readings(LAYERS / "readings" / f"{file.stem}.tsv").keys() if file.stem in BUILT else set()
        assert of_layer <= layer(file.stem).entries.keys() | read
        disputed = {(answer.record, answer.start, answer.end) for answer in answers if answer.kind == "dispute"}
        decided = read_decisions(LAYERS / "disputes" / f"{file.stem}.tsv")
        assert disputed <= {(record, int(start), int(end)) for record, start, end, _ in decided}


def since_by_rule(text: str, names: Iterable[tuple[int, int, str, str]]) -> list[tuple[int, int, str, str]]:
    """Names as read once, with «مجلس» bare and a range of dates as one span, as they are everywhere now."""
    kept: list[tuple[int, int, str, str]] = []
    for start, end, surface, label in names:
        if label == "DATE" and kept and kept[-1][3] == "DATE" and BETWEEN.fullmatch(text[kept[-1][1] : start]):
            first = kept.pop()[0]
            kept.append((first, end, text[first:end], label))
        elif surface != "مجلس":
            kept.append((start, end, surface, label))
    return kept


@pytest.mark.parametrize("name", [path.stem for path in sorted((LAYERS / "unread").glob("*.jsonl"))])
def test_what_was_read_in_full_is_what_the_layer_gives(name: str) -> None:
    source = SOURCES[name]
    applied = standoff.apply(layer(name), records(name), source.labels, decided(source))
    texts = {record.id: record for record in applied.records}
    later = {record for record, *_ in proofread.read_kept(LAYERS / "proofread" / f"{name}.tsv") or []}
    for sentence in unread.read(LAYERS / "unread" / f"{name}.jsonl"):
        record = texts[sentence.id]
        assert standoff.digest(record.text) == sentence.sha256
        assert unread.is_unread(record.text, source)
        names = [(span.start, span.end, record.text[span.start : span.end], span.label) for span in record.spans]
        assert sentence.id in later or names == since_by_rule(record.text, sentence.decided)


def test_decisions_about_surfaces_are_sound() -> None:
    surfaces = read_surfaces(LAYERS / "surfaces.tsv")
    labels = {label.lower() for name in LAYERED for label in SOURCES[name].labels}
    assert {label for label, _ in surfaces} <= labels
    # A surface in another form would never be found.
    assert [name for _, name in surfaces if name != comparable(name)] == []
    parts = [part for decision in surfaces.values() for _, part in decision]
    assert [part for part in parts if part != comparable(part)] == []


def test_every_layered_source_is_in_the_full_corpus_and_can_be_had() -> None:
    full = read_corpus_config(ROOT / "configs" / "corpus" / "full.yml")
    assert sorted(full.optional) == sorted(LAYERED) and set(full.sources) <= SOURCES.keys()
    targets = [
        PLACED / target for item in read_corpora_config(ROOT / "configs" / "corpora.yml") for target in item.targets()
    ]
    for name in BUILT:
        path = PurePosixPath(SOURCES[name].path)
        assert path in targets or path.parent in targets


@pytest.mark.parametrize("name", LAYERED)
def test_a_layer_fits_its_corpus(name: str) -> None:
    source = SOURCES[name]
    assert standoff.document_digests(records(name)) == layer(name).documents
    applied = standoff.apply(layer(name), records(name), source.labels, decided(source))
    assert applied.problems == []
    dropped = sum(count for reason, count in applied.left_out.items() if reason.startswith("record dropped"))
    assert len(applied.records) == len(records(name)) - dropped
    assert dropped == sum(bool(entry.drop) for entry in layer(name).entries.values()) < 20
    assert {span.label for record in applied.records for span in record.spans} == set(LABELS)
    assert split_ranges(applied.records) == []
    # What is wrong with the text itself is the corpus's own.
    defects = Counter(problem.reason.partition(" U+")[0] for problem in validation.check(applied.records))
    assert defects.keys() <= {"control or replacement character"}


@pytest.mark.parametrize("name", LAYERED)
def test_no_span_of_a_corpus_is_lost_in_silence(name: str) -> None:
    source = SOURCES[name]
    applied = standoff.apply(layer(name), records(name), source.labels, decided(source))
    entries = layer(name).entries
    dropped = {record for record, entry in entries.items() if entry.drop}
    theirs = sum(len(record.spans) for record in records(name) if record.id not in dropped)
    added = sum(edit.was is None for entry in entries.values() for edit in entry.edits)
    left_out = sum(count for reason, count in applied.left_out.items() if not reason.startswith("record"))
    assert theirs + added == sum(len(record.spans) for record in applied.records) + left_out


@pytest.mark.parametrize("name", BUILT)
def test_a_layer_is_what_its_decisions_give(name: str) -> None:
    surfaces = read_surfaces(LAYERS / "surfaces.tsv")
    readings = read_readings(LAYERS / "readings" / f"{name}.tsv")
    built = build(SOURCES[name], records(name), gazetteer(), surfaces, readings)
    unreadable = layer(name).defects.get(defects.UNREADABLE, 0)
    assert replace(built, defects=defects.count(records(name), unreadable)) == layer(name)


def test_the_page_about_the_layers_is_current(tmp_path: Path) -> None:
    page = tmp_path / "layers.md"
    done = run_script("layers", "sheet", str(page), "--layers", str(ROOT / "assets" / "layers"))
    assert done.exit_code == 0
    assert page.read_text(encoding="utf-8") == (ROOT / "docs" / "layers.md").read_text(encoding="utf-8")
