"""Colours of labels in annotation tools: those of Okabe and Ito (2008), which colour-blind people can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

TEXT_COLOUR = "#000000"
_BACKGROUNDS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#999999", "#0072B2")


def backgrounds(labels: Sequence[str]) -> dict[str, str]:
    """A background for each label; from the ninth on they repeat."""
    return {label: _BACKGROUNDS[index % len(_BACKGROUNDS)] for index, label in enumerate(labels)}


def hotkeys(labels: Sequence[str]) -> dict[str, str]:
    """The digits from 1, for the first nine labels."""
    return {label: str(number) for number, label in enumerate(labels[:9], start=1)}
