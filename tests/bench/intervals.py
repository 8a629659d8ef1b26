"""How often do 95 % intervals hold the truth? `make bench-intervals`; one JSON line last.

Two sources, both resampled in two levels, with thousands of trials a line:

- `simulation`: environments whose speed differs by a spread, invocations that differ by a noise
  (both log-normal), so that the truth is known.
- `traces`: durations of real functions (data/traces). Each memory size was measured on one host, so
  a size's samples over the local trend of the curve are one environment; trials draw environments,
  then invocations in them, and the truth is that of all of them together.

Lines whose source begins with `run` are of whole runs, whose cells (payload types at 6 sizes) lend
each other spreads as in every report: `run: simulation` of 10 types unlike in noise and in how much
hosts matter to them, `run: traces` of the 6 functions. The others are of cells by themselves.

The last line has `{"coverage": [{"source", "environments", "n", "statistic", "covered"}]}`: the
share of the shown intervals that held the truth. `shown` is how often there was one: quantiles have
none where samples are too few, and lines with fewer than half of them shown are left out. Lines of
the source `traces` are the mean over its functions, which stand beside them by name.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from lambdatuning.analysis.statistics.intervals import Clusters, Floats, uncertainties
from lambdatuning.analysis.statistics.limits import quantile_limits
from lambdatuning.analysis.statistics.moderation import moderated, spread
from lambdatuning.core.intervals import Uncertainty, limits

TRACES = Path(__file__).parents[2] / "data" / "traces" / "raw_invocations.csv.gz"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}
DESIGNS = ((3, 5), (4, 5), (5, 2), (5, 10), (5, 40), (8, 20), (20, 5), (20, 25))
"""Environments, and invocations on each."""

SCENARIOS = ((0.0, 0.2), (0.02, 0.1), (0.1, 0.1), (0.3, 0.1), (0.1, 0.5))
"""Spread between environments, noise inside them: standard deviations of log durations."""

Draw = Callable[[np.random.Generator, int, int], Floats]


@dataclass(frozen=True)
class Source:
    """Where samples come from (`draw` gives environments x invocations), and what is true."""

    name: str
    truth: dict[str, float]
    draw: Draw


def simulation(spread: float, noise: float) -> Source:
    """Log-normal environments and invocations."""
    whole = NormalDist(0, math.hypot(spread, noise))
    truth = {name: math.exp(whole.inv_cdf(q)) for name, q in QUANTILES.items()}
    truth["mean"] = math.exp(whole.variance / 2)

    def draw(rng: np.random.Generator, environments: int, each: int) -> Floats:
        hosts = spread * rng.standard_normal((environments, 1))
        return np.exp(hosts + noise * rng.standard_normal((environments, each)))

    return Source(f"simulation: spread {spread:g}, noise {noise:g}", truth, draw)


def traces(path: Path) -> list[Source]:
    """A source for each function of the traces."""
    frame = pd.read_csv(path)
    return [
        _trace(str(name), [cell["duration_ms"].to_numpy(float) for _, cell in by_size])
        for name, rows in frame.groupby("function_id")
        if (by_size := rows.groupby("memory_mb"))
    ]


def _trace(name: str, sizes: list[Floats]) -> Source:
    shortest = min(map(len, sizes))
    trend = np.log([np.median(values) for values in sizes])
    pool = np.array(
        [
            sizes[i][:shortest] / np.exp(np.median(trend[[i - 2, i - 1, i + 1, i + 2]]))
            for i in range(2, len(sizes) - 2)
        ]
    )
    truth = {key: float(np.quantile(pool, q)) for key, q in QUANTILES.items()}

    def draw(rng: np.random.Generator, environments: int, each: int) -> Floats:
        hosts = rng.integers(len(pool), size=(environments, 1))
        drawn: Floats = pool[hosts, rng.integers(shortest, size=(environments, each))]
        return drawn

    return Source(f"traces: {name}", truth | {"mean": float(pool.mean())}, draw)


def coverage(source: Source, environments: int, each: int, trials: int) -> Iterator[dict[str, Any]]:
    """One line for each statistic that mostly had an interval."""
    rng = np.random.default_rng([environments, each])
    names = ["mean", *QUANTILES]
    truth = np.array([source.truth[name] for name in names])
    found = np.array([_limits(source.draw(rng, environments, each)) for _ in range(trials)])
    shown = np.isfinite(found[:, :, 0])
    held = (found[:, :, 0] <= truth) & (truth <= found[:, :, 1])
    for name, share, hits in zip(names, shown.mean(axis=0), held.sum(axis=0), strict=True):
        if share >= 0.5:
            yield {
                "source": source.name,
                "environments": environments,
                "n": environments * each,
                "statistic": name,
                "covered": round(float(hits / (share * trials)), 4),
                "shown": round(float(share), 3),
            }


def _limits(values: Floats) -> list[tuple[float, float]]:
    groups = _groups(values)
    ends = quantile_limits(groups, list(QUANTILES.values()), 0.95)
    mean = limits(float(values.mean()), uncertainties(groups)[0])
    return [mean, *zip(ends[::2], ends[1::2], strict=True)]


def run_coverage(
    sources: list[Source], name: str, environments: int, each: int, trials: int
) -> dict[str, Any]:
    """The share of all cells of such runs whose interval of the mean held the truth."""
    rng = np.random.default_rng([environments, each, len(sources)])
    held = []
    for _ in range(trials):
        drawn = [
            (source, source.draw(rng, environments, each)) for _ in range(6) for source in sources
        ]
        spreads = [spread(_groups(values), 0) for _, values in drawn]
        for (source, values), known in zip(drawn, moderated(spreads), strict=True):
            centre = float(values.mean())
            low, high = limits(centre, Uncertainty(known.error * centre, known.degrees))
            held.append(low <= source.truth["mean"] <= high)
    return {
        "source": f"run: {name}",
        "environments": environments,
        "n": environments * each,
        "statistic": "mean",
        "covered": round(float(np.mean(held)), 4),
        "shown": 1.0,
    }


def _groups(values: Floats) -> Clusters:
    environments, each = values.shape
    starts = np.arange(environments) * each
    return Clusters(values.reshape(-1, 1), starts, np.full(environments, each))


def _together(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mean of the functions of the traces, for each design and statistic."""
    frame = pd.DataFrame([line for line in lines if line["source"].startswith("traces")])
    keys = ["environments", "n", "statistic"]
    whole = frame.groupby(keys, sort=False)[["covered", "shown"]].mean().round(4).reset_index()
    rows: list[dict[str, Any]] = json.loads(whole.to_json(orient="records"))
    return [{"source": "traces"} | row for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--traces", type=Path, default=TRACES)
    options = parser.parse_args()
    sources = [*(simulation(*scenario) for scenario in SCENARIOS), *traces(options.traces)]
    lines: list[dict[str, Any]] = []
    for source in sources:
        for design in DESIGNS:
            lines += coverage(source, *design, options.trials)
    lines += _together(lines)
    unlike = [simulation(0.02 + 0.02 * n, 0.02 * 1.4**n) for n in range(10)]
    for name, parts in (("simulation", unlike), ("traces", sources[len(SCENARIOS) :])):
        lines += [run_coverage(parts, name, *d, max(options.trials // 20, 1)) for d in DESIGNS]
    for line in lines:
        marked = "" if 0.93 <= line["covered"] <= 0.97 or line["environments"] < 5 else "  <-"
        print(
            f"{line['source']:34} {line['environments']:3} environments, n {line['n']:4} "
            f"{line['statistic']:5} {line['covered']:7.1%} (shown {line['shown']:4.0%}){marked}"
        )
    print(json.dumps({"coverage": lines}))


if __name__ == "__main__":
    main()
