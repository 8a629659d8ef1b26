"""How each field of an execution input is read: `rule(name, value)` gives it or refuses it.

Every rule raises UsageError with the name of the input and what it may be.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import read_options
from .arn import FunctionArn, parse_function_arn
from .errors import UsageError, closest
from .payloads import payload_type, unique
from .s3_path import parse_s3_path
from .sizes import DEFAULT_POWERS, parse_sizes
from .strategies import DEFAULT_STRATEGY, check_strategy, clamp_weight

MAX_TRIM = 0.4

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """Memory sizes in MB; the default ones for an empty list."""
    if value in ([], (), ""):
        return DEFAULT_POWERS
    try:
        return parse_sizes(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc


def number(name: str, value: Any) -> float:
    """A finite number, or a string of one."""
    return read_options.number(f'input "{name}"', value)


def whole(low: int, high: float = math.inf) -> Callable[[str, Any], int]:
    """The rule for a whole number within limits."""
    return lambda name, value: read_options.whole_number(f'input "{name}"', value, low, high)


def above_zero(name: str, value: Any) -> float:
    """A number above 0."""
    found = number(name, value)
    if found <= 0:
        raise UsageError(f'input "{name}" must be above 0; not {value!r}')
    return found


def one_of(words: Sequence[str]) -> Callable[[str, Any], str]:
    """The rule for one of a few words."""

    def rule(name: str, value: Any) -> str:
        if value not in words:
            raise UsageError(f'input "{name}" is {value!r}; {closest(str(value), words)}')
        return str(value)

    return rule


def flag(name: str, value: Any) -> bool:
    """A boolean, or "true" or "false", or 1 or 0."""
    if value in (0, 1):  # False and True too
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise UsageError(f'input "{name}" must be true or false; not {value!r}')


def text(name: str, value: Any) -> str | None:
    """A string; None for an empty one."""
    if isinstance(value, str):
        return value or None
    raise UsageError(f'input "{name}" must be a string; not {value!r}')


def arn(name: str, value: Any) -> FunctionArn | None:
    """A function's ARN; None for an empty string."""
    if value == "":
        return None
    try:
        return parse_function_arn(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc


def s3_path(name: str, value: Any) -> str | None:
    """An `s3://BUCKET/KEY`, checked and as it was given; None for an empty string."""
    if value == "":
        return None
    try:
        parse_s3_path(value)
    except UsageError as exc:
        raise UsageError(f'input "{name}": {exc}') from exc
    return str(value)


def strategy(_: str, value: Any) -> str:
    """A known strategy; the default for an empty string."""
    return check_strategy(value or DEFAULT_STRATEGY)


def weight(name: str, value: Any) -> float:
    """The weight of cost, clamped to 0..1."""
    return clamp_weight(number(name, value))


def trim(name: str, value: Any) -> float:
    """The share trimmed at each end, clamped to 0..0.4."""
    return min(max(number(name, value), 0.0), MAX_TRIM)


def names(name: str, value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return tuple(value)
    raise UsageError(f'input "{name}" must be a list of error types; not {value!r}')


def types(name: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    """Payload types as they were given, each checked, no name twice."""
    if not isinstance(value, list | tuple):
        raise UsageError(f'input "{name}" must be a list of payload types; not {value!r}')
    if value:
        unique(
            payload_type(entry, f'input "{name}"[{i}] {{}}'.format) for i, entry in enumerate(value)
        )
    return tuple(value)


def run_id(name: str, value: Any) -> str:
    """A name that can be part of an S3 key and of an alias."""
    if isinstance(value, str) and _RUN_ID.fullmatch(value):
        return value
    raise UsageError(
        f'input "{name}" must be 1 to 80 of letters, digits, ".", "_", "-"; not {value!r}'
    )


def anything(_: str, value: Any) -> Any:
    """Whatever JSON holds."""
    return value
