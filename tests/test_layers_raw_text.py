"""A source of bare text that a reader has annotated: ``persian_ner.layers.raw_text`` and its commands."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layered_source import layered_source, put_gazetteers
from record_strategies import raw_texts
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner import docbin
from persian_ner.intake import load
from persian_ner.layers import proofread, raw_text, standoff
from persian_ner.records import InputError, Record, Span

SOURCE = layered_source({}).model_copy(update={"format": "jsonl", "path": "taken/mine.jsonl"})
TEXT = "سارا رفت.\nاز قم نوشت.\n\n \nهوا سرد است.\n\nسارا رفت.\nاز رشت نوشت.\n"
FIRST, SECOND, THIRD = ({record.id: record for record in records} for records in raw_text.documents(TEXT.split("\n")))


def by_name(*documents: dict[str, Record]) -> dict[str, list[Record]]:
    return {standoff.document_name(next(iter(records.values()))): list(records.values()) for records in documents}


def test_documents_are_known_by_their_text() -> None:
    assert [[record.text for record in records.values()] for records in (FIRST, SECOND, THIRD)] == [
        ["سارا رفت.", "از قم نوشت."],
        ["هوا سرد است."],
        ["سارا رفت.", "از رشت نوشت."],
    ]
    name = standoff.digest("سارا رفت.\nاز قم نوشت.")
    assert list(FIRST) == [f"{name}#1", f"{name}#2"]
    (moved,) = raw_text.documents(["", "سارا رفت.", "از قم نوشت.", ""])
    assert [record.id for record in moved] == list(FIRST)


def test_a_layer_holds_all_that_was_marked(tmp_path: Path) -> None:
    first, second = FIRST
    sheet = put(tmp_path / "sheet.tsv", f"{second}\tاز [قم](GPE) نوشت.\n\n{first}\tسارا رفت.\n")
    made = raw_text.layer("mine", sheet, by_name(FIRST, SECOND, THIRD))
    name = first.partition("#")[0]
    assert made.documents == {name: name}
    edits = (standoff.Edit(3, 5, "قم", None, "GPE", "reading"),)
    assert made.entries == {second: standoff.Entry(standoff.digest("از قم نوشت."), edits)}


def test_a_document_must_be_there_in_full(tmp_path: Path) -> None:
    (first, second), (third, fourth) = FIRST, THIRD
    sheet = put(tmp_path / "sheet.tsv", f"{first}\tسارا رفت.\n{fourth}\tاز [رشت](GPE) نوشت.\n")
    with pytest.raises(InputError) as caught:
        raw_text.layer("mine", sheet, by_name(FIRST, SECOND, THIRD))
    assert {problem.doc_id for problem in caught.value.problems} == {second, third}


@given(st.lists(raw_texts(8), min_size=1, max_size=6), st.data())
def test_what_was_marked_comes_back(lines: list[str], data: st.DataObject) -> None:
    lines = [" ".join(line.split()) for line in lines]
    found = by_name(*({record.id: record for record in records} for records in raw_text.documents(lines)))
    marked = []
    for record in (record for records in found.values() for record in records):
        start = data.draw(st.integers(0, len(record.text) - 1))
        spans = [] if record.text[start] == " " else [Span(start=start, end=start + 1, label="PER")]
        marked.append(record.model_copy(update={"spans": spans}))
    with TemporaryDirectory() as folder:
        proofread.write_sheet(Path(folder) / "sheet.tsv", marked)
        made = raw_text.layer("mine", Path(folder) / "sheet.tsv", found)
    applied = standoff.apply(made, [record for records in found.values() for record in records], {}, frozenset())
    assert (applied.problems, applied.left_out) == ([], {})
    assert applied.records == marked


def test_the_commands_from_a_text_to_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True)))
    (tmp_path / "news.txt.xz").write_bytes(lzma.compress(TEXT.encode()))
    (only,) = SECOND
    common = ("--text", "news.txt.xz", "--sources", "sources")
    put(tmp_path / "sheet.tsv", f"{only}\tهوا سرد [است](FOOD).\n")
    refused = run_script("layers", "annotate-text", "mine", "sheet.tsv", *common)
    assert refused.exit_code == 1 and "unknown label 'FOOD'" in refused.output
    assert not (tmp_path / "layers").exists()
    first, second = FIRST
    put(tmp_path / "sheet.tsv", f"{only}\tهوا سرد است.\n{first}\t[سارا](PER) رفت.\n{second}\tاز [قم](GPE) نوشت.\n")
    done = run_script("layers", "annotate-text", "mine", "sheet.tsv", *common)
    assert done.output == "Wrote layers/mine.jsonl: 2 documents of the sheet, 2 in all\n"
    done = run_script("layers", "take-text", "mine", *common)
    assert done.output == "Wrote taken/mine.jsonl: 2 documents\n"
    loaded = load(SOURCE, tmp_path)
    assert (loaded.problems, loaded.left_out) == ([], {})
    assert [
        (record.id, [(span.start, span.end, span.label) for span in record.spans]) for record in loaded.records
    ] == [
        (f"mine/{only}", []),
        (f"mine/{first}", [(0, 4, "PER")]),
        (f"mine/{second}", [(3, 5, "GPE")]),
    ]
    before = contents(tmp_path / "taken")
    put(tmp_path / "other.txt", TEXT.replace("سرد", "گرم"))
    refused = run_script("layers", "take-text", "mine", "--text", "other.txt", "--sources", "sources")
    assert refused.exit_code == 1 and "no such document in the text" in refused.output
    assert only.partition("#")[0] in refused.output and first.partition("#")[0] not in refused.output
    assert contents(tmp_path / "taken") == before


def news(title: str, words: int = 70) -> list[str]:
    """The paragraphs of a piece of news that shares no two words in a row with one of another title."""
    return [title, " ".join(f"{title}{number}" for number in range(words - 1))]


def of(*pieces: list[str]) -> dict[str, list[Record]]:
    lines = [line for piece in pieces for line in [*piece, ""]]
    return {standoff.document_name(records[0]): records for records in raw_text.documents(lines)}


def titles(drawn: list[list[Record]]) -> list[str]:
    return [records[0].text for records in drawn]


class TestDrawing:
    PIECES = (news("باران"), news("نفت"), news("فوتبال"))

    def test_until_there_are_words_enough(self) -> None:
        found = of(*self.PIECES)
        assert sorted(titles(raw_text.drawn(found, [], [], 1000))) == sorted(piece[0] for piece in self.PIECES)
        assert len(raw_text.drawn(found, [], [], 71)) == 2
        assert titles(raw_text.drawn(found, [], [], 140)) == titles(raw_text.drawn(found, [], [], 140))

    def test_another_round_draws_others_first(self) -> None:
        found = of(*(news(f"خبر {number}") for number in range(30)))
        names = list(found)
        orders = {tuple(titles(raw_text.drawn(found, names[:known], [], 10_000))[:3]) for known in range(1, 9)}
        assert len(orders) > 1

    @pytest.mark.parametrize(
        "piece",
        [
            news("کوتاه", 59),
            news("بلند", 701),
            ["بند بلند", *news("یک", 222)],
            ["یک بند " * 40],
            [*news("لاتین"), "Reuters and AFP and Bloomberg and others say so"],
            [*news("جدول"), "یک\tدو"],
            [*news("سطر"), "یک\u2028دو"],
        ],
        ids=["few words", "many words", "a long paragraph", "one paragraph", "Latin", "a tab", "a line break"],
    )
    def test_what_is_no_news_is_left_out(self, piece: list[str]) -> None:
        assert titles(raw_text.drawn(of(piece, self.PIECES[0]), [], [], 10_000)) == ["باران"]

    def test_what_is_known_or_held_out_is_left_out(self) -> None:
        again = ["باران", *news("برف")[1:]]
        found = of(*self.PIECES, again)
        first = next(iter(found))
        # «باران» is known: its text is not drawn, nor another one with its title.
        assert sorted(titles(raw_text.drawn(found, [first], [], 10_000))) == ["فوتبال", "نفت"]
        eight, seven = (" ".join(f"نفت{number}" for number in range(10, 10 + count)) for count in (8, 7))
        assert "نفت" in titles(raw_text.drawn(found, [], [seven], 10_000))
        other = f"گفت: «{eight}»".replace(" ", "، ").translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
        assert "نفت" not in titles(raw_text.drawn(found, [], [other], 10_000))

    def test_the_densest_are_kept_in_their_order(self) -> None:
        documents = list(of(*self.PIECES).values())
        spans = [Span(start=0, end=3, label="ORG")]
        guessed = [
            [records[0].model_copy(update={"spans": spans * count}), *records[1:]]
            for count, records in zip((2, 0, 1), documents, strict=True)
        ]
        assert titles(raw_text.densest(guessed, 1)) == ["باران"]
        assert titles(raw_text.densest(guessed, 71)) == ["باران", "فوتبال"]
        assert titles(raw_text.densest(guessed, 1000)) == ["باران", "نفت", "فوتبال"]


def test_a_layer_grows_by_sheets(tmp_path: Path) -> None:
    (first, second), (only,) = FIRST, SECOND
    found = by_name(FIRST, SECOND, THIRD)
    sheet = put(tmp_path / "1.tsv", f"{first}\t[سارا](PER) رفت.\n{second}\tاز [قم](GPE) نوشت.\n")
    known = raw_text.layer("mine", sheet, found)
    more = raw_text.layer("mine", put(tmp_path / "2.tsv", f"{only}\tهوا [سرد](PER) است.\n"), found)
    both = raw_text.extended(known, more)
    assert set(both.documents) == {standoff.document_name(found) for found in (FIRST[first], SECOND[only])}
    assert both.entries == known.entries | more.entries
    # Read anew: the name that is bare now must not stay behind.
    anew = raw_text.layer("mine", put(tmp_path / "3.tsv", f"{first}\tسارا رفت.\n{second}\tاز [قم](GPE) نوشت.\n"), found)
    assert raw_text.extended(both, anew).entries == {second: known.entries[second]} | more.entries


def test_from_a_models_guess_to_the_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True)))
    pieces = (news("باران"), news("نفت"), news("فوتبال"))
    put(tmp_path / "news.txt", "\n\n".join("\n".join(piece) for piece in pieces) + "\n")
    nlp = docbin.blank()
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "نفت"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "model")
    put(tmp_path / "gold.jsonl", json.dumps({"id": "g", "text": pieces[2][1], "spans": []}) + "\n")
    common = ("--text", "news.txt", "--sources", "sources")
    guess = ("layers", "guess-text", "mine", "model", "sheet.tsv", *common)
    done = run_script(*guess, "--words", "60", "--draw", "3", "--apart", "gold.jsonl")
    assert done.output.endswith("Wrote 1 of 2 documents, 70 words, to sheet.tsv\n"), done.output
    sheet = (tmp_path / "sheet.tsv").read_text("utf-8")
    assert "#1\t[نفت](ORG)\n" in sheet
    put(tmp_path / "sheet.tsv", sheet.replace("[نفت](ORG)", "نفت"))
    done = run_script("layers", "annotate-text", "mine", "sheet.tsv", *common)
    assert done.output == "Wrote layers/mine.jsonl: 1 documents of the sheet, 1 in all\n"
    done = run_script(*guess, "--words", "1000")
    assert done.output.endswith("Wrote 2 of 2 documents, 140 words, to sheet.tsv\n"), done.output
    assert run_script("layers", "annotate-text", "mine", "sheet.tsv", *common).output.endswith("3 in all\n")
    before = contents(tmp_path)
    refused = run_script(*guess)
    assert refused.exit_code == 1 and "has no news that the layer lacks" in refused.output
    refused = run_script(*guess[:3], "nowhere", *guess[4:])
    assert refused.exit_code == 1
    assert contents(tmp_path) == before
    # More text, but not the one that the layer is about:
    more = news("برف")
    put(tmp_path / "other.txt", "\n".join(more) + "\n")
    (document,) = of(more)
    put(tmp_path / "second.tsv", "".join(f"{document}#{number}\t{line}\n" for number, line in enumerate(more, 1)))
    layer = (tmp_path / "layers" / "mine.jsonl").read_text("utf-8")
    refused = run_script("layers", "annotate-text", "mine", "second.tsv", "--text", "other.txt", "--sources", "sources")
    assert refused.exit_code == 1 and refused.output.count("no such document in the text") == 3
    assert (tmp_path / "layers" / "mine.jsonl").read_text("utf-8") == layer


def test_a_model_of_other_labels_guesses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True)))
    put(tmp_path / "news.txt", "\n".join(news("نفت")) + "\n")
    nlp = docbin.blank()
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "نفت"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "model")
    refused = run_script(
        "layers", "guess-text", "mine", "model", "sheet.tsv", "--text", "news.txt", "--sources", "sources"
    )
    assert refused.exit_code == 1 and "predicts LOC, no label of a layer" in refused.output
    assert not (tmp_path / "sheet.tsv").exists()


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a source of bare text, its layer and its documents."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "sources" / "mine.yml", json.dumps(SOURCE.model_dump(exclude_none=True)))
    put(tmp_path / "news.txt", TEXT)
    (only,) = SECOND
    put(tmp_path / "sheet.tsv", f"{only}\tهوا سرد است.\n")
    common = ("--text", "news.txt", "--sources", "sources")
    assert run_script("layers", "annotate-text", "mine", "sheet.tsv", *common).exit_code == 0
    assert run_script("layers", "take-text", "mine", *common).exit_code == 0
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ("build", "mine", "--gazetteers", "gazetteers"),
        ("settle-proof", "mine", "sheet.tsv", "--reading", "2"),
        ("correct", "mine", "sheet"),
    ],
    ids=lambda command: command[0],
)
def test_what_works_on_readings_refuses_bare_text(command: tuple[str, ...], taken: Path) -> None:
    put_gazetteers(taken / "gazetteers", {"QA": "قطر"})
    options = ("--decisions", "decisions", "--sources", "sources")
    drawn = run_script("layers", "questions", "mine", "sheet", "--of", "unread", "--size", "1", *options)
    assert drawn.exit_code == 0, drawn.output
    put(taken / "sheet" / "answers.tsv", "1\t-\n")
    put(taken / "decisions" / "readings" / "mine.tsv", "")
    put(taken / "decisions" / "surfaces.tsv", "")
    before = contents(taken)
    refused = run_script("layers", *command, *options)
    assert refused.exit_code == 1 and "its layer is made by annotate-text" in refused.output
    assert contents(taken) == before


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("bad.txt", TEXT.encode("windows-1256", "replace"), "bad.txt:1: [-] not UTF-8: "),
        ("bad.txt.xz", b"no xz", "bad.txt.xz: [-] cannot be read: "),
        ("bad.txt.xz", lzma.compress(TEXT.encode())[:-20], "bad.txt.xz: [-] cannot be read: "),
        ("bad.txt.zst", b"no zst", "bad.txt.zst: [-] cannot be read: "),
    ],
    ids=["not UTF-8", "not xz", "cut xz", "not zst"],
)
def test_a_text_that_cannot_be_read_is_named(name: str, content: bytes, problem: str, taken: Path) -> None:
    (taken / name).write_bytes(content)
    before = contents(taken)
    for command in (("annotate-text", "mine", "sheet.tsv"), ("take-text", "mine")):
        refused = run_script("layers", *command, "--text", name, "--sources", "sources")
        assert refused.exit_code == 1 and problem in refused.output
    assert contents(taken) == before


def test_a_folder_is_no_text(taken: Path) -> None:
    assert run_script("layers", "take-text", "mine", "--text", "sources", "--sources", "sources").exit_code == 2
