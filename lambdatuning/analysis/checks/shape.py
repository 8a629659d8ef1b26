"""A finding about the shape of durations: two kinds of invocations in one cell."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series

from ..samples.frames import warm
from ..samples.run import Run
from ..statistics.intervals import Floats
from ..telling.format import format_share, format_times
from .check import KEYS, Check, places

MIN_VALUES = 30
"""With fewer, two modes and one cannot be told apart."""

_MIN_PART = 0.15


def modes(values: Floats) -> tuple[float, float] | None:
    """The share of the higher mode and the distance of the means; None where there is one mode.

    Values are split in two where that leaves least variance. Two modes are claimed where they are
    so far apart as one-sided skew, a flat top or heavy tails make them once in a thousand samples
    (Ashman's D above 3.8 + 85 / n, found by simulation), and each has 15 % of the values.
    Source: K. M. Ashman, C. M. Bird, S. E. Zepf, Detecting Bimodality in Astronomical Datasets,
    Astronomical Journal 108 (1994).
    """
    n = len(values)
    if n < MIN_VALUES:
        return None
    ordered = np.sort(values)
    cuts = np.arange(int(np.ceil(_MIN_PART * n)), n - int(np.ceil(_MIN_PART * n)) + 1)
    counts = np.array([cuts, n - cuts], float)
    sums, squares = (_parts(each, cuts) for each in (ordered, ordered**2))
    means = sums / counts
    left = squares - sums * means
    best = int(left.sum(axis=0).argmin())
    variances = np.maximum(left[:, best] / counts[:, best], 0)
    distance = float(means[1, best] - means[0, best])
    apart = np.sqrt(2) * distance / np.sqrt(max(float(variances.sum()), 1e-12))
    return (float(counts[1, best]) / n, distance) if apart > 3.8 + 85 / n else None


def multi_modal(run: Run) -> Iterator[Check]:
    """Cells whose invocations fall into two groups, also inside environments, beyond chance."""
    good = warm(run.samples)
    cells = [rows for _, rows in good.groupby(["function", "architecture", *KEYS], observed=True)]
    judged = [(_two_kinds(rows), rows) for rows in cells]
    found = [(*known, rows) for known, rows in judged if known]
    if found:
        share, distance, rows = max(found, key=lambda each: each[1])
        yield Check(
            "warning",
            "two kinds of invocations",
            f"durations have two modes in {len(found)} of {len(cells)} combinations of payload "
            f"type and size: {places(rows)}, {format_share(share)} take "
            f"{format_times(float(np.exp(distance)))} as long as the others",
            "find what differs (a cache, a connection, a branch); measure both as payload types",
        )


def _two_kinds(rows: DataFrame) -> tuple[float, float] | None:
    """Share and distance of the slower kind; None where it is single environments that differ."""
    logs = np.log(rows["duration_ms"].to_numpy(float).clip(min=1e-3))
    known = modes(logs)
    if known is None:
        return None
    slower = Series(logs > np.sort(logs)[round((1 - known[0]) * len(logs)) - 1], index=rows.index)
    mixed = slower.groupby(rows["environment"], observed=True).nunique() > 1
    return known if mixed.mean() >= 0.5 else None


def _parts(values: Floats, cuts: NDArray[np.int64]) -> Floats:
    """Sums of the values before and after each cut."""
    total = np.cumsum(values)
    before = total[cuts - 1]
    return np.array([before, total[-1] - before])
