"""Invoking: rendered afresh, retried where Lambda throttles, and every answer is a sample."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.core.tuning.plan import Invocation
from lambdatuning.core.tuning.records import RunPlan, Sample
from lambdatuning.functions.tuner.batch.invoke import (
    LOST,
    MISSING_REPORT,
    NO_ANSWER,
    Caller,
    measure_one,
)
from tests.fakes.aws_lambda import ARN, FakeLambda, refusal

from .plans import Time, make_plan

Make = Callable[[RunPlan], Caller]


def measured(caller: Make, plan: RunPlan | None = None, n: int = 3) -> Sample:
    return measure_one(caller(plan or make_plan()), "7", 128, Invocation(0, n))


def test_the_version_is_invoked_with_the_rendered_payload(client: FakeLambda, caller: Make) -> None:
    client.answers = [{"ms": 12.5, "billed_ms": 13, "init_ms": 100.0}]
    sample = measured(caller)
    assert client.invoked == [(f"{ARN}:7", {"n": 3})]
    assert (sample.duration_ms, sample.billed_ms, sample.init_ms) == (12.5, 13, 100.0)
    assert (sample.cold, sample.error, sample.max_memory_mb) == (True, "", 40)
    # 13 ms at 128 MB and the request fee, at us-east-1's rates
    assert sample.cost_usd == pytest.approx(13e-3 * 0.125 * 0.0000166667 + 0.2e-6)


def test_throttling_is_waited_out_and_counted(client: FakeLambda, caller: Make, time: Time) -> None:
    client.faults["Invoke"] = ["TooManyRequestsException"] * 5
    assert measured(caller).retries == 5
    assert len(time.slept) == 5
    assert all(0 <= slept <= 0.2 * 2**tries for tries, slept in enumerate(time.slept))


def test_endless_throttling_is_an_error(client: FakeLambda, caller: Make, time: Time) -> None:
    client.faults["Invoke"] = ["TooManyRequestsException"] * 99
    with pytest.raises(LambdaTuningError, match=r"TooManyRequests.*lower them"):
        measured(caller)
    assert max(time.slept) <= 20
    assert sum(time.slept) < 180


def test_other_refusals_are_errors_at_once(client: FakeLambda, caller: Make) -> None:
    client.answers = [refusal("InvalidRequestContentException")]
    with pytest.raises(ClientError, match="InvalidRequestContent"):
        measured(caller)


def test_a_connection_that_was_never_made_is_tried_again(client: FakeLambda, caller: Make) -> None:
    client.answers = [EndpointConnectionError(endpoint_url="x"), {}]
    assert measured(caller).retries == 1


def test_a_lost_answer_is_a_failed_sample_and_never_sent_twice(
    client: FakeLambda, caller: Make
) -> None:
    client.answers = [ReadTimeoutError(endpoint_url="x")]
    sample = measured(caller)
    assert (sample.error, sample.billed_ms) == (NO_ANSWER, 0)
    assert sample.request_id.startswith(LOST)
    assert len(client.invoked) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": "KeyError", "message": "x"}, "KeyError"),
        ({"error": "x", "message": "2026 Task timed out after 3.00 seconds"}, "Sandbox.Timedout"),
        ({"report": False}, MISSING_REPORT),
    ],
)
def test_failures_are_named(
    client: FakeLambda, caller: Make, answer: dict[str, Any], error: str
) -> None:
    client.answers = [answer]
    assert measured(caller).error == error


def test_without_a_report_there_is_no_duration(client: FakeLambda, caller: Make) -> None:
    client.answers = [{"report": False}]
    sample = measured(caller)
    assert math.isnan(sample.duration_ms)
    assert sample.cost_usd == 0


def test_processors_run_before_and_after(client: FakeLambda, caller: Make) -> None:
    plan = make_plan(pre_processor=f"{ARN}-pre", post_processor=f"{ARN}-post")
    measured(caller, plan)
    assert client.invoked == [
        (f"{ARN}-pre", {"n": 3}),
        (f"{ARN}:7", {"ok": True}),  # what the pre-processor answered
        (f"{ARN}-post", {"ok": True}),
    ]


def test_a_processor_that_fails_is_named(client: FakeLambda, caller: Make) -> None:
    client.answers = [{"error": "KeyError", "message": "secret"}]
    with pytest.raises(LambdaTuningError, match="shop-pre failed with KeyError") as caught:
        measured(caller, make_plan(pre_processor=f"{ARN}-pre"))
    assert "secret" not in str(caught.value)
