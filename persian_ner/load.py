"""Load figures of a running service: how many texts it answers a second, and how long an answer takes."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy
from pydantic import BaseModel, ConfigDict, ValidationError

from persian_ner.evaluate import read_gold
from persian_ner.files import checksum
from persian_ner.metrics import DataInfo, count_words
from persian_ner.records import InputError, Problem, collecting
from persian_ner.serve import Health, Model

TIMEOUT = 120.0
METHOD = (
    "each client sends POST /ner with the next text of the file as soon as it has its last answer; latency is the time "
    "from sending a request to its whole answer, of answers without error; rates are counts of these, divided by the "
    "seconds on the clock from the first request to the last answer"
)


class Latency(BaseModel):
    """Seconds from a request to its answer."""

    model_config = ConfigDict(extra="forbid")

    p50: float
    p95: float
    p99: float
    max: float


class Load(BaseModel):
    """What a measurement found. ``errors`` counts by HTTP status, or by the name of what failed without one."""

    model_config = ConfigDict(extra="forbid")

    created: datetime
    url: str
    model: Model
    data: DataInfo
    clients: int
    client_machine: str
    method: str
    requests: int
    errors: dict[str, int]
    words: int
    seconds: float
    requests_per_second: float
    words_per_second: float
    latency_seconds: Latency | None


class Sent(NamedTuple):
    """One request: its seconds, the words of its text, and its error if it has one."""

    seconds: float
    words: int
    error: str


def measure(url: str, records: Path, clients: int, requests: int | None = None) -> Load:
    """Send the texts of canonical records to a service, from so many clients at once.

    ``requests`` is how many are sent in all: the texts go round, or not all are
    used; None sends each once. Raises :class:`InputError` for records that cannot be
    read and for a service that does not answer, with both if need be.
    """
    problems: list[Problem] = []
    found = collecting(problems, lambda: read_gold(records))
    model = collecting(problems, lambda: _model(url))
    if found is None or model is None:
        raise InputError(problems)
    texts = [record.text for record in found]
    total = requests or len(texts)
    begin = time.perf_counter()
    sent = asyncio.run(_send(url, [texts[number % len(texts)] for number in range(total)], clients))
    seconds = time.perf_counter() - begin
    good = [item for item in sent if not item.error]
    words = sum(item.words for item in good)
    return Load(
        created=datetime.now(timezone.utc).replace(microsecond=0),
        url=url,
        model=model,
        data=DataInfo(path=records.as_posix(), sha256=checksum(records)),
        clients=clients,
        client_machine=f"{platform.machine()}, {os.cpu_count()} cores",
        method=METHOD,
        requests=total,
        errors=dict(sorted(Counter(item.error for item in sent if item.error).items())),
        words=words,
        seconds=seconds,
        requests_per_second=len(good) / seconds,
        words_per_second=words / seconds,
        latency_seconds=latency([item.seconds for item in good]),
    )


def latency(seconds: Sequence[float]) -> Latency | None:
    """Percentiles, linear between the two nearest values; None of nothing."""
    if not seconds:
        return None
    p50, p95, p99 = numpy.percentile(seconds, (50, 95, 99)).tolist()
    return Latency(p50=p50, p95=p95, p99=p99, max=max(seconds))


def _model(url: str) -> Model:
    try:
        return Health.model_validate_json(httpx.get(f"{url}/health", timeout=TIMEOUT).raise_for_status().content).model
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InputError([Problem(url, 0, "", f"no service answers here: {error}")]) from error
    except ValidationError as error:
        raise InputError([Problem(url, 0, "", "what answers here is not this project's service")]) from error


async def _send(url: str, texts: Sequence[str], clients: int) -> list[Sent]:
    waiting = iter(texts)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=httpx.Limits(max_connections=clients)) as client:
        found = await asyncio.gather(*(_one_client(client, url, waiting) for _ in range(clients)))
    return [item for items in found for item in items]


async def _one_client(client: httpx.AsyncClient, url: str, waiting: Iterator[str]) -> list[Sent]:
    found = []
    for text in waiting:
        begin = time.perf_counter()
        try:
            response = await client.post(f"{url}/ner", json={"text": text})
            error = "" if response.is_success else str(response.status_code)
        except httpx.HTTPError as failure:
            error = type(failure).__name__
        found.append(Sent(time.perf_counter() - begin, count_words(text), error))
    return found
