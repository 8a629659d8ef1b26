"""The client judged by records of AWS: histories, error answers, stack events."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from lambdatuning.cloud.aws_errors import explain
from lambdatuning.cloud.executions import cause_of
from lambdatuning.cloud.stack.status import StackEvent, Waiting, failures, follow
from lambdatuning.core.errors import CredentialsError, LambdaTuningError, NotFoundError

from .conftest import fake_cloud

FOLDER = Path(__file__).parents[1] / "records"
MODELS = botocore.session.get_session()

COMMON_CODES = {
    "AccessDeniedException", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch",
    "Throttling", "ThrottlingException", "UnrecognizedClientException", "ValidationError",
}  # fmt: skip
"""Codes that every API may answer; no model lists them."""


def records(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))
    return read


def named(record: dict[str, Any]) -> str:
    return str(record.get("what") or f"{record['operation']}-{record['code']}")


HISTORIES, ERRORS = records("histories.json"), records("errors.json")
STACKS = records("stack_events.json")


@pytest.mark.parametrize("record", HISTORIES, ids=named)
def test_the_cause_of_an_execution_is_reported(record: dict[str, Any]) -> None:
    assert cause_of(record["events"]) == record["cause"]
    assert cause_of(reversed(record["events"])) == record["cause"]


@pytest.mark.parametrize("record", HISTORIES, ids=named)
def test_histories_are_such_as_step_functions_could_have_written(record: dict[str, Any]) -> None:
    event_shape = MODELS.get_service_model("stepfunctions").shape_for("HistoryEvent")
    kinds = event_shape.members["type"].enum
    ids = [event["id"] for event in record["events"]]
    assert ids == sorted(set(ids))
    for event in record["events"]:
        assert event["type"] in kinds
        assert event["previousEventId"] < event["id"]
        assert event.keys() <= event_shape.members.keys()
        for name, details in event.items():
            if name.endswith("Details"):
                assert details.keys() <= event_shape.members[name].members.keys()


def test_a_history_that_points_in_a_circle_ends() -> None:
    events = [
        {"id": 1, "previousEventId": 2, "type": "MapIterationFailed"},
        {"id": 2, "previousEventId": 2, "type": "MapStateFailed"},
    ]
    assert cause_of(events) == ""
    assert cause_of([]) == ""


@pytest.mark.parametrize("record", ERRORS, ids=named)
def test_error_answers_become_one_line_that_says_what_to_do(record: dict[str, Any]) -> None:
    model = MODELS.get_service_model(record["service"]).operation_model(record["operation"])
    codes = {shape.error_code or shape.name for shape in model.error_shapes}
    codes |= {shape.name for shape in model.error_shapes}
    assert record["code"] in codes | COMMON_CODES
    answer: Any = {
        "Error": {"Code": record["code"], "Message": record["message"]},
        "ResponseMetadata": {"HTTPStatusCode": record["status"]},
    }
    explained = explain(ClientError(answer, record["operation"]))
    assert type(explained) in {LambdaTuningError, NotFoundError, CredentialsError}
    assert record["code"] in str(explained)
    assert "\n" not in str(explained)
    if isinstance(explained, CredentialsError):
        assert "aws configure" in str(explained)
    else:
        cause, _, advice = str(explained).rpartition("; ")
        assert record["message"].rstrip(".") in cause
        assert len(advice.split()) >= 3


class History:
    """A CloudFormation that has one more event with each poll, newest first."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events, self.polls = events, 0

    def get_paginator(self, name: str) -> "History":
        assert name == "describe_stack_events"
        return self

    def paginate(self, **_: Any) -> Any:
        self.polls += 1
        yield {"StackEvents": self.events[: self.polls][::-1]}


@pytest.mark.parametrize("record", STACKS, ids=named)
def test_a_stack_that_failed_says_why(record: dict[str, Any]) -> None:
    shape = MODELS.get_service_model("cloudformation").shape_for("StackEvent")
    for event in record["events"]:
        assert event.keys() <= shape.members.keys()
        for name in ("ResourceStatus", "HookStatus", "HookFailureMode", "HookInvocationPoint"):
            assert name not in event or event[name] in shape.members[name].enum
    reported: list[StackEvent] = []
    waiting = Waiting(lambda: 0.0, lambda _: None, 300)
    cloud = fake_cloud(cloudformation=History(record["events"]))
    stack_id = record["events"][0]["StackId"]
    events = follow(cloud, stack_id, frozenset(), reported.append, waiting)
    assert len(events) == len(record["events"])
    assert failures(events) == record["failures"]
