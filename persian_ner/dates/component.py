"""The spaCy component ``fa_dates``: says of every DATE entity which days it means.

It needs the publication date, which texts rarely state, on the document::

    nlp.add_pipe("fa_dates", last=True)
    doc = nlp.make_doc("سارا احمدی پنجشنبه به شیراز می‌رود.")
    doc._.publication_date = "2025-04-15"
    doc = nlp(doc)
    doc.ents[1]._.date.iso()  # '2025-04-17'

``Span._.date`` is a :class:`~persian_ner.dates.value.DateValue`, or None where the
component has not been or the span is no DATE entity. Both extensions are stored as
plain data, so that they survive ``Doc.to_bytes``, ``DocBin(store_user_data=True)``
and ``nlp.pipe(n_process=2)``. The component has a configuration and no other
state, hence nothing to write to disk.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from persian_ner.dates.resolve import resolve_in_turn
from persian_ner.dates.value import DateValue

NAME = "fa_dates"
_PUBLICATION_DATE = "publication_date"


class FaDates:
    """Resolves the entities of one label, in text order."""

    def __init__(self, label: str):
        """Take the label of date entities."""
        self._label = label

    def __call__(self, doc: Doc) -> Doc:
        """Set ``ent._.date`` of every entity of the label; the entities before it are its context."""
        dates = [ent for ent in doc.ents if ent.label_ == self._label]
        values = resolve_in_turn((ent.text for ent in dates), doc._.publication_date)
        for ent, value in zip(dates, values, strict=True):
            ent._.date_data = value.to_dict()
        return doc


def add_dates(nlp: Language) -> None:
    """Add the component to a pipeline that has none."""
    if NAME not in nlp.pipe_factories.values():
        nlp.add_pipe(NAME, last=True)


@Language.factory(NAME, default_config={"label": "DATE"}, assigns=["span._.date"], requires=["doc.ents"])
def create_fa_dates(nlp: Language, name: str, label: str) -> FaDates:
    """Factory of the component; registered through an entry point, so that ``spacy.load`` finds it."""
    return FaDates(label)


def _date_of(span: Span) -> DateValue | None:
    data: dict[str, Any] | None = span._.date_data
    return DateValue.from_dict(data) if data else None


def _publication_date(doc: Doc) -> date | None:
    stored: str | None = doc.user_data.get(_PUBLICATION_DATE)
    return date.fromisoformat(stored) if stored else None


def _set_publication_date(doc: Doc, value: date | str | None) -> None:
    """Accepts a date or an ISO string, with or without a time of day; raises ``ValueError`` for any other string."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = value.date()
    doc.user_data[_PUBLICATION_DATE] = value and value.isoformat()


Doc.set_extension("publication_date", getter=_publication_date, setter=_set_publication_date, force=True)
Span.set_extension("date_data", default=None, force=True)
Span.set_extension("date", getter=_date_of, force=True)
