"""How often `compare` calls runs of the same code different, and how often it finds what is slower.

`python -m tests.bench.same_code` simulates pairs of runs (one payload type at 6 sizes, 5 execution
environments, `--n` calls at each size, log-normal calls of 10 %) whose code is the same, or whose
later one is slower by 5 or 10 %. Each run as a whole is shifted by a log-normal factor (`--noise`),
as what is between runs does. `--history` earlier runs of the same code teach `compare` how much
runs differ; 0 leaves it to what is assumed beforehand. With `--store FOLDER` every two runs of the
same code in a store are compared instead.

The last line has `{"same_code": [{"n", "noise", "history", "pairs", "false_alarms", "differing",
"found_5", "found_10", "smallest_change"}]}`: shares of pairs with a regression of over 5 % in
either direction where nothing changed, with any significant difference, with the slower one found;
and the median of the smallest change that `compare` says it would have found.
"""

import argparse
import json
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lambdatuning.analysis.compare.comparison import Comparison, compare
from lambdatuning.analysis.compare.noise import same_code
from lambdatuning.analysis.run import Run
from lambdatuning.api.runs import load_runs
from tests.analysis.synthetic import Kind, changed, synthetic_run

KIND = [Kind("typical", 20, 80)]
SIZES, ENVIRONMENTS, SPREAD, NICE = (128, 256, 512, 1024, 1536, 3008), 5, 0.1, 10
FEE_USD = 0.2e-6
"""Of a request; the rest of a sample's cost grows with its billed duration."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--n", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 0.03, 0.05])
    parser.add_argument("--history", type=int, nargs="+", default=[0, 10])
    options = parser.parse_args()
    os.nice(NICE)
    if options.store:
        lines = [_stored(options.store)]
    else:
        lines = [
            _simulated(n, noise, history, options.pairs)
            for n in options.n
            for noise in options.noise
            for history in options.history
        ]
    for line in lines:
        print(line)
    print(json.dumps({"same_code": lines}))


def _simulated(n: int, noise: float, history: int, pairs: int) -> dict[str, Any]:
    rng = np.random.default_rng([n, int(1000 * noise), history])
    found: list[tuple[bool, bool, bool, bool, float]] = []
    earlier: list[Run] = []
    for k in range(pairs):
        if history and k % 10 == 0:
            earlier = [_run(n, noise, f"earlier {k} {h}", rng) for h in range(history)]
        before, after = (_run(n, noise, f"{k} {side}", rng) for side in ("a", "b"))
        same, back = _compared(before, after, earlier), _compared(after, before, earlier)
        slower = [_compared(before, _slower(after, share), earlier) for share in (0.05, 0.1)]
        change = same.pairs[0].change(same.pairs[0].main, "duration")
        five, ten = (each.pairs[0].change("typical", "duration").low > 0 for each in slower)
        found.append(
            (bool(same.regressions or back.regressions), change.real, five, ten, change.least)
        )
    alarms, differing, five_found, ten_found, least = zip(*found, strict=True)
    return {
        "n": n,
        "noise": noise,
        "history": history,
        "pairs": pairs,
        "false_alarms": _share(alarms),
        "differing": _share(differing),
        "found_5": _share(five_found),
        "found_10": _share(ten_found),
        "smallest_change": round(float(np.median(least)), 4),
    }


def _stored(store: Path) -> dict[str, Any]:
    """Every two of the largest set of grids of the same code, payload types and sizes."""
    alike: dict[object, list[Run]] = {}
    for same in same_code(run for run in load_runs(store, "all") if not run.adaptive):
        for run in same:
            alike.setdefault((run.payloads, run.sizes), []).append(run)
    runs = max(alike.values(), key=len)
    found = [_compared(a, b, ()) for a, b in combinations(runs, 2)]
    changes = [change for each in found for change in each.pairs[0].changes.values()]
    return {
        "store": str(store),
        "pairs": len(found),
        "false_alarms": _share([bool(each.regressions) for each in found]),
        "differing": _share([change.real for change in changes]),
        "smallest_change": round(float(np.median([change.least for change in changes])), 4),
    }


def _compared(before: Run, after: Run, history: Sequence[Run]) -> Comparison:
    return compare([before, after], history=list(history))


def _run(n: int, noise: float, name: str, rng: np.random.Generator) -> Run:
    run = synthetic_run(
        KIND,
        SIZES,
        environments=ENVIRONMENTS,
        per_environment=max(n // ENVIRONMENTS, 1),
        noise=SPREAD,
        seed=int(rng.integers(2**31)),
    )
    named = Run(changed(run.manifest, {"run_id": name}), run.samples.assign(run_id=name))
    return _slower(named, float(np.expm1(noise * rng.standard_normal())))


def _slower(run: Run, share: float) -> Run:
    """The same run with all that it does slower, and billed accordingly."""
    samples = run.samples
    duration_ms = samples["duration_ms"] * (1 + share)
    billed_ms = np.ceil(duration_ms + samples["init_ms"].fillna(0))
    per_ms = (samples["cost_usd"] - FEE_USD) / samples["billed_ms"]
    return Run(
        run.manifest,
        samples.assign(
            duration_ms=duration_ms, billed_ms=billed_ms, cost_usd=FEE_USD + per_ms * billed_ms
        ),
    )


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 3)


if __name__ == "__main__":
    main()
