"""Seeds: the items that must lie in a table before a payload type can be measured."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from ..core.errors import LambdaTuningError, NotFoundError
from ..functions.dynamodb_manager.wire import attributes_to_wire
from .session import Cloud

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
