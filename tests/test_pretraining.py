"""Pre-training from raw text to a folder that ``transformers`` loads, small enough for seconds."""

from __future__ import annotations

import json
import lzma
import os
import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow
import pytest
import torch
import yaml
from project_copy import ROOT
from project_deps import imported_files, imported_modules
from script_runs import run_script
from tiny_corpus import contents, put
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM

from persian_ner.pretraining import corpus, encoder, warmstart
from persian_ner.pretraining.card import HEAD, further_card
from persian_ner.pretraining.masking import mask_words
from persian_ner.pretraining.objectives import Batch, ObjectiveName, ReplacedPieces
from persian_ner.pretraining.settings import NewConfig, Schedule
from persian_ner.pretraining.tokenizer import SPECIAL_TOKENS
from persian_ner.readers import markup
from persian_ner.records import InputError, collect

CONFIG: dict[str, Any] = {
    "tokenizer": {"vocab_size": 600},
    "corpus": {
        "sources": {"news.txt.xz": 1.0, "more.txt.zst": 0.5},
        "tokenizer_sources": ["news.txt.xz", "more.txt.zst"],
        "block_length": 32,
        "held_out_blocks": 40,
    },
    "schedule": {
        "steps": 6,
        "batch_rows": 4,
        "mask_rate": 0.3,
        "body_rate": 1e-3,
        "embedding_rate": 1e-3,
        "warmup_steps": 2,
        "decay": 0.25,
        "weight_decay": 0.01,
        "seed": 1,
        "log_every": 2,
        "save_minutes": 10.0,
    },
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretraining")
    articles, _ = collect(markup.read(ROOT / "assets" / "articles"))
    texts = [article.text for article in articles[:40]]
    raw = folder / "raw"
    raw.mkdir()
    with lzma.open(raw / "news.txt.xz", "wt", encoding="utf-8") as handle:
        handle.write("\n\n".join(texts[:30]))
    with pyarrow.output_stream(raw / "more.txt.zst", compression="zstd") as stream:
        stream.write("\n\n".join(texts[20:]).encode())
    donor = folder / "donor"
    english = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    english.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    english.train_from_iterator(
        ["the minister said that the city of tehran has a new president"] * 3,
        trainers.WordPieceTrainer(vocab_size=120, special_tokens=list(SPECIAL_TOKENS)),
    )
    donor.mkdir()
    english.save(str(donor / "tokenizer.json"))
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    BertForMaskedLM(BertConfig(vocab_size=english.get_vocab_size(), **size)).save_pretrained(donor)
    dictionary = folder / "fa-en.tsv"
    dictionary.write_text("تهران\ttehran\nگفت\tsaid\nشهر\tcity\nکه\tthat\nوزیر\tminister\nاز\tof\n", encoding="utf-8")
    put(folder / "run" / "before.md", "# Encoder that another run was to go on from\n")
    encoder.prepare(config(), raw, dictionary, donor, folder / "run")
    return folder / "run"


def config(**schedule: Any) -> NewConfig:
    """The settings, with some of the schedule changed."""
    return NewConfig.model_validate({**CONFIG, "schedule": {**CONFIG["schedule"], **schedule}})


def trained(prepared: Path, target: Path, *step_counts: int, **schedule: float | str) -> dict[str, torch.Tensor]:
    shutil.copytree(prepared, target)
    for steps in step_counts:
        # a constant learning rate: only then may a run be given more steps
        encoder.run(config(**{"decay": 1e-9, **schedule, "steps": steps}), target)
    return torch.load(target / "checkpoint.pt", weights_only=True)["model"]


def test_prepared_text_is_clean_and_counted(prepared: Path) -> None:
    counts = json.loads((prepared / "corpus.json").read_text(encoding="utf-8"))
    assert counts["more.txt.zst"]["duplicate"] > 0  # the ten articles both files hold
    for facts in counts.values():
        dropped = facts["too_short"] + facts["not_persian"] + facts["duplicate"]
        assert facts["read"] == facts["kept"] + dropped
    blocks = np.load(prepared / "blocks.npy")
    assert blocks.shape[1] == 32
    tokenizer = Tokenizer.from_file(str(prepared / "tokenizer" / "tokenizer.json"))
    assert set(blocks[:, 0]) == {tokenizer.token_to_id("[CLS]")}
    assert set(blocks[:, -1]) == {tokenizer.token_to_id("[SEP]")}


def test_too_little_text_is_refused(prepared: Path, tmp_path: Path) -> None:
    """With no block to train on the training would look for one for ever."""
    corpus_settings = {**CONFIG["corpus"], "held_out_blocks": 100_000}
    settings = NewConfig.model_validate({**CONFIG, "corpus": corpus_settings})
    raw, dictionary, donor = (prepared.parent / name for name in ("raw", "fa-en.tsv", "donor"))
    with pytest.raises(InputError, match=r"raw: .* too little text: news\.txt\.xz, more\.txt\.zst give \d+ blocks"):
        encoder.prepare(settings, raw, dictionary, donor, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def refused(*arguments: object) -> list[str]:
    """Where the problems are that a command names before it gives up, and what they are, one a line."""
    done = run_script("pretrain", *arguments)
    *lines, last = done.stderr.splitlines()
    problems = [line for line in lines if ": [-] " in line]  # transformers 5 writes of its progress, too
    assert (done.exit_code, last.partition(" ")[0]) == (1, str(len(problems)))
    assert last.endswith(" found; nothing was written.")
    return problems


def settings_file(folder: Path, **changed: Any) -> Path:
    return put(folder / "settings.yaml", yaml.safe_dump({**CONFIG, **changed}))


def test_all_that_is_wrong_with_the_settings_is_named(tmp_path: Path) -> None:
    schedule = {name: value for name, value in CONFIG["schedule"].items() if name != "seed"}
    file = settings_file(
        tmp_path,
        tokenizer={"vocab_size": 70_000},
        corpus={**CONFIG["corpus"], "sources": {"news.txt.xz": 2}, "tokenizer_sources": [], "block_len": 3},
        schedule={**schedule, "objective": "replaced_pieces", "steps": 0},
    )
    (tmp_path / "raw").mkdir()
    put(tmp_path / "fa-en.tsv", "شهر\tcity\n")
    found = refused("prepare", file, tmp_path / "raw", tmp_path / "fa-en.tsv", tmp_path / "run")
    names = ["corpus.block_len", "corpus.sources.news.txt.xz", "corpus.tokenizer_sources", "schedule.objective"]
    names += ["schedule.seed", "schedule.steps", "tokenizer.vocab_size"]
    assert [line.partition(": [-] ")[2].partition(": ")[0] for line in found] == names
    assert len(refused("train", file, tmp_path / "run")) == len(names) - 1  # it trains no tokenizer
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["pretrain", "pretrain-further"])
def test_the_settings_in_the_repository_are_sound(name: str) -> None:
    assert encoder.read_config(ROOT / "configs" / f"{name}.yaml").schedule.steps > 1000


def test_all_that_can_be_said_without_reading_the_text_is_said_at_once(prepared: Path, tmp_path: Path) -> None:
    file = settings_file(tmp_path)
    (tmp_path / "raw").mkdir()
    dictionary = put(tmp_path / "fa-en.tsv", "شهر\tcity\nقم\n")
    put(tmp_path / "run" / "checkpoint.pt", "")
    before = contents(tmp_path)
    trained = f"{tmp_path / 'run'}: [-] holds a trained checkpoint; name another folder, or remove it"
    absent = [f"{tmp_path / 'raw' / name}: [-] no such file" for name in ("more.txt.zst", "news.txt.xz")]
    assert refused("prepare", file, tmp_path / "raw", dictionary, tmp_path / "run") == [
        f"{dictionary}:2: [-] expected 'piece<TAB>english words', got 'قم'",
        *absent,
        trained,
    ]
    (tmp_path / "start").mkdir()
    put(tmp_path / "start" / "tokenizer.json", "{")
    put(tmp_path / "start" / "config.json", "{}")
    found = refused("prepare-further", file, tmp_path / "raw", tmp_path / "start", tmp_path / "run")
    assert [line.partition(": [-]")[0] for line in found] == [
        *(str(tmp_path / "raw" / name) for name in ("more.txt.zst", "news.txt.xz")),
        str(tmp_path / "run"),
        *(str(tmp_path / "start" / name) for name in ("", "README.md", "tokenizer.json")),
    ]
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith("start")} == before


def test_every_text_that_cannot_be_read_is_named(prepared: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    packed = (prepared.parent / "raw" / "news.txt.xz").read_bytes()
    (raw / "cut.txt.xz").write_bytes(packed[: len(packed) // 2])
    (raw / "no.txt.zst").write_bytes(packed)
    (raw / "latin.txt").write_bytes("سلام\n".encode() + b"caf\xe9\n" * 3)
    sources = {"cut.txt.xz": 1.0, "no.txt.zst": 1.0, "latin.txt": 1.0, "hf:" + str(tmp_path / "none"): 1.0}
    file = settings_file(tmp_path, corpus={**CONFIG["corpus"], "sources": sources, "tokenizer_sources": ["latin.txt"]})
    found = refused("prepare", file, raw, prepared.parent / "fa-en.tsv", tmp_path / "run")
    places = [line.partition(": [-]")[0] for line in found]
    assert places == [
        str(raw / "cut.txt.xz"),
        f"{raw / 'latin.txt'}:2",
        str(raw / "no.txt.zst"),
        "hf:" + str(tmp_path / "none"),
    ]
    assert "not UTF-8" in found[1] and "nor are 2 lines after it" in found[1]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_trained_in(prepared: Path, tmp_path: Path) -> None:
    file, run = settings_file(tmp_path), tmp_path / "run"
    assert refused("train", file, run) == [f"{run}: [-] no such folder; prepare makes it"]
    put(run / "tokenizer" / "tokenizer.json", Tokenizer(models.WordPiece(unk_token="[UNK]")).to_str())
    put(run / "blocks.npy", "")
    before = contents(run)
    found = refused("train", file, run)
    names = ["blocks.npy", "held_out.npy", "initial", "tokenizer/tokenizer.json"]
    assert [line.partition(": [-]")[0] for line in found] == [str(run / name) for name in names]
    assert "has no [PAD], [UNK], [CLS], [SEP], [MASK]" in found[-1]
    assert contents(run) == before


def test_a_checkpoint_of_another_objective_is_refused(prepared: Path, tmp_path: Path) -> None:
    trained(prepared, tmp_path / "run", 2)
    before = contents(tmp_path / "run")
    (problem,) = refused("train", settings_file(tmp_path), tmp_path / "run", "--objective", "replaced-pieces")
    assert "checkpoint.pt: [-] no checkpoint of this objective" in problem
    assert contents(tmp_path / "run") == before


def test_an_export_that_fails_leaves_the_encoder_as_it_is(prepared: Path, tmp_path: Path) -> None:
    target, run = tmp_path / "encoder", tmp_path / "run"
    for name in ("model.safetensors", "README.md", f"{HEAD}/model"):
        put(target / name, "earlier")
    before = contents(target)
    for weights in (*get_args(encoder.Untrained), "trained"):
        assert refused("export", run, target, "--weights", weights) == [f"{run}: [-] no such folder; prepare makes it"]
    shutil.copytree(prepared, run)
    absent = refused("export", run, target)
    assert absent == [f"{run / name}: [-] not there" for name in ("checkpoint.pt", "log.jsonl")]
    for name in ("checkpoint.pt", "corpus.json", "tokenizer/tokenizer.json", "initial/model.safetensors"):
        put(run / name, "[]")
    put(run / "log.jsonl", '{"start": 0}\n{"step"')
    put(run / "before.md", "# Encoder\n")
    found = refused("export", run, target)
    names = ["checkpoint.pt", "corpus.json", "initial", "log.jsonl:2", "tokenizer/tokenizer.json"]
    assert [line.partition(": [-]")[0] for line in found] == [str(run / name) for name in names]
    found = refused("export", run, target, "--weights", "random")
    assert [line.partition(": [-]")[0] for line in found] == [str(run / name) for name in names[2::2]]
    put(run / "log.jsonl", '{"start": 0}\n')
    assert any("has no step yet" in line for line in refused("export", run, target))
    assert contents(target) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder", "run"]


def test_warm_start_keeps_the_body_and_moves_the_vocabulary(prepared: Path) -> None:
    model = BertForMaskedLM.from_pretrained(prepared / "initial")
    donor = BertForMaskedLM.from_pretrained(prepared.parent / "donor")
    ours, theirs = model.bert.encoder.state_dict(), donor.bert.encoder.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    embeddings = model.bert.embeddings.word_embeddings.weight.detach()
    tokenizer = Tokenizer.from_file(str(prepared / "tokenizer" / "tokenizer.json"))
    english = Tokenizer.from_file(str(prepared.parent / "donor" / "tokenizer.json"))
    target = donor.bert.embeddings.word_embeddings.weight.detach()
    centre = target.mean(dim=0)

    pairs = {"گفت": "said", "شهر": "city", "که": "that", "از": "of", "وزیر": "minister"}
    known = [(tokenizer.token_to_id(a), english.token_to_id(b)) for a, b in pairs.items()]
    rows, columns = zip(*[pair for pair in known if None not in pair], strict=True)
    own = torch.nn.functional.normalize(embeddings[list(rows)] - centre, dim=1)
    similarity = own @ torch.nn.functional.normalize(target[list(columns)] - centre, dim=1).T
    assert len(rows) >= 3
    assert similarity.diagonal().min() > 0.5
    assert (similarity.argmax(dim=1) == torch.arange(len(rows))).all()


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_training_resumes_exactly(prepared: Path, tmp_path: Path, objective: str) -> None:
    at_once = trained(prepared, tmp_path / "at_once", 120, objective=objective)
    resumed = trained(prepared, tmp_path / "resumed", 40, 120, objective=objective)
    assert all(torch.allclose(at_once[name], resumed[name], atol=1e-6) for name in at_once)


def test_training_learns(prepared: Path, tmp_path: Path) -> None:
    trained(prepared, tmp_path / "run", 120, batch_rows=16, body_rate=1e-2, embedding_rate=3e-2)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [entry["held_out_loss"] for entry in log if "step" in entry]
    assert losses[-1] < losses[0] - 0.1


def test_the_body_learns_to_tell_replaced_pieces() -> None:
    made = replacing_sevens()
    rng = np.random.default_rng(0)
    rows = rng.integers(8, 20, (64, 6))  # a 7 is always a replacement, since the generator writes nothing else
    chosen = rng.random(rows.shape) < 0.3
    batch = Batch(rows, np.where(chosen, 4, rows), chosen, torch.device("cpu"))
    optimizer = torch.optim.Adam([*made.bert.parameters(), *made.judge.parameters()], lr=1e-2)
    share = chosen.mean()
    blind = -50 * float(share * np.log(share) + (1 - share) * np.log(1 - share))  # who knows the share of replacements
    for _ in range(60):
        loss = made.loss(batch, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert judging(made, batch, rng) < blind / 5


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_export_loads_by_auto_classes(prepared: Path, tmp_path: Path, objective: str) -> None:
    state = trained(prepared, tmp_path / "run", 2, objective=objective)
    (tmp_path / "encoder" / HEAD).mkdir(parents=True)  # of another encoder
    encoder.export(tmp_path / "run", tmp_path / "encoder")
    assert not (tmp_path / "encoder" / HEAD).exists()
    model = AutoModel.from_pretrained(tmp_path / "encoder")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "encoder")
    assert tokenizer.is_fast
    body = model.state_dict()
    assert all(
        torch.equal(body[name.removeprefix("bert.")], tensor.half().float())
        for name, tensor in state.items()
        if name.startswith("bert.")
    )
    pieces = tokenizer("رئيس‌جمهور", return_tensors="pt")
    assert model(**pieces).last_hidden_state.shape == (1, pieces["input_ids"].shape[1], 32)
    card = (tmp_path / "encoder" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Compact Persian encoder\n")
    assert "| 2 |" in card
    assert ("ELECTRA" in card) == (objective == "replaced-pieces")


@pytest.mark.parametrize(
    ("weights", "embeddings", "body"),
    [("initial", True, True), ("word-vectors", True, False), ("random", False, False)],
)
def test_encoders_without_training_are_exported_too(
    prepared: Path, tmp_path: Path, weights: encoder.Untrained, embeddings: bool, body: bool
) -> None:
    encoder.export_untrained(prepared, tmp_path / "encoder", weights)
    exported = AutoModel.from_pretrained(tmp_path / "encoder").float().state_dict()
    initial = BertForMaskedLM.from_pretrained(prepared / "initial").bert.state_dict()
    names = {"embeddings.word_embeddings.weight": embeddings, "encoder.layer.1.output.dense.weight": body}
    assert {name: torch.allclose(exported[name], initial[name], atol=1e-3) for name in names} == names


def test_no_spacy_is_needed() -> None:
    # Its wrapper of transformers keeps them at version 4; pre-training is for other machines, too.
    files = imported_files(ROOT / "scripts" / "pretrain.py", ROOT)
    assert Path("persian_ner/pretraining/warmstart.py") in files
    names = {name.partition(".")[0] for file in files for name in imported_modules(ROOT / file)}
    assert "transformers" in names
    assert not names & {"spacy", "spacy_transformers", "thinc"}


def test_the_tokenizer_is_saved_for_either_version_of_transformers(prepared: Path) -> None:
    settings = json.loads((prepared / "tokenizer" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"  # that of version 5 is unknown to version 4


def test_the_card_says_on_what_machine_for_how_long(prepared: Path, tmp_path: Path) -> None:
    trained(prepared, tmp_path / "run", 2)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert log[0]["processor"]
    assert [entry["seconds"] >= 0 for entry in log if "step" in entry] == [True]
    schedule = CONFIG["schedule"]

    def start(**facts: Any) -> dict[str, Any]:
        return {"start": 0, "schedule": schedule, "torch": "2", "device": "cpu", **facts}

    def step(number: int, **facts: Any) -> dict[str, Any]:
        return {"step": number, "tokens": 1, "loss": 1.0, "held_out_loss": 1.0, **facts}

    small, large = {"processor": "Small", "threads": 2}, {"processor": "Large"}
    legs = [
        *[start(**small), step(1, seconds=1800), step(2, seconds=5400)],
        *[start(**large), step(3, seconds=7200)],
        *[start(**small), step(4, seconds=3600)],
    ]
    card = further_card("# Card\n", legs, {})
    assert "Started or resumed 3 time(s).\nSmall, 2 thread(s): 2.5 hours.\nLarge: 2.0 hours.\n" in card
    assert "hours" not in further_card("# Card\n", [start(), step(1), *legs], {})  # of before it was recorded


def test_datasets_are_read_as_paragraphs(tmp_path: Path) -> None:
    rows = [{"text": "بند یکم\nبند دوم"}, {"text": "سند دوم"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    lines = list(corpus.read_lines(f"hf:{tmp_path}", tmp_path))
    assert lines == ["بند یکم", "بند دوم", "", "سند دوم", ""]


def test_every_bad_line_of_a_dictionary_is_named(tmp_path: Path) -> None:
    file = tmp_path / "d.tsv"
    file.write_bytes("تهران\ttehran\nشهر city\n\xff\tx\nگفت\t \n".encode().replace("\xff".encode(), b"\xff"))
    with pytest.raises(InputError) as raised:
        warmstart.read_dictionary(file)
    assert [problem.line for problem in raised.value.problems] == [2, 3, 4]
    file.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="has no entries"):
        warmstart.read_dictionary(file)


def test_a_dictionary_that_places_too_few_pieces_is_refused(prepared: Path) -> None:
    english = Tokenizer.from_file(str(prepared.parent / "donor" / "tokenizer.json"))
    vectors, embeddings = np.ones((2, 4), np.float32), np.eye(english.get_vocab_size(), 8, dtype=np.float32)
    with pytest.raises(InputError, match="it has 1 pieces that occur; the others need more than 10"):
        warmstart.place(["شهر", "قم"], vectors, {"شهر": ["city"]}, english, embeddings, seed=0)


def test_masking_takes_whole_words_and_no_special_tokens() -> None:
    rng = np.random.default_rng(0)
    continues = np.array([False] * 5 + [False, True] * 10)
    special = np.array([True] * 5 + [False] * 20)
    word = np.array([5, 6, 8, 7, 9, 10, 10, 11])  # words: 5 6 8 | 7 | 9 10 10 | 11
    rows = np.tile(np.concatenate([[2], word, [3]]), (500, 1))
    inputs, chosen = mask_words(rows, continues, special, 4, 0.3, rng)
    starts = ~continues[rows]
    groups = np.cumsum(starts, axis=1)
    for row, group in zip(chosen, groups, strict=True):
        for number in np.unique(group):
            assert len(set(row[group == number])) == 1
    assert not chosen[:, [0, -1]].any()
    assert 0.25 < chosen[:, 1:-1].mean() < 0.35
    assert (inputs[~chosen] == rows[~chosen]).all()
    assert 0.75 < (inputs[chosen] == 4).mean() < 0.85


def replacing_sevens() -> ReplacedPieces:
    """An objective over 20 pieces, of which the first five are special, whose generator puts the piece 7 everywhere."""
    torch.manual_seed(0)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=20, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip
    made = ReplacedPieces(model, special=np.arange(20) < 5)
    with torch.no_grad():
        made.generator.cls.predictions.bias.copy_(torch.where(torch.arange(20) == 7, 100.0, 0.0))
    return made


def judging(made: ReplacedPieces, batch: Batch, rng: np.random.Generator) -> float:
    """What is left of the loss without the generator's part."""
    hidden = made.generator.bert(input_ids=batch.inputs).last_hidden_state.flatten(0, 1)[batch.positions]
    guessing = torch.nn.functional.cross_entropy(made.generator.cls(hidden), batch.targets())
    return (made.loss(batch, rng) - guessing).item()


def test_a_generator_that_begins_as_the_lower_layers_fills_what_is_masked() -> None:
    made = replacing_sevens()
    lower = {name: tensor for name, tensor in made.bert.state_dict().items() if ".layer.2." not in name}
    begun = made.generator.bert.state_dict()
    assert made.generator.bert.embeddings is made.bert.embeddings
    assert begun.keys() == lower.keys()
    assert all(torch.equal(begun[name], lower[name]) for name in begun)

    seen: list[torch.Tensor] = []
    made.bert.register_forward_pre_hook(lambda _, __, given: seen.append(given["input_ids"]), with_kwargs=True)
    with torch.no_grad():  # one in four is judged a replacement, whatever it is
        made.judge[-1].weight.zero_()
        made.judge[-1].bias.fill_(-float(np.log(3)))
    rows = np.array([[2, 6, 7, 8, 9, 3]])
    chosen = np.array([[False, True, True, False, False, False]])
    batch = Batch(rows, np.where(chosen, 4, rows), chosen, torch.device("cpu"))
    found = judging(made, batch, np.random.default_rng(0))
    assert seen[0].tolist() == [[2, 7, 7, 8, 9, 3]]
    # Of the four ordinary pieces one was replaced: the 7 that was guessed right was not.
    assert found == pytest.approx(-50 * (np.log(1 / 4) + 3 * np.log(3 / 4)) / 4, rel=1e-4)


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_the_command_takes_another_objective_and_length(prepared: Path, tmp_path: Path, objective: str) -> None:
    shutil.copytree(prepared, tmp_path / "run")
    settings = tmp_path / "config.yaml"
    settings.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    done = run_script("pretrain", "train", settings, tmp_path / "run", "--objective", objective, "--steps", 2)
    assert done.exit_code == 0
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(log[0])["schedule"] == {**CONFIG["schedule"], "steps": 2, "objective": objective}
    assert json.loads(log[-1])["step"] == 2


def test_schedule_warms_up_and_decays() -> None:
    schedule = Schedule(**{**CONFIG["schedule"], "steps": 100, "warmup_steps": 10, "decay": 0.25})
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:75] == pytest.approx([1.0] * 66)
    assert factors[-1] == pytest.approx(1 / 25)


def test_clean_counts_each_reason() -> None:
    long = "این یک جمله نسبتا بلند برای آزمون پاک‌سازی متن است"
    lines = ["کوتاه", "", long, long.replace("\u200c", ""), "an English sentence, long enough"]
    kept, counts = corpus.clean(lines, set())
    assert kept == ["", long]
    assert counts == corpus.CleaningCounts(read=4, kept=1, too_short=1, not_persian=1, duplicate=1)


def test_going_on_from_an_encoder(prepared: Path, tmp_path: Path) -> None:
    trained(prepared, tmp_path / "run", 2)
    encoder.export(tmp_path / "run", tmp_path / "encoder")
    card = tmp_path / "encoder" / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\n## Adaptation\n\nto names\n", encoding="utf-8")
    raw, further = prepared.parent / "raw", tmp_path / "further"
    encoder.prepare_further(config(), raw, tmp_path / "encoder", further)
    start = AutoModel.from_pretrained(tmp_path / "encoder").embeddings.word_embeddings.weight
    initial = BertForMaskedLM.from_pretrained(further / "initial")
    assert torch.equal(initial.bert.embeddings.word_embeddings.weight, start.float())
    assert initial.cls.predictions.decoder.bias.std() > 0.1  # knows which pieces are frequent
    assert (further / "tokenizer" / "tokenizer.json").read_text() == (tmp_path / "encoder/tokenizer.json").read_text()

    encoder.run(config(steps=4), further)
    (tmp_path / "encoder" / HEAD).mkdir()
    encoder.export(further, tmp_path / "encoder")
    assert (tmp_path / "encoder" / HEAD).exists()
    after = card.read_text(encoding="utf-8")
    sections = [line for line in after.splitlines() if line.startswith("## ")]
    assert sections == ["## Origin", "## Training", "## Earlier adaptation", "## Further training", "## Limits"]
    assert not torch.equal(AutoModel.from_pretrained(tmp_path / "encoder").embeddings.word_embeddings.weight, start)
    with pytest.raises(InputError, match="holds a trained checkpoint; name another folder"):
        encoder.prepare_further(config(), raw, tmp_path / "encoder", further)


def test_memory_does_not_grow_with_the_shapes_of_batches(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """oneDNN keeps a kernel of 12 MB for each number of masked pieces, a thousand of them if it may."""
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    trained(prepared, tmp_path / "run", 1)
    assert int(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) <= 16
