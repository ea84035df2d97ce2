"""Warm start: give a Persian vocabulary a place in the embedding space of an English encoder.

Pre-training from random weights spends its first millions of tokens on a plateau.
Starting from the body of a small English encoder avoids most of it, provided the
new word pieces land where their meaning is. Like WECHSEL (Minixhofer et al. 2022)
and FOCUS (Dobler & de Melo 2023) we place them with a bilingual seed dictionary
and monolingual word vectors:

* a piece with a translation gets the mean of the English pieces of that translation;
* a piece that is the same in both vocabularies (Latin, digits, punctuation) keeps its vector;
* every other piece gets the similarity-weighted mean of its nearest anchors in
  word2vec space;
* a share of each piece's own word2vec vector, through a fixed random rotation,
  keeps pieces with the same translation apart.

The result has the mean and the deviation of the English embedding matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from gensim.models import Word2Vec
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM

from persian_ner.pretraining.tokenizer import SPECIAL_TOKENS
from persian_ner.records import InputError, Problem, iter_text_lines

VECTOR_SIZE = 200
NEIGHBOURS = 10
TEMPERATURE = 0.08
OWN_SHARE = 0.4
"""Share of a vector's variance that comes from the piece's own word2vec vector."""


class _Sentences:
    """A restartable stream of piece sequences for word2vec (it reads its input once an epoch)."""

    def __init__(self, streams: list[np.ndarray], pieces: list[str], length: int = 400):
        self.streams, self.pieces, self.length = streams, pieces, length

    def __iter__(self) -> Iterator[list[str]]:
        for stream in self.streams:
            for start in range(0, len(stream), self.length):
                yield [self.pieces[piece] for piece in stream[start : start + self.length]]


def piece_vectors(streams: list[np.ndarray], pieces: list[str], seed: int) -> np.ndarray:
    """Unit-length word2vec vectors, one row a piece; pieces that never occur get zeros."""
    model = Word2Vec(
        _Sentences(streams, pieces),
        vector_size=VECTOR_SIZE,
        window=5,
        min_count=1,
        negative=10,
        sample=1e-4,
        epochs=4,
        workers=2,
        seed=seed,
    )
    vectors = np.zeros((len(pieces), VECTOR_SIZE), dtype=np.float32)
    for row, piece in enumerate(pieces):
        if piece in model.wv:
            vectors[row] = model.wv[piece]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def read_dictionary(path: Path) -> dict[str, list[str]]:
    """Read ``piece<TAB>english words`` lines. Raises :class:`InputError` with every bad line, and for none."""
    entries: dict[str, list[str]] = {}
    problems: list[Problem] = []
    try:
        for item in iter_text_lines(path):
            if isinstance(item, Problem):
                problems.append(item)
                continue
            number, line = item
            piece, tab, english = line.partition("\t")
            if not tab or not english.split():
                problems.append(Problem(str(path), number, "", f"expected 'piece<TAB>english words', got {line!r}"))
            entries[piece] = english.split()
    except OSError as error:
        problems.append(Problem(str(path), 0, "", f"cannot be read: {error}"))
    if not entries and not problems:
        problems.append(Problem(str(path), 0, "", "has no entries"))
    if problems:
        raise InputError(problems)
    return entries


def place(
    pieces: list[str],
    vectors: np.ndarray,
    dictionary: dict[str, list[str]],
    english: Tokenizer,
    english_embeddings: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Embeddings for ``pieces`` (rows in vocabulary order) in the English space; see the module's text.

    Raises :class:`InputError` when too few pieces are in the dictionary, or English as they are, for the others to be
    placed beside them.
    """
    mean, deviation = english_embeddings.mean(axis=0), english_embeddings.std(axis=0)
    centred = english_embeddings - mean
    width = centred.shape[1]
    placed = np.zeros((len(pieces), width), dtype=np.float32)
    anchored = np.zeros(len(pieces), dtype=bool)
    for row, piece in enumerate(pieces):
        if piece in dictionary:
            ids = english.encode(" ".join(dictionary[piece]), add_special_tokens=False).ids
        else:
            same = english.token_to_id(piece)
            ids = [] if same is None else [same]
        if ids:
            placed[row] = centred[ids].mean(axis=0)
            anchored[row] = True
    anchors = np.flatnonzero(anchored & (np.linalg.norm(vectors, axis=1) > 0))
    if len(anchors) <= NEIGHBOURS:
        reason = f"of the vocabulary it has {len(anchors)} pieces that occur; the others need more than {NEIGHBOURS}"
        raise InputError([Problem("seed dictionary", 0, "", reason)])
    for row in map(int, np.flatnonzero(~anchored)):
        similarity = vectors[anchors] @ vectors[row]
        nearest = np.argpartition(-similarity, NEIGHBOURS)[:NEIGHBOURS]
        weights = np.exp(similarity[nearest] / TEMPERATURE)
        placed[row] = weights @ placed[anchors[nearest]] / weights.sum()
    rotation = np.random.default_rng(seed).normal(size=(vectors.shape[1], width)).astype(np.float32)
    result = np.sqrt(1 - OWN_SHARE) * _standardise(placed) + np.sqrt(OWN_SHARE) * _standardise(vectors @ rotation)
    for row, piece in enumerate(pieces):
        if piece in SPECIAL_TOKENS:  # their vectors must stay what the English body knows
            result[row] = (centred[english.token_to_id(piece)]) / deviation
    return (result * deviation + mean).astype(np.float32)


def _standardise(matrix: np.ndarray) -> np.ndarray:
    """Rows scaled to unit variance per entry, so that rare pieces are not born smaller than frequent ones."""
    return matrix / np.maximum(np.sqrt((matrix**2).mean(axis=1, keepdims=True)), 1e-9)


def build(
    english_folder: Path,
    tokenizer: Tokenizer,
    streams: list[np.ndarray],
    dictionary: dict[str, list[str]],
    seed: int,
) -> BertForMaskedLM:
    """A masked-LM whose body is the English encoder's and whose vocabulary is ours."""
    torch.manual_seed(seed)
    english = Tokenizer.from_file(str(english_folder / "tokenizer.json"))
    english.no_padding()
    english.no_truncation()
    vocabulary = tokenizer.get_vocab()
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    donor = BertForMaskedLM.from_pretrained(english_folder)
    config = BertConfig.from_pretrained(
        english_folder,
        vocab_size=len(pieces),
        pad_token_id=vocabulary["[PAD]"],
    )
    model = BertForMaskedLM(config)
    weights = {
        name: tensor
        for name, tensor in donor.state_dict().items()
        if name.startswith("bert.") and "word_embeddings" not in name
    }
    unexpected = model.load_state_dict(weights, strict=False).unexpected_keys
    if unexpected:
        raise ValueError(f"the donor has weights this model has no place for: {unexpected[:3]}")
    embeddings = place(
        pieces,
        piece_vectors(streams, pieces, seed),
        dictionary,
        english,
        donor.get_input_embeddings().weight.detach().numpy(),
        seed,
    )
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight.copy_(torch.from_numpy(embeddings))
    start_at_frequencies(model, streams)
    return model


def start_at_frequencies(model: BertForMaskedLM, streams: list[np.ndarray]) -> None:
    """Let a new masked-LM head begin with how frequent each piece is, which it would have to learn first."""
    pieces = model.config.vocab_size
    counts = np.sum([np.bincount(stream, minlength=pieces) for stream in streams], axis=0) + 1
    with torch.no_grad():
        model.cls.predictions.decoder.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
