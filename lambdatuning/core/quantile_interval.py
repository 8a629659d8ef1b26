"""How far a quantile can be trusted, when execution environments differ.

The share of values below a quantile is a mean, so it errs as means over environments do. That
gives the number of independent values which would err as much, hence Wilson's interval of the
share, and the values that have these shares below them are the interval of the quantile.
Sources: R. S. Woodruff, Confidence Intervals for Medians and Other Position Measures, JASA 47
(1952); E. L. Korn, B. I. Graubard, Confidence Intervals for Proportions with Small Expected Number
of Positive Counts Estimated from Survey Data, Survey Methodology 24 (1998).
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from statistics import NormalDist

from .intervals import CONFIDENCE, MIN_GROUPS, by_group, uncertainty
from .statistics import quantile
from .student import student_t

MIN_BEYOND = 6.0
"""A tail is known where so many independent values are expected beyond the quantile."""

_LUCK = 1.5
"""Environments that happen to agree count as at most so many times more values than there are."""


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


def bounds(
    sizes: Sequence[int],
    below: Sequence[float],
    count: float,
    q: float,
    confidence: float = CONFIDENCE,
) -> tuple[float, float] | None:
    """Shares of the values between whose quantiles the true one lies; None where too few are.

    `below` are the shares of each group's values up to the quantile, `count` is the number of
    `independent` values.
    """
    n = sum(sizes)
    if q != 0.5 and min(count, n) * min(q, 1 - q) < MIN_BEYOND * (1 - 1e-9):
        return None
    known = uncertainty(sizes, below)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    wider = (student_t(0.5 + confidence / 2, known.degrees) / z) ** 2
    most = n * _LUCK
    error = known.error**2 * wider
    enough = min(q * (1 - q) / error, most) if error else most
    centre = (q + z * z / (2 * enough)) / (1 + z * z / enough)
    reach = z / (1 + z * z / enough) * math.sqrt(q * (1 - q) / enough + (z / (2 * enough)) ** 2)
    low, high = centre - reach, centre + reach
    # A share belongs to the middle of a value's step: half a value at each end is out of reach.
    return (low, high) if low * n >= 0.5 and high * n <= n - 0.5 else None


def independent(sizes: Sequence[int], means: Sequence[float], within: float) -> float:
    """How many independent values a grouped sample is worth: n / (1 + (size - 1) correlation).

    `means` are those of the groups, `within` is the sum of squared distances of values from their
    group's mean; of ranks, so that slow outliers do not decide. The correlation of values in a
    group is that of a one-way analysis of variance.
    """
    n, count = sum(sizes), len(sizes)
    if n == count:
        return float(n)
    typical = (n - sum(size * size for size in sizes) / n) / (count - 1)
    centre = math.fsum(size * mean for size, mean in zip(sizes, means, strict=True)) / n
    between_groups = math.fsum(
        size * (mean - centre) ** 2 for size, mean in zip(sizes, means, strict=True)
    ) / (count - 1)
    inside = within / (n - count)
    both = between_groups + (typical - 1) * inside
    correlation = max((between_groups - inside) / both, 0.0) if both else 0.0
    return n / (1 + (typical - 1) * correlation)


def between(ordered: Sequence[float], share: float) -> float:
    """The value that has this share of the ordered values below it, linear between the middles."""
    position = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    part = position - below
    return float(ordered[below]) * (1 - part) + float(ordered[above]) * part


def _moments(groups: Sequence[Sequence[float]]) -> tuple[list[int], list[float], float]:
    means = [math.fsum(group) / len(group) for group in groups]
    squares = (
        (value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group
    )
    return [len(group) for group in groups], means, math.fsum(squares)
