"""The label scheme: what the model predicts, and what each label means."""

from __future__ import annotations

LABELS: tuple[str, ...] = ("PER", "ORG", "GPE", "EVENT", "DATE")
