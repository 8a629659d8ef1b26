"""One invocation of the function under test: rendered, sent, retried where Lambda throttles."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, HTTPClientError

from ....core.errors import LambdaTuningError
from ....core.plan import Invocation
from ....core.prices import PriceBook
from ....core.rendering import Context
from ....core.run import RunPlan
from ....core.samples import Sample
from ..target.config import Sleep
from .answer import error_type, lost_sample, sample_of

_THROTTLED = "TooManyRequestsException"
_NO_ROOM = (
    "Lambda throttled an invocation for minutes (TooManyRequestsException): at most parallelSizes "
    "x (environments + 1) functions run at once; lower them, or ask Service Quotas for more "
    "concurrent executions (L-B99A9384)"
)
_PASSING = {
    _THROTTLED,
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
        raise LambdaTuningError(f"processor {arn} failed with {error_type(body)}; mend it")
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
                raise LambdaTuningError(_NO_ROOM) from exc
            if code not in _PASSING or tries == _MOST_TRIES - 1:
                raise
        except (EndpointConnectionError, ConnectTimeoutError):
            if tries == _MOST_TRIES - 1:
                raise
        except HTTPClientError:
            return None, tries
        pause = min(_LONGEST_PAUSE_S, 0.2 * 2**tries)
        caller.sleep(random.uniform(0, pause))  # noqa: S311
    raise AssertionError("the last try returns or raises")
