"""The typed form: whatever JSON can say goes in and comes out unchanged."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.functions.dynamodb_manager.wire import from_wire, to_json, to_wire

numbers = (
    st.integers(-(10**37), 10**37)
    | st.decimals(-(10**18), 10**18, places=9)
    | st.floats(-1e100, 1e100, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-100)
)
values = st.recursive(
    st.none() | st.booleans() | st.text() | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def exact(value: Any) -> Any:
    """The value with its floats as the decimals that they are written as."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return value


@given(values)
def test_there_and_back(value: Any) -> None:
    assert from_wire(to_wire(value)) == exact(value)


@given(values)
def test_the_typed_form_is_that_of_boto3(value: Any) -> None:
    theirs = TypeSerializer().serialize(exact(value))
    assert TypeDeserializer().deserialize(to_wire(value)) == TypeDeserializer().deserialize(theirs)
    assert from_wire(theirs) == exact(value)


@given(values)
def test_json_keeps_every_digit(value: Any) -> None:
    text = to_json(exact(value))
    assert json.loads(text, parse_float=Decimal) == exact(value)


@given(st.text())
def test_no_text_is_taken_for_a_number(text: str) -> None:
    assert json.loads(to_json({text: [text, Decimal("0.5")]})) == {text: [text, 0.5]}


@pytest.mark.parametrize("value", [b"\x00", {1, 2}, object(), float("nan"), Decimal("-inf")])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON value|no number"):
        to_wire({"inner": [value]})
