"""Which payload texts Power Tuning sends."""

import math
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from .javascript import UNDEFINED, add, divide, json_text, parse_json, to_number, truthy


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


def generate_payloads(num: int, payload: Any) -> list[Any]:
    """The `num` texts that are sent at a size: one, or a mix in blocks by weight.

    UsageError if `num` is too small for the mix.
    """
    if num < 0:
        raise UsageError("Invalid array length")
    if not is_weighted(payload):
        return [convert_payload(payload)] * num
    texts: list[Any] = []
    for item, count in zip(payload, _counts(payload, num), strict=True):
        texts += [convert_payload(item["payload"])] * count
    return texts


def _counts(mix: Sequence[dict[str, Any]], num: int) -> list[int]:
    if num < len(mix):
        raise UsageError(
            f'You have {len(mix)} payloads and only "num"={num}. Please increase "num".'
        )
    total: Any = 0
    for item in mix:
        total = add(total, item["weight"])  # weights that are strings are joined, as there
    counts = [_share(item["weight"], num, to_number(total)) for item in mix]
    return [*counts[:-1], num - sum(counts[:-1])]


def _share(weight: Any, num: int, total: float) -> int:
    share = divide(to_number(weight) * num, total)
    if not math.isfinite(share) or share < 1:
        raise UsageError("Invalid payload weight (num is too small)")
    return math.floor(share)


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
