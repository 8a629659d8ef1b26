"""Many cold starts, one after the other, leave nothing behind."""

import os
import sys
import time
from dataclasses import replace

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.local.function import FunctionSpec, Request
from lambdatuning.local.invoker import Invoker
from tests.local import inside
from tests.local.conftest import Cloud

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is left")
SETTLED_AFTER, STARTS = 5, 20


def _start_anew(invoker: Invoker, spec: FunctionSpec, number: int) -> None:
    changed = replace(spec, revision=f"new{number}")
    outcome = invoker.invoke(changed, Request(f"request{number}", b"{}", spec.arn))
    assert outcome.facts.cold
    assert not outcome.error


def test_cold_starts_leak_nothing() -> None:
    with inside.running() as (invoker, spec):
        for number in range(SETTLED_AFTER):
            _start_anew(invoker, spec, number)
        _until_one_is_left(spec)
        before = inside.left_by(os.getpid())

        for number in range(STARTS):
            _start_anew(invoker, spec, SETTLED_AFTER + number)
        _until_one_is_left(spec)
        after = inside.left_by(os.getpid())

    assert after["descriptors"] == before["descriptors"]
    assert after["processes"] == before["processes"]
    assert after["mb"] - before["mb"] < 2


def _until_one_is_left(spec: FunctionSpec) -> None:
    environments = spec.task_root.parent / "environments"
    deadline = time.monotonic() + 120
    while len(list(environments.iterdir())) > 1:
        assert time.monotonic() < deadline, "environments that were replaced are still there"
        time.sleep(0.02)


def test_what_cannot_start_leaks_nothing() -> None:
    with inside.running() as (invoker, spec):
        _start_anew(invoker, spec, 0)
        before = inside.left_by(os.getpid())
        for number in range(5):
            unknown = replace(spec, revision=f"unknown{number}", runtime="cobol")
            with pytest.raises(UsageError, match="cobol"):
                invoker.invoke(unknown, Request(f"unknown{number}", b"{}", spec.arn))
        _until_one_is_left(spec)
        _start_anew(invoker, spec, 1)
        _until_one_is_left(spec)

        assert inside.left_by(os.getpid())["descriptors"] == before["descriptors"]


def test_a_server_frees_what_functions_occupied(cloud: Cloud) -> None:
    cloud.run(inside.ECHO, {})
    pid = cloud.endpoint.process.pid
    before = inside.left_by(pid)

    names = [cloud.function(inside.ECHO) for _ in range(10)]
    for name in names:
        cloud.invoke(name, {})
    assert inside.left_by(pid)["processes"] >= before["processes"] + 10
    for name in names:
        cloud.client("lambda").delete_function(FunctionName=name)

    # An environment's descriptors are closed after its processes have ended.
    deadline = time.monotonic() + 120
    while not _as_little_as(before, left := inside.left_by(pid)):
        assert time.monotonic() < deadline, f"{before} grew to {left} by deleted functions"
        time.sleep(0.1)


def _as_little_as(before: dict[str, float], left: dict[str, float]) -> bool:
    """Nothing but two descriptors more: a connection may have come meanwhile."""
    more = {what: left[what] - before[what] for what in ("processes", "descriptors")}
    return more["processes"] <= 0 and more["descriptors"] <= 2
