"""Dates: what the DATE entities of a Persian text mean, as intervals of days."""

from persian_ner.dates.resolve import resolve
from persian_ner.dates.value import FLAGS, REASONS, DateValue

__all__ = ["FLAGS", "REASONS", "DateValue", "resolve"]
