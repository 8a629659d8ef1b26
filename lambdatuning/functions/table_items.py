"""Items of a DynamoDB table, put or deleted in batches until DynamoDB has taken all of them."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ..core.errors import LambdaTuningError

BATCH = 25
"""Requests that DynamoDB takes in one BatchWriteItem."""

_ATTEMPTS = 10
_LONGEST_PAUSE_S = 5.0

WriteRequest = Mapping[str, Any]
"""`{"PutRequest": {"Item": ...}}` or `{"DeleteRequest": {"Key": ...}}`, in DynamoDB's form."""


def batches(requests: Iterable[WriteRequest]) -> Iterator[list[WriteRequest]]:
    """The requests in batches that DynamoDB takes."""
    requests = iter(requests)
    while batch := list(islice(requests, BATCH)):
        yield batch


def write_batch(
    dynamodb: Any, table_name: str, batch: list[WriteRequest], sleep: Callable[[float], None]
) -> int:
    """Write one batch and return its length; what DynamoDB leaves out is sent again.

    LambdaTuningError where it keeps refusing some.
    """
    left: Any = {table_name: batch}
    for attempt in range(_ATTEMPTS):
        left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems")
        if not left:
            return len(batch)
        sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.05 * 2**attempt)))  # noqa: S311
    raise LambdaTuningError(
        f'the table "{table_name}" keeps refusing items; is its throughput limited? try again later'
    )
