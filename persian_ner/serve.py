"""The HTTP service: entities and resolved dates of texts as JSON, and a page to try it on.

All offsets are characters of the raw text as Python counts them (code points).
JavaScript counts UTF-16 units, of which an emoji has two: the page maps them.

Texts are neither stored nor logged, not even when the pipeline fails at one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persian_ner import templating
from persian_ner.dates.value import Calendar, DateValue, Flag, Granularity, Reason
from persian_ner.metrics import count_words
from persian_ner.report import LABEL_NAMES, css_class, palette_css
from persian_ner.templating import read_templates, source_hash

if TYPE_CHECKING:  # spaCy takes seconds to import
    from spacy.language import Language

MAX_CHARS = 50_000
MAX_TEXTS = 64
ID_CHARS = 200
QUEUE_CHARS = 500_000
"""Characters that may wait for the model; beyond them requests are refused rather than kept for minutes."""

BATCH_CHARS = 10_000
BATCH_TEXTS = 32
"""What of the waiting texts the model gets at once. A text that is longer goes alone."""

MAX_FAULTS = 20
_BYTES_PER_CHAR = 12  # of JSON, where a character outside the basic plane is escaped
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_EXAMPLE = "مریم رستمی پنجشنبه به رشت می‌رود."

CALENDAR_NAMES: dict[Calendar, str] = {"jalali": "هجری شمسی", "gregorian": "میلادی", "hijri": "هجری قمری"}
GRANULARITY_NAMES: dict[Granularity, str] = {
    "day": "روز",
    "week": "هفته",
    "month": "ماه",
    "season": "فصل",
    "year": "سال",
    "decade": "دهه",
    "century": "سده",
}
REASON_NAMES: dict[Reason, str] = {
    "empty": "چیزی برای خواندن نیست",
    "unknown_words": "واژه‌ای دارد که از زبان تاریخ نیست",
    "not_understood": "واژه‌ها آشناست، اما این ترکیب نه",
    "vague": "شمار روز، ماه یا سال گفته نشده",
    "recurring": "تکرارشونده است",
    "duration": "مدتی است که آغازش معلوم نیست",
    "incomplete": "بخشی از دوره‌ای است که نامش نیامده",
    "ambiguous": "چند تاریخ به یک اندازه ممکن است",
    "no_reference": "به تاریخ انتشار بستگی دارد که داده نشده",
    "no_context": "به تاریخی پیش‌تر در متن اشاره دارد که نیست",
    "invalid_date": "چنین روزی در تقویم نیست",
    "before_common_era": "پیش از سال یکم میلادی است",
    "out_of_range": "بیرون از گستره تقویم‌هاست",
    "time_only": "تنها ساعت است، بی روز",
}
FLAG_NAMES: dict[Flag, str] = {
    "approximate": "مرزها قراردادی است",
    "calendar_inferred": "تقویم از روی سال حدس زده شده",
    "century_inferred": "سال دورقمی است",
    "date_mismatch": "همان روز دو بار و ناهمخوان گفته شده",
    "hijri_calculated": "تاریخ قمری محاسبه شده؛ یکی دو روز جابه‌جایی ممکن است",
    "month_inferred": "ماه گفته نشده",
    "time_of_day": "ساعت یا بخش روز کنار گذاشته شده",
    "weekday_mismatch": "روز هفته با تاریخ نمی‌خواند",
    "year_inferred": "سال گفته نشده",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How much one request may bring: characters of all its texts together, and texts."""

    max_chars: int = MAX_CHARS
    max_texts: int = MAX_TEXTS

    @property
    def max_bytes(self) -> int:
        """Size of a body that holds the most of both, with every character escaped: no fair request is longer."""
        return _BYTES_PER_CHAR * (self.max_chars + ID_CHARS * self.max_texts) + 200 * self.max_texts + 1000


def _whole(value: str) -> str:
    """JSON can say ``"\\ud800"``, half of a character, which UTF-8 cannot write and no text has."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "half of a character") from None
    return value


def _iso_day(value: Any) -> date | None:
    if value is None:
        return None
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except (TypeError, ValueError):
        pass
    raise PydanticCustomError("not_iso_date", "not an ISO 8601 date such as 2025-04-22")


class Text(BaseModel):
    """One text. ``publication_date`` is what «دیروز» and «۲۸ فروردین» depend on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"id": "news-7", "text": _EXAMPLE, "publication_date": "2025-04-15"}]},
    )

    text: Annotated[str, AfterValidator(_whole)]
    id: Annotated[str, Field(max_length=ID_CHARS), AfterValidator(_whole)] | None = Field(
        default=None, description="returned as it is"
    )
    publication_date: Annotated[date | None, BeforeValidator(_iso_day, json_schema_input_type=date | None)] = None


def _as_object(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Batch(BaseModel):
    """Several texts: strings, or objects where they have an id or a publication date."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"texts": [_EXAMPLE, {"id": "2", "text": "دیروز باران آمد.", "publication_date": "2025-04-15"}]}
            ]
        },
    )

    texts: list[Annotated[Text, BeforeValidator(_as_object, json_schema_input_type=str | Text)]]


class DateDetails(BaseModel):
    """What a date expression means, or why that is not known: see ``persian_ner/dates/value.py``."""

    start: date | None = Field(description="first day, included")
    end: date | None = Field(description="last day, included")
    calendar: Calendar | None = Field(description="calendar in which the expression is stated")
    granularity: Granularity | None = Field(description="unit in which the expression is stated")
    reason: Reason | None = Field(description="why there are no days")
    flags: list[Flag] = Field(description="what to know before relying on the days")
    parts: list[tuple[date, date]] = Field(description="the intervals of an enumeration")


class Entity(BaseModel):
    """One entity. Offsets are code points of the raw text, ``end`` is the first one after it."""

    start: int
    end: int
    label: str
    text: str
    score: float | None = Field(
        default=None, description="probability that borders and label are right; left out where the pipeline gives none"
    )
    date: str | None = Field(default=None, description="ISO day, or first and last day with a slash; if resolved")
    date_details: DateDetails | None = Field(default=None, description="of every date, resolved or not")


class Model(BaseModel):
    """Which pipeline answered."""

    name: str
    version: str


class Result(BaseModel):
    """The entities of one text, in text order."""

    id: str | None
    text_sha256: str = Field(description="of the text in UTF-8: tells which text the offsets belong to")
    entities: list[Entity]


class Answer(Result):
    """The answer to one text."""

    model: Model


class BatchAnswer(BaseModel):
    """The answers to several texts, in their order."""

    results: list[Result]
    model: Model


class Health(BaseModel):
    """That the service answers, with which pipeline, and how much it takes."""

    status: str
    model: Model
    max_chars: int
    max_texts: int
    max_bytes: int


class Fault(BaseModel):
    """One thing that is wrong with a request, or with the service."""

    type: str = Field(description="for programs")
    where: str = Field(description="the field, such as texts.0.text; empty where it is the whole request")
    reason: str = Field(description="for people")


class Faults(BaseModel):
    """The body of every answer that is an error."""

    detail: list[Fault]


_ERRORS: dict[int | str, dict[str, Any]] = {
    413: {"model": Faults, "description": "Too many characters, texts or bytes"},
    422: {"model": Faults, "description": "Not JSON, or a wrong field"},
    500: {"model": Faults, "description": "The pipeline fails at a text"},
    503: {"model": Faults, "description": "Too many texts are waiting; try again after the seconds in Retry-After"},
}


def _error(
    status: int, kind: str, reason: str, where: str = "", headers: dict[str, str] | None = None
) -> HTTPException:
    return HTTPException(status, [Fault(type=kind, where=where, reason=reason).model_dump()], headers)


_Future = asyncio.Future[list[Entity] | None]


class Metrics:
    """What the service counts, in a registry of its own."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ner_requests", "HTTP requests by path and status", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "ner_request_seconds", "Seconds to the answer by path", ["path"], buckets=_SECONDS, registry=self.registry
        )
        self.texts = Counter("ner_texts", "Texts annotated", registry=self.registry)
        self.words = Counter("ner_words", "Words (separated by white space) annotated", registry=self.registry)
        self.entities = Counter("ner_entities", "Entities found by label", ["label"], registry=self.registry)

    def count(self, text: str, entities: Sequence[Entity]) -> None:
        """Count an annotated text."""
        self.texts.inc()
        self.words.inc(count_words(text))
        for entity in entities:
            self.entities.labels(entity.label).inc()


class Predictor:
    """Runs the pipeline in one thread, for requests that wait in the event loop.

    Never in two threads: the memory zone that keeps the vocabulary from growing
    belongs to the pipeline, not to a call, and a forward pass uses all cores by
    itself. What arrives meanwhile is predicted together in the next pass.
    """

    def __init__(self, nlp: Language, gpu_id: int):
        """Take the pipeline, which nothing else may use from now on."""
        self._nlp = nlp
        # Which device is in use is a property of the thread, in thinc and in PyTorch.
        self._thread = ThreadPoolExecutor(1, "model", initializer=_use_device, initargs=(gpu_id,))
        self._waiting: deque[tuple[Text, _Future]] = deque()
        self._chars = 0
        self._task: asyncio.Task[None] | None = None

    async def predict(self, texts: Sequence[Text]) -> list[list[Entity] | None]:
        """The entities of each text; None where the pipeline fails. Raises :class:`HTTPException` if too many wait."""
        size = sum(len(text.text) for text in texts)
        if self._waiting and self._chars + size > QUEUE_CHARS:
            raise _error(503, "busy", "too many texts are waiting", headers={"Retry-After": "5"})
        loop = asyncio.get_running_loop()
        waiting = [(text, loop.create_future()) for text in texts]
        self._waiting += waiting
        self._chars += size
        if self._task is None:
            self._task = loop.create_task(self._run())
        return await asyncio.gather(*(future for _, future in waiting))

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._next()
                found = await self._outcomes([text for text, _ in batch])
                for (_, future), entities in zip(batch, found, strict=True):
                    if not future.done():  # cancelled with its request
                        future.set_result(entities)
        finally:
            self._task = None

    async def _outcomes(self, texts: Sequence[Text]) -> list[list[Entity] | None]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._annotate, texts)
        except Exception as error:
            if len(texts) > 1:
                return [outcome for text in texts for outcome in await self._outcomes([text])]
            # Neither the message nor the traceback, which can quote the text.
            _log.error("the pipeline fails at a text of %d characters: %s", len(texts[0].text), type(error).__name__)
            return [None]

    def _next(self) -> list[tuple[Text, _Future]]:
        batch = [self._waiting.popleft()]
        size = len(batch[0][0].text)
        while self._waiting and len(batch) < BATCH_TEXTS and size + len(self._waiting[0][0].text) <= BATCH_CHARS:
            batch.append(self._waiting.popleft())
            size += len(batch[-1][0].text)
        self._chars -= size
        return batch

    def _annotate(self, texts: Sequence[Text]) -> list[list[Entity] | None]:
        from persian_ner.annotate import entities_of

        found: dict[int, list[Entity]] = {}
        with self._nlp.memory_zone():
            docs = []
            for number, text in enumerate(texts):
                if not text.text.strip():
                    continue
                doc = self._nlp.make_doc(text.text)
                if doc.text != text.text:
                    raise ValueError("the tokenizer changes the text")
                doc._.publication_date = text.publication_date
                docs.append((doc, number))
            for doc, number in self._nlp.pipe(docs, as_tuples=True, batch_size=len(texts)):
                found[number] = [
                    Entity.model_validate(entity | _details(ent._.date))
                    for ent, entity in zip(doc.ents, entities_of(doc, 0), strict=True)
                ]
        return [found.get(number, []) for number in range(len(texts))]


def _use_device(gpu_id: int) -> None:
    from thinc.api import require_gpu

    if gpu_id >= 0:
        require_gpu(gpu_id)


def _details(value: DateValue | None) -> dict[str, Any]:
    return {"date_details": value.to_dict()} if value else {}


class _LimitBody:
    """Refuses a body that is too long: at once where its length is declared, else when that many bytes have come."""

    def __init__(self, app: ASGIApp, max_bytes: int):
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error = _error(
            413, "too_long", f"the body is longer than {self._max_bytes} bytes", headers={"Connection": "close"}
        )
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise error
            return message

        declared = Headers(scope=scope).get("content-length")
        if declared and int(declared) > self._max_bytes:
            await _error_response(error)(scope, receive, send)
        else:
            await self._app(scope, limited, send)


class _Measure:
    """Counts and times every request. Paths that do not exist are one path, or anyone could fill the registry."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: set[str]):
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - begin)


def create_app(nlp: Language, limits: Limits = Limits(), gpu_id: int = -1) -> FastAPI:
    """The service around a pipeline, to which ``fa_dates`` is added if it is not there.

    ``gpu_id`` is the GPU that the pipeline was loaded on, negative for the CPU. The
    pipeline belongs to the service from now on.
    """
    from persian_ner.dates.component import add_dates  # it imports spaCy

    add_dates(nlp)
    nlp.max_length = max(nlp.max_length, limits.max_chars)
    model = Model(name=f"{nlp.meta['lang']}_{nlp.meta['name']}", version=nlp.meta["version"])
    health = Health(status="ok", model=model, **vars(limits), max_bytes=limits.max_bytes)
    predictor = Predictor(nlp, gpu_id)
    metrics = Metrics()
    page, policy = render_page(health)
    app = FastAPI(
        title="Persian named-entity recognition",
        description="Offsets are characters (Unicode code points) of the text. Texts are neither stored nor logged.",
        version=version("persian-ner"),
        docs_url=None,  # both pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_fields)

    async def annotate(texts: Sequence[Text], wheres: Sequence[str]) -> list[dict[str, Any]]:
        total = sum(len(text.text) for text in texts)
        if total > limits.max_chars:
            reason = f"{total} characters; this service takes {limits.max_chars} in one request"
            raise _error(413, "too_long", reason, wheres[0] if len(texts) == 1 else "texts")
        results = []
        for text, where, entities in zip(texts, wheres, await predictor.predict(texts), strict=True):
            if entities is None:
                raise _error(500, "pipeline_failed", "the pipeline fails at this text", where)
            metrics.count(text.text, entities)
            digest = hashlib.sha256(text.text.encode()).hexdigest()
            results.append({"id": text.id, "text_sha256": digest, "entities": entities})
        return results

    @app.post("/ner", response_model=Answer, responses=_ERRORS)
    async def ner(text: Text) -> Response:
        """The entities of one text."""
        (result,) = await annotate([text], ["text"])
        return _json(Answer(**result, model=model))

    @app.post("/batch", response_model=BatchAnswer, responses=_ERRORS)
    async def batch(batch: Batch) -> Response:
        """The entities of several texts, in their order. An error at one of them is an error of the request."""
        if len(batch.texts) > limits.max_texts:
            reason = f"{len(batch.texts)} texts; this service takes {limits.max_texts} in one request"
            raise _error(413, "too_many", reason, "texts")
        results = await annotate(batch.texts, [f"texts.{number}.text" for number in range(len(batch.texts))])
        return _json(BatchAnswer(results=[Result(**result) for result in results], model=model))

    @app.get("/health")
    async def get_health() -> Health:
        """Whether the service answers, also while the model is busy; its pipeline and limits."""
        return health

    @app.get("/metrics", response_class=PlainTextResponse)
    async def get_metrics() -> Response:
        """Counts for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", response_class=HTMLResponse)
    async def get_page() -> Response:
        """The page, in Persian."""
        return HTMLResponse(page, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})

    paths = {"/", "/ner", "/batch", "/health", "/metrics", "/openapi.json"}
    app.add_middleware(_LimitBody, max_bytes=limits.max_bytes)
    app.add_middleware(_Measure, metrics=metrics, paths=paths)  # the last one added is the outermost
    return app


def render_page(health: Health) -> tuple[str, str]:
    """The page, and the content security policy that lets it run its own script and ask its own server only."""
    script = read_templates("serve.js")
    style = read_templates("report.css", "serve.css") + palette_css()
    names = {
        "labels": LABEL_NAMES,
        "classes": {label: css_class(label) for label in LABEL_NAMES},
        "calendars": CALENDAR_NAMES,
        "granularities": GRANULARITY_NAMES,
        "reasons": REASON_NAMES,
        "flags": FLAG_NAMES,
    }
    page = templating.render_html(
        "serve.html.j2", {}, style=style, script=script, health=health, names=json.dumps(names, ensure_ascii=False)
    )
    policy = (
        f"default-src 'none'; script-src '{source_hash(script)}'; style-src '{source_hash(style)}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return page, policy


def _json(content: BaseModel) -> Response:
    return Response(content.model_dump_json(exclude_unset=True), media_type="application/json")


def _error_response(error: StarletteHTTPException) -> JSONResponse:
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Errors of ours as they are, those of the framework in their form."""
    assert isinstance(error, StarletteHTTPException)
    if isinstance(error.detail, list):
        return _error_response(error)
    if error.status_code == 400:  # what FastAPI says when JSON cannot be parsed, but for one of the reasons
        return _error_response(_error(422, "json_invalid", "not JSON in UTF-8, or nested too deeply"))
    kind = error.detail.lower().replace(" ", "_")
    return _error_response(_error(error.status_code, kind, error.detail, headers=dict(error.headers or {})))


async def _on_wrong_fields(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    faults = [_fault(item) for item in found[:MAX_FAULTS]]
    if more := len(found) - len(faults):
        faults.append(Fault(type="more", where="", reason=f"{more} more"))
    return JSONResponse({"detail": [fault.model_dump() for fault in faults]}, 422)


def _fault(item: dict[str, Any]) -> Fault:
    """What pydantic found, without the input it quotes."""
    kind = item["type"]
    where = ".".join(map(str, item["loc"][1:]))
    if kind == "json_invalid":
        return Fault(type=kind, where="", reason=f"not JSON: {item['ctx']['error']} at character {where}")
    if kind == "string_unicode":
        return Fault(type=kind, where=where, reason="holds half of a character (a lone surrogate)")
    shown = where.encode("utf-8", "backslashreplace").decode("utf-8")[:ID_CHARS]
    return Fault(type=kind, where=shown, reason=item["msg"])
