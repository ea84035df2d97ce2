"""The card of the encoder in the repository tells what the files beside it are.

The log of its trainings is not in the repository, so that the sections on them cannot be made again.
"""

from __future__ import annotations

import re
from typing import Any

import srsly
import yaml
from project_copy import ROOT
from safetensors import safe_open
from transformers import BertConfig

from persian_ner.pretraining.card import model_card

ENCODER = ROOT / "assets" / "encoder"
CARD = (ENCODER / "README.md").read_text(encoding="utf-8")
LOG: list[dict[str, Any]] = [
    {
        "start": 0,
        "device": "cpu",
        "torch": "2",
        "schedule": {"mask_rate": 0.2, "batch_rows": 1, "body_rate": 1, "embedding_rate": 1, "decay": 0.1},
    },
    {"step": 1, "tokens": 1, "loss": 1.0, "held_out_loss": 1.0},
]


def sections(card: str) -> list[tuple[str, str]]:
    """Heading and text of each section; what stands before the first has the heading of the page."""
    parts = re.split(r"^##? (.*)$", card, flags=re.MULTILINE)[1:]
    return [(heading, text.strip()) for heading, text in zip(parts[::2], parts[1::2], strict=True)]


def test_what_does_not_depend_on_a_training_is_as_it_would_be_written_today() -> None:
    with safe_open(ENCODER / "model.safetensors", "np") as weights:
        parameters = sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118
        assert {weights.get_tensor(name).dtype.name for name in weights.keys()} == {"float16"}  # noqa: SIM118
    fresh = dict(sections(model_card(LOG, {}, parameters, BertConfig.from_pretrained(ENCODER))))
    kept = dict(sections(CARD))
    assert set(fresh) - {"Training"} == {"Compact Persian encoder", "Origin", "Limits"}
    for heading in ("Compact Persian encoder", "Origin", "Limits"):
        assert kept[heading] == fresh[heading], heading


def test_the_weights_are_small_enough_for_a_repository() -> None:
    assert sum((ENCODER / name).stat().st_size for name in ("model.safetensors", "ner/model")) <= 40_000_000


def test_sections_are_in_order_of_events() -> None:
    headings = [heading for heading, _ in sections(CARD)]
    assert headings[:3] == ["Compact Persian encoder", "Origin", "Training"]
    assert headings[-1] == "Limits"
    events = headings[3:-1]
    assert set(events) <= {"Earlier adaptation", "Earlier averaging", "Further training", "Adaptation", "Averaging"}
    # What is told of the encoder as it is now comes after all that was before.
    last = [heading for heading in events if heading in ("Adaptation", "Averaging")]
    assert last in ([], ["Adaptation"], ["Adaptation", "Averaging"])
    assert events[len(events) - len(last) :] == last
    assert ("Adaptation" in last) == (ENCODER / "ner").is_dir()


def test_the_adaptation_names_the_labels_of_the_head_and_the_licences_of_the_sources() -> None:
    adaptation = dict(sections(CARD))["Adaptation"]
    moves = srsly.json_loads(srsly.read_msgpack(ENCODER / "ner" / "moves")["moves"])
    labels = {label for found in moves.values() for label in found if label}
    said = re.search(r"with the labels\s+([A-Z, ]+),", adaptation)
    assert said and said[1].split(", ") == sorted(labels)
    rows = re.findall(r"^\| ([\w-]+) \| (.+) \|$", adaptation, flags=re.MULTILINE)[1:]
    assert len(rows) > 1
    for name, licence in rows:
        source = yaml.safe_load((ROOT / "configs" / "sources" / f"{name}.yml").read_text(encoding="utf-8"))
        assert source["licence"] == licence, name
