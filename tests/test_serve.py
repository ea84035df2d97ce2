"""The service over HTTP: answers, offsets, errors, limits, one thread for the model, a fuzzer against its schema."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families
from spacy.language import Language
from spacy.tokens import Doc
from typer.testing import CliRunner

from persian_ner import docbin, serve
from persian_ner.dates.value import FLAGS, REASONS, Calendar, Granularity
from persian_ner.serve import Limits, create_app

ROOT = Path(__file__).parents[1]
TEXT = "سارا احمدی دیروز به شیراز رفت."
ANSWER = [(0, 10, "PER", "سارا احمدی"), (11, 16, "DATE", "دیروز"), (20, 25, "GPE", "شیراز")]
MODEL = {"name": "fa_ruler", "version": "1.2.3"}
PATIENCE = 120.0  # of tests on a busy machine
LIMITS = Limits(max_chars=200, max_texts=4)


@Language.factory("test_serve_slow")
class Slow:
    """Stops at a text with «کند» until told to go on; notes which texts came together, and whether two calls met."""

    def __init__(self, nlp: Language, name: str) -> None:
        self.batches: list[list[str]] = []
        self.running = 0
        self.met = False
        self.stopped = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, doc: Doc) -> Doc:
        return next(iter(self.pipe([doc], batch_size=1)))

    def pipe(self, docs: Iterable[Doc], batch_size: int) -> Iterator[Doc]:
        found = list(docs)
        self.running += 1
        self.met |= self.running > 1
        self.batches.append([doc.text for doc in found])
        time.sleep(0.01)
        if any("کند" in doc.text for doc in found):
            self.stopped.set()
            assert self.go_on.wait(PATIENCE)
        self.running -= 1
        if any("خراب" in doc.text for doc in found):
            raise ValueError(f"cannot read {found[0].text}")
        yield from found

    def reset(self) -> None:
        self.batches.clear()
        self.stopped.clear()
        self.go_on.clear()


SCORES = {"PER": 0.98714, "DATE": 0.9934, "GPE": 0.9978}


@Language.component("test_serve_confidence")
def set_confidence(doc: Doc) -> Doc:
    for ent in doc.ents:
        ent._.confidence = SCORES.get(ent.label_)
    return doc


def pipeline(*components: str) -> Language:
    nlp = docbin.blank()
    nlp.meta |= {"name": "ruler", "version": "1.2.3"}
    patterns = {"سارا احمدی": "PER", "مریم رستمی": "PER", "شیراز": "GPE", "رشت": "GPE", "<b>باران</b>": "ORG"}
    dates = dict.fromkeys(["دیروز", "پنجشنبه", "دوره قاجار"], "DATE")
    ruler: Any = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for text, label in (patterns | dates).items()])
    for component in components:
        nlp.add_pipe(component)
    return nlp


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """A server for the app on a free port; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def make_client(app: FastAPI) -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return make_client(create_app(pipeline(), LIMITS))


@pytest.fixture(scope="module")
def slow() -> tuple[FastAPI, Slow]:
    nlp = pipeline("test_serve_slow")
    component: Any = nlp.get_pipe("test_serve_slow")
    return create_app(nlp), component


def brief(result: dict[str, Any]) -> list[tuple[int, int, str, str]]:
    return [(item["start"], item["end"], item["label"], item["text"]) for item in result["entities"]]


def faults(response: httpx.Response) -> list[tuple[str, str]]:
    detail = response.json()["detail"]
    assert all(item["reason"] for item in detail)
    return [(item["type"], item["where"]) for item in detail]


def post_raw(client: TestClient, content: bytes, path: str = "/ner") -> httpx.Response:
    return client.post(path, content=content, headers={"content-type": "application/json"})


class TestNer:
    def test_answer(self, client: TestClient) -> None:
        response = client.post("/ner", json={"id": "7", "text": TEXT, "publication_date": "2025-04-15"})
        assert response.status_code == 200
        answer = response.json()
        assert answer.keys() == {"id", "text_sha256", "entities", "model"}
        assert brief(answer) == ANSWER
        assert (answer["id"], answer["model"]) == ("7", MODEL)
        assert answer["text_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
        person, day, _ = answer["entities"]
        assert person.keys() == {"start", "end", "label", "text"}
        assert day["date"] == "2025-04-14"
        assert day["date_details"] == {
            "start": "2025-04-14",
            "end": "2025-04-14",
            "calendar": "jalali",
            "granularity": "day",
            "reason": None,
            "flags": [],
            "parts": [],
        }

    def test_a_date_that_is_not_resolved_says_why(self, client: TestClient) -> None:
        (day,) = client.post("/ner", json={"text": "دیروز"}).json()["entities"]
        assert "date" not in day
        assert (day["date_details"]["start"], day["date_details"]["reason"]) == (None, "no_reference")

    def test_offsets_are_code_points(self, client: TestClient) -> None:
        answer = client.post("/ner", json={"text": f"🎬👨‍👩‍👧 {TEXT}"}).json()
        assert brief(answer) == [(start + 7, end + 7, label, text) for start, end, label, text in ANSWER]

    @pytest.mark.parametrize("text", ["", " \n", "\0", "\0سارا احمدی\0", "\u2028\ufeff\U0010ffff", "\r\n\t", "ك\u200c"])
    def test_any_character_works(self, client: TestClient, text: str) -> None:
        response = client.post("/ner", json={"text": text})
        assert response.status_code == 200
        assert brief(response.json()) == ([(1, 11, "PER", "سارا احمدی")] if "سارا" in text else [])

    @given(st.text(max_size=20), st.text(max_size=20), st.dates())
    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_offsets_are_of_the_raw_text(self, client: TestClient, before: str, after: str, day: Any) -> None:
        text = f"{before} {TEXT} {after}"
        response = client.post("/ner", json={"text": text, "publication_date": day.isoformat()})
        assert response.status_code == 200
        found = brief(response.json())
        assert "شیراز" in [surface for *_, surface in found]
        assert all(text[start:end] == surface for start, end, _, surface in found)

    def test_score_where_the_pipeline_gives_one(self) -> None:
        client = make_client(create_app(pipeline("test_serve_confidence")))
        answer = client.post("/ner", json={"text": f"{TEXT} <b>باران</b>"}).json()
        found = [(entity["label"], entity.get("score")) for entity in answer["entities"]]
        assert found == [("PER", 0.9871), ("DATE", 0.9934), ("GPE", 0.9978), ("ORG", None)]
        assert "score" not in answer["entities"][-1]

    def test_dates_are_resolved_once(self) -> None:
        nlp = pipeline()
        nlp.add_pipe("fa_dates", name="days", config={"label": "GPE"})
        create_app(nlp)
        assert nlp.pipe_names == ["entity_ruler", "days"]


class TestBatch:
    def test_same_order(self, client: TestClient) -> None:
        texts = [TEXT, "", {"text": "دیروز", "id": "x", "publication_date": "2025-04-15"}, "رشت"]
        answer = client.post("/batch", json={"texts": texts}).json()
        assert [brief(result) for result in answer["results"]] == [
            ANSWER,
            [],
            [(0, 5, "DATE", "دیروز")],
            [(0, 3, "GPE", "رشت")],
        ]
        assert [result["id"] for result in answer["results"]] == [None, None, "x", None]
        assert answer["results"][2]["entities"][0]["date"] == "2025-04-14"
        assert answer["model"] == MODEL

    def test_empty(self, client: TestClient) -> None:
        assert client.post("/batch", json={"texts": []}).json() == {"results": [], "model": MODEL}


class TestErrors:
    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", [("missing", "")]),
            (b'{"text":', [("json_invalid", "")]),
            (b"\xff\xfe\xfa", [("json_invalid", "")]),
            (b'"' + "رشت".encode("cp1256") + b'"', [("json_invalid", "")]),
            (b"[" * 500, [("json_invalid", "")]),
            (b'{"id": ' + b"9" * 5000 + b"}", [("json_invalid", "")]),
            (b"[]", [("model_attributes_type", "")]),
            (b"{}", [("missing", "text")]),
            (b'{"text": null}', [("string_type", "text")]),
            (b'{"text": NaN}', [("string_type", "text")]),
            (b'{"text": "\\ud800"}', [("string_unicode", "text")]),
            (b'{"text": "", "id": "a\\udc00"}', [("string_unicode", "id")]),
            (b'{"text": "", "\\ud800": 1}', [("string_unicode", "")]),
            (b'{"text": "", "title": 1}', [("extra_forbidden", "title")]),
            (b'{"text": 1, "id": 2}', [("string_type", "text"), ("string_type", "id")]),
            (json.dumps({"text": "", "id": "x" * 201}).encode(), [("string_too_long", "id")]),
        ],
    )
    def test_wrong_body(self, client: TestClient, content: bytes, found: list[tuple[str, str]]) -> None:
        response = post_raw(client, content)
        assert response.status_code == 422
        assert faults(response) == found

    @pytest.mark.parametrize(
        "day",
        ["1404/1/28", "۲۰۲۵-۰۴-۱۵", "2025-02-30", "2025-04-15T10:00", "20250415", "0000-01-01", "", "\ud800", 1, []],
    )
    def test_publication_date_is_an_iso_date(self, client: TestClient, day: object) -> None:
        response = post_raw(client, json.dumps({"text": "", "publication_date": day}).encode())
        assert response.status_code == 422
        assert faults(response) == [("not_iso_date", "publication_date")]

    def test_the_place_in_a_batch(self, client: TestClient) -> None:
        response = post_raw(
            client, b'{"texts": ["", {"text": "\\ud800"}, {"text": "", "publication_date": "x"}, 3]}', "/batch"
        )
        assert response.status_code == 422
        assert faults(response) == [
            ("string_unicode", "texts.1.text"),
            ("not_iso_date", "texts.2.publication_date"),
            ("model_attributes_type", "texts.3"),
        ]

    def test_many_faults_are_counted_not_listed(self, client: TestClient) -> None:
        response = client.post("/batch", json={"texts": [1] * 500})
        assert len(response.json()["detail"]) == serve.MAX_FAULTS + 1
        assert response.json()["detail"][-1] == {"type": "more", "where": "", "reason": "480 more"}

    def test_errors_quote_no_text(self, client: TestClient) -> None:
        response = client.post("/ner", json={"text": ["محرمانه"], "publication_date": "محرمانه"})
        assert response.status_code == 422
        assert "محرمانه" not in response.text

    def test_paths_and_methods(self, client: TestClient) -> None:
        assert faults(client.get("/nothing")) == [("not_found", "")]
        response = client.get("/ner")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert faults(response) == [("method_not_allowed", "")]

    def test_a_text_at_which_the_pipeline_fails_fails_alone(
        self, slow: tuple[FastAPI, Slow], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            response = make_client(slow[0]).post("/batch", json={"texts": [TEXT, "خراب محرمانه"]})
        assert response.status_code == 500
        assert faults(response) == [("pipeline_failed", "texts.1.text")]
        assert "12 characters: ValueError" in caplog.text
        assert "محرمانه" not in caplog.text + response.text


class TestLimits:
    def test_spacys_own_limit_is_raised_to_the_services(self) -> None:
        nlp = pipeline()
        nlp.max_length = 10
        response = make_client(create_app(nlp, LIMITS)).post("/ner", json={"text": TEXT})
        assert (response.status_code, brief(response.json())) == (200, ANSWER)

    def test_characters(self, client: TestClient) -> None:
        assert client.post("/ner", json={"text": "🎬" * 200}).status_code == 200
        response = client.post("/ner", json={"text": "x" * 201})
        assert response.status_code == 413
        assert faults(response) == [("too_long", "text")]

    def test_characters_of_a_batch_are_counted_together(self, client: TestClient) -> None:
        response = client.post("/batch", json={"texts": ["x" * 100, "x" * 101]})
        assert response.status_code == 413
        assert faults(response) == [("too_long", "texts")]

    def test_texts(self, client: TestClient) -> None:
        response = client.post("/batch", json={"texts": [""] * 5})
        assert response.status_code == 413
        assert faults(response) == [("too_many", "texts")]

    def test_bytes_leave_room_for_the_worst_allowed_body(self, client: TestClient) -> None:
        worst = [{"text": "🎬" * 50, "id": "🎬" * 200, "publication_date": "2025-04-15"}] * 4
        assert post_raw(client, json.dumps({"texts": worst}).encode(), "/batch").status_code == 200

    def test_a_declared_length_is_refused_unread(self, client: TestClient) -> None:
        def never() -> Iterator[bytes]:
            raise AssertionError("read")
            yield b""

        headers = {"content-length": str(LIMITS.max_bytes + 1)}
        response = client.post("/ner", content=never(), headers=headers)
        assert response.status_code == 413
        assert faults(response) == [("too_long", "")]

    def test_an_undeclared_length_is_read_to_the_limit_only(self) -> None:
        async def run() -> tuple[int, int]:
            sent = 0
            status = 0

            async def receive() -> dict[str, Any]:
                nonlocal sent
                sent += 1000
                return {"type": "http.request", "body": b" " * 1000, "more_body": True}

            async def send(message: Any) -> None:
                nonlocal status
                status = message.get("status", status)

            headers = [(b"content-type", b"application/json")]
            scope = {"type": "http", "method": "POST", "path": "/ner", "query_string": b"", "headers": headers}
            await create_app(pipeline(), LIMITS)(scope, receive, send)
            return status, sent

        status, sent = asyncio.run(run())
        assert status == 413
        assert LIMITS.max_bytes < sent <= LIMITS.max_bytes + 1000

    def test_a_real_server_refuses_a_large_body(self) -> None:
        with serving(create_app(pipeline(), LIMITS)) as url:
            headers = {"content-type": "application/json"}
            for content in (b"x" * 5_000_000, iter([b"x" * 500_000] * 10)):
                response = httpx.post(f"{url}/ner", content=content, headers=headers, timeout=PATIENCE)
                assert response.status_code == 413

    def test_a_full_queue_is_refused(self, slow: tuple[FastAPI, Slow], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serve, "QUEUE_CHARS", 20)
        answers = asyncio.run(together(*slow, ["کند", *["x" * 9] * 4]))
        assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
        assert faults(answers[-1]) == [("busy", "")]
        assert answers[-1].headers["retry-after"] == "5"
        alone = make_client(slow[0]).post("/ner", json={"text": "x" * 50})
        assert alone.status_code == 200, "a text that waits behind none is never refused"


async def together(app: FastAPI, component: Slow, texts: list[str]) -> list[httpx.Response]:
    """Answers to requests of which all but the first arrive while the first is predicted."""
    component.reset()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=PATIENCE) as client:
        requests = [asyncio.create_task(client.post("/ner", json={"text": texts[0]}))]
        while not component.stopped.is_set():
            await asyncio.sleep(0.01)
        requests += [asyncio.create_task(client.post("/ner", json={"text": text})) for text in texts[1:]]
        for _ in range(100):  # turns of the event loop: more than a request needs to get to the model
            await asyncio.sleep(0)
        component.go_on.set()
        return [await request for request in requests]


class TestModelThread:
    def test_one_pass_at_a_time_and_together_what_waits(self, slow: tuple[FastAPI, Slow]) -> None:
        component = slow[1]
        texts = ["کند", *(f"{number} {TEXT}" for number in range(9))]
        answers = asyncio.run(together(*slow, texts))
        assert not component.met
        assert component.batches == [texts[:1], texts[1:]]
        for number, answer in enumerate(answers[1:]):
            assert [surface for *_, surface in brief(answer.json())] == [surface for *_, surface in ANSWER], number
            assert answer.json()["text_sha256"] == hashlib.sha256(texts[number + 1].encode()).hexdigest()

    def test_a_pass_is_bounded(self, slow: tuple[FastAPI, Slow], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serve, "BATCH_CHARS", 10)
        monkeypatch.setattr(serve, "BATCH_TEXTS", 3)
        asyncio.run(together(*slow, ["کند", "abcdefghijklmn", "abcde", "fghij", "k", "l", "m", "n"]))
        assert slow[1].batches == [["کند"], ["abcdefghijklmn"], ["abcde", "fghij"], ["k", "l", "m"], ["n"]]

    def test_health_answers_meanwhile(self, slow: tuple[FastAPI, Slow]) -> None:
        app, component = slow
        component.reset()
        with serving(app) as url, ThreadPoolExecutor() as clients:
            busy = clients.submit(httpx.post, f"{url}/ner", json={"text": "کند"}, timeout=PATIENCE)
            try:
                assert component.stopped.wait(PATIENCE)
                assert httpx.get(f"{url}/health", timeout=PATIENCE / 2).status_code == 200
                assert not busy.done()
            finally:
                component.go_on.set()
            assert busy.result().status_code == 200

    def test_the_vocabulary_does_not_grow(self) -> None:
        nlp = pipeline()
        client = make_client(create_app(nlp))
        client.post("/ner", json={"text": TEXT})
        before = len(nlp.vocab.strings)
        client.post("/ner", json={"text": "واژه‌ای‌که‌هرگز‌نبوده xyzzy"})
        assert len(nlp.vocab.strings) == before


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {
        "status": "ok",
        "model": MODEL,
        "max_chars": 200,
        "max_texts": 4,
        "max_bytes": LIMITS.max_bytes,
    }


def test_metrics() -> None:
    clients = [make_client(create_app(pipeline(), LIMITS)) for _ in range(2)]  # a registry each
    client = clients[0]
    client.post("/ner", json={"text": TEXT})
    client.post("/batch", json={"texts": [TEXT, "رشت"]})
    client.post("/ner", json={"text": "x" * 201})
    for number in range(3):
        client.get(f"/nothing{number}")
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    assert found["ner_requests_total", "/ner", "200"] == 1
    assert found["ner_requests_total", "/ner", "413"] == 1
    assert found["ner_requests_total", "/batch", "200"] == 1
    assert found["ner_requests_total", "other", "404"] == 3
    assert found["ner_request_seconds_count", "/ner"] == 2
    assert (found["ner_texts_total",], found["ner_words_total",]) == (3, 13)
    assert {key[1]: value for key, value in found.items() if key[0] == "ner_entities_total"} == {
        "PER": 2,
        "DATE": 2,
        "GPE": 3,
    }
    assert "ner_entities_total{" not in clients[1].get("/metrics").text


class TestSchema:
    def test_examples_are_in_it_and_every_error(self, client: TestClient) -> None:
        schema = client.get("/openapi.json").json()
        assert schema["components"]["schemas"]["Text"]["examples"]
        for path in ("/ner", "/batch"):
            responses = schema["paths"][path]["post"]["responses"]
            assert responses.keys() == {"200", "413", "422", "500", "503"}
            assert {
                item["content"]["application/json"]["schema"]["$ref"]
                for code, item in responses.items()
                if code != "200"
            } == {"#/components/schemas/Faults"}


# Not from a fixture: that needs an attribute of test items which pytest 9 has no longer.
API = schemathesis.openapi.from_asgi("/openapi.json", create_app(pipeline()))


@API.parametrize()
@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
def test_fuzzer_finds_nothing(case: schemathesis.Case) -> None:
    case.call_and_validate()


class TestPage:
    def test_names_are_complete(self) -> None:
        assert serve.REASON_NAMES.keys() == REASONS.keys()
        assert serve.FLAG_NAMES.keys() == FLAGS.keys()
        assert serve.CALENDAR_NAMES.keys() == set(get_args(Calendar))
        assert serve.GRANULARITY_NAMES.keys() == set(get_args(Granularity))

    def test_asks_nobody_else(self, client: TestClient) -> None:
        response = client.get("/")
        assert "://" not in response.text
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


class TestDocumentation:
    PAGE = ROOT / "docs" / "serving.md"

    def test_requests_give_the_answers_shown(self) -> None:
        client = make_client(create_app(pipeline("test_serve_confidence")))
        blocks = [
            token.content
            for token in MarkdownIt("commonmark").parse(self.PAGE.read_text(encoding="utf-8"))
            if token.type == "fence" and token.info == "json"
        ]
        paths = ["/ner", "/batch", "/ner"]
        assert len(blocks) == 2 * len(paths)
        for path, request, shown in zip(paths, blocks[::2], blocks[1::2], strict=True):
            answer = post_raw(client, request.encode(), path).json()
            if "model" in answer:
                answer["model"] = {"name": "fa_ent_news_trf", "version": "0.1.0"}
            assert answer == json.loads(shown)

    def test_numbers_and_metrics_are_those_of_the_code(self) -> None:
        page = self.PAGE.read_text(encoding="utf-8")
        for number in (serve.MAX_CHARS, serve.MAX_TEXTS, serve.QUEUE_CHARS, serve.ID_CHARS):
            assert f"{number:,}" in page
        for family in serve.Metrics().registry.collect():
            assert f"`{family.name}" in page


class TestScript:
    @pytest.fixture
    def script(self) -> Any:
        spec = spec_from_file_location("serve_script", ROOT / "scripts" / "serve.py")
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_options_reach_the_service(self, script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipeline().to_disk(tmp_path)
        started: dict[str, Any] = {}
        monkeypatch.setattr(uvicorn, "run", lambda app, **options: started.update(app=app, **options))
        options = ["--port", "8765", "--max-chars", "20", "--max-texts", "3"]
        done = CliRunner().invoke(script.app, [str(tmp_path), *options])
        assert done.exit_code == 0, done.output
        assert (started["host"], started["port"], started["access_log"]) == ("127.0.0.1", 8765, False)
        health = make_client(started["app"]).get("/health").json()
        assert (health["max_chars"], health["max_texts"]) == (20, 3)

    def test_no_pipeline(self, script: Any, tmp_path: Path) -> None:
        done = CliRunner().invoke(script.app, [str(tmp_path / "nothing")])
        assert done.exit_code == 1
        assert "cannot be loaded" in done.output
