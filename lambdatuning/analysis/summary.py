"""The summary: one row for each function, architecture, payload type and memory size."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from pandas.api.typing import DataFrameGroupBy

from ..core.statistics.means import placed
from . import intervals
from .frames import failed
from .intervals import MEASURES, Cell, Floats, Key, resampled
from .options import Options
from .run import BEYOND, Run, marked

KEYS = ["function", "architecture", "payload", "memory_mb"]
COLUMNS = (
    *KEYS,
    "n",
    "cold",
    "failed",
    "mean_ms",
    "mean_low_ms",
    "mean_high_ms",
    "p50_ms",
    "p50_low_ms",
    "p50_high_ms",
    "p90_ms",
    "p90_low_ms",
    "p90_high_ms",
    "p95_ms",
    "p95_low_ms",
    "p95_high_ms",
    "p99_ms",
    "p99_low_ms",
    "p99_high_ms",
    "cost_usd",
    "cost_low_usd",
    "cost_high_usd",
    "cost_per_million_usd",
    "relative_cost",
    "saving",
    "speedup",
    "step_saving",
    "step_speedup",
    "environments",
    "max_memory_mb",
    "init_ms_p50",
    BEYOND,
)
"""Columns of a summary, in order."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

_USED = [
    *KEYS,
    *MEASURES,
    "billed_ms",
    "run_id",
    "environment",
    "cold",
    "error",
    "max_memory_mb",
    "init_ms",
]


def summarise(
    run: Run,
    measured: DataFrame,
    cells: Mapping[Key, Cell],
    today_mb: int | None,
    options: Options,
) -> DataFrame:
    """What each payload type takes and costs at each size; columns as `COLUMNS`.

    Statistics (mean, quantiles, cost) are those of the `measured` invocations, `n` of them: warm
    successful ones. Cold starts and failures are counted beside. `*_low_*` and `*_high_*` hold the
    true value with the options' confidence; they are NaN with fewer than 3 execution environments,
    and where the samples are too few for a quantile. Quantiles interpolate linearly between
    samples.

    `relative_cost` is cost over that of the cheapest size. `saving` is the share of today's cost
    that a size saves and `speedup` today's duration over this one; `step_saving` and
    `step_speedup` say the same of the step from the next smaller size. `beyond_cores` marks the
    sizes that the host of an embedded AWS could not tell apart.
    """
    grouped = measured[_USED].groupby(KEYS, observed=True)
    rows = intervals.cell_limits(cells, QUANTILES, options.confidence)
    ends = DataFrame(list(rows), columns=_limit_columns())
    summary = pd.concat(
        [_counts(run.samples[_USED]), grouped.size().rename("n"), _statistics(grouped)], axis=1
    ).join(ends.set_index(KEYS).astype(float))
    summary["n"] = summary["n"].fillna(0).astype(int)
    # Of no rows at all, it is still made of names.
    served = summary["environments"].astype(object).astype(float)
    summary["environments"] = served.where(summary["n"].gt(0), 0.0)
    if summary["environments"].notna().all():
        summary["environments"] = summary["environments"].astype(int)
    summary["cost_per_million_usd"] = summary["cost_usd"] * 1e6
    return marked(with_gains(summary.reset_index(), today_mb), run)[list(COLUMNS)]


def resample(cells: Mapping[Key, Cell], seed: int = 0) -> Iterator[tuple[Key, Floats]]:
    """Resampled means of duration and cost (RESAMPLES x 2) for each key of the summary.

    Cells of one size share the draw of environments, so that their sums keep the correlation
    that sharing hosts gives them. Cells of different runs are drawn independently.
    """
    for key, cell in cells.items():
        function, architecture, _, memory_mb = key
        yield (
            key,
            resampled(
                cell.groups,
                cell.mean_errors,
                outer=_seed(seed, cell.run_id, function, architecture, memory_mb),
                inner=_seed(seed, cell.run_id, *key),
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
        environments=("environment", _environments),
    )
    names: Mapping[float, str] = {q: f"{name}_ms" for name, q in QUANTILES.items()}
    quantiles = grouped["duration_ms"].quantile(np.array(list(names))).unstack()
    return statistics.join(quantiles.rename(columns=names).reindex(columns=list(names.values())))


def _environments(names: "pd.Series[Any]") -> float:
    """How many there were; NaN where it is not known which."""
    plain = names.astype(str).tolist()
    return float(len({*plain} - {""})) if placed(plain) else float("nan")


def _limit_columns() -> list[str]:
    stems = [("mean", "ms"), ("cost", "usd"), *((name, "ms") for name in QUANTILES)]
    return [*KEYS, *(f"{stem}_{end}_{unit}" for stem, unit in stems for end in ("low", "high"))]


def with_gains(rows: DataFrame, today_mb: int | None) -> DataFrame:
    """In order of size, with what each costs against the cheapest, and what it saves and gains
    against today's and the next smaller one."""
    summary = rows.sort_values(KEYS, ignore_index=True)
    cheapest = summary.groupby(KEYS[:3], observed=True)["cost_usd"].transform("min")
    summary["relative_cost"] = summary["cost_usd"] / cheapest
    by = summary.groupby(KEYS[:3], observed=True)
    before = by[["cost_usd", "mean_ms"]].shift()
    at_today = summary[["cost_usd", "mean_ms"]].where(summary["memory_mb"] == (today_mb or 0))
    today = at_today.groupby([summary[key] for key in KEYS[:3]], observed=True).transform("max")
    gains = {}
    for prefix, base in (("", today), ("step_", before)):
        gains[f"{prefix}saving"] = 1 - _ratio(summary["cost_usd"], base["cost_usd"])
        gains[f"{prefix}speedup"] = _ratio(base["mean_ms"], summary["mean_ms"])
    return summary.assign(**gains)


def _ratio(value: "pd.Series[float]", base: "pd.Series[float]") -> "pd.Series[float]":
    """Their quotients; NaN, which is shown as a dash, where the base is zero."""
    return value / base.where(base > 0)


def _seed(seed: int, *key: object) -> int:
    return zlib.crc32(repr((seed, *map(str, key))).encode())
