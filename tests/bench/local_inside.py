"""Warm and cold invocations as the server runs them: no HTTP, no ministack."""

import os
import shutil
import statistics
import time
from dataclasses import replace

from lambdatuning.local.function import FunctionSpec, Request
from lambdatuning.local.invoker import Invoker
from tests.local import inside
from tests.local.test_custom_runtimes import BOOTSTRAP

NODE_ECHO = ("exports.handler = async (event) => event;", "nodejs22.x", "app.js")
BOOTSTRAP_ECHO = (BOOTSTRAP, "provided.al2023", "bootstrap")
_SETTLED_AFTER = 50
"""Cold starts after which the memory of a process that leaks nothing stays the same."""


def warm_and_cold(warm: int, cold: int, limiter: str = "auto") -> dict[str, float | None]:
    """Warm invocations of an echo, one after the other, and what `cold` fresh starts leave.

    The echo is in Python; beside it, as they are warm, in Node and as a custom runtime.
    """
    with inside.running(limiter=limiter) as (invoker, spec):
        for number in range(20):
            _timed_ms(invoker, spec, f"warm-up-{number}")
        times = [_timed_ms(invoker, spec, f"warm-{number}") for number in range(warm)]
        fresh, leftovers = _cold(invoker, spec, cold)
    return {
        "warm_ms_median": round(statistics.median(times), 3),
        "warm_ms_p99": round(statistics.quantiles(times, n=100)[98], 3),
        "warm_per_s": round(1e3 * len(times) / sum(times)),
        "cold_ms_median": round(statistics.median(fresh), 1),
        **leftovers,
        "warm_node_ms_median": _warm_ms(warm, limiter, *NODE_ECHO)
        if shutil.which("node")
        else None,
        "warm_bootstrap_ms_median": _warm_ms(warm, limiter, *BOOTSTRAP_ECHO),
    }


def _warm_ms(warm: int, limiter: str, source: str, runtime: str, file: str) -> float:
    with inside.running(source, limiter, runtime, file) as (invoker, spec):
        for number in range(20):
            _timed_ms(invoker, spec, f"warm-up-{number}")
        times = [_timed_ms(invoker, spec, f"warm-{number}") for number in range(warm)]
    return round(statistics.median(times), 3)


def _cold(
    invoker: Invoker, spec: FunctionSpec, starts: int
) -> tuple[list[float], dict[str, float]]:
    """Milliseconds of each start of a new revision, and what they left behind in this process."""
    times: list[float] = []
    before = inside.left_by(os.getpid())
    for number in range(starts):
        if number == _SETTLED_AFTER:
            before = inside.left_by(os.getpid())
        times.append(_timed_ms(invoker, replace(spec, revision=f"new{number}"), f"cold-{number}"))
    time.sleep(1.0)  # the environment before the last one may still be ending
    after = inside.left_by(os.getpid())
    leftovers = {f"left_{name}": round(after[name] - before[name], 1) for name in after}
    return times, {"cold_starts": starts, **leftovers}


def _timed_ms(invoker: Invoker, spec: FunctionSpec, request_id: str) -> float:
    started = time.perf_counter()
    outcome = invoker.invoke(spec, Request(request_id, b"{}", spec.arn))
    assert outcome.payload == b"{}"
    return (time.perf_counter() - started) * 1e3
