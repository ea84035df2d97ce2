"""Pages from the package's templates: Markdown, and HTML that is complete in one file."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Filters = Mapping[str, Callable[..., Any]]


def render_markdown(template: str, filters: Filters, **values: Any) -> str:
    """Fill in ``templates/<template>``; nothing is escaped but by its filters.

    Raises ``jinja2.UndefinedError`` when the template uses a value that is not given.
    """
    environment = _environment(filters, autoescape=False)
    environment.keep_trailing_newline = True
    return environment.get_template(template).render(**values)


def render_html(template: str, filters: Filters, *, style: str, script: str, **values: Any) -> str:
    """Fill in ``templates/<template>``; all values are escaped but ``style`` and ``script``, which it takes in.

    ``script_hash`` is there for the page's content security policy. Raises as :func:`render_markdown`.
    """
    return (
        _environment(filters, autoescape=True)
        .get_template(template)
        .render(style=Markup(style), script=Markup(script), script_hash=source_hash(script), **values)
    )


def read_templates(*names: str) -> str:
    """Files beside the templates, such as style sheets and scripts, one after the other."""
    return "".join((files("persian_ner") / "templates" / name).read_text(encoding="utf-8") for name in names)


def markdown_cell(text: str) -> str:
    """Text for one Markdown line: nothing in it ends the line or the table cell, or starts markup."""
    return re.sub(r"([\\`*_<>|\[\]#])", r"\\\1", " ".join(text.split()))


def source_hash(source: str) -> str:
    """How a content security policy names a script or style sheet inside a page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode('ascii')}"


def _environment(filters: Filters, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("persian_ner"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment
