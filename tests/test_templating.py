from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from persian_ner.layers import summary
from persian_ner.layers.agreement import Answer
from persian_ner.layers.standoff import Layer
from persian_ner.templating import render_markdown


def test_markup_is_escaped_by_nothing_but_filters() -> None:
    answer = Answer("d#1", 0, 2, "span", "GPE=<قم>", "-")
    page = summary.render([summary.summarise(Layer("mine", {}), [answer], [], [], None)])
    assert "| mine | GPE=<قم> | - |" in page
    assert page.endswith("|\n")


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="labels"):
        render_markdown("layers.md.j2", {}, summaries=[])
