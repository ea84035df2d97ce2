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
from typing import Any

import torch
from spacy.language import Language

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGE_BLOCK = 1 << 20


def use_bfloat16_on_cpu() -> Callable[[Language], Language]:
    """Callback for ``[initialize.after_init]``; does nothing on a GPU or on a CPU without bfloat16 instructions.

    Registered as ``persian_ner.cpu_bfloat16.v1`` through an entry point. It
    changes the running pipeline only: the saved model is plain float32 and needs
    none of this code.
    """

    def wrap_encoder(nlp: Language) -> Language:
        component: Any = nlp.get_pipe("transformer")
        encoder = component.model.transformer
        if encoder.device.type == "cpu":
            _return_freed_memory()
        if encoder.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
            encoder.forward = _in_bfloat16(encoder.forward)
        return nlp

    return wrap_encoder


def _return_freed_memory() -> None:
    """Let glibc give large freed blocks back at once.

    Every batch has another shape, and glibc raises the size up to which it keeps freed blocks for reuse with each
    larger one: after some hundred batches most of a training's memory is holes. Fixed thresholds stop that.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from other C libraries than glibc
    if mallopt is not None:
        for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(parameter, _LARGE_BLOCK)


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
