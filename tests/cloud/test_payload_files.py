"""Payload files: found by name or path, and refused with file, line and reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambdatuning.cloud.payloads import load_payload_types
from lambdatuning.core.errors import UsageError
from lambdatuning.core.payloads import Context

ROOT = Path(__file__).parents[2]
CONTEXT = Context(run="run", payload="any", n=0)


def test_the_projects_own_types_all_load() -> None:
    types = load_payload_types(ROOT / "data" / "payloads")
    assert {"ping", "read", "create-200b", "digest"} <= {each.name for each in types}


def test_by_name_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"name": "one", "event": {}}')
    other = tmp_path / "folder" / "two.json"
    other.parent.mkdir()
    other.write_text('{"name": "two", "event": {}}')
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
    with pytest.raises(UsageError, match="no payload file"):
        load_payload_types(tmp_path)


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load_payload_types(tmp_path)


@pytest.mark.parametrize("event", [{"n": 3, "name": "x"}, [1, 2], "text", {"id": "{{not ours}}"}])
def test_a_file_given_by_its_path_may_be_a_plain_event(tmp_path: Path, event: Any) -> None:
    file = tmp_path / "my event (1).json"
    file.write_text(json.dumps(event))
    (found,) = load_payload_types(tmp_path / "types", [file])
    assert (found.name, found.rendered(CONTEXT)) == ("my-event-1", event)


def test_a_payload_file_given_by_its_path_is_read_as_strictly_as_any(tmp_path: Path) -> None:
    file = tmp_path / "typo.json"
    file.write_text('{"name": "typo", "evnt": {}, "weight": 2}')
    with pytest.raises(UsageError, match=r'"evnt"; did you mean "event"'):
        load_payload_types(tmp_path / "types", [file])
    with pytest.raises(UsageError, match='"evnt"'):
        load_payload_types(tmp_path, ["typo"])
