"""An audit for people: a self-contained HTML page in Persian, and a Markdown summary in English.

Like the report, the page requests nothing from anywhere and runs one script only, which its
content security policy names by hash. Its size is bounded: of each kind it shows the first
findings, and says how many more are in ``audit.json``.
"""

from __future__ import annotations

from itertools import chain

from persian_ner import templating
from persian_ner.audit import leakage
from persian_ner.audit.schema import (
    Audit,
    CharacterClass,
    Conflict,
    Copy,
    Density,
    Doubt,
    Finding,
    Kind,
    Place,
    RareLabel,
    Severity,
    Shape,
    SpanDefect,
    TextDefect,
    Verdict,
)
from persian_ner.report import LABEL_NAMES, css_class, palette_css, whole
from persian_ner.templating import markdown_cell, read_templates, render_markdown

SHOWN = 40
"""Findings of a kind on the page."""
SHOWN_PLACES = 4
"""Places of a finding on the page."""
SHOWN_GROUPS = 30
"""Rows of the table of densities."""
LONGEST_TEXT = 600
"""Characters of a place on the page."""
SUMMARISED = 5
"""Findings of a kind in the Markdown summary."""

KIND_NAMES: dict[Kind, tuple[str, str, str]] = {
    "leak": (
        "Sentences of one split in another",
        "نشت میان بخش‌ها",
        "جمله‌ای که عین یا نزدیک به عین آن در بخشی پیشین هست.",
    ),
    "repeat": ("Repeated sentences within a split", "جمله تکراری در یک بخش", "جمله‌ای که پیش‌تر در همان بخش آمده است."),
    "labels": ("One surface, several labels", "یک نام با چند برچسب", "هرچه یک برچسب چیره‌تر باشد، بقیه مشکوک‌ترند."),
    "plain": (
        "Surfaces annotated at times only",
        "نام گاه بی‌برچسب",
        "نامی که گاه برچسب دارد و گاه ندارد؛ هرچه یک حالت چیره‌تر باشد، حالت دیگر مشکوک‌تر است.",
    ),
    "contradicted": (
        "Annotation that models contradict",
        "مخالفت مدل با برچسب",
        "مدل با اطمینان، مرز یا برچسب دیگری می‌دهد.",
    ),
    "unmarked": (
        "Names that models find and nobody annotated",
        "نام احتمالی بی‌برچسب",
        "مدل با اطمینان نامی می‌یابد که نشان‌گذاری نشده است.",
    ),
    "unfound": (
        "Annotation that models do not find",
        "برچسبی که مدل نیافته",
        "هیچ پیش‌بینی با آن هم‌پوشانی ندارد؛ مدل برای آن امتیازی نمی‌دهد.",
    ),
    "length": ("Spans of unusual length", "طول نامعمول", "طول به واژه یا نویسه از میانه همان برچسب بسیار دور است."),
    "shape": (
        "Spans of doubtful form",
        "مرز یا شکل مشکوک",
        "فاصله یا نشانه در لبه، شکست سطر، جفت ناقص، یا مرز میان واژه.",
    ),
    "density": (
        "Documents of unusual density",
        "تراکم نامعمول",
        "موجودیت‌های سند برای طول و منبع آن بسیار کم یا زیاد است.",
    ),
    "no_spans": (
        "Long documents without any span",
        "سند بی‌موجودیت",
        "سندی چنان بلند که نبود موجودیت در آن دور از انتظار است.",
    ),
    "rare_label": (
        "Labels that a source declares and hardly has",
        "برچسب اعلام‌شده و کم‌یاب",
        "منبع می‌گوید این برچسب را نشان می‌گذارد، ولی تقریباً نداردش.",
    ),
    "characters": ("Unusual characters", "نویسه نامعمول", "نویسه کنترلی، خراب، نامرئی، شکل نمایشی یا از خطی دیگر."),
    "mixed_script": ("Words in two scripts", "واژه با دو خط", "حروف فارسی و غیرفارسی بی‌فاصله به هم چسبیده‌اند."),
    "arabic_letters": ("Arabic letters", "حروف عربی", "«ي» و «ك» به جای «ی» و «ک»؛ مدل تفاوتی نمی‌بیند، جست‌وجو می‌بیند."),
    "long_word": ("Very long words", "واژه بسیار بلند", "اغلب چند واژه است که فاصله میانشان از دست رفته."),
}
"""Kind → its name in English, its name in Persian, and what it is."""
SEVERITY_NAMES: dict[Severity, str] = {"high": "زیاد", "medium": "متوسط", "low": "کم"}
SHAPE_NAMES: dict[Shape, tuple[str, str]] = {
    "edge_blank": ("blank at an edge", "فاصله یا نویسه نامرئی در لبه"),
    "edge_punctuation": ("punctuation at an edge", "نشانه در لبه"),
    "line_break": ("line break", "شکست سطر"),
    "unbalanced": ("unbalanced brackets or quotation marks", "کمانک یا گیومه بی‌جفت"),
    "partial_word": ("part of a word", "بخشی از واژه"),
}
CHARACTER_NAMES: dict[CharacterClass, str] = {
    "control": "کنترلی",
    "broken": "خراب یا تعریف‌نشده",
    "private": "کاربرد خصوصی",
    "presentation_form": "شکل نمایشی عربی",
    "invisible": "نامرئی",
    "other_script": "از خطی دیگر",
}
VERDICT_NAMES: dict[Verdict, str] = {
    "first": "بخش نخست",
    "clean": "بی‌نشت",
    "leaks": "نشت دارد؛ امتیازها خوش‌بینانه‌اند",
    "void": "امتیاز این بخش بی‌معناست",
    "joined_folds": "امتیاز این بخش بی‌معناست: بخش‌های اعتبارسنجی متقابل به هم چسبیده‌اند",
    "nothing": "جمله‌ای به‌قدر کافی بلند ندارد",
}
GROUP_NAMES = {"split": "بخش", "source": "منبع", "domain": "حوزه", "topic": "موضوع"}


def findings(audit: Audit) -> dict[Kind, list[Finding]]:
    """All findings by kind, in their order; kinds without any are empty."""
    found: dict[Kind, list[Finding]] = {kind: [] for kind in KIND_NAMES}
    every: chain[Finding] = chain(
        audit.leakage.findings,
        audit.conflicts,
        audit.disagreement.findings,
        audit.spans.findings,
        audit.coverage.findings,
        audit.texts.findings,
    )
    for finding in every:
        found[finding.kind].append(finding)
    return found


def render_html(audit: Audit) -> str:
    """The whole page."""
    return templating.render_html(
        "audit.html.j2",
        {"percent": _percent, "whole": whole, "css_class": css_class, "shorten": _shorten},
        style=read_templates("report.css", "audit.css") + palette_css(),
        script=read_templates("fold.js", "audit.js"),
        audit=audit,
        sections=[(kind, found[:SHOWN], len(found)) for kind, found in findings(audit).items() if found],
        alarms=[split for split in audit.leakage.splits if split.verdict in ("void", "joined_folds")],
        shown_places=SHOWN_PLACES,
        groups=audit.coverage.groups[:SHOWN_GROUPS],
        label_names=LABEL_NAMES,
        kind_names=KIND_NAMES,
        severity_names=SEVERITY_NAMES,
        shape_names=SHAPE_NAMES,
        character_names=CHARACTER_NAMES,
        verdict_names=VERDICT_NAMES,
        group_names=GROUP_NAMES,
    )


def render_summary(audit: Audit) -> str:
    """The verdicts, the numbers, and the first findings of each kind that are not of low severity, as Markdown."""
    notable = {
        kind: [finding for finding in found if finding.severity != "low"] for kind, found in findings(audit).items()
    }
    return render_markdown(
        "audit.md.j2",
        {"cell": markdown_cell, "whole": whole, "percent": _percent, "line": line},
        audit=audit,
        verdicts=[leakage.sentence(split) for split in audit.leakage.splits],
        sections=[(KIND_NAMES[kind][0], found[:SUMMARISED], len(found)) for kind, found in notable.items() if found],
        kind_names=KIND_NAMES,
    )


def line(finding: Finding) -> str:
    """A finding in one line of English, as text."""
    match finding:
        case Copy():
            found, original = finding.places
            alike = ", annotated differently" if finding.annotated_alike is False else ""
            return (
                f"{_where(found)} = {_where(original)} ({finding.similarity:.2f}{alike}): {_shorten(found.text, 100)}"
            )
        case Conflict():
            counts = ", ".join(f"{label} {count}" for label, count in finding.counts.items())
            odd = "; ".join(_where(place) for place in finding.places[:SHOWN_PLACES])
            return f"«{finding.surface}»: {counts}, unmarked {finding.unmarked}; look at {odd}"
        case Doubt():
            place = finding.places[0]
            said = f"models say {_span(finding.predicted)}" if finding.predicted else "models find nothing"
            gold = "nothing annotated" if finding.kind == "unmarked" else f"annotated {_span(place)}"
            sure = "" if finding.confidence is None else f", confidence {finding.confidence:.2f}"
            return f"{_where(place)}: {gold}, {said} ({finding.models} of {finding.of}{sure})"
        case SpanDefect():
            place = finding.places[0]
            what = ", ".join(SHAPE_NAMES[shape][0] for shape in finding.shapes) or f"{finding.words} words"
            return f"{_where(place)}: {_span(place)}: {what}"
        case Density():
            return f"{_where(finding.places[0])}: {finding.spans} spans, {finding.expected:.1f} expected"
        case RareLabel():
            expected = "" if finding.expected is None else f", {finding.expected:.0f} expected"
            return f"{finding.labels[0]} in source {finding.source or '(none)'}: {finding.spans} spans{expected}"
        case TextDefect():
            place = finding.places[0]
            what = ", ".join(finding.characters) or _shorten(place.text, 60)
            return f"{_where(place)}: {finding.count} times, {what}"
        case _:
            raise TypeError(f"unknown kind of finding: {finding.kind}")


def _where(place: Place) -> str:
    return f"{place.split}:{place.doc_id} {place.start}–{place.end}"


def _span(place: Place) -> str:
    return f"{place.label} «{_shorten(place.text, 100)}»"


def _shorten(text: str, limit: int = LONGEST_TEXT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
