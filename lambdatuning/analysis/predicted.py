"""Sizes between the measured ones: predicted, with an interval, and marked as predicted."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..core.errors import UsageError
from .curves import MIX, Curve
from .data import StudyData
from .intervals import RESAMPLES, Floats, interval
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
_MIN_MISS = 0.02
"""Share by which a curve between two sizes may be off even where no measured size tells so."""


def predict(data: StudyData, sizes: Sequence[int] = ()) -> DataFrame:
    """One row for each payload type (and the mix) and size: measured, or else `predicted`.

    Between two measured sizes duration follows a power of memory (a straight line on logarithmic
    axes): exact for what computes and for what waits. How far that is off is learnt from the
    measured sizes, each predicted from its neighbours, and widens the intervals, which hold the
    true mean with 95 %. Without `sizes`, one in the middle of each gap of an octave or so is
    predicted. Intervals are NaN with too few environments.

    Raises:
        UsageError: a size outside the measured ones.
    """
    own = [each for each in data.curves if each.sizes and each.payload != MIX]
    miss = _miss(own)
    seed = data.options.seed
    frames = [
        _rows(curve, sizes or middles(curve.sizes), miss, seed)
        for curve in data.curves
        if curve.sizes
    ]
    if not frames:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(frames, ignore_index=True), data.run)[list(COLUMNS)]


def middles(sizes: Sequence[int]) -> tuple[int, ...]:
    """A size in the middle of each gap of at least a factor of 1.25, a multiple of 64 MB."""
    pairs = pairwise(sizes)
    found = [
        round((low * high) ** 0.5 / _STEP_MB) * _STEP_MB
        for low, high in pairs
        if high >= 1.25 * low
    ]
    return tuple(size for size in found if size not in sizes)


def between(sizes: Sequence[int], values: Floats, wanted: Sequence[int]) -> Floats:
    """Values (... x sizes) at the wanted sizes, linear on logarithmic axes."""
    x, at = np.log(sizes), np.log(wanted)
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    share = (at - x[right - 1]) / (x[right] - x[right - 1])
    logs = np.log(np.maximum(values, 1e-300))
    found: Floats = np.exp(logs[..., right - 1] * (1 - share) + logs[..., right] * share)
    return found


def _miss(known: Sequence[Curve]) -> float:
    """Typical error of the straight line, as a logarithm, over inner sizes left out in turn."""
    errors: list[float] = []
    for curve in known:
        for n in range(1, len(curve.sizes) - 1):
            rest = [i for i in range(len(curve.sizes)) if i != n]
            sizes = [curve.sizes[i] for i in rest]
            guess = between(sizes, curve.ms[rest], [curve.sizes[n]])[0]
            if curve.ms[n] > 0:
                errors.append(float(np.log(guess / curve.ms[n])))
    # A gap with its middle left out is twice as wide as those that are predicted; the error of a
    # straight line grows with the square of the gap, so a quarter of it is what remains.
    return max(float(np.sqrt(np.mean(np.square(errors)))) / 4 if errors else 0.1, _MIN_MISS)


def _rows(curve: Curve, wanted: Sequence[int], miss: float, seed: int) -> DataFrame:
    low, high = curve.sizes[0], curve.sizes[-1]
    outside = [size for size in wanted if not low <= size <= high]
    if outside:
        raise UsageError(
            f"{outside[0]} MB is outside the measured sizes {low} to {high} MB of {curve.payload}; "
            "measure it"
        )
    new = [size for size in wanted if size not in curve.sizes]
    measured = _frame(
        curve, curve.sizes, curve.ms, curve.usd, curve.resampled_ms, curve.resampled_usd
    )
    if not new:
        return measured.assign(predicted=False)
    off = np.exp(miss * np.random.default_rng(seed).standard_normal((RESAMPLES, 1)))
    parts = []
    for ms, usd, error in (
        (curve.ms, curve.usd, np.ones((1, 1))),
        (curve.resampled_ms, curve.resampled_usd, off),
    ):
        # The price of a millisecond at a size hardly changes from one to the next.
        rate = usd / np.maximum(ms * np.array(curve.sizes), 1e-300)
        new_ms = between(curve.sizes, ms, new) * error
        parts.append((new_ms, between(curve.sizes, rate, new) * new_ms * np.array(new)))
    (ms, usd), (drawn_ms, drawn_usd) = parts
    guessed = _frame(curve, new, ms[0], usd[0], drawn_ms, drawn_usd)
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
