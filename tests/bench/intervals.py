"""How often do 95 % intervals cover the truth? `make bench-intervals`; one JSON line last.

Runs of up to 6 cells (memory sizes) of one function are drawn, thousands of intervals a line, from
three groups of sources which are never pooled:

- `quiet` and `noisy`: warm calls of measured functions (data/traces). The truth of a cell is the
  plain mean of all of them, or what is billed on average (`--billed`: whole milliseconds).
- `simulated`: made-up calls with a known mean: log-normal, two modes, few but very slow ones, short
  ones that are rounded.

`--hosts` gives each execution environment a log-normal factor of its own; `--one-host` gives a
factor of 10 % to one cell of the run alone, and reports that cell; with `--blocks` calls of one
environment are neighbours in the traces instead of independent. Each line has the share `covered`,
the shares of misses `below` and `above` (where the truth lay), the median `width` of the interval
over the mean, and `width_ratio`, that width over what normal theory gives for a known spread.
The last line has `{"coverage": [{"source", "group", "environments", "hosts", "n", "statistic",
"covered", "shown", "below", "above", "width", "width_ratio"}]}`; `source` "all" is the mean over
the functions of a group. Quantiles have no interval where samples are too few (`shown`).
Where a mean hangs on slow calls too rare to be known, reports say so and give the typical duration:
"known" are the other means alone, "typical" the medians of those cells, each with its share of the
cells as `shown`; their means over functions are weighted by it.
"""

import argparse
import csv
import gzip
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from lambdatuning.core.statistics.mean_intervals import MeanError, mean_errors
from tests.oracle.statistics import quantile_interval

Floats = npt.NDArray[np.float64]

TRACES = Path(__file__).parents[2] / "data" / "traces"
FILES = {"quiet": "raw_invocations.csv.gz", "noisy": "raw_invocations_noisy.csv.gz"}
CELLS, LEAST_CALLS, NICE = 6, 6, 10
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
REPORTED = ("known", "typical")
OTHER_HOST = 0.1
HOSTS = np.array([-1.645, -1.036, -0.674, -0.385, -0.126, 0.126, 0.385, 0.674, 1.036, 1.645])
"""Quantiles of the standard normal distribution in the middles of tenths."""


@dataclass(frozen=True)
class Source:
    """A function: the calls of each cell. `whole`: they are billed in whole milliseconds."""

    name: str
    group: str
    cells: Sequence[Floats]
    whole: bool = False


@dataclass(frozen=True)
class Design:
    """How a run of a source is drawn."""

    n: int
    environments: int
    hosts: float = 0.0
    billed: bool = False
    blocks: bool = False
    one_host: bool = False


def measured_sources(folder: Path) -> Iterator[Source]:
    """The functions of the traces."""
    for group, file in FILES.items():
        calls: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        with gzip.open(folder / file, "rt") as lines:
            for row in csv.DictReader(lines):
                if row["kind"] == "warm":
                    cell = calls[row["function_id"]][int(row["memory_mb"])]
                    cell.append(float(row["duration_ms"]))
        for name, by_size in sorted(calls.items()):
            cells = [np.array(v) for _, v in sorted(by_size.items()) if len(v) >= LEAST_CALLS]
            yield Source(name, group, cells)


def simulated_sources() -> Iterator[Source]:
    """Made-up functions, 20,000 calls a cell."""
    for name in ("lognormal 10 %", "lognormal 50 %", "two modes", "2 % at 10x", "5 % at 4x"):
        yield Source(name, "simulated", [_simulated_calls(name, cell) for cell in range(CELLS)])
    short = [
        _simulated_calls("lognormal 10 %", k) / 200 * ms
        for k, ms in enumerate((1.2, 1.5, 1.9, 2.4, 3.1))
    ]
    yield Source("1-3 ms, whole ms", "simulated", short, whole=True)


def _simulated_calls(name: str, cell: int) -> Floats:
    rng = np.random.default_rng([crc32(name.encode()), cell])
    noise, chance = rng.standard_normal(20_000), rng.random(20_000)
    usual = 200 * np.exp(0.1 * noise)
    return {
        "lognormal 10 %": usual,
        "lognormal 50 %": 200 * np.exp(0.5 * noise),
        "two modes": 200 * np.exp(0.05 * noise) * np.where(chance < 0.3, 1.6, 1),
        "2 % at 10x": usual * np.where(chance < 0.02, 10, 1),
        "5 % at 4x": usual * np.where(chance < 0.05, 4, 1),
    }[name]


def coverage(source: Source, design: Design, trials: int) -> Iterator[dict[str, Any]]:
    """One line for each statistic that mostly had an interval."""
    key = [crc32(source.name.encode()), design.n, design.environments, int(1000 * design.hosts)]
    rng = np.random.default_rng(key)
    rows_by_statistic: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    truths = [_truth(cell, source, design) for cell in source.cells]
    for _ in range(trials):
        for name, row in _trial(source, design, truths, rng):
            rows_by_statistic[name].append(row)
    for name, rows in rows_by_statistic.items():
        values = np.array(rows)
        shown = np.isfinite(values[:, 0])
        if shown.mean() >= 0.5 or (name in REPORTED and shown.any()):
            low, high, truth, sd = values[shown].T
            width = (high - low) / truth
            normal = 2 * 1.96 * sd / math.sqrt(design.n) / truth
            yield {
                "source": source.name,
                "group": source.group,
                "environments": design.environments,
                "hosts": design.hosts,
                "n": design.n,
                "statistic": name,
                "covered": round(float(((low <= truth) & (truth <= high)).mean()), 4),
                "shown": round(float(shown.mean()), 3),
                "below": round(float((truth < low).mean()), 4),
                "above": round(float((truth > high).mean()), 4),
                "width": round(float(np.median(width)), 5),
                "width_ratio": round(float(np.median(width / np.maximum(normal, 1e-9))), 3),
            }


def _truth(cell: Floats, source: Source, design: Design) -> dict[str, float]:
    """The plain mean and the quantiles of a cell over calls and hosts, and the spread of calls."""
    spread = OTHER_HOST if design.one_host else design.hosts
    every = (cell[:, None] * np.exp(spread * HOSTS)).ravel() if spread else cell
    billed = np.ceil(every) if source.whole or design.billed else every
    mean = float(billed.mean())
    if spread and not (source.whole or design.billed):
        mean = float(cell.mean()) * math.exp(spread**2 / 2)
    quantiles = {name: float(np.quantile(billed, q)) for name, q in QUANTILES.items()}
    return {"mean": mean, "sd": float(billed.std()), **quantiles}


def _trial(
    source: Source, design: Design, truths: Sequence[dict[str, float]], rng: np.random.Generator
) -> Iterator[tuple[str, tuple[float, ...]]]:
    count = min(CELLS, len(source.cells))
    indices = rng.choice(len(source.cells), count, replace=False)
    whole = source.whole or design.billed
    run = [_run_calls(source.cells[k], design, rng, first=not i) for i, k in enumerate(indices)]
    run = [[np.ceil(part) if whole else part for part in cell] for cell in run]
    lists = [[part.tolist() for part in cell] for cell in run]
    for k, cell, error in zip(indices, lists, mean_errors(lists, unit=float(whole)), strict=True):
        truth = truths[k]
        low, high = error.limits() if error else (math.nan, math.nan)
        row = (low, high, truth["mean"], truth["sd"])
        yield "mean", row
        yield from _reported(cell, error, row, truth)
        if design.hosts == 0 and not whole:
            values = [value for part in cell for value in part]
            names = [str(e) for e, part in enumerate(cell) for _ in part]
            for name, q in QUANTILES.items():
                ends = quantile_interval(values, names, q) or (math.nan, math.nan)
                yield name, (*ends, truth[name], truth["sd"])
        if design.one_host:
            return


def _reported(
    cell: Sequence[Sequence[float]],
    error: MeanError | None,
    row: tuple[float, ...],
    truth: dict[str, float],
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The interval that reports show: of the mean, or of the typical duration."""
    none = (math.nan, math.nan, *row[2:])
    if error is None or not error.hangs_on_rare_calls:
        yield "known", row
        yield "typical", none
        return
    values = [value for part in cell for value in part]
    names = [str(e) for e, part in enumerate(cell) for _ in part]
    low, high = quantile_interval(values, names, 0.5) or (math.nan, math.nan)
    yield "known", none
    yield "typical", (low, high, truth["p50"], truth["sd"])


def _run_calls(
    cell: Floats, design: Design, rng: np.random.Generator, *, first: bool
) -> list[Floats]:
    sizes = [len(part) for part in np.array_split(np.arange(design.n), design.environments)]
    spread = (OTHER_HOST if first else 0.0) if design.one_host else design.hosts
    parts = []
    for size in sizes:
        if design.blocks:
            calls = cell[(rng.integers(len(cell)) + np.arange(size)) % len(cell)]
        else:
            calls = rng.choice(cell, size)
        parts.append(calls * math.exp(spread * rng.standard_normal()))
    return parts


def together(lines: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The mean over the functions of each group."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        names = ("group", "environments", "hosts", "n", "statistic")
        groups[tuple(line[name] for name in names)].append(line)
    for (group, environments, hosts, n, statistic), some in groups.items():
        shares = ("covered", "below", "above", "width", "width_ratio")
        shown = [line["shown"] for line in some]
        whole = len(groups[group, environments, hosts, n, "mean"])
        yield {
            "source": "all",
            "group": group,
            "environments": environments,
            "hosts": hosts,
            "n": n,
            "statistic": statistic,
            "shown": round(sum(shown) / (whole if statistic in REPORTED else len(some)), 4),
            **{
                name: round(float(np.average([line[name] for line in some], weights=shown)), 4)
                for name in shares
            },
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=100, help="runs a line")
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--n", type=int, nargs="+", default=[10, 30, 100], help="calls a cell")
    parser.add_argument("--environments", type=int, nargs="+", default=[5])
    parser.add_argument("--hosts", type=float, nargs="+", default=[0.0, 0.03, 0.1])
    parser.add_argument("--billed", action="store_true")
    parser.add_argument("--blocks", action="store_true")
    parser.add_argument("--one-host", action="store_true")
    options = parser.parse_args()
    os.nice(NICE)
    designs = [
        Design(n, environments, hosts, options.billed, options.blocks, options.one_host)
        for environments in options.environments
        for hosts in options.hosts
        for n in options.n
    ]
    lines: list[dict[str, Any]] = []
    for source in (*measured_sources(options.traces), *simulated_sources()):
        for design in designs:
            lines += coverage(source, design, options.trials)
    lines += together(lines)
    for line in lines:
        print(
            f"{line['group']:10}{line['source']:24}{line['environments']:3} environments, hosts "
            f"{line['hosts']:4.0%}, n {line['n']:4} {line['statistic']:7}{line['covered']:7.1%} "
            f"(below {line['below']:5.1%}, above {line['above']:5.1%}, width {line['width']:6.1%}, "
            f"x{line['width_ratio']:.2f}, shown {line['shown']:4.0%})"
        )
    print(json.dumps({"coverage": lines}))


if __name__ == "__main__":
    main()
