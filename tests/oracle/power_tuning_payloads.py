"""Which payload texts Power Tuning sends."""

import math
from collections.abc import Sequence
from typing import Any

from lambdatuning.core.errors import UsageError
from lambdatuning.core.power_tuning.javascript import (
    UNDEFINED,
    add,
    divide,
    json_text,
    to_number,
    to_string,
    truthy,
)
from tests.oracle.power_tuning_values import parse_json


def is_weighted(payload: Any) -> bool:
    """Whether it is a weighted mix: a list, not empty, each with a weight and a payload."""
    if not isinstance(payload, list) or not payload:
        return False
    return all(
        truthy(_member(item, "weight")) and truthy(_member(item, "payload")) for item in payload
    )


def convert_payload(payload: Any) -> Any:
    """The JSON text of a payload; a string that is JSON already is sent as it is.

    >>> convert_payload("test"), convert_payload("[1, 2]"), convert_payload({"a": 1.0})
    ('"test"', '[1, 2]', '{"a":1}')
    """
    if payload is UNDEFINED or (isinstance(payload, str) and _is_json(payload)):
        return payload
    return json_text(payload)


def generate_payloads(num: Any, payload: Any) -> list[Any]:
    """The `num` texts that are sent at a size: one, or a mix in blocks by weight.

    UsageError if `num` is too small for the mix, or no whole number.
    """
    mix = payload if is_weighted(payload) else []
    if to_number(num) < len(mix):
        raise UsageError(
            f'You have {len(mix)} payloads and only "num"={to_string(num)}. Please increase "num".'
            if mix
            else "Invalid array length"
        )
    if not isinstance(num, int | float) or not float(num).is_integer():
        raise UsageError("Invalid array length")
    if not mix:
        return [convert_payload(payload)] * int(num)
    return _filled([*range(int(num))], mix)


def _filled(texts: list[Any], mix: Sequence[dict[str, Any]]) -> list[Any]:
    """The list filled block by block. Where a weight is no number so are all ends of blocks, and
    the list stays the numbers that it was made of."""
    total: Any = 0
    for item in mix:
        total = add(total, item["weight"])  # weights that are strings are joined, as there
    done = 0.0
    for left, item in zip(reversed(range(len(mix))), mix, strict=True):
        count = _share(item["weight"], len(texts), to_number(total))
        count = count if left else len(texts) - done
        first, end = _index(done, len(texts)), _index(done + count, len(texts))
        texts[first:end] = [convert_payload(item["payload"])] * (end - first)
        done += count
    return texts


def _share(weight: Any, num: int, total: float) -> float:
    share = divide(to_number(weight) * num, total)
    share = float(math.floor(share)) if math.isfinite(share) else share
    if share < 1:
        raise UsageError("Invalid payload weight (num is too small)")
    return share


def _index(value: float, length: int) -> int:
    """What `Array.fill` makes of a start or an end."""
    if math.isnan(value):
        return 0
    return int(max(length + value, 0) if value < 0 else min(value, length))


def _member(item: Any, name: str) -> Any:
    if item is None or item is UNDEFINED:
        raise UsageError(f"Cannot read properties of {item or 'null'} (reading '{name}')")
    return item.get(name, UNDEFINED) if isinstance(item, dict) else UNDEFINED


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True
