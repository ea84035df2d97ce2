from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_strategies import CHARACTERS, annotated_texts

from persian_ner.readers import markup
from persian_ner.records import Problem, Record, Span, collect

FRONT = "---\nid: a1\ntopic: شعر\n---\n"


def write(folder: Path, content: str | bytes, name: str = "a1.md") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return file


def test_an_article(tmp_path: Path) -> None:
    file = write(tmp_path, f"{FRONT}\n[پروین اعتصامی](PER) در\n[تبریز](GPE) زاده شد.\n---\nپایان\n\n")
    (record,) = markup.read(file)
    text = "پروین اعتصامی در\nتبریز زاده شد.\n---\nپایان"
    assert record == Record(
        id="a1",
        text=text,
        spans=[Span(start=0, end=13, label="PER"), Span(start=17, end=22, label="GPE")],
        meta={"topic": "شعر"},
        origin=(str(file), 6),
    )


def test_the_text_is_kept_character_by_character(tmp_path: Path) -> None:
    body = "  آغاز\u200c\u2028 [قم](GPE)\u200c\x85\t\\[۱\\] \\\\ (x) *y* `z` \n\n \nپایان \u200c "
    (record,) = markup.read(write(tmp_path, f"\ufeff{FRONT}\n \n{body}\n\n \n"))
    assert isinstance(record, Record)
    assert record.text == body.replace("[قم](GPE)", "قم").replace("\\[۱\\] \\\\", "[۱] \\")
    assert [record.text[span.start : span.end] for span in record.spans] == ["قم"]


def test_line_ends_of_windows(tmp_path: Path) -> None:
    (record,) = markup.read(write(tmp_path, f"{FRONT}یک\nدو [قم](GPE)\n".replace("\n", "\r\n")))
    assert isinstance(record, Record)
    assert (record.text, record.meta) == ("یک\nدو قم", {"topic": "شعر"})


def test_escapes_inside_a_span() -> None:
    assert markup.parse(r"\[[گروه \[الف\] \\](ORG)\]") == (
        "[گروه [الف] \\]",
        [Span(start=1, end=13, label="ORG")],
        [],
    )


@pytest.mark.parametrize(
    "body",
    [
        "[قم]",
        "[قم](gpe)",
        "[قم] (GPE)",
        "[](GPE)",
        "[قم\nتهران](GPE)",
        "قم](GPE)",
        "\\قم",
        "[قم](GPE",
        "[a[b](PER)](ORG)",
    ],
)
def test_unfinished_markup_is_a_defect_never_text(body: str) -> None:
    assert markup.parse(body)[2]
    assert not any(character in "[]\\" for character in markup.parse(body)[0])


def test_each_defect_is_one_problem_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, f"{FRONT}\nیک [\nدو\nسه ] و \\چهار\n[پنج](PER)\n")
    assert list(markup.read(file)) == [
        Problem(str(file), 6, "a1", "stray '[': write \\[ or complete the [surface](LABEL)"),
        Problem(str(file), 8, "a1", "stray ']': write \\] or complete the [surface](LABEL)"),
        Problem(str(file), 8, "a1", "stray '\\\\': write \\\\ or complete the [surface](LABEL)"),
    ]


def test_all_defects_of_a_file_are_reported_and_it_is_not_read(tmp_path: Path) -> None:
    file = write(tmp_path, "---\nid: a1\ntopic\nid: a2\n: x\n---\nقم ] است\n".encode() + b"\xff\n[x\n")
    records, problems = collect(markup.read(file))
    assert records == []
    assert sorted((problem.line, problem.doc_id, problem.reason[:10]) for problem in problems) == [
        (3, "a1", "front matt"),
        (4, "a1", "front matt"),
        (5, "a1", "front matt"),
        (7, "a1", "stray ']':"),
        (8, "", "not UTF-8:"),
        (9, "a1", "stray '[':"),
    ]


def test_a_file_with_wrong_front_matter_only_is_not_read(tmp_path: Path) -> None:
    file = write(tmp_path, "---\nid: a1\ntopic\n---\nقم\n")
    assert list(markup.read(file)) == [
        Problem(str(file), 3, "a1", "front matter line is not a new 'key: value': 'topic'")
    ]


@pytest.mark.parametrize("content", ["", "متن", "---\nid: a1\n", " ---\nid: a1\n---\n", "\n---\nid: a1\n---\n"])
def test_a_file_without_front_matter(tmp_path: Path, content: str) -> None:
    (problem,) = markup.read(write(tmp_path, content))
    assert isinstance(problem, Problem)
    assert (problem.line, problem.reason[:15]) == (1, "no front matter")


@pytest.mark.parametrize("front", ["---\ntopic: x\n---\n", "---\nid:\n---\n", "---\nid:  \n---\n"])
def test_a_file_without_an_id_has_its_other_defects_reported_too(tmp_path: Path, front: str) -> None:
    problems = list(markup.read(write(tmp_path, f"{front}قم ]\n")))
    assert [str(problem).partition("] ")[2][:10] for problem in problems] == ["front matt", "stray ']':"]


def test_a_folder_is_read_in_name_order(tmp_path: Path) -> None:
    for name in ("b.md", "sub/a.md", "a.md", "c.txt"):
        write(tmp_path, f"---\nid: {name}\n---\n", name)
    assert [item.id for item in markup.read(tmp_path) if isinstance(item, Record)] == ["a.md", "b.md", "sub/a.md"]
    (tmp_path / "empty").mkdir()
    assert list(markup.read(tmp_path / "empty")) == [Problem(str(tmp_path / "empty"), 0, "", "no *.md file here")]


ONE_LINE = annotated_texts(CHARACTERS.replace("\n", "") + "[]\\()ABC")


@settings(max_examples=300)
@given(ONE_LINE)
def test_what_is_rendered_is_parsed_back(drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    assert markup.parse(markup.render(text, spans)) == (text, spans, [])


@settings(max_examples=200)
@given(st.text("قم[]\\()ABCabc\n", max_size=30))
def test_any_markup_is_parsed_with_spans_that_lie_in_the_text(body: str) -> None:
    text, spans, defects = markup.parse(body)
    assert all(text[span.start : span.end] for span in spans)
    if not defects:
        assert markup.parse(markup.render(text, spans)) == (text, spans, [])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ONE_LINE)
def test_a_file_that_is_written_is_read_back(tmp_path: Path, drawn: tuple[str, list[Span]]) -> None:
    text, spans = drawn
    # Blank lines around the text are no part of it.
    record = Record(id="a1", text=f"آغاز {text} پایان", meta={"topic": "شعر: نو", "published": "1404-01-02"})
    record.spans = [Span(start=span.start + 5, end=span.end + 5, label=span.label) for span in spans]
    file = write(tmp_path, markup.render_file(record))
    (found,) = markup.read(file)
    assert isinstance(found, Record)
    assert found.model_dump() == record.model_dump()


def test_labels_may_be_what_labels_of_a_corpus_may_be() -> None:
    assert markup.parse("[قم](PLACE_2)") == ("قم", [Span(start=0, end=2, label="PLACE_2")], [])


def test_front_matter_has_one_id_and_a_line_for_each_entry(tmp_path: Path) -> None:
    record = Record(id="a1", text="قم", meta={"id": "7", "note": "یک\nid: دو\u2028سه"})
    (found,) = markup.read(write(tmp_path, markup.render_file(record)))
    assert isinstance(found, Record)
    assert (found.id, found.meta) == ("a1", {"note": "یک id: دو سه"})


@pytest.mark.parametrize(
    "spans",
    [
        [Span(start=0, end=3, label="PER"), Span(start=2, end=5, label="ORG")],
        [Span(start=1, end=1, label="PER")],
        [Span(start=1, end=5, label="PER")],
        [Span(start=0, end=2, label="per")],
    ],
)
def test_what_inline_markup_cannot_hold_is_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="inline markup"):
        markup.render("الف\nب پ", spans)
