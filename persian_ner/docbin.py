"""Records to spaCy documents, and DocBin files."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.tokens import Span as SpacySpan

from persian_ner.files import replacing
from persian_ner.labels import LABELS
from persian_ner.layers.cues import uncertain_spans
from persian_ner.records import Problem, Record
from persian_ner.tokenizer import create_tokenizer


def blank() -> Language:
    """An empty Persian pipeline with the project's tokenizer."""
    nlp = spacy.blank("fa")
    nlp.tokenizer = create_tokenizer(nlp.vocab)
    return nlp


def to_doc(record: Record, nlp: Language, uncovered: str | None) -> tuple[Doc, list[Problem]]:
    """One record as a ``Doc`` with entities, and a problem for each span that is not whole tokens.

    Misaligned spans are left out of the document; the caller decides whether
    that is an error. ``uncovered`` says what a token outside all spans is when
    the record does not annotate every label: ``"missing"`` (unknown),
    ``"outside"``, or ``"cues"`` (unknown where :func:`uncertain_spans` says a name
    of an uncovered label may be, outside elsewhere). It must be given for such a
    record (``ValueError`` otherwise).
    """
    doc = nlp.make_doc(record.text)
    problems: list[Problem] = []
    entities: list[SpacySpan] = []
    for span in record.spans:
        entity = doc.char_span(span.start, span.end, label=span.label, alignment_mode="strict")
        if entity is None:
            around = doc.char_span(span.start, span.end, alignment_mode="expand")
            problems.append(
                record.problem(
                    f"{span.label} {record.text[span.start : span.end]!r} at {span.start}–{span.end} "
                    f"is not whole tokens: {[token.text for token in around or ()]}"
                )
            )
        else:
            entities.append(entity)
    open_labels = set() if record.annotated_labels is None else set(LABELS) - set(record.annotated_labels)
    if open_labels and uncovered is None:
        raise ValueError(f"{record.id} does not annotate all labels: say how to treat the others ('uncovered')")
    if open_labels and uncovered == "cues":
        doc.set_ents(entities, missing=_uncertain(doc, entities, open_labels), default="outside")
    else:
        doc.set_ents(entities, default="missing" if open_labels and uncovered == "missing" else "outside")
    doc.user_data["id"] = record.id
    return doc, problems


def _uncertain(doc: Doc, entities: list[SpacySpan], labels: set[str]) -> list[SpacySpan]:
    """The tokens outside entities where a name of these labels may be."""
    taken = {token.i for entity in entities for token in entity}
    expanded = (doc.char_span(start, end, alignment_mode="expand") for start, end in uncertain_spans(doc.text, labels))
    tokens = {token.i for span in expanded if span is not None for token in span}
    return [doc[index : index + 1] for index in sorted(tokens - taken)]


def from_records(
    records: Iterable[Record], nlp: Language, uncovered: Mapping[str, str | None]
) -> tuple[DocBin, list[Problem]]:
    """Convert records in order, one at a time, since documents take much more memory than a ``DocBin``.

    ``uncovered`` is keyed by ``meta["source"]``.
    """
    packed = from_docs()
    problems: list[Problem] = []
    for record in records:
        doc, found = to_doc(record, nlp, uncovered.get(record.meta.get("source", "")))
        packed.add(doc)
        problems += found
    return packed, problems


def from_docs(docs: Iterable[Doc] = ()) -> DocBin:
    """A ``DocBin`` of documents with what training reads: text, tokens, entities and ``user_data``."""
    return DocBin(attrs=["ENT_IOB", "ENT_TYPE"], store_user_data=True, docs=docs)


def as_stream(records: Sequence[Record]) -> list[Record]:
    """Records in random order, always the same, for a training that reads them one by one (``max_epochs = -1``).

    At their head is one with each label: spaCy takes the labels of a corpus that it streams from the first hundred.
    """
    shuffled = random.Random(0).sample(records, len(records))
    first: dict[str, int] = {}
    for index, record in enumerate(shuffled):
        for span in record.spans:
            first.setdefault(span.label, index)
    head = set(first.values())
    return [shuffled[index] for index in sorted(range(len(shuffled)), key=lambda index: index not in head)]


def write(packed: DocBin, path: Path) -> None:
    """Write a DocBin file; an earlier file is replaced only when the new one is complete."""
    with replacing(path) as partial:
        packed.to_disk(partial)
