"""The Pareto front: sizes of which no other is both faster and cheaper."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..samples.hosts import BEYOND, marked
from ..samples.run import Run, as_run
from ..statistics.curves import Curve, curves
from ..statistics.intervals import Floats, interval

COLUMNS = (
    "function",
    "architecture",
    "payload",
    "memory_mb",
    "mean_ms",
    "mean_low_ms",
    "mean_high_ms",
    "cost_per_million_usd",
    "cost_low_per_million_usd",
    "cost_high_per_million_usd",
    "efficient",
    "probability_efficient",
    "beaten_by_mb",
    BEYOND,
)


def pareto(
    source: Run | DataFrame, *, weights: Mapping[str, float] | None = None, seed: int = 0
) -> DataFrame:
    """One row for each payload type (and the mix) and size that can win.

    `efficient` sizes are the front: whatever weighs speed against cost, the best size is one of
    them. `beaten_by_mb` is for the others the cheapest of the sizes that are both faster and
    cheaper. `probability_efficient` is how sure that is, NaN with too few environments.
    """
    run = as_run(source)
    found = [_rows(curve) for curve in curves(run, weights=weights, seed=seed)]
    if not found:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(found, ignore_index=True), run)[list(COLUMNS)]


def beaten(ms: Floats, usd: Floats) -> Floats:
    """Which sizes (the last axis) are beaten: another is no slower and no dearer, and not alike."""
    faster = ms[..., None, :] <= ms[..., :, None]
    cheaper = usd[..., None, :] <= usd[..., :, None]
    better = (ms[..., None, :] < ms[..., :, None]) | (usd[..., None, :] < usd[..., :, None])
    return np.asarray(faster & cheaper & better)


def _rows(curve: Curve) -> DataFrame:
    by = beaten(curve.ms, curve.usd)
    resampled = beaten(curve.resampled_ms, curve.resampled_usd).any(axis=-1)
    share = 1 - resampled.mean(axis=0) if curve.known else np.full(len(curve.sizes), np.nan)
    return DataFrame(
        {
            "function": curve.function,
            "architecture": curve.architecture,
            "payload": curve.payload,
            "memory_mb": np.array(curve.sizes, int),
            "mean_ms": curve.ms,
            **_ends("mean", "ms", curve.resampled_ms),
            "cost_per_million_usd": curve.usd * 1e6,
            **_ends("cost", "per_million_usd", curve.resampled_usd * 1e6),
            "efficient": ~by.any(axis=-1),
            "probability_efficient": share,
            "beaten_by_mb": [_cheapest(curve, row) for row in by],
        }
    )


def _cheapest(curve: Curve, better: Sequence[bool]) -> float:
    sizes = [(usd, size) for usd, size, b in zip(curve.usd, curve.sizes, better, strict=True) if b]
    return float(min(sizes)[1]) if sizes else float("nan")


def _ends(stem: str, unit: str, resampled: Floats) -> dict[str, list[float]]:
    pairs = [interval(column) for column in resampled.T]
    return {
        f"{stem}_low_{unit}": [low for low, _ in pairs],
        f"{stem}_high_{unit}": [high for _, high in pairs],
    }
