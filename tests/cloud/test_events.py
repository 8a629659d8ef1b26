"""Following a stack: on histories as CloudFormation writes them."""

from collections.abc import Iterator
from typing import Any

import pytest

from lambdatuning.cloud.stack.status import StackEvent, Waiting, failures, follow, seen_events
from lambdatuning.core.errors import StackError
from tests.cloud.conftest import fake_cloud

STACK = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1"


def entry(number: int, state: str, logical_id: str = "demo", reason: str = "") -> dict[str, Any]:
    return {
        "EventId": f"e{number}",
        "StackId": STACK,
        "Timestamp": number,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": STACK if logical_id == "demo" else "",
        "ResourceType": "T",
        "ResourceStatus": state,
        **({"ResourceStatusReason": reason} if reason else {}),
    }


class History:
    """A CloudFormation whose history grows by one step with each poll."""

    def __init__(self, *steps: list[dict[str, Any]]) -> None:
        self.steps, self.polls = steps, 0

    def get_paginator(self, name: str) -> "History":
        assert name == "describe_stack_events"
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert StackName == STACK
        so_far = [event for step in self.steps[: self.polls + 1] for event in step]
        self.polls += 1
        for event in reversed(so_far):  # newest first, one a page
            yield {"StackEvents": [event]}


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    def waiting(self, patience_s: float = 300) -> Waiting:
        return Waiting(lambda: self.now, self.sleep, patience_s)


def followed(history: History, time: Time, earlier: frozenset[str] = frozenset()) -> list[str]:
    reported = list[StackEvent]()
    events = follow(
        fake_cloud(cloudformation=history), STACK, earlier, reported.append, time.waiting()
    )
    assert reported == events
    return [f"{event.logical_id} {event.state}" for event in events]


def test_events_come_once_each_and_oldest_first() -> None:
    history = History(
        [entry(1, "CREATE_IN_PROGRESS"), entry(2, "CREATE_IN_PROGRESS", "Table")],
        [],
        [entry(3, "CREATE_COMPLETE", "Table"), entry(4, "CREATE_COMPLETE")],
    )
    assert followed(history, Time()) == [
        "demo CREATE_IN_PROGRESS",
        "Table CREATE_IN_PROGRESS",
        "Table CREATE_COMPLETE",
        "demo CREATE_COMPLETE",
    ]


def test_the_end_of_an_earlier_change_is_not_the_end_of_this_one() -> None:
    history = History(
        [entry(1, "CREATE_COMPLETE")],
        [],
        [],
        [entry(2, "UPDATE_IN_PROGRESS"), entry(3, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")],
        [entry(4, "UPDATE_COMPLETE")],
    )
    earlier = seen_events(fake_cloud(cloudformation=history), STACK)
    states = followed(history, Time(), earlier)
    assert states[-1] == "demo UPDATE_COMPLETE"
    assert len(states) == 3


def test_pauses_grow_up_to_a_limit() -> None:
    time = Time()
    quiet: list[list[dict[str, Any]]] = [[] for _ in range(25)]
    followed(History(*quiet, [entry(1, "DELETE_COMPLETE")]), time)
    assert time.pauses[0] == pytest.approx(0.1)
    assert time.pauses == sorted(time.pauses)
    assert max(time.pauses) == 5


def test_patience_ends() -> None:
    history, time = History([entry(1, "UPDATE_IN_PROGRESS")]), Time()
    with pytest.raises(StackError, match="the stack demo takes over 300 s"):
        followed(history, time)
    assert time.now >= 300


def test_first_causes_are_reported_and_their_consequences_left_out() -> None:
    history = History(
        [
            entry(1, "CREATE_FAILED", "Table", "name is\n taken"),
            entry(2, "CREATE_FAILED", "Role", "Resource creation cancelled"),
            entry(3, "ROLLBACK_IN_PROGRESS", reason="The following resource(s) failed: [Table]"),
            entry(4, "ROLLBACK_COMPLETE"),
        ]
    )
    cloud = fake_cloud(cloudformation=history)
    events = follow(cloud, STACK, frozenset(), lambda _: None, Time().waiting())
    assert failures(events) == "Table (T): name is taken"


def test_a_failure_without_a_resource_is_reported_by_the_stack() -> None:
    history = History([entry(1, "ROLLBACK_COMPLETE", reason="no rights")])
    cloud = fake_cloud(cloudformation=history)
    events = follow(cloud, STACK, frozenset(), lambda _: None, Time().waiting())
    assert failures(events) == "no rights"
