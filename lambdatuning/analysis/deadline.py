"""How many invocations end within a deadline, at each size, and how sure that is."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..core.statistics import independent
from .curves import MIX, Curve
from .frames import warm
from .goals import Goal
from .intervals import MIN_ENVIRONMENTS, RESAMPLES, Floats, clusters, rank_moments
from .run import Run, of_means
from .summary import KEYS

Key = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Prompt:
    """For each size of a curve: the share of invocations in time, resamples of it, a quantile.

    Resampled shares (resamples x sizes) are NaN with too few environments.
    """

    share: Floats
    resampled: Floats
    quantile_ms: Floats

    def sure(self, quantile: float, sizes: Sequence[int], size: int | None) -> float:
        """How likely the true share in time is at least `quantile`; NaN where it is not known."""
        if size not in sizes:
            return float("nan")
        drawn = self.resampled[:, sizes.index(size)]
        return float((drawn >= quantile).mean()) if np.isfinite(drawn).all() else float("nan")


def prompts(
    run: Run,
    curves: Sequence[Curve],
    goal: Goal,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> dict[Key, Prompt]:
    """The promptness of each curve; the mix's is that of a mixture of its payload types.

    Empty for published means, which tell nothing of single invocations.
    """
    if of_means(run):
        return {}
    cells = {
        (str(f), str(a), str(p), int(str(m))): rows
        for (f, a, p, m), rows in warm(run.samples).groupby(KEYS, observed=True)
    }
    given = run.weights if weights is None else weights
    found = {}
    for curve in curves:
        place = (curve.function, curve.architecture)
        own = {p: w for p, w in given.items() if w > 0 and any(k[:3] == (*place, p) for k in cells)}
        parts = own if curve.payload == MIX else {curve.payload: 1.0}
        sizes = [
            [(weight, cells[*place, payload, size]) for payload, weight in parts.items()]
            for size in curve.sizes
        ]
        found[*place, curve.payload] = _prompt(sizes, goal, seed, known=curve.known)
    return found


def _prompt(
    sizes: Sequence[Sequence[tuple[float, DataFrame]]], goal: Goal, seed: int, *, known: bool
) -> Prompt:
    shares, drawn, tails = [], [], []
    for parts in sizes:
        weights = np.array([weight for weight, _ in parts])
        weights /= weights.sum()
        told = np.array([_in_time(rows, goal.deadline_ms) for _, rows in parts])
        shares.append(float(weights @ told[:, 0]))
        # A mixture is worth as many invocations as have the variance of its weighted share.
        worth = float(1 / (weights**2 / told[:, 1]).sum()) if known else float("nan")
        drawn.append(_draws(shares[-1], worth, _seed(seed, parts[0][1])))
        tails.append(mixed_quantile([rows for _, rows in parts], weights, goal.quantile))
    resampled = np.array(drawn).T if drawn else np.empty((RESAMPLES, 0))
    return Prompt(np.array(shares), resampled, np.array(tails))


def mixed_quantile(parts: Sequence[DataFrame], weights: Floats, quantile: float) -> float:
    """The quantile of durations of a mixture, each part weighing the same whatever its length.

    Of one part it is the usual one, linear between samples.
    """
    values = np.concatenate([rows["duration_ms"].to_numpy(float) for rows in parts])
    if len(parts) == 1:
        return float(np.quantile(values, quantile))
    each = np.concatenate(
        [np.full(len(rows), w / len(rows)) for rows, w in zip(parts, weights, strict=True)]
    )
    order = np.argsort(values)
    reached = np.cumsum(each[order]) - each[order] / 2
    return float(np.interp(quantile, reached, values[order]))


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
