"""The audit page in a real browser: it fits a phone, filters, and asks for nothing from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import DESKTOP_WIDTH, PHONE_WIDTH, needs_browser, probe_page

from persian_ner import audit
from persian_ner.audit.inputs import Corpus, Split
from persian_ner.audit.page import render_html
from persian_ner.records import Record, Span

pytestmark = needs_browser

PROBE = """
<!doctype html><meta charset="utf-8"><title>none</title><iframe id="page" width="WIDTH" height="800"></iframe>
<script>
const frame = document.getElementById("page");
frame.addEventListener("load", () => {
  const page = frame.contentDocument;
  const form = page.querySelector("form");
  const visible = () =>
    [...page.querySelectorAll(".findings")]
      .filter((section) => !section.hidden)
      .map((section) => [section.dataset.kind, section.querySelectorAll(".doc:not([hidden])").length]);
  const filter = (field, value) => {
    form.elements[field].value = value;
    form.dispatchEvent(new Event("input"));
    const found = [...visible(), form.querySelector(".shown").textContent];
    form.reset();
    return found;
  };
  const found = {
    all: visible(),
    kind: filter("kind", "plain"),
    severity: filter("severity", "high"),
    label: filter("label", "1"),
    search: filter("query", "كتابخانه"),
    nothing: filter("query", "چنین چیزی نیست"),
  };
  form.elements.kind.value = "plain";
  form.dispatchEvent(new Event("input"));
  page.querySelector(".summary-table a").click();
  document.title = JSON.stringify({
    ...found,
    link: visible(),
    width: page.documentElement.clientWidth,
    content: page.documentElement.scrollWidth,
    ran: typeof frame.contentWindow.attacked,
    requests: frame.contentWindow.performance.getEntriesByType("resource").length,
  });
}, { once: true });  // a link within a srcdoc page loads another one
frame.srcdoc = PAGE;
</script>
"""


@pytest.mark.parametrize("width", [PHONE_WIDTH, DESKTOP_WIDTH])
def test_page_in_a_browser(tmp_path: Path, width: int) -> None:
    def document(doc_id: str, text: str, *spans: Span) -> Record:
        return Record(id=doc_id, text=text, spans=list(spans))

    city, club = Span(start=0, end=3, label="GPE"), Span(start=0, end=3, label="ORG")
    sentence = "این کتاب‌خانه تا پایان سال به رایانه و شبکه‌ای پرسرعت مجهز می‌شود."
    train = [
        document("a" * 300, "رشت سرد است." + "و" * 500, city),
        document("b", "رشت برد.", club),
        document("c", "رشت زیباست."),
        document("d", f"{sentence} <script>attacked = 1</script>"),
    ]
    splits = {"train": train, "test": [document("e", sentence)]}
    found = audit.run(Corpus([Split(name, Path(name), "", records) for name, records in splits.items()], []))
    page = render_html(found)
    seen = probe_page(PROBE, page, tmp_path, width)
    everything = [["leak", 1], ["labels", 1], ["plain", 1], ["long_word", 1]]
    assert seen == {
        "all": everything,
        "kind": [["plain", 1], "1"],
        "severity": [["leak", 1], "1"],
        "label": [["labels", 1], ["plain", 1], "2"],
        "search": [["leak", 1], "1"],
        "nothing": ["0"],
        "link": everything,
        "width": seen["width"],
        "content": seen["width"],
        "ran": "undefined",
        "requests": 0,
    }
    assert width - 20 <= seen["width"] <= width
    assert "://" not in page
