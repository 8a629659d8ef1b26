"""Statistics of one column, value by value: what the product computes for many columns at once."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence

from lambdatuning.core.statistics.means import (
    CONFIDENCE,
    MIN_GROUPS,
    between,
    bounds,
    by_group,
    independent,
    mean,
    quantile,
)


def trimmed_mean(values: Sequence[float], trim: float) -> float:
    """The mean without the `trim` share (0..0.5, exclusive) at each end, rounded down to values.

    >>> trimmed_mean([1, 2, 3, 4, 2000], 0.2)
    3.0
    """
    if not 0 <= trim < 0.5:
        raise ValueError(f"trim must be from 0 to below 0.5; not {trim}")
    cut = int(len(values) * trim)
    return mean(sorted(values)[cut : len(values) - cut])


def quantile_interval(
    values: Sequence[float],
    groups: Sequence[Hashable],
    q: float,
    *,
    confidence: float = CONFIDENCE,
) -> tuple[float, float] | None:
    """The interval of the quantile `q`; None where the values are too few, or too much alike.

    Independent values are enough for p90 from 60 on, for p95 from 120, for p99 from 600; values
    that environments share count for fewer. The median needs 3 environments and about 8 values.
    ValueError if `values` and `groups` differ in length, or `q` is no share.
    """
    members = by_group(values, groups)
    ordered = sorted(values)
    if not 0 < q < 1:
        raise ValueError(f"a quantile is between 0 and 1; not {q}")
    if len(members) < MIN_GROUPS:
        return None
    at = quantile(ordered, q)
    sizes = [len(group) for group in members]
    below = [sum(value <= at for value in group) / len(group) for group in members]
    ranks = [[bisect_left(ordered, v) + bisect_right(ordered, v) for v in g] for g in members]
    shares = bounds(sizes, below, independent(*_moments(ranks)), q, confidence)
    if shares is None:
        return None
    low, high = shares
    return between(ordered, low), between(ordered, high)


def _moments(groups: Sequence[Sequence[float]]) -> tuple[list[int], list[float], float]:
    means = [math.fsum(group) / len(group) for group in groups]
    squares = (
        (value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group
    )
    return [len(group) for group in groups], means, math.fsum(squares)
