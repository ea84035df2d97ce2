"""The spaCy component ``fa_dates``."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from persian_ner.dates import component  # noqa: F401 – registers component and extensions
from persian_ner.dates.value import DateValue
from persian_ner.tokenizer import create_tokenizer

TEXT = "سارا احمدی پنجشنبه ۲۸ فروردین ۱۴۰۴ به شیراز رفت و روز شنبه برگشت؛ دوره قاجار."
DATES = ["پنجشنبه ۲۸ فروردین ۱۴۰۴", "روز شنبه", "دوره قاجار"]


def pipeline(**config: str) -> Language:
    nlp = spacy.blank("fa")
    nlp.tokenizer = create_tokenizer(nlp.vocab)
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([*({"label": "DATE", "pattern": text} for text in DATES), {"label": "GPE", "pattern": "شیراز"}])
    nlp.add_pipe("fa_dates", config=config)
    return nlp


@pytest.fixture(scope="module")
def nlp() -> Language:
    return pipeline()


def published(nlp: Language, day: date | str | None = "2025-04-22") -> Doc:
    doc = nlp.make_doc(TEXT)
    doc._.publication_date = day
    return doc


def meanings(doc: Doc) -> list[str | None]:
    return [ent._.date.iso() or ent._.date.reason if ent._.date else None for ent in doc.ents]


def test_every_date_and_nothing_else_gets_a_value(nlp: Language) -> None:
    doc = nlp(published(nlp))
    assert [ent.text for ent in doc.ents] == [DATES[0], "شیراز", *DATES[1:]]
    # The nearest Saturday is that of the publication date, a Tuesday.
    assert meanings(doc) == ["2025-04-17", None, "2025-04-19", "unknown_words"]
    value = doc.ents[0]._.date
    assert isinstance(value, DateValue)
    assert (value.calendar, value.granularity, value.flags) == ("jalali", "day", ())
    assert doc[0:1]._.date is None


def test_without_a_publication_date_the_first_date_stands_for_it(nlp: Language) -> None:
    assert meanings(nlp(TEXT)) == ["2025-04-17", None, "2025-04-19", "unknown_words"]


def test_in_a_stream(nlp: Language) -> None:
    docs = [published(nlp, "2025-04-22"), published(nlp, "2010-01-02")]
    assert [meanings(doc)[2] for doc in nlp.pipe(docs)] == ["2025-04-19", "2010-01-02"]


@pytest.mark.parametrize(
    "day", [date(2025, 4, 22), datetime(2025, 4, 22, 10), "2025-04-22", "2025-04-22T10:00:00+03:30"]
)
def test_publication_date_is_a_date_or_an_iso_string(nlp: Language, day: date | str) -> None:
    assert published(nlp, day)._.publication_date == date(2025, 4, 22)


def test_publication_date_can_be_missing(nlp: Language) -> None:
    assert nlp.make_doc(TEXT)._.publication_date is None
    assert published(nlp, None)._.publication_date is None


def test_publication_date_of_another_form_is_refused(nlp: Language) -> None:
    with pytest.raises(ValueError):
        published(nlp, "۱۴۰۴/۱/۲۸")


def test_values_survive_serialisation(nlp: Language) -> None:
    doc = nlp(published(nlp))
    assert meanings(Doc(nlp.vocab).from_bytes(doc.to_bytes())) == meanings(doc)
    (again,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert meanings(again) == meanings(doc)
    assert again._.publication_date == date(2025, 4, 22)


def test_component_survives_on_disk(nlp: Language, tmp_path: Path) -> None:
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert meanings(loaded(published(loaded))) == meanings(nlp(published(nlp)))


def test_the_label_is_a_setting() -> None:
    other = pipeline(label="GPE")
    values = [ent._.date for ent in other(TEXT).ents]
    assert [value and value.reason for value in values] == [None, "unknown_words", None, None]


def test_spacy_knows_what_it_assigns(nlp: Language) -> None:
    meta = nlp.get_pipe_meta("fa_dates")
    assert (meta.assigns, meta.requires) == (["span._.date"], ["doc.ents"])
