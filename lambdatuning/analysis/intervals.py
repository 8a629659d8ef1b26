"""How sure means and quantiles are: intervals of the cells of a run, and resamples to match.

Invocations on one environment share a host, so a thousand of them on one slow host say little
about the next host. Each resample therefore draws environments with replacement and, in each
drawn one, invocations with replacement: so it keeps what payload types that shared hosts have in
common. How far a mean errs is not left to it (five environments are too few, and rare slow calls
may not have been seen): resamples are mapped, rank by rank, to the confidence distribution of
`core.statistics.mean_intervals`. So they say the same as the intervals that are shown, one side as
the other, and can also say how likely one size is better than another.
Sources: M. Xie, K. Singh, Confidence Distribution, the Frequentist Distribution Estimator of a
Parameter, International Statistical Review 81 (2013); A. C. Davison, D. V. Hinkley, Bootstrap
Methods and their Application (1997), 3.8.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from statistics import NormalDist
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.statistics.mean_intervals import MeanError, mean_errors, rounded_to
from ..core.statistics.means import (
    CONFIDENCE,
    MIN_GROUPS,
    between,
    bounds,
    differing,
    independent,
)
from .frames import rows_by

Floats = NDArray[np.float64]

RESAMPLES = 2_000
MIN_ENVIRONMENTS = MIN_GROUPS
_CELLS = 2_000_000
"""Resampled environment means held in memory at once."""

_POOL = 100
"""Resamples of the invocations of one environment; a resample of environments draws from them."""

_INNER = 200
"""Above so many invocations an environment, that many are drawn and the spread is scaled down."""

_TINY = 1e-9
"""Means are taken to be no less, where logarithms of them are needed."""

_KNOTS = np.array([-3.5, -2.8, -2.2, -1.96, -1.6, -1.2, -0.8, -0.4, 0.0])
"""Standard normal quantiles at which the confidence distribution of a mean is asked, and their
opposites; between them its logarithm is taken to be straight."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Values (n x k) sorted by environment, with the first row, the size and the code of each
    environment."""

    values: Floats
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    codes: NDArray[np.int64]

    def lists(self, column: int) -> list[list[float]]:
        """The values of one column by environment, as `mean_errors` takes them."""
        parts = np.split(self.values[:, column], self.starts[1:])
        return [part.tolist() for part in parts]


def clusters(values: Floats, environments: NDArray[np.int64]) -> Clusters:
    """Group `values` (n, or n x k) by the environment codes (n)."""
    order = np.argsort(environments, kind="stable")
    codes, starts, sizes = np.unique(environments[order], return_index=True, return_counts=True)
    return Clusters(np.asarray(values, float).reshape(len(order), -1)[order], starts, sizes, codes)


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
    groups: Clusters, given_errors: Sequence[MeanError] | None, *, outer: int, inner: int
) -> Floats:
    """The same of grouped values. `given_errors` are the errors of the columns' means, if other
    cells of the run told more of them (see `cells`)."""
    columns = groups.values.shape[1]
    if given_errors is None:
        alone = [mean_errors([groups.lists(column)])[0] for column in range(columns)]
        given_errors = [error for error in alone if error]
    if len(given_errors) < columns:
        return np.full((RESAMPLES, columns), np.nan)
    count = len(groups.sizes)
    picks = np.random.default_rng(outer).integers(count, size=(RESAMPLES, count))
    means = _resampled_means(groups, picks, np.random.default_rng(inner))
    mapped: Floats = np.stack(
        [_mapped(column, error) for column, error in zip(means.T, given_errors, strict=True)],
        axis=1,
    )
    return mapped


def _mapped(means: Floats, mean_error: MeanError) -> Floats:
    """Values of the confidence distribution of a mean, in the order of its resamples."""
    if mean_error.mean <= 0:
        return np.zeros(len(means))
    shares = [2 * NormalDist().cdf(float(knot)) for knot in _KNOTS[:-1]]
    reaches = [mean_error.log_errors(1 - share) for share in shares]
    below = np.array([-low for low, _ in reaches] + [0.0])
    above = np.array([high for _, high in reaches] + [0.0])
    knots = np.concatenate([_KNOTS, -_KNOTS[-2::-1]])
    logs = np.concatenate([below, above[-2::-1]])
    places: Floats = np.interp(_places(), knots, logs)
    mapped = np.empty(len(means))
    mapped[np.argsort(means, kind="stable")] = mean_error.mean * np.exp(places)
    return mapped


@cache
def _places() -> Floats:
    """Standard normal quantiles of the ranks of resamples."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((rank + 0.5) / RESAMPLES) for rank in range(RESAMPLES)])


def interval(replicated: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Low and high end of the central `confidence` share; NaN where the replicates are."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicated, [tail, 1 - tail])
    return float(low), float(high)


def log_sides(means: Floats, resampled_means: Floats) -> list[tuple[float, float]]:
    """How far the logarithm of each mean may be off, below and above (one standard error), by the
    ends of the 95 % interval of its resamples (resamples x means).

    So a side that is longer, where slow calls were hardly seen, stays so in probabilities.
    """
    normal = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    ends = [interval(column) for column in resampled_means.T]
    low, high = np.log(np.maximum(ends, _TINY)).T
    logs = np.log(np.maximum(means, _TINY))
    below, above = np.maximum(logs - low, 0.0) / normal, np.maximum(high - logs, 0.0) / normal
    return list(zip(below.tolist(), above.tolist(), strict=True))


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


# Intervals of means and quantiles for every cell of a summary, by the rules of `core`.


MEASURES = ["duration_ms", "cost_usd"]
_NONE = (float("nan"), float("nan"))

Key = tuple[str, str, str, int]
"""Function, architecture, payload type and memory size in MB."""

KEYS = ["function", "architecture", "payload", "memory_mb"]
"""The columns of a key."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Warm durations and costs of one cell, by environment, and how the means of both err."""

    run_id: str
    environments: tuple[str, ...]
    groups: Clusters
    mean_errors: tuple[MeanError, MeanError] | None


def cells(samples: DataFrame) -> dict[Key, Cell]:
    """The cells of warm samples; those of one function and architecture lend each other spreads
    and tails.

    What is known of a cell's means is None where its size, whatever payload type, was served by
    fewer than 3 environments, or by unknown ones.
    """
    codes, names = pd.factorize(samples["environment"], sort=True)
    by_code = np.array([str(name) for name in names], dtype=object)
    environments = by_code[codes]
    values = samples[[*MEASURES, "billed_ms"]].to_numpy(float)
    run_ids = samples["run_id"].astype(str).to_numpy(object)
    by_key: dict[Key, tuple[str, Clusters]] = {}
    served: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    groups = rows_by(samples, KEYS)
    firsts = samples[KEYS].iloc[[rows[0] for rows in groups]]
    for rows, (function, architecture, payload, size) in zip(
        groups, firsts.itertuples(index=False, name=None), strict=True
    ):
        key = (str(function), str(architecture), str(payload), int(size))
        by_key[key] = (run_ids[rows[0]], clusters(values[rows], codes[rows]))
        served[key[0], key[1], key[3]].extend(environments[rows])
    differ = {size: differing(names) for size, names in served.items()}
    enough = {
        key: grouped for key, (_, grouped) in by_key.items() if differ[key[0], key[1], key[3]]
    }
    mean_errors: dict[Key, tuple[MeanError, MeanError]] = {}
    for name in sorted({key[:2] for key in enough}):
        mean_errors |= _errors({key: groups for key, groups in enough.items() if key[:2] == name})
    return {
        key: Cell(
            run,
            tuple(by_code[grouped.codes]),
            replace(grouped, values=grouped.values[:, :2]),
            mean_errors.get(key),
        )
        for key, (run, grouped) in by_key.items()
    }


def _errors(groups: Mapping[Key, Clusters]) -> dict[Key, tuple[MeanError, MeanError]]:
    """The errors of mean duration and mean cost of the cells of one function; those of the cost
    are those of billed time, as nothing else of it varies."""
    durations = [cell.lists(0) for cell in groups.values()]
    unit = rounded_to(chain.from_iterable(chain.from_iterable(durations)))
    by_duration = mean_errors(durations, unit=unit)
    by_bill = mean_errors([cell.lists(2) for cell in groups.values()], unit=1.0)
    rate = _usd_per_mb_ms(groups)
    errors_by_key = {}
    for (key, cell), duration, billed in zip(groups.items(), by_duration, by_bill, strict=True):
        if duration and billed:
            own, cost = rate * key[3], float(cell.values[:, 1].mean())
            own = min(own, cost / billed.mean) if billed.mean > 0 else 0.0
            errors_by_key[key] = (duration, billed.priced(own, cost - own * billed.mean))
    return errors_by_key


def _usd_per_mb_ms(groups: Mapping[Key, Clusters]) -> float:
    """What a billed millisecond of a megabyte costs: a price beside a fee for each request."""
    rates = []
    for key, cell in groups.items():
        cost, billed = cell.values[:, 1], cell.values[:, 2]
        if np.ptp(billed) > 0:
            rates.append(float(np.ptp(cost) / np.ptp(billed)) / key[3])
    if rates:
        return float(np.median(rates))
    # Of one billed time each, all of the cost may be the price of it.
    return max(
        float(cell.values[:, 1].mean() / max(cell.values[:, 2].mean(), 1.0)) / key[3]
        for key, cell in groups.items()
    )


def cell_limits(
    by_key: Mapping[Key, Cell], quantiles: Mapping[str, float], confidence: float
) -> Iterator[tuple[Key, tuple[float, ...]]]:
    """For each cell: its key, and low and high of mean duration, mean cost and each quantile.

    NaN where there is no interval: fewer than 3 environments, unknown ones, or too few samples for
    a quantile.
    """
    for key, cell in by_key.items():
        if cell.mean_errors is None:
            yield key, _NONE * (2 + len(quantiles))
            continue
        means = [error.limits(confidence) for error in cell.mean_errors]
        durations = replace(cell.groups, values=cell.groups.values[:, :1])
        yield (
            key,
            (
                *(end for pair in means for end in pair),
                *quantile_limits(durations, list(quantiles.values()), confidence),
            ),
        )


def quantile_limits(
    groups: Clusters, quantiles: Sequence[float], confidence: float
) -> tuple[float, ...]:
    """Low and high of each quantile of the only column, as `core.statistics.means` has them."""
    values = groups.values[:, 0]
    if len(groups.sizes) < MIN_ENVIRONMENTS:
        return _NONE * len(quantiles)
    ordered = np.sort(values)
    plain = cast(Sequence[float], ordered)
    sizes = groups.sizes.tolist()
    count = independent(*rank_moments(values, ordered, groups))
    limits: list[float] = []
    for q in quantiles:
        beyond = values <= np.quantile(ordered, q)
        below = np.add.reduceat(beyond, groups.starts, dtype=float) / groups.sizes
        shares = bounds(sizes, below.tolist(), count, q, confidence)
        limits += _NONE if shares is None else (between(plain, share) for share in shares)
    return tuple(limits)


def rank_moments(
    values: Floats, ordered: Floats, groups: Clusters
) -> tuple[list[int], list[float], float]:
    """Sizes and mean ranks of the groups, and the ranks' squared distances from these.

    What `core.statistics.means.independent` takes. `ordered` are the sorted values.
    """
    ranks = ordered.searchsorted(values, "left") + ordered.searchsorted(values, "right")
    sizes: NDArray[np.int64] = groups.sizes
    means = np.add.reduceat(ranks, groups.starts) / sizes
    within = float(((ranks - np.repeat(means, sizes)) ** 2).sum())
    return sizes.tolist(), means.tolist(), within
