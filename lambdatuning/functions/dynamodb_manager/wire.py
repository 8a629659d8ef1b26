"""DynamoDB's typed form of JSON values, numbers kept digit for digit in both directions.

boto3 has a serializer of its own; this one knows JSON alone, takes floats, and spares the import.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

# What DynamoDB's numbers can hold; anything that would be rounded is refused.
_NUMBERS = Context(
    prec=38, Emin=-128, Emax=126, traps=[Clamped, Inexact, Overflow, Rounded, Underflow]
)
# Nobody outside this process can guess it, so that no text is ever taken for a number.
_MARK = os.urandom(16).hex()
_MOST_LEVELS = 32
"""Of lists and maps within an attribute, by DynamoDB's quotas for items."""
_MOST_SHOWN = 60
_MARKED_NUMBER = re.compile(f'"{_MARK}([^"]*)"')


def to_wire(value: Any, *, level: int = 0) -> dict[str, Any]:
    """A JSON value in DynamoDB's typed form; ValueError for what it cannot hold.

    `level` is how many lists and maps it lies in.
    """
    if isinstance(value, str):
        return {"S": _whole(value)}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, int | float | Decimal):
        return {"N": _number(value)}
    if level == _MOST_LEVELS and isinstance(value, dict | list):
        raise ValueError(f"DynamoDB holds at most {_MOST_LEVELS} levels of lists and maps")
    if isinstance(value, dict):
        return {"M": attributes_to_wire(value, level=level + 1)}
    if isinstance(value, list):
        return {"L": [to_wire(item, level=level + 1) for item in value]}
    raise ValueError("What is no JSON value, such as binary data, cannot be stored")


def attributes_to_wire(attributes: Any, *, level: int = 0) -> dict[str, Any]:
    """A map of attributes, typed: an item, a key, or the values of an expression."""
    if not isinstance(attributes, dict):
        raise ValueError(f"Attributes must be a JSON object, not {shown(attributes)}")  # noqa: TRY004
    return {_whole(name): to_wire(value, level=level) for name, value in attributes.items()}


def from_wire(value: Mapping[str, Any]) -> Any:
    """The JSON value of DynamoDB's typed form: sets are lists, numbers int or Decimal, binary
    values base64."""
    ((kind, inner),) = value.items()
    return _FROM_WIRE[kind](inner)


def attributes_from_wire(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `attributes_to_wire`."""
    return {name: from_wire(value) for name, value in attributes.items()}


def shown(value: Any) -> str:
    """A value as JSON, shortened, for messages."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _whole(text: str) -> str:
    """`text`, unless half of a character stands in it, which UTF-8 and DynamoDB do not know."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(f"{shown(text)} holds half a character (a lone surrogate)") from exc
    return text


def to_json(value: Any) -> str:
    """JSON text with every Decimal as a number, digit for digit."""
    return _MARKED_NUMBER.sub(r"\1", json.dumps(value, default=_marked))


def _marked(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value}"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _number(value: float | Decimal) -> str:
    try:
        number = _NUMBERS.create_decimal(str(value))
    except ArithmeticError as exc:
        raise ValueError(f"DynamoDB cannot hold {value!s:.60}: 38 digits, 1E+125 at most") from exc
    if not number.is_finite():
        raise ValueError(f"{value} is no number that DynamoDB can hold")
    return str(number)


def _from_number(text: str) -> int | Decimal:
    return int(text) if text.lstrip("-").isdigit() else Decimal(text)


def _from_binary(value: bytes) -> str:
    """Base64, as the low-level API shows it."""
    return base64.b64encode(value).decode()


_FROM_WIRE: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _from_number,
    "BOOL": bool,
    "NULL": lambda _: None,
    "M": attributes_from_wire,
    "L": lambda items: [from_wire(item) for item in items],
    "SS": list,
    "NS": lambda numbers: [_from_number(text) for text in numbers],
    "B": _from_binary,
    "BS": lambda values: [_from_binary(value) for value in values],
}
