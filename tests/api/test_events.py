from pathlib import Path
from typing import Any

import pytest

from lambdatuning import PayloadType
from lambdatuning.api.tuning import payload_types
from lambdatuning.core.errors import UsageError

PAYLOADS = Path(__file__).parents[2] / "data" / "payloads"


def test_a_dict_is_the_event_as_it_stands() -> None:
    event = {"operation": "echo", "payload": "{{no placeholder}}"}
    (found,) = payload_types(event, PAYLOADS)
    assert found == PayloadType("event", event, literal=True)


def test_names_events_and_types_go_together() -> None:
    mine = PayloadType("mine", {"a": 1})
    found = payload_types(["echo", mine, {"b": 2}], PAYLOADS)
    assert {kind.name for kind in found} == {"echo", "mine", "event"}


def test_none_are_none() -> None:
    assert payload_types((), PAYLOADS) == ()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([{"a": 1}, {"a": 2}], "several events need names"),
        ([1], "a payload is a name, a file, an event"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(wanted: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        payload_types(wanted, PAYLOADS)


def test_a_weighted_list_is_a_mix() -> None:
    found = payload_types(
        [{"payload": {"a": 1}, "weight": 1}, {"payload": {"b": 2}, "weight": 3}], PAYLOADS
    )
    assert [(each.name, each.event, each.weight) for each in found] == [
        ("event-1", {"a": 1}, 1),
        ("event-2", {"b": 2}, 3),
    ]
