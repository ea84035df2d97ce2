"""The encoder as files: preparing a run folder, training from it, exporting a checkpoint for ``transformers``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import RootModel
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, BertModel

from persian_ner.files import filling
from persian_ner.machine import bound_kernel_cache, cpu_name
from persian_ner.pretraining import corpus, warmstart
from persian_ner.pretraining.card import CARD, HEAD, further_card, model_card
from persian_ner.pretraining.loop import train
from persian_ner.pretraining.settings import Config, NewConfig
from persian_ner.pretraining.tokenizer import CLS, MASK, SEP, SPECIAL_TOKENS, save_for_transformers
from persian_ner.pretraining.tokenizer import train as train_tokenizer
from persian_ner.readers.json_input import read_as
from persian_ner.records import InputError, Problem, collecting, loaded, read_text
from persian_ner.sources import read_yaml

_BEFORE = "before.md"
"""The card of the encoder that a run goes on from, in the run's folder."""


def read_config(path: Path) -> Config:
    """Read the settings of a run; raises :class:`InputError` with all that is wrong with them."""
    return read_yaml(path, Config)


def read_new_config(path: Path) -> NewConfig:
    """Read the settings of a run that begins anew (``configs/pretrain.yaml``), as :func:`read_config` does."""
    return read_yaml(path, NewConfig)


def prepare(config: NewConfig, raw_text: Path, dictionary: Path, english: Path, folder: Path) -> None:
    """Build everything training needs in ``folder``: ``tokenizer/``, ``blocks.npy``, ``held_out.npy``, ``initial/``.

    ``raw_text`` is the folder of the configured source files; ``english`` holds
    the donor encoder in ``transformers`` format. Raises :class:`InputError`, and writes nothing: with all that can be
    said at once (files that are missing, bad lines of the dictionary, a ``folder`` that has been trained in, whose
    checkpoint belongs to other blocks), or else, after minutes, with every source that cannot be read, or when there is
    no more text than is held out.
    """
    names = [*config.corpus.tokenizer_sources, *config.corpus.sources]
    problems = [*_trained(folder), *corpus.absent(dict.fromkeys(names), raw_text)]
    words = collecting(problems, lambda: warmstart.read_dictionary(dictionary))
    if problems or words is None:
        raise InputError(problems)
    cleaned, counts = _clean(names, raw_text)

    def tokenizer_texts() -> Iterator[str]:
        for name in config.corpus.tokenizer_sources:
            yield from (text for text in cleaned[name] if text)

    tokenizer = train_tokenizer(tokenizer_texts(), config.tokenizer.vocab_size)
    with filling(folder) as made:
        save_for_transformers(tokenizer, made / "tokenizer")
        streams = _pack(config, cleaned, counts, tokenizer, raw_text, made)
        model = warmstart.build(english, tokenizer, streams, words, config.schedule.seed)
        model.save_pretrained(made / "initial")
    (folder / _BEFORE).unlink(missing_ok=True)  # of a run that went on from an encoder


def prepare_further(config: Config, raw_text: Path, encoder: Path, folder: Path) -> None:
    """Build what training needs in ``folder``, as :func:`prepare` does, for going on from an exported encoder.

    The tokenizer is that of ``encoder``; the masked-LM head is new, since exported
    encoders have none. The encoder's card is kept (``before.md``). Raises as
    :func:`prepare` does; what is wrong with ``encoder`` is said at once.
    """
    problems = [*_trained(folder), *corpus.absent(config.corpus.sources, raw_text)]
    torch.manual_seed(config.schedule.seed)  # of the new head
    tokenizer = collecting(problems, lambda: _read_tokenizer(encoder / "tokenizer.json"))
    model = collecting(problems, lambda: loaded(encoder, lambda path: BertForMaskedLM.from_pretrained(path).float()))
    card = collecting(problems, lambda: loaded(encoder / CARD, Path.read_bytes))
    if problems or tokenizer is None or model is None or card is None:
        raise InputError(problems)
    cleaned, counts = _clean(config.corpus.sources, raw_text)
    with filling(folder) as made:
        save_for_transformers(tokenizer, made / "tokenizer")
        warmstart.start_at_frequencies(model, _pack(config, cleaned, counts, tokenizer, raw_text, made))
        model.save_pretrained(made / "initial")
        (made / _BEFORE).write_bytes(card)


def _trained(folder: Path) -> list[Problem]:
    reason = "holds a trained checkpoint; name another folder, or remove it"
    return [Problem(str(folder), 0, "", reason)] if (folder / "checkpoint.pt").exists() else []


def _clean(names: Iterable[str], raw_text: Path) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The paragraphs of each source, none twice, and what cleaning did to each.

    Raises :class:`InputError` with every source that cannot be read.
    """
    seen: set[bytes] = set()
    cleaned: dict[str, list[str]] = {}
    counts: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in dict.fromkeys(names):
        try:
            cleaned[name], cleaning = corpus.clean(corpus.read_lines(name, raw_text), seen)
        except InputError as error:
            problems += error.problems
        else:
            counts[name] = asdict(cleaning)
    if problems:
        raise InputError(problems)
    return cleaned, counts


def _pack(
    config: Config,
    cleaned: dict[str, list[str]],
    counts: dict[str, Any],
    tokenizer: Tokenizer,
    raw_text: Path,
    folder: Path,
) -> list[np.ndarray]:
    """Write ``blocks.npy``, ``held_out.npy`` and ``corpus.json``; the sources as streams of pieces.

    Raises :class:`InputError`, about ``raw_text``, when no block is left to train on.
    """
    settings, seed = config.corpus, config.schedule.seed
    streams = {name: corpus.encode(cleaned[name], tokenizer) for name in settings.sources}
    rows = []
    for number, (name, share) in enumerate(settings.sources.items()):
        source = corpus.blocks(
            streams[name], settings.block_length, tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP)
        )
        keep = np.random.default_rng([seed, number]).permutation(len(source))[: round(share * len(source))]
        rows.append(source[keep])
        counts[name]["tokens"] = len(streams[name])
        counts[name]["blocks_used"] = len(keep)
    packed = np.random.default_rng(seed).permutation(np.concatenate(rows))
    held_out = settings.held_out_blocks
    if len(packed) <= held_out:
        reason = (
            f"too little text: {', '.join(streams)} give {len(packed)} blocks of {settings.block_length} pieces, of "
            f"which {held_out} are held out (held_out_blocks) and none is left to train on"
        )
        raise InputError([Problem(str(raw_text), 0, "", reason)])
    np.save(folder / "held_out.npy", packed[:held_out])
    np.save(folder / "blocks.npy", packed[held_out:])
    (folder / "corpus.json").write_text(json.dumps(counts, indent=2), encoding="utf-8")
    return list(streams.values())


def run(config: Config, folder: Path) -> None:
    """Train (or resume) in a prepared ``folder``. Raises :class:`InputError` with all of it that cannot be read."""
    bound_kernel_cache()
    _refuse_absent(folder)
    problems: list[Problem] = []
    tokenizer = collecting(problems, lambda: _read_tokenizer(folder / "tokenizer" / "tokenizer.json"))
    blocks = collecting(problems, lambda: loaded(folder / "blocks.npy", partial(np.load, mmap_mode="r")))
    held_out = collecting(problems, lambda: loaded(folder / "held_out.npy", np.load))
    initial = collecting(problems, lambda: _load_initial(folder))
    if tokenizer is None or blocks is None or held_out is None or initial is None:
        raise InputError(problems)
    vocabulary = tokenizer.get_vocab()
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    train(
        initial,
        blocks,
        held_out,
        np.array([piece.startswith("##") for piece in pieces]),
        np.array([piece in SPECIAL_TOKENS for piece in pieces]),
        vocabulary[MASK],
        config.schedule,
        folder,
        {"torch": torch.__version__, **_machine()},
    )


def _machine() -> dict[str, Any]:
    if torch.cuda.is_available():
        return {"device": "cuda", "processor": torch.cuda.get_device_name()}
    return {"device": "cpu", "processor": cpu_name(), "threads": torch.get_num_threads()}


def export(folder: Path, target: Path) -> None:
    """Write the checkpoint's body, the tokenizer and a model card to ``target``.

    The weights are fp16 safetensors; ``AutoModel`` and ``AutoTokenizer`` load the folder. A head that is there stays
    only where this is the encoder that the run goes on from: of another one it knows nothing. Raises
    :class:`InputError` with all of ``folder`` that is missing or cannot be read, and leaves ``target`` as it is.
    """
    _refuse_absent(folder)
    problems: list[Problem] = []
    before = folder / _BEFORE
    earlier = collecting(problems, lambda: loaded(before, read_text)) if before.exists() else None
    tokenizer = collecting(problems, lambda: _read_tokenizer(folder / "tokenizer" / "tokenizer.json"))
    model = collecting(problems, lambda: _load_trained(folder))
    log = collecting(problems, lambda: _read_log(folder / "log.jsonl"))
    sources = collecting(problems, lambda: read_as(folder / "corpus.json", _Sources).root)
    if problems or tokenizer is None or model is None or log is None or sources is None:
        raise InputError(problems)
    goes_on = before.exists() and (target / CARD).exists() and (target / CARD).read_bytes() == before.read_bytes()
    config = _config(model)
    body = _body(model, config)
    if earlier is not None:
        card = further_card(earlier, log, sources)
    else:
        card = model_card(log, sources, sum(parameter.numel() for parameter in body.parameters()), config)
    with filling(target) as made:
        _save(body, tokenizer, made)
        (made / CARD).write_text(card, encoding="utf-8")
    if not goes_on:
        _remove_head(target)


Untrained = Literal["initial", "word-vectors", "random"]


def export_untrained(folder: Path, target: Path, weights: Untrained) -> None:
    """Write an encoder that was not trained, for comparisons with the trained one (``configs/studies/encoder.yml``).

    ``initial``: what training starts from; ``random``: random weights in the same
    shape; ``word-vectors``: the same random weights, but the initial embeddings of the pieces, which
    word vectors and the seed dictionary have placed (:mod:`persian_ner.pretraining.warmstart`). Raises as
    :func:`export` does.
    """
    _refuse_absent(folder)
    problems: list[Problem] = []
    tokenizer = collecting(problems, lambda: _read_tokenizer(folder / "tokenizer" / "tokenizer.json"))
    model = collecting(problems, lambda: _load_initial(folder))
    if tokenizer is None or model is None:
        raise InputError(problems)
    if weights != "initial":
        placed: torch.Tensor = model.bert.embeddings.word_embeddings.weight
        torch.manual_seed(0)
        model = BertForMaskedLM(model.config)
        if weights == "word-vectors":
            with torch.no_grad():
                model.bert.embeddings.word_embeddings.weight.copy_(placed)
    with filling(target) as made:
        _save(_body(model, _config(model)), tokenizer, made)
    _remove_head(target)


def _remove_head(encoder: Path) -> None:
    if (encoder / HEAD).exists():
        shutil.rmtree(encoder / HEAD)


def _config(model: BertForMaskedLM) -> BertConfig:
    return BertConfig(**{**model.config.to_dict(), "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1})


def _body(model: BertForMaskedLM, config: BertConfig) -> BertModel:
    body = BertModel(config)
    body.load_state_dict(model.bert.state_dict(), strict=False)
    for name, parameter in body.named_parameters():
        if name.startswith("pooler."):  # not pre-trained, but AutoModel expects it to be there
            torch.nn.init.zeros_(parameter)
    return body


def _save(body: BertModel, tokenizer: Tokenizer, target: Path) -> None:
    body.half().save_pretrained(target)
    (target / "model.safetensors").chmod(0o644)  # it is written for its owner alone
    save_for_transformers(tokenizer, target)


class _Sources(RootModel[dict[str, dict[str, int]]]):
    """``corpus.json``: what was done with each source."""


def _refuse_absent(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError([Problem(str(folder), 0, "", "no such folder; prepare makes it")])


def _read_tokenizer(path: Path) -> Tokenizer:
    tokenizer = loaded(path, lambda path: Tokenizer.from_file(str(path)))
    lacking = [piece for piece in SPECIAL_TOKENS if tokenizer.token_to_id(piece) is None]
    if lacking:
        raise InputError([Problem(str(path), 0, "", f"has no {', '.join(lacking)}")])
    if (pieces := tokenizer.get_vocab_size()) > corpus.MOST_PIECES:
        raise InputError([Problem(str(path), 0, "", f"has {pieces:,} pieces, more than {corpus.MOST_PIECES:,}")])
    return tokenizer


def _read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a training's log, of which one at least is of a step."""
    log: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, line in enumerate(loaded(path, read_text).splitlines(), start=1):
        try:
            log.append(json.loads(line))
        except ValueError as error:
            problems.append(Problem(str(path), number, "", f"not JSON: {error}"))
    if not problems and not any("step" in entry for entry in log):
        problems.append(Problem(str(path), 0, "", "has no step yet: train on, until the first is logged (log_every)"))
    if problems:
        raise InputError(problems)
    return log


def _load_trained(folder: Path) -> BertForMaskedLM:
    """The initial model with the body of the checkpoint; its head stays what it was."""
    problems: list[Problem] = []
    model = collecting(problems, lambda: _load_initial(folder))

    def load_body(path: Path) -> None:
        state = torch.load(path, map_location="cpu", weights_only=True)["model"]
        body = {name.removeprefix("bert."): tensor for name, tensor in state.items() if name.startswith("bert.")}
        if model is not None:
            model.bert.load_state_dict(body)

    collecting(problems, lambda: loaded(folder / "checkpoint.pt", load_body))
    if problems or model is None:
        raise InputError(problems)
    return model


def _load_initial(folder: Path) -> BertForMaskedLM:
    # No dropout: every block is seen about once, so there is nothing to overfit. Eager attention: on CPUs the
    # backward pass of torch's fused attention took 28 % of a step, plain matrix products 6 %.
    settings = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"}
    return loaded(folder / "initial", lambda path: BertForMaskedLM.from_pretrained(path, **settings))
