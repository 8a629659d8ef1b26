"""Duration against what a memory size owes: CPU used / share, or the sleep itself."""

import contextlib
import json
import statistics
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lambdatuning.core.sizes import vcpus
from lambdatuning.local.endpoint import LocalEndpoint, start
from tests.bench.local_functions import BURN, client_of, function

SIZES_MB = (128, 256, 512, 1024, 1769)
SLEEP_MS = 50
SAMPLES = {5: 24, 50: 12, 500: 4}
"""CPU milliseconds and how often they are measured at each size."""
MANY = 8
"""Environments at once."""


def fidelity(divisor: int, limiter: str = "auto") -> dict[str, list[dict[str, object]]]:
    """Rows of CPU and of sleep at every size: idle, one core loaded, many environments at once.

    `limiter` of a row is what held the functions: the one asked for, or of "auto" the one found;
    `error` is median(duration / ideal) - 1, `cv` the variation of that ratio, `stolen` the part of
    the durations that other load took; of a sleeping row, `error_ms` is median(duration) - sleep.
    A larger `divisor` takes fewer samples.
    """
    with start(limiter=limiter) as endpoint:
        idle = _rows(endpoint, divisor, "idle", 1)
        with _one_core_loaded():
            loaded = _rows(endpoint, 2 * divisor, "one core", 1)
        many = _rows(endpoint, divisor, "idle", MANY)
        sleeps = [_sleeping_row(endpoint, memory_mb) for memory_mb in SIZES_MB]
        held_by = {"limiter": endpoint.facts()["limiter"]}
    return {
        "fidelity": [held_by | row for row in (*idle, *loaded, *many)],
        "sleep": [held_by | row for row in sleeps],
    }


def _rows(
    endpoint: LocalEndpoint, divisor: int, load: str, environments: int
) -> list[dict[str, object]]:
    rows = []
    for memory_mb in SIZES_MB:
        for cpu_ms, most in SAMPLES.items():
            samples = max(2, most // divisor, environments)
            rows.append(_row(endpoint, memory_mb, cpu_ms, samples, load, environments))
    return rows


def _row(
    endpoint: LocalEndpoint,
    memory_mb: int,
    cpu_ms: int,
    samples: int,
    load: str,
    environments: int,
) -> dict[str, object]:
    rows = _burn(endpoint, memory_mb, {"cpu_ms": cpu_ms}, samples, environments)
    ratios = [row["duration_ms"] * vcpus(memory_mb) / row["cpu_ms"] for row in rows]
    stolen_ms = sum(row["stolen_ms"] for row in rows)
    return {
        "cpu_ms": cpu_ms,
        "memory_mb": memory_mb,
        "load": load,
        "environments": environments,
        "error": round(statistics.median(ratios) - 1, 4),
        "cv": round(statistics.pstdev(ratios) / statistics.mean(ratios), 4),
        "stolen": round(stolen_ms / sum(row["duration_ms"] for row in rows), 4),
    }


def _sleeping_row(endpoint: LocalEndpoint, memory_mb: int) -> dict[str, object]:
    rows = _burn(endpoint, memory_mb, {"cpu_ms": 0, "sleep_ms": SLEEP_MS}, 8, 1)
    late_ms = statistics.median(row["duration_ms"] for row in rows) - SLEEP_MS
    return {"sleep_ms": SLEEP_MS, "memory_mb": memory_mb, "error_ms": round(late_ms, 2)}


def _burn(
    endpoint: LocalEndpoint, memory_mb: int, event: dict[str, int], samples: int, environments: int
) -> list[dict[str, Any]]:
    """What the endpoint measured of `samples` invocations in `environments` at once."""
    client = client_of(endpoint, "lambda")
    name = function(client, BURN, memory_mb)
    warm_up, payload = b'{"cpu_ms": 0, "sleep_ms": 100}', json.dumps(event).encode()

    def call(body: bytes) -> str:
        answer = client.invoke(FunctionName=name, Payload=body)
        request_id: str = answer["ResponseMetadata"]["RequestId"]
        return request_id

    with ThreadPoolExecutor(environments) as threads:
        list(threads.map(call, [warm_up] * environments))
        request_ids = list(threads.map(call, [payload] * samples))
    query = urllib.parse.urlencode([("request_id", one) for one in request_ids])
    address = f"{endpoint.url}/_lambdatuning/invocations?{query}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
    return rows


@contextlib.contextmanager
def _one_core_loaded() -> Iterator[None]:
    busy = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
