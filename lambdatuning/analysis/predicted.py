"""Sizes between the measured ones: predicted, with an interval, and marked as predicted."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..core.errors import UsageError
from ..core.exploration.posterior import curves_by_means
from ..core.format import format_mb
from ..core.sizes import parse_sizes
from .curves import Curve
from .data import StudyData
from .intervals import Floats, interval, log_sides
from .run import BEYOND, marked

COLUMNS = (
    "function",
    "architecture",
    "payload",
    "memory_mb",
    "predicted",
    "mean_ms",
    "mean_low_ms",
    "mean_high_ms",
    "cost_usd",
    "cost_low_usd",
    "cost_high_usd",
    "cost_per_million_usd",
    BEYOND,
)
_STEP_MB = 64


def predict(data: StudyData, sizes: Sequence[int] = ()) -> DataFrame:
    """One row for each payload type (and the mix) and size: measured, or else `predicted`.

    What lies between measured sizes is what the model of adaptive runs believes of curves that pass
    through them: CPU time that ends to shrink at one vCPU (1,769 MB) or at another number of them,
    waiting, and departures from both as large as measured functions have shown. Bounds are 95 %
    intervals of the mean, NaN with too few environments. Without `sizes`, one in the middle of each
    gap of an octave or so is predicted.

    Raises:
        UsageError: a size outside the measured ones.
    """
    given = parse_sizes(sizes) if sizes else ()
    frames = [_rows(curve, given or middles(curve.sizes)) for curve in data.curves if curve.sizes]
    if not frames:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(frames, ignore_index=True), data.run)[list(COLUMNS)]


def predicted_ms(
    sizes: Sequence[int], ms: Floats, resampled_ms: Floats, new: Sequence[int]
) -> tuple[Floats, Floats]:
    """Mean durations at sizes that were not measured, and draws of them (resamples x new sizes).

    `ms` are the means at the measured `sizes` and `resampled_ms` their resamples; where these are
    NaN, so are the draws.
    """
    has_errors = bool(np.isfinite(resampled_ms).all())
    logs = np.log(np.maximum(ms, 1e-9))
    errors = log_sides(ms, resampled_ms) if has_errors else [(0.0, 0.0) for _ in sizes]
    curves = curves_by_means(tuple(sizes), tuple(logs.tolist()), tuple(errors), tuple(new))
    drawn = np.exp(np.array(curves)[:, len(sizes) :])
    repeated = np.resize(drawn, (len(resampled_ms), len(new)))
    return np.median(drawn, axis=0), repeated if has_errors else np.full_like(repeated, np.nan)


def middles(sizes: Sequence[int]) -> tuple[int, ...]:
    """A size in the middle of each gap of at least a factor of 1.25, a multiple of 64 MB."""
    pairs = pairwise(sizes)
    between_sizes = [
        round((low * high) ** 0.5 / _STEP_MB) * _STEP_MB
        for low, high in pairs
        if high >= 1.25 * low
    ]
    return tuple(size for size in between_sizes if size not in sizes)


def between(sizes: Sequence[int], values: Floats, sizes_mb: Sequence[int]) -> Floats:
    """Values (... x sizes) at the wanted sizes, linear on logarithmic axes."""
    x, at = np.log(sizes), np.log(sizes_mb)
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    logs = np.log(np.maximum(values, 1e-300))
    interpolated: Floats = np.exp(logs[..., right - 1] * (1 - share) + logs[..., right] * share)
    return interpolated


def _rows(curve: Curve, sizes_mb: Sequence[int]) -> DataFrame:
    low, high = curve.sizes[0], curve.sizes[-1]
    outside = [size for size in sizes_mb if not low <= size <= high]
    if outside:
        raise UsageError(
            f"{format_mb(outside[0])} is outside the measured sizes {low:,} to {format_mb(high)} "
            f"of {curve.payload}; measure it"
        )
    new = [size for size in sizes_mb if size not in curve.sizes]
    measured = _frame(
        curve, curve.sizes, curve.ms, curve.usd, curve.resampled_ms, curve.resampled_usd
    )
    if not new:
        return measured.assign(predicted=False)
    ms, drawn_ms = predicted_ms(curve.sizes, curve.ms, curve.resampled_ms, new)
    # The price of a millisecond at a size hardly changes from one to the next.
    rate = curve.usd / np.maximum(curve.ms * np.array(curve.sizes), 1e-300)
    per_ms = between(curve.sizes, rate, new) * np.array(new)
    guessed = _frame(curve, new, ms, ms * per_ms, drawn_ms, drawn_ms * per_ms)
    both = pd.concat([measured.assign(predicted=False), guessed.assign(predicted=True)])
    return both.sort_values("memory_mb", ignore_index=True)


def _frame(
    curve: Curve,
    sizes: Sequence[int],
    ms: Floats,
    usd: Floats,
    drawn_ms: Floats,
    drawn_usd: Floats,
) -> DataFrame:
    ends_ms, ends_usd = ([interval(column) for column in d.T] for d in (drawn_ms, drawn_usd))
    return DataFrame(
        {
            "function": curve.function,
            "architecture": curve.architecture,
            "payload": curve.payload,
            "memory_mb": np.array(sizes, int),
            "mean_ms": ms,
            "mean_low_ms": [low for low, _ in ends_ms],
            "mean_high_ms": [high for _, high in ends_ms],
            "cost_usd": usd,
            "cost_low_usd": [low for low, _ in ends_usd],
            "cost_high_usd": [high for _, high in ends_usd],
            "cost_per_million_usd": usd * 1e6,
        }
    )
