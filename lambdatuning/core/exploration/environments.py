"""How much execution environments of one size may differ, by those that were seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

PRIOR = ((0.005, 0.88), (0.03, 0.07), (0.1, 0.045), (0.25, 0.005))
"""(sd of single environments around their mean in log, how likely it is before any was seen)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Environments of one size side by side: the squares of their distances from their mean,
    what chance alone gives each on average, and the degrees of freedom."""

    squares: float
    noise: float
    degrees: int


def compare(groups: Sequence[Sequence[float]], sd: float) -> Comparison | None:
    """Of the log durations that each environment of one size took; None with fewer than two.

    `sd` is the spread of single invocations (log).
    """
    if len(groups) < 2:
        return None
    means = [median(values) for values in groups]
    centre = fmean(means)
    noise = fmean(sd**2 / len(values) for values in groups)
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
    variance = between + one.noise
    return -0.5 * (one.degrees * math.log(variance) + one.squares / variance)
