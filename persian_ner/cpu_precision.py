"""Faster training on CPUs with native bfloat16 arithmetic.

``spacy-transformers`` has mixed precision for GPUs only. On recent server and
laptop CPUs the encoder's matrix products run two to three times faster in
bfloat16, with weights, optimiser and everything outside the encoder in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from spacy.language import Language


def use_bfloat16_on_cpu() -> Callable[[Language], Language]:
    """Callback for ``[initialize.after_init]``; does nothing on a GPU or on a CPU without bfloat16 instructions.

    Registered as ``persian_ner.cpu_bfloat16.v1`` through an entry point. It
    changes the running pipeline only: the saved model is plain float32 and needs
    none of this code.
    """

    def wrap_encoder(nlp: Language) -> Language:
        component: Any = nlp.get_pipe("transformer")
        encoder = component.model.transformer
        if encoder.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
            encoder.forward = _in_bfloat16(encoder.forward)
        return nlp

    return wrap_encoder


def _in_bfloat16(forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = forward(*args, **kwargs)
        for name, value in output.items():
            if isinstance(value, torch.Tensor):
                output[name] = value.float()  # thinc's arrays have no bfloat16
        return output

    return run
