import csv
import html as html_text
import re
from dataclasses import replace
from datetime import datetime, timezone
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import get_args

import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from persian_ner import augment
from persian_ner.calibration import Bin, Calibration
from persian_ner.compare import Verdict
from persian_ner.evaluate import EvaluationMetrics, write_evaluation
from persian_ner.files import write_text
from persian_ner.labels import LABELS
from persian_ner.metrics import (
    BREAKDOWN_KEYS,
    MATCH_TYPES,
    MEASURES,
    DataInfo,
    Evaluated,
    Footprint,
    Interval,
    ModelInfo,
    Provenance,
    compute,
)
from persian_ner.novelty import Training, measure
from persian_ner.records import InputError, Span
from persian_ner.report import (
    BREAKDOWN_NAMES,
    DAMAGE_NAMES,
    LABEL_NAMES,
    MATCH_NAMES,
    OTHER_COLOURS,
    PALETTE,
    SYSTEM_COLOURS,
    VERDICT_NAMES,
    Evaluation,
    Piece,
    TrainingStep,
    curves,
    drawn,
    markdown_summary,
    named_apart,
    passages,
    read_training_log,
    reliability,
    render_html,
    titles,
)
from persian_ner.robustness import Change, DamageResult, Robustness
from persian_ner.templating import read_templates

SCRIPT = Path(__file__).parents[1] / "scripts" / "report.py"
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>&amp;"


def span(text: str, surface: str, label: str) -> Span:
    start = text.index(surface)
    return Span(start=start, end=start + len(surface), label=label)


def scored(*documents: Evaluated, **more) -> EvaluationMetrics:
    return EvaluationMetrics.model_validate({**compute(documents).model_dump(exclude={"schema_version"}), **more})


def evaluation(*documents: Evaluated, **more) -> Evaluation:
    return Evaluation(scored(*documents, **more), documents)


TEXT = "سارا احمدی به شیراز رفت.\n\nبند بی‌نام.\n\nدیروز باران آمد."
WRONG = Evaluated(
    "wrong",
    TEXT,
    [span(TEXT, "سارا احمدی", "PER"), span(TEXT, "شیراز", "GPE"), span(TEXT, "دیروز", "DATE")],
    [span(TEXT, "سارا", "PER"), span(TEXT, "شیراز", "ORG"), span(TEXT, "دیروز", "DATE"), span(TEXT, "رفت", "EVENT")],
    meta={"topic": "سفر"},
)
RIGHT = Evaluated("right", "شیراز", [Span(start=0, end=5, label="GPE")], [Span(start=0, end=5, label="GPE")])


def test_evaluations_of_the_same_name_are_told_apart():
    def made_by(model: str, name: str) -> EvaluationMetrics:
        made = Provenance(
            created=datetime(2025, 1, 2, tzinfo=timezone.utc),
            model=ModelInfo(name=model, lang="fa", version="1.0"),
            data=None,
            device="cpu",
            git_commit=None,
            versions={},
        )
        return scored(RIGHT, name=name).model_copy(update={"provenance": made})

    big, small, other = (
        Evaluation(made_by(*made), [RIGHT]) for made in (("big", "test"), ("small", "test"), ("big", "gold"))
    )
    assert titles([big, small, other]) == ["test · fa_big 1.0", "test · fa_small 1.0", "gold"]
    assert titles([big, big, small]) == ["test · fa_big 1.0 · 1", "test · fa_big 1.0 · 2", "test · fa_small 1.0"]
    assert titles([evaluation(RIGHT), evaluation(RIGHT)]) == ["ارزیابی · 1", "ارزیابی · 2"]
    assert titles([replace(big, system="one"), replace(big, system="two")]) == ["test · one", "test · two"]
    assert [found.metrics.name for found in named_apart([evaluation(RIGHT), other])] == ["Evaluation", "gold"]
    html = render_html([big, small])
    assert html.count("<bdi>test · fa_small 1.0</bdi>") == 6  # tab, heading; legend, tables, difference


def test_passages_cut_at_line_breaks_and_mark_errors():
    first, middle, last = passages(WRONG)
    assert first.gold == [
        Piece("سارا احمدی", "PER", ("boundary",)),
        Piece(" به "),
        Piece("شیراز", "GPE", ("label",)),
        Piece(" رفت."),
    ]
    assert first.predicted == [
        Piece("سارا", "PER", ("boundary",)),
        Piece(" احمدی به "),
        Piece("شیراز", "ORG", ("label",)),
        Piece(" "),
        Piece("رفت", "EVENT", ("spurious",)),
        Piece("."),
    ]
    assert middle.pairs == []
    assert [pair.errors for pair in last.pairs] == [()]


def test_a_span_over_a_line_break_stays_whole():
    text = "الف\nب ج"
    document = Evaluated("d", text, [Span(start=0, end=5, label="ORG")], [Span(start=4, end=5, label="ORG")])
    (passage,) = passages(document)
    assert passage.gold[0].text == "الف\nب"


@st.composite
def documents(draw):
    text = draw(st.text("اب \n", max_size=40))
    cuts = st.lists(st.integers(0, len(text)), unique=True).map(sorted)

    def flat(points):
        return [Span(start=a, end=b, label="PER") for a, b in zip(points[::2], points[1::2], strict=False)]

    return Evaluated("d", text, flat(draw(cuts)), flat(draw(cuts)))


@given(documents())
def test_pieces_join_to_the_text_and_show_every_span(document):
    found = passages(document)
    for passage in found:
        gold = "".join(piece.text for piece in passage.gold)
        assert gold == "".join(piece.text for piece in passage.predicted)
        assert gold in document.text
    joined = "".join(piece.text for passage in found for piece in passage.gold)
    assert "".join(joined.split()) == "".join(document.text.split())
    for side in ("gold", "predicted"):
        marked = [piece.text for passage in found for piece in getattr(passage, side) if piece.label]
        assert marked == [document.text[s.start : s.end] for s in getattr(document, side)]


LINES = st.lists(
    st.builds(
        Piece,
        st.text('اب <&"{}%\u200c', min_size=1, max_size=8),
        st.sampled_from([None, "PER", "<b>", "{text}"]),
        st.sampled_from([(), ("boundary",), ("label", "missed")]),
        st.none() | st.floats(0, 1),
    ),
    max_size=6,
)


@given(LINES, st.booleans())
def test_drawn_lines_show_the_text_and_its_spans(pieces, with_errors):
    html = drawn(pieces, with_errors)
    tags = [piece for piece in pieces if piece.label is not None]
    shown = [html_text.unescape(tag) for tag in re.findall(r'<bdi dir="ltr">(.*?)</bdi>', html)]
    assert shown == [piece.label for piece in tags]
    text = re.sub(r'<span class="tag">.*?</span>', "", html)
    assert html_text.unescape(re.sub("<[^>]*>", "", text)).strip("\n") == "".join(piece.text for piece in pieces)
    assert html.count(" wrong") == (sum(bool(piece.errors) for piece in tags) if with_errors else 0)
    assert html.count("جاافتاده") == (sum("missed" in piece.errors for piece in tags) if with_errors else 0)
    assert html.count("title=") == sum(piece.score is not None for piece in tags)


def test_page_is_persian_and_self_contained():
    html = render_html([evaluation(WRONG, RIGHT, name="آزمون")])
    page = Page(html)
    assert page.named("html") == [{"lang": "fa", "dir": "rtl"}]
    assert len(page.named("script")) == 1
    assert not page.named("link") and not page.named("img")
    assert not any({"src", "srcset"} & attrs.keys() for _, attrs in page.elements)
    assert all(attrs["href"].startswith("#") for attrs in page.named("a"))
    assert "://" not in html and "@import" not in html and "url(" not in html


def test_page_shows_the_numbers():
    metrics = compute([WRONG, RIGHT])
    text = Page(render_html([evaluation(WRONG, RIGHT)])).text
    assert f"{100 * metrics.overall.strict.f1:.1f}%" in text
    assert f"{100 * metrics.per_label['GPE'].strict.f1:.1f}" in text
    intervals = metrics.overall.intervals
    shown = [intervals.strict.precision, intervals.strict.recall, intervals.strict.f1, intervals.partial.f1]
    assert len({interval.low for interval in shown}) == 4
    for interval in shown:
        assert f"{100 * interval.low:.1f}–{100 * interval.high:.1f}" in text
    means = [(getattr(metrics.macro, measure), getattr(metrics.macro.intervals, measure)) for measure in MEASURES]
    row = " ".join(f"{100 * mean:.1f} {100 * around.low:.1f}–{100 * around.high:.1f}" for mean, around in means)
    assert f"همه macro {row}" in " ".join(text.split())


def test_only_documents_with_errors_are_in_the_browser():
    page = Page(render_html([evaluation(WRONG, RIGHT)]))
    assert [attrs["data-id"] for attrs in page.named("article")] == ["wrong"]
    rows = [attrs["data-errors"] for attrs in page.named("div") if "data-errors" in attrs]
    number = {label: LABELS.index(label) for label in LABELS}
    expected = {f"boundary:{number['PER']}", f"label:{number['GPE']}", f"label:{number['ORG']}"}
    assert [set(row.split()) for row in rows] == [expected | {f"spurious:{number['EVENT']}"}]


def test_errors_are_filtered_by_source_and_noise_where_there_are_several():
    def document(doc_id: str, gold: str, **meta: str) -> Evaluated:
        return Evaluated(
            doc_id, "شیراز", [Span(start=0, end=5, label=gold)], [Span(start=0, end=5, label="GPE")], None, meta
        )

    wrong = [
        document("a", "ORG", source="one", scraped="glued words"),
        document("b", "PER", source="one"),
        document("c", "PER", source="one", scraped="old archive"),
    ]
    page = Page(render_html([evaluation(*wrong, document("right", "GPE", source="two"))]))
    assert [attrs["name"] for attrs in page.named("select")] == ["label", "error", "scraped"]
    assert [attrs["data-scraped"] for attrs in page.named("article")] == ["1", "0", "2"]
    assert "بی‌نویز" in page.text and "glued words" in page.text
    two = Page(render_html([evaluation(*wrong, document("d", "PER", source="two"))]))
    assert [attrs["data-source"] for attrs in two.named("article")] == ["0", "0", "0", "1"]


STEPS = [
    TrainingStep(step=0, losses={"ner": 8.0}, score=0.1),
    TrainingStep(step=100, losses={"ner": 400.0}, score=0.6),
    TrainingStep(step=400, losses={"ner": 600.0}, score=0.4),
]


def test_curves_by_hand():
    score, loss = curves(STEPS)
    assert (score.name, score.low, score.high, score.last_step, score.peak) == ("F1", 10, 60, 400, 1)
    assert sum(score.points, ()) == pytest.approx((0, 0, 25, 100, 100, 60))
    # A step's mean loss: 8 of the first step, 400 of the next 100, 600 of the next 300.
    assert (loss.name, loss.low, loss.high) == ("loss ner", 2, 8)
    assert sum(loss.points, ()) == pytest.approx((0, 100, 25, 100 / 3, 100, 0))


def test_the_curve_is_of_f1_where_states_are_chosen_by_something_else():
    steps = [step.model_copy(update={"score": 0.0, "scores": {"ents_f": 100 * step.score}}) for step in STEPS]
    # The state that is kept is then the last one, which is marked.
    assert [replace(curve, peak=0) for curve in curves(steps)] == [replace(curve, peak=0) for curve in curves(STEPS)]
    assert (curves(STEPS)[0].peak, curves(steps)[0].peak) == (1, 2)


def test_curves_of_little():
    assert curves([]) == curves(STEPS[:1]) == []
    diverged = [STEPS[0], *(step.model_copy(update={"losses": {"ner": float("nan")}}) for step in STEPS[1:])]
    assert [curve.name for curve in curves(diverged)] == ["F1"]
    flat = [STEPS[0], STEPS[0].model_copy(update={"step": 5})]
    assert [y for _, y in curves(flat)[0].points] == [0, 0]


def test_training_log_is_read_or_refused_line_by_line(tmp_path):
    log = tmp_path / "log.jsonl"
    line = '{"epoch":0,"step":100,"losses":{"transformer":1.5,"ner":2},"scores":{"ents_f":60.0},"score":0.6}\n'
    log.write_text(line * 2)
    losses = {"transformer": 1.5, "ner": 2}
    assert read_training_log(log) == [TrainingStep(step=100, losses=losses, score=0.6, scores={"ents_f": 60.0})] * 2
    log.write_bytes(line.encode() + b'{"step": 1}\n\xff\nno\n')
    with pytest.raises(InputError) as caught:
        read_training_log(log)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    with pytest.raises(InputError, match="none"):
        read_training_log(tmp_path / "none.jsonl")


PROVENANCE = Provenance(
    created=datetime(2025, 1, 2, tzinfo=timezone.utc),
    model=ModelInfo(name="tiny", lang="fa", version="1"),
    data=DataInfo(path="test.jsonl", sha256="ab" * 32),
    device="cpu",
    git_commit=None,
    versions={},
)


def robustness(metrics: EvaluationMetrics, provenance: Provenance = PROVENANCE) -> Robustness:
    strict = metrics.overall.strict
    change = Change(
        clean=strict,
        damaged=strict.model_copy(update={"f1": 0.25}),
        difference=-0.125,
        interval=Interval(low=-0.25, high=0.0),
    )
    return Robustness(
        documents=1,
        words=1,
        labels=[],
        seed=0,
        damages={"typos": DamageResult(rates={}, documents_changed=1, words_changed=0.5, overall=change, per_label={})},
        bootstrap=metrics.bootstrap,
        provenance=provenance,
    )


def test_training_robustness_and_footprint_are_shown_where_known():
    footprint = Footprint(model_bytes=None, peak_memory_bytes=1500 * 2**20)
    found = evaluation(WRONG, provenance=PROVENANCE, footprint=footprint)
    full = Evaluation(found.metrics, found.documents, robustness(found.metrics), STEPS)
    page, bare = (Page(render_html([shown])) for shown in (full, evaluation(WRONG)))
    for name in ("loss ner", DAMAGE_NAMES["typos"], "-12.5", "-25.0 … +0.0", "1,500 MiB"):
        assert name in page.text and name not in bare.text
    lines = markdown_summary(full).splitlines()
    assert "| typos | 25.0 | -12.5 | -25.0 … +0.0 |" in lines
    assert "- – on disk, 1,500 MiB of memory at most" in lines


def test_calibration_is_shown_where_measured():
    bins = [
        Bin(low=0.5, high=0.75, count=4, mean_confidence=0.625, precision=0.5),
        Bin(low=0.75, high=1, count=4, mean_confidence=0.875, precision=1),
    ]
    calibration = Calibration(bins=bins, ece=0.125, brier=0.2, auroc=None, unscored=3)
    diagram = reliability(calibration)
    assert (diagram.low, diagram.points) == (50, [(25, 0), (75, 100)])
    sure = [Bin(low=1, high=1, count=1, mean_confidence=1, precision=1)]
    assert reliability(Calibration(bins=sure, ece=0, brier=0, auroc=None)).points == [pytest.approx((100, 100))]
    scored_span = WRONG.predicted[0].model_copy(update={"score": 0.375})
    document = Evaluated("d", TEXT, WRONG.gold, [scored_span])
    shown = evaluation(document, calibration=calibration)
    html = render_html([shown])
    assert 'x1="25.00%" y1="100.00%" x2="75.00%" y2="0.00%"' in html and 'title="37.5%"' in html
    assert "ECE" in Page(html).text and "ECE" not in Page(render_html([evaluation(WRONG)])).text
    assert "- Calibration: ECE 12.5 %, Brier 0.200, AUROC –" in markdown_summary(shown).splitlines()


def test_page_shows_every_match_type_of_every_label():
    rows = [attrs for attrs in Page(render_html([evaluation(WRONG)])).named("th") if attrs.get("rowspan") == "4"]
    assert len(rows) == 2 + len(LABELS)  # micro, macro and each label


def test_evaluated_text_stays_text():
    text = f"{ATTACK} شیراز"
    hostile = Evaluated(
        ATTACK,
        text,
        [span(text, "شیراز", ATTACK)],
        [span(text, "شیراز", "GPE")],
        [ATTACK, "GPE"],
        {"topic": ATTACK, "kind": ATTACK},
    )
    harmless = Evaluated("d", "text شیراز", [], [])
    html = render_html([evaluation(hostile, harmless, name=ATTACK), evaluation(harmless)])
    plain = render_html([evaluation(harmless), evaluation(harmless)])
    assert len(Page(html).named("script")) == len(Page(plain).named("script")) == 1
    assert not Page(html).named("img")
    assert not any(name.startswith("on") for _, attrs in Page(html).elements for name in attrs)
    assert Page(html).text.count(ATTACK) >= 6  # shown as it is: name, id, topic, kind, label, text
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    "found", [[], [Evaluated("d", "", [], [])], [RIGHT], [Evaluated("d", TEXT, WRONG.gold, [], ["PER"])]]
)
def test_page_of_any_data(found):
    page = Page(render_html([evaluation(*found)]))
    assert len(page.named("section")) == 1


def test_several_evaluations_have_a_tab_each():
    page = Page(render_html([evaluation(WRONG, name="test"), evaluation(RIGHT, name="external")]))
    assert [attrs["id"] for attrs in page.named("section")] == ["e1", "e2"]
    assert [attrs["href"] for attrs in page.named("a")][:2] == ["#e1", "#e2"]
    assert "nav" not in [tag for tag, _ in Page(render_html([evaluation(RIGHT)])).elements]
    assert not comparisons(page)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def comparisons(page: Page) -> list[dict[str, str | None]]:
    return [attrs for attrs in page.named("section") if attrs["class"] == "comparison"]


def blind(document: Evaluated) -> Evaluated:
    return replace(document, predicted=[])


def repeated(document: Evaluated, times: int) -> list[Evaluated]:
    return [replace(document, doc_id=f"{document.doc_id}-{number}") for number in range(times)]


def test_evaluations_of_the_same_gold_are_compared():
    found = repeated(RIGHT, 20)
    good, bad = evaluation(*found, name="test"), evaluation(*map(blind, found), name="test")
    page = Page(render_html([replace(bad, system="weak"), replace(good, system="strong"), evaluation(WRONG)]))
    assert [attrs["id"] for attrs in page.named("section")] == ["c1", "e1", "e2", "e3"]
    text = " ".join(page.text.split())
    assert f"strong در برابر weak همه برچسب‌ها: {VERDICT_NAMES['better']}؛ +100.0 واحد درصد F1" in text
    assert f"PER {VERDICT_NAMES['undefined']}" in text
    assert "0.0 0.0–0.0" in text and "100.0 100.0–100.0" in text
    assert "+100.0 +100.0 … +100.0 p < 0.001" in text  # of every way of matching
    for match in MATCH_TYPES[1:]:
        assert f"{match} 0.0 0.0–0.0 100.0 100.0–100.0" in text
    assert "±" not in text
    assert len([attrs for attrs in page.named("svg") if attrs["class"] == "bar"]) > 2 * (1 + len(LABELS))


def test_runs_of_one_system_are_averaged():
    found = repeated(RIGHT, 4)
    runs = [evaluation(*found), evaluation(*map(blind, found[:2]), *found[2:])]  # F1 1 and 2 · 2 / (2 + 4)
    page = Page(render_html([replace(run, system="seeds") for run in runs]))
    text = " ".join(page.text.split())
    assert len(comparisons(page)) == 1
    assert "83.3 ± 23.6" in text
    assert "در برابر" not in text  # there is nothing to compare the only system with


def test_only_evaluations_of_the_same_gold_are_compared():
    other = replace(RIGHT, gold=[])
    for second in ([other], [RIGHT, WRONG], [replace(RIGHT, text="تبریز")], [replace(RIGHT, annotated_labels=["PER"])]):
        assert not comparisons(Page(render_html([evaluation(RIGHT), evaluation(*second)])))
    assert not comparisons(Page(render_html([evaluation(), evaluation()])))
    pairs = [evaluation(RIGHT), evaluation(WRONG), evaluation(RIGHT), evaluation(WRONG)]
    assert len(comparisons(Page(render_html(pairs)))) == 2


def test_predictions_of_other_scores_are_not_compared():
    stale = Evaluation(scored(RIGHT), [blind(RIGHT)])
    with pytest.raises(InputError, match="evaluate again"):
        render_html([evaluation(RIGHT), stale])


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [*PALETTE.values(), OTHER_COLOURS])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_have_contrast(colours, scheme):
    dark, light = sorted(luminance(colour) for colour in getattr(colours, scheme))
    assert (light + 0.05) / (dark + 0.05) >= 7


def test_everything_has_a_name():
    assert set(PALETTE) == set(LABEL_NAMES) == set(LABELS)
    assert tuple(MATCH_NAMES) == MATCH_TYPES
    assert tuple(BREAKDOWN_NAMES) == BREAKDOWN_KEYS
    assert set(VERDICT_NAMES) == set(get_args(Verdict))
    assert {f".system-{number} " in read_templates("report.css") for number in range(1, SYSTEM_COLOURS + 1)} == {True}
    assert set(DAMAGE_NAMES) == {*augment.DAMAGES, *augment.MIXTURES}


def test_markdown_summary():
    found = evaluation(WRONG, RIGHT, name="dev | <b>")
    metrics = found.metrics
    lines = markdown_summary(found).splitlines()
    assert lines[0] == "## dev \\| \\<b\\>"
    strict = metrics.per_label["PER"].strict
    assert (strict.incorrect, strict.f1) == (1, 0)
    assert "| PER | 0.0 | 0.0–0.0 | 0.0 | 0.0–0.0 | 0.0 | 0.0–0.0 | 1 | 1 |" in lines
    assert "| all (micro) | 40.0 | 25.0–100.0 | 50.0 | 33.3–100.0 | 44.4 | 28.6–100.0 |" in "\n".join(lines)
    macro = next(line for line in lines if line.startswith("| all (macro) |"))
    interval = metrics.macro.intervals.f1
    assert f"| {100 * metrics.macro.f1:.1f} | {100 * interval.low:.1f}–{100 * interval.high:.1f} |" in macro
    header = lines.index("| Match type | P | R | F1 | 95% interval | Macro F1 | COR | INC | PAR | MIS | SPU |")
    assert {line.count("|") for line in lines[header:]} == {12}
    assert {line.count("|") for line in lines[2 : header - 1] if line.startswith("|")} == {10}


def test_known_surfaces_are_shown_where_training_was_given():
    documents = [WRONG, RIGHT]
    training = Training({"شیراز": frozenset({"GPE"}), "دیروز": frozenset({"EVENT"})})
    given = evaluation(*documents, novelty=measure(documents, LABELS, training))
    lines = markdown_summary(given).splitlines()
    header = lines.index("| Label | Surface annotated in training | P | R | F1 | Gold | Predicted |")
    assert {line.count("|") for line in lines[header:]} == {8}
    assert "| GPE | same label | 100.0 | 50.0 | 66.7 | 2 | 1 |" in lines[header:]
    assert "| DATE | other label only | 100.0 | 100.0 | 100.0 | 1 | 1 |" in lines[header:]
    assert "| all (micro) | never | 0.0 | 0.0 | 0.0 | 1 | 2 |" in lines[header:]
    page = Page(render_html([given]))
    assert [attrs.get("rowspan") for attrs in page.named("th")].count("3") == 6
    assert "دیده‌شده در آموزش" in page.text
    without = evaluation(*documents)
    assert not any(word in markdown_summary(without) + render_html([without]) for word in ("training", "آموزش"))


def run(*arguments):
    spec = spec_from_file_location("report_script", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


def test_script_takes_several_folders(tmp_path):
    write_evaluation(tmp_path / "one", scored(WRONG, name="one"), [WRONG])
    write_evaluation(tmp_path / "two", scored(RIGHT, name="two"), [RIGHT])
    page = tmp_path / "out" / "page.html"
    outputs = ("--markdown", tmp_path / "summary.md", "--csv", tmp_path / "metrics.csv")
    result = run(tmp_path / "one", tmp_path / "two", page, *outputs)
    assert result.exit_code == 0, result.output
    assert str(page) in result.output
    assert len(Page(page.read_text(encoding="utf-8")).named("section")) == 2
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("## ") == 2
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        assert {row["evaluation"] for row in csv.DictReader(file)} == {"one", "two"}


def test_script_takes_runs_of_systems_and_tells_them_apart_everywhere(tmp_path):
    for name, documents in (("one", [RIGHT]), ("two", [blind(RIGHT)])):
        write_evaluation(tmp_path / name, scored(*documents, name="test"), documents)
    outputs = ("--markdown", tmp_path / "summary.md", "--csv", tmp_path / "metrics.csv")
    result = run(f"big={tmp_path / 'one'}", f"small={tmp_path / 'two'}", tmp_path / "page.html", *outputs)
    assert result.exit_code == 0, result.output
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(comparisons(page)) == 1 and "small در برابر big" in page.text
    markdown = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == ["## test · big", "## test · small"]
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        assert {row["evaluation"] for row in csv.DictReader(file)} == {"test · big", "test · small"}


def test_script_refuses_predictions_that_are_not_of_the_scores(tmp_path):
    write_evaluation(tmp_path / "one", scored(RIGHT), [RIGHT])
    write_evaluation(tmp_path / "two", scored(RIGHT), [blind(RIGHT)])
    result = run(tmp_path / "one", tmp_path / "two", tmp_path / "page.html")
    assert result.exit_code == 1 and "evaluate again" in result.output
    assert str(tmp_path / "two" / "predictions.jsonl") in result.output.replace("\n", "")
    assert not (tmp_path / "page.html").exists()


def test_script_shows_the_training_and_only_the_robustness_of_this_run(tmp_path):
    metrics = scored(WRONG, provenance=PROVENANCE)
    other = PROVENANCE.model_copy(update={"data": DataInfo(path="test.jsonl", sha256="cd" * 32)})
    for name, measured in (("same", PROVENANCE), ("other", other)):
        write_evaluation(tmp_path / name, metrics, [WRONG])
        write_text(tmp_path / name / "robustness" / "robustness.json", robustness(metrics, measured).model_dump_json())
    log = tmp_path / "log.jsonl"
    log.write_text("".join(step.model_dump_json() + "\n" for step in STEPS))
    result = run(
        tmp_path / "same",
        tmp_path / "other",
        tmp_path / "page.html",
        "--csv",
        tmp_path / "metrics.csv",
        "--training-log",
        log,
    )
    assert result.exit_code == 0, result.output
    assert f"Left out {tmp_path / 'other' / 'robustness'}" in result.output
    with (tmp_path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        damaged = [row for row in csv.DictReader(file) if row["table"] == "robustness"]
    assert {(row["evaluation"], row["group"]) for row in damaged} == {("Evaluation · fa_tiny 1 · 1", "typos")}
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count(DAMAGE_NAMES["typos"]) == page.count("<figcaption>") - 1 == 1


def test_script_reports_every_bad_folder_and_keeps_the_page(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("earlier")
    write_text(tmp_path / "none" / "robustness" / "robustness.json", "{}")
    result = run(tmp_path / "none", tmp_path / "nothing", page, "--training-log", tmp_path / "no.jsonl")
    assert result.exit_code == 1
    assert "robustness.json: [-] damages: Field required" in result.output and "no.jsonl" in result.output
    assert str(tmp_path / "none") in result.output and str(tmp_path / "nothing") in result.output
    assert page.read_text() == "earlier"
