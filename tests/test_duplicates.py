from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persian_ner.duplicates import MIN_LETTERS, compare_key, find_leaks, find_repeats, repeated_records
from persian_ner.hazm_alignment import sentences
from persian_ner.readers import markup
from persian_ner.records import Record

ARTICLES = Path(__file__).parents[1] / "assets" / "articles"
SENTENCE = "کتابخانه‌های روستایی استان تا پایان سال ۱۴۰۳ به ۲۵۰ رایانه و شبکهٔ پرسرعت مجهز می‌شوند."
OTHERS = [
    "راهداران می‌گویند گردنه‌های برف‌گیر تا ظهر شنبه برای خودروهای سبک باز خواهد شد.",
    "کتابخانه‌های شهری کشور از آغاز تابستان ساعت کار خود را دو ساعت افزایش داده‌اند.",
    "تیم والیبال بانوان در سومین بازی خود سه بر یک برنده شد و به نیمه‌نهایی رفت.",
]


def records(*texts: str, prefix: str = "d") -> list[Record]:
    return [Record(id=f"{prefix}{number}", text=text) for number, text in enumerate(texts, start=1)]


def leaked(train: list[str], test: list[str]) -> list[tuple[str, float]]:
    leaks = find_leaks({"train": records(*train), "test": records(*test, prefix="t")})
    assert {(leak.split, leak.other_split) for leak in leaks} <= {("test", "train")}
    return [(leak.sentence, leak.similarity) for leak in leaks]


TWINS = {
    "the same": SENTENCE,
    "half-spaces lost": SENTENCE.replace("\u200c", ""),
    "half-spaces as spaces": SENTENCE.replace("\u200c", " "),
    "every space lost": SENTENCE.replace(" ", ""),
    "Arabic letters": SENTENCE.translate(str.maketrans("یک", "يك")).replace("شبکهٔ", "شبكۀ"),
    "Arabic digits": SENTENCE.translate(str.maketrans("۰۱۲۳۴۵", "٠١٢٣٤٥")),
    "ASCII digits": SENTENCE.translate(str.maketrans("۰۱۲۳۴۵", "012345")),
    "other punctuation": f"«{SENTENCE[:-1]}»!",
    "tokens of a column file": SENTENCE.replace(".", " ."),
    "direction marks": f"\u200f{SENTENCE}\u200f",
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS.keys())
def test_copies_are_found_whatever_happened_to_their_characters(twin: str) -> None:
    assert leaked([*OTHERS, SENTENCE], ["آگهی", twin]) == [(twin, 1.0)]
    assert leaked([twin, *OTHERS], [SENTENCE]) == [(SENTENCE, 1.0)]


@pytest.mark.parametrize(
    ("changed", "similarity"),
    [
        (SENTENCE.replace("رایانه", "رایانهٔ نو"), 0.9),
        (SENTENCE.replace("۲۵۰", "۲۶۰"), 0.88),
        ("به گزارش ایسنا، " + SENTENCE, 0.85),
        (SENTENCE.replace(" روستایی استان", " روستای استان"), 0.9),
    ],
)
def test_near_copies_are_found_and_measured(changed: str, similarity: float) -> None:
    assert leaked([*OTHERS, SENTENCE], [changed]) == [(changed, pytest.approx(similarity, abs=0.06))]


def test_different_sentences_are_not_copies() -> None:
    assert leaked([SENTENCE, OTHERS[0]], OTHERS[1:]) == []
    # Half of the words are the same.
    assert leaked([SENTENCE], [SENTENCE.replace("رایانه و شبکهٔ پرسرعت", "صندلی و میز مطالعه")]) == []


def test_short_sentences_recur_in_honest_data() -> None:
    short = "وی گفت: این کار را می‌کنیم."
    assert len(compare_key(short)) < MIN_LETTERS
    assert leaked([short], [short]) == []


def test_a_copied_sentence_is_found_inside_other_text() -> None:
    (leak,) = find_leaks(
        {
            "train": records(f"{OTHERS[0]} {SENTENCE}", OTHERS[1]),
            "test": records(f"تیتر\n{OTHERS[2]} {TWINS['Arabic letters']}\nپایان", prefix="t"),
        }
    )
    assert (leak.split, leak.doc_id, leak.sentence) == ("test", "t1", TWINS["Arabic letters"])
    assert (leak.other_split, leak.other_doc_id, leak.other_sentence) == ("train", "d1", SENTENCE)


def test_every_occurrence_is_reported_once_with_its_best_match() -> None:
    near, nearer = SENTENCE.replace("۲۵۰", "۲۶۰"), SENTENCE.replace("پایان", "پایانه")
    splits = {
        "train": records(near, SENTENCE),
        "dev": records(SENTENCE, OTHERS[0], prefix="v"),
        "test": records(OTHERS[0], nearer, nearer, prefix="t"),
    }
    found = [(leak.split, leak.doc_id, leak.other_split, leak.other_doc_id) for leak in find_leaks(splits)]
    assert sorted(found) == [
        ("dev", "v1", "train", "d2"),
        ("test", "t1", "dev", "v2"),
        ("test", "t2", "train", "d2"),
        ("test", "t3", "train", "d2"),
    ]


def test_copies_within_one_split_are_no_leak() -> None:
    assert find_leaks({"train": records(SENTENCE, SENTENCE, TWINS["ASCII digits"]), "test": records(*OTHERS)}) == []


def article_sentences() -> list[Record]:
    articles = [item for item in markup.read(ARTICLES) if isinstance(item, Record)]
    return [
        Record(id=f"{article.id}#{start}", text=article.text[start:end])
        for article in articles[:80]
        for start, end in sentences(article.text)
        if len(compare_key(article.text[start:end])) >= MIN_LETTERS
    ]


def test_cross_validation_folds_joined_into_one_pair_are_caught() -> None:
    """What a well-known loader of ARMAN does: the test set of each fold is in the training sets of the others."""
    everything = article_sentences()
    folds = [everything[number::3] for number in range(3)]
    train = [record for held_out in range(3) for number in range(3) if number != held_out for record in folds[number]]
    test = [record for fold in folds for record in fold]
    assert len(test) > 500
    leaks = find_leaks({"train": train, "test": test})
    assert [(leak.doc_id, leak.similarity) for leak in leaks] == [(record.id, 1.0) for record in test]
    # A single fold is honest.
    assert find_leaks({"train": folds[0] + folds[1], "test": folds[2]}) == []


def test_near_copies_just_above_the_threshold_are_not_missed() -> None:
    """Jaccard similarity 0.80 to 0.85: one word of a sentence replaced."""
    originals = [record for record in article_sentences() if 90 <= len(compare_key(record.text)) <= 110]
    changed = []
    for record in originals:
        words = record.text.split()
        middle = max(range(2, len(words) - 2), key=lambda index: len(words[index]))
        changed.append(record.model_copy(update={"text": " ".join([*words[:middle], "قلم", *words[middle + 1 :]])}))
    expected = {
        new.id
        for old, new in zip(originals, changed, strict=True)
        if 0.8 <= jaccard(compare_key(old.text), compare_key(new.text)) < 0.85
    }
    assert len(expected) > 30
    assert expected <= {leak.doc_id for leak in find_leaks({"train": originals, "test": changed})}


def jaccard(left: str, right: str) -> float:
    a, b = ({"".join(gram) for gram in zip(*(key[i:] for i in range(5)), strict=False)} for key in (left, right))
    return len(a & b) / len(a | b)


@settings(max_examples=50)
@given(st.lists(st.sampled_from([SENTENCE, *OTHERS, TWINS["half-spaces lost"]]), max_size=8), st.integers(0, 8))
def test_exactly_the_sentences_that_recur_are_reported(texts: list[str], border: int) -> None:
    train, test = texts[:border], texts[border:]
    keys = {compare_key(text) for text in train}
    assert [sentence for sentence, _ in leaked(train, test)] == [text for text in test if compare_key(text) in keys]


def test_repeats_within_one_set() -> None:
    repetition = find_repeats(
        records(SENTENCE, OTHERS[0], TWINS["ASCII digits"], SENTENCE.replace("۲۵۰", "۲۶۰"), "کوتاه")
    )
    assert repetition.compared == 4
    found = [(repeat.doc_id, repeat.other_doc_id, repeat.similarity == 1) for repeat in repetition.repeats]
    assert found == [("d3", "d1", True), ("d4", "d1", False)]


HELD_OUT, EARLIER = "a sentence of a held-out document", "the same text as an earlier record"


def test_training_records_that_repeat_a_held_out_document_or_one_another() -> None:
    train = records(
        TWINS["Arabic letters"],  # a copy of a held-out sentence
        f"تیتر\n{OTHERS[1]} {SENTENCE.replace('۲۵۰', '۲۶۰')}",  # a near copy among others
        OTHERS[0],
        f"«{OTHERS[0]}»",  # the third again
        f"{OTHERS[0]} {OTHERS[2]}",  # one sentence again, not the whole text
        "کوتاه.",
        "کوتاه!",  # short, but the whole text again
        TWINS["ASCII digits"],  # both: the first again, which goes as well
    )
    held_out = records(f"کوتاه. {SENTENCE}", prefix="t")
    assert repeated_records(train, held_out) == {
        "d1": HELD_OUT,
        "d2": HELD_OUT,
        "d4": EARLIER,
        "d7": EARLIER,
        "d8": EARLIER,
    }
    assert repeated_records(train, []) == {"d4": EARLIER, "d7": EARLIER, "d8": EARLIER}
    assert repeated_records([], held_out) == {}


def test_held_out_documents_may_repeat_one_another() -> None:
    assert repeated_records(records(OTHERS[0]), records(SENTENCE, SENTENCE, prefix="t")) == {}


@settings(max_examples=50)
@given(st.lists(st.sampled_from([SENTENCE, *OTHERS, TWINS["half-spaces lost"]]), max_size=8), st.integers(0, 8))
def test_what_remains_of_the_training_records_repeats_nothing(texts: list[str], border: int) -> None:
    train, held_out = records(*texts[:border]), records(*texts[border:], prefix="t")
    found = repeated_records(train, held_out)
    remaining = [record for record in train if record.id not in found]
    assert find_leaks({"held out": held_out, "train": remaining}) == []
    keys = [compare_key(record.text) for record in remaining]
    assert len(keys) == len(set(keys))
    # Every text is still there, in the training records or held out.
    assert {compare_key(text) for text in texts} == {*keys, *(compare_key(record.text) for record in held_out)}
