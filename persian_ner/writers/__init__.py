"""Writers for annotation tools, one module a tool; :mod:`persian_ner.writers.export` finds them by name."""
