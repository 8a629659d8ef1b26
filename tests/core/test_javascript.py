"""JavaScript's rules, with values taken from Node 20."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.power_tuning.javascript import (
    UNDEFINED,
    add,
    divide,
    json_text,
    parse_int,
    to_fixed,
    to_number,
    to_string,
    truthy,
)
from tests.oracle.power_tuning_values import parse_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.30000000000000004"), (1e21, "1e+21"), (123456789012345680000.0,
        "123456789012345680000"), (1e-6, "0.000001"), (1.5e-7, "1.5e-7"), (-0.0, "0"),
        (5e-324, "5e-324"), (-12.5, "-12.5"), (100.0, "100"), (2**64, "18446744073709552000"),
        (math.nan, "NaN"), (-math.inf, "-Infinity"), (True, "true"), (None, "null"),
        (UNDEFINED, "undefined"), ([], ""), ([1, [2, None]], "1,2,"), ({}, "[object Object]"),
    ],
)  # fmt: skip
def test_texts(value: Any, text: str) -> None:
    assert to_string(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_texts_of_numbers_read_back(value: float) -> None:
    assert to_number(to_string(value)) == value


@pytest.mark.parametrize(
    ("value", "number"),
    [(" 12 ", 12), ("0x1F", 31), ("1e3", 1000), (".5", 0.5), ("", 0), (None, 0), (True, 1),
     ([], 0), (["7"], 7), ("-Infinity", -math.inf)],
)  # fmt: skip
def test_numbers(value: Any, number: float) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize("value", ["1,5", "12px", "1_000", "nan", "inf", {}, UNDEFINED, [1, 2]])
def test_no_numbers(value: Any) -> None:
    assert math.isnan(to_number(value))


def test_parse_int() -> None:
    assert parse_int("10.9ms") == 10
    assert parse_int(5e-7) == 5  # "5e-7" begins with 5
    assert parse_int("0x10") == 0
    assert math.isnan(parse_int(None))


def test_to_fixed() -> None:
    assert to_fixed(0.5, 0) == "1"  # 0.5 is exactly half
    assert to_fixed(8.345, 2) == "8.35"
    assert to_fixed(1.45, 1) == "1.4"
    assert to_fixed(-1.5, 0) == "-2"
    assert to_fixed(1e21, 2) == "1e+21"
    assert to_fixed(math.nan, 2) == "NaN"


def test_arithmetic() -> None:
    assert add(1, "2") == "12"
    assert add(1, None) == 1
    assert math.isnan(add(1, UNDEFINED))
    assert math.isnan(divide(0, 0))
    assert divide(-1, 0) == -math.inf
    assert divide(1, -0.0) == -math.inf


def test_truth() -> None:
    true: list[Any] = [{}, [], "0", -1]
    false: list[Any] = ["", 0, None, UNDEFINED, math.nan, False]
    assert list(map(truthy, true)) == [True] * len(true)
    assert list(map(truthy, false)) == [False] * len(false)


def test_json_is_strict_and_doubles() -> None:
    assert to_string(parse_json("12345678901234567890")) == "12345678901234567000"
    for text in ("NaN", "Infinity", "01", "[1,]", "'a'", ""):
        with pytest.raises(ValueError, match=r"\w"):
            parse_json(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "10": 2, "9": 3, "01": 4}, '{"9":3,"10":2,"b":1,"01":4}'),
        ({"a": UNDEFINED, "b": math.inf}, '{"b":null}'), ([UNDEFINED], "[null]"),
        ("\ud800 \u2028\x7f\b", '"\\ud800 \u2028\x7f\\b"'), (1e400, "null"), ("é😀", '"é😀"'),
    ],
)  # fmt: skip
def test_json_texts(value: Any, text: str) -> None:
    assert json_text(value) == text
