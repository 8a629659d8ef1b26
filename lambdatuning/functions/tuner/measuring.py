"""The measuring function: a batch of invocations, or the results of one size."""

import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ...core.arn import parse_function_arn
from ...core.tuning.plan import Batch
from ...core.tuning.records import RunPlan
from ...core.tuning.state import BatchSummary, TunerState
from .batch.invoke import Caller
from .batch.measure import END_WITHIN_S, measure_batch
from .batch.results import size_result
from .batch.samples import Finder, Writer, size_prefix
from .clients import client, invoking
from .decide import Round, SampleReader, explorer_now, run_round
from .storage import RunFolder, folder, price_book

_SPARE_MS = 40_000
"""Kept back of the function's own time: for storing what was measured."""


def get_ready() -> None:
    """Make the clients of this region, which the first batch would have to wait for."""
    client("s3")
    for service in ("lambda", "logs"):
        client(service, os.environ["AWS_REGION"])


def handle(event: dict[str, Any], context: Any) -> Any:
    """Measure `event["batch"]` of `event["run"]`, or sum up its size `event["memoryMb"]`; of an
    adaptive run, run a round of its `event["state"]`."""
    run, s3 = event["run"], client("s3")
    store = folder(s3, os.environ["SAMPLES_BUCKET"], run["name"], run["id"])
    plan = store.read_plan()
    remaining_s = _remaining_s(context)
    if "memoryMb" in event:
        memory_mb = int(event["memoryMb"])
        _finder(plan, s3).complete(store, memory_mb, remaining_s)
        return summarise(plan, store, memory_mb)
    measuring = Measuring(plan, store, _caller(plan, s3, remaining_s), context)
    if event.get("state"):
        state = TunerState.from_json(event["state"])
        return {"state": measuring.round(state, event["started"]).to_json()}
    return measuring.batch(Batch.from_json(event["batch"])).to_json()


@dataclass(frozen=True)
class Measuring:
    """One invocation of this function, with what it needs for its batches."""

    plan: RunPlan
    store: RunFolder
    caller: Caller
    context: Any

    def batch(self, batch: Batch) -> BatchSummary:
        """Run a batch; its summary, with what this function is billed for it."""
        logs = client("logs", self.plan.target.region)
        token = str(self.context.aws_request_id)[:8]
        writer = Writer(self.caller, batch, self.store, logs, token)
        began_s = time.monotonic()
        within_s = min(END_WITHIN_S, _remaining_s(self.context))
        summary = measure_batch(self.caller, batch, writer, time.monotonic, within_s)
        return replace(summary, took_ms=round((time.monotonic() - began_s) * 1000))

    def round(self, state: TunerState, started: str) -> TunerState:
        """Run a round of an adaptive run; the state after it."""
        began_s = time.monotonic()
        explorer = partial(explorer_now, self.plan, self.store, started, SampleReader())
        after = run_round(state, Round(self.batch, explorer, lambda: time.monotonic() - began_s))
        took_ms = round((time.monotonic() - began_s) * 1000)
        return replace(after, measure_ms=state.measure_ms + took_ms)


def _remaining_s(context: Any) -> float:
    return float(context.get_remaining_time_in_millis() - _SPARE_MS) / 1000


def summarise(plan: RunPlan, store: RunFolder, memory_mb: int) -> int:
    """Write the results of one size to the bucket; the size."""
    store.write_result(size_result(plan, memory_mb, store.read_samples(size_prefix(memory_mb))))
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
