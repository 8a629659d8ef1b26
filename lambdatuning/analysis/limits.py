"""Intervals of means and quantiles for every cell of a summary, by the rules of `core`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.intervals import limits, uncertainty
from ..core.quantile_interval import between, bounds, independent
from .intervals import MIN_ENVIRONMENTS, Clusters, Floats, clusters

_MEASURES = ["duration_ms", "cost_usd"]
_NONE = (float("nan"), float("nan"))


def cell_limits(
    samples: DataFrame, keys: Sequence[str], quantiles: Mapping[str, float], confidence: float
) -> Iterator[tuple[object, ...]]:
    """For each cell: its key, then low and high of mean duration, mean cost and each quantile.

    NaN where there is no interval: fewer than 3 environments, or too few samples for a quantile.
    """
    codes, _ = pd.factorize(samples["environment"])
    marked = samples.assign(environment=codes)
    for key, rows in marked.groupby(list(keys), observed=True):
        groups = clusters(rows[_MEASURES].to_numpy(float), rows["environment"].to_numpy(np.int64))
        known = tuple(key) if isinstance(key, tuple) else (key,)
        if len(groups.sizes) < MIN_ENVIRONMENTS:
            yield (*known, *_NONE * (2 + len(quantiles)))
            continue
        means = [mean_limits(groups, column, confidence) for column in (0, 1)]
        durations = Clusters(groups.values[:, :1], groups.starts, groups.sizes)
        yield (
            *known,
            *(end for pair in means for end in pair),
            *quantile_limits(durations, list(quantiles.values()), confidence),
        )


def mean_limits(groups: Clusters, column: int, confidence: float) -> tuple[float, float]:
    """The interval of one column's mean, as `core.intervals.mean_interval` has it."""
    known = uncertainty(groups.sizes.tolist(), groups.means[:, column].tolist())
    return limits(float(groups.values[:, column].mean()), known, confidence)


def quantile_limits(
    groups: Clusters, quantiles: Sequence[float], confidence: float
) -> tuple[float, ...]:
    """Low and high of each quantile of the only column, as `core.quantile_interval` has them."""
    values = groups.values[:, 0]
    ordered = np.sort(values)
    plain = cast(Sequence[float], ordered)
    sizes = groups.sizes.tolist()
    count = independent(*_rank_moments(values, ordered, groups))
    found: list[float] = []
    for q in quantiles:
        beyond = values <= np.quantile(ordered, q)
        below = np.add.reduceat(beyond, groups.starts, dtype=float) / groups.sizes
        shares = bounds(sizes, below.tolist(), count, q, confidence)
        found += _NONE if shares is None else (between(plain, share) for share in shares)
    return tuple(found)


def _rank_moments(
    values: Floats, ordered: Floats, groups: Clusters
) -> tuple[list[int], list[float], float]:
    ranks = ordered.searchsorted(values, "left") + ordered.searchsorted(values, "right")
    sizes: NDArray[np.int64] = groups.sizes
    means = np.add.reduceat(ranks, groups.starts) / sizes
    within = float(((ranks - np.repeat(means, sizes)) ** 2).sum())
    return sizes.tolist(), means.tolist(), within
