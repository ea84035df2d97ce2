"""Putting a trained pipeline's networks in the place of the pre-trained encoder: behind ``adapt-encoder``.

An encoder that was fine-tuned for the same task on a large corpus starts a
training on a small one from knowledge of names, not of language alone
(«intermediate-task training», Pruksachatkun et al. 2020). The head (``ner``), a
hundredth of the encoder's size, is kept beside it: where a pipeline has the same
labels, :func:`start_from_head` lets its training begin with both, and so go on
rather than begin anew. The corpus itself stays where it is: only weights carry over.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import spacy
import srsly
import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from tokenizers import Tokenizer

from persian_ner import files
from persian_ner.model_meta import read_stamped
from persian_ner.pretraining.card import ADAPTATION, AVERAGING, CARD, HEAD, as_earlier, with_section
from persian_ner.readers.json_input import AnyObject, read_as
from persian_ner.records import InputError, Problem, collecting, loaded, read_text

_WEIGHTS = "model.safetensors"
_READABLE = 0o644  # what saves weights does so for their owner alone
_SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_AVERAGED = """\
The networks, adapted as said above, were then averaged with those of {number}
of this encoder, all weighing the same, so as to keep what each knew (Wortsman et al. 2022). These may have been
averaged themselves.
"""
_logger = logging.getLogger("spacy")


def adapt(model: Path, encoder: Path) -> dict[str, Any]:
    """Replace the weights in the folder ``encoder`` by those of a trained pipeline's encoder, in fp16, and its head.

    ``model`` is a pipeline trained from that very encoder and stamped with its
    sources; its facts are written into the encoder's card, in place of those of an
    earlier adaptation. Returns the pipeline's meta. Raises :class:`InputError` with everything that is wrong: what
    cannot be read, a pipeline that is not stamped or has no encoder or no ``ner``, an encoder of another shape than the
    one in the folder.
    """
    problems: list[Problem] = []
    meta = collecting(problems, lambda: _measured_meta(model / "meta.json"))
    networks = collecting(problems, lambda: _networks(model))
    ours = collecting(problems, lambda: read_as(encoder / "config.json", AnyObject))
    card = collecting(problems, lambda: loaded(encoder / CARD, read_text))
    if networks is not None and ours is not None:
        theirs = networks[0].config.to_dict()
        pairs = [(key, theirs.get(key), ours.root.get(key)) for key in _SHAPE]
        different = [f"{key} {their} instead of {our}" for key, their, our in pairs if their != our]
        if different:
            problems.append(Problem(str(model), 0, "", f"has another encoder: {', '.join(different)}"))
    if problems or meta is None or networks is None or card is None:
        raise InputError(problems)
    body, head = networks
    with files.filling(encoder) as made:
        body.half().save_pretrained(made)
        (made / "config.json").unlink()  # the folder has its own
        (made / _WEIGHTS).chmod(_READABLE)
        head.to_disk(made / HEAD, exclude=["vocab"])
        section = with_section(as_earlier(card, AVERAGING), ADAPTATION, _section(meta), replacing=ADAPTATION)
        files.write_text(made / CARD, section)
    return meta


def _measured_meta(path: Path) -> dict[str, Any]:
    meta = read_stamped(path)
    if not isinstance(meta.get("performance", {}).get("ents_f"), float):
        raise InputError([Problem(str(path), 0, "", "does not say how good the pipeline's ner is: no ents_f")])
    return meta


def _networks(model: Path) -> tuple[Any, Any]:
    """The encoder of a pipeline, and its ``ner``."""
    nlp = loaded(model, spacy.load)
    absent = [name for name in ("transformer", "ner") if name not in nlp.pipe_names]
    if absent:
        raise InputError([Problem(str(model), 0, "", f"the pipeline has no {' and no '.join(absent)}")])
    component: Any = nlp.get_pipe("transformer")
    return component.model.transformer, nlp.get_pipe("ner")


def average(encoder: Path, others: Sequence[Path]) -> None:
    """Replace the weights in the folder ``encoder``, and of its head, by their mean with those in ``others``.

    For adaptations of one line, such as those before and after further
    pre-training, or with several seeds: their mean keeps what each knows («model soups», Wortsman et al.
    2022). The card says so. Raises :class:`InputError` with everything that cannot be read, or else with every
    encoder that differs from the first in shape, labels or vocabulary.
    """
    problems: list[Problem] = []
    card = collecting(problems, lambda: loaded(encoder / CARD, read_text))
    read = [collecting(problems, partial(_read, folder)) for folder in (encoder, *others)]
    parts = [each for each in read if each is not None]
    if problems or card is None:
        raise InputError(problems)
    reason = f"differs from {encoder} in shape, labels or vocabulary"
    different = [other for other, its in zip(others, parts[1:], strict=True) if its.facts() != parts[0].facts()]
    if different:
        raise InputError(Problem(str(other), 0, "", reason) for other in different)
    names = parts[0].weights
    body = {name: torch.stack([each.weights[name].float() for each in parts]).mean(0).half() for name in names}
    head = parts[0].head | {
        "params": [
            {name: sum(layer[name] for layer in layers) / len(parts) for name in layers[0]}
            for layers in zip(*(each.head["params"] for each in parts), strict=True)
        ]
    }
    # It is said once, however often it was done.
    number = "another version" if len(others) == 1 else f"{len(others)} other versions"
    with files.filling(encoder) as made:
        save_file(body, made / _WEIGHTS, metadata={"format": "pt"})
        (made / _WEIGHTS).chmod(_READABLE)
        shutil.copytree(encoder / HEAD, made / HEAD)
        srsly.write_msgpack(made / HEAD / "model", head)
        section = with_section(card, AVERAGING, _AVERAGED.format(number=number), replacing=AVERAGING)
        files.write_text(made / CARD, section)


@dataclass(frozen=True)
class _Encoder:
    """An encoder and the head beside it, as they are read from files."""

    config: dict[str, Any]
    vocabulary: dict[str, int]
    weights: dict[str, torch.Tensor]
    moves: dict[str, list[str]]
    head: dict[str, Any]

    def facts(self) -> list[Any]:
        """What two of them must have in common for their weights to be comparable."""
        shapes = {name: tensor.shape for name, tensor in self.weights.items()}
        layers = [{name: array.shape for name, array in layer.items()} for layer in self.head["params"]]
        return [*(self.config.get(key) for key in _SHAPE), self.vocabulary, self.moves, shapes, layers]


def _read(encoder: Path) -> _Encoder:
    problems: list[Problem] = []
    config = collecting(problems, lambda: read_as(encoder / "config.json", AnyObject))
    vocabulary = collecting(
        problems, lambda: loaded(encoder / "tokenizer.json", lambda path: Tokenizer.from_file(str(path)).get_vocab())
    )
    weights = collecting(problems, lambda: loaded(encoder / _WEIGHTS, load_file))
    head = collecting(
        problems, lambda: loaded(encoder / HEAD, lambda path: (_moves(path), srsly.read_msgpack(path / "model")))
    )
    if config is None or vocabulary is None or weights is None or head is None:
        raise InputError(problems)
    return _Encoder(config.root, vocabulary, weights, *head)


def _moves(head: Path) -> dict[str, list[str]]:
    """The labels of each kind of move of a saved ``ner``, in the order of its network's output."""
    moves = json.loads(srsly.read_msgpack(head / "moves")["moves"])
    return {move: list(labels) for move, labels in moves.items()}


def start_from_head(encoder: str, renamed: dict[str, str] | None = None) -> Callable[[Language], Language]:
    """Callback for ``[initialize.after_init]``: ``ner`` starts from the head beside the encoder, if there is one.

    Registered as ``persian_ner.adapted_head.v1`` through an entry point. In a
    pipeline with other labels than that head's only those that both have start from
    there; ``renamed`` says which labels of the pipeline the head knows by another
    name (``{"pers": "PER"}``). A warning names those that begin anew. The ``ner`` must
    be built like the head's: ``use_upper = false``, and of the same widths.
    """

    def load_head(nlp: Language) -> Language:
        path = Path(encoder) / HEAD
        if not path.is_dir():
            return nlp
        component: Any = nlp.get_pipe("ner")
        known = {label for labels in _moves(path).values() for label in labels if label}
        names = {label: (renamed or {}).get(label, label) for label in component.labels}
        if {label: label for label in known} == names:
            component.from_disk(path, exclude=["vocab"])
            _logger.info("ner starts from %s", path)
            return nlp
        config = {key: value for key, value in nlp.get_pipe_config("ner").items() if key != "factory"}
        head = nlp.create_pipe("ner", config=config).from_disk(path, exclude=["vocab"])  # type: ignore[attr-defined]
        _copy_head(head, component, names)
        anew = [label for label, name in names.items() if name not in known]
        if anew:
            _logger.warning("%s lacks the labels %s: they begin anew (configs/new-labels.cfg)", path, ", ".join(anew))
        return nlp

    return load_head


def _copy_head(source: Any, target: Any, names: dict[str, str]) -> None:
    """Give ``target``, an initialised ``ner``, the weights of ``source``, whose ``names`` for its labels are given."""
    own, other = ([ner.moves.get_class_name(i) for i in range(ner.moves.n_moves)] for ner in (target, source))
    rows: list[tuple[int, int]] = []
    for row, move in enumerate(own):
        action, hyphen, label = move.partition("-")
        name = action + hyphen + names.get(label, label)  # «O» and the move that blocks have none
        if name in other:
            rows.append((row, other.index(name)))
    to, of = (list(part) for part in zip(*rows, strict=True))
    lower = target.model.get_ref("lower"), source.model.get_ref("lower")
    for name, axis in (("W", 1), ("b", 0), ("pad", 2)):
        weights = lower[0].get_param(name).copy()
        weights[(slice(None),) * axis + (to,)] = lower[1].get_param(name).take(of, axis=axis)
        lower[0].set_param(name, weights)
    for own_layer, its_layer in zip(target.model.walk(), source.model.walk(), strict=True):
        if own_layer.name == "linear":
            for name in own_layer.param_names:
                own_layer.set_param(name, its_layer.get_param(name).copy())


def in_turn(*callbacks: Callable[[Language], Language]) -> Callable[[Language], Language]:
    """One callback out of several, registered as ``persian_ner.in_turn.v1``."""

    def call_all(nlp: Language) -> Language:
        for callback in callbacks:
            nlp = callback(nlp)
        return nlp

    return call_all


def _section(meta: dict[str, Any]) -> str:
    performance = meta["performance"]
    rows = "\n".join(f"| {source['name']} | {source['license']} |" for source in meta["sources"])
    return f"""\
After pre-training the encoder was fine-tuned for named-entity recognition, as part of a pipeline with the labels
{", ".join(meta["labels"]["ner"])}, on the training split of the corpora below with the layers of this repository
(docs/layers.md). The pipeline's entity F1 on the development articles was {performance["ents_f"]:.3f}. So a
training that starts here has seen their names; the test articles were in no training. The pipeline's `ner` component is
in the folder `{HEAD}`: a training with the same labels goes on from there (configs/default.cfg). The encoder that the
pipeline was trained from may have been adapted in this way before; the table is of the last time.

| corpus | licence as found |
|---|---|
{rows}
"""
