"""The measuring step: the chains of one batch side by side, samples to the bucket."""

import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from ...core.billing import load_price_book
from ...core.plan import Batch, batch_from_json
from ...core.run import RunPlan
from .chain import Chain, Clock, Samples, chains, run
from .invoke import Caller
from .storage import folder
from .writer import Writer

_LOOK_S = 2.0


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Measure `event["batch"]` of `event["run"]`; returns what was done, in a few hundred bytes."""
    described = event["run"]
    bucket = os.environ["SAMPLES_BUCKET"]
    store = folder(boto3.client("s3"), bucket, described["name"], described["id"])
    plan = store.read_plan()
    region, config = plan.target.region, _config(plan)
    caller = Caller(
        client=boto3.client("lambda", region_name=region, config=config),
        plan=plan,
        prices=load_price_book(),
        sleep=time.sleep,
        now=lambda: datetime.now(UTC),
        processors=boto3.client("lambda", config=config),
    )
    logs = boto3.client("logs", region_name=region)
    batch = batch_from_json(event["batch"])
    writer = Writer(caller, batch, store, logs, str(context.aws_request_id)[:8], caller.now())
    return measure_batch(caller, batch, writer, time.monotonic)


def measure_batch(caller: Caller, batch: Batch, writer: Writer, clock: Clock) -> dict[str, Any]:
    """Run every chain from where it stands until done or out of time; the batch's summary."""
    going, samples = chains(caller, batch), Samples()
    threads = [
        threading.Thread(target=run, args=(caller, batch, chain, samples, clock)) for chain in going
    ]
    for thread in threads:
        thread.start()
    _collect(threads, samples, writer, clock)
    return _summary(batch, going)


def _config(plan: RunPlan) -> Config:
    """Retries are ours to count; a call may last as long as a function may."""
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        read_timeout=910,
        max_pool_connections=plan.environments + 2,
        tcp_keepalive=True,
    )


def _collect(
    threads: list[threading.Thread], samples: Samples, writer: Writer, clock: Clock
) -> None:
    """Store parts while the chains run, then until every sample is stored."""
    while True:
        ended = _join(threads, clock() + _LOOK_S, clock)
        while not samples.empty():
            writer.waiting.append((clock(), samples.get()))
        writer.write(clock())
        if ended and not writer.waiting:
            return
        if ended:
            writer.caller.sleep(0.2)


def _join(threads: list[threading.Thread], until_s: float, clock: Clock) -> bool:
    for thread in threads:
        thread.join(max(0.0, until_s - clock()))
    return not any(thread.is_alive() for thread in threads)


def _summary(batch: Batch, going: list[Chain]) -> dict[str, Any]:
    errors = [chain.error for chain in going if chain.error]
    return {
        "batch": replace(batch, done=tuple(chain.done for chain in going)).to_json(),
        "left": not errors and any(chain.left for chain in going),
        "criticalMs": max((chain.billed_ms for chain in going), default=0),
        "error": f"{type(errors[0]).__name__}: {errors[0]}"[:500] if errors else "",
    }
