"""Steps of a night inside AWS: `prepare` a run that is affordable, `tell` what came of it, `clean`
the items that it needed.

What to do every night lies as JSON in a bucket, a `NightlyRun` as `schedules.deployed` wrote it.
"""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NotRequired, TypedDict

import boto3

from ...core.pricing import load_price_book
from ...core.tuning.manifest import MANIFEST_NAME, read_manifest
from ...core.tuning.nightly import NightlyRun
from ...core.tuning.payloads import seed_items
from ..dynamodb_manager.wire import attributes_to_wire
from ..table_items import WriteRequest, batches, write_batch
from ..tuner.storage import STORE_PREFIX


class NightState(TypedDict):
    """What a night is known by from step to step: its run, its day (year/month/day), the expected
    bill and where its reports go; then the input of the run or why there is none, and at the end
    what somebody should read."""

    runId: str
    day: str
    usd: float
    reports: str
    affordable: NotRequired[bool]
    reason: NotRequired[str]
    input: NotRequired[Mapping[str, Any]]
    changed: NotRequired[bool]
    kind: NotRequired[str]
    subject: NotRequired[str]
    message: NotRequired[str]


class StepEvent(TypedDict):
    """What the state machine sends: the step, and either the execution (its ARN) with the time of
    its start, or the night that was prepared."""

    step: str
    execution: NotRequired[str]
    started: NotRequired[str]
    night: NotRequired[NightState]


def handle(event: StepEvent, _: object) -> NightState:
    """One step, by its name."""
    return _STEPS[event["step"]](event)


def get_ready() -> None:
    """Load the prices while the function starts."""
    load_price_book()


def prepare(event: StepEvent) -> NightState:
    """The input of tonight's run, if it costs at most MAX_USD; nothing is invoked before that.

    A step that is tried again prepares the same run.
    """
    every_night = _every_night()
    started = datetime.fromisoformat(event["started"].replace("Z", "+00:00"))
    run_id = f"{started:%Y%m%dT%H%M%S}-{zlib.crc32(event['execution'].encode()):08x}"[:22]
    limit_usd = float(os.environ["MAX_USD"])
    usd = price(every_night, _last_usd(every_night.function))
    night: NightState = {
        "runId": run_id,
        "day": f"{started:%Y/%m/%d}",
        "usd": round(usd, 6),
        "reports": f"reports/{every_night.folder}/{started:%Y/%m/%d}/{run_id}/",
    }
    if usd > limit_usd:
        reason = (
            f"tonight's run is estimated at ${usd:.4f}, more than the ${limit_usd:g} allowed: "
            "nothing was invoked; deploy the schedule with a larger --max-usd or fewer sizes"
        )
        return {**night, "affordable": False, "reason": reason}
    run_input = {**every_night.input, "runId": run_id, "seed": zlib.crc32(run_id.encode())}
    if every_night.adaptive:
        estimate = every_night.estimate()
        run_input["maxUsd"] = limit_usd - estimate.tuner_usd - estimate.transitions_usd
    payloads = json.dumps([payload.to_json() for payload in every_night.payloads])
    run_input["payloadTypesS3"] = _put(f"inputs/{run_id}.json", payloads)
    if every_night.price_book:
        run_input["priceBook"] = _put(f"inputs/{run_id}-prices.json", every_night.price_book)
    items = _items(every_night, run_input)
    _write(every_night.table, [{"PutRequest": {"Item": item}} for item in items])
    return {**night, "affordable": True, "input": run_input}


def price(every_night: NightlyRun, last_usd: float | None) -> float:
    """The expected bill of tonight: the estimate, or what the last run of the function really
    cost where that was more."""
    return max(every_night.estimate().usd, last_usd or 0.0)


def _last_usd(function: str) -> float | None:
    """What the newest run in the bucket cost; None where there is none that says so."""
    s3, prefix = _client("s3"), f"{STORE_PREFIX}function={function}/"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=_samples(), Prefix=prefix, Delimiter="/"
    )
    folders = [common["Prefix"] for page in pages for common in page.get("CommonPrefixes", ())]
    for folder in sorted(folders, reverse=True)[:5]:
        try:
            body = s3.get_object(Bucket=_samples(), Key=folder + MANIFEST_NAME)["Body"].read()
        except s3.exceptions.NoSuchKey:
            continue
        return read_manifest(body).usd
    return None


def tell(event: StepEvent) -> NightState:
    """Whether somebody should be told of the night, and in which words.

    Raises where the reports did not come as far as their verdict: the night failed then.
    """
    clean(event)
    night = event["night"]
    key = f"{night['reports']}verdict.json"
    verdict = json.loads(_client("s3").get_object(Bucket=_samples(), Key=key)["Body"].read())
    changed = verdict["kind"] in ("worse", "better")
    headline = f"{verdict['reason'][:1].upper()}{verdict['reason'][1:]}."
    lines = [
        headline,
        *(
            finding["text"]
            for finding in verdict["findings"][:20]
            if finding["kind"] in ("worse", "better")
        ),
        f"Reports: s3://{_samples()}/{night['reports']}index.html",
    ]
    subject = f"lambdatuning: {_every_night().function} {verdict['kind']}"
    # SNS takes 100 characters of ASCII.
    subject = subject.encode("ascii", "replace").decode()[:100]
    return {**night, "changed": changed, "kind": verdict["kind"], "subject": subject,
            "message": "\n".join(lines)}  # fmt: skip


def clean(event: StepEvent) -> NightState:
    """Delete the items of this run from the table, whether still there or not."""
    every_night, night = _every_night(), event["night"]
    items = _items(every_night, night.get("input", {}))
    keys = [{name: item[name] for name in every_night.key_names} for item in items]
    _write(every_night.table, [{"DeleteRequest": {"Key": key}} for key in keys])
    return night


_STEPS: Mapping[str, Callable[[StepEvent], NightState]] = {
    "prepare": prepare,
    "tell": tell,
    "clean": clean,
}


# Seed items.


def _items(every_night: NightlyRun, run_input: Mapping[str, Any]) -> list[dict[str, object]]:
    """The items that the run of this input needs, in DynamoDB's form; the last of one key wins."""
    if not every_night.key_names or not run_input:
        return []
    items = (
        item
        for payload in every_night.payloads
        for item in seed_items(
            payload,
            every_night.seeds,
            run=run_input["runId"],
            table=every_night.table,
            seed=run_input["seed"],
        )
    )
    by_key = {tuple(item[name] for name in every_night.key_names): item for item in items}
    return [attributes_to_wire(item) for item in by_key.values()]


def _write(table: str, requests: Iterable[WriteRequest]) -> None:
    for batch in batches(requests):
        write_batch(_client("dynamodb"), table, batch, time.sleep)


# The buckets.


def _every_night() -> NightlyRun:
    where = {"Bucket": os.environ["SPEC_BUCKET"], "Key": os.environ["SPEC_KEY"]}
    return NightlyRun.from_json(json.loads(_client("s3").get_object(**where)["Body"].read()))


def _put(key: str, text: str) -> str:
    """Put a text beside the runs; its address."""
    _client("s3").put_object(Bucket=_samples(), Key=key, Body=text.encode())
    return f"s3://{_samples()}/{key}"


def _samples() -> str:
    return os.environ["SAMPLES_BUCKET"]


@cache
def _client(service: str) -> Any:
    return boto3.client(service)
