from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from reader_strategies import annotated_texts

from persian_ner.readers import brat
from persian_ner.records import Problem, Span, collect

TEXT = "پروین اعتصامی\nدر تبریز زاده شد.\n"
ANNOTATION = (
    "T1\tPER 0 13\tپروین اعتصامی\n"
    "T2\tGPE 17 22\tتبریز\n"
    "R1\tborn-in Arg1:T1 Arg2:T2\t\n"
    "E1\tBirth:T1\n"
    "A1\tNegation E1\n"
    "#1\tAnnotatorNotes T1\tشاعر\n"
    "*\tEquiv T1 T2\n"
    "N1\tReference T2 Wikidata:Q1\tتبریز\n"
    "\n"
)


def write(folder: Path, name: str, text: str | None, annotation: str | None) -> None:
    for suffix, content in ((".txt", text), (".ann", annotation)):
        if content is not None:
            (folder / name).with_suffix(suffix).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).with_suffix(suffix).write_bytes(content.encode("utf-8"))


def test_a_folder_and_a_single_file(tmp_path: Path) -> None:
    write(tmp_path, "poets/parvin", TEXT, ANNOTATION)
    write(tmp_path, "empty", "بدون نام", "")
    records, problems = collect(brat.read(tmp_path))
    assert problems == []
    assert [record.id for record in records] == ["empty", "poets/parvin"]
    assert records[0].spans == []
    assert records[1].text == TEXT
    assert records[1].spans == [
        Span(start=0, end=13, label="PER", surface="پروین اعتصامی"),
        Span(start=17, end=22, label="GPE", surface="تبریز"),
    ]
    (single,), problems = collect(brat.read(tmp_path / "poets" / "parvin.txt"))
    assert problems == []
    assert (single.id, single.spans) == ("parvin", records[1].spans)


def test_a_span_over_a_newline_and_windows_line_ends(tmp_path: Path) -> None:
    text = "\ufeffسهراب\r\nسپهری و\nفروغ"
    write(tmp_path, "a", text, "T1\tPER 1 13\tسهراب\r سپهری\nT2\tPER 14 20\tو فروغ\r\n")
    (record,), problems = collect(brat.read(tmp_path))
    assert problems == []
    assert record.text == text
    assert [span.surface for span in record.spans] == ["سهراب\r\nسپهری", "و\nفروغ"]


def test_every_bad_line_is_a_problem(tmp_path: Path) -> None:
    annotation = (
        "T1\tPER 0 13\tپروین اعتصامی\n"
        "T1\tGPE 17 22\tتبریز\n"
        "T2\tPER 0 5;6 13\tپروین اعتصامی\n"
        "T3\tGPE 17 22\tتهران\n"
        "T4\tGPE 17 99\tتبریز\n"
        "T5\tGPE 17 17\t\n"
        "T6 GPE 17 22 تبریز\n"
        "تبریز\n"
    )
    write(tmp_path, "bad", TEXT, annotation)
    records, problems = collect(brat.read(tmp_path))
    assert records == []
    file = str(tmp_path / "bad.ann")
    assert problems == [
        Problem(file, 2, "bad", "T1 occurs twice"),
        Problem(file, 3, "bad", "T2 is discontinuous: 0 5;6 13"),
        Problem(file, 4, "bad", "T3 17–22 says 'تهران' but the text there is 'تبریز'"),
        Problem(file, 5, "bad", "T4 17–99 lies outside the text (0–32) or is empty"),
        Problem(file, 6, "bad", "T5 17–17 lies outside the text (0–32) or is empty"),
        Problem(file, 7, "bad", "not a line of brat's format: 'T6 GPE 17 22 تبریز'"),
        Problem(file, 8, "bad", "not a line of brat's format: 'تبریز'"),
    ]


def test_missing_and_undecodable_files(tmp_path: Path) -> None:
    write(tmp_path, "no-ann", TEXT, None)
    write(tmp_path, "no-txt", None, "")
    write(tmp_path, "latin", "", "")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    write(tmp_path, "latin-ann", TEXT, "")
    (tmp_path / "latin-ann.ann").write_bytes(b"T1\tPER 0 1\t\xe9\n")
    records, problems = collect(brat.read(tmp_path))
    assert records == []
    assert [(Path(problem.file).name, problem.line, problem.doc_id) for problem in problems] == [
        ("latin-ann.ann", 1, "latin-ann"),
        ("latin.txt", 0, "latin"),
        ("no-ann.txt", 0, "no-ann"),
        ("no-txt.ann", 0, "no-txt"),
    ]
    assert [problem.reason.split(":")[0] for problem in problems] == [
        "not UTF-8",
        "not UTF-8",
        "no .ann file beside it",
        "no .txt file beside it",
    ]


def test_a_folder_without_texts(tmp_path: Path) -> None:
    assert list(brat.read(tmp_path)) == [Problem(str(tmp_path), 0, "", "no *.txt file here")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(annotated_texts())
def test_offsets_are_kept(tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    lines = [
        f"T{number}\t{span.label} {span.start} {span.end}\t" + text[span.start : span.end].replace("\n", " ") + "\n"
        for number, span in enumerate(spans, start=1)
    ]
    write(tmp_path, "a", text, "".join(lines))
    (record,), problems = collect(brat.read(tmp_path))
    assert problems == []
    assert record.text == text
    assert [(span.start, span.end, span.label) for span in record.spans] == [
        (span.start, span.end, span.label) for span in spans
    ]
