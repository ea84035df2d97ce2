"""Stand-off layers: what the project decided about other people's corpora, without their text.

:mod:`~persian_ner.layers.standoff` is the file format and its application,
:mod:`~persian_ner.layers.places` decides which LOC is a GPE, and
:mod:`~persian_ner.layers.cues` finds where an event or a date may be.
"""
