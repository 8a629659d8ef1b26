"""Power Tuning's `payload`: one event, or a mix of weighted ones."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import UsageError


@dataclass(frozen=True)
class WeightedPayload:
    """One event of a mix; weights are relative to each other."""

    event: Any
    weight: float


def weighted_mix(payload: Any) -> tuple[WeightedPayload, ...]:
    """The events of a weighted mix; empty if `payload` is one event to be sent as it is.

    A mix is a list of which every element is an object with a `payload` and a `weight`, neither of
    them empty or 0, as Power Tuning decides it.

    >>> weighted_mix([{"payload": {"a": 1}, "weight": 3}])[0].weight
    3
    >>> weighted_mix([1, 2, 3])
    ()
    """
    if not isinstance(payload, list | tuple) or not all(_is_weighted(item) for item in payload):
        return ()
    return tuple(WeightedPayload(event_of(i["payload"]), _weight(i["weight"])) for i in payload)


def event_of(payload: Any) -> Any:
    """The event that a payload stands for: a string that holds JSON is that JSON.

    >>> event_of('{"a": 1}'), event_of("plain")
    ({'a': 1}, 'plain')
    """
    if not isinstance(payload, str):
        return payload
    try:
        return json.loads(payload, parse_constant=_refuse)
    except ValueError:
        return payload


def shares(weights: Sequence[float], num: int) -> tuple[int, ...]:
    """How many of `num` invocations each weight gets: floor(weight * num / total), the last the
    rest. UsageError if there are fewer invocations than weights, or if a share is below 1.

    >>> shares([1, 1, 1], 10)
    (3, 3, 4)
    """
    if num < len(weights):
        raise UsageError(
            f'You have {len(weights)} payloads and only "num"={num}. Please increase "num".'
        )
    total = 0.0
    for weight in weights:  # left to right: sum() rounds differently
        total += weight
    found = [math.floor(weight * num / total) if total else 0 for weight in weights]
    if any(share < 1 for share in found):
        raise UsageError("Invalid payload weight (num is too small)")
    return (*found[:-1], num - sum(found[:-1]))


def _is_weighted(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    payload, weight = item.get("payload"), item.get("weight")
    return bool(weight) and (bool(payload) or isinstance(payload, dict | list))


def _weight(value: Any) -> float:
    try:
        if not isinstance(value, bool) and math.isfinite(float(value)):
            return value if isinstance(value, int | float) else float(value)
    except (TypeError, ValueError):
        pass
    raise UsageError(f"payload weight {value!r} is not a number; write one such as 1")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
