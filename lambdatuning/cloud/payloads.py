"""Payload types from files, and the items that must lie in a table before one can be measured."""

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from ..core.errors import LambdaTuningError, NotFoundError, UsageError, closest
from ..core.payloads import PayloadType, parse_payload_type, unique
from ..functions.dynamodb_manager.wire import attributes_to_wire
from .session import Cloud

_TELLING = {"event", "weight", "seed", "literal"}
"""Fields by which a payload file is known; an event may well have a name or a description."""


def load_payload_types(folder: Path, wanted: Iterable[str | Path] = ()) -> tuple[PayloadType, ...]:
    """The types wanted, by name in `folder` or by path; all of the folder when none is named.

    A file that is given by its path may also be a plain event, which is sent as it stands.
    UsageError names the file, the line and the reason, or the closest known name.
    """
    known = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = list(wanted)
    paths = [_find(name, known, folder) for name in names] if names else list(known.values())
    if not paths:
        raise UsageError(f"no payload file in {folder}; name a folder that holds some")
    return unique(_read(path, plain=path not in known.values()) for path in paths)


def _find(name: str | Path, known: dict[str, Path], folder: Path) -> Path:
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix == ".json" or path.is_file():
        return path
    advice = closest(str(name), known) if known else f"there is none in {folder}"
    raise UsageError(f'unknown payload type "{name}"; {advice}')


def _read(path: Path, *, plain: bool) -> PayloadType:
    """A payload type; a file without the fields of one is an event where that may be (`plain`)."""
    text = _text(path)
    if plain and _is_event(text):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("._-")[:64] or "event"
        described = {"description": f"the event in {path.name}", "literal": True}
        text = json.dumps({"name": name, "event": json.loads(text), **described})
    return parse_payload_type(text, str(path))


def _is_event(text: str) -> bool:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return False
    return not isinstance(value, dict) or not value.keys() & _TELLING


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} cannot be read ({exc}); name a JSON file") from exc


# Seeds: the items that must lie in a table before a payload type can be measured.


BATCH = 25
"""Items that DynamoDB takes in one BatchWriteItem."""

_WRITERS = 4
_ATTEMPTS = 10
_LONGEST_PAUSE_S = 5.0

_Item = Mapping[str, Any]
_Sleep = Callable[[float], None]


def seed(
    cloud: Cloud,
    table_name: str,
    items: Iterable[_Item],
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    sleep: _Sleep = time.sleep,
) -> int:
    """Write the items (plain JSON values) and return how many; the last of one key wins.

    `on_progress` hears how many are written, batch by batch. NotFoundError without the table,
    LambdaTuningError if DynamoDB keeps refusing some.
    """
    keys = _key_names(cloud, table_name)
    distinct = {_key(item, keys): item for item in items}
    puts = ({"PutRequest": {"Item": attributes_to_wire(item)}} for item in distinct.values())
    return _write(cloud, table_name, puts, on_progress, sleep)


def unseed(
    cloud: Cloud, table_name: str, items: Iterable[_Item], *, sleep: _Sleep = time.sleep
) -> int:
    """Delete the items by their keys, whether still there or not, and return how many."""
    names = _key_names(cloud, table_name)
    keys = {_key(item, names) for item in items}
    deletes = (
        {"DeleteRequest": {"Key": attributes_to_wire(dict(zip(names, key, strict=True)))}}
        for key in keys
    )
    return _write(cloud, table_name, deletes, lambda _: None, sleep)


def _key_names(cloud: Cloud, table_name: str) -> tuple[str, ...]:
    dynamodb = cloud.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=table_name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException as exc:
        raise NotFoundError(
            f'no table "{table_name}" in {cloud.region}; run `lambdatuning deploy` first'
        ) from exc
    return tuple(part["AttributeName"] for part in table["KeySchema"])


def _key(item: _Item, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item[name] for name in names)


def _write(
    cloud: Cloud,
    table_name: str,
    requests: Iterable[_Item],
    on_progress: Callable[[int], None],
    sleep: _Sleep,
) -> int:
    dynamodb, done = cloud.client("dynamodb"), 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        for written in pool.map(
            lambda batch: _write_batch(dynamodb, table_name, batch, sleep), _batches(requests)
        ):
            done += written
            on_progress(done)
    return done


def _batches(requests: Iterable[_Item]) -> Iterator[list[_Item]]:
    requests = iter(requests)
    while batch := list(islice(requests, BATCH)):
        yield batch


def _write_batch(dynamodb: Any, table_name: str, batch: list[_Item], sleep: _Sleep) -> int:
    """One batch, until DynamoDB has taken all of it: what it leaves out is sent again."""
    left = {table_name: batch}
    for attempt in range(_ATTEMPTS):
        left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
        if not left:
            return len(batch)
        sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.05 * 2**attempt)))  # noqa: S311
    raise LambdaTuningError(
        f'the table "{table_name}" keeps refusing items; is its throughput limited? try again later'
    )
