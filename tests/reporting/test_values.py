import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from lambdatuning.core.errors import UsageError
from lambdatuning.reporting.execution import Translator
from lambdatuning.reporting.parameters import NotebookParameter, SourceText
from lambdatuning.reporting.values import Typed, as_code, as_data, convert, read_yaml

HERE = Path("/given/here")


def converted(kind: str, value: object) -> object:
    return convert(NotebookParameter("p", kind, None), value, folder=HERE)


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
    result = converted(kind, text)
    assert result == value
    assert type(result) is type(value)


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
        convert(NotebookParameter("p", kind, 7), value, folder=HERE)
    assert kind in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"), [("int", 3), ("float", 3), ("str", Path("/x")), ("bool", False)]
)
def test_values_of_the_type_pass(kind: str, value: object) -> None:
    expected = str(value) if isinstance(value, Path) else value
    assert converted(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("List[str]", "a, b", ["a", "b"]),
        ("typing.List[int]", "[1, 2]", [1, 2]),
        ("list[str]", "[a, b]", ["a", "b"]),
        ("list[float]", "1, 2.5", [1.0, 2.5]),
        ("Sequence[int]", (1, 2), [1, 2]),
        ("list", "1, x", [1, "x"]),
        ("list", "", []),
        ("list[Path]", "a, /b", [Path("/given/here/a"), Path("/b")]),
        # The type of the parts says what a text without brackets is.
        ("list[str]", "1, 2", ["1", "2"]),
        ("List[str]", "007,1e3,2026-11-28", ["007", "1e3", "2026-11-28"]),
        ("list[str]", "'a, b', 'c'", ["a, b", "c"]),
        ("list[bool]", "yes, no", [True, False]),
        ("list[tuple[int, int]]", "(1, 2), (3, 4)", [(1, 2), (3, 4)]),
        ("tuple[int, str]", "3, x", (3, "x")),
        ("tuple[int, ...]", "(1, 2, 3)", (1, 2, 3)),
        ("Tuple[float, float]", [1, 2.5], (1, 2.5)),
        ("tuple", "(1, 'a')", (1, "a")),
        ("set[str]", "a, b, a", {"a", "b"}),
        ("Optional[int]", "3", 3),
        ("Optional[int]", "None", None),
        ("Optional[int]", "", None),
        ("Optional[str]", "none", None),
        ("Optional[str]", "", ""),
        ("typing.Union[int, str]", "x", "x"),
        ("Union[int, None]", None, None),
        ("None | list[int]", "1,2", [1, 2]),
        ("'int'", "3", 3),
        ("Annotated[int, 'how many']", "3", 3),
        ("Literal['cost', 'speed']", "speed", "speed"),
        ("Literal[1, 2]", "2", 2),
        ("Dict[str, List[int]]", '{"a": [1]}', {"a": [1]}),
        ("Mapping[str, float]", "{a: 1.5}", {"a": 1.5}),
        ("dict[int, str]", "{1: 'a'}", {1: "a"}),
        ("date", "2026-11-28", date(2026, 11, 28)),
        ("datetime.date", datetime(2026, 11, 28, 9), date(2026, 11, 28)),
        ("datetime", "2026-11-28T09:00", datetime(2026, 11, 28, 9)),
        ("dt.datetime", date(2026, 11, 28), datetime(2026, 11, 28)),
        ("Optional[date]", "", None),
        ("datetime", "2026-11-28T09:00Z", datetime(2026, 11, 28, 9, tzinfo=UTC)),
        ("time", "09:30", time(9, 30)),
        ("Decimal", "0.10", Decimal("0.10")),
        ("decimal.Decimal", 5, Decimal(5)),
        ("Decimal", 0.1, Decimal("0.1")),
        ("Path", "runs", Path("/given/here/runs")),
        ("pathlib.PurePath", "runs", Path("/given/here/runs")),
        ("str", date(2026, 11, 28), "2026-11-28"),
        ("int", "10_000_000", 10_000_000),
        ("int", np.int64(5), 5),
        ("float", np.float32(0.5), 0.5),
        ("list[int]", np.array([1, 2]), [1, 2]),
        ("datetime", pd.Timestamp("2026-11-28 09:00"), datetime(2026, 11, 28, 9)),
        ("Optional[datetime]", pd.NaT, None),
        ("", pd.Timedelta("1h"), timedelta(hours=1)),
    ],
)
def test_annotations_of_every_kind_are_kept_to(kind: str, value: object, expected: Any) -> None:
    result = converted(kind, value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("List[int]", "1, x"),
        ("list[int]", [1, "x"]),
        ("list[int]", [1, True]),
        ("list[str]", "[1, 2"),
        ("tuple[int, int]", "1"),
        ("Optional[int]", "x"),
        ("Literal['cost', 'speed']", "sped"),
        ("Literal[1]", True),
        ("dict[str, int]", '{"a": "b"}'),
        ("date", "tomorrow"),
        ("date", "2026-11-31"),
        ("datetime", 5),
        ("int | None", 1.5),
        ("int", "0x10"),
        ("int", "1e3"),
        ("int", ""),
        ("Decimal", "0x10"),
        ("time", "9.30 Uhr"),
        ("list[int]", "1, 1e3"),
    ],
)
def test_what_is_not_of_the_annotation_is_refused(kind: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"parameter p must be "):
        converted(kind, value)


def test_a_refusal_shows_code_as_code() -> None:
    with pytest.raises(UsageError, match=r"must be date, such as date\(2026, 1, 1\); not 'x'"):
        convert(NotebookParameter("p", "date", SourceText("date(2026, 1, 1)")), "x", folder=HERE)


@pytest.mark.parametrize("kind", ["", "Any", "object", "Strategy", "pd.Timestamp", "not a type!"])
def test_without_a_type_that_is_known_values_are_taken_as_papermill_takes_them(kind: str) -> None:
    texts = {"5": 5, "1.5": 1.5, "True": True, "None": None, "true": "true", "a b": "a b", "": ""}
    for text, expected in texts.items():
        result = converted(kind, Typed(text))
        assert (result, type(result)) == (expected, type(expected))
    assert converted(kind, "5") == "5"
    assert converted(kind, [1, {"a": None}]) == [1, {"a": None}]


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Colour(enum.StrEnum):
    RED = "red"


def test_a_member_of_an_enumeration_is_given_as_it_is_written() -> None:
    size = NotebookParameter("size", "Size", SourceText("Size.SMALL"))
    for given in ("Size.LARGE", Size.LARGE):
        code = convert(size, given, folder=HERE)
        assert (code, type(code)) == ("Size.LARGE", SourceText)
    assert convert(size, Typed("l"), folder=HERE) == "l"  # for a cell that calls Size(size)
    qualified = NotebookParameter("m", "models.Size", SourceText("models.Size.SMALL"))
    assert convert(qualified, Size.LARGE, folder=HERE) == "models.Size.LARGE"
    assert converted("Literal[Size.SMALL, 'all']", "Size.SMALL") == "Size.SMALL"
    with pytest.raises(UsageError, match="must be Literal"):
        converted("Literal[Size.SMALL, 'all']", "Size.LARGE")
    assert type(converted("str", Colour.RED)) is str
    with pytest.raises(UsageError, match="a Size cannot be written"):
        converted("", Size.LARGE)


def test_an_object_that_no_notebook_can_be_given_is_refused() -> None:
    with pytest.raises(UsageError, match="parameter p: a object cannot be written"):
        converted("", object())
    with pytest.raises(UsageError, match="cannot be written"):
        converted("", [{"a": object()}])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        1e400,
        float("-inf"),
        'it\'s "quoted" \\ \n \ud83d €',
        [1, [2.5, None]],
        {"a": {"b": [False]}},
        (1,),
        (),
        {1: "a", (2, 3): {4}},
        {1, 2},
        frozenset({"a"}),
        date(2026, 11, 28),
        [datetime(2026, 11, 28, 9, 30)],
        datetime(2026, 11, 28, tzinfo=UTC),
        datetime(2026, 11, 28, tzinfo=timezone(timedelta(hours=-3.5))),
        datetime(2026, 7, 28, tzinfo=ZoneInfo("Europe/Berlin")),
        time(9, 30),
        timedelta(days=1, seconds=2),
        Decimal("0.10"),
        Path("/a b"),
    ],
)
def test_values_arrive_as_they_are_without_any_import(value: object) -> None:
    source = Translator.translate(as_code(value))
    result = eval(source, {"datetime": "the notebook's own", "Path": None})
    assert result == value
    assert type(result) is type(value)


def test_nan_arrives() -> None:
    assert as_code(float("nan")) == 'float("nan")'


def test_other_languages_get_plain_data() -> None:
    value = {1: (date(2026, 11, 28), Path("/a"), Decimal("0.10"), None), "b": {True}}
    assert as_data(value) == {"1": ["2026-11-28", "/a", "0.10", None], "b": [True]}


def test_plain_data_stays_data() -> None:
    assert as_code({"a": [1]}) == {"a": [1]}
    assert not isinstance(as_code("date(1)"), SourceText)


def test_yaml_gives_values_to_names() -> None:
    assert read_yaml("{num: 20, since: 2026-11-01, sizes: [128, 256]}", "-y") == {
        "num": 20,
        "since": "2026-11-01",
        "sizes": [128, 256],
    }
    assert read_yaml("", "-y") == {}
    assert read_yaml('{\n\t"num": 1e3}', "-f") == {"num": 1000.0}  # JSON, which YAML is not
    with pytest.raises(UsageError, match=r'-y must give values to names, as in "num: 20"'):
        read_yaml("[1]", "-y")
    with pytest.raises(UsageError, match="-y is not YAML: "):
        read_yaml("{a: [", "-y")
