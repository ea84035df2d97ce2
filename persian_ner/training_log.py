"""Training progress on the console and, line by line, in a file that the report draws its curves from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spacy.training.loggers import console_logger_v3


def training_log(output_file: str) -> Callable[..., Any]:
    """``spacy.ConsoleLogger.v3`` with a file that begins anew with each training.

    spaCy's own logger keeps an old file and writes nothing, so a second training
    would be shown with the curves of the first. Registered as
    ``persian_ner.training_log.v1`` through an entry point.
    """

    def setup(*arguments: Any) -> Any:
        Path(output_file).unlink(missing_ok=True)
        return console_logger_v3(output_file=output_file)(*arguments)

    return setup
