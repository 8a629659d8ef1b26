"""How sure means and quantiles are, with spreads that the cells of a run lend each other.

Invocations on one environment share a host, so a thousand of them on one slow host say little
about the next host. Each resample therefore draws environments with replacement and, in each
drawn one, invocations with replacement. The plain percentile interval of such resamples is wrong
in both directions (noise inside environments is counted twice; five environments are too few for
a percentile), so their spread is set to the standard error of `core.intervals`, and their tails to
Student's t with its degrees of freedom: resamples say the same as the intervals that are shown,
and can also say how likely one size is better than another.
Source: A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application (1997), 3.8.

Three environments say nearly nothing about how much environments differ: Student's t with two
degrees of freedom makes intervals ten times as wide as their standard error. But a run has tens of
cells (payload types at sizes), and how much their environments differ is no new question in each.
So the variance between environments of each cell is drawn towards what is usual in cells that are
as noisy inside, the more, the more alike the cells of the run are: empirical Bayes.
Source: G. K. Smyth, Linear Models and Empirical Bayes Methods for Assessing Differential Expression
in Microarray Experiments, Statistical Applications in Genetics and Molecular Biology 3 (2004);
the trend is that of its package limma.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.statistics import (
    CONFIDENCE,
    MIN_GROUPS,
    Uncertainty,
    between,
    bounds,
    independent,
    limits,
    uncertainty,
)

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


# Spreads that cells of one run lend to each other, where each has few environments of its own.


Name = TypeVar("Name")

MIN_CELLS = 6
"""With fewer cells each stands on its own."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How environments of one cell differ, relative to its mean: `between` is their variance.

    It comes with `degrees` of freedom. `within` is what it would be if environments were alike,
    from the noise inside them. `share` is the sum of squares of the environments' shares, hence
    share x between the squared relative error of the mean.
    """

    between: float
    degrees: float
    within: float
    share: float


def spread(groups: Clusters, column: int) -> Spread:
    """The spread of one column of a cell; of one environment it is 0 with 0 degrees of freedom."""
    sizes, values = groups.sizes, groups.values[:, column]
    n, centre = int(sizes.sum()), float(values.mean()) or 1.0
    shares = sizes / n
    squares = float((shares**2).sum())
    alone = len(sizes) == 1
    known = Uncertainty(0.0, 0.0) if alone else uncertainties(groups)[column]
    inside = values - np.repeat(groups.means[:, column], sizes)
    free = n - len(sizes)
    noise = float((inside**2).sum()) / free if free else 0.0
    return Spread(
        between=known.error**2 / centre**2 / squares,
        degrees=known.degrees,
        within=noise / n / centre**2 / squares,
        share=squares,
    )


def of_cells(groups: Mapping[Name, Clusters]) -> dict[Name, list[Uncertainty]]:
    """The relative error of each column's mean, for each cell; cells lend to each other.

    A cell of one or two environments lives on what others lend; where there are too few others, it
    is left out.
    """
    columns = next((each.values.shape[1] for each in groups.values()), 0)
    spreads = [[spread(each, column) for each in groups.values()] for column in range(columns)]
    known = [moderated(column) for column in spreads]
    lent = all(sum(cell.between > 0 for cell in column) >= MIN_CELLS for column in spreads)
    return {
        key: [column[n] for column in known]
        for n, (key, each) in enumerate(groups.items())
        if lent or len(each.sizes) >= MIN_ENVIRONMENTS
    }


def moderated(cells: Sequence[Spread]) -> list[Uncertainty]:
    """The relative error of each cell's mean with its degrees of freedom, all cells considered."""
    between = np.array([cell.between for cell in cells], float)
    degrees = np.array([cell.degrees for cell in cells], float)
    known = between > 0
    if known.sum() >= MIN_CELLS:
        usual, prior = _prior(cells, known)
        total = np.minimum(degrees + prior, degrees[known].sum())
        lent = 1 - degrees / (prior + degrees)
        between = np.where(known, lent * usual + (1 - lent) * between, between)
        degrees = np.where(known, total, degrees)
        alone = degrees == 0
        between = np.where(alone, usual, between)
        degrees = np.where(alone, min(prior, degrees[known].max()), degrees)
    shares = np.array([cell.share for cell in cells], float)
    pairs = zip(np.sqrt(between * shares).tolist(), degrees.tolist(), strict=True)
    return [Uncertainty(*pair) for pair in pairs]


def _prior(cells: Sequence[Spread], known: NDArray[np.bool_]) -> tuple[Floats, float]:
    """The usual variance for each cell, and how many degrees of freedom that is worth."""
    between, degrees, within = (
        np.array([getattr(cell, name) for cell in cells], float)
        for name in ("between", "degrees", "within")
    )
    half = degrees[known] / 2
    height = np.log(between[known]) - digamma(half) + np.log(half)
    place = np.log(np.maximum(within, between[known].min() * 1e-3))
    slope, level = _trend(place[known], height)
    left = height - level - slope * place[known]
    excess = float((left**2).sum() / (len(left) - 2) - trigamma(half).mean())
    prior = 2 * _trigamma_inverse(excess) if excess > 0 else np.inf
    usual = level + slope * place
    if np.isfinite(prior):
        half_prior = np.array([prior / 2])
        usual = usual + float((digamma(half_prior) - np.log(half_prior))[0])
    return np.exp(usual), float(prior)


def _trend(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope (0: hosts decide; 1: the noise inside them does) and level of a line."""
    away = x - x.mean()
    square = float((away**2).sum())
    slope = float((away * y).sum()) / square if square > 0 else 0.0
    slope = min(max(slope, 0.0), 1.0)
    return slope, float(y.mean() - slope * x.mean())


def digamma(x: Floats) -> Floats:
    """The derivative of log gamma, for x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18)."""
    steps = np.arange(10)
    low = (1 / (x[:, None] + steps)).sum(axis=1)
    z = x + 10
    found: Floats = np.log(z) - 1 / (2 * z) - 1 / (12 * z**2) + 1 / (120 * z**4) - low
    return found


def trigamma(x: Floats) -> Floats:
    """The derivative of `digamma`, for x > 0 (Abramowitz and Stegun 6.4.6, 6.4.12)."""
    steps = np.arange(10)
    low = (1 / (x[:, None] + steps) ** 2).sum(axis=1)
    z = x + 10
    found: Floats = 1 / z + 1 / (2 * z**2) + 1 / (6 * z**3) - 1 / (30 * z**5) + low
    return found


def _trigamma_inverse(y: float) -> float:
    """Where `trigamma`, which falls, is `y`; by bisection of the logarithm."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if float(trigamma(np.array([np.exp(middle)]))[0]) > y:
            low = middle
        else:
            high = middle
    return float(np.exp(high))


# Intervals of means and quantiles for every cell of a summary, by the rules of `core`.


MEASURES = ["duration_ms", "cost_usd"]
_NONE = (float("nan"), float("nan"))

Key = tuple[str, str, str, int]
"""Function, architecture, payload type and memory size in MB."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Warm durations and costs of one cell, by environment, and how their means err (relative)."""

    run_id: str
    groups: Clusters
    known: list[Uncertainty] | None


def cells(samples: DataFrame, keys: Sequence[str]) -> dict[Key, Cell]:
    """The cells of warm samples; those of one function and architecture lend each other spreads.

    What is known of a cell's means is None where its size, whatever payload type, was served by
    fewer than 3 environments.
    """
    codes, _ = pd.factorize(samples["environment"], sort=True)
    marked = samples.assign(environment=codes)
    found: dict[Key, tuple[str, Clusters]] = {}
    for (function, architecture, payload, size), rows in marked.groupby(list(keys), observed=True):
        values, environments = rows[MEASURES].to_numpy(float), rows["environment"].to_numpy(int)
        key = (str(function), str(architecture), str(payload), int(str(size)))
        found[key] = (str(rows["run_id"].iloc[0]), clusters(values, environments))
    known: dict[Key, list[Uncertainty]] = {}
    sized = marked.groupby([keys[0], keys[1], keys[3]], observed=True)["environment"].nunique()
    counted = sized.reset_index().itertuples(index=False, name=None)
    served = {(str(f), str(a), int(m)): int(n) for f, a, m, n in counted}
    enough = {
        key: groups
        for key, (_, groups) in found.items()
        if served[key[0], key[1], key[3]] >= MIN_ENVIRONMENTS
    }
    for name in sorted({key[:2] for key in enough}):
        known |= of_cells({key: groups for key, groups in enough.items() if key[:2] == name})
    return {key: Cell(run, groups, known.get(key)) for key, (run, groups) in found.items()}


def cell_limits(
    found: Mapping[Key, Cell], quantiles: Mapping[str, float], confidence: float
) -> Iterator[tuple[object, ...]]:
    """For each cell: its key, then low and high of mean duration, mean cost and each quantile.

    NaN where there is no interval: fewer than 3 environments, or too few samples for a quantile.
    """
    for key, cell in found.items():
        if cell.known is None:
            yield (*key, *_NONE * (2 + len(quantiles)))
            continue
        means = [_mean_limits(cell, column, confidence) for column in (0, 1)]
        values = cell.groups.values[:, :1]
        durations = Clusters(values, cell.groups.starts, cell.groups.sizes)
        yield (
            *key,
            *(end for pair in means for end in pair),
            *quantile_limits(durations, list(quantiles.values()), confidence),
        )


def _mean_limits(cell: Cell, column: int, confidence: float) -> tuple[float, float]:
    centre = float(cell.groups.values[:, column].mean())
    relative = (cell.known or [])[column]
    return limits(centre, Uncertainty(relative.error * centre, relative.degrees), confidence)


def quantile_limits(
    groups: Clusters, quantiles: Sequence[float], confidence: float
) -> tuple[float, ...]:
    """Low and high of each quantile of the only column, as `core.quantile_interval` has them."""
    values = groups.values[:, 0]
    if len(groups.sizes) < MIN_ENVIRONMENTS:
        return _NONE * len(quantiles)
    ordered = np.sort(values)
    plain = cast(Sequence[float], ordered)
    sizes = groups.sizes.tolist()
    count = independent(*rank_moments(values, ordered, groups))
    found: list[float] = []
    for q in quantiles:
        beyond = values <= np.quantile(ordered, q)
        below = np.add.reduceat(beyond, groups.starts, dtype=float) / groups.sizes
        shares = bounds(sizes, below.tolist(), count, q, confidence)
        found += _NONE if shares is None else (between(plain, share) for share in shares)
    return tuple(found)


def rank_moments(
    values: Floats, ordered: Floats, groups: Clusters
) -> tuple[list[int], list[float], float]:
    """Sizes and mean ranks of the groups, and the ranks' squared distances from these.

    What `core.quantile_interval.independent` takes. `ordered` are the sorted values.
    """
    ranks = ordered.searchsorted(values, "left") + ordered.searchsorted(values, "right")
    sizes: NDArray[np.int64] = groups.sizes
    means = np.add.reduceat(ranks, groups.starts) / sizes
    within = float(((ranks - np.repeat(means, sizes)) ** 2).sum())
    return sizes.tolist(), means.tolist(), within
