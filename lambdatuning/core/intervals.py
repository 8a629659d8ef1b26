"""How far a mean can be trusted, when execution environments differ.

Two levels: invocations on one environment share a host, so it is the means of environments that
are independent. What plain resampling of both levels estimates, the variance of the mean, has a
closed form, which is taken here: the cluster-robust standard error, corrected for few and for
uneven groups, and Student's t with the degrees of freedom that estimate has.
An analysis of a whole run, which sees many sizes and payload types at once, goes on from here (see
`analysis.statistics.moderation`).
Sources: R. M. Bell, D. F. McCaffrey, Bias Reduction in Standard Errors for Linear Regression with
Multi-Stage Samples, Survey Methodology 28 (2002); A. C. Cameron, D. L. Miller, A Practitioner's
Guide to Cluster-Robust Inference, Journal of Human Resources 50 (2015).
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from .student import student_t

CONFIDENCE = 0.95
MIN_GROUPS = 3
"""With fewer execution environments nothing is known of how they differ: no interval is given."""

_FARTHEST = 50.0
"""Exponent at which an interval is as good as without an end, yet a number."""


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard error of a mean over groups, and the degrees of freedom of that estimate."""

    error: float
    degrees: float


def mean_interval(
    values: Sequence[float], groups: Sequence[Hashable], *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """The interval of the mean of `values` (none below 0); None with fewer than 3 `groups`.

    ValueError if `values` and `groups` differ in length.
    """
    members = by_group(values, groups)
    if len(members) < MIN_GROUPS:
        return None
    sizes = [len(group) for group in members]
    means = [math.fsum(group) / len(group) for group in members]
    return limits(math.fsum(values) / len(values), uncertainty(sizes, means), confidence)


def limits(
    centre: float, known: Uncertainty, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Both ends of the interval of a mean that is not below 0.

    They are as many times above as below it, since durations err by factors: such an interval is
    never below 0, and leans to the side on which rare slow invocations lie.
    """
    if centre <= 0:
        return centre, centre
    reach = student_t(0.5 + confidence / 2, known.degrees) * known.error / centre
    factor = math.exp(min(reach, _FARTHEST))
    return centre / factor, centre * factor


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
    found: dict[Hashable, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        found[group].append(value)
    return tuple(found.values())


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
