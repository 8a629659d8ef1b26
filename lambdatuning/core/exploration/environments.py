"""How much execution environments of one size may differ, by those that were seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .groups import Group

PRIOR = ((0.005, 0.88), (0.03, 0.07), (0.1, 0.045), (0.25, 0.005))
"""(sd of single environments around their mean in log, how likely it is before any was seen)."""
_STRAY, _STRAY_SD = 0.05, 0.4
"""How often an outlier among few samples makes environments look different, and how much (log)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Environments of one size side by side: the squares of their distances from their mean,
    what chance alone gives each on average, and the degrees of freedom."""

    squares: float
    noise: float
    degrees: int


def compare(groups: Sequence[Group], sd: float) -> Comparison | None:
    """Of the environments of one size; None with fewer than two.

    `sd` is the spread of single invocations (log).
    """
    if len(groups) < 2:
        return None
    means = [group.location(sd) for group in groups]
    centre = fmean(means)
    noise = fmean(sd**2 / group.weight for group in groups)
    return Comparison(sum((m - centre) ** 2 for m in means), noise, len(means) - 1)


def likely_environments(comparisons: Sequence[Comparison]) -> list[tuple[float, float]]:
    """(sd, weight) of `PRIOR` after what was seen; weights add up to 1."""
    logs = [
        math.log(weight) + sum(_log_likelihood(one, sd**2) for one in comparisons)
        for sd, weight in PRIOR
    ]
    best = max(logs)
    weights = [math.exp(value - best) for value in logs]
    total = sum(weights)
    return [(sd, weight / total) for (sd, _), weight in zip(PRIOR, weights, strict=True)]


def expected_sd(comparisons: Sequence[Comparison]) -> float:
    """How much single environments are expected to differ (log, root mean square)."""
    return math.sqrt(math.fsum(w * sd**2 for sd, w in likely_environments(comparisons)))


def _log_likelihood(one: Comparison, between: float) -> float:
    usual = math.log(1 - _STRAY) + _log_density(one, between + one.noise)
    stray = math.log(_STRAY) + _log_density(one, _STRAY_SD**2)
    most = max(usual, stray)
    return most + math.log(math.exp(usual - most) + math.exp(stray - most))


def _log_density(one: Comparison, variance: float) -> float:
    return -0.5 * (one.degrees * math.log(variance) + one.squares / variance)
