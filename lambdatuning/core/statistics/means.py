"""Means and quantiles, and how far each can be trusted when execution environments differ.

Two levels: invocations on one environment share a host, so it is the means of environments that
are independent. What plain resampling of both levels estimates, the variance of the mean, has a
closed form, which is taken here: the cluster-robust standard error, corrected for few and for
uneven groups, and Student's t with the degrees of freedom that estimate has.
Intervals of means, which also have to know of rare slow calls, go on from here (`mean_intervals`).
Sources: R. M. Bell, D. F. McCaffrey, Bias Reduction in Standard Errors for Linear Regression with
Multi-Stage Samples, Survey Methodology 28 (2002); A. C. Cameron, D. L. Miller, A Practitioner's
Guide to Cluster-Robust Inference, Journal of Human Resources 50 (2015).

The share of values below a quantile is a mean, so it errs as means over environments do. That
gives the number of independent values which would err as much, hence Wilson's interval of the
share, and the values that have these shares below them are the interval of the quantile.
Sources: R. S. Woodruff, Confidence Intervals for Medians and Other Position Measures, JASA 47
(1952); E. L. Korn, B. I. Graubard, Confidence Intervals for Proportions with Small Expected Number
of Positive Counts Estimated from Survey Data, Survey Methodology 24 (1998).
"""

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

_NORMAL_FROM = 1_000
_STEPS = 300
_TINY = 1e-30


@lru_cache(maxsize=4_096)
def student_t(p: float, degrees: float) -> float:
    """The quantile `p` (0.5..1) of Student's t; the normal distribution from 1,000 degrees on.

    Newton's method from the normal quantile, which lies below: the distribution function is concave
    there, so that no step goes too far.

    >>> round(student_t(0.975, 4), 3), round(student_t(0.975, 3.5), 3)
    (2.776, 2.94)
    """
    t = NormalDist().inv_cdf(p)
    for _ in range(_STEPS if degrees < _NORMAL_FROM else 0):
        step = (p - _cdf(t, degrees)) / _density(t, degrees)
        t += step
        if abs(step) <= 1e-12 * t:
            break
    return t


def _cdf(t: float, degrees: float) -> float:
    return 1 - incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2


def _density(t: float, degrees: float) -> float:
    log = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    log -= (degrees + 1) / 2 * math.log1p(t * t / degrees)
    return math.exp(log) / math.sqrt(degrees * math.pi)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for x from 0 to 1.

    Continued fraction of Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.

    >>> round(incomplete_beta(2, 3, 0.4), 4)
    0.5248
    """
    if x <= 0 or x >= 1:
        return float(x > 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    value = c = 1.0
    d = 0.0
    for step in range(1, _STEPS):
        term = _term(a, b, x, step)
        c, d = _not_zero(1 + term / c), 1 / _not_zero(1 + term * d)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 / value


def _term(a: float, b: float, x: float, step: int) -> float:
    m, odd = divmod(step, 2)
    if odd:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


# How far a mean can be trusted, when execution environments differ.


CONFIDENCE = 0.95
MIN_GROUPS = 3
"""With fewer execution environments nothing is known of how they differ: no interval is given."""


_UNPLACED = 0.1


def placed(environments: Collection[str]) -> bool:
    """Whether it is known which execution environments served invocations: all but a tenth of
    them, which a log line that comes too late should not make worthless.

    >>> placed(["a", "b", "c"]), placed(["a", "b", ""]), placed([])
    (True, False, True)
    """
    return sum(not name for name in environments) <= _UNPLACED * len(environments)


def differing(environments: Collection[str]) -> bool:
    """Whether it can be known how execution environments differ: of so many, and placed."""
    return placed(environments) and len({*environments} - {""}) >= MIN_GROUPS


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard error of a mean over groups, and the degrees of freedom of that estimate."""

    error: float
    degrees: float


def uncertainty(sizes: Sequence[int], means: Sequence[float]) -> Uncertainty:
    """How the mean of all values errs, from the size and the mean of each of at least 2 groups.

    Squared distances of group means are divided by what they are expected to be where groups
    differ alike; degrees of freedom are Satterthwaite's. With groups of one size it is the standard
    error of their means, with one degree less than groups.
    """
    total = sum(sizes)
    shares = [size / total for size in sizes]
    squares = math.fsum(share * share for share in shares)
    centre = math.fsum(share * mean for share, mean in zip(shares, means, strict=True))
    factors = [share * share / (1 - 2 * share + squares) for share in shares]
    terms = (f * (mean - centre) ** 2 for f, mean in zip(factors, means, strict=True))
    return Uncertainty(math.sqrt(math.fsum(terms)), _degrees(shares, factors, squares))


def by_group(values: Sequence[float], groups: Sequence[Hashable]) -> tuple[Sequence[float], ...]:
    """The values of each group; ValueError if there are more of the ones than of the others."""
    groups_of_values: dict[Hashable, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        groups_of_values[group].append(value)
    return tuple(groups_of_values.values())


def _degrees(shares: Sequence[float], factors: Sequence[float], squares: float) -> float:
    """tr(Q)^2 / tr(Q^2) of the quadratic form Q in independent group means of equal variance."""
    plain = math.fsum(factors)
    once = math.fsum(f * share for f, share in zip(factors, shares, strict=True))
    twice = math.fsum(f * share**2 for f, share in zip(factors, shares, strict=True))
    own = math.fsum(
        f * f * (1 + 2 * (squares - 2 * share)) for f, share in zip(factors, shares, strict=True)
    )
    cross = (squares * plain) ** 2 + 2 * plain * twice - 4 * squares * plain * once + 2 * once**2
    return min(max(squares**2 / (own + cross), 1.0), len(shares) - 1.0)


# Means and quantiles of durations and costs.


def mean(values: Sequence[float]) -> float:
    """The mean, exactly rounded; ValueError of nothing."""
    if not values:
        raise ValueError("the mean of no values is not defined")
    return math.fsum(values) / len(values)


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


# How far a quantile can be trusted, when execution environments differ.


MIN_BEYOND = 6.0
"""A tail is known where so many independent values are expected beyond the quantile."""

_LUCK = 1.5
"""Environments that happen to agree count as at most so many times more values than there are."""


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
    own = uncertainty(sizes, below)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    wider = (student_t(0.5 + confidence / 2, own.degrees) / z) ** 2
    most = n * _LUCK
    error = own.error**2 * wider
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
