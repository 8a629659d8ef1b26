"""The deployed zip: it stands alone, starts lean, and every payload type runs on it."""

import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdatuning.cloud.stack.package import read_folder, zip_files
from lambdatuning.core.tuning.payloads import (
    Context,
    PayloadType,
    parse_payload_type,
    render,
    seed_items,
)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lambdatuning" / "functions"
PAYLOADS = sorted((ROOT / "data" / "payloads").glob("*.json"))
TABLE = "lambda-apigateway"
RUN = "20261123T090500-3f9a1c"


def load(path: Path) -> PayloadType:
    return parse_payload_type(path.read_text("utf-8"), path.name)


def event(payload: PayloadType, n: int) -> Any:
    context = Context(RUN, payload.name, n, 7, TABLE, 128, "2026-11-23T09:05:00Z")
    return render(payload.event, context)


def items(payload: PayloadType, invocations: int) -> list[Any]:
    return list(seed_items(payload, invocations, run=RUN, table=TABLE, seed=7))


def test_the_zip_runs_without_the_package_and_without_boto3(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    data = zip_files(read_folder(FOLDER, ("dynamodb_manager",)))
    assert len(data) < 10_000
    with zipfile.ZipFile(BytesIO(data)) as archive:
        archive.extractall(tmp_path)
    program = """
import json, sys
from dynamodb_manager.app import handler
print(json.dumps([handler({"operation": "ping"}, None), sorted(sys.modules)]))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    answer, modules = json.loads(done.stdout)
    assert answer == "pong"
    assert not {"boto3", "s3transfer", "lambdatuning", "pandas", "numpy"} & set(modules)


def test_the_payload_types_of_the_benchmark_are_there() -> None:
    payloads = [load(path) for path in PAYLOADS]
    assert {payload.name for payload in payloads} == {
        "create-200b",
        "create-100kb",
        "read",
        "update",
        "delete",
        "list-small",
        "list-1mb",
        "echo",
        "ping",
        "digest",
    }
    assert [path.stem for path in PAYLOADS] == [payload.name for payload in payloads]
    assert sum(payload.weight for payload in payloads) == 100


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_invocation_succeeds_once_seeded(path: Path, manager: ModuleType, table: Any) -> None:
    payload = load(path)
    count = 3 if payload.name == "digest" else 10  # a password hash takes a quarter of a second
    for item in items(payload, count):
        manager.handler({"operation": "create", "payload": {"Item": item}}, None)
    for n in range(count):
        try:
            answer = manager.handler(event(payload, n), None)
        except ClientError as exc:
            # Unanswered for 5 s, on a machine that stood still, a delete is sent once more.
            if payload.name == "delete" and exc.response["ResponseMetadata"]["RetryAttempts"]:
                continue
            raise
        if payload.name == "read":
            assert answer["Item"]


def test_creating_does_not_let_the_table_grow_for_ever() -> None:
    for path in PAYLOADS:
        payload = load(path)
        if payload.name.startswith("create"):
            ids = {event(payload, n)["payload"]["Item"]["id"] for n in range(300)}
            assert len(ids) <= 100


@pytest.mark.parametrize(("name", "size_bytes"), [("create-200b", 200), ("create-100kb", 102_400)])
def test_items_are_as_large_as_their_name_says(name: str, size_bytes: int) -> None:
    item = event(load(ROOT / f"data/payloads/{name}.json"), 0)["payload"]["Item"]
    size = sum(len(key) + len(str(value)) for key, value in item.items())
    assert size == pytest.approx(size_bytes, rel=0.05)


def test_the_large_page_is_full(manager: ModuleType, table: Any) -> None:
    payload = load(ROOT / "data/payloads/list-1mb.json")
    for item in items(payload, 1):
        table.put_item(Item=item)
    answer = manager.handler(event(payload, 0), None)
    assert "LastEvaluatedKey" in answer
    assert 900_000 < len(json.dumps(answer["Items"])) < 1_100_000


def test_the_small_table_is_small(manager: ModuleType, table: Any) -> None:
    for name in ("list-1mb", "list-small"):
        for item in items(load(ROOT / f"data/payloads/{name}.json"), 1):
            table.put_item(Item=item)
    answer = manager.handler(event(load(ROOT / "data/payloads/list-small.json"), 0), None)
    assert answer["Count"] == answer["ScannedCount"] == 10
