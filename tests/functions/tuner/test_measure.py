"""A batch: chains side by side, samples with their environments in the bucket, a short summary."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdatuning.core.tuning.plan import Batch, Work
from lambdatuning.core.tuning.records import RunPlan
from lambdatuning.functions.tuner.batch.invoke import Caller
from lambdatuning.functions.tuner.batch.measure import measure_batch
from lambdatuning.functions.tuner.batch.samples import Writer, size_prefix
from lambdatuning.functions.tuner.batch.traces import environments, traces
from lambdatuning.functions.tuner.storage import RunFolder
from tests.fakes.aws_lambda import FakeLambda, FakeLogs, refusal

from .plans import TARGET, Time, make_plan

Make = Callable[[RunPlan], Caller]
BATCH = Batch(Work(128, 0), "1")
STREAM = "2026/11/23/[1]0123456789abcdef0123456789abcdef"


def report(logs: FakeLogs, count: int = 40) -> None:
    for number in range(1, count):
        logs.add(f"{number:08x}-0000-0000-0000-000000000000", STREAM)


def test_samples_are_stored_with_their_environment(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time
) -> None:
    report(logs)
    plan = make_plan()
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, time.clock)
    samples = list(store.read_samples(size_prefix(128)))
    assert len(samples) == 22
    assert {s.environment for s in samples} == {"0123456789abcdef0123456789abcdef"}
    assert summary.batch.done == (10, 10)
    assert not summary.left
    assert (summary.error, summary.warning) == ("", "")
    assert len(json.dumps(summary.to_json())) < 300


def test_logs_that_come_late_are_waited_for_and_then_done_without(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time
) -> None:
    plan = make_plan()
    measure_batch(caller(plan), BATCH, Writer(caller(plan), BATCH, store, logs, "t"), time.clock)
    samples = list(store.read_samples())
    assert {s.environment for s in samples} == {""}
    assert 20 <= sum(time.slept) <= 25


def test_logs_that_may_not_be_read_hold_nothing_up(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time
) -> None:
    plan = make_plan()
    logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9
    measure_batch(caller(plan), BATCH, Writer(caller(plan), BATCH, store, logs, "t"), time.clock)
    assert len(list(store.read_samples())) == 22
    assert sum(time.slept) == 0


def test_a_batch_run_again_stores_nothing_twice(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time
) -> None:
    plan = make_plan()
    logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9
    for token in ("first", "second"):
        writer = Writer(caller(plan), BATCH, store, logs, token)
        measure_batch(caller(plan), BATCH, writer, time.clock)
    warm = [(s.payload, s.invocation) for s in store.read_samples() if s.invocation >= 0]
    assert len(warm) == len({*warm}) == 20


def test_an_error_is_in_the_summary_and_what_was_measured_is_kept(
    client: FakeLambda, caller: Make, logs: FakeLogs, store: RunFolder, time: Time
) -> None:
    plan = make_plan(environments=1)
    client.answers = [{}, {}, refusal("ResourceNotFoundException")]
    logs.faults["FilterLogEvents"] = ["AccessDeniedException"] * 9
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, time.clock)
    assert "ResourceNotFoundException" in summary.error
    assert len(list(store.read_samples())) == 2


def test_streams_of_a_shared_log_group_are_found_by_name_and_version(logs: FakeLogs) -> None:
    request = "00000001-0000-0000-0000-000000000000"
    logs.add(request, "2026/11/23/shop[1]aa")
    logs.add("00000002-0000-0000-0000-000000000000", "2026/11/23/other[1]bb")
    shared = TARGET.__class__(**{**vars_of(TARGET), "log_group": "/shared"})
    assert environments(logs, shared, "1", ["2026/11/23"], 0) == {request: "aa"}
    assert environments(logs, shared, "2", ["2026/11/23"], 0) == {}


def test_throttled_or_missing_logs_are_read_again_later(logs: FakeLogs) -> None:
    logs.faults["FilterLogEvents"] = ["ThrottlingException", "ResourceNotFoundException"]
    assert environments(logs, TARGET, "1", ["2026/11/22", "2026/11/23"], 0) == {}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("ResourceNotFoundException", "/aws/lambda/shop does not exist: let the function's role"),
        ("ThrottlingException", "CloudWatch Logs throttles this account"),
        (None, "no REPORT line was in /aws/lambda/shop after 20 s"),
    ],
)
def test_what_would_pass_and_lasts_is_named(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time, code: str | None, remedy: str
) -> None:
    plan = make_plan()
    logs.faults["FilterLogEvents"] = [code] * 9_999
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, time.clock)
    assert summary.error == ""
    assert summary.warning.startswith("execution environments are not known of some")
    assert remedy in summary.warning
    assert len(list(store.read_samples())) == 22


def test_a_network_that_fails_costs_no_lost_invocation_its_sample(logs: FakeLogs) -> None:
    def unreachable(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://logs")

    logs._pages = unreachable  # type: ignore[method-assign]
    assert traces(logs, TARGET, "1", ["2026/11/23"], 0) == []


def vars_of(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        ("AccessDeniedException", "no", "LogGroupArns"),
        ("InvalidParameterException", "FilterLogEvents is not supported for this log class",
         "class Standard"),
        ("InvalidOperationException", "not supported for log groups of class INFREQUENT_ACCESS",
         "class Standard"),
        ("InvalidParameterException", "not supported for log group class INFREQUENT_ACCESS",
         "class Standard"),
        ("AccessDeniedException", "r with an explicit deny in a service control policy",
         "a service control policy forbids it"),
        ("AccessDeniedException", "not authorized to perform: kms:Decrypt", "kms:Decrypt)"),
        ("ServiceUnavailableException", "busy", "later"),
    ],
)  # fmt: skip
def test_unreadable_logs_cost_the_environments_and_are_named(
    caller: Make, logs: FakeLogs, store: RunFolder, time: Time, code: str, message: str, remedy: str
) -> None:
    """What was paid for is stored, whatever the logs answer."""

    def refused(**_: Any) -> Any:
        raise refusal(code, "FilterLogEvents", message)

    logs._pages = refused  # type: ignore[method-assign]
    plan = make_plan()
    writer = Writer(caller(plan), BATCH, store, logs, "t")
    summary = measure_batch(caller(plan), BATCH, writer, time.clock)
    assert summary.error == ""
    assert "execution environments are not known" in summary.warning
    assert f"{code}: {message}" in summary.warning
    assert remedy in summary.warning
    assert {sample.environment for sample in store.read_samples()} == {""}
