"""Payload types: bad files name file, line and reason; rendering is fresh and repeatable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatuning.core.errors import UsageError
from lambdatuning.core.tuning.payloads import (
    Context,
    PayloadType,
    Seed,
    normalised,
    parse_payload_type,
    payload_type,
    render,
    seed_items,
    unique,
)


def context(n: int = 0, **changes: object) -> Context:
    return Context(run="r1", payload="p", n=n, table="t", memory_mb=128, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{\n "name": "x",\n "event": {,}\n}', "f.json:3: not JSON"),
        ('{"name": "x"}', 'f.json:1: "event" is missing'),
        ('{\n"name": "x",\n"event": 1,\n"wieght": 2}', 'f.json:4: unknown field "wieght"; did you'),
        ('{\n"name": "a b",\n"event": 1}', "f.json:2: name must be"),
        ('{"name": "x",\n"event": 1,\n"weight": 0}', "f.json:3: weight must be"),
        ('{"name": "x",\n"event": "{{uid}}"}', "f.json:2: unknown placeholder {{uid}}; did you"),
        ('{"name": "x", "event": "{{text:many}}"}', "placeholder {{text:many}}"),
        ('{"name": "x", "event": "{{text:9e9}}"}', "placeholder {{text:9e9}}"),
        (
            f'{{"name": "x", "event": "{{{{text:{10**15}}}}}"}}',
            "placeholder {{text:1000000000000000}}",
        ),
        ('{"name": "x", "event": 1,\n"seed": [{"each": 0, "item": {}}]}', "f.json:2: each must be"),
        ('{"name": "x", "event": 1,\n"seed": 5}', "f.json:2: seed must be a list"),
        ('{"name": "x", "event": 1,\n"seed": {"each": 1, "item": {}}}', "f.json:2: seed must be a"),
        ('{"name": "x", "event": 1,\n"literal": "yes"}', "f.json:2: literal must be true or false"),
        ('{"name": "x", "event": ' + "[" * 100_000, "f.json: it is nested too deeply"),
        (
            '{"name": "x", "event": ' + "[" * 301 + "]" * 301 + "}",
            "f.json:1: it is nested too deeply",
        ),
        ("[]", "f.json:1: must be an object"),
        ('{"name": "x", "event": [1e400]}', "f.json: 1e400 in a payload is too large"),
        ('{"name": "x", "event": "{{text:7000000}}"}', "Lambda takes 6291456"),
    ],
)
def test_bad_files_are_refused_with_file_line_and_reason(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_payload_type(text, "f.json")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_an_event_may_be_nested_300_levels_deep() -> None:
    text = '{"name": "x", "event": ' + '{"a": [' * 150 + "]}" * 150 + "}"
    assert parse_payload_type(text, "f.json").name == "x"


def test_placeholders_are_filled_everywhere() -> None:
    value = {"a{{n}}": ["{{table}}-{{run}}", {"b": "{{memory_mb}}"}], "k": "{{n:int}}", "x": 1.5}
    assert render(value, context(7)) == {"a7": ["t-r1", {"b": "128"}], "k": 7, "x": 1.5}


def test_each_invocation_is_fresh_and_repeatable() -> None:
    event = {"id": "{{uuid}}", "text": "{{text:50}}", "k": "{{int:1:1000000}}"}
    assert render(event, context(1)) == render(event, context(1))
    assert render(event, context(1)) != render(event, context(2))
    assert render(event, context(1)) != render(event, context(1, seed=9))


@given(st.integers(0, 300), st.integers(-5, 5), st.integers(0, 9))
def test_text_has_its_length_and_int_its_range(length: int, low: int, span: int) -> None:
    value = {"t": f"{{{{text:{length}}}}}", "i": f"{{{{int:{low}:{low + span}}}}}"}
    rendered = render(value, context())
    assert len(rendered["t"]) == length
    assert low <= rendered["i"] <= low + span


def test_seeds_cover_every_invocation() -> None:
    item = {"id": "{{run}}-{{n}}"}
    payload = PayloadType("delete", {}, seed=(Seed(None, item), Seed(2, {"id": "fixed-{{n}}"})))
    ids = [i["id"] for i in seed_items(payload, 3, run="r", table="t", seed=0)]
    assert ids == ["r-0", "r-1", "r-2", "fixed-0", "fixed-1"]


def test_a_literal_event_is_sent_as_it_stands() -> None:
    payload = payload_type({"name": "x", "event": "{{anything}}", "literal": True})
    assert payload.rendered(context()) == "{{anything}}"
    assert payload_type(payload.to_json()) == payload


def test_a_payload_type_survives_its_json_form() -> None:
    payload = PayloadType("a", {"x": [1]}, "words", 2.0, (Seed(None, {"id": "1"}),))
    assert payload_type(json.loads(json.dumps(payload.to_json()))) == payload


def test_a_description_may_be_null() -> None:
    assert payload_type({"name": "x", "event": 1, "description": None}).description == ""


def test_names_are_unique_and_weights_add_up() -> None:
    with pytest.raises(UsageError, match="two payload types"):
        unique([PayloadType("a", 1), PayloadType("a", 2)])
    with pytest.raises(UsageError, match="no payload type"):
        unique([])
    mix = normalised([PayloadType("a", 1, weight=1), PayloadType("b", 1, weight=3)])
    assert [payload.weight for payload in mix] == [0.25, 0.75]


@pytest.mark.parametrize("weight", [-1, 0, float("nan"), float("inf"), "x", True])
def test_a_weight_is_checked_wherever_it_is_given(weight: float) -> None:
    with pytest.raises(UsageError, match="weight must be an amount above 0"):
        PayloadType("a", {}, weight=weight)
