"""The page of the service in a real browser: it maps offsets, keeps markup text, fits a phone, asks only its server."""

from __future__ import annotations

import json
import re
from typing import Any

import browser
import pytest
from browser import PHONE_WIDTH, needs_browser
from fastapi.responses import HTMLResponse
from test_serve import pipeline, serving

from persian_ner.serve import Limits, create_app

pytestmark = needs_browser

MAX_CHARS = 600
TEXT = (
    "🎬👨‍👩‍👧 سارا احمدی دیروز گفت <b>باران</b>\n"
    "<script>attacked = 1</script><img src=x onerror='attacked = 1'> دوره قاجار"
)
PROBE = """
<!doctype html><meta charset="utf-8"><title>none</title><link rel="icon" href="data:,">
<iframe id="page" width="WIDTH" height="800" src="/"></iframe>
<script>
const frame = document.getElementById("page");
const pause = () => new Promise((done) => setTimeout(done, 20));
frame.addEventListener("load", async () => {
  const page = frame.contentDocument;
  const view = frame.contentWindow;
  const at = (id) => page.getElementById(id);
  const settled = async () => {
    do await pause(); while (at("ask").hasAttribute("aria-busy"));
  };
  const fill = (text, published) => {
    at("text").value = text;
    at("published").value = published;
    at("text").dispatchEvent(new view.Event("input", { bubbles: true }));
  };
  const refuse = async (text) => {
    fill(text, "");
    at("ask").requestSubmit();
    await settled();
    return { shown: !at("error").hidden && at("error").textContent, result: !at("result").hidden };
  };
  const found = { before: at("result").hidden };

  fill(TEXT, "2025-04-15");
  at("text").dispatchEvent(new view.KeyboardEvent("keydown", { key: "Enter", ctrlKey: true }));
  await settled();
  const marks = [...at("marked").querySelectorAll("mark")];
  found.marks = marks.map((mark) => [mark.firstChild.data, mark.className]);
  found.tags = marks.map((mark) => [mark.querySelector(".tag").textContent, mark.title]);
  found.scored = !at("scored").hidden;
  found.text = [...at("marked").childNodes].map((node) => (node.data ?? node.firstChild.data)).join("");
  found.elements = at("marked").querySelectorAll(":not(mark, .tag, bdi)").length;
  found.legend = [...at("legend").children].map((item) => item.textContent);
  const rows = [...at("dates").querySelectorAll("tbody tr")];
  found.dates = rows.map((row) => [...row.cells].map((cell) => cell.textContent));
  found.focus = page.activeElement.id;
  found.direction = view.getComputedStyle(at("marked")).direction;
  found.count = at("count").textContent;
  found.jalali = at("jalali").textContent;
  found.errorHidden = at("error").hidden;
  found.width = page.documentElement.clientWidth;
  found.content = page.documentElement.scrollWidth;

  view.URL.createObjectURL = (blob) => ((found.blob = blob), "data:,");
  view.HTMLAnchorElement.prototype.click = function () { found.file = this.download; };
  at("download").click();
  found.blob = JSON.parse(await found.blob.text());
  const writeText = async (text) => (found.copy = JSON.parse(text));
  Object.defineProperty(view.navigator, "clipboard", { value: { writeText } });
  at("copy").click();
  await pause();
  found.copied = at("copied").textContent !== "";

  found.empty = await refuse(" ");
  found.long = await refuse("🎬".repeat(MAX_CHARS + 1));
  found.fits = await refuse("🎬".repeat(MAX_CHARS));
  found.scoredWithoutScores = !at("scored").hidden;
  found.half = await refuse("a\\ud83d");
  found.fails = await refuse("خراب");
  view.fetch = () => Promise.reject(new TypeError("no network"));
  found.offline = await refuse("رشت");
  at("ask").querySelector("[type=reset]").click();
  await pause();
  found.reset = [at("text").value, at("error").hidden, at("count").textContent.startsWith("0")];

  found.unnamed = [...page.querySelectorAll("input, textarea")].filter((field) => !field.labels.length).length;
  found.ran = typeof view.attacked;
  const requested = view.performance.getEntriesByType("resource").map((entry) => entry.name);
  found.requests = [...new Set(requested)].map((name) => name.replace(location.origin, ""));
  view.console.error("the last message");
  document.title = JSON.stringify(found);
});
</script>
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe saw, and what the browser said on its console."""
    profile = tmp_path_factory.mktemp("profile")
    app = create_app(pipeline("test_serve_slow", "test_serve_confidence"), Limits(max_chars=MAX_CHARS))
    values = {"WIDTH": PHONE_WIDTH, "MAX_CHARS": MAX_CHARS, "TEXT": json.dumps(TEXT).replace("<", "\\u003c")}
    probe = re.sub("|".join(values), lambda match: str(values[match[0]]), PROBE)
    app.get("/probe")(lambda: HTMLResponse(probe))
    with serving(app) as url:
        found, console = browser.probe(f"{url}/probe", profile)
    return found | {"console": console}


def test_entities_are_marked_where_they_are(seen: dict[str, Any]) -> None:
    assert seen["before"]
    assert seen["marks"] == [
        ["سارا احمدی", "label-PER"],
        ["دیروز", "label-DATE"],
        ["<b>باران</b>", "label-ORG"],
        ["دوره قاجار", "label-DATE"],
    ]
    assert seen["text"] == TEXT
    assert seen["legend"] == ["PER شخص 1", "ORG سازمان 1", "DATE تاریخ 2"]


def test_every_entity_says_how_sure_the_model_is(seen: dict[str, Any]) -> None:
    date = ["DATE 99%", "تاریخ، اطمینان 99%"]
    assert seen["tags"] == [["PER 98%", "شخص، اطمینان 98%"], date, ["ORG", "سازمان"], date]
    assert (seen["scored"], seen["scoredWithoutScores"]) == (True, False)


def test_markup_stays_text(seen: dict[str, Any]) -> None:
    assert (seen["elements"], seen["ran"]) == (0, "undefined")


def test_dates_are_listed(seen: dict[str, Any]) -> None:
    assert seen["jalali"] == "برابر ۲۶ فروردین ۱۴۰۴"
    assert seen["dates"] == [
        ["دیروز", "2025-04-14", "۲۵ فروردین ۱۴۰۴", "هجری شمسی", "روز", ""],
        ["دوره قاجار", "", "", "", "", "واژه‌ای دارد که از زبان تاریخ نیست"],
    ]


def test_json_is_of_the_text_and_can_be_kept(seen: dict[str, Any]) -> None:
    assert seen["file"] == "entities.json"
    assert seen["blob"] == seen["copy"]
    assert (seen["blob"]["text"], seen["blob"]["publication_date"]) == (TEXT, "2025-04-15")
    assert [TEXT[item["start"] : item["end"]] for item in seen["blob"]["entities"]] == [
        mark for mark, _ in seen["marks"]
    ]
    assert seen["copied"]


def test_what_is_wrong_is_said_in_persian(seen: dict[str, Any]) -> None:
    said = {name: seen[name]["shown"] for name in ("empty", "long", "half", "fails", "offline")}
    assert said == {
        "empty": "متنی وارد نشده است.",
        "long": "متن 601 نویسه دارد؛ بیش از 600 نویسه پذیرفته نمی‌شود.",
        "half": "متن نویسه‌ای نیمه‌کاره دارد (surrogate تنها).",
        "fails": "مدل از پس این متن برنیامد.",
        "offline": "سرور در دسترس نیست.",
    }
    assert [seen[name]["result"] for name in ("half", "fails", "offline")] == [False] * 3, "an old result would mislead"
    assert seen["fits"] == {"shown": False, "result": True}
    assert seen["reset"] == ["", True, True]


def test_it_fits_a_phone_and_the_keyboard(seen: dict[str, Any]) -> None:
    assert PHONE_WIDTH - 20 <= seen["width"] == seen["content"] <= PHONE_WIDTH
    assert (seen["focus"], seen["direction"], seen["errorHidden"], seen["unnamed"]) == ("found", "rtl", True, 0)
    assert seen["count"] == f"{len(TEXT)} از 600 نویسه"


def test_it_asks_its_own_server_and_complains_of_its_errors_only(seen: dict[str, Any]) -> None:
    assert seen["requests"] == ["/ner"]
    half, fails, last = seen["console"]
    assert "/ner - Failed to load resource: the server responded with a status of 422" in half
    assert "/ner - Failed to load resource: the server responded with a status of 500" in fails
    assert "the last message" in last
