from pathlib import Path
from typing import Any

import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.reporting.parameters import Parameter, check_names, convert, declared

HERE = Path("/given/here")


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


def test_parameters_are_read_with_type_default_and_comment() -> None:
    source = 'num: int = 10  # invocations\nstore: str | Path = "../runs"  # where # it is\nx = [1]'
    found = declared({"cells": [cell("other: int = 1"), cell(source, "parameters")]})
    assert found == (
        Parameter("num", "int", 10, "invocations"),
        Parameter("store", "str | Path", "../runs", "where # it is"),
        Parameter("x", "list", [1], ""),
    )


def test_a_notebook_without_the_tag_has_none() -> None:
    assert declared({"cells": [cell("num: int = 1")]}) == ()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "12", 12),
        ("int", "-3", -3),
        ("float", "0.5", 0.5),
        ("float", "1", 1.0),
        ("bool", "true", True),
        ("bool", "no", False),
        ("str", "12", "12"),
        ("str", "", ""),
        ("int | None", "none", None),
        ("int | None", "3", 3),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[int]", "128,256", [128, 256]),
        ("list[str]", "read, hash", ["read", "hash"]),
        ("dict[str, int]", '{"a": 1}', {"a": 1}),
        ("str | Path", "data/runs", "/given/here/data/runs"),
        ("str | Path", "/abs", "/abs"),
        ("str | Path", "s3://bucket/runs", "s3://bucket/runs"),
        ("str | Path", "", ""),
    ],
)
def test_text_becomes_the_declared_type(kind: str, text: str, value: object) -> None:
    found = convert(Parameter("p", kind, None), text, folder=HERE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "ten"),
        ("int", "1.5"),
        ("int", True),
        ("int", 1.5),
        ("float", "fast"),
        ("bool", "maybe"),
        ("bool", 1),
        ("str", 3),
        ("dict[str, int]", "[1]"),
        ("list[int]", 3),
        ("float", None),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"parameter p must be .*, such as 7; not ") as caught:
        convert(Parameter("p", kind, 7), value, folder=HERE)
    assert kind in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"), [("int", 3), ("float", 3), ("str", Path("/x")), ("bool", False)]
)
def test_values_of_the_type_pass(kind: str, value: object) -> None:
    expected = str(value) if isinstance(value, Path) else value
    assert convert(Parameter("p", kind, None), value, folder=HERE) == expected


def test_an_unknown_name_is_refused_with_the_closest() -> None:
    known = [Parameter("num", "int", 1), Parameter("seed", "int", 1)]
    with pytest.raises(
        UsageError, match=r'unknown parameter "nums" of 01\.ipynb; did you mean "num"'
    ):
        check_names(["seed", "nums"], known, "01.ipynb")
    with pytest.raises(UsageError, match="it has no parameters"):
        check_names(["num"], [], "01.ipynb")
