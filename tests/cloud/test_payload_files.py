"""Payload files: found by name or path, and refused with file, line and reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.cloud.payloads import load_payload_types
from lambdatuning.cloud.session import Cloud
from lambdatuning.core.errors import NotFoundError, UsageError
from lambdatuning.core.tuning.payloads import Context

ROOT = Path(__file__).parents[2]
CONTEXT = Context(run="run", payload="any", n=0)


def test_the_projects_own_types_all_load() -> None:
    types = load_payload_types(ROOT / "data" / "payloads")
    assert {"ping", "read", "create-200b", "digest"} <= {each.name for each in types}


def test_by_name_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"name": "one", "event": {}}')
    other = tmp_path / "folder" / "two.json"
    other.parent.mkdir()
    other.write_text('{"payloadType": {"name": "two", "event": {}}}')
    types = load_payload_types(tmp_path, ["one", str(other)])
    assert [each.name for each in types] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "x",\n "event": }', r"bad\.json:2: not JSON"),
        ('{"name": "x",\n "event": {},\n "wait": 1}', r"bad\.json:3: .*weight"),
        ('{"name": "x",\n "event": "{{uid}}"}', r"bad\.json:2: unknown placeholder .*uuid"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_payload_types(tmp_path)


def test_an_unknown_name_is_answered_with_the_closest() -> None:
    with pytest.raises(UsageError, match='unknown payload type "reed"; did you mean "read"'):
        load_payload_types(ROOT / "data" / "payloads", ["reed"])


def test_an_empty_folder_is_no_set_of_types(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no payload file in /"):
        load_payload_types(tmp_path)


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        load_payload_types(tmp_path)


@pytest.mark.parametrize(
    "event",
    [
        {"n": 3, "name": "x"},
        [1, 2],
        "text",
        {"id": "{{not ours}}"},
        {"event": {"x": 1}},
        {"orderId": 1, "weight": 12.5},
        {"name": "click", "event": {"x": 1}},
        {"seed": 1, "literal": True},
        {"payload": 1, "weight": 2},
        {"lambdaARN": "arn:aws:lambda:::"},
        {"payloadType": "card", "amount": 3},
        [],
        None,
    ],
)
def test_a_file_given_by_its_path_may_be_a_plain_event(tmp_path: Path, event: Any) -> None:
    file = tmp_path / "my event (1).json"
    file.write_text(json.dumps(event))
    (payload,) = load_payload_types(tmp_path / "types", [file])
    assert (payload.name, payload.rendered(CONTEXT)) == ("my-event-1", event)


def test_a_payload_file_given_by_its_path_is_read_as_strictly_as_any(tmp_path: Path) -> None:
    file = tmp_path / "typo.json"
    file.write_text('{"payloadType": {"name": "typo", "evnt": {}, "weight": 2}}')
    with pytest.raises(UsageError, match=r'"evnt"; did you mean "event"'):
        load_payload_types(tmp_path / "types", [file])
    with pytest.raises(UsageError, match='"evnt"'):
        load_payload_types(tmp_path, ["typo"])


def test_a_file_of_the_folder_is_a_payload_type_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.json").write_text('{"name": "first", "event": 1}')
    monkeypatch.chdir(tmp_path)
    for name in ("one", "one.json", "./one.json", str(tmp_path / "one.json")):
        (payload,) = load_payload_types(tmp_path, [name])
        assert (payload.name, payload.event, payload.literal) == ("first", 1, False)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_byte_order_marks_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "bom.json"
    file.write_bytes('{"city": "Zürich"}'.encode(encoding))
    (payload,) = load_payload_types(tmp_path / "types", [file])
    assert payload.event == {"city": "Zürich"}
    file.write_bytes('{"name": "x", "event": 1}'.encode(encoding))
    assert load_payload_types(tmp_path)[0].name == "x"


def test_a_weighted_list_is_a_mix(tmp_path: Path) -> None:
    file = tmp_path / "mix.json"
    mix = [{"payload": {"a": 1}, "weight": 30}, {"payload": '{"b": 2}', "weight": "70"}]
    file.write_text(json.dumps(mix))
    payloads = load_payload_types(tmp_path / "types", [file])
    assert [(each.name, each.event, each.weight) for each in payloads] == [
        ("mix-1", {"a": 1}, 30),
        ("mix-2", {"b": 2}, 70),
    ]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([{"payload": 1, "weight": 1}, {"payload": 2}], "1 of 2 entries have payload and weight"),
        ([{"payload": 1, "weight": 0}], "weight must be a number above 0; not 0"),
        ([{"payload": 1, "weight": "x"}], "'x' is not a number"),
        ({"lambdaARN": "a", "num": 5, "payload": {}}, "whole input of AWS Lambda Power Tuning"),
        ({"lambdaARN": "a", "powerValues": "ALL"}, "give its payload alone"),
    ],
)
def test_an_ambiguous_payload_is_refused_with_its_readings(
    tmp_path: Path, event: Any, message: str
) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(event))
    with pytest.raises(UsageError, match=message):
        load_payload_types(tmp_path / "types", [file])
    wrapped = {"payloadType": {"name": "x", "event": event}}
    (payload,) = load_payload_types(tmp_path / "types", [json.dumps(wrapped)])
    assert payload.event == event


def test_json_may_stand_in_place_of_a_name(tmp_path: Path) -> None:
    payloads = load_payload_types(tmp_path, ['{"a": 1}', ' [1, "{{n}}"]', '"text"'])
    assert [(each.name, each.event) for each in payloads] == [
        ("event", {"a": 1}),
        ("event-2", [1, "{{n}}"]),
        ("event-3", "text"),
    ]
    with pytest.raises(UsageError, match="the payload:1: not JSON"):
        load_payload_types(tmp_path, ["{a: 1}"])
    with pytest.raises(UsageError, match="NaN is not JSON"):
        load_payload_types(tmp_path, ["[NaN]"])
    with pytest.raises(UsageError, match="JSON in single quotes"):
        load_payload_types(tmp_path, ["nothing"])


def test_an_object_in_s3(embedded: Cloud) -> None:
    cloud = embedded
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="events")
    s3.put_object(Bucket="events", Key="shop/order.json", Body=b'\xef\xbb\xbf{"id": 1}')
    (payload,) = load_payload_types("none", ["s3://events/shop/order.json"], cloud)
    assert (payload.name, payload.event) == ("order", {"id": 1})
    for address in ("s3://events/none.json", "s3://nowhere/x.json"):
        with pytest.raises(NotFoundError, match=f"no object {address}"):
            load_payload_types("none", [address], cloud)
    with pytest.raises(UsageError, match="write s3://bucket/key"):
        load_payload_types("none", ["s3://events"], cloud)
    with pytest.raises(UsageError, match="needs a session"):
        load_payload_types("none", ["s3://events/x.json"])
