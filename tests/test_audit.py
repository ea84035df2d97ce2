"""What each part of the audit finds, by cases small enough to work out by hand; and its pages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st

from persian_ner import audit
from persian_ner.audit import coverage, disagreement, leakage, page, spans, surfaces, texts
from persian_ner.audit.inputs import Corpus, Predictions, Split
from persian_ner.audit.schema import KINDS, Audit
from persian_ner.metrics import align
from persian_ner.readers import markup
from persian_ner.records import Record, Span

ARTICLES = Path(__file__).parents[1] / "assets" / "articles"
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>&amp;"
SENTENCE = "کتابخانه‌های روستایی استان تا پایان سال ۱۴۰۳ به ۲۵۰ رایانه و شبکهٔ پرسرعت مجهز می‌شوند."
OTHERS = [
    "راهداران می‌گویند گردنه‌های برف‌گیر تا ظهر شنبه برای خودروهای سبک باز خواهد شد.",
    "کتابخانه‌های شهری کشور از آغاز تابستان ساعت کار خود را دو ساعت افزایش داده‌اند.",
    "تیم والیبال بانوان در سومین بازی خود سه بر یک برنده شد و به نیمه‌نهایی رفت.",
]


def record(doc_id: str, body: str, labels: list[str] | None = None, **meta: str) -> Record:
    text, found, defects = markup.parse(body)
    assert not defects
    return Record(id=doc_id, text=text, spans=found, annotated_labels=labels, meta=meta)


def records(*bodies: str, prefix: str = "d", labels: list[str] | None = None, **meta: str) -> list[Record]:
    return [record(f"{prefix}{number}", body, labels, **meta) for number, body in enumerate(bodies, start=1)]


def corpus(*predictions: Predictions, **splits: list[Record]) -> Corpus:
    return Corpus([Split(name, Path(f"{name}.jsonl"), name, found) for name, found in splits.items()], [*predictions])


def predictions(*spans_of: list[Span], split: str = "train", trained_on: tuple[str, ...] = ()) -> Predictions:
    """Predicted spans of the documents ``d1``, ``d2`` … of a split."""
    found = {(split, f"d{number}"): predicted for number, predicted in enumerate(spans_of, start=1)}
    return Predictions(Path("run"), "fa_test 1", found, 0, [*trained_on])


class TestLeakage:
    def test_a_leak_is_named_with_ids_offsets_and_text(self) -> None:
        text = f"تیتر\n{OTHERS[2]} {SENTENCE}"
        found = leakage.find(
            corpus(train=records(OTHERS[0], SENTENCE), test=[record("t1", text), record("t2", OTHERS[1])])
        )
        (leak,) = found.findings
        here, there = leak.places
        assert (here.split, here.doc_id, there.split, there.doc_id) == ("test", "t1", "train", "d2")
        assert text[here.start : here.end] == here.text == SENTENCE
        assert (there.start, there.end, there.text) == (0, len(SENTENCE), SENTENCE)
        assert (leak.kind, leak.severity, leak.similarity, leak.annotated_alike) == ("leak", "high", 1.0, True)
        train, test = found.splits
        assert (train.verdict, train.share, train.before) == ("first", None, [])
        assert (test.sentences, test.leaking, test.documents, test.leaking_documents) == (3, 1, 2, 1)
        assert (test.share, test.contained, test.copies) == (pytest.approx(1 / 3), 0.5, 1.0)
        assert (test.verdict, test.before) == ("void", ["train"])

    def test_near_copies_are_less_severe_and_say_nothing_about_annotation(self) -> None:
        near = SENTENCE.replace("۲۵۰", "۲۶۰")
        (leak,) = leakage.find(corpus(train=records(SENTENCE), test=records(near))).findings
        assert (leak.severity, leak.annotated_alike) == ("medium", None)
        assert 0.8 <= leak.similarity < 1

    def test_copies_annotated_differently_are_severe_also_within_a_split(self) -> None:
        marked = OTHERS[0].replace("شنبه", "[شنبه](DATE)")
        same = leakage.find(corpus(train=records(marked, marked.replace("شنبه", "شنبه"), OTHERS[1]))).findings
        assert [(copy.kind, copy.severity, copy.annotated_alike) for copy in same] == [("repeat", "low", True)]
        (other,) = leakage.find(corpus(train=records(marked, OTHERS[0]))).findings
        assert (other.kind, other.severity, other.annotated_alike, other.labels) == ("repeat", "high", False, ["DATE"])

    def test_a_label_that_one_side_does_not_annotate_is_no_difference(self) -> None:
        marked = OTHERS[0].replace("شنبه", "[شنبه](DATE)")
        train = [record("d1", marked), record("d2", OTHERS[0], ["PER"])]
        (copy,) = leakage.find(corpus(train=train)).findings
        assert copy.annotated_alike is True

    def test_honest_splits(self) -> None:
        found = leakage.find(corpus(train=records(*OTHERS), test=records(SENTENCE, "کوتاه."), dev=records("کوتاه.")))
        assert found.findings == []
        assert [split.verdict for split in found.splits] == ["first", "clean", "nothing"]

    def test_some_leaks_do_not_void_a_split(self) -> None:
        sentences = article_sentences()[:40]
        found = leakage.find(corpus(train=[*sentences[:20], sentences[39]], test=sentences[20:]))
        assert [(split.leaking, split.verdict) for split in found.splits] == [(0, "first"), (1, "leaks")]

    def test_joined_folds(self) -> None:
        """ARMAN as a well-known loader has it: the three test folds joined, and the three training folds."""
        everything = article_sentences()
        assert len(everything) > 90
        folds = [everything[number::3] for number in range(3)]
        train = [
            item.model_copy(update={"id": f"{item.id}/fold{held_out}"})
            for held_out in range(3)
            for number in range(3)
            if number != held_out
            for item in folds[number]
        ]
        found = leakage.find(corpus(train=train, test=[item for fold in folds for item in fold]))
        test = found.splits[1]
        assert (test.verdict, test.share, test.contained, test.copies) == ("joined_folds", 1.0, 1.0, 2.0)
        leaks = {copy.places[0].doc_id: copy.places[1] for copy in found.findings if copy.kind == "leak"}
        assert leaks.keys() == {item.id for item in everything}
        assert all(place.split == "train" and place.doc_id.startswith(doc_id) for doc_id, place in leaks.items())
        assert "2.0 times each" in leakage.sentence(test) and "MEAN NOTHING" in leakage.sentence(test)
        # A part of the training data is a leak, but no joined folds: the training data holds more.
        part = leakage.find(corpus(train=everything, test=everything[::2])).splits[1]
        assert (part.verdict, part.share) == ("void", 1.0)

    def test_one_file_given_twice_is_void(self) -> None:
        (_, test) = leakage.find(corpus(train=records(SENTENCE), test=records(SENTENCE))).splits
        assert (test.verdict, test.contained, test.copies) == ("void", 1.0, 1.0)

    def test_every_verdict_has_a_sentence(self) -> None:
        splits = {
            "train": records(SENTENCE, SENTENCE),
            "test": records(SENTENCE),
            "dev": records(OTHERS[0]),
            "more": records(OTHERS[0], OTHERS[1]),
            "headlines": records("کوتاه."),
        }
        assert [leakage.sentence(split) for split in leakage.find(corpus(**splits)).splits] == [
            "train: the first split; the others are compared with it.",
            "test: 1 of 1 sentences (100.0%) are in train, 2.0 times each, and 100.0% of theirs are in it. "
            "SCORES ON IT MEAN NOTHING: this looks like the folds of a cross-validation joined into one benchmark.",
            "dev: no sentence is in train, test.",
            "more: 1 of 2 sentences (50.0%) are in train, test, dev. SCORES ON IT MEAN NOTHING.",
            "headlines: no sentence is long enough to compare.",
        ]


def article_sentences() -> list[Record]:
    """Sentences of the project's articles, each a record."""
    articles = (item for item in markup.read(ARTICLES) if isinstance(item, Record))
    lines = [
        Record(id=f"{article.id}#{number}", text=line)
        for article in articles
        if not article.meta.get("scraped")
        for number, line in enumerate(article.text.split("\n"))
        if 80 <= len(line) <= 150 and not re.search(r"[.؟!] ", line)
    ]
    return lines


class TestSurfaces:
    @pytest.mark.parametrize(
        ("count", "total", "bound"), [(97, 100, 0.9155), (50, 100, 0.4038), (2, 3, 0.2077), (1, 1, 0.2065)]
    )
    def test_lower_bound(self, count: int, total: int, bound: float) -> None:
        """Worked out with the formula of Wilson (1927)."""
        assert surfaces.lower_bound(count, total) == pytest.approx(bound, abs=1e-4)

    def test_one_sided_labels_are_severe_and_even_ones_are_not(self) -> None:
        one_sided = ["[رشت](GPE) باران آمد."] * 30 + ["[رشت](ORG) برد."]
        even = ["[مهر](ORG) نوشت."] * 3 + ["[مهر](DATE) رسید."] * 3
        first, second = surfaces.find(corpus(train=records(*even, *one_sided)))
        assert (first.surface, first.severity, first.majority, first.counts) == (
            "رشت",
            "high",
            "GPE",
            {"GPE": 30, "ORG": 1},
        )
        assert first.odd == 1
        assert [(p.doc_id, p.start, p.end, p.label, p.text) for p in first.places] == [("d37", 0, 3, "ORG", "رشت")]
        assert (first.usual.label, first.usual.doc_id) == ("GPE", "d7")
        assert first.bound == pytest.approx(surfaces.lower_bound(30, 31), abs=1e-4)
        assert (second.surface, second.severity, second.odd) == ("مهر", "low", 3)

    def test_surfaces_are_compared_folded_and_by_whole_tokens(self) -> None:
        train = records("[علی‌اكبر](PER) آمد.", "علیاکبر، رفت.", "علی‌اکبرها رفتند.")
        (conflict,) = surfaces.find(corpus(train=train))
        assert (conflict.kind, conflict.surface, conflict.counts, conflict.unmarked) == (
            "plain",
            "علی‌اكبر",
            {"PER": 1},
            1,
        )
        assert [(p.doc_id, p.text, p.label) for p in conflict.places] == [("d2", "علیاکبر", None)]

    def test_the_longest_surface_counts_and_spans_hide_what_is_in_them(self) -> None:
        train = records(
            "[شهرداری تهران](ORG) در [تهران](GPE) است.", "شهرداری تهران خبر داد.", "[دانشگاه تهران](ORG) باز است."
        )
        (conflict,) = surfaces.find(corpus(train=train))
        assert (conflict.surface, conflict.unmarked) == ("شهرداری تهران", 1)

    def test_what_a_document_does_not_annotate_is_no_evidence(self) -> None:
        bare = record("d2", "رشت سرد است.", ["PER"])
        assert surfaces.find(corpus(train=[record("d1", "[رشت](GPE) سرد است."), bare])) == []

    def test_mostly_unmarked_surfaces_are_one_step_less_severe(self) -> None:
        common = ["باران آمد."] * 40 + ["[باران](PER) آمد."]
        (conflict,) = surfaces.find(corpus(train=records(*common)))
        assert (conflict.majority, conflict.severity, conflict.odd, conflict.usual.label) == (None, "medium", 1, None)
        assert [(place.doc_id, place.label) for place in conflict.places] == [("d41", "PER")]

    def test_places_are_capped_and_counted(self) -> None:
        train = records(*["[رشت](GPE) سرد است."] * 60, *["رشت سرد است."] * 60)
        (conflict,) = surfaces.find(corpus(train=train))
        assert (conflict.odd, len(conflict.places)) == (60, surfaces.MOST_PLACES)

    @given(st.text("اب ‌،\nي1", max_size=30))
    def test_tokens_have_offsets_of_the_text(self, text: str) -> None:
        for token in surfaces.tokens(text):
            assert 0 <= token.start < token.end <= len(text)
            assert {token.start, token.end} <= surfaces.token_borders(text)


TEXT = "سارا احمدی به شیراز رفت. رشت سرد بود."
GOLD = "[سارا احمدی](PER) به [شیراز](GPE) رفت. رشت سرد بود."
SARA, SHIRAZ, RASHT = (0, 10), (14, 19), (25, 28)


def span(where: tuple[int, int], label: str, score: float | None = None) -> Span:
    return Span(start=where[0], end=where[1], label=label, score=score)


class TestDisagreement:
    def test_thresholds_are_mean_confidences_of_the_label(self) -> None:
        gold = [span(SARA, "PER"), span(SHIRAZ, "GPE"), span(RASHT, "GPE")]
        predicted = [span(SARA, "PER", 0.9), span(SHIRAZ, "ORG", 0.8)]
        # Shiraz: 1 - 0.8; Rasht was not found and has no confidence.
        assert disagreement.thresholds(align(gold, predicted)) == {"PER": 0.9, "GPE": pytest.approx(0.2)}

    def test_confident_predictions_count_and_others_do_not(self) -> None:
        # The threshold of GPE is (0.9 + 0.7) / 2 = 0.8.
        sure = [span(SARA, "PER", 0.9), span(SHIRAZ, "GPE", 0.9), span(RASHT, "GPE", 0.95)]
        unsure = [span(SARA, "PER", 0.9), span(SHIRAZ, "GPE", 0.7), span(RASHT, "GPE", 0.75)]
        found = disagreement.find(corpus(predictions(sure, unsure), train=records(GOLD, GOLD)))
        (doubt,) = found.findings
        assert (doubt.kind, doubt.places[0].doc_id, doubt.places[0].text) == ("unmarked", "d1", "رشت")
        assert (doubt.confidence, doubt.threshold) == (0.95, pytest.approx(0.8))
        assert (doubt.severity, doubt.models, doubt.of) == ("high", 1, 1)  # at least halfway from 0.8 to 1
        assert found.below_threshold == 1
        assert found.predictions[0].scored

    def test_contradictions_show_both_sides(self) -> None:
        # One GPE was found for certain and one contradicted; the threshold of ORG is that of the club.
        gold = [GOLD, "[نفت](ORG) برد."]
        predicted = [[span(SARA, "PER", 1), span(SHIRAZ, "ORG", 0.85)], [span((0, 3), "ORG", 0.8)]]
        (doubt,) = disagreement.find(corpus(predictions(*predicted), train=records(*gold))).findings
        assert (doubt.kind, doubt.severity, doubt.labels) == ("contradicted", "medium", ["GPE", "ORG"])
        assert doubt.places[0].label == "GPE"
        assert doubt.predicted and (doubt.predicted.label, doubt.predicted.text) == ("ORG", "شیراز")

    def test_two_predictions_inside_one_gold_span_both_contradict_it(self) -> None:
        gold = records("[دانشگاه شهر تهران](ORG) باز شد.")
        found = disagreement.find(
            corpus(predictions([span((0, 7), "ORG"), span((12, 17), "GPE")]), train=gold)
        ).findings
        assert [(d.kind, d.places[0].text, d.predicted and d.predicted.text) for d in found] == [
            ("contradicted", "دانشگاه شهر تهران", "دانشگاه"),
            ("contradicted", "دانشگاه شهر تهران", "تهران"),
        ]

    def test_the_most_confident_beyond_its_threshold_comes_first(self) -> None:
        text = "رشت و بم و یزد و [قم](GPE) و [اوز](ORG)."
        predicted = [
            span((0, 3), "GPE", 0.81),
            span((6, 8), "GPE", 0.95),
            span((11, 14), "ORG", 0.9),
            span((17, 19), "GPE", 0.8),
            span((22, 25), "ORG", 0.5),
        ]
        found = disagreement.find(corpus(predictions(predicted), train=records(text))).findings
        assert [doubt.places[0].text for doubt in found] == ["یزد", "بم", "رشت"]

    def test_without_scores_agreement_of_models_ranks(self) -> None:
        right = [span(SARA, "PER"), span(SHIRAZ, "GPE")]
        runs = [predictions([*right, span(RASHT, "GPE")]), predictions([span(SARA, "PER"), span(RASHT, "GPE")])]
        runs.append(predictions([*right, span(RASHT, "GPE")]))
        found = disagreement.find(corpus(*runs, train=records(GOLD))).findings
        assert [(d.kind, d.places[0].text, d.models, d.of, d.severity) for d in found] == [
            ("unmarked", "رشت", 3, 3, "high"),
            ("unfound", "شیراز", 1, 3, "low"),
        ]
        assert all(doubt.confidence is None and doubt.threshold is None for doubt in found)

    def test_one_model_without_scores_proves_little(self) -> None:
        found = disagreement.find(corpus(predictions([span(SARA, "PER")]), train=records(GOLD)))
        assert [(doubt.kind, doubt.severity, doubt.predicted) for doubt in found.findings] == [("unfound", "low", None)]
        assert not found.predictions[0].scored

    def test_labels_that_a_document_does_not_annotate_are_left_out(self) -> None:
        train = [record("d1", "[سارا احمدی](PER) به شیراز رفت. رشت سرد بود.", ["PER"])]
        predicted = [span(SARA, "PER"), span(SHIRAZ, "GPE")]
        assert disagreement.find(corpus(predictions(predicted), train=train)).findings == []

    def test_models_that_were_trained_on_a_split_are_named(self) -> None:
        run = predictions([span(SARA, "PER"), span(SHIRAZ, "GPE")], trained_on=("train",))
        found = audit.run(corpus(run, train=records(GOLD)))
        assert found.disagreement.predictions[0].trained_on == ["train"]
        assert "Trained on train" in page.render_summary(found)
        assert "خطاهای آن را آموخته" in page.render_html(found)


class TestSpans:
    @pytest.mark.parametrize(
        ("surface", "shapes"),
        [
            ("شیراز", []),
            (" شیراز", ["edge_blank"]),
            ("شیراز\u200c", ["edge_blank"]),
            ("شیراز،", ["edge_punctuation"]),
            ("«کوشش»", ["edge_punctuation"]),
            ("پاس (همدان)", []),
            ("پاس (همدان", ["unbalanced"]),
            ("(پاس) همدان)", ["edge_punctuation", "unbalanced"]),
            ('روزنامه "کوشش', ["unbalanced"]),
            ("ج.ا.", []),
            ("شیراز.", ["edge_punctuation"]),
            ("سازمان\nملل", ["line_break"]),
        ],
    )
    def test_shapes(self, surface: str, shapes: list[str]) -> None:
        assert spans.shapes_of(surface) == shapes

    def test_parts_of_words(self) -> None:
        train = [Record(id="d1", text="ایرانیان آمدند", spans=[Span(start=0, end=5, label="GPE")])]
        (defect,) = spans.find(corpus(train=train)).findings
        assert (defect.kind, defect.severity, defect.shapes) == ("shape", "high", ["partial_word"])

    def test_deviations(self) -> None:
        # Logarithms to the base 2: median 1, absolute deviations 1 1 0 1 1; in natural units the MAD is ln 2.
        assert list(spans.deviations([1, 1, 2, 4, 4], 0.1)) == pytest.approx([-1 / 1.4826] * 2 + [0] + [1 / 1.4826] * 2)
        assert list(spans.deviations([3, 3, 3], 0.1)) == [0, 0, 0]
        assert spans.deviations([*[1] * 99, 4], 0.35)[-1] == pytest.approx(1.3863 / 0.35, abs=1e-3)

    def test_long_spans(self) -> None:
        usual = [f"[{name}](GPE) سرد است." for name in ("رشت", "تهران", "شیراز", "اهواز") * 10]
        long = "[شهر بزرگ و پهناور و بسیار کهن شیراز در استان فارس](GPE) سرد است."
        found = spans.find(corpus(train=records(*usual, long)))
        (defect,) = found.findings
        assert (defect.kind, defect.places[0].doc_id, defect.words) == ("length", "d41", 11)
        assert defect.deviation is not None and defect.deviation > spans.LIMIT
        assert [(item.label, item.spans, item.median_words, item.outliers) for item in found.lengths] == [
            ("GPE", 41, 1, 1)
        ]

    def test_few_spans_have_no_usual_length(self) -> None:
        assert spans.find(corpus(train=records("[رشت](GPE)", "[شهر بزرگ و پهناور و کهن شیراز](GPE)"))).findings == []


class TestCoverage:
    def test_densities_by_group_count_words_where_the_label_is_annotated(self) -> None:
        train = [
            record("d1", "[رشت](GPE) سرد [امروز](DATE) است", source="a"),
            record("d2", "سارا آمد و ماند", ["PER"], source="b"),
        ]
        groups = coverage.find(corpus(train=train)).groups
        assert [(group.key, group.value, group.documents, group.words, group.empty) for group in groups] == [
            ("split", "train", 2, 8, 1),
            ("source", "a", 1, 4, 0),
            ("source", "b", 1, 4, 1),
        ]
        assert [group.per_label for group in groups] == [
            {"PER": 0, "GPE": 250, "DATE": 250},
            {"PER": 0, "GPE": 250, "DATE": 250},
            {"PER": 0, "GPE": None, "DATE": None},
        ]

    def test_labels_that_a_source_declares_and_never_has(self) -> None:
        sentence = "[رشت](GPE) و [سارا](PER) و باران"
        train = records(*[sentence] * 20, source="a") + records(
            *["[سارا](PER) در باران رفت"] * 20, prefix="e", source="b"
        )
        found = [item for item in coverage.find(corpus(train=train)).findings if item.kind == "rare_label"]
        # 20 spans in 100 words of a: 20 in the 80 words of b would be 16.
        assert [(f.source, f.labels, f.spans, f.expected, f.severity) for f in found] == [("b", ["GPE"], 0, 16, "high")]
        declared = records(sentence, labels=["GPE", "PER", "EVENT"])
        nobody = [item for item in coverage.find(corpus(train=declared)).findings if item.kind == "rare_label"]
        assert [(f.source, f.labels, f.expected) for f in nobody] == [(None, ["EVENT"], None)]

    def test_labels_that_a_source_does_not_declare_are_not_missed(self) -> None:
        train = records(*["[رشت](GPE) و باران"] * 20, source="a", labels=["GPE"])
        train += records(*["باران آمد"] * 20, prefix="e", source="b", labels=["PER"])
        found = coverage.find(corpus(train=train)).findings
        assert [item.labels for item in found if item.kind == "rare_label"] == [["PER"]]  # which nobody has

    def test_long_documents_without_spans(self) -> None:
        usual = ["[رشت](GPE) و [سارا](PER) و باران و برف"] * 30
        empty = [" ".join(["باران"] * 40), "باران آمد"]
        found = coverage.find(corpus(train=records(*usual, *empty))).findings
        # 60 spans in 252 words: 9.5 expected in 40 words, 0.5 in two.
        assert [(f.kind, f.places[0].doc_id, f.expected) for f in found] == [("no_spans", "d31", pytest.approx(9.52))]

    def test_documents_of_unusual_density(self) -> None:
        usual = ["[رشت](GPE) و باران و برف و [سارا](PER) و باد و مه بود"] * 30
        sparse = " ".join(["[رشت](GPE)", *["باران"] * 150])
        dense = " ".join(["[رشت](GPE)"] * 40)
        found = coverage.find(corpus(train=records(*usual, sparse, dense))).findings
        assert [(f.kind, f.places[0].doc_id, f.severity) for f in found] == [
            ("density", "d31", "medium"),
            ("density", "d32", "low"),
        ]


class TestTexts:
    @pytest.mark.parametrize(
        ("character", "expected"),
        [
            ("ی", None),
            ("\u200c", None),
            ("\n", None),
            ("é", None),
            ("😀", None),
            ("\u064b", None),
            ("\x07", "control"),
            ("\r", "control"),
            ("\ufffd", "broken"),
            ("\ue000", "private"),
            ("\ufefb", "presentation_form"),
            ("\u200f", "invisible"),
            ("\ufeff", "invisible"),
            ("ж", "other_script"),
        ],
    )
    def test_character_classes(self, character: str, expected: str | None) -> None:
        assert texts.character_class(character) == expected

    def test_defects_of_a_document(self) -> None:
        long = "کتابخانههایروستاییاستانتاپایان"
        text = f"\u200fخبر\x07 وبsite {long} \x07"
        found = {
            (f.kind, f.character_class): f for f in texts.find(corpus(train=[Record(id="d1", text=text)])).findings
        }
        assert found.keys() == {
            ("characters", "control"),
            ("characters", "invisible"),
            ("mixed_script", None),
            ("long_word", None),
        }
        control = found["characters", "control"]
        assert (control.count, control.characters, control.severity) == (2, ["U+0007"], "high")
        assert [place.start for place in control.places] == [4, len(text) - 1]
        assert [place.text for place in found["mixed_script", None].places] == ["وبsite"]
        assert [place.text for place in found["long_word", None].places] == [long]

    def test_a_half_space_or_a_space_between_scripts_is_usual(self) -> None:
        assert texts.find(corpus(train=[Record(id="d1", text="FATF‌ها و HTML ما و ۲۰km")])).findings == []

    def test_arabic_letters(self) -> None:
        bodies = ["علي كرد", "علی آمد", "علي ماند و سی", "آمريکا"]
        found = texts.find(corpus(train=records(*bodies), test=records("باد")))
        # d1 two Arabic letters, d2 one Persian, d3 one of each, and d4, too, but of different letters.
        assert [(f.places[0].doc_id, f.share, f.count, f.severity) for f in found.findings] == [
            ("d3", 0.5, 1, "medium"),
            ("d1", 1.0, 2, "low"),
            ("d4", 0.5, 1, "low"),
        ]
        train, test = found.groups
        assert (train.arabic_share, train.arabic_documents, train.mixed_documents) == (4 / 7, 1, 1)
        assert (test.arabic_share, test.arabic_documents) == (None, 0)


def everything(label: str = "GPE", doc_id: str = "t", extra: str = "") -> Corpus:
    """A corpus with a finding of every kind."""
    name = f"شهر{extra}"

    def document(number: int, text: str, *found: Span) -> Record:
        return Record(
            id=f"{doc_id}{number}", text=text, spans=list(found), meta={"source": f"a{extra}", "topic": extra}
        )

    def marked(number: int, surface: str, kind: str) -> Record:
        return document(number, f"{surface} سرد بود", Span(start=0, end=len(surface), label=kind))

    train = [marked(number, name, label) for number in range(40)]
    train += [marked(40, name, "ORG"), document(41, f"{name} سرد بود"), document(42, SENTENCE), document(43, SENTENCE)]
    train += [marked(44, f"{name} " * 30, label), document(45, f"{extra}\x07 وبsite ي ی {'ب' * 30}")]
    train += [document(46, "باران " * 60)]
    train.append(
        document(47, " ".join(["رشت"] * 60), *(Span(start=4 * n, end=4 * n + 3, label="GPE") for n in range(60)))
    )
    test = [document(48, SENTENCE)]
    for _ in range(60):
        test.append(Record(id=f"b{len(test)}", text=f"{len(test)} [باد] و مه بود", meta={"source": "b"}))
    spans_of = {("train", f"{doc_id}{number}"): list(train[number].spans) for number in range(40)}
    spans_of["train", f"{doc_id}0"] = [Span(start=0, end=len(name), label="ORG")]
    spans_of["train", f"{doc_id}1"] = []
    spans_of["train", f"{doc_id}2"] = [*train[2].spans, Span(start=len(name) + 1, end=len(name) + 4, label="PER")]
    run = Predictions(Path(f"run{extra}"), f"fa{extra}", spans_of, 1, ["train"])
    return corpus(run, train=train, test=test)


@pytest.fixture(scope="module")
def full() -> Audit:
    return audit.run(everything())


class TestPages:
    def test_there_is_a_finding_of_every_kind(self, full: Audit) -> None:
        assert {total.kind for total in full.summary if total.count} == set(KINDS)
        assert [total.kind for total in full.summary] == list(KINDS)
        assert all(total.count == total.high + total.medium + total.low for total in full.summary)
        assert {kind: len(found) for kind, found in page.findings(full).items()} == {
            t.kind: t.count for t in full.summary
        }

    def test_json_round_trip(self, full: Audit) -> None:
        assert Audit.model_validate_json(full.model_dump_json()) == full
        assert json.loads(full.model_dump_json())["schema_version"] == 1

    def test_places_are_exact(self, full: Audit) -> None:
        known = {(document.split, document.record.id): document.record.text for document in everything().documents()}
        for found in page.findings(full).values():
            for finding in found:
                for place in finding.places:
                    text = known[place.split, place.doc_id]
                    assert text[place.start : place.end] == place.text
                    assert place.before + place.text + place.after in text

    def test_page_is_persian_and_self_contained(self, full: Audit) -> None:
        html = page.render_html(full)
        read = Page(html)
        assert read.named("html") == [{"lang": "fa", "dir": "rtl"}]
        assert len(read.named("script")) == 1
        assert not read.named("link") and not read.named("img")
        assert not any({"src", "srcset"} & attrs.keys() for _, attrs in read.elements)
        assert "://" not in html and "@import" not in html and "url(" not in html
        targets = {attrs.get("id") for _, attrs in read.elements}
        assert {str(attrs["href"]).removeprefix("#") for attrs in read.named("a")} == set(KINDS) <= targets

    def test_audited_text_stays_text(self, full: Audit) -> None:
        html = page.render_html(audit.run(everything(ATTACK, ATTACK, ATTACK)))
        read = Page(html)
        assert len(read.named("script")) == 1
        assert not read.named("img")
        assert not any(name.startswith("on") for _, attrs in read.elements for name in attrs)
        assert read.text.count(ATTACK) >= 20
        assert "default-src 'none'" in html

    def test_the_page_is_bounded_and_says_what_it_leaves_out(self, full: Audit) -> None:
        train = records(*[f"[نام{number}](PER) و\x07" for number in range(page.SHOWN + 7)])
        found = audit.run(corpus(train=train))
        read = Page(page.render_html(found))
        assert len(read.named("article")) == page.SHOWN
        assert "7 یافته دیگر در" in re.sub(r"\s+", " ", read.text)

    def test_an_alarm_comes_before_the_summary(self, full: Audit) -> None:
        splits = {"train": records(SENTENCE, SENTENCE), "test": records(SENTENCE)}
        text = Page(page.render_html(audit.run(corpus(**splits)))).text
        assert text.index(page.VERDICT_NAMES["joined_folds"]) < text.index("شمار")

    def test_summary(self, full: Audit) -> None:
        lines = page.render_summary(full).splitlines()
        assert "| Sentences of one split in another | 1 | 1 | 0 | 0 |" in lines
        assert any(line.startswith("- test: 1 of 1 sentences (100.0%) are in train") for line in lines)
        assert any(line.startswith("- test:t48 0–") and "= train:t42" in line for line in lines)
        assert page.render_summary(audit.run(everything(ATTACK, ATTACK, ATTACK))).count("\n<") == 0

    @pytest.mark.parametrize("found", [[], [Record(id="d", text="")], [Record(id="d", text=" \n")]])
    def test_any_data(self, found: list[Record]) -> None:
        result = audit.run(corpus(train=found, test=found))
        assert Page(page.render_html(result)).named("table")
        assert page.render_summary(result)
        assert all(total.count == 0 for total in result.summary)
