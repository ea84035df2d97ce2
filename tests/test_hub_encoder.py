"""``configs/hub.cfg`` loads any encoder in Hugging Face format; here a tiny random one, stored as on the hub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import spacy
from project_copy import ROOT, set_in_config
from tiny_encoder import save_encoder

from persian_ner import docbin
from persian_ner.readers import markup
from persian_ner.records import collect


def test_trains_on_an_encoder_from_a_folder(tmp_path: Path) -> None:
    save_encoder(tmp_path / "encoder")
    records, problems = collect(markup.read(ROOT / "assets" / "articles" / "football-001.md"))
    assert not problems
    packed, misaligned = docbin.from_records(records, docbin.blank(), {})
    assert not misaligned
    docbin.write(packed, tmp_path / "train.spacy")
    config = tmp_path / "hub.cfg"
    config.write_text((ROOT / "configs" / "hub.cfg").read_text(encoding="utf-8"), encoding="utf-8")
    set_in_config(config, max_steps=2, eval_frequency=2)
    done = subprocess.run(
        [
            sys.executable, "-m", "spacy", "train", str(config), "--output", str(tmp_path / "out"),
            "--paths.encoder", str(tmp_path / "encoder"),
            "--components.transformer.model.mixed_precision", "false",
            "--paths.train", str(tmp_path / "train.spacy"), "--paths.dev", str(tmp_path / "train.spacy"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert nlp.get_pipe("transformer").model.transformer.config.hidden_size == 32
    assert nlp(records[0].text).text == records[0].text
