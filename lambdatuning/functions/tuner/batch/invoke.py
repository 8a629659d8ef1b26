"""One invocation of the function under test, and what Lambda answered, as a sample."""

import base64
import json
import random
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, HTTPClientError

from ....core.errors import LambdaTuningError
from ....core.log_report import InvocationReport, ReportError, parse_report
from ....core.pricing import PriceBook, ephemeral_usd, invocation_usd, restore_usd
from ....core.tuning.payloads import Context
from ....core.tuning.plan import Invocation
from ....core.tuning.records import RunPlan, Sample, Target
from ..function import Sleep

MISSING_REPORT = "Lambdatuning.ReportMissing"
"""Error type of a sample whose log tail had no report: never 0 ms, never averaged."""

NO_ANSWER = "Lambdatuning.NoAnswer"
"""Error type of a sample whose connection was lost, or which was waited for until the measuring
function's own time was nearly over, and whose report was not found in the logs later either: it
may have run and been billed, so that it is not sent again."""

_MOST_MESSAGE = 300
"""Characters of an error's message that a sample keeps: enough to say what is wrong."""

LOST = "lost-"
"""How the made-up request id of an invocation without an answer begins; the version follows."""


def sample_of(
    plan: RunPlan,
    prices: PriceBook,
    what: tuple[int, Invocation],
    started_at: datetime,
    answer: Mapping[str, Any],
    retries: int,
) -> Sample:
    """The sample of `what` (memory size, invocation); its environment is not known yet."""
    memory_mb, invocation = what
    request_id = answer["ResponseMetadata"]["RequestId"]
    failed = "FunctionError" in answer
    error = error_type(answer["Payload"]) if failed else ""
    report = _report(answer, request_id)
    return Sample(
        payload=plan.payloads[invocation.payload].name,
        memory_mb=memory_mb,
        invocation=invocation.n,
        cold=bool(report and report.cold),
        environment="",
        started_at=started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        duration_ms=report.duration_ms if report else float("nan"),
        billed_ms=report.billed_ms if report else 0,
        init_ms=report.init_ms if report else None,
        restore_ms=report.restore_ms if report else None,
        max_memory_mb=report.max_memory_mb if report else None,
        error=error or ("" if report else MISSING_REPORT),
        cost_usd=_cost_usd(plan.target, prices, memory_mb, report) if report else 0.0,
        request_id=request_id,
        architecture=plan.target.architecture,
        retries=retries,
        message=error_message(answer["Payload"]) if failed and not plan.question.silent else "",
    )


def lost_sample(
    plan: RunPlan, version: str, what: tuple[int, Invocation], started_at: datetime
) -> Sample:
    """The sample of an invocation whose answer never came; `lost` may find its report."""
    memory_mb, invocation = what
    return Sample(
        payload=plan.payloads[invocation.payload].name,
        memory_mb=memory_mb,
        invocation=invocation.n,
        cold=False,
        environment="",
        started_at=started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        duration_ms=float("nan"),
        billed_ms=0,
        init_ms=None,
        restore_ms=None,
        max_memory_mb=None,
        error=NO_ANSWER,
        cost_usd=0.0,
        request_id=f"{LOST}{version}-{uuid.uuid4()}",
        architecture=plan.target.architecture,
    )


def completed(
    plan: RunPlan, prices: PriceBook, sample: Sample, report: InvocationReport, error: str
) -> Sample:
    """A sample with the numbers of its report, which was found later."""
    return replace(
        sample,
        cold=report.cold,
        duration_ms=report.duration_ms,
        billed_ms=report.billed_ms,
        init_ms=report.init_ms,
        restore_ms=report.restore_ms,
        max_memory_mb=report.max_memory_mb,
        error=error,
        cost_usd=_cost_usd(plan.target, prices, sample.memory_mb, report),
        request_id=report.request_id,
    )


def error_type(payload: bytes) -> str:
    """The error type of a failed invocation's payload."""
    value = _error(payload)
    if "Task timed out" in str(value.get("errorMessage", "")):
        return "Sandbox.Timedout"
    return str(value.get("errorType") or "Unhandled")


def error_message(payload: bytes) -> str:
    """What a failed invocation's payload says of the error, on one line, shortened."""
    text = " ".join(str(_error(payload).get("errorMessage") or "").split())
    # A request id would make every message another.
    text = re.sub(r"^(RequestId: )?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} ", "", text)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _MOST_MESSAGE else f"{text[: _MOST_MESSAGE - 3]}..."


def _error(payload: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _report(answer: Mapping[str, Any], request_id: str) -> InvocationReport | None:
    tail = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    try:
        return parse_report(tail, request_id)
    except ReportError:
        return None


def _cost_usd(target: Target, prices: PriceBook, memory_mb: int, report: InvocationReport) -> float:
    billed_ms, region = report.billed_ms, target.region
    restored = report.restore_ms is not None and target.pays_for_restores
    return (
        invocation_usd(prices, region, target.architecture, memory_mb, billed_ms)
        + ephemeral_usd(prices, region, target.ephemeral_mb, billed_ms)
        + (restore_usd(prices, region, memory_mb) if restored else 0.0)
    )


# One invocation of the function under test: rendered, sent, retried where Lambda throttles.


_THROTTLED = "TooManyRequestsException"
_NO_CONCURRENCY = (
    "Lambda throttled an invocation for minutes (TooManyRequestsException): at most parallelSizes "
    "x (environments + 1) functions run at once; lower them, or ask Service Quotas for more "
    "concurrent executions (L-B99A9384)"
)
_TRANSIENT = {
    _THROTTLED,
    "ServiceException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "ENILimitReachedException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "SnapStartNotReadyException",
    "SnapStartTimeoutException",
    "CodeArtifactUserPendingException",
    "ENINotReadyException",
    "ThrottlingException",
}
_MOST_TRIES = 12
_LONGEST_PAUSE_S = 20.0


@dataclass(frozen=True)
class Caller:
    """What an invocation needs beside itself; `now` gives the wall clock in UTC, `processors`
    the clients of the pre- and post-processor by ARN, which may be in another region."""

    client: Any
    plan: RunPlan
    prices: PriceBook
    sleep: Sleep
    now: Callable[[], datetime]
    processors: Mapping[str, Any]


def measure_one(caller: Caller, version: str, memory_mb: int, invocation: Invocation) -> Sample:
    """Render, invoke, read the report: one sample, also of an invocation that failed."""
    plan = caller.plan
    started_at = caller.now()
    payload = _payload(caller, memory_mb, invocation, started_at)
    answer, retries = _invoke(caller, f"{plan.target.arn}:{version}", payload)
    if answer is None:
        return lost_sample(plan, version, (memory_mb, invocation), started_at)
    if plan.post_processor:
        _process(caller, plan.post_processor, answer["Payload"])
    return sample_of(plan, caller.prices, (memory_mb, invocation), started_at, answer, retries)


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
    answer = caller.processors[arn].invoke(FunctionName=arn, Payload=payload)
    body = bytes(answer["Payload"].read())
    if "FunctionError" in answer:
        raise LambdaTuningError(f"processor {arn} failed with {error_type(body)}; fix it")
    return body


def _invoke(
    caller: Caller, qualified_arn: str, payload: bytes
) -> tuple[dict[str, Any] | None, int]:
    """Invoke with full-jitter backoff on throttling; the answer, and how many tries were lost.

    A lost connection is no try lost but an answer lost: None, since the function may have run.
    """
    for tries in range(_MOST_TRIES):
        try:
            answer = caller.client.invoke(
                FunctionName=qualified_arn, Payload=payload, LogType="Tail"
            )
            return {**answer, "Payload": answer["Payload"].read()}, tries
        except caller.client.exceptions.ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code == _THROTTLED and tries == _MOST_TRIES - 1:
                raise LambdaTuningError(_NO_CONCURRENCY) from exc
            if code not in _TRANSIENT or tries == _MOST_TRIES - 1:
                raise
        except (EndpointConnectionError, ConnectTimeoutError):
            if tries == _MOST_TRIES - 1:
                raise
        except HTTPClientError:
            return None, tries
        pause = min(_LONGEST_PAUSE_S, 0.2 * 2**tries)
        caller.sleep(random.uniform(0, pause))  # noqa: S311
    raise AssertionError("the last try returns or raises")
