"""What a tuning run costs beside its invocations: `python -m tests.bench.tuner`, a JSON line last.

Runs on the embedded AWS: `overhead` is the wall time of a run over the billed time on its critical
path, `transitions` and `tuner_gb_s` are what the tuner itself is billed for, `state_bytes_max` is
the largest state that Step Functions carried. `growth` has the same for more sizes and more
invocations. `--quick` leaves out the long ones.
"""

import argparse
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

import lambdatuning as lt
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.pricing import gb_seconds
from lambdatuning.core.progress import ignore
from lambdatuning.core.sizes import DEFAULT_POWERS

MAIN = ("digest", len(DEFAULT_POWERS), 10)
"""The CPU-bound payload type: what it takes follows the memory size."""

GROWTH = (("ping", 6, 10), ("ping", 6, 100), ("ping", 46, 10), ("ping", 6, 1_000))
QUICK = GROWTH[:2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the long runs out")
    arguments = parser.parse_args()
    with lt.embedded() as cloud:
        outputs = dict(lt.deploy(cloud))
        first = measure(cloud, outputs, *MAIN)
        growth = [measure(cloud, outputs, *job) for job in (QUICK if arguments.quick else GROWTH)]
    print(json.dumps({**first, "growth": growth}))


def measure(
    cloud: Cloud, outputs: dict[str, str], payload: str, sizes: int, num: int
) -> dict[str, Any]:
    """One run and what was spent on it."""
    before = {row["request_id"] for row in ledger(cloud)}
    with tempfile.TemporaryDirectory() as store:
        run = lt.tune(
            cloud, outputs["FunctionName"], payload, table=outputs["TableName"],
            powers=powers(sizes), current=False, num=num, seed=1, store=store, on_progress=ignore,
        )  # fmt: skip
    events = list(history(cloud, run.manifest.execution_arn))
    new_rows = [row for row in ledger(cloud) if row["request_id"] not in before]
    figures = {
        "payload": payload,
        "sizes": sizes,
        "num": num,
        "overhead": round(run.manifest.overhead or 0.0, 3),
        "wall_s": round((run.manifest.wall_ms or 0) / 1000, 2),
        "critical_s": round((run.manifest.billed_ms_critical_path or 0) / 1000, 2),
        "transitions": transitions(events),
        "tuner_gb_s": round(sum(tuner_gb_s(row) for row in new_rows), 3),
        "state_bytes_max": max(state_bytes(events)),
    }
    print(json.dumps(figures), file=sys.stderr)
    return figures


def powers(count: int) -> tuple[int, ...]:
    """The default sizes, or so many of all of Power Tuning's."""
    if count == len(DEFAULT_POWERS):
        return DEFAULT_POWERS
    return tuple(range(128, 3009, 64))[:count]


def history(cloud: Cloud, execution_arn: str) -> Iterator[dict[str, Any]]:
    pages = cloud.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn):
        yield from page["events"]


def transitions(events: Iterable[dict[str, Any]]) -> int:
    """States that were entered. The embedded AWS reports those within a Map by their tasks alone,
    so that tasks are counted when they are scheduled."""
    names = [event["type"] for event in events]
    other = (name for name in names if name.endswith("StateEntered") and "Task" not in name)
    return names.count("TaskScheduled") + sum(1 for _ in other)


def state_bytes(events: Iterable[dict[str, Any]]) -> Iterator[int]:
    for event in events:
        for name, details in event.items():
            if name.endswith("EventDetails") and isinstance(details, dict):
                yield max(len(details.get(key) or "") for key in ("input", "output"))


def ledger(cloud: Cloud) -> list[dict[str, Any]]:
    """Every invocation on the embedded AWS, the tuner's own among them."""
    address = f"{cloud.endpoint_url}/_lambdatuning/invocations?since=0"
    with urllib.request.urlopen(address, timeout=60) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
    return rows


def tuner_gb_s(row: dict[str, Any]) -> float:
    ours = "-TunerControl-" in row["function"] or "-TunerMeasure-" in row["function"]
    return gb_seconds(row["memory_mb"], row["billed_ms"]) if ours else 0.0


if __name__ == "__main__":
    main()
