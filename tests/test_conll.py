from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persian_ner.detokenize import detokenize
from persian_ner.readers import conll
from persian_ner.records import Problem, Record, Span, collect

SENTENCE = "نیما\tB-PER\nیوشیج\tI-PER\nدر\tO\nیوش\tB-LOC\nزاده\tO\nشد\tO\n.\tO\n"
TEXT = "نیما یوشیج در یوش زاده شد."
SPANS = [Span(start=0, end=10, label="PER"), Span(start=14, end=17, label="LOC")]


def read_text(path: Path, text: str, **options: Any) -> tuple[list[Record], list[Problem]]:
    path.write_bytes(text.encode("utf-8"))
    return collect(conll.read(path, **options))


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE,
        SENTENCE.replace("\t", " "),
        SENTENCE.replace("\t", "   "),
        SENTENCE.replace("-", "_"),
        SENTENCE.replace("\n", "\r\n"),
        "\ufeff\n\n" + SENTENCE + "\n \n\n",
        SENTENCE.replace("یوش\t", " یوش\xa0 \t"),
        SENTENCE.replace("I-PER", "E-PER").replace("B-LOC", "S-LOC"),
        SENTENCE.replace("I-PER", "L-PER").replace("B-LOC", "U-LOC"),
        SENTENCE.replace("B-", "I-"),
    ],
)
def test_one_sentence_in_many_dialects(tmp_path: Path, text: str) -> None:
    file = tmp_path / "train.txt"
    records, problems = read_text(file, text)
    assert problems == []
    (record,) = records
    assert (record.id, record.text, record.spans) == ("train#1", TEXT, SPANS)
    assert record.meta == {"document": "train"}
    assert record.origin == (str(file), 3 if text.startswith("\ufeff") else 1)


def test_columns_separator_and_comments(tmp_path: Path) -> None:
    text = "# متن یکم\n1|نیما یوشیج|N|B-PER|_\n2|آمد|V|O|_\n3|#|X|O|_\n"
    records, problems = read_text(tmp_path / "a.conll", text, separator="|", token_column=1, tag_column=3, comment="# ")
    assert problems == []
    assert (records[0].text, records[0].spans) == ("نیما یوشیج آمد #", [Span(start=0, end=10, label="PER")])
    records, problems = read_text(tmp_path / "b.conll", "نیما N B-PER\nآمد V O\n", tag_column=2)
    assert (records[0].text, problems) == ("نیما آمد", [])


def test_a_space_inside_a_token(tmp_path: Path) -> None:
    text = "می رود \tO\nگفت و گو\tB-EVE\n"
    kept, _ = read_text(tmp_path / "a.txt", text)
    assert (kept[0].text, kept[0].spans) == ("می رود گفت و گو", [Span(start=7, end=15, label="EVE")])
    joined, problems = read_text(tmp_path / "a.txt", text, token_space="zwnj")
    assert problems == []
    assert (joined[0].text, joined[0].spans) == (
        "می\u200cرود گفت\u200cو\u200cگو",
        [Span(start=7, end=15, label="EVE")],
    )


def test_document_borders(tmp_path: Path) -> None:
    text = f"پیش\tO\n-DOCSTART-\tO\n\n{SENTENCE}\n{SENTENCE}-DOCSTART- -X- O\nپس\tO\n"
    records, problems = read_text(tmp_path / "a.txt", text)
    assert problems == []
    assert [(record.id, record.meta["document"]) for record in records] == [
        ("a#1", "a"),
        ("a#2", "a#doc1"),
        ("a#3", "a#doc1"),
        ("a#4", "a#doc2"),
    ]


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.txt", "2.txt", "LICENSE", "sub/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SENTENCE, "utf-8")
    assert [item.id for item in conll.read(tmp_path) if isinstance(item, Record)] == [
        "2.txt#1",
        "10.txt#1",
        "LICENSE#1",
    ]
    records, problems = collect(conll.read(tmp_path, pattern="**/*.txt"))
    assert problems == []
    assert [record.id for record in records] == ["2.txt#1", "10.txt#1", "sub/1.txt#1"]
    assert records[2].meta == {"document": "sub/1.txt"}
    assert list(conll.read(tmp_path, pattern="*.pos")) == [
        Problem(str(tmp_path), 0, "", "no file matches '*.pos' here")
    ]


def test_the_scheme_is_detected_for_the_folder_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("علی\tB-PER\nو\tO\nقم\tB-LOC\n", "utf-8")
    (tmp_path / "2.txt").write_text("قم\tI-LOC\n", "utf-8")
    records, problems = collect(conll.read(tmp_path))
    assert [record.id for record in records] == ["1.txt#1"]
    assert [(problem.file, problem.line, problem.doc_id, problem.reason) for problem in problems] == [
        (str(tmp_path / "2.txt"), 1, "2.txt#1", "I-LOC continues no LOC span")
    ]


DEFECTS = (
    "علی\tB-PER\nآمدO\n\n"  # 1: no separator
    "او\tO\nقمB-LOC\n.\tO\nتهران\tB-LOC\n\n"  # 2: the same with a name
    "رفت\tO\n؟\nO\n\n"  # 3: token and tag on two lines
    "آمد\tO\nدیر\n.\tO\n\n"  # 4: a tag is missing
    "\tO\nاو\tO\nO\nآمد\tO\n\n"  # 5: tags without tokens
    "او\tO\nکرج\tI-LOC\n"  # 6: orphan
)


def test_repairable_defects_are_problems_without_repair(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    records, problems = read_text(file, DEFECTS)
    assert records == []
    assert [(problem.line, problem.doc_id, problem.reason) for problem in problems] == [
        (2, "a#1", "no separator before the tag: 'آمدO'"),
        (5, "a#2", "no separator before the tag: 'قمB-LOC'"),
        (10, "a#3", "no tag: '؟'"),
        (11, "a#3", "no token: 'O'"),
        (14, "a#4", "no tag: 'دیر'"),
        (17, "a#5", "no token: '\\tO'"),
        (19, "a#5", "no token: 'O'"),
        (23, "a#6", "I-LOC continues no LOC span"),
    ]
    assert {problem.file for problem in problems} == {str(file)}


def test_repairs_are_listed_in_the_record(tmp_path: Path) -> None:
    records, problems = read_text(tmp_path / "a.txt", DEFECTS, repair=True)
    assert problems == []
    assert [record.text for record in records] == ["علی آمد", "او قم. تهران", "رفت؟", "آمد دیر.", "او آمد", "او کرج"]
    assert [[(record.text[span.start : span.end], span.label) for span in record.spans] for record in records] == [
        [("علی", "PER")],
        [("قم", "LOC"), ("تهران", "LOC")],
        [],
        [],
        [],
        [("کرج", "LOC")],
    ]
    assert [record.meta["repairs"] for record in records] == [
        ["line 2: no separator before the tag: 'آمدO'; split before O"],
        ["line 5: no separator before the tag: 'قمB-LOC'; split before B-LOC"],
        ["line 10: no tag: '؟'; tag taken from line 11", "line 11: no token: 'O'; joined to line 10"],
        ["line 14: no tag: 'دیر'; taken as O"],
        ["line 17: no token: '\\tO'; left out", "line 19: no token: 'O'; left out"],
        ["line 23: I-LOC continues no LOC span; a span starts here"],
    ]


def test_what_cannot_be_repaired_stays_a_problem(tmp_path: Path) -> None:
    text = (
        "علی\tB-PER\nرفت\tO\n\n"
        "NATO\nرفت\tO\n\n"  # «NATO», or «NAT» with the tag O
        "کرجB-XYZ\nرفت\tO\n\n"  # B-XYZ is no tag of this file
        "\tB-PER\nرفت\tO\n\n"  # a span on nothing
        "O\n\tO\n\n"  # nothing but tags
        "تنها\n\n"  # no tag in the whole sentence
        "یک\tدو\tO\nرفت\tO\n\n"
        "یک\tPER\nدو\tS-PER\n\n"
        "رفت\tO\n"
    )
    records, problems = read_text(tmp_path / "a.txt", text, repair=True)
    assert [record.id for record in records] == ["a#1", "a#9"]
    assert all("repairs" not in record.meta for record in records)
    assert [(problem.line, problem.doc_id, problem.reason) for problem in problems] == [
        (4, "a#2", "no tag: 'NATO'"),
        (7, "a#3", "no tag: 'کرجB-XYZ'"),
        (10, "a#4", "no token: '\\tB-PER'"),
        (13, "a#5", "no token: 'O'"),
        (14, "a#5", "no token: '\\tO'"),
        (16, "a#6", "no tag: 'تنها'"),
        (18, "a#7", "3 columns where the file has 2: 'یک\\tدو\\tO'"),
        (21, "a#8", "'PER' is not a tag of the scheme bio"),
        (22, "a#8", "'S-PER' is not a tag of the scheme bio"),
    ]


def test_a_missing_closing_tag_is_repaired(tmp_path: Path) -> None:
    text = "علی\tB-PER\nرفت\tO\n\nحسن\tB-PER\nرضایی\tE-PER\nقم\tS-LOC\n"
    _, problems = read_text(tmp_path / "a.txt", text)
    assert [(problem.line, problem.doc_id) for problem in problems] == [(1, "a#1")]
    records, problems = read_text(tmp_path / "a.txt", text, repair=True)
    assert problems == []
    assert records[0].spans == [Span(start=0, end=3, label="PER")]
    assert records[0].meta["repairs"] == ["line 1: B-PER is followed by neither I-PER nor E-PER; the span ends here"]


def test_a_line_that_is_not_utf8_costs_only_its_sentence(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("یک\tO\n".encode() + b"\xe9\tO\n\n" + "دو\tO\n".encode())
    records, problems = collect(conll.read(file, repair=True))
    assert [record.id for record in records] == ["a#2"]
    assert [(problem.file, problem.line, problem.doc_id) for problem in problems] == [(str(file), 2, "a#1")]
    assert problems[0].reason.startswith("not UTF-8")


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        ("", {}, "no line has two columns: is the separator right?"),
        (SENTENCE, {"separator": "|"}, "no line has two columns: is the separator right?"),
        (SENTENCE, {"tag_column": 2}, "token column 0 and tag column 2 are not two of the 2 columns"),
        (SENTENCE, {"token_column": 1}, "token column 1 and tag column -1 are not two of the 2 columns"),
    ],
)
def test_a_file_that_cannot_be_read_as_columns(tmp_path: Path, text: str, options: dict[str, Any], reason: str) -> None:
    file = tmp_path / "a.txt"
    assert read_text(file, text, **options) == ([], [Problem(str(file), 0, "", reason)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.text(alphabet='ابپ\u200c۱۲/.،«»()"-AO', min_size=1, max_size=4), st.sampled_from("OBI")),
            min_size=1,
            max_size=8,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_spans_cover_their_tokens(tmp_path: Path, sentences: list[list[tuple[str, str]]]) -> None:
    rows: list[list[tuple[str, str]]] = []
    for sentence in sentences:
        inside = False
        rows.append([])
        for token, role in sentence:
            role = "B" if role == "I" and not inside else role
            inside = role != "O"
            rows[-1].append((token, role if role == "O" else f"{role}-X"))
    text = "\n\n".join("\n".join("\t".join(row) for row in sentence) for sentence in rows)
    records, problems = read_text(tmp_path / "a.txt", text, scheme="bio")
    assert problems == []
    for record, sentence in zip(records, rows, strict=True):
        tokens = [token for token, _ in sentence]
        expected, offsets = detokenize(tokens)
        assert record.text == expected
        inside_offsets = {index for span in record.spans for index in range(span.start, span.end)}
        for (start, end), (_, tag) in zip(offsets, sentence, strict=True):
            assert set(range(start, end)) & inside_offsets == (set() if tag == "O" else set(range(start, end)))
        assert [span.start for span in record.spans] == [
            start for (start, _), (_, tag) in zip(offsets, sentence, strict=True) if tag == "B-X"
        ]
