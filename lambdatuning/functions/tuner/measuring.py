"""The measuring function: a batch of invocations, or the results of one size."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from ...core.arn import parse_function_arn
from ...core.plan import batch_from_json
from ...core.run import RunPlan
from .chain import END_WITHIN_S
from .clients import client, invoking
from .invoke import Caller
from .lost import Finder
from .measure import measure_batch
from .prices import price_book
from .size_result import size_result
from .storage import RunFolder, folder
from .writer import Writer, size_prefix

_SPARE_MS = 40_000
"""Kept back of the function's own time: for storing what was measured."""


def get_ready() -> None:
    """Make the clients of this region, which the first batch would have to wait for."""
    client("s3")
    for service in ("lambda", "logs"):
        client(service, os.environ["AWS_REGION"])


def handle(event: dict[str, Any], context: Any) -> Any:
    """Measure `event["batch"]` of `event["run"]`, or sum up its size `event["memoryMb"]`."""
    run, s3 = event["run"], client("s3")
    store = folder(s3, os.environ["SAMPLES_BUCKET"], run["name"], run["id"])
    plan = store.read_plan()
    remaining_s = (context.get_remaining_time_in_millis() - _SPARE_MS) / 1000
    if "memoryMb" in event:
        memory_mb = int(event["memoryMb"])
        _finder(plan, s3).complete(store, memory_mb, remaining_s)
        return summarise(plan, store, memory_mb)
    caller = _caller(plan, s3, remaining_s)
    batch = batch_from_json(event["batch"])
    logs = client("logs", plan.target.region)
    writer = Writer(caller, batch, store, logs, str(context.aws_request_id)[:8])
    began_s = time.monotonic()
    found = measure_batch(caller, batch, writer, time.monotonic, min(END_WITHIN_S, remaining_s))
    return {**found, "tookMs": round((time.monotonic() - began_s) * 1000)}


def summarise(plan: RunPlan, store: RunFolder, memory_mb: int) -> int:
    """Write the results of one size to the bucket; the size."""
    result = size_result(plan, memory_mb, store.read_samples(size_prefix(memory_mb)))
    store.write_result(memory_mb, result)
    return memory_mb


def _finder(plan: RunPlan, s3: Any) -> Finder:
    logs = client("logs", plan.target.region)
    return Finder(
        plan, price_book(s3, plan.price_book), logs, lambda: datetime.now(UTC), time.sleep
    )


def _caller(plan: RunPlan, s3: Any, read_timeout_s: float) -> Caller:
    """A call may last as long as this function does."""

    def lambda_in(region: str) -> Any:
        return invoking(region, read_timeout_s, plan.environments + 2)

    processors = {arn for arn in (plan.pre_processor, plan.post_processor) if arn}
    return Caller(
        client=lambda_in(plan.target.region),
        plan=plan,
        prices=price_book(s3, plan.price_book),
        sleep=time.sleep,
        now=lambda: datetime.now(UTC),
        processors={arn: lambda_in(parse_function_arn(arn).region) for arn in processors},
    )
