from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_runs import run_script
from tiny_corpus import contents, put

from persian_ner.files import checksum
from persian_ner.model_meta import stamp


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        (["CC BY 4.0", "CC BY 4.0"], "CC BY 4.0"),
        (["CC BY 4.0", "none stated"], "those of the sources: CC BY 4.0; none stated"),
    ],
)
def test_meta_says_what_the_pipeline_was_trained_on(tmp_path: Path, licences: list[str], expected: str) -> None:
    sources = {
        f"source-{number}": {"licence": licence, "description": "news", "absent": False, "sha256": f"{number}"}
        for number, licence in enumerate(licences)
    }
    sources["missing"] = {"licence": "MIT", "description": "", "absent": True, "sha256": None}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({"labels": ["PER", "PRODUCT"], "sources": sources, "splits": {"train": {"sha256": "ab"}}}),
        encoding="utf-8",
    )
    model = tmp_path / "model"
    model.mkdir()
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "model").write_text("weights", encoding="utf-8")
    with_path = f'[paths]\nencoder = "{encoder.as_posix()}"\n'
    transformer = '[nlp]\npipeline = ["transformer","ner"]\n'
    (model / "config.cfg").write_text(with_path + transformer, encoding="utf-8")
    (model / "meta.json").write_text('{"lang": "fa", "performance": {"ents_f": 0.5}}', encoding="utf-8")
    meta = stamp(model, manifest, "mine", "1.2")
    assert json.loads((model / "meta.json").read_text(encoding="utf-8")) == meta
    assert (meta["name"], meta["version"], meta["performance"]) == ("mine", "1.2", {"ents_f": 0.5})
    assert meta["license"] == expected
    assert meta["description"].endswith(": PER, PRODUCT")
    assert [source["name"] for source in meta["sources"]] == ["source-0", "source-1"]
    assert meta["provenance"]["corpus"]["splits"] == {"train": "ab"}
    assert meta["provenance"]["encoder_sha256"] == checksum(encoder)
    # `train` gives the path to a pipeline without an encoder, too
    without = ["", with_path + '[nlp]\npipeline = ["tok2vec","ner"]\n']
    without += [f"[paths]\nencoder = {path}\n{transformer}" for path in ("null", '"someone/on-the-hub"')]
    for config in without:
        (model / "config.cfg").write_text(config, encoding="utf-8")
        assert stamp(model, manifest, "mine", "1.2")["provenance"]["encoder_sha256"] is None


def test_all_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    put(tmp_path / "model" / "meta.json", "{")
    put(tmp_path / "model" / "config.cfg", "pipeline")
    put(tmp_path / "manifest.json", '{"labels": [], "sources": {"own": {}}}')
    before = contents(tmp_path)
    arguments = (tmp_path / "model", tmp_path / "manifest.json", "--name", "mine", "--version", "1")
    done = run_script("stamp", *arguments)
    places = [line.partition(": [-]")[0] for line in done.stderr.splitlines()]
    manifest, config, meta = (str(tmp_path / name) for name in ("manifest.json", "model/config.cfg", "model/meta.json"))
    assert (done.exit_code, places) == (1, [*[manifest] * 5, config, meta, "7 problems found; nothing was written."])
    assert contents(tmp_path) == before
    (tmp_path / "model" / "config.cfg").unlink()
    put(tmp_path / "model" / "meta.json", '{"name": "mine"}')
    done = run_script("stamp", *arguments)
    assert f"{config}: [-] not there" in done.stderr and f"{meta}: [-] lang: Field required" in done.stderr
