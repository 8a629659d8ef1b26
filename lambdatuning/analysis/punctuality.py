"""How many invocations end within a deadline, at each size, and how sure that is."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..core.statistics.means import independent
from .curves import MIX, Curve
from .intervals import KEYS, MIN_ENVIRONMENTS, RESAMPLES, Floats, clusters, rank_moments
from .options import Options


@dataclass(frozen=True, eq=False)
class Punctuality:
    """For each size of a curve: the share of invocations in time, resamples of it, a quantile.

    `count` is how many independent invocations the share comes from, `probability` how likely the
    true share is at least the quantile asked for. Both, and the resampled shares (resamples x
    sizes), are NaN with too few environments.
    """

    share: Floats
    count: Floats
    resampled: Floats
    quantile_ms: Floats
    probability: Floats

    def sure(self, index: int) -> float:
        """How likely the deadline is kept at the size of an index; NaN where it is not known."""
        return float(self.probability[index])

    def certain(self, least: float) -> "np.typing.NDArray[np.bool_]":
        """At which sizes that is likely enough."""
        return np.asarray(np.nan_to_num(self.probability, nan=0.0) >= least)


def punctualities(
    measured: DataFrame, curves: Sequence[Curve], weights: Mapping[str, float], options: Options
) -> dict[str, Punctuality]:
    """For each curve of one function; the mix's is that of a mixture of its payload types."""
    cells = {
        (str(p), int(str(m))): rows for (_, _, p, m), rows in measured.groupby(KEYS, observed=True)
    }
    return {
        curve.payload: _punctuality(curve, _parts(curve, cells, weights), options)
        for curve in curves
    }


def calls_to_tell(share: float, count: float, options: Options) -> int:
    """How many more independent calls would make it sure that a share is above the quantile.

    0 where the share is not above it, or where nothing is known of the count. By the normal
    approximation, rounded up to tens.
    """
    quantile, z = options.quantile, NormalDist().inv_cdf(options.deadline_sure)
    if math.isnan(count) or share <= quantile:
        return 0
    needed = z**2 * quantile * (1 - quantile) / (share - quantile) ** 2
    return max(10, math.ceil((needed - count) / 10) * 10)


def mixed_quantile(parts: Sequence[DataFrame], weights: Floats, quantile: float) -> float:
    """The quantile of durations of a mixture, each part weighing the same whatever its length."""
    values = np.concatenate([rows["duration_ms"].to_numpy(float) for rows in parts])
    shares = [np.full(len(rows), w / len(rows)) for rows, w in zip(parts, weights, strict=True)]
    return weighted_quantile(values, np.concatenate(shares), quantile)


def weighted_quantile(values: Floats, weights: Floats, quantile: float) -> float:
    """The quantile of weighted values, linear between them.

    With equal weights it is the usual one (type 7 of Hyndman and Fan, as everywhere here).

    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.25)
    1.5
    """
    order = np.argsort(values)
    ordered, own = values[order], weights[order]
    if len(ordered) == 1:
        return float(ordered[0])
    places = np.arange(len(own)) * own + (len(own) - 1) * (np.cumsum(own) - own)
    return float(np.interp(quantile * places[-1], places, ordered))


Cells = Mapping[tuple[str, int], DataFrame]


def _parts(
    curve: Curve, cells: Cells, weights: Mapping[str, float]
) -> list[list[tuple[float, DataFrame]]]:
    """For each size the payload types of a curve: weight and invocations."""
    names = {payload for payload, _ in cells}
    mixed = {p: w for p, w in weights.items() if w > 0 and p in names}
    own = mixed if curve.payload == MIX else {curve.payload: 1.0}
    return [
        [(weight, cells[p, size]) for p, weight in own.items() if (p, size) in cells]
        for size in curve.sizes
    ]


def _punctuality(
    curve: Curve, sizes: Sequence[Sequence[tuple[float, DataFrame]]], options: Options
) -> Punctuality:
    rows = [_at_size(curve, parts, options) for parts in sizes]
    share, count, tail = (np.array([row[n] for row in rows]) for n in range(3))
    drawn = np.array([row[3] for row in rows]).T if rows else np.empty((RESAMPLES, 0))
    probability = np.where(np.isnan(drawn), np.nan, drawn >= options.quantile).mean(axis=0)
    return Punctuality(share, count, drawn, tail, probability)


def _at_size(
    curve: Curve, parts: Sequence[tuple[float, DataFrame]], options: Options
) -> tuple[float, float, float, Floats]:
    """Share in time, independent invocations, quantile, and resampled shares of one size."""
    if not parts:
        return math.nan, math.nan, math.nan, np.full(RESAMPLES, np.nan)
    weights = np.array([weight for weight, _ in parts])
    weights /= weights.sum()
    counted = np.array([_in_time(rows, options.deadline_ms) for _, rows in parts])
    share = float(weights @ counted[:, 0])
    # A mixture is worth as many invocations as have the variance of its weighted share.
    count = float(1 / (weights**2 / counted[:, 1]).sum()) if curve.has_intervals else math.nan
    tail = mixed_quantile([rows for _, rows in parts], weights, options.quantile)
    return share, count, tail, _draws(share, count, _seed(options.seed, parts[0][1]))


def _in_time(rows: DataFrame, deadline_ms: float) -> tuple[float, float]:
    """Share within the deadline, and how many independent invocations it comes from.

    With fewer than 3 environments, one for each: nothing is known of how alike theirs are.
    """
    codes, _ = pd.factorize(rows["environment"])
    values = rows["duration_ms"].to_numpy(float)
    share = float((values <= deadline_ms).mean())
    groups = clusters(values, codes)
    if len(groups.sizes) < MIN_ENVIRONMENTS:
        return share, float(len(groups.sizes))
    return share, independent(*rank_moments(groups.values[:, 0], np.sort(values), groups))


def _draws(share: float, count: float, seed: int) -> Floats:
    """What is known of the true share: Jeffreys' posterior.

    Ten of ten in time do not make a deadline certain.
    """
    if np.isnan(count):
        return np.full(RESAMPLES, np.nan)
    rng = np.random.default_rng(seed)
    return rng.beta(share * count + 0.5, (1 - share) * count + 0.5, RESAMPLES)


def _seed(seed: int, rows: DataFrame) -> int:
    key = (seed, *(str(rows[name].iloc[0]) for name in ("run_id", *KEYS)))
    return zlib.crc32(repr(key).encode())
