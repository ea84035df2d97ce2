"""A pipeline with a tiny ``ner`` of random weights: it finds much, long and short, and is sure of little."""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy.language import Language
from spacy.util import fix_random_seed

from persian_ner import (
    confidence,  # noqa: F401 – registers component and extension
    docbin,
)

TEXTS = [
    "سارا احمدی به شیراز رفت.",
    "وزارت نیرو دیروز در رشت از برگزاری جشنواره خبر داد.\n\nمریم رستمی گفت: باران می‌آید.",
    "رئیس‌جمهور(روسیه) ۲۸فروردین‌ماه۱۴۰۴ سلام!ایران۲۰ عربي؟!",
]


def tiny_ner(*, extra_state_tokens: bool = False, use_upper: bool = True, seed: int = 1) -> Language:
    """The pipeline, with the labels PER and GPE."""
    nlp = docbin.blank()
    nlp.meta |= {"name": "tiny", "version": "1.2.3"}
    model: dict[str, Any] = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": extra_state_tokens,
        "hidden_width": 8,
        "maxout_pieces": 2,
        "use_upper": use_upper,
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": 8,
            "depth": 1,
            "embed_size": 50,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": True,
        },
    }
    ner: Any = nlp.add_pipe("ner", config={"model": model})
    ner.add_label("PER")
    ner.add_label("GPE")
    fix_random_seed(seed)
    nlp.initialize()
    rng = np.random.default_rng(seed)
    for part in ("lower", "upper") if use_upper else ("lower",):
        layer = ner.model.get_ref(part)
        for name in layer.param_names:
            layer.set_param(name, rng.normal(scale=0.7, size=layer.get_param(name).shape).astype("f"))
    bias = layer.get_param("b")
    bias[[ner.moves.get_class_name(index).startswith("I-") for index in range(len(bias))]] += 1.5
    bias[[ner.moves.get_class_name(index) == "O" for index in range(len(bias))]] -= 1.5
    ner.model.attrs["unseen_classes"].clear()
    return nlp
