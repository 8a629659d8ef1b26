"""Means and quantiles of durations and costs, and what is known of a sample at once."""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from .intervals import mean_interval


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a sample.

    `mean_low` and `mean_high` are the 95 % interval of the mean, None with fewer than 3 groups.
    Quantiles of few values are no more than the largest values seen; how far to trust one, or that
    there is nothing to trust, says `quantile_interval`.
    """

    n: int
    groups: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    mean_low: float | None
    mean_high: float | None


def summarise(values: Sequence[float], groups: Sequence[Hashable]) -> Summary | None:
    """A summary of `values`, of which `groups` names the execution environments; None of nothing.

    ValueError if they differ in length.
    """
    if not values:
        return None
    ordered = sorted(values)
    interval = mean_interval(values, groups)
    low, high = interval or (None, None)
    return Summary(
        n=len(values),
        groups=len(set(groups)),
        mean=mean(values),
        p50=quantile(ordered, 0.50),
        p90=quantile(ordered, 0.90),
        p95=quantile(ordered, 0.95),
        p99=quantile(ordered, 0.99),
        mean_low=low,
        mean_high=high,
    )


def mean(values: Sequence[float]) -> float:
    """The mean, exactly rounded; ValueError of nothing."""
    if not values:
        raise ValueError("the mean of no values is not defined")
    return math.fsum(values) / len(values)


def trimmed_mean(values: Sequence[float], trim: float) -> float:
    """The mean without the `trim` share (0..0.5, exclusive) at each end, rounded down to values.

    >>> trimmed_mean([1, 2, 3, 4, 2000], 0.2)
    3.0
    """
    if not 0 <= trim < 0.5:
        raise ValueError(f"trim must be from 0 to below 0.5; not {trim}")
    cut = int(len(values) * trim)
    return mean(sorted(values)[cut : len(values) - cut])


def quantile(values: Iterable[float], q: float) -> float:
    """The quantile `q` (0..1), linear between values (Hyndman and Fan's type 7, numpy's default).

    >>> quantile([1, 2, 3, 4], 0.5)
    2.5
    """
    ordered = sorted(values)
    if not ordered or not 0 <= q <= 1:
        raise ValueError("a quantile needs values and a share from 0 to 1")
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    # In this form the result never leaves the two values between which it lies.
    share = position - below
    if ordered[below] == ordered[above]:
        return float(ordered[below])
    return ordered[below] * (1 - share) + ordered[above] * share
