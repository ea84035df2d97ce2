"""Load figures: hand-computed percentiles, and measurements of a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from fastapi import FastAPI
from test_serve import pipeline, serving
from typer.testing import CliRunner, Result

from persian_ner import load
from persian_ner.files import checksum
from persian_ner.records import InputError
from persian_ner.serve import Limits, create_app

SCRIPT = Path(__file__).parents[1] / "scripts" / "load.py"
TEXTS = ["سارا احمدی آمد.", "رشت", "x" * 51]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(create_app(pipeline(), Limits(max_chars=50))) as address:
        yield address


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    lines = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(TEXTS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_script(*arguments: object) -> Result:
    spec = spec_from_file_location("load_script", SCRIPT)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return CliRunner().invoke(module.app, [str(argument) for argument in arguments])


def test_percentiles() -> None:
    # Of 0, 1 … 100 the p-th percentile is p; of two values it lies between them.
    assert load.latency([float(n) for n in range(100, -1, -1)]) == load.Latency(p50=50, p95=95, p99=99, max=100)
    found = load.latency([1.0, 2.0])
    assert found
    assert (found.p50, found.max) == (1.5, 2.0)
    assert found.p95 == pytest.approx(1.95)
    assert load.latency([]) is None


def test_each_text_once(url: str, records: Path) -> None:
    found = load.measure(url, records, clients=2)
    assert (found.requests, found.errors, found.words) == (3, {"413": 1}, 4)
    assert found.requests_per_second == pytest.approx(2 / found.seconds)
    assert found.words_per_second == pytest.approx(4 / found.seconds)
    assert found.latency_seconds
    assert 0 < found.latency_seconds.p50 <= found.latency_seconds.max <= found.seconds
    assert (found.model.name, found.data.sha256) == ("fa_ruler", checksum(records))


def test_texts_go_round(url: str, records: Path) -> None:
    found = load.measure(url, records, clients=3, requests=7)
    assert (found.requests, found.errors, found.words) == (7, {"413": 2}, 3 + 1 + 3 + 1 + 3)


def test_a_server_that_dies_is_an_error_of_its_requests(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(create_app(pipeline())) as address:
        model = load._model(address)
    monkeypatch.setattr(load, "_model", lambda url: model)
    found = load.measure(address, records, clients=2)
    assert (found.errors, found.latency_seconds, found.requests_per_second) == ({"ConnectError": 3}, None, 0)


def test_what_is_no_service_is_said(records: Path) -> None:
    other = FastAPI()
    other.get("/health")(lambda: {"status": "ok"})
    with serving(other) as address, pytest.raises(InputError, match="not this project's service"):
        load.measure(address, records, clients=1)
    with pytest.raises(InputError, match="no service answers"):
        load.measure(address, records, clients=1)


def test_script(url: str, records: Path, tmp_path: Path) -> None:
    output = tmp_path / "load.json"
    done = run_script(records, output, "--url", f"{url}/", "--clients", 2)
    assert done.exit_code == 3, done.output
    assert "1 × 413" in done.output
    written = load.Load.model_validate_json(output.read_bytes())
    assert (written.clients, written.requests, written.errors) == (2, 3, {"413": 1})
    assert run_script(records, output, "--url", url, "--requests", 2).exit_code == 0


def test_bad_records_and_a_missing_service_are_listed_together(tmp_path: Path) -> None:
    done = run_script(tmp_path / "absent.jsonl", tmp_path / "load.json", "--url", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "absent.jsonl: [-] no such file" in done.output
    assert "no service answers here" in done.output
    assert "2 problems found" in done.output


def test_bad_input_writes_nothing(url: str, records: Path, tmp_path: Path) -> None:
    output = tmp_path / "load.json"
    records.write_text('{"id": "1"}\n{"id": "2", "text": 3}\n', encoding="utf-8")
    done = run_script(records, output, "--url", url)
    assert done.exit_code == 1
    assert "records.jsonl:1" in done.output
    assert "records.jsonl:2" in done.output
    assert not output.exists()
