"""How far a mean or a quantile can be trusted, when execution environments differ."""

import math
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from statistics import NormalDist

CONFIDENCE = 0.95
RESAMPLES = 1_000
MIN_GROUPS = 3
"""With fewer execution environments nothing is known of how they differ: no interval is given."""

Members = Sequence[Sequence[float]]


def mean_interval(
    values: Sequence[float],
    groups: Sequence[Hashable],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    """The interval of the mean by a two-level bootstrap; None with fewer than 3 groups.

    Environments differ more than invocations on one of them do, so that an interval from pooled
    values is far too narrow: groups are drawn with replacement, then values in each. That
    standard error is spread by Student's t for the number of groups, since few groups say little
    about their own spread. Never below 0 for values that are not. ValueError if `values` and
    `groups` differ in length.
    """
    members = _by_group(values, groups)
    if len(members) < MIN_GROUPS:
        return None
    centre = math.fsum(values) / len(values)
    drawable = _unbiased(members, centre)
    rng = random.Random(seed)  # noqa: S311
    means = [_resampled_mean(drawable, rng) for _ in range(resamples)]
    error = math.sqrt(math.fsum((m - centre) ** 2 for m in means) / resamples)
    half = student_t(0.5 + confidence / 2, len(members) - 1) * error
    return max(centre - half, min(0.0, *values)), centre + half


def quantile_interval(
    values: Iterable[float], q: float, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """An interval of the quantile from order statistics, for independent values.

    None where there are too few values to have one at that confidence: the median needs 6 of them,
    p95 needs 72, p99 needs 368. Each end is missed with at most half of what is left over.
    """
    ordered = sorted(values)
    n, miss = len(ordered), (1 - confidence) / 2
    below = _binomial_cdf(n, q)
    low = bisect_left(below, miss + 1e-15)  # P(X < low) = below[low - 1] <= miss
    high = bisect_left(below, 1 - miss)  # P(X <= high) >= 1 - miss
    if low == 0 or high >= n:
        return None
    return ordered[low - 1], ordered[high]


def student_t(p: float, degrees: int) -> float:
    """The quantile `p` (0.5..1) of Student's t for whole `degrees` of freedom.

    Closed forms of Abramowitz and Stegun 26.7.3-4, inverted by bisection; the normal distribution
    above 200 degrees.

    >>> round(student_t(0.975, 4), 3)
    2.776
    """
    if degrees > 200:
        return NormalDist().inv_cdf(p)
    low, high = 0.0, 1.0
    while _t_cdf(high, degrees) < p:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cdf(middle, degrees) < p else (low, middle)
    return high


def _by_group(values: Sequence[float], groups: Sequence[Hashable]) -> Members:
    found: dict[Hashable, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        found[group].append(value)
    return tuple(found.values())


def _unbiased(members: Members, centre: float) -> Members:
    """Values whose plain two-level resampling varies as the mean does.

    Group means vary by what the values in them vary, too. To resample both levels as they are would
    count that twice; so group means are shrunk and deviations in groups widened until the two add
    up to the variance of the mean (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
    """
    between, within = _variances(members, centre)
    count = len(members)
    own = max(between - within, 0.0)
    shrink = math.sqrt(own / between * count / (count - 1)) if between else 0.0
    fit = math.sqrt(between / within) if within > between else 1.0
    return tuple(_moved(group, centre, shrink, fit) for group in members)


def _variances(members: Members, centre: float) -> tuple[float, float]:
    """Of group means (weighed by size), and of what of that the values within explain."""
    count, total = len(members), sum(map(len, members))
    means = [math.fsum(group) / len(group) for group in members]
    between = math.fsum(
        (mean - centre) ** 2 * len(group) for mean, group in zip(means, members, strict=True)
    ) / (total / count * (count - 1))
    if total == count:
        return between, 0.0
    squares = math.fsum(
        (value - mean) ** 2 for mean, group in zip(means, members, strict=True) for value in group
    )
    return between, squares / (total - count) * count / total


def _moved(group: Sequence[float], centre: float, shrink: float, fit: float) -> Sequence[float]:
    size = len(group)
    mean = math.fsum(group) / size
    widen = math.sqrt(size / (size - 1)) * fit if size > 1 else 0.0
    return [centre + shrink * (mean - centre) + widen * (value - mean) for value in group]


def _resampled_mean(members: Members, rng: random.Random) -> float:
    total, count = 0.0, 0
    for group in rng.choices(members, k=len(members)):
        total += sum(rng.choices(group, k=len(group)))
        count += len(group)
    return total / count


def _binomial_cdf(n: int, q: float) -> list[float]:
    """P(X <= k) for k = 0..n of a binomial X with chance `q`."""
    if not 0 < q < 1:
        raise ValueError(f"a quantile's interval needs a share between 0 and 1; not {q}")
    logs = (
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(q)
        + (n - k) * math.log1p(-q)
        for k in range(n + 1)
    )
    cdf, total = [], 0.0
    for log in logs:
        total += math.exp(log)
        cdf.append(total)
    return cdf


def _t_cdf(t: float, degrees: int) -> float:
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, series = (cosine if odd else 1.0), 0.0
    for k in range(2 if odd else 1, degrees, 2):
        series += term
        term *= cosine**2 * k / (k + 1)
    inside = 2 / math.pi * (angle + sine * series) if odd else sine * series
    return 0.5 + inside / 2
