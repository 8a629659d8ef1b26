"""Options as users write them: numbers that may come as text from a command line."""

import math

from .errors import UsageError


def whole_number(name: str, value: object, low: int = 1, high: float = math.inf) -> int:
    """A whole number from `low` to `high`; UsageError names the option.

    >>> whole_number("--num", "10")
    10
    """
    found = number(name, value)
    if found != int(found) or not low <= found <= high:
        limits = f"{low} or more" if high == math.inf else f"from {low} to {high}"
        raise UsageError(f"{name} must be a whole number, {limits}; not {value!r}")
    return int(found)


def number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`; UsageError names the option.

    >>> number("--weight", "0.5", 0, 1)
    0.5
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise UsageError(f"{name} must be a number; not {value!r}")
    if not low <= found <= high:
        raise UsageError(f"{name} must be from {low:g} to {high:g}; not {value!r}")
    return found
