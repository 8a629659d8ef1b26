"""One invocation of the function under test, and the sample that its report makes."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...core.billing import PriceBook, ephemeral_usd, invocation_usd, restore_usd
from ...core.errors import LambdaTuningError
from ...core.payloads import Context
from ...core.plan import Invocation
from ...core.report import Report, ReportError, parse_report
from ...core.run import RunPlan
from ...core.samples import Sample
from .function_config import Sleep

MISSING_REPORT = "Lambdatuning.ReportMissing"
"""Error type of a sample whose log tail had no report: never 0 ms, never averaged."""

_PASSING = {
    "TooManyRequestsException",
    "ServiceException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "ENILimitReachedException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "SnapStartNotReadyException",
    "ThrottlingException",
}
_MOST_TRIES = 12
_LONGEST_PAUSE_S = 20.0


@dataclass(frozen=True)
class Caller:
    """What an invocation needs beside itself; `now` gives the wall clock in UTC."""

    client: Any
    plan: RunPlan
    prices: PriceBook
    sleep: Sleep
    now: Callable[[], datetime]
    processors: Any


def measure_one(caller: Caller, version: str, memory_mb: int, invocation: Invocation) -> Sample:
    """Render, invoke, read the report: one sample, also of an invocation that failed."""
    plan = caller.plan
    started_at = caller.now()
    payload = _payload(caller, memory_mb, invocation, started_at)
    answer, retries = _invoke(caller, f"{plan.target.arn}:{version}", payload)
    if plan.post_processor:
        _process(caller, plan.post_processor, answer["Payload"])
    return _sample(caller, memory_mb, invocation, started_at, answer, retries)


def _payload(caller: Caller, memory_mb: int, invocation: Invocation, started_at: datetime) -> bytes:
    plan = caller.plan
    payload = plan.payloads[invocation.payload]
    context = Context(
        run=plan.run_id,
        payload=payload.name,
        n=plan.number(invocation),
        seed=plan.seed,
        table=plan.table,
        memory_mb=memory_mb,
        timestamp=started_at.isoformat(),
    )
    body = json.dumps(payload.rendered(context), separators=(",", ":")).encode()
    if plan.pre_processor:
        replaced = _process(caller, plan.pre_processor, body)
        return body if replaced in {b"", b"null"} else replaced
    return body


def _process(caller: Caller, arn: str, payload: bytes) -> bytes:
    """Call a pre- or post-processor; its failure fails the run and names it."""
    answer = caller.processors.invoke(FunctionName=arn, Payload=payload)
    body = bytes(answer["Payload"].read())
    if "FunctionError" in answer:
        raise LambdaTuningError(f"processor {arn} failed with {_error_type(body)}; mend it")
    return body


def _invoke(caller: Caller, qualified_arn: str, payload: bytes) -> tuple[dict[str, Any], int]:
    """Invoke with full-jitter backoff on throttling; the answer, and how many tries were lost."""
    for tries in range(_MOST_TRIES):
        try:
            answer = caller.client.invoke(
                FunctionName=qualified_arn, Payload=payload, LogType="Tail"
            )
        except caller.client.exceptions.ClientError as exc:
            if exc.response["Error"]["Code"] not in _PASSING or tries == _MOST_TRIES - 1:
                raise
            pause = min(_LONGEST_PAUSE_S, 0.2 * 2**tries)
            caller.sleep(random.uniform(0, pause))  # noqa: S311
            continue
        return {**answer, "Payload": answer["Payload"].read()}, tries
    raise AssertionError("the last try returns or raises")


def _sample(
    caller: Caller,
    memory_mb: int,
    invocation: Invocation,
    started_at: datetime,
    answer: dict[str, Any],
    retries: int,
) -> Sample:
    request_id = answer["ResponseMetadata"]["RequestId"]
    error = _error_type(answer["Payload"]) if "FunctionError" in answer else ""
    tail = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    try:
        report: Report | None = parse_report(tail, request_id)
    except ReportError:
        report, error = None, error or MISSING_REPORT
    plan, billed_ms = caller.plan, report.total_billed_ms if report else 0
    return Sample(
        payload=plan.payloads[invocation.payload].name,
        memory_mb=memory_mb,
        invocation=invocation.n,
        cold=bool(report and report.cold),
        environment="",
        started_at=started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        duration_ms=report.duration_ms if report else float("nan"),
        billed_ms=billed_ms,
        init_ms=report.init_ms if report else None,
        restore_ms=report.restore_ms if report else None,
        max_memory_mb=report.max_memory_mb if report else None,
        error=error,
        cost_usd=_cost_usd(caller, memory_mb, report) if report else 0.0,
        request_id=request_id,
        architecture=plan.target.architecture,
        retries=retries,
    )


def _cost_usd(caller: Caller, memory_mb: int, report: Report) -> float:
    target, prices = caller.plan.target, caller.prices
    billed_ms, region = report.total_billed_ms, target.region
    restored = report.restore_ms is not None
    return (
        invocation_usd(prices, region, target.architecture, memory_mb, billed_ms)
        + ephemeral_usd(prices, region, target.ephemeral_mb, billed_ms)
        + (restore_usd(prices, region, memory_mb) if restored else 0.0)
    )


def _error_type(payload: bytes) -> str:
    """The error type of a failed invocation's payload; the payload itself is never repeated."""
    try:
        value = json.loads(payload)
    except ValueError:
        return "Unhandled"
    if not isinstance(value, dict):
        return "Unhandled"
    message = str(value.get("errorMessage", ""))
    if "Task timed out" in message:
        return "Sandbox.Timedout"
    return str(value.get("errorType") or "Unhandled")
