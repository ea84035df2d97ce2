"""A component whose entities tell every difference in how documents were predicted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy
import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

NAME = "test_fingerprint"


@Language.factory(NAME)
class Fingerprint:
    """Marks the first token of a document with a digest of its batch, torch's threads and the encoder's output."""

    def __init__(self, nlp: Language, name: str) -> None:
        pass

    def __call__(self, doc: Doc) -> Doc:
        return next(iter(self.pipe([doc], batch_size=1)))

    def pipe(self, docs: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        for batch in minibatch(docs, batch_size):
            together = [doc.text for doc in batch]
            for doc in batch:
                seen = hashlib.sha1(repr((together, torch.get_num_threads())).encode())
                if Doc.has_extension("trf_data") and doc._.trf_data is not None:
                    seen.update(numpy.ascontiguousarray(doc._.trf_data.model_output.last_hidden_state).tobytes())
                doc.set_ents([Span(doc, 0, 1, label=seen.hexdigest())], default="unmodified")
                yield doc
