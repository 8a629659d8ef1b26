"""What DynamoDBManager can do: create, read, update, delete, list, echo, ping and digest.

The first seven are those of the AWS tutorial "Using Lambda with API Gateway": a payload holds the
arguments of put_item, get_item, update_item, delete_item or scan, with plain JSON values. `digest`
is ours: CPU work and nothing else, so that the curve of memory shows on a CPU-bound payload type
too. It lives in this function because a function has one memory size for all that it does: that
its payload types disagree about the best size is the very question, and a second function would
have nothing to disagree with.

The client is botocore's own, made at import. A cold start takes 13 % less CPU than with boto3's
client, 19 % less than with its resource (227, 260 and 281 ms), and all of it is spent in the init
phase, which AWS runs at full speed at every memory size and reports apart. Made on first use, the
client would cost the first table operation of an environment some 70 ms of CPU (1 s at 128 MB),
counted as a warm invocation whenever a ping or an echo had woken that environment.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ParamValidationError

from .wire import attributes_from_wire, attributes_to_wire, to_wire

TABLE_NAME = os.environ["TABLE_NAME"]
MAX_ROUNDS = 2_000_000
"""Of `digest`: about 0.5 s of a whole vCPU, 8 s at 128 MB."""

# API Gateway waits 29 s; three attempts of 5 s and their backoff fit in that.
DYNAMODB = botocore.session.get_session().create_client(
    "dynamodb",
    config=Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        tcp_keepalive=True,
    ),
)

_WRONG_TYPE = re.compile(
    r"Invalid type for parameter (\S+), value: .*, "
    r"type: <class '(?:[\w.]*\.)?(\w+)'>, valid types: (.*)"
)
_CLASS = re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>")
_JSON_KINDS = {
    **dict.fromkeys(("int", "float", "Decimal"), "number"),
    **dict.fromkeys(("list", "tuple"), "array"),
    "dict": "object",
    "str": "string",
    "bool": "boolean",
    "NoneType": "null",
}
_Operation = Callable[[Any], Any]
_Arguments = Mapping[str, Callable[[Any], Any]]
"""The arguments that an operation takes, and how each is put into DynamoDB's form."""


def _as_it_is(value: Any) -> Any:
    return value


def _updates(updates: Any) -> dict[str, Any]:
    """AttributeUpdates, the older form of an update, which the tutorial uses."""
    if not isinstance(updates, dict) or not all(isinstance(u, dict) for u in updates.values()):
        raise ValueError('AttributeUpdates must be {"NAME": {"Value": ..., "Action": ...}}')
    return {
        name: {key: to_wire(part) if key == "Value" else part for key, part in update.items()}
        for name, update in updates.items()
    }


_KEY: _Arguments = {"Key": attributes_to_wire}
_EVERY: _Arguments = {"ExpressionAttributeNames": _as_it_is, "ReturnConsumedCapacity": _as_it_is}
_READ: _Arguments = {**_EVERY, "ConsistentRead": _as_it_is, "ProjectionExpression": _as_it_is}
_WRITE: _Arguments = {
    **_EVERY,
    "ConditionExpression": _as_it_is,
    "ExpressionAttributeValues": attributes_to_wire,
    "ReturnValues": _as_it_is,
}
_SCAN: _Arguments = {
    **_READ,
    "ExclusiveStartKey": attributes_to_wire,
    "ExpressionAttributeValues": attributes_to_wire,
    "FilterExpression": _as_it_is,
    "IndexName": _as_it_is,
    "Limit": _as_it_is,
    "Segment": _as_it_is,
    "Select": _as_it_is,
    "TotalSegments": _as_it_is,
}


def _table_operation(method: str, converters: _Arguments) -> _Operation:
    call = getattr(DYNAMODB, method)

    def operate(payload: Any) -> dict[str, Any]:
        arguments = _arguments({} if payload is None else payload, converters)
        try:
            return _result(call(TableName=TABLE_NAME, **arguments))
        except ParamValidationError as exc:
            raise ValueError(_plain(str(exc))) from exc

    return operate


def _plain(text: str) -> str:
    """What botocore says of an argument, in JSON's terms."""
    lines = [line for line in text.splitlines() if not line.startswith("Parameter validation")]
    return " ".join(_WRONG_TYPE.sub(_of_wrong_type, line) for line in lines)


def _of_wrong_type(match: re.Match[str]) -> str:
    name, actual, valid = match.groups()
    kinds = dict.fromkeys(_JSON_KINDS.get(one, "value") for one in _CLASS.findall(valid))
    kind = _JSON_KINDS.get(actual, "that")
    if kind == "number" and kind in kinds:
        return f"{name} must be a whole number"
    return f"{name} must be a JSON {' or '.join(kinds)}, not {kind}"


def _arguments(payload: Any, converters: _Arguments) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise ValueError('"payload" must be a JSON object')  # noqa: TRY004 - the caller's value
    for name in payload:
        if name not in converters:
            raise ValueError(
                f'Unknown argument "{name}"; known are {", ".join(sorted(converters))}'
            )
    return {name: converters[name](value) for name, value in payload.items()}


def _result(response: dict[str, Any]) -> dict[str, Any]:
    """The answer in plain JSON values, without the headers of the transport."""
    metadata = response["ResponseMetadata"]
    kept = ("RequestId", "HTTPStatusCode", "RetryAttempts")
    response["ResponseMetadata"] = {key: metadata[key] for key in kept if key in metadata}
    for name in ("Item", "Attributes", "LastEvaluatedKey"):
        if name in response:
            response[name] = attributes_from_wire(response[name])
    if "Items" in response:
        response["Items"] = [attributes_from_wire(item) for item in response["Items"]]
    return response


def _digest(payload: Any) -> dict[str, object]:
    """PBKDF2 of a text: one thread of CPU work in C, in proportion to `rounds`."""
    match payload:
        case {"text": str(text), "rounds": int(rounds)} if 1 <= rounds <= MAX_ROUNDS:
            key = hashlib.pbkdf2_hmac("sha256", text.encode(), b"lambdatuning", rounds)
            return {"digest": key.hex(), "rounds": rounds}
    raise ValueError(f'digest needs a "text" and "rounds", a whole number from 1 to {MAX_ROUNDS}')


OPERATIONS: Mapping[str, _Operation] = {
    "create": _table_operation("put_item", {**_WRITE, "Item": attributes_to_wire}),
    "read": _table_operation("get_item", {**_READ, **_KEY}),
    "update": _table_operation(
        "update_item",
        {**_WRITE, **_KEY, "UpdateExpression": _as_it_is, "AttributeUpdates": _updates},
    ),
    "delete": _table_operation("delete_item", {**_WRITE, **_KEY}),
    "list": _table_operation("scan", _SCAN),
    "echo": _as_it_is,
    "ping": lambda _: "pong",
    "digest": _digest,
}
