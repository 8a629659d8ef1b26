"""The decision map: which size wins as the weight goes from speed (0) to cost (1)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..samples.hosts import BEYOND, marked
from ..samples.run import Run, as_run
from ..statistics.curves import Curve, curves
from ..statistics.intervals import Floats
from .aim import scores
from .goals import Goal, score
from .held_back import candidates

STEPS = 101
COLUMNS = ("function", "architecture", "payload", "weight", "memory_mb", "probability_best", BEYOND)


def decisions(
    source: Run | DataFrame,
    *,
    weights: Mapping[str, float] | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> DataFrame:
    """One row for each payload type (and the mix) and weight: the best balanced size, how sure.

    Weights are `steps` even ones from 0 (speed alone) to 1 (cost alone). `probability_best` is NaN
    where it cannot be known, as for sizes beyond the cores of the host.
    """
    run = as_run(source)
    known = curves(run, weights=weights, seed=seed)
    found = [_rows(curve, np.linspace(0, 1, steps)) for curve in known if curve.sizes]
    if not found:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(found, ignore_index=True), run)


def segments(rows: DataFrame) -> list[tuple[float, float, int]]:
    """Where each size wins, of the rows of one payload type: (from, to, memory_mb).

    A change between two weights is put halfway between them.
    """
    weight, size = rows["weight"].to_numpy(float), rows["memory_mb"].to_numpy(int)
    changes = np.flatnonzero(np.diff(size))
    edges = [0.0, *((weight[changes] + weight[changes + 1]) / 2).tolist(), 1.0]
    winners = [int(size[0]), *(int(each) for each in size[changes + 1])]
    return list(zip(edges[:-1], edges[1:], winners, strict=True))


def _rows(curve: Curve, weights: Floats) -> DataFrame:
    found = [_at(curve, float(weight)) for weight in weights]
    return DataFrame(
        {
            "function": curve.function,
            "architecture": curve.architecture,
            "payload": curve.payload,
            "weight": weights,
            "memory_mb": [size for size, _ in found],
            "probability_best": [sure for _, sure in found],
        }
    )


def _at(curve: Curve, weight: float) -> tuple[int, float]:
    goal = Goal("balanced", weight)
    allowed = candidates(curve, np.full(len(curve.sizes), fill_value=True))
    winner = int(np.where(allowed, score(curve.ms, curve.usd, goal), np.inf).argmin())
    if not curve.known or curve.sizes[winner] in curve.beyond_mb:
        return curve.sizes[winner], float("nan")
    resampled = np.where(allowed, scores(curve, goal), np.inf)
    return curve.sizes[winner], float((resampled.argmin(axis=1) == winner).mean())
