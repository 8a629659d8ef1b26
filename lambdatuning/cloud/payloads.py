"""Payload types from files, and the items that must lie in a table before one can be measured."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.address import checked_address, is_s3
from ..core.errors import NotFoundError, UsageError, closest
from ..core.tuning.payloads import (
    PayloadType,
    event_name,
    parse_event,
    parse_payload_type,
    unique,
)
from ..functions.dynamodb_manager.wire import attributes_to_wire
from ..functions.table_items import WriteRequest, batches, write_batch
from ..functions.tuner.function import Sleep
from .session import Cloud

INLINE = ("{", "[", '"')
"""How JSON begins that is given instead of a name."""


def load_payload_types(
    folder: str | Path, chosen: Iterable[str | Path] = (), cloud: Cloud | None = None
) -> tuple[PayloadType, ...]:
    """The types wanted: by name in `folder`, or events; all of the folder when none is named.

    An event is a file of another folder, an object in S3 (s3://bucket/key, which needs `cloud`), or
    JSON itself; see `core.payloads.parse_event` for what such a file may hold. UsageError names the
    file, the line and the reason, or the closest known name.
    """
    files = {path.stem: path for path in sorted(Path(folder).glob("*.json"))}
    names = list(chosen)
    if not names and not files:
        raise UsageError(
            f"no payload file in {Path(folder).resolve()}; name a folder that has some"
        )
    if not names:
        return unique(parse_payload_type(_text(path), str(path)) for path in files.values())
    types = [payload for name in names for payload in _load(name, files, Path(folder), cloud)]
    return unique(_numbered(types))


def is_name(event: str | Path, folder: str | Path) -> bool:
    """Whether it names a payload type of the folder, and is no event itself."""
    return (Path(folder) / f"{event}.json").is_file()


def _load(
    name: str | Path, files: dict[str, Path], folder: Path, cloud: Cloud | None
) -> tuple[PayloadType, ...]:
    text = str(name)
    if text.lstrip().startswith(INLINE):
        return parse_event(text, "the payload", "event")
    if is_s3(text):
        return parse_event(_object(text, cloud), text, event_name(Path(text).stem))
    path = files.get(text) or Path(checked_address(name))
    if path.resolve() in {file.resolve() for file in files.values()}:
        return (parse_payload_type(_text(path), str(path)),)
    if path.suffix != ".json" and not path.is_file():
        advice = closest(text, files) if files else "there is none in it"
        raise UsageError(
            f'unknown payload type "{name}"; {advice} (in {folder.resolve()}; a file, '
            "s3://bucket/key or JSON in single quotes is an event)"
        )
    return parse_event(_text(path), str(path), event_name(path.stem))


def _numbered(types: Iterable[PayloadType]) -> Iterator[PayloadType]:
    """Events that are given as JSON have no name of their own: the second is event-2."""
    number = 0
    for payload in types:
        number += payload.name == "event"
        yield (
            replace(payload, name=f"event-{number}")
            if payload.name == "event" and number > 1
            else payload
        )


def _text(path: Path) -> str:
    try:
        return _decoded(path.read_bytes())
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise UsageError(f"{path} cannot be read ({why}); name a JSON file") from exc


def _decoded(data: bytes) -> str:
    """JSON as text: UTF-8, UTF-16 or UTF-32, with a byte order mark or without."""
    return data.decode(json.detect_encoding(data))


def _object(address: str, cloud: Cloud | None) -> str:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise UsageError(f"{address}: write s3://bucket/key")
    if cloud is None:
        raise UsageError(f"{address}: reading it needs a session; pass cloud, or copy the file")
    s3 = cloud.client("s3")
    try:
        return _decoded(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket) as exc:
        raise NotFoundError(f"no object {address} in {cloud.account_id}; name one") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{address} is not text ({exc}); name a JSON file") from exc


# Seeds: the items that must lie in a table before a payload type can be measured.


_WRITERS = 4
"""Batches that are written side by side."""

_Item = Mapping[str, Any]


def seed(
    cloud: Cloud,
    table_name: str,
    items: Iterable[_Item],
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    sleep: Sleep = time.sleep,
) -> int:
    """Write the items (plain JSON values) and return how many; the last of one key wins.

    `on_progress` is called with the count written, batch by batch. NotFoundError without the table,
    LambdaTuningError if DynamoDB keeps refusing some.
    """
    keys = key_names(cloud, table_name)
    distinct = {_key(item, keys): item for item in items}
    puts = ({"PutRequest": {"Item": attributes_to_wire(item)}} for item in distinct.values())
    return _write(cloud, table_name, puts, on_progress, sleep)


def unseed(
    cloud: Cloud, table_name: str, items: Iterable[_Item], *, sleep: Sleep = time.sleep
) -> int:
    """Delete the items by their keys, whether still there or not, and return how many."""
    names = key_names(cloud, table_name)
    keys = {_key(item, names) for item in items}
    deletes = (
        {"DeleteRequest": {"Key": attributes_to_wire(dict(zip(names, key, strict=True)))}}
        for key in keys
    )
    return _write(cloud, table_name, deletes, lambda _: None, sleep)


def key_names(cloud: Cloud, table_name: str) -> tuple[str, ...]:
    """The attributes of a table's key; NotFoundError without the table."""
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
    requests: Iterable[WriteRequest],
    on_progress: Callable[[int], None],
    sleep: Sleep,
) -> int:
    dynamodb, written_items = cloud.client("dynamodb"), 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        for written in pool.map(
            lambda batch: write_batch(dynamodb, table_name, batch, sleep), batches(requests)
        ):
            written_items += written
            on_progress(written_items)
    return written_items
