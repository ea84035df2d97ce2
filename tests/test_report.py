from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from persian_ner.evaluate import EvaluationMetrics, write_evaluation
from persian_ner.labels import LABELS
from persian_ner.metrics import Evaluated, compute
from persian_ner.novelty import Training, measure
from persian_ner.records import Span
from persian_ner.report import (
    LABEL_NAMES,
    OTHER_COLOURS,
    PALETTE,
    Evaluation,
    Piece,
    markdown_summary,
    passages,
    render_html,
)

SCRIPT = Path(__file__).parents[1] / "scripts" / "report.py"
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>&amp;"


class Page(HTMLParser):
    """The elements and visible text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def span(text: str, surface: str, label: str) -> Span:
    start = text.index(surface)
    return Span(start=start, end=start + len(surface), label=label)


def evaluation(*documents: Evaluated, name: str = "") -> Evaluation:
    return Evaluation(compute(documents).model_copy(update={"name": name}), documents)


TEXT = "سارا احمدی به شیراز رفت.\n\nبند بی‌نام.\n\nدیروز باران آمد."
WRONG = Evaluated(
    "wrong",
    TEXT,
    [span(TEXT, "سارا احمدی", "PER"), span(TEXT, "شیراز", "GPE"), span(TEXT, "دیروز", "DATE")],
    [span(TEXT, "سارا", "PER"), span(TEXT, "شیراز", "ORG"), span(TEXT, "دیروز", "DATE"), span(TEXT, "رفت", "EVENT")],
    meta={"topic": "سفر"},
)
RIGHT = Evaluated("right", "شیراز", [Span(start=0, end=5, label="GPE")], [Span(start=0, end=5, label="GPE")])


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
    interval = metrics.overall.strict_f1_interval
    assert f"{100 * interval.low:.1f}–{100 * interval.high:.1f}" in text


def test_only_documents_with_errors_are_in_the_browser():
    page = Page(render_html([evaluation(WRONG, RIGHT)]))
    assert [attrs["data-id"] for attrs in page.named("article")] == ["wrong"]
    rows = [attrs["data-errors"] for attrs in page.named("div") if "data-errors" in attrs]
    number = {label: LABELS.index(label) for label in LABELS}
    expected = {f"boundary:{number['PER']}", f"label:{number['GPE']}", f"label:{number['ORG']}"}
    assert [set(row.split()) for row in rows] == [expected | {f"spurious:{number['EVENT']}"}]


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
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [*PALETTE.values(), OTHER_COLOURS])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_have_contrast(colours, scheme):
    dark, light = sorted(luminance(colour) for colour in getattr(colours, scheme))
    assert (light + 0.05) / (dark + 0.05) >= 7


def test_every_label_of_the_scheme_has_a_colour_and_a_name():
    assert set(PALETTE) == set(LABEL_NAMES) == set(LABELS)


def test_markdown_summary():
    metrics = compute([WRONG, RIGHT]).model_copy(update={"name": "dev | <b>"})
    lines = markdown_summary(metrics).splitlines()
    assert lines[0] == "## dev \\| \\<b\\>"
    strict = metrics.per_label["PER"].strict
    assert (strict.incorrect, strict.f1) == (1, 0)
    assert "| PER | 0.0 | 0.0 | 0.0 | 0.0–0.0 | 1 | 1 |" in lines
    assert "| all (micro) | 40.0 | 50.0 | 44.4 |" in "\n".join(lines)
    header = lines.index("| Match type | P | R | F1 | COR | INC | PAR | MIS | SPU |")
    assert {line.count("|") for line in lines[header:]} == {10}
    assert {line.count("|") for line in lines[2 : header - 1] if line.startswith("|")} == {8}


def test_known_surfaces_are_shown_where_training_was_given():
    documents = [WRONG, RIGHT]
    metrics = compute(documents)
    training = Training({"شیراز": frozenset({"GPE"}), "دیروز": frozenset({"EVENT"})})
    given = EvaluationMetrics.model_validate(
        {**metrics.model_dump(exclude={"schema_version"}), "novelty": measure(documents, metrics.labels, training)}
    )
    lines = markdown_summary(given).splitlines()
    header = lines.index("| Label | Surface annotated in training | P | R | F1 | Gold | Predicted |")
    assert {line.count("|") for line in lines[header:]} == {8}
    assert "| GPE | same label | 100.0 | 50.0 | 66.7 | 2 | 1 |" in lines[header:]
    assert "| DATE | other label only | 100.0 | 100.0 | 100.0 | 1 | 1 |" in lines[header:]
    assert "| all (micro) | never | 0.0 | 0.0 | 0.0 | 1 | 2 |" in lines[header:]
    page = Page(render_html([Evaluation(given, documents)]))
    assert [attrs["rowspan"] for attrs in page.named("th") if "rowspan" in attrs] == ["3"] * 6
    assert "دیده‌شده در آموزش" in page.text
    without = [markdown_summary(metrics), Page(render_html([Evaluation(metrics, documents)])).text]
    assert not any("training" in text or "آموزش" in text for text in without)


def run(*arguments):
    spec = spec_from_file_location("report_script", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


def test_script_takes_several_folders(tmp_path):
    write_evaluation(tmp_path / "one", compute([WRONG]), [WRONG])
    write_evaluation(tmp_path / "two", compute([RIGHT]), [RIGHT])
    page = tmp_path / "out" / "page.html"
    result = run(tmp_path / "one", tmp_path / "two", page, "--markdown", tmp_path / "summary.md")
    assert result.exit_code == 0, result.output
    assert str(page) in result.output
    assert len(Page(page.read_text(encoding="utf-8")).named("section")) == 2
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").count("## ") == 2


def test_script_reports_every_bad_folder_and_keeps_the_page(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("earlier")
    result = run(tmp_path / "none", tmp_path / "nothing", page)
    assert result.exit_code == 1
    assert str(tmp_path / "none") in result.output and str(tmp_path / "nothing") in result.output
    assert page.read_text() == "earlier"
