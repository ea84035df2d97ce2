"""Putting a trained pipeline's encoder in the place of the pre-trained one: behind ``adapt-encoder``.

An encoder that was fine-tuned for the same task on a large corpus starts a
training on a small one from knowledge of names, not of language alone
(«intermediate-task training», Pruksachatkun et al. 2020). The corpus itself
stays where it is: only the weights carry over.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import spacy
import srsly

from persian_ner import files

HEADING = "## Adaptation"
_WEIGHTS, _CARD = "model.safetensors", "README.md"


def adapt(model: Path, encoder: Path) -> dict[str, Any]:
    """Replace the weights in the folder ``encoder`` by those of a trained pipeline's encoder, in fp16.

    ``model`` is a pipeline trained from that very encoder and stamped with its
    sources; its facts are written into the encoder's card, in place of those of an
    earlier adaptation. Returns the pipeline's meta. Raises ``ValueError`` when the
    pipeline is not stamped or its encoder has another shape than the one in the folder.
    """
    meta: dict[str, Any] = srsly.read_json(model / "meta.json")
    if "provenance" not in meta:
        raise ValueError(f"{model} does not say what it was trained on: no provenance in its meta.json")
    component: Any = spacy.load(model).get_pipe("transformer")
    body = component.model.transformer
    ours = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    theirs = body.config.to_dict()
    shape = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    pairs = [(key, theirs.get(key), ours.get(key)) for key in shape]
    different = [f"{key} {their} instead of {our}" for key, their, our in pairs if their != our]
    if different:
        raise ValueError(f"the encoder of {model} is another one: {', '.join(different)}")
    with tempfile.TemporaryDirectory(dir=encoder.parent) as folder:
        body.half().save_pretrained(folder)
        (Path(folder) / _WEIGHTS).chmod(0o644)  # it is written for its owner alone
        (Path(folder) / _WEIGHTS).replace(encoder / _WEIGHTS)
    card = (encoder / _CARD).read_text(encoding="utf-8").split(HEADING)[0].rstrip()
    files.write_text(encoder / _CARD, f"{card}\n\n{_section(meta)}")
    return meta


def _section(meta: dict[str, Any]) -> str:
    performance = meta["performance"]
    rows = "\n".join(f"| {source['name']} | {source['license']} |" for source in meta["sources"])
    return f"""{HEADING}

After pre-training the encoder was fine-tuned for named-entity recognition, as part of a pipeline with the labels
{", ".join(meta["labels"]["ner"])}, on the training split of the corpora below with the layers of this repository
(docs/layers.md). The pipeline's entity F1 on the development articles was {performance["ents_f"]:.3f}. So a
training that starts here has seen their names; the test articles were in no training.

| corpus | licence as found |
|---|---|
{rows}
"""
