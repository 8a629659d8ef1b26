"""What a cold start takes and costs at each memory size, beyond a warm invocation."""

import zlib

import numpy as np
from pandas import DataFrame

from ..samples.frames import failed, warm
from ..samples.hosts import BEYOND, marked
from ..samples.run import Run, as_run
from ..statistics.intervals import Floats, interval, replicates

COLUMNS = (
    "function",
    "architecture",
    "memory_mb",
    "cold",
    "init_ms",
    "init_low_ms",
    "init_high_ms",
    "extra_ms",
    "extra_low_ms",
    "extra_high_ms",
    "extra_per_million_usd",
    "extra_per_million_low_usd",
    "extra_per_million_high_usd",
    BEYOND,
)
"""Columns of `cold_starts`, in order."""

_KEYS = ["function", "architecture", "memory_mb"]


def cold_starts(source: Run | DataFrame, *, confidence: float = 0.95, seed: int = 0) -> DataFrame:
    """A row a function, architecture and memory size at which cold starts were seen.

    `init_ms` is the mean time to start an environment (of SnapStart, to restore it). `extra_ms`
    and `extra_per_million_usd` are what a cold invocation takes and costs beyond a warm one of
    the same payload type and size: init, which is billed, and a first run that is slower. Bounds
    hold the mean with `confidence`; they are NaN with fewer than 3 cold starts. `beyond_cores`
    marks the sizes that the host of an embedded AWS could not tell apart.
    """
    run = as_run(source)
    beyond = beyond_warm(run.samples)
    rows = [
        (*_key(key), len(own), *_statistics(own, confidence, seed))
        for key, own in beyond.groupby(_KEYS, observed=True)
    ]
    frame = DataFrame(rows, columns=list(COLUMNS[:-1])).sort_values(_KEYS, ignore_index=True)
    dollars = [name for name in COLUMNS if name.endswith("_usd")]
    return marked(frame.assign(**{name: frame[name] * 1e6 for name in dollars}), run)


def beyond_warm(samples: DataFrame) -> DataFrame:
    """Successful cold starts with `start_ms`, and `extra_ms` and `extra_usd` beyond warm means.

    Those of a payload type without a warm sample at that size are left out.
    """
    cold = samples[samples["cold"] & ~failed(samples)]
    start_ms = cold["init_ms"].fillna(0) + cold["restore_ms"].fillna(0)
    means = warm(samples).groupby([*_KEYS, "payload"], observed=True)
    usual = means[["duration_ms", "cost_usd"]].mean().add_prefix("warm_").reset_index()
    joined = cold.assign(start_ms=start_ms).merge(usual, on=[*_KEYS, "payload"], how="inner")
    return joined.assign(
        extra_ms=joined["start_ms"] + joined["duration_ms"] - joined["warm_duration_ms"],
        extra_usd=joined["cost_usd"] - joined["warm_cost_usd"],
    )


def resampled(own: DataFrame, seed: int = 0) -> Floats:
    """Resampled means (resamples x 3) of start, extra time and extra cost of one size's starts.

    Each cold start has an environment of its own, so each is a group of one.
    """
    values = own[["start_ms", "extra_ms", "extra_usd"]].to_numpy(float)
    key = repr((seed, *own[_KEYS].iloc[0].tolist()))
    codes = np.arange(len(values), dtype=np.int64)
    return _signed_replicates(values, codes, zlib.crc32(key.encode()))


def _signed_replicates(values: Floats, codes: "np.typing.NDArray[np.int64]", seed: int) -> Floats:
    """`replicates` works on a log scale, where what is beyond may be below 0: it is shifted."""
    shift = np.abs(values).max(axis=0) * 10
    shifted: Floats = replicates(values + shift, codes, outer=seed, inner=seed + 1) - shift
    return shifted


def _statistics(own: DataFrame, confidence: float, seed: int) -> tuple[float, ...]:
    means = own[["start_ms", "extra_ms", "extra_usd"]].mean().to_numpy(float)
    drawn = resampled(own, seed)
    told: list[float] = []
    for column, mean in enumerate(means):
        low, high = interval(drawn[:, column], confidence)
        told += [float(mean), low, high]
    return tuple(told)


def _key(key: object) -> tuple[object, ...]:
    return tuple(key) if isinstance(key, tuple) else (key,)
