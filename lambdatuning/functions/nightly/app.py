"""Steps of a night inside AWS: `prepare` a run that is affordable, `tell` what came of it, `clean`
the items that it needed.

What to do every night lies as JSON in a bucket, as `schedules.deployed` wrote it.
"""

import json
import os
import random
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import boto3

from ...core.errors import LambdaTuningError
from ...core.pricing import load_price_book, parse_price_book
from ...core.tuning.estimate import EarlierRuns, Estimate, Work, estimate_run, expect
from ...core.tuning.manifest import MANIFEST_NAME, read_manifest
from ...core.tuning.payloads import parse_payload_type, seed_items
from ..dynamodb_manager.wire import attributes_to_wire
from ..tuner.storage import STORE_PREFIX

_BATCH, _ATTEMPTS = 25, 10


def handle(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """One step, by its name; `execution` and `started` are the state machine's own."""
    return _STEPS[event["step"]](event)


def get_ready() -> None:
    """Load the prices while the function starts."""
    load_price_book()


def prepare(event: Mapping[str, Any]) -> dict[str, Any]:
    """The input of tonight's run, if it costs at most MAX_USD; nothing is invoked before that.

    A step that is tried again prepares the same run.
    """
    spec, started = _spec(), datetime.fromisoformat(event["started"].replace("Z", "+00:00"))
    run_id = f"{started:%Y%m%dT%H%M%S}-{zlib.crc32(event['execution'].encode()):08x}"[:22]
    limit_usd = float(os.environ["MAX_USD"])
    usd = price(spec, _last_usd(spec["function"]))
    night = {
        "runId": run_id,
        "day": f"{started:%Y/%m/%d}",
        "usd": round(usd, 6),
        "reports": f"reports/{spec['folder']}/{started:%Y/%m/%d}/{run_id}/",
    }
    if usd > limit_usd:
        reason = (
            f"tonight's run is estimated at ${usd:.4f}, more than the ${limit_usd:g} allowed: "
            "nothing was invoked; deploy the schedule with a larger --max-usd or fewer sizes"
        )
        return {**night, "affordable": False, "reason": reason}
    given = {**spec["input"], "runId": run_id, "seed": zlib.crc32(run_id.encode())}
    if given.get("exploration") == "adaptive":
        given["maxUsd"] = limit_usd - _estimate(spec).tuner_usd - _estimate(spec).transitions_usd
    _send("payloadTypesS3", f"inputs/{run_id}.json", json.dumps(spec["payloads"]), given)
    if spec["priceBook"]:
        _send("priceBook", f"inputs/{run_id}-prices.json", spec["priceBook"], given)
    _write(spec, [{"PutRequest": {"Item": item}} for item in _items(spec, given)])
    return {**night, "affordable": True, "input": given}


def price(spec: Mapping[str, Any], last_usd: float | None) -> float:
    """The expected bill of tonight: the estimate, or what the last run of the function really
    cost where that was more."""
    return max(_estimate(spec).usd, last_usd or 0.0)


def _estimate(spec: Mapping[str, Any]) -> Estimate:
    book = parse_price_book(spec["priceBook"]) if spec["priceBook"] else load_price_book()
    work, given = Work(**spec["work"]), spec["input"]
    warm = {(name, int(size)): ms for name, size, ms in spec["earlier"]["warm"]}
    cold = {int(size): ms for size, ms in spec["earlier"]["cold"]}
    place = spec["region"], spec["architecture"]
    grid = estimate_run(book, place, work, EarlierRuns(warm, cold))
    if given.get("exploration") != "adaptive":
        return grid
    return expect(book, spec["region"], grid, int(given["num"]), given["strategy"])


def _last_usd(function: str) -> float | None:
    """What the newest run in the bucket cost; None where there is none that says so."""
    s3, prefix = _client("s3"), f"{STORE_PREFIX}function={function}/"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=_samples(), Prefix=prefix, Delimiter="/"
    )
    folders = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
    for folder in sorted(folders, reverse=True)[:5]:
        try:
            body = s3.get_object(Bucket=_samples(), Key=folder + MANIFEST_NAME)["Body"].read()
        except s3.exceptions.NoSuchKey:
            continue
        return read_manifest(body).usd
    return None


def tell(event: Mapping[str, Any]) -> dict[str, Any]:
    """Whether somebody should be told of the night, and in which words.

    Raises where the reports did not come as far as their verdict: the night failed then.
    """
    clean(event)
    spec, night = _spec(), event["night"]
    key = f"{night['reports']}verdict.json"
    verdict = json.loads(_client("s3").get_object(Bucket=_samples(), Key=key)["Body"].read())
    changed = verdict["kind"] in ("worse", "better")
    headline = f"{verdict['reason'][:1].upper()}{verdict['reason'][1:]}."
    lines = [
        headline,
        *(each["text"] for each in verdict["findings"][:20] if each["kind"] in ("worse", "better")),
        f"Reports: s3://{_samples()}/{night['reports']}index.html",
    ]
    subject = f"lambdatuning: {spec['function']} {verdict['kind']}"
    # SNS takes 100 characters of ASCII.
    subject = subject.encode("ascii", "replace").decode()[:100]
    return {**night, "changed": changed, "kind": verdict["kind"], "subject": subject,
            "message": "\n".join(lines)}  # fmt: skip


def clean(event: Mapping[str, Any]) -> dict[str, Any]:
    """Delete the items of this run from the table, whether still there or not."""
    spec, night = _spec(), event["night"]
    names = spec["keyNames"]
    keys = [{name: item[name] for name in names} for item in _items(spec, night.get("input", {}))]
    _write(spec, [{"DeleteRequest": {"Key": key}} for key in keys])
    return dict(night)


_STEPS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "prepare": prepare,
    "tell": tell,
    "clean": clean,
}


# Seed items.


def _items(spec: Mapping[str, Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items that the run needs, in DynamoDB's form; the last of one key wins."""
    if not spec["keyNames"] or not given:
        return []
    by_key = {}
    for payload in spec["payloads"]:
        parsed = parse_payload_type(json.dumps({"payloadType": payload}), "the schedule")
        for item in seed_items(
            parsed, spec["seeds"], run=given["runId"], table=given["table"], seed=given["seed"]
        ):
            by_key[tuple(item[name] for name in spec["keyNames"])] = attributes_to_wire(item)
    return list(by_key.values())


def _write(spec: Mapping[str, Any], requests: Iterable[Mapping[str, Any]]) -> None:
    table = spec["input"]["table"]
    for batch in _batches(list(requests)):
        left: Any = {table: batch}
        for attempt in range(_ATTEMPTS):
            left = _client("dynamodb").batch_write_item(RequestItems=left).get("UnprocessedItems")
            if not left:
                break
            time.sleep(random.uniform(0, min(5.0, 0.05 * 2**attempt)))  # noqa: S311
        else:
            raise LambdaTuningError(f"the table {table} keeps refusing items; is it throttled?")


def _batches(requests: list[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    for start in range(0, len(requests), _BATCH):
        yield requests[start : start + _BATCH]


# The buckets.


def _spec() -> dict[str, Any]:
    where = {"Bucket": os.environ["SPEC_BUCKET"], "Key": os.environ["SPEC_KEY"]}
    spec: dict[str, Any] = json.loads(_client("s3").get_object(**where)["Body"].read())
    return spec


def _send(name: str, key: str, text: str, given: dict[str, Any]) -> None:
    """Put it beside the runs; the input names where."""
    _client("s3").put_object(Bucket=_samples(), Key=key, Body=text.encode())
    given[name] = f"s3://{_samples()}/{key}"


def _samples() -> str:
    return os.environ["SAMPLES_BUCKET"]


@cache
def _client(service: str) -> Any:
    return boto3.client(service)
