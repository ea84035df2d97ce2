"""Readers of annotated corpora, one module a format; :mod:`persian_ner.readers.registry` finds them by name."""
