"""The training loop of pre-training: one process, CPU or GPU, resumable at any moment."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import BertForMaskedLM

from persian_ner.pretraining.masking import mask_words
from persian_ner.pretraining.objectives import Batch, MaskedWords, ReplacedPieces, objective
from persian_ner.pretraining.settings import Schedule
from persian_ner.records import InputError, Problem


def row_order(rows: int, seed: int) -> Iterator[int]:
    """Row numbers for ever: a new permutation each epoch, the same for the same seed."""
    epoch = 0
    while True:
        yield from np.random.default_rng([seed, epoch]).permutation(rows)
        epoch += 1


def train(
    initial: BertForMaskedLM,
    blocks: np.ndarray,
    held_out: np.ndarray,
    continues: np.ndarray,
    special: np.ndarray,
    mask_id: int,
    schedule: Schedule,
    folder: Path,
    provenance: dict[str, Any],
) -> None:
    """Train until ``schedule.steps``, resuming from ``folder/checkpoint.pt`` when it is there.

    Writes ``folder/log.jsonl`` (``provenance``; loss, held-out loss, tokens, speed, and
    the ``seconds`` since this start) and the checkpoint: every ``save_minutes``, at the end, and when the process is
    interrupted (Ctrl-C) or terminated. Raises :class:`InputError` for a checkpoint that this run cannot go on from.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(schedule.seed)
    model = objective(schedule.objective, initial, special).to(device)
    model.train()
    folder.mkdir(parents=True, exist_ok=True)
    embeddings = model.bert.get_input_embeddings().weight
    body = [parameter for parameter in model.parameters() if parameter is not embeddings]
    optimizer = torch.optim.AdamW(
        [{"params": [embeddings], "base": schedule.embedding_rate}, {"params": body, "base": schedule.body_rate}],
        lr=1.0,
        betas=(0.9, 0.98),
        eps=1e-6,
        weight_decay=schedule.weight_decay,
        fused=True,
    )
    checkpoint = folder / "checkpoint.pt"
    start = 0
    if checkpoint.exists():
        try:
            state = torch.load(checkpoint, map_location=device, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            start = state["step"]
        except Exception as error:  # torch raises what its many parts raise
            reason = (
                f"no checkpoint of this objective and encoder; {schedule.objective} needs another folder to begin in"
            )
            raise InputError([Problem(str(checkpoint), 0, "", reason)]) from error

    def save(step: int) -> None:
        partial = checkpoint.with_suffix(".partial")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, partial)
        partial.replace(checkpoint)

    order = row_order(len(blocks), schedule.seed)
    for _ in range(start * schedule.batch_rows):
        next(order)
    batch_tokens = schedule.batch_rows * blocks.shape[1]
    begun = saved = logged = time.monotonic()
    losses: list[float] = []
    done = start
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log, _saving_at_exit(lambda: save(done)):
        log.write(json.dumps({"start": start, "schedule": schedule.model_dump(), **provenance}) + "\n")
        steps = range(start, schedule.steps)
        for step in tqdm(steps, initial=start, total=schedule.steps, unit="step", mininterval=10):
            rng = np.random.default_rng([schedule.seed, step])
            rows = blocks[[next(order) for _ in range(schedule.batch_rows)]].astype(np.int64)
            inputs, chosen = mask_words(rows, continues, special, mask_id, schedule.mask_rate, rng)
            loss = _loss(model, Batch(rows, inputs, chosen, device), rng)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = group["base"] * schedule.factor(step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            done = step + 1
            losses.append(loss.item())
            if done % schedule.log_every == 0 or done == schedule.steps:
                now = time.monotonic()
                entry = {
                    "step": done,
                    "tokens": done * batch_tokens,
                    "loss": round(float(np.mean(losses)), 4),
                    "held_out_loss": round(evaluate(model, held_out, continues, special, mask_id, schedule, device), 4),
                    "tokens_per_second": round(len(losses) * batch_tokens / (now - logged)),
                    "seconds": round(now - begun),
                }
                log.write(json.dumps(entry) + "\n")
                log.flush()
                losses.clear()
                logged = time.monotonic()
            if time.monotonic() - saved > schedule.save_minutes * 60:
                save(done)
                saved = time.monotonic()


@contextmanager
def _saving_at_exit(save: Callable[[], None]) -> Iterator[None]:
    """Save when the block ends or is interrupted; not after an error, whose state may be bad."""
    try:
        yield
    except KeyboardInterrupt:
        save()
        raise
    save()


def evaluate(
    model: MaskedWords | ReplacedPieces,
    held_out: np.ndarray,
    continues: np.ndarray,
    special: np.ndarray,
    mask_id: int,
    schedule: Schedule,
    device: torch.device,
) -> float:
    """Loss on held-out rows, with the same mask at every call: the mean over batches, weighted by masked pieces."""
    model.eval()
    rng = np.random.default_rng(schedule.seed)
    total = count = 0.0
    with torch.no_grad():
        for start in range(0, len(held_out), schedule.batch_rows):
            rows = held_out[start : start + schedule.batch_rows].astype(np.int64)
            inputs, chosen = mask_words(rows, continues, special, mask_id, schedule.mask_rate, rng)
            total += _loss(model, Batch(rows, inputs, chosen, device), rng).item() * chosen.sum()
            count += chosen.sum()
    model.train()
    return total / count


def _loss(model: MaskedWords | ReplacedPieces, batch: Batch, rng: np.random.Generator) -> torch.Tensor:
    with torch.autocast(batch.device.type, dtype=torch.bfloat16):
        return model.loss(batch, rng)
