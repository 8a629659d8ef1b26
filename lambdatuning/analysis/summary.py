"""The summary: one row for each function, architecture, payload type and memory size."""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from pandas.api.typing import DataFrameGroupBy

from .frames import failed, warm
from .intervals import Floats, interval, replicates
from .run import Run, as_run

KEYS = ["function", "architecture", "payload", "memory_mb"]
MEASURES = ["duration_ms", "cost_usd"]

COLUMNS = (
    *KEYS,
    "n",
    "cold",
    "failed",
    "mean_ms",
    "mean_low_ms",
    "mean_high_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "cost_usd",
    "cost_low_usd",
    "cost_high_usd",
    "cost_per_million_usd",
    "relative_cost",
    "environments",
    "max_memory_mb",
    "init_ms_p50",
)
"""Columns of a summary, in order."""

_QUANTILES = {0.5: "p50_ms", 0.9: "p90_ms", 0.95: "p95_ms", 0.99: "p99_ms"}


def summarise(source: Run | DataFrame, *, confidence: float = 0.95, seed: int = 0) -> DataFrame:
    """What each payload type takes and costs at each size.

    Statistics (mean, quantiles, cost) are those of warm successful invocations, `n` of them;
    cold starts and failures are counted beside. `*_low` and `*_high` hold the true mean with
    probability `confidence`; they are NaN with fewer than 3 execution environments. Quantiles
    interpolate linearly between samples. `relative_cost` is cost over that of the cheapest size.
    """
    samples = as_run(source).samples
    grouped = warm(samples).groupby(KEYS, observed=True)
    summary = pd.concat(
        [_counts(samples), grouped.size().rename("n"), _statistics(grouped)], axis=1
    ).join(_intervals(samples, confidence, seed))
    summary["n"] = summary["n"].fillna(0).astype(int)
    summary["environments"] = summary["environments"].fillna(0).astype(int)
    summary["cost_per_million_usd"] = summary["cost_usd"] * 1e6
    cheapest = summary.groupby(level=KEYS[:3], observed=True)["cost_usd"].transform("min")
    summary["relative_cost"] = summary["cost_usd"] / cheapest
    return summary.reset_index().sort_values(KEYS, ignore_index=True)[list(COLUMNS)]


def cells(samples: DataFrame, seed: int = 0) -> Iterator[tuple[tuple[str, str, str, int], Floats]]:
    """Resampled means of duration and cost (RESAMPLES x 2) for each key of the summary.

    Cells of one size share the draw of environments, so that their sums keep the correlation
    that sharing hosts gives them.
    """
    good = warm(samples)
    codes, _ = pd.factorize(good["environment"], sort=True)
    good = good.assign(environment=codes)
    for key, rows in good.groupby(KEYS, observed=True):
        function, architecture, payload, memory_mb = key
        yield (
            (str(function), str(architecture), str(payload), int(str(memory_mb))),
            replicates(
                rows[MEASURES].to_numpy(float),
                rows["environment"].to_numpy(np.int64),
                outer=_seed(seed, function, architecture, memory_mb),
                inner=_seed(seed, *key),
            ),
        )


def _counts(samples: DataFrame) -> DataFrame:
    marked = samples.assign(failed=failed(samples))
    counted = marked.groupby(KEYS, observed=True).agg(
        cold=("cold", "sum"), failed=("failed", "sum"), max_memory_mb=("max_memory_mb", "max")
    )
    cold = marked[marked["cold"] & ~marked["failed"]]
    counted["init_ms_p50"] = cold.groupby(KEYS, observed=True)["init_ms"].median()
    return counted


def _statistics(grouped: "DataFrameGroupBy[Any, Any]") -> DataFrame:
    statistics = grouped.agg(
        mean_ms=("duration_ms", "mean"),
        cost_usd=("cost_usd", "mean"),
        environments=("environment", "nunique"),
    )
    quantiles = grouped["duration_ms"].quantile(np.array(list(_QUANTILES))).unstack()
    return statistics.join(
        quantiles.rename(columns=_QUANTILES).reindex(columns=list(_QUANTILES.values()))
    )


def _intervals(samples: DataFrame, confidence: float, seed: int) -> DataFrame:
    names = ["mean_low_ms", "mean_high_ms", "cost_low_usd", "cost_high_usd"]
    rows = {
        key: (*interval(means[:, 0], confidence), *interval(means[:, 1], confidence))
        for key, means in cells(samples, seed)
    }
    index = pd.MultiIndex.from_frame(DataFrame(list(rows), columns=KEYS))
    return DataFrame(list(rows.values()), index=index, columns=names, dtype=float)


def _seed(seed: int, *key: object) -> int:
    return zlib.crc32(repr((seed, *map(str, key))).encode())
