"""The label scheme of the project. A corpus may have another one: ``labels`` of its configuration."""

from __future__ import annotations

LABELS: tuple[str, ...] = ("PER", "ORG", "GPE", "EVENT", "DATE")
