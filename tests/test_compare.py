from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from script_runs import run_script

from persian_ner.compare import (
    COMPARISON_FILE,
    TABLE_FILE,
    Comparison,
    Run,
    compare,
    holm,
    other_sentences,
    read_runs,
    sentences,
    to_markdown,
    verdict,
)
from persian_ner.evaluate import METRICS_FILE, PREDICTIONS_FILE, write_evaluation
from persian_ner.files import checksum, git_commit
from persian_ner.metrics import MATCH_TYPES, MEASURES, Evaluated, Interval, Metrics, compute
from persian_ner.records import InputError, Span

TEXT = "شیراز کرج قم"
SHIRAZ, KARAJ, QOM = (0, 5), (6, 9), (10, 12)


def spans(*found: tuple[tuple[int, int], str]) -> list[Span]:
    return [Span(start=start, end=end, label=label) for (start, end), label in found]


PER = spans((SHIRAZ, "PER"))


def document(gold: list[Span], predicted: list[Span], doc_id: str = "d", **more: object) -> Evaluated:
    return Evaluated(doc_id, TEXT, gold, predicted, **more)  # type: ignore[arg-type]


def run_of(system: str, documents: Sequence[Evaluated], folder: Path) -> Run:
    path = folder / system / str(len(list((folder / system).glob("*"))))
    write_evaluation(path, compute(documents), documents)
    return Run(system, path, compute(documents), documents)


def with_predictions(*predicted: list[Span], gold: list[Span] = PER) -> list[Evaluated]:
    """One document for each prediction, all with the same gold."""
    return [document(gold, found, f"d{number}") for number, found in enumerate(predicted)]


def extremes(folder: Path, documents: int, name: str = "n") -> list[Run]:
    """A system that finds nothing, and ``e``, which finds everything."""
    return [run_of(name, with_predictions(*[found] * documents), folder) for name, found in ((name, []), ("e", PER))]


def test_identical_systems(tmp_path: Path) -> None:
    documents = [
        document(spans((SHIRAZ, "PER"), (KARAJ, "GPE")), spans((SHIRAZ, "PER"), (KARAJ, "ORG")), "a"),
        document(spans((SHIRAZ, "PER")), [], "b"),
        Evaluated("empty", "", [], []),
    ]
    result = compare([run_of("one", documents, tmp_path), run_of("other", documents, tmp_path)])
    (found,) = result.differences
    assert (found.baseline, found.system) == ("one", "other")
    assert found.overall.strict.f1.p == found.overall.strict.f1.corrected_p == 1.0
    assert found.overall.strict.f1.value == 0.0
    assert found.overall.strict.f1.interval == Interval(low=0.0, high=0.0)
    assert found.overall.partial.f1.p == 1.0
    assert found.overall.documents_differing == 0
    assert found.overall.verdict == "same"
    assert found.per_label["PER"].verdict == "same"
    assert found.per_label["DATE"].verdict == "undefined"
    # One of three gold spans is found. The other prediction has the right boundaries, which is all that partial asks.
    scores = result.systems[0].overall
    assert scores.strict.precision.runs == [1 / 2]
    assert scores.strict.recall.mean == pytest.approx(1 / 3)
    assert scores.partial.recall.mean == pytest.approx(2 / 3)
    assert scores.strict.f1.sd is None


def test_one_clearly_better(tmp_path: Path) -> None:
    nothing, everything = extremes(tmp_path, 8)
    result = compare([nothing, everything])
    (found,) = result.differences
    strict = found.overall.strict
    # Only swapping none or all of 8 documents gives a difference of 1 again: 2 of 256.
    assert (strict.f1.value, strict.f1.interval) == (1.0, Interval(low=1.0, high=1.0))
    assert strict.f1.p == pytest.approx(2 / 256, abs=0.004)
    # PER is the only label that is tested, so there is nothing to correct.
    assert found.per_label["PER"].strict.f1.p == found.per_label["PER"].strict.f1.corrected_p == strict.f1.p
    assert (found.overall.verdict, found.per_label["PER"].verdict) == ("better", "better")
    assert found.overall.documents_differing == 8
    assert found.overall.sentence.startswith("all labels, e against n: really better; +100.0 points of strict F1")
    # Nothing predicted has no precision.
    assert strict.precision.value is strict.precision.p is strict.precision.interval is None
    assert compare([everything, nothing]).differences[0].overall.verdict == "worse"


def test_few_documents_show_nothing(tmp_path: Path) -> None:
    nothing, everything = extremes(tmp_path, 3)
    (found,) = compare([nothing, everything]).differences
    assert found.overall.strict.f1.value == 1.0
    assert found.overall.strict.f1.p == pytest.approx(2 / 8, abs=0.02)
    assert found.overall.verdict == "open"
    assert "not shown to be real" in found.overall.sentence
    assert "3 of 3 documents differ" in found.overall.sentence


def test_one_document_has_no_interval(tmp_path: Path) -> None:
    nothing, everything = extremes(tmp_path, 1)
    found = compare([nothing, everything]).differences[0].overall.strict.f1
    assert (found.value, found.interval, found.p) == (1.0, None, 1.0)


def test_no_documents_and_no_gold(tmp_path: Path) -> None:
    nowhere = [run_of(name, [], tmp_path) for name in "ab"]
    assert compare(nowhere).differences[0].overall.verdict == "undefined"
    gold_free = [run_of("x", with_predictions([], [], gold=[]), tmp_path)]
    gold_free += [run_of("y", with_predictions(PER, [], gold=[]), tmp_path)]
    (found,) = compare(gold_free).differences
    # Without gold F1 is null where nothing is predicted either, and 0 elsewhere: that is no difference to test.
    assert found.overall.strict.f1.value is None
    assert found.overall.verdict == found.per_label["PER"].verdict == "undefined"
    assert "cannot be compared" in found.overall.sentence
    both = [
        run_of("p", with_predictions(PER, [], gold=[]), tmp_path),
        run_of("q", with_predictions([], PER, gold=[]), tmp_path),
    ]
    (found,) = compare(both).differences
    assert found.overall.strict.f1.value == 0.0
    assert found.overall.verdict == "open"


def enumerated(first: Sequence[Evaluated], second: Sequence[Evaluated], match: str, measure: str) -> float | None:
    """The exact p-value: every way of swapping documents, each scored as a whole evaluation."""

    def difference(swaps: Sequence[bool]) -> float | None:
        one = [b if swap else a for a, b, swap in zip(first, second, swaps, strict=True)]
        other = [a if swap else b for a, b, swap in zip(first, second, swaps, strict=True)]
        scores = [getattr(getattr(compute(side, resamples=1).overall, match), measure) for side in (one, other)]
        return None if None in scores else abs(scores[1] - scores[0])

    observed = difference([False] * len(first))
    if observed is None:
        return None
    found = [difference(swaps) for swaps in product([False, True], repeat=len(first))]
    return sum(value is None or value >= observed - 1e-12 for value in found) / len(found)


def test_p_is_that_of_all_permutations(tmp_path: Path) -> None:
    gold = spans((SHIRAZ, "PER"), (QOM, "GPE"))
    wrong_label, wrong_boundary = spans((SHIRAZ, "ORG")), spans(((0, 9), "PER"), (QOM, "GPE"))
    first = with_predictions(gold, wrong_label, [], wrong_boundary, [], wrong_boundary, gold=gold)
    second = with_predictions(wrong_label, gold, wrong_boundary, gold, wrong_label, gold, gold=gold)
    found = compare([run_of("a", first, tmp_path), run_of("b", second, tmp_path)], permutations=40_000).differences[0]
    exact = {key: enumerated(first, second, *key) for key in product(MATCH_TYPES, MEASURES)}
    assert len(set(exact.values())) > 3 and None not in exact.values()
    for (match, measure), expected in exact.items():
        p = getattr(getattr(found.overall, match), measure).p
        assert p == pytest.approx(expected, abs=0.01), (match, measure)


def test_undefined_permutations_count_against_a_difference(tmp_path: Path) -> None:
    # b predicts in two documents, a in one. Of the four swaps of the two where they differ in precision, …
    first = with_predictions(PER, [], [])
    second = with_predictions([], spans((KARAJ, "PER")), spans((KARAJ, "PER")))
    found = compare([run_of("a", first, tmp_path), run_of("b", second, tmp_path)], permutations=40_000).differences[0]
    # … swapping the first or the other two leaves a side without predictions, in 2 of 8; the rest are enumerated.
    assert found.overall.strict.precision.value == -1.0
    assert found.overall.strict.precision.p == pytest.approx(4 / 8, abs=0.01)
    assert enumerated(first, second, "strict", "precision") == 4 / 8


def test_interval_is_of_the_difference_of_the_same_documents(tmp_path: Path) -> None:
    # Drawn are d0, d0 (difference 1) and d1, d1 (0), a quarter of the times each, and both (1 − 2/3).
    nothing = run_of("n", with_predictions([], PER), tmp_path)
    everything = run_of("e", with_predictions(PER, PER), tmp_path)
    difference = compare([nothing, everything]).differences[0].overall.strict.f1
    assert difference.value == pytest.approx(1 - 2 / 3)
    assert difference.interval == Interval(low=0.0, high=1.0)


def test_holm() -> None:
    nan = float("nan")
    # In order 0.01 · 3, 0.03 · 2, 0.04 · 1, which may not be less than the one before.
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, nan, 0.03])), [0.03, 0.06, nan, 0.06])
    np.testing.assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert holm(np.array([nan])).tolist() == pytest.approx([nan], nan_ok=True)
    assert holm(np.array([])).tolist() == []


def test_labels_and_systems_are_one_family(tmp_path: Path) -> None:
    gold = spans((SHIRAZ, "PER"), (KARAJ, "ORG"))
    baseline = run_of("n", with_predictions(*[[]] * 10, gold=gold), tmp_path)
    good = [run_of(name, with_predictions(*[gold] * 10, gold=gold), tmp_path) for name in ("e", "f")]
    (one,) = compare([baseline, good[0]]).differences
    p = one.per_label["PER"].strict.f1.p
    assert p is not None
    assert one.overall.strict.f1.corrected_p == one.overall.strict.f1.p == p
    assert one.per_label["PER"].strict.f1.corrected_p == pytest.approx(2 * p)
    for found in compare([baseline, *good]).differences:
        assert found.overall.strict.f1.corrected_p == pytest.approx(2 * p)
        assert found.per_label["PER"].strict.f1.corrected_p == pytest.approx(4 * p)
        # Labels without a span are no members of the family.
        assert found.per_label["GPE"].strict.f1.corrected_p is None


def test_other_ways_of_matching_are_one_family(tmp_path: Path) -> None:
    gold = spans((SHIRAZ, "PER"), (KARAJ, "ORG"))
    runs = [
        run_of(name, with_predictions(*[found] * 10, gold=gold), tmp_path) for name, found in (("n", []), ("e", gold))
    ]
    (found,) = compare(runs).differences
    p = found.overall.strict.f1.p
    assert p is not None and found.overall.strict.f1.corrected_p == p
    for match in ("exact", "partial", "type"):
        overall, label = (getattr(contrast, match).f1 for contrast in (found.overall, found.per_label["PER"]))
        assert overall.p == label.p == p
        assert overall.corrected_p == pytest.approx(3 * p)  # three ways
        assert label.corrected_p == pytest.approx(6 * p)  # of two labels each
        assert found.per_label["GPE"].exact is not None and found.per_label["GPE"].exact.f1.corrected_p is None


def test_ways_of_matching_come_to_results_of_their_own(tmp_path: Path) -> None:
    # «wide» finds every name with another boundary, «blind» nothing: that is nothing in strict, and all in type.
    wide = spans(((0, 9), "PER"))
    runs = [
        run_of("blind", with_predictions(*[[]] * 10), tmp_path),
        run_of("wide", with_predictions(*[wide] * 10), tmp_path),
    ]
    comparison = compare(runs)
    overall = comparison.differences[0].overall
    assert overall.exact is not None and overall.type is not None
    assert [getattr(overall, match).f1.value for match in MATCH_TYPES] == [0.0, 0.0, 0.5, 1.0]
    assert overall.verdict == "open" and overall.strict.f1.p == 1.0
    assert [verdict(getattr(overall, match).f1) for match in MATCH_TYPES] == ["open", "open", "better", "better"]
    exact, partial, by_type = other_sentences(comparison)
    assert exact.startswith(
        "all labels, wide against blind, exact match: not shown to be real; chance can explain +0.0"
    )
    assert partial.startswith(
        "all labels, wide against blind, partial match: really better; +50.0 points of partial F1"
    )
    assert by_type.endswith("points of type F1, 95% interval +100.0 … +100.0 (corrected p 0.006).")


def test_runs_of_one_system(tmp_path: Path) -> None:
    half = run_of("s", with_predictions(PER, []), tmp_path)  # R = 1/2, P = 1, F1 = 2/3
    whole = run_of("s", with_predictions(PER, PER), tmp_path)
    other = run_of("t", with_predictions([], PER), tmp_path)
    result = compare([half, other, whole])
    assert [system.name for system in result.systems] == ["s", "t"]
    assert [run.folder for run in result.systems[0].runs] == [half.folder.as_posix(), whole.folder.as_posix()]
    recall = result.systems[0].overall.strict.recall
    assert (recall.runs, recall.mean) == ([0.5, 1.0], 0.75)
    assert recall.sd == pytest.approx(0.125**0.5)  # each is 1/4 from the mean: √(2/16 ÷ 1)
    assert result.systems[1].overall.strict.recall.sd is None
    assert "| all (micro) | R | 75.0 ± 35.4 | 50.0 |" in to_markdown(result)
    # s finds 3 of 4 and predicts 3; t, counted twice for the same weight, 2 of 4 and 2.
    (found,) = result.differences
    assert found.overall.strict.recall.value == pytest.approx(2 / 4 - 3 / 4)
    assert found.overall.strict.f1.value == pytest.approx(4 / 6 - 6 / 7)
    # In d0 s is right twice and t never, in d1 once and twice.
    assert found.overall.documents_differing == 2


def test_runs_count_the_same_however_many(tmp_path: Path) -> None:
    documents = with_predictions(PER, [], PER)
    runs = [run_of(name, documents, tmp_path) for name in "ssttt"]
    (found,) = compare(runs).differences
    assert (found.overall.verdict, found.overall.strict.f1.p, found.overall.strict.f1.value) == ("same", 1.0, 0.0)


def test_runs_of_a_single_system_have_no_differences(tmp_path: Path) -> None:
    result = compare([run_of("s", with_predictions(found), tmp_path) for found in ([], PER)])
    assert result.differences == [] == sentences(result)
    f1 = result.systems[0].per_label["PER"].strict.f1
    assert (f1.runs, f1.mean) == ([0.0, 1.0], 0.5)
    # Nothing predicted has no precision; the mean is of the other run, and one value has no deviation.
    precision = result.systems[0].overall.strict.precision
    assert (precision.runs, precision.mean, precision.sd) == ([None, 1.0], 1.0, None)
    assert "## How to read" not in to_markdown(result)


@st.composite
def evaluations(draw: st.DrawFn) -> list[list[Evaluated]]:
    """Two evaluations of the same documents."""

    def some() -> list[Span]:
        cuts = sorted(draw(st.sets(st.integers(0, len(TEXT)), max_size=8)))
        pairs = zip(cuts[::2], cuts[1::2], strict=False)
        return [Span(start=a, end=b, label=draw(st.sampled_from(["PER", "ORG", "X"]))) for a, b in pairs]

    golds = [(some(), draw(st.sampled_from([None, ["PER", "X"]]))) for _ in range(draw(st.integers(0, 5)))]
    return [
        [document(gold, some(), f"d{n}", annotated_labels=annotated) for n, (gold, annotated) in enumerate(golds)]
        for _ in range(2)
    ]


@settings(max_examples=30)
@given(evaluations())
def test_scores_are_those_of_the_metrics(
    tmp_path_factory: pytest.TempPathFactory, found: list[list[Evaluated]]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    runs = [run_of(name, documents, folder) for name, documents in zip("ab", found, strict=True)]
    result = compare(runs, resamples=20, permutations=20)
    for system, run in zip(result.systems, runs, strict=True):
        for label, match, measure in product([None, *run.metrics.labels], MATCH_TYPES, MEASURES):
            scores = run.metrics.overall if label is None else run.metrics.per_label[label]
            values = getattr(getattr(system.overall if label is None else system.per_label[label], match), measure)
            assert values.runs == [pytest.approx(getattr(getattr(scores, match), measure), nan_ok=False)]
    for contrast in [result.differences[0].overall, *result.differences[0].per_label.values()]:
        p = contrast.strict.f1.p
        assert (p is None) == (contrast.strict.f1.value is None)
        assert p is None or 1 / 21 <= p <= 1
    assert Comparison.model_validate_json(result.model_dump_json()) == result


def test_the_same_again_and_in_another_order(tmp_path: Path) -> None:
    first = with_predictions(PER, [], PER, [], PER)
    second = with_predictions(PER, PER, [], PER, PER)
    runs = [run_of("a", first, tmp_path), run_of("b", second, tmp_path), run_of("c", second[::-1], tmp_path)]
    result = compare(runs)
    assert compare(runs) == result
    assert result.differences[0].overall.strict == result.differences[1].overall.strict
    assert result.systems[1].overall == result.systems[2].overall


def test_markdown(tmp_path: Path) -> None:
    runs = extremes(tmp_path, 8, "n|<b>")
    page = to_markdown(compare(runs))
    lines = page.splitlines()
    assert lines[0] == "# Comparison of n\\|\\<b\\>, e"
    assert any(line.startswith("- **all labels, e against n\\|\\<b\\>: really better") for line in lines)
    assert "| PER | F1 | 0.0 | 100.0 |" in lines
    assert "| PER | P | – | 100.0 |" in lines
    assert "| DATE | F1 | – | – | – | – |" in lines
    rows = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    # Runs; scores of two systems; differences. Six rows of three measures in each of four ways of matching.
    assert {width: sum(row.count("|") == width for row in rows) for width in (4, 5, 7)} == {4: 4, 5: 80, 7: 80}
    assert sum(line.startswith("- all labels, e against n\\|\\<b\\>, ") for line in lines) == 3
    assert page.endswith("\n") and "\n\n\n" not in page


def write(folder: Path, documents: list[Evaluated]) -> str:
    write_evaluation(folder, compute(documents), documents)
    return str(folder)


def problems(*arguments: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_runs(arguments)
    return [str(problem) for problem in caught.value.problems]


def test_names_and_folders(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", with_predictions(PER)), write(tmp_path / "other=x", with_predictions([]))
    runs = read_runs([one, f"s={one}", f"s={other}"])
    assert [(run.system, str(run.folder)) for run in runs] == [(one, one), ("s", one), ("s", other)]
    assert runs[2].documents == with_predictions([])


def test_every_bad_folder_is_named(tmp_path: Path) -> None:
    good = write(tmp_path / "good", with_predictions(PER))
    changed = Path(write(tmp_path / "changed", with_predictions(PER)))
    text = (changed / PREDICTIONS_FILE).read_text(encoding="utf-8")
    (changed / PREDICTIONS_FILE).write_text(text.replace('"predicted":[{"start":0', '"predicted":[{"start":1'), "utf-8")
    broken = Path(write(tmp_path / "broken", with_predictions(PER, PER)))
    text = (broken / PREDICTIONS_FILE).read_text(encoding="utf-8")
    (broken / PREDICTIONS_FILE).write_text(text.replace('"end":5', '"end":99').replace("d1", "d0"), "utf-8")
    missing = tmp_path / "missing"
    found = problems(good, str(changed), str(broken), str(missing), good, f"={good}", "s=")
    for expected in (
        f"{changed / PREDICTIONS_FILE}: [-] does not give the scores of the metrics.json beside it",
        f"{broken / PREDICTIONS_FILE}:1: [d0] gold: span 0–99 PER is empty or outside the text",
        f"{broken / PREDICTIONS_FILE}:2: [d0] predicted: span 0–99 PER is empty or outside the text",
        f"{broken / PREDICTIONS_FILE}:2: [d0] id already used",
        f"{missing / METRICS_FILE}: [-] cannot be read",
        f"{missing / PREDICTIONS_FILE}: [-] cannot be read",
        f"{good}: [-] is a run of {good!r} already",
        f"={good}: [-] is neither FOLDER nor SYSTEM=FOLDER",
        "s=: [-] is neither FOLDER nor SYSTEM=FOLDER",
    ):
        assert any(line.startswith(expected) for line in found), expected


def test_one_run_is_nothing_to_compare(tmp_path: Path) -> None:
    good = write(tmp_path / "good", with_predictions(PER))
    assert problems(good) == [f"{good}: [-] at least two runs are needed"]


def test_other_gold_is_refused_with_all_that_differs(tmp_path: Path) -> None:
    one = write(
        tmp_path / "one",
        [
            document(PER, PER, "same"),
            document(PER, PER, "gold"),
            document(PER, PER, "labels"),
            document(PER, PER, "text"),
            document(PER, PER, "only-one"),
        ],
    )
    other = write(
        tmp_path / "other",
        [
            document(PER, [], "only-other"),
            document(spans((SHIRAZ, "ORG"), (QOM, "GPE")), [], "gold"),
            Evaluated("text", TEXT + ".", PER, []),
            document(PER, PER, "labels", annotated_labels=["PER"]),
            document(PER, [], "same"),
        ],
    )
    there = str(Path(one) / PREDICTIONS_FILE)
    here = str(Path(other) / PREDICTIONS_FILE)
    assert problems(one, other) == [
        f"{here}: [only-one] is missing, but is in {there}",
        f"{here}:1: [only-other] is not in {there}",
        f"{here}:2: [gold] gold is not that in {there}: only here 0–5 ORG; 10–12 GPE, only there 0–5 PER",
        f"{here}:3: [text] text is not that in {there}",
        f"{here}:4: [labels] annotated_labels are not those in {there}",
    ]


def test_script_writes_both_files_and_says_what_is_real(tmp_path: Path) -> None:
    nothing = write(tmp_path / "nothing", with_predictions(*[[]] * 8))
    everything = write(tmp_path / "everything", with_predictions(*[PER] * 8))
    result = run_script("compare", f"n={nothing}", f"e={everything}", tmp_path / "new" / "out")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith(
        "all labels, e against n: really better; +100.0 points of strict F1, 95% interval +100.0"
    )
    assert [line.partition(",")[0] for line in lines[1:-4]] == ["PER", "ORG", "GPE", "EVENT", "DATE"]
    assert [line.partition(" match: ")[0].rpartition(" ")[2] for line in lines[-4:-1]] == ["exact", "partial", "type"]
    written = json.loads((tmp_path / "new" / "out" / COMPARISON_FILE).read_text(encoding="utf-8"))
    assert written["schema_version"] == 3
    assert written["differences"][0]["per_label"]["PER"]["verdict"] == "better"
    assert (tmp_path / "new" / "out" / TABLE_FILE).read_text(encoding="utf-8").startswith("# Comparison of n, e\n")


def test_script_says_what_was_compared(tmp_path: Path) -> None:
    provenance = {
        "created": "2025-01-02T00:00:00Z",
        "model": {"name": "tiny", "lang": "fa", "version": "1.0", "provenance": {"git_commit": "b" * 40}},
        "data": {"path": "corpus/test.jsonl", "sha256": "ab" * 32},
        "device": "cpu (x86_64)",
        "git_commit": "a" * 40,
        "versions": {"spacy": "3.8"},
    }
    folders = [tmp_path / "one", tmp_path / "other"]
    documents = with_predictions(PER, [])
    write_evaluation(
        folders[0],
        Metrics.model_validate({**compute(documents).model_dump(), "provenance": provenance}),
        documents,
    )
    write_evaluation(folders[1], compute(documents), documents)
    assert run_script("compare", *folders, tmp_path / "out").exit_code == 0
    content = (tmp_path / "out" / COMPARISON_FILE).read_text(encoding="utf-8")
    written = json.loads(content)
    assert written["git_commit"] == git_commit()
    created = Comparison.model_validate_json(content).created
    assert created is not None and created.utcoffset() == timedelta()
    found = [run for system in written["systems"] for run in system["runs"]]
    for run, folder in zip(found, folders, strict=True):
        assert run["folder"] == folder.as_posix()
        assert run["metrics_sha256"] == checksum(folder / METRICS_FILE)
        assert run["predictions_sha256"] == checksum(folder / PREDICTIONS_FILE)
    assert [run["provenance"] for run in found] == [provenance, None]


def test_comparisons_of_version_1_are_read(tmp_path: Path) -> None:
    result = compare(extremes(tmp_path, 2), resamples=2, permutations=2)
    older = result.model_dump(mode="json", exclude={"created", "git_commit"}) | {"schema_version": 1}
    for system in older["systems"]:
        for run in system["runs"]:
            del run["metrics_sha256"], run["provenance"]
    found = Comparison.model_validate(older)
    assert (found.schema_version, found.created, found.systems[0].runs[0].metrics_sha256) == (1, None, None)
    assert found.differences == result.differences


def test_comparisons_of_version_2_are_read(tmp_path: Path) -> None:
    result = compare(extremes(tmp_path, 2), resamples=2, permutations=2)
    older = result.model_dump(mode="json") | {"schema_version": 2}
    for against in older["differences"]:
        for contrast in (against["overall"], *against["per_label"].values()):
            del contrast["exact"], contrast["type"]
    for system in older["systems"]:
        for scores in (system["overall"], *system["per_label"].values()):
            del scores["exact"], scores["type"]
    found = Comparison.model_validate(older)
    assert found.schema_version == 2
    assert found.differences[0].overall.exact is found.systems[0].overall.type is None
    assert found.differences[0].overall.strict == result.differences[0].overall.strict
    assert sentences(found) == sentences(result)


def test_script_with_bad_input_writes_nothing(tmp_path: Path) -> None:
    one = write(tmp_path / "one", with_predictions(PER))
    other = write(tmp_path / "other", with_predictions(PER, gold=[]))
    result = run_script("compare", one, other, tmp_path / "none", tmp_path / "out")
    assert result.exit_code == 1
    assert "gold is not that in" in result.output and str(tmp_path / "none") in result.output
    assert "nothing was written" in result.output
    assert not (tmp_path / "out").exists()
