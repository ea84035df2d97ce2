"""The encoder as files: preparing a run folder, training from it, exporting a checkpoint for ``transformers``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml
from tokenizers import Tokenizer
from transformers import BertConfig, BertForMaskedLM, BertModel

from persian_ner.machine import bound_kernel_cache, cpu_name
from persian_ner.pretraining import corpus, warmstart
from persian_ner.pretraining.card import CARD, HEAD, further_card, model_card
from persian_ner.pretraining.loop import Schedule, train
from persian_ner.pretraining.tokenizer import CLS, MASK, SEP, SPECIAL_TOKENS, save_for_transformers
from persian_ner.pretraining.tokenizer import train as train_tokenizer

_BEFORE = "before.md"
"""The card of the encoder that a run goes on from, in the run's folder."""


def read_config(path: Path) -> dict[str, Any]:
    """Read the YAML configuration (see ``configs/pretrain.yaml``)."""
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return config


def prepare(config: dict[str, Any], raw_text: Path, dictionary: Path, english: Path, folder: Path) -> None:
    """Build everything training needs in ``folder``: ``tokenizer/``, ``blocks.npy``, ``held_out.npy``, ``initial/``.

    ``raw_text`` is the folder of the configured source files; ``english`` holds
    the donor encoder in ``transformers`` format. Raises ``FileExistsError`` when
    ``folder`` has been trained in: its checkpoint belongs to other blocks. Raises
    ``ValueError`` when there is no more text than is held out.
    """
    _refuse_trained(folder)
    settings = config["corpus"]
    cleaned, counts = _clean([*settings["tokenizer_sources"], *settings["sources"]], raw_text)

    def tokenizer_texts() -> Iterator[str]:
        for name in settings["tokenizer_sources"]:
            yield from (text for text in cleaned[name] if text)

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(tokenizer_texts(), config["tokenizer"]["vocab_size"])
    save_for_transformers(tokenizer, folder / "tokenizer")
    streams = _pack(config, cleaned, counts, tokenizer, folder)
    seed = config["schedule"]["seed"]
    model = warmstart.build(english, tokenizer, streams, warmstart.read_dictionary(dictionary), seed)
    model.save_pretrained(folder / "initial")


def prepare_further(config: dict[str, Any], raw_text: Path, encoder: Path, folder: Path) -> None:
    """Build what training needs in ``folder``, as :func:`prepare` does, for going on from an exported encoder.

    The tokenizer is that of ``encoder``; the masked-LM head is new, since exported
    encoders have none. The encoder's card is kept (``before.md``). Raises as
    :func:`prepare` does.
    """
    _refuse_trained(folder)
    cleaned, counts = _clean(config["corpus"]["sources"], raw_text)
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    folder.mkdir(parents=True, exist_ok=True)
    save_for_transformers(tokenizer, folder / "tokenizer")
    streams = _pack(config, cleaned, counts, tokenizer, folder)
    torch.manual_seed(config["schedule"]["seed"])
    model = BertForMaskedLM.from_pretrained(encoder).float()
    warmstart.start_at_frequencies(model, streams)
    model.save_pretrained(folder / "initial")
    shutil.copyfile(encoder / CARD, folder / _BEFORE)


def _refuse_trained(folder: Path) -> None:
    if (folder / "checkpoint.pt").exists():
        raise FileExistsError(f"{folder} holds a trained checkpoint; name another folder, or remove it")


def _clean(names: Iterable[str], raw_text: Path) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The paragraphs of each source, none twice, and what cleaning did to each."""
    seen: set[bytes] = set()
    cleaned: dict[str, list[str]] = {}
    counts: dict[str, Any] = {}
    for name in dict.fromkeys(names):
        cleaned[name], cleaning = corpus.clean(corpus.read_lines(name, raw_text), seen)
        counts[name] = asdict(cleaning)
    return cleaned, counts


def _pack(
    config: dict[str, Any], cleaned: dict[str, list[str]], counts: dict[str, Any], tokenizer: Tokenizer, folder: Path
) -> list[np.ndarray]:
    """Write ``blocks.npy``, ``held_out.npy`` and ``corpus.json``; the sources as streams of pieces."""
    settings, seed = config["corpus"], config["schedule"]["seed"]
    streams = {name: corpus.encode(cleaned[name], tokenizer) for name in settings["sources"]}
    rows = []
    for number, (name, share) in enumerate(settings["sources"].items()):
        source = corpus.blocks(
            streams[name], settings["block_length"], tokenizer.token_to_id(CLS), tokenizer.token_to_id(SEP)
        )
        keep = np.random.default_rng([seed, number]).permutation(len(source))[: round(share * len(source))]
        rows.append(source[keep])
        counts[name]["tokens"] = len(streams[name])
        counts[name]["blocks_used"] = len(keep)
    packed = np.random.default_rng(seed).permutation(np.concatenate(rows))
    held_out = settings["held_out_blocks"]
    if len(packed) <= held_out:
        raise ValueError(
            f"too little text: {', '.join(streams)} give {len(packed)} blocks of {settings['block_length']} pieces, of "
            f"which {held_out} are held out (held_out_blocks) and none is left to train on"
        )
    np.save(folder / "held_out.npy", packed[:held_out])
    np.save(folder / "blocks.npy", packed[held_out:])
    (folder / "corpus.json").write_text(json.dumps(counts, indent=2), encoding="utf-8")
    return list(streams.values())


def run(config: dict[str, Any], folder: Path) -> None:
    """Train (or resume) in a prepared ``folder``."""
    bound_kernel_cache()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    train(
        _load_initial(folder),
        np.load(folder / "blocks.npy", mmap_mode="r"),
        np.load(folder / "held_out.npy"),
        np.array([piece.startswith("##") for piece in pieces]),
        np.array([piece in SPECIAL_TOKENS for piece in pieces]),
        vocabulary[MASK],
        Schedule(**config["schedule"]),
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
    only where this is the encoder that the run goes on from: of another one it knows nothing.
    """
    before = folder / _BEFORE
    earlier = before.read_text(encoding="utf-8") if before.exists() else None
    if earlier is None or not (target / CARD).exists() or (target / CARD).read_text(encoding="utf-8") != earlier:
        _remove_head(target)
    model = _load_initial(folder)
    state = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    body_state = {
        name.removeprefix("bert."): tensor for name, tensor in state["model"].items() if name.startswith("bert.")
    }
    model.bert.load_state_dict(body_state)
    config = _config(model)
    body = _body(model, config)
    _save(body, folder, target)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    sources = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    if earlier is not None:
        card = further_card(earlier, log, sources)
    else:
        card = model_card(log, sources, sum(parameter.numel() for parameter in body.parameters()), config)
    (target / CARD).write_text(card, encoding="utf-8")


Untrained = Literal["initial", "word-vectors", "random"]


def export_untrained(folder: Path, target: Path, weights: Untrained) -> None:
    """Write an encoder that was not trained, for comparisons with the trained one (``configs/studies/encoder.yml``).

    ``initial``: what training starts from; ``random``: random weights in the same
    shape; ``word-vectors``: the same random weights, but the initial embeddings of the pieces, which
    word vectors and the seed dictionary have placed (:mod:`persian_ner.pretraining.warmstart`).
    """
    _remove_head(target)
    model = _load_initial(folder)
    if weights != "initial":
        placed: torch.Tensor = model.bert.embeddings.word_embeddings.weight
        torch.manual_seed(0)
        model = BertForMaskedLM(model.config)
        if weights == "word-vectors":
            with torch.no_grad():
                model.bert.embeddings.word_embeddings.weight.copy_(placed)
    _save(_body(model, _config(model)), folder, target)


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


def _save(body: BertModel, folder: Path, target: Path) -> None:
    body.half().save_pretrained(target)
    save_for_transformers(Tokenizer.from_file(str(folder / "tokenizer" / "tokenizer.json")), target)


def _load_initial(folder: Path) -> BertForMaskedLM:
    # No dropout: every block is seen about once, so there is nothing to overfit. Eager attention: on CPUs the
    # backward pass of torch's fused attention took 28 % of a step, plain matrix products 6 %.
    return BertForMaskedLM.from_pretrained(
        folder / "initial", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager"
    )
