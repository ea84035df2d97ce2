"""A trained pipeline's networks as the start of another training."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from project_copy import ROOT
from safetensors.torch import load_file, save_file
from script_runs import run_script
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from tiny_corpus import PARAGRAPH, contents, put
from tiny_encoder import save_encoder

from persian_ner import adapted_encoder, docbin
from persian_ner.labels import LABELS
from persian_ner.readers import markup
from persian_ner.records import Record


def doc(relabelled: dict[str, str] | None = None) -> Doc:
    """The tiny corpus' paragraph with its entities, some under another label, by their own or by what they mark."""
    text, spans, _ = markup.parse(PARAGRAPH)
    changed = relabelled or {}
    made, problems = docbin.to_doc(Record(id="a", text=text, spans=spans), docbin.blank(), None)
    assert not problems
    made.set_ents(
        [
            made.char_span(e.start_char, e.end_char, changed.get(e.text, changed.get(e.label_, e.label_)))
            for e in made.ents
        ]
    )
    return made


def initialised(
    folder: Path, encoder: Path, train: Doc, seed: int = 0, *, head: bool = True, renamed: dict[str, str] | None = None
) -> Language:
    """The default pipeline before its first step, on a training set of one document."""
    docbin.write(docbin.from_docs([train]), folder / "train.spacy")
    paths = {"paths.train": folder / "train.spacy", "paths.dev": folder / "train.spacy", "paths.encoder": encoder}
    overrides: dict[str, Any] = {name: str(path) for name, path in paths.items()} | {"system.seed": seed}
    config = load_config(ROOT / "configs" / "default.cfg", overrides=overrides)
    callbacks = config["initialize"]["after_init"]["*"]
    if not head:
        del callbacks["head"]
    elif renamed is not None:
        callbacks["head"]["renamed"] = renamed
    return init_nlp(config)


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A stamped pipeline of random weights, and the encoder folder that was adapted to it."""
    folder = tmp_path_factory.mktemp("adapted")
    save_encoder(folder / "encoder")
    (folder / "encoder" / "README.md").write_text("# Encoder\n\n## Adaptation\n\nan earlier one\n", encoding="utf-8")
    nlp = initialised(folder, folder / "encoder", doc(), seed=1)
    with torch.no_grad():
        nlp.get_pipe("transformer").model.transformer.embeddings.word_embeddings.weight += 1.0
    nlp.meta["performance"] = {"ents_f": 0.5}
    nlp.meta["provenance"] = {}
    nlp.meta["sources"] = [{"name": "own", "license": "CC BY 4.0"}]
    nlp.to_disk(folder / "pipeline")
    adapted_encoder.adapt(folder / "pipeline", folder / "encoder")
    return folder / "pipeline", folder / "encoder"


def head(nlp: Language) -> bytes:
    return nlp.get_pipe("ner").model.to_bytes()


def test_weights_and_card_are_those_of_the_pipeline(adapted: tuple[Path, Path]) -> None:
    pipeline, encoder = adapted
    weights = load_file(encoder / "model.safetensors")["embeddings.word_embeddings.weight"]
    trained: Any = spacy.load(pipeline).get_pipe("transformer")
    assert weights.dtype == torch.float16
    assert torch.allclose(
        weights.float(), trained.model.transformer.embeddings.word_embeddings.weight.float(), atol=2e-3
    )
    card = (encoder / "README.md").read_text(encoding="utf-8")
    assert "an earlier one" not in card
    assert "| own | CC BY 4.0 |" in card
    assert "0.500" in card


def test_same_labels_start_from_the_head(adapted: tuple[Path, Path], tmp_path: Path) -> None:
    pipeline, encoder = adapted
    trained = spacy.load(pipeline)
    started = initialised(tmp_path, encoder, doc(), seed=2)
    assert head(started) == head(trained)
    assert started.get_pipe("ner").labels == trained.get_pipe("ner").labels


def outputs(nlp: Language) -> dict[str, bytes]:
    """The weights of each move of ``ner``, by its name: what they are, not where they stand."""
    ner: Any = nlp.get_pipe("ner")
    lower = ner.model.get_ref("lower")
    return {
        ner.moves.get_class_name(row): lower.get_param("W")[:, row].tobytes() + lower.get_param("b")[row].tobytes()
        for row in range(ner.moves.n_moves)
    }


@pytest.mark.parametrize(
    ("relabelled", "renamed", "same", "anew"),
    [
        pytest.param({"EVENT": "PRODUCT"}, {}, "PER ORG GPE DATE", "PRODUCT", id="as many"),
        pytest.param({"قم": "PRODUCT"}, {}, "PER ORG GPE EVENT DATE", "PRODUCT", id="more"),
        pytest.param({"EVENT": "ORG"}, {}, "PER ORG GPE DATE", "", id="fewer"),
        pytest.param({"EVENT": "pro", "GPE": "loc"}, {"loc": "GPE"}, "PER ORG DATE loc", "pro", id="renamed"),
        pytest.param({"EVENT": "GPE", "قم": "EVENT"}, {"EVENT": "PER"}, "PER ORG GPE DATE EVENT", "", id="read anew"),
        pytest.param({label: label.lower() for label in LABELS}, {}, "", "per org gpe event date", id="all new"),
    ],
)
def test_labels_that_the_head_knows_start_from_it(
    adapted: tuple[Path, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    relabelled: dict[str, str],
    renamed: dict[str, str],
    same: str,
    anew: str,
) -> None:
    pipeline, encoder = adapted
    kept = outputs(spacy.load(pipeline))
    fresh = initialised(tmp_path, encoder, doc(relabelled), seed=2, head=False)
    caplog.clear()
    started = initialised(tmp_path, encoder, doc(relabelled), seed=2, renamed=renamed)
    assert set(started.get_pipe("ner").labels) == {*same.split(), *anew.split()}
    own, before = outputs(started), outputs(fresh)
    for move, weights in own.items():
        action, hyphen, label = move.partition("-")
        expected = before[move] if label in anew.split() else kept[action + hyphen + renamed.get(label, label)]
        assert weights == expected, move
    warned = [record.getMessage() for record in caplog.records if "begin anew" in record.getMessage()]
    assert [set(anew.split()) <= set(re.findall(r"\w+", message)) for message in warned] == [True] * bool(anew)
    assert started("سارا به همدان رفت.").text == "سارا به همدان رفت."  # its moves fit its network


def test_an_encoder_without_a_head(tmp_path: Path) -> None:
    save_encoder(tmp_path / "encoder")
    first, second = (initialised(tmp_path, tmp_path / "encoder", doc(), seed) for seed in (1, 2))
    assert head(first) != head(second)


def test_what_cannot_be_adapted_is_refused(adapted: tuple[Path, Path], tmp_path: Path) -> None:
    pipeline, _ = adapted
    save_encoder(tmp_path / "encoder")
    config = json.loads((tmp_path / "encoder" / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "encoder" / "config.json").write_text(json.dumps(config | {"hidden_size": 48}), encoding="utf-8")
    before = contents(tmp_path / "encoder")
    assert refused("adapt_encoder", pipeline, tmp_path / "encoder") == [
        f"{pipeline}: [-] has another encoder: hidden_size 32 instead of 48",
        f"{tmp_path / 'encoder' / 'README.md'}: [-] not there",
    ]
    put(tmp_path / "encoder" / "README.md", "# Encoder\n")
    without = spacy.blank("fa")  # as configs/cnn.cfg makes them, it has no transformer
    without.add_pipe("ner").add_label("PER")
    without.initialize()
    without.meta["performance"] = {"ents_f": 0.5}
    without.to_disk(tmp_path / "unstamped")
    assert refused("adapt_encoder", tmp_path / "unstamped", tmp_path / "encoder") == [
        f"{tmp_path / 'unstamped'}: [-] the pipeline has no transformer",
        f"{tmp_path / 'unstamped' / 'meta.json'}: [-] does not say what the pipeline was trained on: no provenance "
        "(scripts/stamp.py)",
    ]
    (tmp_path / "broken").mkdir()
    put(tmp_path / "encoder" / "config.json", "{")
    found = refused("adapt_encoder", tmp_path / "broken", tmp_path / "encoder")
    names = ["broken", "broken/meta.json", "encoder/config.json"]
    assert [line.partition(": [-]")[0] for line in found] == [str(tmp_path / name) for name in names]
    changed = {"README.md", "config.json"}
    assert {name: data for name, data in contents(tmp_path / "encoder").items() if name not in changed} == {
        name: data for name, data in before.items() if name not in changed
    }
    assert not (tmp_path / "encoder.partial").exists()


def refused(script: str, *arguments: object) -> list[str]:
    """Where the problems are that a script names before it gives up, and what they are, one a line."""
    done = run_script(script, *arguments)
    *problems, last = done.stderr.splitlines()
    assert (done.exit_code, last.partition("; ")[2]) == (1, "nothing was written.")
    assert int(last.split()[0]) == len(problems)
    return problems


@pytest.fixture
def two(adapted: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of an adapted encoder, of which the second has other weights and another head."""
    pipeline, encoder = adapted
    for name in ("encoder", "earlier"):
        shutil.copytree(encoder, tmp_path / name)
    nlp = spacy.load(pipeline)
    with torch.no_grad():
        nlp.get_pipe("transformer").model.transformer.embeddings.word_embeddings.weight *= 3.0
    bias = nlp.get_pipe("ner").model.get_ref("lower")
    bias.set_param("b", bias.get_param("b") + 1.0)
    nlp.to_disk(tmp_path / "pipeline")
    adapted_encoder.adapt(tmp_path / "pipeline", tmp_path / "earlier")
    return tmp_path / "encoder", tmp_path / "earlier"


def test_the_mean_of_two_and_of_several(two: tuple[Path, Path], tmp_path: Path) -> None:
    encoder, earlier = two
    name = "embeddings.word_embeddings.weight"
    before = load_file(encoder / "model.safetensors")
    other = load_file(earlier / "model.safetensors")
    bias = _bias(encoder, tmp_path)
    first = shutil.copytree(encoder, tmp_path / "first")
    done = run_script("average_encoders", encoder, earlier)
    assert done.exit_code == 0, done.output
    mean = load_file(encoder / "model.safetensors")
    assert mean.keys() == before.keys()
    assert mean[name].dtype == torch.float16
    assert torch.allclose(mean[name].float(), 2 * before[name].float(), atol=1e-2)
    assert torch.equal(load_file(earlier / "model.safetensors")[name], other[name])
    assert _bias(encoder, tmp_path) == pytest.approx(bias + 0.5)
    card = (encoder / "README.md").read_text(encoding="utf-8")
    assert card.index("## Adaptation") < card.index("## Averaging")
    assert run_script("average_encoders", encoder, earlier).exit_code == 0
    assert (encoder / "README.md").read_text(encoding="utf-8") == card  # it is said once
    shutil.rmtree(encoder)
    shutil.copytree(first, encoder)
    assert run_script("average_encoders", encoder, earlier, earlier, first).exit_code == 0
    mean = load_file(encoder / "model.safetensors")
    assert torch.allclose(mean[name].float(), 2 * before[name].float(), atol=1e-2)
    assert _bias(encoder, tmp_path) == pytest.approx(bias + 0.5)
    assert "3 other versions\nof this encoder" in (encoder / "README.md").read_text(encoding="utf-8")
    adapted_encoder.adapt(tmp_path / "pipeline", encoder)
    sections = re.findall("^## .*", (encoder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sections[-2:] == ["## Earlier averaging", "## Adaptation"]


def _bias(encoder: Path, tmp_path: Path) -> float:
    ner: Any = initialised(tmp_path, encoder, doc()).get_pipe("ner")
    return float(ner.model.get_ref("lower").get_param("b").mean())


def test_what_cannot_be_averaged_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    encoder, earlier = two
    save_encoder(tmp_path / "without")
    (tmp_path / "without" / "model.safetensors").unlink()
    put(tmp_path / "without" / "tokenizer.json", "{")
    before = contents(encoder)
    found = refused("average_encoders", encoder, tmp_path / "without", earlier)
    names = ["model.safetensors", "ner", "tokenizer.json"]
    assert [line.partition(": [-]")[0] for line in found] == [str(tmp_path / "without" / name) for name in names]
    wider = load_file(earlier / "model.safetensors")
    other = shutil.copytree(earlier, tmp_path / "other")
    config = json.loads((earlier / "config.json").read_text(encoding="utf-8"))
    (earlier / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 48}), encoding="utf-8")
    name = "encoder.layer.0.intermediate.dense.bias"
    save_file(wider | {name: torch.zeros(len(wider[name]) + 1)}, other / "model.safetensors")
    reason = f"differs from {encoder} in shape, labels or vocabulary"
    assert refused("average_encoders", encoder, earlier, other) == [
        f"{each}: [-] {reason}" for each in (earlier, other)
    ]
    assert contents(encoder) == before
