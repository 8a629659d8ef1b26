"""How often `compare` calls runs of the same code different, and how often it detects slower code.

`python -m tests.bench.same_code` simulates pairs of runs (one payload type at 6 sizes, 5 execution
environments that differ by 2 %, `--n` calls at each size, log-normal calls of 10 %) whose code is
the same, or whose later one is slower by 5 or 10 %. Each run as a whole is shifted by a log-normal
factor (`--noise`), as what is between runs does. `--history` earlier runs of the same code teach
how much runs differ; 0 leaves it to what is assumed beforehand. What judges is `compare`'s own
(the error of a mean, what is learnt between runs, the gate's rule) with the confidence of a pair of
runs of one payload type, on the means of environments; with `--whole` everything from samples on
is, which takes a second or two a pair. With `--store FOLDER` every two runs of the same code in a
store are compared instead.

The last line has `{"same_code": [{"n", "noise", "history", "pairs", "false_alarms", "cannot_tell",
"differing", "found_5", "found_10", "failed_10", "smallest_change"}]}`: shares of comparisons with
a regression of over 5 % where nothing changed, with a rise of over 5 % that the gate says it cannot
tell from how runs differ, with any significant difference, with the slower one found, with the one
slower by 10 % failed by the gate; and the median of the smallest change that `compare` says it
would have found.
"""

import argparse
import json
import math
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lambdatuning.analysis.compare.comparison import Comparison, compare
from lambdatuning.analysis.compare.gate import MAX_REGRESSION
from lambdatuning.analysis.compare.log_errors import LogError, Normal, added
from lambdatuning.analysis.compare.noise import Difference, change, learnt, paule_mandel, same_code
from lambdatuning.analysis.run import Run
from lambdatuning.api.runs import load_runs
from lambdatuning.core.statistics.means import CONFIDENCE, uncertainty
from tests.analysis.synthetic import Kind, changed, synthetic_run

KIND = [Kind("typical", 20, 80)]
SIZES, ENVIRONMENTS, SPREAD, HOSTS, NICE = (128, 256, 512, 1024, 1536, 3008), 5, 0.1, 0.02, 10
FEE_USD = 0.2e-6
"""Of a request; the rest of a sample's cost grows with its billed duration."""
SLOWER = (0.05, 0.1)
TOGETHER = 1 - (1 - CONFIDENCE) / 2
"""Of each of the two measures, duration and cost, so that both cover the truth together."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--whole", action="store_true", help="from samples on")
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--first-seed", type=int, default=0, help="first random seed")
    parser.add_argument("--n", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01, 0.03, 0.05])
    parser.add_argument("--history", type=int, nargs="+", default=[0, 10])
    options = parser.parse_args()
    os.nice(NICE)
    if options.store:
        lines = [_stored(options.store)]
    else:
        draw = _whole if options.whole else _by_means
        lines = [
            _row(
                draw(n, noise, history, options.pairs, options.first_seed),
                {"n": n, "noise": noise, "history": history, "pairs": options.pairs},
            )
            for n in options.n
            for noise in options.noise
            for history in options.history
        ]
    for line in lines:
        print(line)
    print(json.dumps({"same_code": lines}))


def _row(changes: Sequence[Difference], key: dict[str, Any]) -> dict[str, Any]:
    """The shares of some changes where nothing changed. A later run that is slower by a share has
    the same interval, moved by the share."""
    alarms = [change.worse(MAX_REGRESSION) for change in changes]
    unsure = [
        change.of_runs and change.few_runs and change.value > MAX_REGRESSION for change in changes
    ]
    moved = [
        [math.log1p(change.low) + math.log1p(share) > 0 for change in changes] for share in SLOWER
    ]
    beyond = [(1 + change.value) * (1 + SLOWER[1]) > 1 + MAX_REGRESSION for change in changes]
    failed = [significant and over for significant, over in zip(moved[1], beyond, strict=True)]
    return {
        **key,
        "false_alarms": _share(alarms),
        "cannot_tell": _share(unsure),
        "differing": _share([change.real for change in changes]),
        "found_5": _share(moved[0]),
        "found_10": _share(moved[1]),
        "failed_10": _share(failed),
        "smallest_change": round(float(np.median([change.least for change in changes])), 4),
    }


def _by_means(n: int, noise: float, history: int, pairs: int, seed: int) -> list[Difference]:
    """Changes of pairs, each with a history of its own, by the means of environments."""
    rng = np.random.default_rng([seed, n, int(1000 * noise), history])
    changes = []
    for _ in range(pairs):
        before, after, *earlier = (_mean_of_run(n, noise, rng) for _ in range(2 + history))
        runs = [before, *earlier]
        values, errors = zip(*runs, strict=True)
        variances = [error.variance for error in errors]
        taught = [(history, paule_mandel(values, variances))] if history else []
        own = added([before[1].times(-1), after[1]])
        changes.append(change(after[0] - before[0], own, learnt(taught), TOGETHER))
    return changes


def _mean_of_run(n: int, noise: float, rng: np.random.Generator) -> tuple[float, LogError]:
    """The mean over sizes of log means, and its error, estimated from the environments."""
    calls = max(n // ENVIRONMENTS, 1)
    sd = math.hypot(HOSTS, SPREAD / math.sqrt(calls))
    means = sd * rng.standard_normal((len(SIZES), ENVIRONMENTS))
    own = [Normal(uncertainty([calls] * ENVIRONMENTS, row.tolist())) for row in means]
    error = LogError(tuple((1 / len(SIZES), environment) for environment in own))
    return float(means.mean() + noise * rng.standard_normal()), error


def _whole(n: int, noise: float, history: int, pairs: int, seed: int) -> list[Difference]:
    """Changes of pairs of runs; ten pairs have a history in common."""
    rng = np.random.default_rng([seed, n, int(1000 * noise), history])
    earlier: list[Run] = []
    changes = []
    for k in range(pairs):
        if history and k % 10 == 0:
            earlier = [_run(n, noise, f"earlier {k} {h}", rng) for h in range(history)]
        before, after = (_run(n, noise, f"{k} {side}", rng) for side in ("a", "b"))
        pair = _compared(before, after, earlier).pairs[0]
        changes.append(pair.change(pair.main, "duration"))
    return changes


def _stored(store: Path) -> dict[str, Any]:
    """Every two of the largest set of grids of the same code, payload types and sizes."""
    runs_by_design: dict[object, list[Run]] = {}
    for same in same_code(run for run in load_runs(store, "all") if not run.adaptive):
        for run in same:
            runs_by_design.setdefault((run.payloads, run.sizes), []).append(run)
    runs = max(runs_by_design.values(), key=len)
    comparisons = [_compared(a, b, ()) for a, b in combinations(runs, 2)]
    changes = [
        change for comparison in comparisons for change in comparison.pairs[0].changes.values()
    ]
    return {
        "store": str(store),
        "pairs": len(comparisons),
        "false_alarms": _share([bool(comparison.regressions) for comparison in comparisons]),
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
