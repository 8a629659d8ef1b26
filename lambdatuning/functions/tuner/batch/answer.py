"""What Lambda answered to an invocation, as a sample."""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ....core.billing import ephemeral_usd, invocation_usd, restore_usd
from ....core.plan import Invocation
from ....core.prices import PriceBook
from ....core.report import Report, ReportError, parse_report
from ....core.run import RunPlan, Target
from ....core.samples import Sample

MISSING_REPORT = "Lambdatuning.ReportMissing"
"""Error type of a sample whose log tail had no report: never 0 ms, never averaged."""

NO_ANSWER = "Lambdatuning.NoAnswer"
"""Error type of a sample whose connection was lost, or which was waited for until the measuring
function's own time was nearly over, and whose report was not found in the logs later either: it
may have run and been billed, so that it is not sent again."""

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
    error = error_type(answer["Payload"]) if "FunctionError" in answer else ""
    report = _report(answer, request_id)
    return Sample(
        payload=plan.payloads[invocation.payload].name,
        memory_mb=memory_mb,
        invocation=invocation.n,
        cold=bool(report and report.cold),
        environment="",
        started_at=started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        duration_ms=report.duration_ms if report else float("nan"),
        billed_ms=report.total_billed_ms if report else 0,
        init_ms=report.init_ms if report else None,
        restore_ms=report.restore_ms if report else None,
        max_memory_mb=report.max_memory_mb if report else None,
        error=error or ("" if report else MISSING_REPORT),
        cost_usd=_cost_usd(plan.target, prices, memory_mb, report) if report else 0.0,
        request_id=request_id,
        architecture=plan.target.architecture,
        retries=retries,
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
    plan: RunPlan, prices: PriceBook, sample: Sample, report: Report, error: str
) -> Sample:
    """A sample with the numbers of its report, which was found later."""
    return replace(
        sample,
        cold=report.cold,
        duration_ms=report.duration_ms,
        billed_ms=report.total_billed_ms,
        init_ms=report.init_ms,
        restore_ms=report.restore_ms,
        max_memory_mb=report.max_memory_mb,
        error=error,
        cost_usd=_cost_usd(plan.target, prices, sample.memory_mb, report),
        request_id=report.request_id,
    )


def error_type(payload: bytes) -> str:
    """The error type of a failed invocation's payload; the payload itself is never repeated."""
    try:
        value = json.loads(payload)
    except ValueError:
        return "Unhandled"
    if not isinstance(value, dict):
        return "Unhandled"
    if "Task timed out" in str(value.get("errorMessage", "")):
        return "Sandbox.Timedout"
    return str(value.get("errorType") or "Unhandled")


def _report(answer: Mapping[str, Any], request_id: str) -> Report | None:
    tail = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    try:
        return parse_report(tail, request_id)
    except ReportError:
        return None


def _cost_usd(target: Target, prices: PriceBook, memory_mb: int, report: Report) -> float:
    billed_ms, region = report.total_billed_ms, target.region
    restored = report.restore_ms is not None and target.pays_for_restores
    return (
        invocation_usd(prices, region, target.architecture, memory_mb, billed_ms)
        + ephemeral_usd(prices, region, target.ephemeral_mb, billed_ms)
        + (restore_usd(prices, region, memory_mb) if restored else 0.0)
    )
