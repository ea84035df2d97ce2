"""The report page in a real browser: it fits a phone, filters, and asks for nothing from outside."""

import pytest
from browser import DESKTOP_WIDTH, PHONE_WIDTH, needs_browser, probe_page

from persian_ner.evaluate import EvaluationMetrics
from persian_ner.metrics import Evaluated, compute
from persian_ner.records import Span
from persian_ner.report import Evaluation, render_html

pytestmark = needs_browser

PROBE = """
<!doctype html><meta charset="utf-8"><title>none</title><iframe id="page" width="WIDTH" height="800"></iframe>
<script>
const frame = document.getElementById("page");
frame.addEventListener("load", () => {
  const page = frame.contentDocument;
  const visible = () => [...page.querySelectorAll(".doc")].filter((doc) => !doc.hidden).map((doc) => doc.dataset.id);
  const filter = (field, value) => {
    const form = page.querySelector("form");
    form.elements[field].value = value;
    form.dispatchEvent(new Event("input"));
    const found = visible();
    form.reset();
    return found;
  };
  document.title = JSON.stringify({
    width: page.documentElement.clientWidth,
    content: page.documentElement.scrollWidth,
    sections: [...page.querySelectorAll(".evaluation")].map((section) => section.hidden),
    all: visible(),
    missed: filter("error", "missed"),
    org: filter("label", "1"),
    noise: filter("scraped", "1"),
    search: filter("query", "كتابخانه"),
    ran: typeof frame.contentWindow.attacked,
    requests: frame.contentWindow.performance.getEntriesByType("resource").length,
  });
});
frame.srcdoc = PAGE;
</script>
"""


@pytest.mark.parametrize("width", [PHONE_WIDTH, DESKTOP_WIDTH])
def test_page_in_a_browser(tmp_path, width):
    documents = [
        Evaluated("missed-PER", "سارا آمد." + " " * 3 + "و" * 500, [Span(start=0, end=4, label="PER")], []),
        Evaluated("spurious-ORG", "این کتاب‌خانه است.", [], [Span(start=4, end=13, label="ORG")], meta={"scraped": "x"}),
        Evaluated("attack", "<script>attacked = 1</script>", [], [Span(start=0, end=29, label="GPE")]),
    ]
    metrics = EvaluationMetrics.model_validate(compute(documents).model_dump(exclude={"schema_version"}))
    evaluation = Evaluation(metrics, documents)
    page = render_html([evaluation, evaluation])
    found = probe_page(PROBE, page, tmp_path, width)
    assert found == {
        "width": found["width"],
        "content": found["width"],
        "sections": [False, True],
        "all": ["missed-PER", "spurious-ORG", "attack"] * 2,
        "missed": ["missed-PER", *["missed-PER", "spurious-ORG", "attack"]],
        "org": ["spurious-ORG", *["missed-PER", "spurious-ORG", "attack"]],
        "noise": ["spurious-ORG", *["missed-PER", "spurious-ORG", "attack"]],
        "search": ["spurious-ORG", *["missed-PER", "spurious-ORG", "attack"]],
        "ran": "undefined",
        "requests": 0,
    }
    assert width - 20 <= found["width"] <= width
    assert "://" not in page
