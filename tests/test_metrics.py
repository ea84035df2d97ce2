from collections.abc import Iterable

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from persian_ner.labels import LABELS
from persian_ner.metrics import (
    Confusion,
    Evaluated,
    Interval,
    LeftOut,
    Metrics,
    Pair,
    Score,
    Scores,
    align,
    compute,
    macro,
    span_defects,
)
from persian_ner.records import InputError, Span

TEXT = "0123456789" * 3


def spans(*items: tuple[int, int, str]) -> list[Span]:
    return [Span(start=start, end=end, label=label) for start, end, label in items]


def document(
    gold: Iterable[tuple[int, int, str]] = (), predicted: Iterable[tuple[int, int, str]] = (), text: str = TEXT, **rest
) -> Evaluated:
    doc_id = rest.pop("doc_id", "d")
    return Evaluated(doc_id, text, spans(*gold), spans(*predicted), **rest)


def counts(score: Score) -> tuple[int, int, int, int, int]:
    return score.correct, score.incorrect, score.partial, score.missed, score.spurious


def prf(score: Score) -> tuple[float | None, float | None, float | None]:
    return score.precision, score.recall, score.f1


# One of each: correct PER, ORG cut short, GPE taken for DATE, DATE missed, EVENT spurious.
MIXED = document(
    gold=[(0, 4, "PER"), (5, 9, "ORG"), (10, 14, "GPE"), (15, 19, "DATE")],
    predicted=[(0, 4, "PER"), (5, 8, "ORG"), (10, 14, "DATE"), (20, 24, "EVENT")],
)


@pytest.mark.parametrize(
    ("match_type", "expected", "credit"),
    [
        ("strict", (1, 2, 0, 1, 1), 1),
        ("exact", (2, 1, 0, 1, 1), 2),
        ("partial", (2, 0, 1, 1, 1), 2.5),
        ("type", (2, 1, 0, 1, 1), 2),
    ],
)
def test_match_types_by_hand(match_type, expected, credit):
    score = getattr(compute([MIXED]).overall, match_type)
    assert counts(score) == expected
    assert prf(score) == (credit / 4, credit / 4, credit / 4)  # four gold and four predicted spans


def test_a_label_is_scored_against_its_own_spans_only():
    per_label = compute([MIXED]).per_label
    assert counts(per_label["PER"].strict) == (1, 0, 0, 0, 0)
    assert counts(per_label["ORG"].strict) == (0, 1, 0, 0, 0)
    assert counts(per_label["ORG"].partial) == (0, 0, 1, 0, 0)
    assert counts(per_label["ORG"].type) == (1, 0, 0, 0, 0)
    assert counts(per_label["GPE"].strict) == (0, 0, 0, 1, 0)  # predicted as DATE
    assert counts(per_label["DATE"].strict) == (0, 0, 0, 1, 1)  # one missed, and the GPE
    assert counts(per_label["EVENT"].strict) == (0, 0, 0, 0, 1)
    assert per_label["ORG"].partial.f1 == 0.5
    assert (per_label["DATE"].support, per_label["DATE"].predicted) == (1, 1)


def test_ends_are_exclusive():
    touching = compute([document([(0, 4, "PER")], [(4, 8, "PER")])]).overall
    assert counts(touching.partial) == counts(touching.type) == (0, 0, 0, 1, 1)
    one_character = compute([document([(0, 4, "PER")], [(3, 8, "PER")])]).overall
    assert counts(one_character.partial) == (0, 0, 1, 0, 0)
    assert counts(one_character.type) == (1, 0, 0, 0, 0)
    single = compute([document([(3, 4, "PER")], [(3, 4, "PER")])]).overall
    assert counts(single.strict) == (1, 0, 0, 0, 0)


def test_order_of_the_spans_does_not_matter():
    gold, predicted = list(reversed(MIXED.gold)), list(reversed(MIXED.predicted))
    assert compute([Evaluated("d", TEXT, gold, predicted)]) == compute([MIXED])


def test_micro_and_macro():
    metrics = compute([document([(0, 2, "PER"), (3, 5, "PER"), (6, 8, "ORG")], [(0, 2, "PER"), (9, 11, "ORG")])])
    # PER: P 1, R 1/2, F1 2/3; ORG: 0, 0, 0; the other labels are null and do not count.
    assert prf(metrics.overall.strict) == (1 / 2, 1 / 3, 2 / 5)
    assert metrics.macro.precision == pytest.approx(1 / 2)
    assert metrics.macro.recall == pytest.approx(1 / 4)
    assert metrics.macro.f1 == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([], [], (None, None, None)),
        ([(0, 2, "PER")], [], (None, 0, 0)),
        ([], [(0, 2, "PER")], (0, None, 0)),
        ([(0, 2, "PER")], [(0, 2, "PER")], (1, 1, 1)),
    ],
)
def test_null_where_a_denominator_is_zero(gold, predicted, expected):
    metrics = compute([document(gold, predicted), document(doc_id="empty", text="")])
    assert prf(metrics.overall.strict) == prf(metrics.per_label["PER"].strict) == expected
    assert (metrics.macro.precision, metrics.macro.recall, metrics.macro.f1) == expected
    assert prf(metrics.per_label["ORG"].strict) == (None, None, None)


def test_no_documents():
    metrics = compute([])
    assert prf(metrics.overall.strict) == (None, None, None)
    assert metrics.overall.intervals.strict.f1 is None
    assert metrics.confusion == metrics.by_length == []
    assert metrics.documents == metrics.words == 0


def test_one_label_only_and_labels_beyond_the_scheme():
    metrics = compute([document([(0, 2, "LOC")], [(0, 2, "LOC")])], labels=["PER"])
    assert metrics.labels == ["PER", "LOC"]
    assert metrics.per_label["LOC"].strict.f1 == metrics.overall.strict.f1 == 1


def test_labels_that_are_not_annotated_are_left_out():
    metrics = compute(
        [
            document([(0, 2, "PER"), (3, 5, "GPE")], [(0, 2, "PER"), (6, 8, "DATE")], annotated_labels=["PER"]),
            document([(0, 2, "GPE")], [(0, 2, "GPE")]),
            document([], [(0, 2, "GPE")], annotated_labels=[]),
        ]
    )
    assert counts(metrics.overall.strict) == (2, 0, 0, 0, 0)
    assert metrics.left_out == LeftOut(gold=1, predicted=2)
    assert [(cell.gold, cell.predicted, cell.count) for cell in metrics.confusion] == [
        ("PER", "PER", 1),
        ("GPE", "GPE", 1),
    ]


def test_confusion_counts_overlapping_pairs_missed_and_spurious():
    assert compute([MIXED]).confusion == [
        Confusion(gold="PER", predicted="PER", count=1),
        Confusion(gold="ORG", predicted="ORG", count=1),
        Confusion(gold="GPE", predicted="DATE", count=1),
        Confusion(gold="DATE", predicted=None, count=1),
        Confusion(gold=None, predicted="EVENT", count=1),
    ]


def test_align_prefers_the_larger_overlap_and_pairs_one_to_one():
    gold = spans((0, 10, "ORG"))
    predicted = spans((0, 3, "ORG"), (4, 10, "PER"))
    assert align(gold, predicted) == [Pair(None, predicted[0]), Pair(gold[0], predicted[1])]
    assert [pair.errors for pair in align(gold, predicted)] == [("spurious",), ("label", "boundary")]


def test_align_prefers_the_equal_label_at_equal_overlap():
    gold = spans((0, 6, "ORG"))
    predicted = spans((0, 3, "PER"), (3, 6, "ORG"))
    assert align(gold, predicted) == [Pair(None, predicted[0]), Pair(gold[0], predicted[1])]


def test_boundary_errors_by_side_and_gold_label():
    metrics = compute(
        [
            document([(5, 10, "PER")], [(3, 10, "PER")]),  # starts too early
            document([(5, 10, "PER")], [(6, 12, "ORG")]),  # starts too late and ends too late, wrong label too
            document([(5, 10, "ORG")], [(5, 9, "ORG")]),  # ends too early
            document([(5, 10, "ORG")], [(5, 10, "PER")]),  # no boundary error
            document([(5, 10, "ORG")], [(11, 12, "ORG")]),  # no overlap
        ]
    )
    assert metrics.boundaries.overall.model_dump() == {
        "pairs": 3,
        "left_too_long": 1,
        "left_too_short": 1,
        "right_too_long": 1,
        "right_too_short": 1,
    }
    assert metrics.boundaries.per_label["PER"].pairs == 2
    assert metrics.boundaries.per_label["ORG"].right_too_short == 1
    assert metrics.boundaries.per_label["DATE"].pairs == 0


def test_breakdown_by_meta():
    metrics = compute(
        [
            document([(0, 2, "PER")], [(0, 2, "PER")], meta={"topic": "sport", "source": 7}),
            document([(0, 2, "PER")], [], meta={"topic": "sport"}),
            document([], [(0, 2, "PER")], meta={"topic": "arts"}),
            document([], []),
        ]
    )
    assert [(g.value, g.documents, g.support, g.predicted, g.correct, g.f1) for g in metrics.breakdowns["topic"]] == [
        ("arts", 1, 0, 1, 0, 0),
        ("sport", 2, 2, 1, 1, 2 / 3),
        (None, 1, 0, 0, 0, None),
    ]
    assert [(g.value, g.documents) for g in metrics.breakdowns["source"]] == [("7", 1), (None, 3)]
    assert metrics.breakdowns["kind"] == []


def test_breakdown_by_length_in_words():
    text = "یک دو سه چهار پنج شش هفت"
    metrics = compute(
        [
            document([(0, 2, "PER"), (3, 8, "ORG")], [(0, 2, "PER"), (3, 5, "ORG")], text),
            document([(0, len(text), "EVENT")], [(0, len(text), "EVENT")], text),
        ]
    )
    assert [(g.words, g.support, g.predicted, g.correct) for g in metrics.by_length] == [
        ("1", 1, 2, 1),
        ("2", 1, 0, 0),
        ("5+", 1, 1, 1),
    ]
    assert metrics.words == 14


def test_breakdown_by_the_length_of_the_sentence():
    short, long = "سارا آمد.", "رضا " + "خیلی " * 10 + "زود رفت."  # 2 and 13 words
    text = f"{short} {long}\n"
    start = text.index("رضا")
    metrics = compute(
        [
            document([(0, 4, "PER"), (start, start + 3, "PER")], [(start, start + 3, "PER")], text),
            document([(0, 4, "ORG")], [(0, 9, "ORG")], short),
            document([], [(0, 1, "PER")], "  "),  # a span of nothing but white space is in no sentence
        ]
    )
    assert [(g.words, g.support, g.predicted, g.correct) for g in metrics.by_sentence_length] == [
        ("1–10", 2, 2, 0),
        ("11–20", 1, 1, 1),
    ]


def test_a_span_between_sentences_belongs_to_the_one_before():
    text = "سارا آمد.   " + "رضا " * 11
    (group,) = compute([document([(10, 13, "PER")], [], text)]).by_sentence_length
    assert (group.words, group.support) == ("1–10", 1)


def test_macro_of_each_match_type():
    # PER exact, ORG half right in partial and right in type, GPE and DATE wrong, EVENT spurious.
    per_label = compute([MIXED]).per_label.values()
    assert macro(per_label, "strict").f1 == pytest.approx(1 / 5)
    assert macro(per_label, "partial").f1 == pytest.approx(1.5 / 5)
    assert macro(per_label, "type").f1 == pytest.approx(2 / 5)
    assert macro([], "type").f1 is None


def test_intervals_by_hand():
    right = document([(0, 2, "PER")], [(0, 2, "PER")])
    wrong = document([(0, 2, "PER")], [(3, 5, "PER")])
    # Two draws of two documents: both wrong, or both right, each with probability 1/4.
    assert compute([right, wrong]).overall.intervals.strict.f1 == Interval(low=0, high=1)
    metrics = compute([right, right, right])
    assert metrics.per_label["PER"].intervals.strict.f1 == Interval(low=1, high=1)
    assert metrics.per_label["ORG"].intervals.strict.f1 is None
    assert compute([right]).overall.intervals.strict.f1 is None  # nothing to resample


def test_intervals_of_every_measure_and_match_type():
    # Drawn are the first twice, both, or the second twice; a quarter, a half and a quarter of the times.
    first = document([(0, 2, "PER")], [(0, 2, "PER"), (3, 5, "ORG")])
    second = document([(0, 2, "PER"), (6, 9, "ORG")], [(0, 3, "PER")])
    intervals = compute([first, second]).overall.intervals
    # strict, of two: P 1/2, R 1, F1 2/3; P 1/3, R 1/3, F1 1/3; P 0, R 0, F1 0.
    assert intervals.strict.precision == Interval(low=0, high=1 / 2)
    assert intervals.strict.recall == Interval(low=0, high=1)
    assert intervals.strict.f1 == intervals.exact.f1 == Interval(low=0, high=2 / 3)
    # partial gives one half, type a whole, to the span that ends too late.
    assert intervals.partial.precision == Interval(low=1 / 2, high=1 / 2)
    assert intervals.partial.recall == Interval(low=1 / 4, high=1)
    assert intervals.partial.f1 == Interval(low=1 / 3, high=2 / 3)
    assert intervals.type.precision == Interval(low=1 / 2, high=1)
    per_label = compute([first, second]).per_label
    assert per_label["PER"].intervals.type.f1 == Interval(low=1, high=1)
    # ORG is predicted in one document and gold in the other: neither has both measures in every draw.
    assert per_label["ORG"].intervals.strict.precision == Interval(low=0, high=0)


def test_intervals_of_the_macro_means():
    # Drawn are the first twice, both, or the second twice; a quarter, a half and a quarter of the times.
    first = document([(0, 2, "PER"), (3, 5, "ORG")], [(0, 2, "PER")])
    second = document([(0, 2, "PER")], [(3, 5, "GPE")])
    intervals = compute([first, second]).macro.intervals
    # Recall of PER and ORG: 1 and 0; 1/2 and 0; 0 and none. Precision of PER and GPE: 1 and none; 1 and 0; none and 0.
    assert intervals.recall == Interval(low=0, high=1 / 2)
    assert intervals.precision == Interval(low=0, high=1)
    # F1 of PER, ORG and GPE: 1, 0 and none; 2/3, 0 and 0; 0, none and 0.
    assert intervals.f1 == Interval(low=0, high=1 / 2)
    nothing = (None, None, None)
    for documents in ([first], [document(), document()]):
        found = compute(documents).macro.intervals
        assert (found.precision, found.recall, found.f1) == nothing


def test_scores_of_older_files_have_the_one_interval_they_had():
    scores = compute([MIXED, document()]).overall
    kept = {key: value for key, value in scores.model_dump().items() if key != "intervals"}
    for interval in ({"low": 0.25, "high": 0.5}, None):
        found = Scores.model_validate({**kept, "strict_f1_interval": interval})
        assert found.strict == scores.strict
        assert found.intervals.strict.f1 == (interval and Interval(**interval))
        assert found.intervals.strict.recall is found.intervals.type.f1 is None


def test_interval_leaves_out_resamples_without_the_label():
    right = document([(0, 2, "PER")], [(0, 2, "PER")])
    other = document([(0, 2, "ORG")], [])
    assert compute([right, other]).per_label["PER"].intervals.strict.f1 == Interval(low=1, high=1)


def test_intervals_equal_a_plain_bootstrap():
    rng = np.random.default_rng(5)
    documents, tallies = [], []
    for _ in range(12):
        gold = [(i, i + 1, "PER") for i in range(0, 30, 2) if rng.random() < 0.5]
        predicted = [(i, i + 1, "PER") for i in range(0, 30, 2) if rng.random() < 0.5]
        documents.append(document(gold, predicted))
        tallies.append((len(set(gold) & set(predicted)), len(gold) + len(predicted)))
    rng = np.random.default_rng(3)
    f1s = []
    for _ in range(200):
        drawn = [tallies[i] for i in rng.integers(12, size=12)]
        f1s.append(2 * sum(c for c, _ in drawn) / sum(n for _, n in drawn))
    interval = compute(documents, resamples=200, seed=3).overall.intervals.strict.f1
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(f1s, [0.025, 0.975])))


def test_json_round_trip():
    metrics = compute([MIXED, document(meta={"topic": "x"})])
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics
    assert '"schema_version":1' in metrics.model_dump_json()


def test_spans_that_cannot_be_scored_are_all_reported():
    with pytest.raises(InputError) as caught:
        compute(
            [
                document([(0, 4, "PER"), (3, 6, "ORG")], [(5, 5, "PER")], doc_id="a"),
                document([(25, 31, "PER")], [(-1, 2, "PER")], doc_id="b"),
            ]
        )
    found = [(problem.file, problem.doc_id) for problem in caught.value.problems]
    assert found == [("gold", "a"), ("gold", "b"), ("predicted", "a"), ("predicted", "b")]


def test_span_that_belies_its_surface():
    defects = span_defects("تهران امروز", [Span(start=0, end=5, label="GPE", surface="تهرا")])
    assert len(defects) == 1
    assert "تهران" in defects[0]


flat_spans = st.lists(st.integers(0, 30), unique=True, max_size=12).flatmap(
    lambda cuts: st.tuples(
        st.just(sorted(cuts)),
        st.lists(st.sampled_from([*LABELS, None]), min_size=len(cuts), max_size=len(cuts)),
    ).map(
        lambda drawn: [
            Span(start=start, end=end, label=label)
            for start, end, label in zip(drawn[0], drawn[0][1:], drawn[1], strict=False)
            if label is not None
        ]
    )
)
corpora = st.lists(st.tuples(flat_spans, flat_spans), min_size=1, max_size=4)
NLP = spacy.blank("fa")


def spacy_doc(found: list[Span]) -> Doc:
    doc = Doc(NLP.vocab, words=list(TEXT), spaces=[False] * len(TEXT))
    doc.set_ents([doc.char_span(span.start, span.end, span.label) for span in found], default="outside")
    return doc


@given(corpora)
def test_strict_equals_the_spacy_scorer(corpus):
    examples = [Example(spacy_doc(predicted), spacy_doc(gold)) for gold, predicted in corpus]
    expected = get_ner_prf(examples)
    metrics = compute([Evaluated(str(i), TEXT, *sides) for i, sides in enumerate(corpus)], resamples=1)
    strict = metrics.overall.strict
    assert [x or 0 for x in prf(strict)] == pytest.approx(
        [expected[key] or 0 for key in ("ents_p", "ents_r", "ents_f")]
    )
    for label, found in (expected["ents_per_type"] or {}).items():
        score = metrics.per_label[label].strict
        assert [x or 0 for x in prf(score)] == pytest.approx([found[key] for key in "prf"])


@given(corpora)
def test_counts_agree_with_each_other(corpus):
    metrics = compute([Evaluated(str(i), TEXT, *sides) for i, sides in enumerate(corpus)], resamples=1)
    gold = sum(len(sides[0]) for sides in corpus)
    predicted = sum(len(sides[1]) for sides in corpus)
    right = sum(len(set(sides[0]) & set(sides[1])) for sides in corpus)
    evaluator = Evaluator(
        *(
            [[{"label": s.label, "start": s.start, "end": s.end - 1} for s in spans] for spans in side]
            for side in zip(*corpus, strict=True)
        ),
        tags=list(LABELS),
        loader="dict",
    )
    expected = evaluator.evaluate()["overall"]
    for match_type in ("strict", "exact", "partial", "type"):
        assert counts(getattr(metrics.overall, match_type)) == counts(
            expected["ent_type" if match_type == "type" else match_type]
        )
        cor, inc, par, mis, spu = counts(getattr(metrics.overall, match_type))
        assert (cor + inc + par + mis, cor + inc + par + spu) == (gold, predicted)
    assert metrics.overall.strict.correct == right == sum(g.correct for g in metrics.by_length)
    assert sum(cell.count for cell in metrics.confusion if cell.gold) == gold
    assert sum(cell.count for cell in metrics.confusion if cell.predicted) == predicted
    assert sum(scores.support for scores in metrics.per_label.values()) == gold
    for sides in corpus:
        pairs = align(*sides)
        assert {pair.gold for pair in pairs if pair.gold} == set(sides[0])
        assert sum(not pair.errors for pair in pairs) == len(set(sides[0]) & set(sides[1]))
