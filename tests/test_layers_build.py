"""Building layers from lists and people's decisions: ``persian_ner.layers.build`` and ``scripts/layers.py``."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layered_source import layered_source, put_gazetteers
from record_strategies import raw_texts
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.characters import comparable
from persian_ner.labels import LABELS
from persian_ner.layers import standoff
from persian_ner.layers.build import Reading, build, read_readings, read_surfaces
from persian_ner.layers.places import Gazetteer
from persian_ner.layers.standoff import Edit, Layer
from persian_ner.records import InputError, Problem, Record, Span

GAZETTEER = Gazetteer(frozenset(["بغداد", "گلستان", "قطر"]))
SOURCE = layered_source({"PER": "PER", "ORG": "ORG", "LOC": "layer", "fac": "layer", "DAT": "DATE", "MON": None})
DECIDED = frozenset({"LOC", "fac"})


def record(text: str, *spans: tuple[str, str], name: str = "d#1") -> Record:
    """A record; each span is given as the surface that first occurs after the span before, and its label."""
    found: list[Span] = []
    start = 0
    for surface, label in spans:
        start = text.index(surface, start)
        found.append(Span(start=start, end=start + len(surface), label=label))
        start += len(surface)
    return Record(id=name, text=text, spans=found, meta={"document": "d"}, origin=("d.txt", 7))


def built(
    *records: Record,
    surfaces: dict[tuple[str, str], tuple[tuple[str, str], ...]] | None = None,
    readings: dict[str, list[Reading]] | None = None,
) -> Layer:
    return build(SOURCE, records, GAZETTEER, surfaces or {}, readings or {})


def edits(made: Layer, name: str = "d#1") -> list[tuple[str, str | None, str | None, str]]:
    return [(edit.surface, edit.was, edit.now, edit.by) for edit in made.entries[name].edits]


def add(label: str, surface: str, occurrence: int = 1, line: int = 1) -> Reading:
    return Reading(line, True, label, surface, occurrence)


def remove(label: str, surface: str, occurrence: int = 1, line: int = 1) -> Reading:
    return Reading(line, False, label, surface, occurrence)


def applied(made: Layer, *records: Record) -> list[list[tuple[str, str]]]:
    result = standoff.apply(made, records, SOURCE.labels, DECIDED)
    assert result.problems == []
    return [[(item.text[span.start : span.end], span.label) for span in item.spans] for item in result.records]


def problems_of(*records: Record, **decisions: object) -> list[Problem]:
    with pytest.raises(InputError) as raised:
        built(*records, **decisions)  # type: ignore[arg-type]
    return raised.value.problems


PLACES = record(
    "از غرب بغداد و استان گلستان و رود کارون به سازمان ملل در جهان",
    *[(surface, "LOC") for surface in ("غرب بغداد", "استان گلستان", "رود کارون", "سازمان ملل", "جهان")],
)


def test_places_are_decided_by_list_and_head_word() -> None:
    made = built(PLACES)
    assert edits(made) == [
        ("غرب بغداد", "LOC", None, "beside, gazetteer"),
        ("بغداد", None, "GPE", "beside, gazetteer"),
        ("استان گلستان", "LOC", "GPE", "head word"),
        ("رود کارون", "LOC", None, "head word"),
        ("سازمان ملل", "LOC", None, "region"),
        ("جهان", "LOC", None, "region"),
    ]
    assert applied(made, PLACES) == [[("بغداد", "GPE"), ("استان گلستان", "GPE")]]
    assert (made.source, made.documents) == ("mine", standoff.document_digests([PLACES]))


def test_only_what_the_label_map_would_not_give_is_in_the_layer() -> None:
    mapped = record("سارا ۱۰ ریال داد", ("سارا", "PER"), ("۱۰ ریال", "MON"))
    places = PLACES.model_copy(update={"id": "d#2"})
    made = built(mapped, places)
    assert list(made.entries) == ["d#2"]
    assert applied(made, mapped, places)[0] == [("سارا", "PER")]


def test_a_surface_is_decided_wherever_it_occurs() -> None:
    sentence = record(
        "دوحه قطر، باغ ملی، شهرداری، قطر، ده ريال",
        ("دوحه قطر", "LOC"),
        ("باغ ملی", "LOC"),
        ("شهرداری", "fac"),
        ("قطر", "ORG"),
        ("ده ريال", "MON"),
    )
    made = built(
        sentence,
        surfaces={
            ("loc", "دوحه قطر"): (("GPE", "قطر"), ("GPE", "دوحه")),
            ("loc", "باغ ملی"): (),
            ("fac", "شهرداری"): (("ORG", ""),),
            ("org", "قطر"): (("GPE", ""),),
            ("mon", "ده ریال"): (("DATE", "ده"),),
        },
    )
    assert edits(made) == [
        ("دوحه", None, "GPE", "surface"),
        ("دوحه قطر", "LOC", None, "surface"),
        ("قطر", None, "GPE", "surface"),
        ("باغ ملی", "LOC", None, "surface"),
        ("شهرداری", "fac", "ORG", "surface"),
        ("قطر", "ORG", "GPE", "surface"),
        ("ده", None, "DATE", "surface"),
    ]


def test_a_decision_about_a_surface_is_stronger_than_the_lists() -> None:
    sentence = record("تیم بغداد برد", ("بغداد", "LOC"))
    assert edits(built(sentence)) == [("بغداد", "LOC", "GPE", "gazetteer")]
    assert edits(built(sentence, surfaces={("loc", "بغداد"): ()})) == [("بغداد", "LOC", None, "surface")]
    # What agrees with the label map is no decision of the layer.
    person = record("سارا آمد", ("سارا", "PER"))
    assert built(person, surfaces={("per", "سارا"): (("PER", ""),)}).entries == {}


@pytest.mark.parametrize(
    ("surface", "part", "found"),
    [
        ("قطر قطر", "قطر", "قطر"),
        ("قطري‌ها و قطر", "قطر", "قطر"),  # whole words only
        ("شهر‌های\u00a0  قَطـر", "قطر", "قَطـر"),
        ("مزار\u00a0 شريف است", "مزار شریف", "مزار\u00a0 شريف"),
        ("در قطر\u200c و", "قطر", "قطر\u200c"),
        ("در قطرِ، و", "قطر", "قطرِ"),
        ("۲۰۲۲ میلادی", "2022", "۲۰۲۲"),
    ],
)
def test_parts_are_found_whatever_their_spelling(surface: str, part: str, found: str) -> None:
    sentence = record(f"«{surface}»", (surface, "LOC"))
    made = built(sentence, surfaces={("loc", comparable(surface)): (("GPE", part),)})
    assert [item[:3] for item in edits(made) if item[1] is None] == [(found, None, "GPE")]


def test_the_same_part_twice() -> None:
    sentence = record("قطر و قطر", ("قطر و قطر", "LOC"))
    made = built(sentence, surfaces={("loc", "قطر و قطر"): (("GPE", "قطر"), ("ORG", "قطر"))})
    assert [(edit.start, edit.end, edit.now) for edit in made.entries["d#1"].edits] == [
        (0, 3, "GPE"),
        (0, 9, None),
        (6, 9, "ORG"),
    ]


CUP = record("جام جهانی ۲۰۲۲ قطر در قطر و قطر بود", ("۲۰۲۲", "DAT"), ("قطر", "LOC"), ("قطر", "LOC"), ("قطر", "LOC"))


def test_a_reading_replaces_what_it_covers() -> None:
    made = built(CUP, readings={"d#1": [add("EVENT", "جام جهانی ۲۰۲۲ قطر")]})
    assert edits(made) == [
        ("جام جهانی ۲۰۲۲ قطر", None, "EVENT", "reading"),
        ("۲۰۲۲", "DAT", None, "reading"),
        ("قطر", "LOC", None, "reading"),
        ("قطر", "LOC", "GPE", "gazetteer"),
        ("قطر", "LOC", "GPE", "gazetteer"),
    ]
    assert applied(made, CUP) == [[("جام جهانی ۲۰۲۲ قطر", "EVENT"), ("قطر", "GPE"), ("قطر", "GPE")]]


def test_a_reading_takes_one_occurrence_away() -> None:
    made = built(CUP, readings={"d#1": [remove("GPE", "قطر", 2), remove("DATE", "۲۰۲۲")]})
    assert edits(made) == [
        ("۲۰۲۲", "DAT", None, "reading"),
        ("قطر", "LOC", "GPE", "gazetteer"),
        ("قطر", "LOC", None, "reading"),
        ("قطر", "LOC", "GPE", "gazetteer"),
    ]


def test_a_reading_changes_a_label_and_what_lists_decided() -> None:
    made = built(CUP, readings={"d#1": [add("ORG", "قطر", 3), add("DATE", "۲۰۲۲")]})
    assert edits(made)[-1] == ("قطر", "LOC", "ORG", "reading")
    assert applied(made, CUP) == [[("۲۰۲۲", "DATE"), ("قطر", "GPE"), ("قطر", "GPE"), ("قطر", "ORG")]]


def test_readings_are_applied_in_order() -> None:
    readings = [add("EVENT", "جام جهانی ۲۰۲۲"), add("EVENT", "جام جهانی"), add("DATE", "۲۰۲۲")]
    assert applied(built(CUP, readings={"d#1": readings}), CUP)[0][:2] == [("جام جهانی", "EVENT"), ("۲۰۲۲", "DATE")]
    assert applied(built(CUP, readings={"d#1": readings[::-1]}), CUP)[0][0] == ("جام جهانی ۲۰۲۲", "EVENT")


def test_everything_undecided_and_every_reading_that_fits_nothing_is_reported() -> None:
    first = record("ناشناس و نیز شهرک", ("ناشناس", "LOC"), ("شهرک", "fac"))
    second = record("خدا", ("خدا", "GOD"), name="d#2").model_copy(update={"origin": ("d.txt", 9)})
    third = record("دوحه قطر", ("دوحه قطر", "LOC"), name="d#3").model_copy(update={"origin": ("d.txt", 11)})
    found = problems_of(
        PLACES.model_copy(update={"id": "d#0"}),
        first,
        second,
        third,
        surfaces={("loc", "دوحه قطر"): (("GPE", "وحه"),)},
        readings={
            "d#1": [add("PER", "او", line=4), add("PER", "ناشناس", 2, 5), add("PER", "نیز", 0, 6), add("PER", "نیز")],
            "d#9": [add("PER", "سارا", line=2), add("PER", "دارا", line=3)],
        },
    )
    assert found == [
        Problem("", 2, "d#9", "a reading of a record that the source has not"),
        Problem("d.txt", 7, "d#1", "nothing decides LOC 'ناشناس' (ناشناس) at 0–6"),
        Problem("d.txt", 7, "d#1", "nothing decides fac 'شهرک' (شهرک) at 13–17"),
        Problem("d.txt", 7, "d#1", "reading in line 4: 'او' does not occur 1 times"),
        Problem("d.txt", 7, "d#1", "reading in line 5: 'ناشناس' does not occur 2 times"),
        Problem("d.txt", 7, "d#1", "reading in line 6: 'نیز' does not occur 0 times"),
        Problem("d.txt", 9, "d#2", "label 'GOD' is not in the label map"),
        Problem("d.txt", 11, "d#3", "part 'وحه' is not whole words of 'دوحه قطر'"),
    ]


def test_copies_labelled_differently_are_dropped_but_for_the_first() -> None:
    first = record("سارا در قطر بود", ("سارا", "PER"), ("قطر", "LOC"))
    same = record("سـارا در قطر بود", ("سـارا", "PER"), ("قطر", "LOC"), name="d#2")
    other = record("سارا در قطر بـود", ("قطر", "LOC"), name="d#3")
    relabelled = record("سارا در قطر بود", ("سارا", "ORG"), ("قطر", "LOC"), name="d#4")
    made = built(first, same, other, relabelled)
    reason = "copy of d#1, labelled differently"
    assert {name: entry.drop for name, entry in made.entries.items()} == {
        "d#1": "",
        "d#2": "",
        "d#3": reason,
        "d#4": reason,
    }
    result = standoff.apply(made, [first, same, other, relabelled], SOURCE.labels, DECIDED)
    assert ([item.id for item in result.records], result.problems) == (["d#1", "d#2"], [])
    assert result.left_out[f"record dropped: {reason}"] == 2


@st.composite
def decided_records(
    draw: st.DrawFn,
) -> tuple[list[Record], dict[tuple[str, str], tuple[tuple[str, str], ...]], dict[str, list[Reading]]]:
    """Records with spans of the source, a decision about each place's surface, and readings of random stretches."""
    records: list[Record] = []
    surfaces: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    readings: dict[str, list[Reading]] = {}
    for number in range(draw(st.integers(1, 3))):
        text = draw(raw_texts())
        borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
        spans = [
            Span(start=start, end=end, label=draw(st.sampled_from(sorted(SOURCE.labels))))
            for start, end in pairwise(borders)
            if draw(st.booleans())
        ]
        for span in spans:
            if span.label in DECIDED or draw(st.booleans()):
                label = draw(st.none() | st.sampled_from(LABELS))
                surfaces[span.label.lower(), comparable(text[span.start : span.end])] = ((label, ""),) if label else ()
        name = f"d#{number}"
        for line in range(draw(st.integers(0, 3)) if text else 0):
            start = draw(st.integers(0, len(text) - 1))
            surface = text[start : draw(st.integers(start + 1, len(text)))]
            label = draw(st.sampled_from(LABELS))
            readings.setdefault(name, []).append(Reading(line + 1, draw(st.booleans()), label, surface, 1))
        records.append(Record(id=name, text=text, spans=spans, meta={"document": "d"}))
    return records, surfaces, readings


def expected_spans(
    item: Record, surfaces: dict[tuple[str, str], tuple[tuple[str, str], ...]], readings: list[Reading]
) -> list[tuple[int, int, str]]:
    ours: list[tuple[int, int, str]] = []
    for span in item.spans:
        decision = surfaces.get((span.label.lower(), comparable(item.text[span.start : span.end])))
        label = SOURCE.labels[span.label] if decision is None else (decision[0][0] if decision else None)
        if label:
            ours.append((span.start, span.end, label))
    for reading in readings:
        start = item.text.index(reading.surface)
        end = start + len(reading.surface)
        if reading.add:
            ours = [span for span in ours if span[1] <= start or end <= span[0]] + [(start, end, reading.label)]
        else:
            ours = [span for span in ours if span[:2] != (start, end)]
    return sorted(ours)


@settings(max_examples=300)
@given(decided_records())
def test_applying_a_layer_gives_exactly_what_was_decided(
    drawn: tuple[list[Record], dict[tuple[str, str], tuple[tuple[str, str], ...]], dict[str, list[Reading]]],
) -> None:
    records, surfaces, readings = drawn
    made = built(*records, surfaces=surfaces, readings=readings)
    result = standoff.apply(made, records, SOURCE.labels, DECIDED)
    assert result.problems == []
    dropped = {name for name, entry in made.entries.items() if entry.drop}
    assert [item.id for item in result.records] == [item.id for item in records if item.id not in dropped]
    sources = {item.id: item for item in records}
    for item in result.records:
        assert [(span.start, span.end, span.label) for span in item.spans] == expected_spans(
            sources[item.id], surfaces, readings.get(item.id, [])
        )
        entry = made.entries.get(item.id)
        for edit in entry.edits if entry else ():
            assert isinstance(edit, Edit) and edit.by and item.text[edit.start : edit.end] == edit.surface


SURFACES = "loc\tدوحه قطر\tin:GPE=دوحه|GPE=قطر\r\nloc\tباغ ملی\t-\n\nfac\tباغ ملی\tORG\n"


def test_decisions_about_surfaces_are_read(tmp_path: Path) -> None:
    assert read_surfaces(put(tmp_path / "surfaces.tsv", SURFACES)) == {
        ("loc", "دوحه قطر"): (("GPE", "دوحه"), ("GPE", "قطر")),
        ("loc", "باغ ملی"): (),
        ("fac", "باغ ملی"): (("ORG", ""),),
    }


def test_every_bad_line_about_surfaces_is_listed(tmp_path: Path) -> None:
    file = put(
        tmp_path / "surfaces.tsv",
        SURFACES  # four lines
        + "loc\tیک\n"
        + "loc\tدو\tGPE\tدوم\n"
        + "loc\tسه\tLOC\n"
        + "loc\tچهار\tin:LOC=چهار\n"
        + "loc\tپنج\tin:GPE=شش\n"
        + "loc\tهفت\tin:\n"
        + "loc\tهشت\tin:GPE=\n"
        + "loc\tباغ ملی\tGPE\n",
    )
    file.write_bytes(file.read_bytes() + b"loc\t\xff\t-\n")
    with pytest.raises(InputError) as raised:
        read_surfaces(file)
    assert {problem.file for problem in raised.value.problems} == {str(file)}
    assert [(problem.line, problem.doc_id, problem.reason) for problem in raised.value.problems[:-1]] == [
        (5, "", "2 columns, not 3"),
        (6, "", "4 columns, not 3"),
        (7, "سه", "unknown decision 'LOC'"),
        (8, "چهار", "LOC=چهار is no part of 'چهار'"),
        (9, "پنج", "GPE=شش is no part of 'پنج'"),
        (10, "هفت", "= is no part of 'هفت'"),
        (11, "هشت", "GPE= is no part of 'هشت'"),
        (12, "باغ ملی", "loc decided twice"),
    ]
    assert raised.value.problems[-1].reason.startswith("not UTF-8") and raised.value.problems[-1].line == 13


READINGS = "d#1\t+\tEVENT\tجام جهانی\t1\nd#2\t-\tGPE\tقطر\t2\n\nd#1\t-\tDATE\t۲۰۲۲\t1\n"


def test_readings_are_read_in_order(tmp_path: Path) -> None:
    assert read_readings(put(tmp_path / "mine.tsv", READINGS)) == {
        "d#1": [Reading(1, True, "EVENT", "جام جهانی", 1), Reading(4, False, "DATE", "۲۰۲۲", 1)],
        "d#2": [Reading(2, False, "GPE", "قطر", 2)],
    }


def test_every_bad_reading_is_listed(tmp_path: Path) -> None:
    bad = ["d#3\t*\tGPE\tقم\t1", "d#3\t+\tLOC\tقم\t1", "d#3\t+\tGPE\t\t1", "d#3\t+\tGPE\tقم\t-1", "d#3\t+\tGPE\tقم\t"]
    file = put(tmp_path / "mine.tsv", READINGS + "\n".join([*bad, "d#3\t+\tGPE\tقم"]))
    with pytest.raises(InputError) as raised:
        read_readings(file)
    reason = "needs + or -, one of our labels, a surface and a number"
    assert raised.value.problems == [
        *(Problem(str(file), line, "d#3", reason) for line in range(5, 10)),
        Problem(str(file), 10, "", "4 columns, not 5"),
    ]


def test_decisions_that_are_not_there(tmp_path: Path) -> None:
    for read in (read_surfaces, read_readings):
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / "nowhere.tsv")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two sources, places and decisions, in which the commands run."""
    put(tmp_path / "mine.txt", "سارا\tB-PER\nدر\tO\nغرب\tB-LOC\nقطر\tI-LOC\n\nتخت\tB-LOC\nجمشید\tI-LOC\n")
    put(tmp_path / "yours.txt", "تخت\tB-LOC\nجمشید\tI-LOC\nدیروز\tO\n")
    for name in ("mine", "yours"):
        declared = SOURCE.model_dump(exclude_none=True) | {"name": name, "path": f"{name}.txt", "options": {}}
        put(tmp_path / "sources" / f"{name}.yml", json.dumps(declared | {"layer": f"layers/{name}.jsonl"}))
    put_gazetteers(tmp_path / "gazetteers", {"QA": "قطر"})
    put(tmp_path / "decisions" / "surfaces.tsv", "loc\tتخت جمشید\t-\n")
    put(tmp_path / "decisions" / "readings" / "mine.tsv", "")
    put(tmp_path / "decisions" / "readings" / "yours.tsv", "yours#1\t+\tDATE\tدیروز\t1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    options = ("--gazetteers", "gazetteers", "--decisions", "decisions", "--sources", "sources")
    done = run_script("layers", *arguments, *options)
    return done.exit_code, done.stdout, done.stderr


def test_layers_are_built_by_command(project: Path) -> None:
    assert run("build", "mine", "yours") == (
        0,
        "Wrote layers/mine.jsonl: 3 decisions in 2 records\nWrote layers/yours.jsonl: 2 decisions in 1 records\n",
        "",
    )
    mine, yours = (standoff.read(project / "layers" / f"{name}.jsonl") for name in ("mine", "yours"))
    assert edits(mine, "mine#1") == [
        ("غرب قطر", "LOC", None, "beside, gazetteer"),
        ("قطر", None, "GPE", "beside, gazetteer"),
    ]
    assert edits(mine, "mine#2") == [("تخت جمشید", "LOC", None, "surface")]
    assert edits(yours, "yours#1") == [("تخت جمشید", "LOC", None, "surface"), ("دیروز", None, "DATE", "reading")]
    assert (mine.source, list(mine.documents)) == ("mine", ["mine"])


def test_decisions_are_drawn_for_a_second_reader_by_command(project: Path) -> None:
    run("build", "mine")
    done = run_script("layers", "questions", "mine", "sheet", "--size", "2", "--sources", "sources")
    assert (done.exit_code, done.stdout) == (0, "Wrote 2 questions to sheet/questions.tsv\n")
    assert "gazetteer" not in (project / "sheet" / "questions.tsv").read_text(encoding="utf-8")
    put(project / "sheet" / "answers.tsv", "1\tGPE=قطر\n2\tGPE=قطر\n")
    done = run_script("layers", "reread", "mine", "sheet", "--decisions", "decisions")
    assert (done.exit_code, done.stdout) == (0, "Wrote decisions/agreement/mine.tsv: 1 of 2 decisions agree\n")
    put(project / "sheet" / "answers.tsv", "1\tGPE=قطر\n")
    done = run_script("layers", "reread", "mine", "sheet", "--decisions", "decisions")
    assert done.exit_code == 1 and "[2] not answered" in done.stderr
    put(project / "sources" / "plain.yml", json.dumps(SOURCE.model_dump(exclude={"layer"}) | {"labels": {}}))
    done = run_script("layers", "questions", "plain", "sheet", "--sources", "sources")
    assert done.exit_code == 1 and "the source names no layer" in done.stderr
    asked = contents(project / "sheet")
    put(project / "mine.txt", "قم\tO\n")
    run("build", "yours")
    put(project / "decisions" / "disputes" / "yours.tsv", "yours#7\t0\t3\tcorpus\n")
    for name, of, problem in (
        ("mine", "decisions", "layers/mine.jsonl: [mine#2] no such record in the source"),
        ("yours", "disputes", "decisions/disputes/yours.tsv: [yours#7] no such record in the source"),
    ):
        options = ("--of", of, "--decisions", "decisions", "--sources", "sources")
        done = run_script("layers", "questions", name, "sheet", *options)
        assert done.exit_code == 1 and problem in done.stderr
    assert contents(project / "sheet") == asked


def test_the_problems_of_all_sources_are_listed_and_nothing_is_written(project: Path) -> None:
    run("build", "mine")
    before = contents(project)
    put(project / "decisions" / "surfaces.tsv", "loc\tقم\t-\n")
    put(project / "sources" / "plain.yml", json.dumps(SOURCE.model_dump(exclude={"layer"}) | {"labels": {}}))
    (project / "yours.txt").unlink()
    status, out, err = run("build", "mine", "yours", "plain", "other")
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0].startswith("mine.txt:6: [mine#2] nothing decides LOC 'تخت جمشید'")
    assert [line.partition(" ")[0] for line in lines[1:4]] == ["sources/other.yml:", "sources/plain.yml:", "yours.txt:"]
    assert lines[4:] == ["4 problems found; nothing was written."]
    changed = {"decisions/surfaces.tsv", "sources/plain.yml", "yours.txt"}
    assert {name: data for name, data in contents(project).items() if name not in changed} == {
        name: data for name, data in before.items() if name not in changed
    }


def test_bad_decisions_and_bad_sources_are_listed_together(project: Path) -> None:
    put(project / "decisions" / "surfaces.tsv", "loc\tقم\n")
    put(project / "decisions" / "readings" / "mine.tsv", "mine#1\t*\n")
    (project / "mine.txt").unlink()
    before = contents(project)
    status, out, err = run("build", "mine", "yours", "other")
    assert (status, out) == (1, "")
    assert [line.partition(" ")[0] for line in err.splitlines()] == [
        *("decisions/readings/mine.tsv:1:", "decisions/surfaces.tsv:1:", "mine.txt:", "sources/other.yml:", "4")
    ]
    assert contents(project) == before
    status, out, err = run("undecided", "mine", "yours")
    assert (status, out) == (1, "")
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["decisions/surfaces.tsv:1:", "mine.txt:", "2"]


def test_what_is_still_to_decide_is_listed_by_command(project: Path) -> None:
    put(project / "decisions" / "surfaces.tsv", "fac\tتخت جمشید\t-\n")
    # The lists decide places only: a facility that is called like one is still to be decided.
    with (project / "mine.txt").open("a", encoding="utf-8") as handle:
        handle.write("\nقطر\tB-fac\nتخت\tB-fac\nجمشید\tI-fac\n")
    assert run("undecided", "mine", "yours") == (0, "loc\tتخت جمشید\t2\nfac\tقطر\t1\n", "")
    put(project / "decisions" / "surfaces.tsv", "loc\tتخت جمشید\t-\nfac\tقطر\tORG\nfac\tتخت جمشید\t-\n")
    assert run("undecided", "mine", "yours") == (0, "", "")


def test_what_is_still_to_decide_cannot_be_listed_without_the_sources(project: Path) -> None:
    (project / "yours.txt").unlink()
    status, out, err = run("undecided", "mine", "yours", "other")
    assert (status, out) == (1, "")
    assert [line.partition(" ")[0] for line in err.splitlines()] == ["sources/other.yml:", "yours.txt:", "2"]
