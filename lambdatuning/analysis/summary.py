"""The summary: one row for each function, architecture, payload type and memory size."""

import math
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from pandas import DataFrame

from ..core.statistics.means import placed
from . import intervals
from .frames import failed, rows_by
from .intervals import KEYS, MEASURES, Cell, Floats, Key, resampled
from .options import Options
from .run import BEYOND, Run, marked

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
_QUANTILES_MS = [f"{name}_ms" for name in QUANTILES]
_LIMITS = [
    f"{stem}_{end}_{unit}"
    for stem, unit in (("mean", "ms"), ("cost", "usd"), *((name, "ms") for name in QUANTILES))
    for end in ("low", "high")
]
_STATISTICS = ["n", "mean_ms", "cost_usd", "environments", *_QUANTILES_MS, *_LIMITS]


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
    counts = _counts(run.samples)
    means, served = _means(measured), _statistics(measured)
    limits = _limits(cells, options.confidence)
    none = {"n": 0.0, "environments": 0.0}
    rows = [
        none | means.get(key, {}) | served.get(key, {}) | limits.get(key, {})
        for key in _keys(counts)
    ]
    statistics = DataFrame(rows, columns=_STATISTICS).astype(float)
    summary = pd.concat([counts, statistics.astype({"n": int})], axis=1)
    if summary["environments"].notna().all():
        summary["environments"] = summary["environments"].astype(int)
    summary["cost_per_million_usd"] = summary["cost_usd"] * 1e6
    return marked(with_gains(summary, today_mb), run)[list(COLUMNS)]


def cell_means(run: Run) -> DataFrame:
    """The columns of a summary that mean curves are made of (see `analysis.curves`)."""
    counts, means = _counts(run.samples), _means(run.measured)
    rows = [{"n": 0.0} | means.get(key, {}) for key in _keys(counts)]
    statistics = DataFrame(rows, columns=["n", "mean_ms", "cost_usd"]).astype(float)
    return pd.concat([counts, statistics.astype({"n": int})], axis=1)


def _limits(cells: Mapping[Key, Cell], confidence: float) -> dict[Key, dict[str, float]]:
    rows = intervals.cell_limits(cells, QUANTILES, confidence)
    return {key: dict(zip(_LIMITS, ends, strict=True)) for key, ends in rows}


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


def _keys(rows: DataFrame) -> Iterator[Key]:
    for function, architecture, payload, size in zip(*(rows[key] for key in KEYS), strict=True):
        yield str(function), str(architecture), str(payload), int(size)


def _counts(samples: DataFrame) -> DataFrame:
    """A row for each key of the summary, in order, of whatever became of the invocations."""
    groups = rows_by(samples, KEYS)
    bad, cold = failed(samples).to_numpy(bool), samples["cold"].to_numpy(bool)
    memory, init = (samples[name].to_numpy(float) for name in ("max_memory_mb", "init_ms"))
    inits = [init[rows[cold[rows] & ~bad[rows]]] for rows in groups]
    return (
        samples[KEYS]
        .iloc[[rows[0] for rows in groups]]
        .reset_index(drop=True)
        .assign(
            cold=[int(cold[rows].sum()) for rows in groups],
            failed=[int(bad[rows].sum()) for rows in groups],
            max_memory_mb=[float(np.fmax.reduce(memory[rows])) for rows in groups],
            init_ms_p50=[_median(cell_ms[~np.isnan(cell_ms)]) for cell_ms in inits],
        )
    )


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _means(measured: DataFrame) -> dict[Key, dict[str, float]]:
    """Of each cell: how many invocations, and their means."""
    groups = rows_by(measured, KEYS)
    numbers = np.empty(len(measured), int)
    for number, rows in enumerate(groups):
        numbers[rows] = number
    # Those of pandas to the last digit, as draws are seeded by means.
    means = measured[MEASURES].groupby(numbers).mean().to_numpy()
    keys = _keys(measured[KEYS].iloc[[rows[0] for rows in groups]])
    return {
        key: {"n": len(rows), "mean_ms": float(mean_ms), "cost_usd": float(cost_usd)}
        for key, rows, (mean_ms, cost_usd) in zip(keys, groups, means, strict=True)
    }


def _statistics(measured: DataFrame) -> dict[Key, dict[str, float]]:
    """Of each cell: the quantiles of its invocations, and by how many environments."""
    groups = rows_by(measured, KEYS)
    ms = measured["duration_ms"].to_numpy(float)
    names = measured["environment"].astype(str).to_numpy(object)
    keys = _keys(measured[KEYS].iloc[[rows[0] for rows in groups]])
    return {
        key: {
            "environments": _environments(names[rows].tolist()),
            **dict(zip(_QUANTILES_MS, _quantiles(ms[rows]), strict=True)),
        }
        for key, rows in zip(keys, groups, strict=True)
    }


def _quantiles(values: Floats) -> list[float]:
    quantiles: list[float] = np.quantile(values, list(QUANTILES.values())).tolist()
    return quantiles


def _environments(names: list[str]) -> float:
    """How many there were; NaN where it is not known which."""
    return float(len({*names} - {""})) if placed(names) else math.nan


def with_gains(rows: DataFrame, today_mb: int | None) -> DataFrame:
    """In order of size, with what each costs against the cheapest, and what it saves and gains
    against today's and the next smaller one."""
    summary = rows.sort_values(KEYS, ignore_index=True)
    sizes = summary["memory_mb"].to_numpy()
    usd, ms = (summary[name].to_numpy(float) for name in ("cost_usd", "mean_ms"))
    gains = {
        name: np.full(len(summary), np.nan)
        for name in ("relative_cost", "saving", "speedup", "step_saving", "step_speedup")
    }
    for curve in rows_by(summary, KEYS[:3]):
        own_usd, own_ms, today = usd[curve], ms[curve], sizes[curve] == (today_mb or 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            gains["relative_cost"][curve] = own_usd / np.fmin.reduce(own_usd)
        gains["saving"][curve] = 1 - _ratio(own_usd, _only(own_usd[today]))
        gains["speedup"][curve] = _ratio(_only(own_ms[today]), own_ms)
        gains["step_saving"][curve[1:]] = 1 - _ratio(own_usd[1:], own_usd[:-1])
        gains["step_speedup"][curve[1:]] = _ratio(own_ms[:-1], own_ms[1:])
    return summary.assign(**gains)


def _only(values: Floats) -> Floats:
    """The only value, or NaN, to calculate with many."""
    return values[:1] if len(values) else np.array([np.nan])


def _ratio(value: Floats, base: Floats) -> Floats:
    """Their quotients, as `core.format.ratio` has them."""
    quotients: Floats = value / np.where(base > 0, base, np.nan)
    same: Floats = np.where((value == 0) & (base == 0), 1.0, quotients)
    return same


def _seed(seed: int, *key: object) -> int:
    return zlib.crc32(repr((seed, *map(str, key))).encode())
