"""The datasheet's numbers, each by a case small enough to count by hand; and that the written one is up to date."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_runs import run_script

from persian_ner import datasheet, duplicates
from persian_ner.datasheet import (
    Aim,
    Conflict,
    Counts,
    Disagreement,
    Group,
    Score,
    Surface,
    Surfaces,
    Templates,
    Vocabulary,
)
from persian_ner.duplicates import Repeat, Repetition
from persian_ner.readers import markup
from persian_ner.records import InputError, Record, Span

ROOT = Path(__file__).parents[1]
NONE = dict.fromkeys(("PER", "ORG", "GPE", "EVENT", "DATE"), 0)


def record(doc_id: str, body: str, **meta: str) -> Record:
    text, spans, defects = markup.parse(body)
    assert not defects
    return Record(id=doc_id, text=text, spans=spans, meta=meta, origin=(f"{doc_id}.md", 1))


TRIP = record(
    "trip",
    "[نسرین کاظمی](PER) به [رشت](GPE) رفت. [دیروز](DATE) در [رشت](GPE) باران آمد!",
    topic="سفر",
    published="2021-03-04",
)
MATCH = record("match", "[سپیدرود](ORG) برد.\n\nسپیدرود خشک است.", topic="ورزش", published="2021-10-11")
UNDATED = record("undated", "خبری نیست.", topic="سفر")


def test_counts():
    # trip: 10 words in 2 sentences; match: 5 words in 2 lines
    assert datasheet.count([TRIP, MATCH]) == Counts(2, 15, 4, NONE | {"PER": 1, "ORG": 1, "GPE": 2, "DATE": 1})
    assert datasheet.count([]) == Counts(0, 0, 0, NONE)


def test_counts_by_key():
    trip = datasheet.count([TRIP])
    both = Counts(2, 12, 3, trip.spans)
    assert datasheet.count_by([MATCH, TRIP, UNDATED], "topic") == [
        Group("سفر", both),
        Group("ورزش", datasheet.count([MATCH])),
    ]


def test_year_is_that_of_publication_and_articles_without_one_come_last():
    groups = datasheet.count_by([UNDATED, TRIP, MATCH], "year")
    assert [(group.value, group.counts.articles) for group in groups] == [("2021", 2), (None, 1)]


def test_articles_are_counted_by_the_folder_of_their_file():
    there = TRIP.model_copy(update={"origin": ("assets/there/trip.md", 1)})
    here = MATCH.model_copy(update={"origin": ("assets/here/match.md", 1)})
    assert datasheet.count_by([there, here], "folder") == [
        Group("here", datasheet.count([MATCH])),
        Group("there", datasheet.count([TRIP])),
    ]


def test_surfaces_are_distinct_as_written_and_when_folded():
    records = [
        record("a", "[علی‌اکبر](PER) و [علي‌اكبر](PER) و [علی‌اکبر](PER) و [مریم](PER)"),
        record("b", "[علیاکبر](PER) و [کَرَم](PER)"),
    ]
    found = datasheet.surfaces(records, most_frequent=2)
    assert found["PER"] == Surfaces(5, 3, [Surface("علی‌اکبر", 4, 2), Surface("مریم", 1, 1)])
    assert found["ORG"] == Surfaces(0, 0, [])


def test_white_space_inside_a_surface_does_not_make_it_another():
    assert datasheet.surfaces([record("a", "[بندر  لنگه](GPE) و [بندر لنگه](GPE)")])["GPE"].distinct_folded == 1


def test_vocabulary_counts_folded_words_without_punctuation():
    # کتاب‌ها=کتابها, يک=یک; «؟» and «!» are no words
    text = record("a", "کتاب‌ها، کتابها؟ يک یک دو! ۲ 2")
    assert datasheet.vocabulary([text], sample=4) == Vocabulary(7, 4, 4 / 7, 2 / 4)


def test_standardised_ratio_is_the_mean_of_whole_samples_across_articles():
    # samples of two: (آ آ) 1/2, (ب پ) 2/2; the fifth word is left over
    records = [record("a", "آ آ ب"), record("b", "پ پ")]
    assert datasheet.vocabulary(records, sample=2) == Vocabulary(5, 3, 3 / 5, 3 / 4)
    assert datasheet.vocabulary(records, sample=6).standardised_ratio is None
    assert datasheet.vocabulary([]) == Vocabulary(0, 0, None, None)


FIRST = "پس از سال‌ها انتظار، پل تازه بر رودخانه گشوده شد و مردم دو ساحل جشن گرفتند."
COPY = "پس از سالها انتظار پل تازه بر رودخانه گشوده شد و مردم دو ساحل جشن گرفتند"
NEAR = "پس از سال‌ها انتظار، پل تازه بر رودخانه گشوده شد و مردم دو ساحل جشن گرفتیم."
OTHER = "نانوای محله می‌گوید آرد گران نشده است اما تنور کهنه‌اش دیگر گرم نمی‌شود."


def test_repeats_are_exact_or_near_and_the_first_of_a_kind_is_none():
    records = [record("a", f"{FIRST}\n{OTHER}"), record("b", f"{COPY}\nکوتاه است."), record("c", NEAR)]
    found = duplicates.find_repeats(records)
    assert found.compared == 4  # «کوتاه است.» is too short to tell
    assert found.repeats[0] == Repeat("b", COPY, "a", FIRST, 1.0)
    keys = [{key[i : i + 5] for i in range(len(key) - 4)} for key in map(duplicates.compare_key, (FIRST, NEAR))]
    jaccard = len(keys[0] & keys[1]) / len(keys[0] | keys[1])
    assert 0.8 <= jaccard < 1
    assert found.repeats[1:] == [Repeat("c", NEAR, "a", FIRST, round(jaccard, 3))]
    assert datasheet.repeated_share(found) == 2 / 4


def test_repeats_within_one_article_count():
    assert duplicates.find_repeats([record("a", f"{FIRST}\n{FIRST}")]).repeats == [Repeat("a", FIRST, "a", FIRST, 1.0)]


def test_nothing_compared_has_no_share():
    assert datasheet.repeated_share(duplicates.find_repeats([UNDATED])) is None


def test_conflicts_are_surfaces_with_several_labels():
    records = [
        record("a", "[مهر](ORG) نوشت [مهر](DATE) گرم است. [مُهر](DATE)"),
        record("b", "[پیکان](ORG) و [آذر](PER)"),
        record("c", "[آذر](DATE)"),
    ]
    assert datasheet.conflicts(records) == [
        Conflict("مهر", {"ORG": ["a"], "DATE": ["a", "a"]}),
        Conflict("آذر", {"PER": ["b"], "DATE": ["c"]}),
    ]


ONE = "[رضا](PER) در [شهر رشت](GPE) ماند. [مجلس](ORG) بسته بود. [سیل](EVENT) آمد. [فردا](DATE)"
TWO = "[رضا](PER) در شهر [رشت](GPE) ماند. مجلس بسته بود. [سیل](DATE) آمد. [فردا](DATE)"
END = "[رضا](PER) در [شهر رشت](GPE) ماند. مجلس بسته بود. سیل آمد. فردا"


def test_agreement_and_what_became_of_the_disagreements():
    extra = record("extra", "[یزد](GPE)")
    found = datasheet.agreement([record("a", ONE)], [record("a", TWO)], [extra, record("a", END)])
    assert (found.articles, found.words) == (1, 11)
    assert found.overall == Score(5, 4, 2, 4 / 9, None)
    assert found.per_label == {
        "PER": Score(1, 1, 1, 1.0, None),
        "ORG": Score(1, 0, 0, 0.0, None),
        "GPE": Score(1, 1, 0, 0.0, None),
        "EVENT": Score(1, 0, 0, 0.0, None),
        "DATE": Score(1, 2, 1, 2 / 3, None),
    }
    assert found.disagreements == [
        Disagreement("a", "[شهر رشت](GPE)", "شهر [رشت](GPE)", "[شهر رشت](GPE)", "first"),
        Disagreement("a", "[مجلس](ORG)", "مجلس", "مجلس", "second"),
        Disagreement("a", "[سیل](EVENT)", "[سیل](DATE)", "سیل", "neither"),
    ]
    assert found.revised == 1  # «فردا»


def test_agreement_has_an_interval_over_several_articles():
    records = [record("a", ONE), record("b", ONE)]
    assert datasheet.agreement(records, records, records).overall.interval == (1.0, 1.0)


def test_agreement_names_every_article_that_does_not_fit():
    first = [record("a", "متن"), record("b", "متن")]
    second = [record("a", "متن دیگر"), record("c", "متن")]
    with pytest.raises(InputError) as caught:
        datasheet.agreement(first, second, [record("a", "متن")])
    assert [(problem.doc_id, problem.reason) for problem in caught.value.problems] == [
        ("a", "the second annotation has another text"),
        ("b", "the final annotation does not have this article"),
        ("b", "the second annotation does not have this article"),
        ("c", "the first annotation does not have this article"),
    ]


@st.composite
def annotations(draw: st.DrawFn) -> list[Record]:
    """Three annotations of one text."""
    words = ["آب", "باد", "خاک", "آتش", "نور", "سنگ"]
    bodies = []
    for _ in range(3):
        borders = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
        body, cursor = [], 0
        for start, end in zip(borders[::2], borders[1::2], strict=False):
            label = draw(st.sampled_from(["PER", "GPE"]))
            body += [*words[cursor:start], f"[{' '.join(words[start:end])}]({label})"]
            cursor = end
        bodies.append(" ".join([*body, *words[cursor:]]))
    return [record("a", body) for body in bodies]


@given(annotations())
def test_disagreements_are_pieces_of_the_text_and_account_for_every_span(records):
    first, second, final = records
    found = datasheet.agreement([first], [second], [final])
    marked = {"first": 0, "second": 0}
    for item in found.disagreements:
        versions = {side: markup.parse(getattr(item, side)) for side in ("first", "second", "final")}
        assert len({text for text, _, _ in versions.values()}) == 1
        assert versions["final"][0] in first.text
        assert item.first != item.second
        expected = {item.first: "first", item.second: "second"}.get(item.final, "neither")
        assert item.verdict == expected
        for side in marked:
            marked[side] += len(versions[side][1])
    assert not found.disagreements or found.overall.f1 != 1.0
    # Outside the disagreements both have the same spans, which are among those exactly alike.
    assert found.overall.first - marked["first"] == found.overall.second - marked["second"] <= found.overall.same


def sheet() -> datasheet.Datasheet:
    return datasheet.measure([TRIP, MATCH], [TRIP], [TRIP])


def test_sentences_of_one_form_in_two_articles_are_counted():
    long = " در نشستی با خبرنگاران شرکت کرد و به پرسش‌ها پاسخ داد"

    def article(name, *sentences):
        text = "\n".join(sentences)
        starts = [text.index(word) for word in ("سارا", "دارا") if word in text]
        return Record(id=name, text=text, spans=[Span(start=start, end=start + 4, label="PER") for start in starts])

    same = [article("a", f"سارا ۱۲{long}."), article("b", f"دارا ۳۴۵{long}!")]
    assert datasheet.templates(same) == Templates(2, 2)
    # Not in another article, another word, or too short to tell.
    assert datasheet.templates([article("a", f"سارا{long}", f"دارا{long}")]) == Templates(2, 0)
    assert datasheet.templates([same[0], article("b", f"رضا ۳۴۵{long}")]) == Templates(2, 0)
    assert datasheet.templates([article("a", "سارا افزود"), article("b", "دارا افزود")]) == Templates(0, 0)


def test_no_template_fills_the_articles():
    articles, reference = datasheet.read_folders(ROOT / "assets" / "articles", ROOT / "assets" / "reference")
    found = datasheet.templates(articles + reference)
    assert found.compared > 5000 and found.shared / found.compared <= datasheet.TEMPLATES_AIM


def test_aims_say_what_is_met():
    small = sheet()
    full = replace(
        small,
        counts=replace(small.counts, words=100_000),
        lengths=[8, 20],
        surfaces={label: Surfaces(9999, n, []) for label, n in datasheet.DISTINCT_AIMS.items()},
        repetition=Repetition(100, [Repeat("a", "x", "b", "x", 1.0)]),
        templates=Templates(100, 0),
    )
    assert [aim.met for aim in datasheet.aims(full)] == [True] * 9
    assert not any(aim.met for aim in datasheet.aims(small))
    assert datasheet.aims(full)[0] == Aim("words", "≥ 100,000", "100,000", True)
    assert datasheet.aims(full)[-2].found == "1.00 %"
    assert datasheet.aims(replace(full, lengths=[7, 8, 20, 21]))[-3].found == "2 of 4"
    two_in_a_hundred = Repetition(100, full.repetition.repeats * 2)
    assert not datasheet.aims(replace(full, repetition=two_in_a_hundred))[-2].met
    assert datasheet.aims(replace(full, templates=Templates(100, 1)))[-1].met
    assert not datasheet.aims(replace(full, templates=Templates(100, 2)))[-1].met


def test_every_table_has_as_many_cells_in_each_row():
    conflicting = record("c|d", "[سپید|رود](GPE) و [سپید|رود](ORG)", topic="a|b", kind="[x](y)")
    page = datasheet.render(datasheet.measure([TRIP, conflicting], [TRIP], [record("trip", TRIP.text)]))
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) >= 8
    for rows in tables:
        widths = {row.replace("\\|", "").count("|") for row in rows}
        assert len(widths) == 1, rows
        assert set(rows[1]) <= set("|-:")


def test_the_page_states_the_numbers():
    page = datasheet.render(sheet())
    assert "2 articles, 15 words" in page
    assert "| GPE | 2 | 1 | 1 | 50.00 % |" in page
    assert "| 2021 | 2 | 15 | 4 | 1 | 1 | 2 | 0 | 1 |" in page
    assert "1 articles (50.00 % of all" in page


def test_command_lists_every_problem_and_keeps_the_page(tmp_path):
    for folder in ("articles", "first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.md").write_text(f"---\nid: a\n---\n[{folder}](FOOD) و ]", encoding="utf-8")
        (tmp_path / folder / "b.md").write_text(f"---\nid: b\n---\n[{folder}](FOOD)", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("old")
    folders = (tmp_path / "articles", "--first", tmp_path / "first", "--second", tmp_path / "second")
    result = run_script("datasheet", *folders, "--output", page)
    assert result.exit_code == 1
    assert result.output.count("stray ']'") == result.output.count("unknown label 'FOOD'") == 3
    assert page.read_text() == "old"


def test_the_written_datasheet_is_up_to_date(tmp_path, monkeypatch):
    """When this fails: python scripts/datasheet.py."""
    monkeypatch.chdir(ROOT)
    page, numbers = tmp_path / "datasheet.md", tmp_path / "datasheet.json"
    result = run_script("datasheet", "--output", page, "--json", numbers)
    assert result.exit_code == 0, result.output
    assert result.output.strip().splitlines()[-1].startswith(f"Wrote {page} and {numbers}: ")
    assert (ROOT / "docs" / "datasheet.md").read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
    files = [file for folder in ("articles", "reference") for file in (ROOT / "assets" / folder).glob("*.md")]
    assert json.loads(numbers.read_text(encoding="utf-8"))["counts"]["articles"] == len(files)
