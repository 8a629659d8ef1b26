"""How sure a mean is: resampling in two levels, execution environments, then invocations in them.

Invocations on one environment share a host, so a thousand of them on one slow host say little
about the next host. Each resample therefore draws environments with replacement and, in each
drawn one, invocations with replacement. The plain percentile interval of such resamples is wrong
in both directions (noise inside environments is counted twice; five environments are too few for
a percentile), so their spread is set to the standard error of `core.intervals`, and their tails to
Student's t with its degrees of freedom: resamples say the same as the intervals that are shown,
and can also say how likely one size is better than another.
Source: A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application (1997), 3.8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.intervals import CONFIDENCE, MIN_GROUPS, Uncertainty, uncertainty

Floats = NDArray[np.float64]

RESAMPLES = 2_000
MIN_ENVIRONMENTS = MIN_GROUPS
_CELLS = 2_000_000
"""Resampled environment means held in memory at once."""

_POOL = 100
"""Resamples of the invocations of one environment; a resample of environments draws from them."""

_INNER = 200
"""Above so many invocations an environment, that many are drawn and the spread is scaled down."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Values (n x k) sorted by environment, with the first row and the size of each environment."""

    values: Floats
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def means(self) -> Floats:
        """Mean of each environment (environments x k)."""
        sums: Floats = np.add.reduceat(self.values, self.starts, axis=0)
        return sums / self.sizes[:, None]


def clusters(values: Floats, environments: NDArray[np.int64]) -> Clusters:
    """Group `values` (n, or n x k) by the environment codes (n)."""
    order = np.argsort(environments, kind="stable")
    _, starts, sizes = np.unique(environments[order], return_index=True, return_counts=True)
    return Clusters(np.asarray(values, float).reshape(len(order), -1)[order], starts, sizes)


def replicates(
    values: Floats, environments: NDArray[np.int64], *, outer: int, inner: int
) -> Floats:
    """Resampled means (RESAMPLES x k) of `values` (n x k), all columns resampled together.

    `outer` seeds the draw of environments, `inner` the draw of invocations and of t's tails:
    payload types that ran on the same environments share `outer`, so that a slow host is slow for
    all of them. NaN throughout where there are fewer than `MIN_ENVIRONMENTS` environments.
    """
    return resampled(clusters(values, environments), None, outer=outer, inner=inner)


def resampled(
    groups: Clusters, known: Sequence[Uncertainty] | None, *, outer: int, inner: int
) -> Floats:
    """The same of grouped values. `known` are the relative errors of the columns' means, if other
    cells of the run told more of them (see `moderation`)."""
    count = len(groups.sizes)
    if known is None and count < MIN_ENVIRONMENTS:
        return np.full((RESAMPLES, groups.values.shape[1]), np.nan)
    picks = np.random.default_rng(outer).integers(count, size=(RESAMPLES, count))
    rng = np.random.default_rng(inner)
    means = _resampled_means(groups, picks, rng)
    centre = groups.values.mean(axis=0)
    if known is None:
        own = uncertainties(groups)
        errors, degrees = np.array([each.error for each in own]), own[0].degrees
    else:
        errors, degrees = np.array([each.error for each in known]) * centre, known[0].degrees
    heavy = np.sqrt(degrees / rng.chisquare(degrees, RESAMPLES))
    return _calibrated(means, groups, errors, heavy)


def interval(replicated: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Low and high end of the central `confidence` share; NaN where the replicates are."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicated, [tail, 1 - tail])
    return float(low), float(high)


class Difference(NamedTuple):
    """How much one mean differs from another: 0.1 is 10 % more.

    `low` and `high` hold the true relative difference; `less` is the probability that it is below
    0. All three are NaN where either mean has too few environments.
    """

    relative: float
    low: float
    high: float
    less: float

    @property
    def known(self) -> bool:
        """Whether the interval leaves no doubt about the direction."""
        return self.high < 0 or self.low > 0


def difference(
    before: float,
    after: float,
    resampled_before: Floats,
    resampled_after: Floats,
    confidence: float = CONFIDENCE,
) -> Difference:
    """The relative difference of two means, with their resampled means (as `replicates` gives).

    Both are of one run: runs at two times differ by more than their samples tell (see
    `comparing.noise`).
    """
    change = resampled_after / resampled_before - 1
    low, high = interval(change, confidence)
    less = float((change < 0).mean()) if np.isfinite(change).all() else float("nan")
    return Difference(after / before - 1, low, high, less)


def uncertainties(groups: Clusters) -> list[Uncertainty]:
    """How the mean of each column errs."""
    sizes, means = groups.sizes.tolist(), groups.means
    return [uncertainty(sizes, column) for column in means.T.tolist()]


def _resampled_means(
    groups: Clusters, picks: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """Mean of each resample: `picks` says which environments it is made of (resamples x count)."""
    pool = np.concatenate([_pool(groups, n, rng) for n in range(len(groups.sizes))])
    rows = picks * _POOL + rng.integers(_POOL, size=picks.shape)
    weights = groups.sizes[picks]
    means = np.empty((len(picks), groups.values.shape[1]))
    step = max(1, _CELLS // picks.shape[1])
    for begin in range(0, len(picks), step):
        part = slice(begin, begin + step)
        means[part] = (pool[rows[part]] * weights[part, :, None]).sum(axis=1)
    resampled: Floats = means / weights.sum(axis=1)[:, None]
    return resampled


def _pool(groups: Clusters, n: int, rng: np.random.Generator) -> Floats:
    """Resampled means (_POOL x k) of the n-th environment, from which all resamples draw."""
    begin, size = groups.starts[n], groups.sizes[n]
    values = groups.values[begin : begin + size]
    drawn = min(int(size), _INNER)
    means = values[rng.integers(size, size=(_POOL, drawn))].mean(axis=1)
    centre = values.mean(axis=0)
    pool: Floats = centre + (means - centre) * np.sqrt(drawn / size)
    return pool


def _calibrated(means: Floats, groups: Clusters, errors: Floats, heavy: Floats) -> Floats:
    """Replicates with these standard errors and t's tails, on a log scale: never below 0."""
    centre = groups.values.mean(axis=0)
    spread = means.std(axis=0)
    scale = np.divide(errors, spread, out=np.zeros_like(spread), where=spread > 0)
    relative = np.divide(
        (means - means.mean(axis=0)) * scale, centre, out=np.zeros_like(means), where=centre > 0
    )
    replicated: Floats = centre * np.exp(np.minimum(relative * heavy[:, None], 50))
    return replicated
