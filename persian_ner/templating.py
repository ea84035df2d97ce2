"""Markdown pages from the package's templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_markdown(template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Fill in ``templates/<template>``; nothing is escaped but by its filters.

    Raises ``jinja2.UndefinedError`` when the template uses a value that is not given.
    """
    environment = Environment(
        loader=PackageLoader("persian_ner"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.get_template(template).render(**values)
