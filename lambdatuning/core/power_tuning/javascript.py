"""The few rules of JavaScript on which Power Tuning's numbers and texts depend."""

import json
import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OTHER_BASE = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_INTEGER_PREFIX = re.compile(r"\s*([+-]?[0-9]+)")
_WHITESPACE = " \t\n\r\v\f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)


class _Undefined:
    """JavaScript's `undefined`: an input that is absent, which is not the same as null."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = _Undefined()


def truthy(value: Any) -> bool:
    """Whether `if (value)` holds: empty lists and objects do, NaN does not.

    >>> truthy([]), truthy(0), truthy("0"), truthy(math.nan)
    (True, False, True, False)
    """
    if isinstance(value, list | tuple | dict):
        return True
    return bool(value) and not (isinstance(value, float) and math.isnan(value))


def to_number(value: Any) -> float:
    """`Number(value)`; NaN for what is none.

    >>> to_number("0.4"), to_number(""), to_number(None), to_number("4x")
    (0.4, 0.0, 0.0, nan)
    """
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return _to_double(value)
    if isinstance(value, _Undefined | dict):
        return math.nan
    text = to_string(value).strip(_WHITESPACE)
    if text in ("", "Infinity", "+Infinity", "-Infinity"):
        return float(text.replace("Infinity", "inf") or 0)
    if _OTHER_BASE.fullmatch(text):
        return float(int(text, 0))
    return float(text) if _DECIMAL.fullmatch(text) else math.nan


def to_string(value: Any) -> str:
    """`String(value)`.

    >>> to_string(5.0), to_string([1, None, "a"]), to_string({}), to_string(1e21)
    ('5', '1,,a', '[object Object]', '1e+21')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(_to_double(value))
    if isinstance(value, list | tuple):
        empty = (None, UNDEFINED)
        return ",".join("" if entry in empty else to_string(entry) for entry in value)
    return repr(value) if isinstance(value, _Undefined) else "[object Object]"


def strictly_equal(left: Any, right: Any) -> bool:
    """`left === right` of what is no object: no conversion, and NaN equals nothing."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    return bool(left == right) if numbers or type(left) is type(right) else False


def parse_int(value: Any) -> float:
    """`parseInt(value, 10)`: the digits with which its text begins, NaN without any.

    >>> parse_int("12.9 MB"), parse_int(28.999), parse_int("x")
    (12.0, 28.0, nan)
    """
    match = _INTEGER_PREFIX.match(to_string(value).lstrip(_WHITESPACE))
    return float(match[1]) if match else math.nan


def to_fixed(value: float, digits: int) -> str:
    """`value.toFixed(digits)`: the exact value of the double, halves rounded away from zero.

    >>> to_fixed(0.000025 * 21, 5), to_fixed(2.5, 0), to_fixed(1.005, 2)
    ('0.00053', '3', '1.00')
    """
    if not math.isfinite(value) or abs(value) >= 1e21:
        return to_string(value)
    exact = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{exact:f}" if exact or value < 0 else f"{abs(exact):f}"


def add(left: Any, right: Any) -> Any:
    """`left + right`: joined texts as soon as one is no number."""
    if any(isinstance(value, str | list | tuple | dict) for value in (left, right)):
        return to_string(left) + to_string(right)
    return to_number(left) + to_number(right)


def divide(left: float, right: float) -> float:
    """`left / right`, where a division by zero is no error."""
    if right:
        return left / right
    if math.isnan(left) or math.isnan(right) or not left:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def json_text(value: Any) -> str:
    """`JSON.stringify(value)`: no spaces, keys that are array indices first, 1.0 as 1.

    >>> json_text({"b": 1.0, "1": [None, True, "\u2603"], "a": math.nan})
    '{"1":[null,true,"☃"],"b":1,"a":null}'
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(json_text(entry) for entry in value)}]"
    if isinstance(value, dict):
        members = (
            f"{_quoted(key)}:{json_text(entry)}"
            for key, entry in _property_order(value)
            if not isinstance(entry, _Undefined)
        )
        return f"{{{','.join(members)}}}"
    if isinstance(value, _Undefined) or (isinstance(value, float) and not math.isfinite(value)):
        return "null"
    return to_string(value)


def _property_order(value: dict[str, Any]) -> list[tuple[str, Any]]:
    entries = list(value.items())
    indices = [entry for entry in entries if _is_index(entry[0])]
    rest = [entry for entry in entries if not _is_index(entry[0])]
    return sorted(indices, key=lambda entry: int(entry[0])) + rest


def _is_index(key: str) -> bool:
    return bool(re.fullmatch(r"0|[1-9][0-9]{0,9}", key, re.ASCII)) and int(key) < 2**32 - 1


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _to_double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _number_text(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else _sign(value) + "Infinity"
    if value == 0:
        return "0"
    # repr gives the shortest digits that read back, as JavaScript wants; only the form differs.
    digits, _, exponent = f"{Decimal(repr(abs(value))):e}".lower().partition("e")
    digits = digits.replace(".", "").rstrip("0") or "0"
    return _sign(value) + _laid_out(digits, int(exponent) + 1)


def _sign(value: float) -> str:
    return "-" if value < 0 else ""


def _laid_out(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = f"e{point - 1:+d}"
    return f"{digits[0]}.{digits[1:]}{exponent}" if len(digits) > 1 else digits + exponent
