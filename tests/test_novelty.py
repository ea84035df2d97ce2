from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from persian_ner.labels import LABELS
from persian_ner.metrics import DataInfo, Evaluated, Tally, compute
from persian_ner.novelty import Known, Training, known, measure, training_labels
from persian_ner.records import Record, Span

WORDS = ["شیراز", "مهر", "کرج", "آب"]


def span(text: str, surface: str, label: str) -> Span:
    start = text.index(surface)
    return Span(start=start, end=start + len(surface), label=label)


def record(text: str, *spans: tuple[str, str]) -> Record:
    return Record(id=text, text=text, spans=[span(text, *found) for found in spans])


def tally(correct: int, predicted: int, support: int, precision, recall, f1) -> Tally:
    return Tally(correct=correct, predicted=predicted, support=support, precision=precision, recall=recall, f1=f1)


TRAINING = Training(
    training_labels(
        [
            record("مهر در شیراز گفت.", ("مهر", "ORG"), ("شیراز", "GPE")),
            record("مهر ماه شیراز", ("مهر", "DATE")),
            record("سپاهان و دانشگاه\nتهران برد.", ("سپاهان", "ORG"), ("دانشگاه\nتهران", "ORG")),
        ]
    )
)


def test_labels_of_training_surfaces() -> None:
    assert TRAINING.labels == {
        "مهر": {"ORG", "DATE"},
        "شیراز": {"GPE"},
        "سپاهان": {"ORG"},
        "دانشگاه تهران": {"ORG"},
    }


def test_groups_see_through_spelling_and_white_space() -> None:
    def group(surface: str, label: str) -> Known:
        return known(f"در {surface}.", span(f"در {surface}.", surface, label), TRAINING)

    assert group("شيراز", "GPE") == "same_label"  # Arabic yeh
    assert group("سپا\u200cهان", "ORG") == "same_label"
    assert group("دانشگاه  تهران", "ORG") == "same_label"
    assert group("مهر", "DATE") == group("مهر", "ORG") == "same_label"
    assert group("مهر", "PER") == "other_label"
    assert group("شیراز", "ORG") == "other_label"
    assert group("تهران", "GPE") == "never"


def test_scores_by_group() -> None:
    text = "مهر از شیراز به کرج و سپاهان رفت."
    document = Evaluated(
        "d",
        text,
        # Known as ORG and GPE, never seen, known only as ORG.
        [span(text, "مهر", "ORG"), span(text, "شیراز", "GPE"), span(text, "کرج", "GPE"), span(text, "سپاهان", "GPE")],
        # Right; a wrong label, which training does not give it; right; a label that training gives it; spurious.
        [
            span(text, "مهر", "ORG"),
            span(text, "شیراز", "PER"),
            span(text, "کرج", "GPE"),
            span(text, "سپاهان", "ORG"),
            span(text, "رفت", "EVENT"),
        ],
    )
    found = measure([document], LABELS, TRAINING)
    assert found.surfaces == 4
    assert found.overall.same_label == tally(1, 2, 2, 1 / 2, 1 / 2, 1 / 2)
    assert found.overall.other_label == tally(0, 1, 1, 0, 0, 0)
    assert found.overall.never == tally(1, 2, 1, 1 / 2, 1, 2 / 3)
    assert found.per_label["GPE"].same_label == tally(0, 0, 1, None, 0, 0)
    assert found.per_label["GPE"].other_label == tally(0, 0, 1, None, 0, 0)
    assert found.per_label["GPE"].never == tally(1, 1, 1, 1, 1, 1)
    assert found.per_label["ORG"].same_label == tally(1, 2, 1, 1 / 2, 1, 2 / 3)
    assert found.per_label["PER"].other_label == tally(0, 1, 0, 0, None, 0)
    assert found.per_label["EVENT"].never == tally(0, 1, 0, 0, None, 0)
    assert found.per_label["DATE"].never == tally(0, 0, 0, None, None, None)


def test_labels_that_a_document_does_not_annotate_do_not_count() -> None:
    document = Evaluated("d", "مهر", [], [Span(start=0, end=3, label="ORG")], ["PER"])
    assert measure([document], LABELS, TRAINING).overall.same_label.predicted == 0


def test_without_training_everything_is_new() -> None:
    document = Evaluated("d", "مهر", [Span(start=0, end=3, label="ORG")], [])
    found = measure([document], LABELS, Training({}, DataInfo(path="train.jsonl", sha256="0")))
    assert found.overall.never == tally(0, 0, 1, None, 0, 0)
    assert found.surfaces == 0
    assert found.training == DataInfo(path="train.jsonl", sha256="0")
    assert measure([], LABELS, TRAINING).overall.never == tally(0, 0, 0, None, None, None)


@st.composite
def documents(draw: st.DrawFn) -> Evaluated:
    words = draw(st.lists(st.sampled_from(WORDS), max_size=6))
    starts = [sum(len(word) + 1 for word in words[:index]) for index in range(len(words))]

    def spans() -> list[Span]:
        labels = draw(st.lists(st.sampled_from([None, *LABELS]), min_size=len(words), max_size=len(words)))
        return [
            Span(start=start, end=start + len(word), label=label)
            for start, word, label in zip(starts, words, labels, strict=True)
            if label
        ]

    annotated = draw(st.none() | st.lists(st.sampled_from(LABELS), unique=True))
    return Evaluated("d", " ".join(words), spans(), spans(), annotated)


@given(
    st.lists(documents(), max_size=4), st.dictionaries(st.sampled_from(WORDS), st.frozensets(st.sampled_from(LABELS)))
)
def test_the_groups_add_up_to_all_spans(found: list[Evaluated], labels: dict[str, frozenset[str]]) -> None:
    metrics = compute(found)
    novelty = measure(found, metrics.labels, Training(labels))
    columns = [(novelty.overall, metrics.overall)]
    columns += [(novelty.per_label[label], metrics.per_label[label]) for label in metrics.labels]
    for groups, scores in columns:
        tallies = [getattr(groups, group) for group in get_args(Known)]
        assert sum(tally.correct for tally in tallies) == scores.strict.correct
        assert sum(tally.predicted for tally in tallies) == scores.predicted
        assert sum(tally.support for tally in tallies) == scores.support
