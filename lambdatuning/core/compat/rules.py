"""Power Tuning's averages and costs of one size."""

import math
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from .javascript import divide, parse_int, to_number, to_string

_BASE_MB = 128


def average_duration(durations_ms: Sequence[float] | None, trim: float) -> float:
    """The mean without the `trim` share at each end (rounded down to whole values); 0 of nothing.

    Added up in ascending order from left to right, since float sums depend on the order.

    >>> average_duration([100, 9, 80, 7, 1000], 0.2)
    63.0
    """
    if not durations_ms:
        return 0.0
    count = len(durations_ms)
    discarded = parse_int(count * trim)
    if math.isnan(discarded):
        return math.nan
    cut = int(discarded)
    kept = sorted(durations_ms)[cut : -cut if cut > 0 else count]
    return divide(_sum(kept), count - 2 * cut)


def price(base_cost_usd: float, memory_mb: Any, billed_ms: Any, base_mb: float = _BASE_MB) -> float:
    """USD of `billed_ms`, rounded up to whole milliseconds; without the request fee."""
    duration_ms = to_number(billed_ms)
    whole_ms = math.ceil(duration_ms) if math.isfinite(duration_ms) else duration_ms
    return whole_ms * base_cost_usd * divide(to_number(memory_mb), base_mb)


def total_cost(
    base_cost_usd: float,
    memory_mb: float,
    billed_ms: Sequence[float] | None,
    base_mb: float = _BASE_MB,
) -> float:
    """USD of all invocations, each rounded up on its own, added up in the order given."""
    return _sum([price(base_cost_usd, memory_mb, ms, base_mb) for ms in billed_ms or ()])


def size_statistics(
    memory_mb: int,
    durations_ms: Sequence[float],
    billed_ms: Sequence[float],
    *,
    base_cost_usd: float,
    trim: float,
) -> dict[str, float]:
    """What its executor says of a size: `averagePrice`, `averageDuration`, `totalCost`, `value`.

    `durations_ms` include init and restore, `billed_ms` the billed restore (`tail_totals`,
    `report_totals`); `base_cost_usd` is `lambda_base_cost` of the function's region.
    """
    return {
        "averagePrice": price(base_cost_usd, memory_mb, average_duration(billed_ms, trim)),
        "averageDuration": average_duration(durations_ms, trim),
        # Its averaging sorts the billed durations in place before they are added up.
        "totalCost": total_cost(base_cost_usd, memory_mb, sorted(billed_ms)),
        "value": memory_mb,
    }


def region_of_arn(arn: Any) -> str:
    """The fourth of an ARN's seven parts; UsageError for more parts (a qualified ARN) or fewer."""
    if not isinstance(arn, str) or arn.count(":") != 6:
        raise UsageError(f"Invalid ARN: {to_string(arn)}")
    return arn.split(":")[3]


def _sum(values: Sequence[float]) -> float:
    total = 0.0
    for value in values:  # sum() of Python 3.12 compensates for rounding, JavaScript does not
        total += value
    return total
