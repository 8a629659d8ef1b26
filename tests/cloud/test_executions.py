"""Executions: started, stopped, listed, and failures told by their cause, also Power Tuning's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdatuning.api.executions import executions, show
from lambdatuning.api.runs import load_runs
from lambdatuning.cloud.executions import (
    describe,
    execution_arn,
    failure,
    has_answer,
    start,
    stop,
)
from lambdatuning.core.errors import NotFoundError, RunSkippedWarning, UsageError
from lambdatuning.core.power_tuning.visualization import PublishedCurve, decode_visualization
from tests.fakes.aws_lambda import Pages, refusal
from tests.oracle.power_tuning_values import comparison_url

from .conftest import fake_cloud

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:powerTuning"
ARN = execution_arn(MACHINE, "e1")


@pytest.mark.parametrize("qualifier", ["", ":live", ":3"])
def test_an_execution_is_named_without_the_alias_that_started_it(qualifier: str) -> None:
    assert execution_arn(f"{MACHINE}{qualifier}", "e1") == f"{ARN}"


STARTED = datetime(2026, 11, 23, 9, tzinfo=UTC)
URL = "https://lambda-power-tuning.show/#gAAAAQ==;AADIQgAASEI=;XHxhNFx84TQ="
OUTPUT = {
    "power": 256, "cost": 2e-7, "duration": 50.0,
    "stateMachine": {"executionCost": 0.0003, "lambdaCost": 1e-5, "visualization": URL},
}  # fmt: skip


class FakeStepFunctions:
    """One state machine with the executions that it is given; a history of events for each."""

    def __init__(
        self, described: dict[str, dict[str, Any]], events: list[Any] | None = None
    ) -> None:
        self.described, self.events = described, events or []
        self.stopped: list[str] = []

    def start_execution(self, **given: Any) -> dict[str, str]:
        if given["stateMachineArn"] != MACHINE:
            raise refusal("StateMachineDoesNotExist")
        return {"executionArn": execution_arn(MACHINE, given["name"])}

    def describe_execution(self, **given: str) -> dict[str, Any]:
        if given["executionArn"] not in self.described:
            raise refusal("ExecutionDoesNotExist")
        return {
            "stateMachineArn": MACHINE,
            "startDate": STARTED,
            "stopDate": STARTED + timedelta(seconds=3),
            "input": json.dumps({"lambdaARN": "arn:aws:lambda:r:1:function:shop"}),
            **self.described[given["executionArn"]],
        }

    def stop_execution(self, **given: str) -> None:
        self.describe_execution(executionArn=given["executionArn"])
        self.stopped.append(given["executionArn"])
        self.described[given["executionArn"]]["status"] = "ABORTED"

    def get_paginator(self, name: str) -> Pages:
        if name == "get_execution_history":
            return Pages(lambda **_: iter([{"events": self.events}]))
        listed = [{"executionArn": arn} for arn in self.described]
        return Pages(lambda **_: iter([{"executions": listed[:1]}, {"executions": listed[1:]}]))


LAMBDA_FAILED = {
    "id": 2, "previousEventId": 1, "type": "LambdaFunctionFailed",
    "lambdaFunctionFailedEventDetails": {
        "error": "Error", "cause": json.dumps({"errorMessage": "Invocation error:\n no table"}),
    },
}  # fmt: skip


@pytest.mark.parametrize("output", ["{}", "null", None])
def test_succeeded_without_an_output_is_a_failure_with_its_cause(output: str | None) -> None:
    states = FakeStepFunctions({ARN: {"status": "SUCCEEDED", "output": output}}, [LAMBDA_FAILED])
    cloud = fake_cloud(stepfunctions=states)
    execution = describe(cloud, ARN)
    assert not has_answer(execution)
    assert str(failure(cloud, execution)) == (
        f"the tuning run failed: Invocation error: no table ({ARN})"
    )


def test_a_failed_execution_tells_its_own_cause() -> None:
    cause = json.dumps({"errorMessage": "run x holds it", "errorType": "LockedError"})
    described = {ARN: {"status": "FAILED", "error": "LockedError", "cause": cause}}
    cloud = fake_cloud(stepfunctions=FakeStepFunctions(described))
    assert "failed: run x holds it (" in str(failure(cloud, describe(cloud, ARN)))


def test_an_unknown_cause_is_reported_as_such() -> None:
    cloud = fake_cloud(stepfunctions=FakeStepFunctions({ARN: {"status": "SUCCEEDED"}}))
    assert "no output and no error" in str(failure(cloud, describe(cloud, ARN)))


def test_starting_needs_a_state_machine_and_a_small_input() -> None:
    cloud = fake_cloud(stepfunctions=FakeStepFunctions({}))
    assert start(cloud, MACHINE, "e1", {}) == ARN
    with pytest.raises(NotFoundError, match="no state machine"):
        start(cloud, MACHINE + "x", "e1", {})
    with pytest.raises(UsageError, match="256 KB"):
        start(cloud, MACHINE, "e1", {"payload": "x" * 300_000})


def test_stopping_waits_and_what_never_ran_stands_still() -> None:
    states = FakeStepFunctions({ARN: {"status": "RUNNING"}})
    cloud = fake_cloud(stepfunctions=states)
    stop(cloud, ARN, lambda _: None)
    assert states.stopped == [ARN]
    stop(cloud, ARN + "-none", lambda _: None)


def test_executions_of_anyone_are_a_frame() -> None:
    described: dict[str, dict[str, Any]] = {
        ARN: {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)},
        ARN + "2": {"status": "SUCCEEDED", "output": "{}"},
        ARN + "3": {"status": "RUNNING", "stopDate": None},
    }
    cloud = fake_cloud(stepfunctions=FakeStepFunctions(described, [LAMBDA_FAILED]))
    frame = executions(cloud, MACHINE)
    assert frame["status"].tolist() == ["SUCCEEDED", "FAILED", "RUNNING"]
    assert frame["cause"].tolist() == ["", "Invocation error: no table", ""]
    assert frame["function"].unique().tolist() == ["shop"]
    assert (frame["power"].iloc[0], frame["wall_ms"].iloc[0]) == (256, 3000)
    curve = show(str(frame["visualization"].iloc[0]))
    assert curve["memory_mb"].tolist() == [128, 256]
    assert curve["duration_ms"].tolist() == [100.0, 50.0]


def test_an_output_that_is_wrapped_and_whose_power_is_a_text_is_read() -> None:
    wrapped = {"results": {**OUTPUT, "power": "256"}}
    described = {ARN: {"status": "SUCCEEDED", "output": json.dumps(wrapped)}}
    cloud = fake_cloud(stepfunctions=FakeStepFunctions(described))
    assert has_answer(describe(cloud, ARN))
    frame = executions(cloud, MACHINE)
    assert (frame["power"].tolist(), frame["cost_usd"].tolist()) == ([256], [2e-7])


def test_a_comparison_of_two_runs_is_shown_with_their_names() -> None:
    (run,) = decode_visualization(URL)
    url = comparison_url(
        PublishedCurve(run.points, "before: a;b"), PublishedCurve(run.points[:1], "after")
    )
    frame = show(f"<{url}>")
    assert frame["run"].tolist() == ["before: a;b", "before: a;b", "after"]
    assert frame["memory_mb"].tolist() == [128, 256, 128]


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(UsageError, match="not a visualization URL"):
        show("https://example.com/")


def test_an_execution_is_looked_up_by_its_own_arn() -> None:
    described = {ARN: {"status": "SUCCEEDED", "output": "{}"}, ARN + "2": {"status": "RUNNING"}}
    cloud = fake_cloud(stepfunctions=FakeStepFunctions(described, [LAMBDA_FAILED]))
    frame = executions(cloud, ARN)
    assert frame["execution_arn"].tolist() == [ARN]
    assert frame["cause"].tolist() == ["Invocation error: no table"]
    with pytest.raises(NotFoundError, match=r"no execution .*-none; AWS keeps them for 90 days"):
        executions(cloud, ARN + "-none")


@pytest.mark.parametrize("output", ["[1]", '"x"', '{"stateMachine": "x"}', '{"power": {"a": 1}}'])
def test_an_odd_execution_hinders_no_other(output: str) -> None:
    described: dict[str, dict[str, Any]] = {
        ARN: {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)},
        ARN + "2": {"status": "SUCCEEDED", "output": output, "input": "[]"},
        ARN + "3": {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)},
    }
    frame = executions(fake_cloud(stepfunctions=FakeStepFunctions(described)), MACHINE)
    assert frame["execution"].tolist() == ["e1", "e12", "e13"]
    assert frame["power"].tolist()[::2] == [256, 256]


def test_a_cut_url_leaves_its_run_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = {**OUTPUT, "stateMachine": {"visualization": URL[:40], "lambdaCost": 1e-5}}
    described = {
        ARN: {"status": "SUCCEEDED", "output": json.dumps(OUTPUT)},
        ARN + "2": {"status": "SUCCEEDED", "output": json.dumps(cut)},
    }
    cloud = fake_cloud(stepfunctions=FakeStepFunctions(described))
    with pytest.warns(RunSkippedWarning, match="e12: its visualization URL cannot be read"):
        (run,) = load_runs(state_machine=MACHINE, cloud=cloud)
    assert run.run_id == "e1"


@pytest.mark.parametrize(
    ("status", "words"), [("TIMED_OUT", "it timed out"), ("ABORTED", "it was stopped")]
)
def test_without_words_the_status_tells(status: str, words: str) -> None:
    cloud = fake_cloud(stepfunctions=FakeStepFunctions({ARN: {"status": status}}))
    assert f"failed: {words} (" in str(failure(cloud, describe(cloud, ARN)))
