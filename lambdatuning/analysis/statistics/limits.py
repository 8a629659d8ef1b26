"""Intervals of means and quantiles for every cell of a summary, by the rules of `core`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ...core.intervals import Uncertainty, limits
from ...core.quantile_interval import between, bounds, independent
from .intervals import MIN_ENVIRONMENTS, Clusters, Floats, clusters
from .moderation import of_cells

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
