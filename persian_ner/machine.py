"""The machine that something is measured or trained on. Free of spaCy, for pre-training has to do with it, too."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cpu_name() -> str:
    """The processor of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def bound_kernel_cache() -> None:
    """Have oneDNN, which computes torch's products on CPUs, keep few of its compiled kernels.

    It keeps one, with its buffers, for each of the last 1024 shapes of a matrix product. Batches of text hardly ever
    repeat a shape, so that is memory for nothing: gigabytes after some hundred steps. To be called before the first
    product of a process; a setting of the user's own stays.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
