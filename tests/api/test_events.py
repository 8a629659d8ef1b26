from pathlib import Path
from typing import Any

import pytest

from lambdatuning import PayloadType
from lambdatuning.api.tuning import payload_types
from lambdatuning.core.errors import UsageError

PAYLOADS = Path(__file__).parents[2] / "data" / "payloads"


def test_a_dict_is_the_event_as_it_stands() -> None:
    event = {"operation": "echo", "payload": "{{no placeholder}}"}
    (payload,) = payload_types(event, PAYLOADS)
    assert payload == PayloadType("event", event, literal=True)


def test_names_events_and_types_go_together() -> None:
    mine = PayloadType("mine", {"a": 1})
    payloads = payload_types(["echo", mine, {"b": 2}], PAYLOADS)
    assert {kind.name for kind in payloads} == {"echo", "mine", "event"}


def test_none_are_none() -> None:
    assert payload_types((), PAYLOADS) == ()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([{"a": 1}, {"a": 2}], "several events need names"),
        ([1], "a payload is a name, a file, an event"),
    ],
)
def test_payloads_that_cannot_be_distinguished_are_refused(payload: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        payload_types(payload, PAYLOADS)


def test_a_weighted_list_is_a_mix() -> None:
    payloads = payload_types(
        [{"payload": {"a": 1}, "weight": 1}, {"payload": {"b": 2}, "weight": 3}], PAYLOADS
    )
    assert [(each.name, each.event, each.weight) for each in payloads] == [
        ("event-1", {"a": 1}, 1),
        ("event-2", {"b": 2}, 3),
    ]
