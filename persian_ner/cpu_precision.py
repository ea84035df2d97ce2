"""Faster training on CPUs with native bfloat16 arithmetic.

``spacy-transformers`` has mixed precision for GPUs only. On recent server and
laptop CPUs the encoder's matrix products run two to three times faster in
bfloat16, with weights, optimiser and everything outside the encoder in float32.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import Any, Literal

import torch
from spacy.language import Language

from persian_ner.machine import bound_kernel_cache

_TRIM_EVERY = 16
"""Batches after which freed memory is given back."""

Arithmetic = Literal["bfloat16", "float32"]

_MARK = "in_bfloat16"


def use_bfloat16_on_cpu() -> Callable[[Language], Language]:
    """Callback for ``[initialize.after_init]``; does nothing on a GPU or on a CPU without bfloat16 instructions.

    Registered as ``persian_ner.cpu_bfloat16.v1`` through an entry point. It
    changes the running pipeline only: the saved model is plain float32 and needs
    none of this code.
    """

    bound_kernel_cache()

    def wrap_encoder(nlp: Language) -> Language:
        component: Any = nlp.get_pipe("transformer")
        encoder = component.model.transformer
        if encoder.device.type == "cpu":
            encoder.forward = _trimming_memory(encoder.forward)
        if encoder.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
            encoder.forward = _in_bfloat16(encoder.forward)
        return nlp

    return wrap_encoder


def arithmetic_of(nlp: Language) -> Arithmetic:
    """What the encoder computes in: bfloat16 if :func:`use_bfloat16_on_cpu` has changed it."""
    if not nlp.has_pipe("transformer"):
        return "float32"
    component: Any = nlp.get_pipe("transformer")
    return "bfloat16" if hasattr(component.model.transformer.forward, _MARK) else "float32"


def _trimming_memory(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Give freed memory back now and then.

    Every batch has another shape, and glibc keeps what it frees in pieces that fit
    none of the next: after some hundred batches most of a training's memory is
    holes. Fixed allocation thresholds (``mallopt``) stop that too, but made a step
    half as fast again.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is None:  # another C library than glibc
        return forward
    calls = count(1)

    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        if next(calls) % _TRIM_EVERY == 0:
            trim(0)
        return forward(*args, **kwargs)

    return run


def _in_bfloat16(forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = forward(*args, **kwargs)
        for name, value in output.items():
            if isinstance(value, torch.Tensor):
                output[name] = value.float()  # thinc's arrays have no bfloat16
        return output

    setattr(run, _MARK, True)
    return run
