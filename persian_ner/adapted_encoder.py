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
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import spacy
import srsly
import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from tokenizers import Tokenizer

from persian_ner import files
from persian_ner.pretraining.card import ADAPTATION, AVERAGING, CARD, HEAD, as_earlier, with_section

_WEIGHTS = "model.safetensors"
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
    earlier adaptation. Returns the pipeline's meta. Raises ``ValueError`` when the
    pipeline is not stamped or its encoder has another shape than the one in the folder.
    """
    meta: dict[str, Any] = srsly.read_json(model / "meta.json")
    if "provenance" not in meta:
        raise ValueError(f"{model} does not say what it was trained on: no provenance in its meta.json")
    nlp = spacy.load(model)
    component: Any = nlp.get_pipe("transformer")
    head: Any = nlp.get_pipe("ner")
    body = component.model.transformer
    ours = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    theirs = body.config.to_dict()
    pairs = [(key, theirs.get(key), ours.get(key)) for key in _SHAPE]
    different = [f"{key} {their} instead of {our}" for key, their, our in pairs if their != our]
    if different:
        raise ValueError(f"the encoder of {model} is another one: {', '.join(different)}")
    with tempfile.TemporaryDirectory(dir=encoder.parent) as folder:
        body.half().save_pretrained(folder)
        (Path(folder) / _WEIGHTS).chmod(0o644)  # it is written for its owner alone
        head.to_disk(Path(folder) / HEAD, exclude=["vocab"])
        shutil.rmtree(encoder / HEAD, ignore_errors=True)
        (Path(folder) / HEAD).replace(encoder / HEAD)
        (Path(folder) / _WEIGHTS).replace(encoder / _WEIGHTS)
    card = as_earlier((encoder / CARD).read_text(encoding="utf-8"), AVERAGING)
    files.write_text(encoder / CARD, with_section(card, ADAPTATION, _section(meta), replacing=ADAPTATION))
    return meta


def average(encoder: Path, others: Sequence[Path]) -> None:
    """Replace the weights in the folder ``encoder``, and of its head, by their mean with those in ``others``.

    For adaptations of one line, such as those before and after further
    pre-training, or with several seeds: their mean keeps what each knows («model soups», Wortsman et al.
    2022). The card says so. Raises ``ValueError`` when two differ in shape,
    labels or vocabulary.
    """
    folders = [encoder, *others]
    facts = [_facts(folder) for folder in folders]
    for other, its in zip(others, facts[1:], strict=True):
        if its != facts[0]:
            raise ValueError(f"{encoder} and {other} differ in shape, labels or vocabulary")
    bodies = [load_file(folder / _WEIGHTS) for folder in folders]
    body = {name: torch.stack([other[name].float() for other in bodies]).mean(0).half() for name in bodies[0]}
    heads = [srsly.read_msgpack(folder / HEAD / "model") for folder in folders]
    heads[0]["params"] = [
        {name: sum(layer[name] for layer in layers) / len(folders) for name in layers[0]}
        for layers in zip(*(head["params"] for head in heads), strict=True)
    ]
    with files.replacing(encoder / _WEIGHTS) as path:
        save_file(body, path, metadata={"format": "pt"})
    with files.replacing(encoder / HEAD / "model") as path:
        srsly.write_msgpack(path, heads[0])
    card = (encoder / CARD).read_text(encoding="utf-8")
    # It is said once, however often it was done.
    number = "another version" if len(others) == 1 else f"{len(others)} other versions"
    files.write_text(
        encoder / CARD, with_section(card, AVERAGING, _AVERAGED.format(number=number), replacing=AVERAGING)
    )


def _facts(encoder: Path) -> list[Any]:
    """What two encoders and their heads must have in common for their weights to be comparable."""
    config = srsly.read_json(encoder / "config.json")
    vocabulary = Tokenizer.from_file(str(encoder / "tokenizer.json")).get_vocab()
    if not (encoder / HEAD).is_dir():
        raise ValueError(f"{encoder} has no head ({HEAD}) beside it")
    return [*(config.get(key) for key in _SHAPE), vocabulary, _moves(encoder / HEAD)]


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
