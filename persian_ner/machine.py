"""The machine that something was measured or trained on. Free of spaCy, so pre-training can say it, too."""

from __future__ import annotations

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
