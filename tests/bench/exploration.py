"""Adaptive exploration beside Power Tuning's grids: `python -m tests.bench.exploration [FOLDER]`.

Simulated tuners pay for durations drawn from measured functions; FOLDER (or the environment
variable TRACES) holds them in the form of data/traces, which is the default. One JSON line last:

- `results`: a row for each method, objective and split. GB-seconds and USD (requests and init
  included) are geometric means over grid-10's. Regret is the objective's excess over the best of
  Power Tuning's sizes, and with `fine_` over the best of every 64 MB. `stated_` is the mean of the
  probabilities that a method gave, `within_` how often they were true.
- `by_stated`: how often an answer was within 5 %, by what was stated.
- `payload_types`: five types tuned together against one by one; ratio of GB-seconds. Fewer seeds.
- `robust`: the same rows on made-up functions of which no published trace has the like, and on
  measured ones with hosts that differ by 10 %, and with handlers whose first call in an execution
  environment takes half as long again. Fewer seeds.
- `decision_s`: CPU seconds of one decision.

Where every function taught the package's prior, as those of data/traces did, a prior taught by one
half of them is tried on the other, in both directions; families are not split. Otherwise the
package's prior is tried, and `split` says whether a function taught it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from lambdatuning.core.exploration.prior import Prior, load_prior, prior_from_json

from .exploration_decision import decision_times
from .exploration_methods import methods
from .exploration_payloads import Group, compare, groups
from .exploration_score import Trial, by_stated, results, trial
from .exploration_simulator import Account
from .exploration_traces import TRACES, Trace, read_traces
from .exploration_unlike import unlike
from .make_prior import make_prior

OBJECTIVES = ("cost", "balanced", "speed")
SEEDS, QUICK_SEEDS = 20, 2
NICE, SAY_EVERY_S = 10, 20.0
T = TypeVar("T")
HOST_SPREAD, FIRST = 0.1, 1.5
ROBUST_SEEDS = 5


@dataclass(frozen=True)
class Job:
    """One function under every method, objective and seed."""

    trace: Trace
    split: str
    prior: Prior
    seeds: range
    objectives: tuple[str, ...]
    host_spread: float = 0.0
    first: float = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    os.nice(NICE)
    folder = options.folder or Path(os.environ.get("TRACES") or TRACES)
    traces = read_traces(folder)
    if not traces:
        sys.exit(f"{folder}: no function with enough memory sizes; see data/traces/MANIFEST.md")
    count = options.seeds or (QUICK_SEEDS if options.quick else SEEDS)
    seeds = range(options.first_seed, options.first_seed + count)
    objectives = tuple(options.objectives.split(","))
    # A half can only be kept from teaching where all of them taught.
    crossed = {trace.name for trace in traces} <= load_prior().taught
    jobs = list(_jobs(traces, seeds, objectives, crossed=crossed))
    beside = [] if options.quick else list(_robust(jobs, objectives))
    few = min(count, ROBUST_SEEDS)
    tasks = [(group, o, few) for group in _groups(traces, crossed=crossed) for o in objectives]
    with ProcessPoolExecutor(options.jobs) as pool:
        trials = _joined(_progress("functions", pool.map(_run, jobs), len(jobs)))
        line: dict[str, Any] = {"results": results(trials), "by_stated": by_stated(trials)}
        _print(line["results"])
        line["robust"] = results(
            _joined(_progress("robustness", pool.map(_run, beside), len(beside)))
        )
        _print(line["robust"])
        compared = _progress("payload types", pool.map(_compare, tasks), len(tasks))
        line["payload_types"] = list(compared)
    for row in line["payload_types"]:
        sys.stdout.write(f"{row}\n")
    line["decision_s"] = decision_times()
    sys.stdout.write(json.dumps(line) + "\n")


def _progress(name: str, found: Iterable[T], count: int) -> Iterator[T]:
    """`found`, with a line on standard error now and then: how many are done and left to wait."""
    began = said = time.monotonic()
    for done, one in enumerate(found, 1):
        yield one
        now = time.monotonic()
        if now - said > SAY_EVERY_S or done == count:
            left = (now - began) / done * (count - done)
            sys.stderr.write(
                f"{name}: {done} of {count} in {now - began:.0f} s, about {left:.0f} s left\n"
            )
            said = now


def _joined(found: Iterable[Sequence[Trial]]) -> list[Trial]:
    return [one for some in found for one in some]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, help="traces; default data/traces")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds, less beside")
    parser.add_argument("--seeds", type=int, help=f"default {SEEDS}")
    parser.add_argument(
        "--first-seed", type=int, default=0, help="other luck for `results`; the rest keeps its own"
    )
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument("--jobs", type=int, help="processes; default one a core")
    return parser.parse_args(arguments)


def _jobs(
    traces: Sequence[Trace], seeds: range, objectives: tuple[str, ...], *, crossed: bool
) -> Iterator[Job]:
    if not crossed:
        prior = load_prior()
        for trace in traces:
            split = "taught" if trace.name in prior.taught else "held-out"
            yield Job(trace, split, prior, seeds, objectives)
        return
    halves = halve(traces)
    for teaching, other in (halves, halves[::-1]):
        prior = prior_from_json(make_prior(teaching))
        yield from (Job(trace, "held-out", prior, seeds, objectives) for trace in other)
        yield from (Job(trace, "taught", prior, seeds, objectives) for trace in teaching)


def halve(traces: Iterable[Trace]) -> tuple[list[Trace], list[Trace]]:
    """Two halves of about equal size that share no family: the largest families are dealt first."""
    families: dict[str, list[Trace]] = {}
    for trace in traces:
        families.setdefault(trace.family, []).append(trace)
    halves: tuple[list[Trace], list[Trace]] = ([], [])
    for name in sorted(families, key=lambda f: (-len(families[f]), crc32(f.encode()))):
        min(halves, key=len).extend(families[name])
    return halves


def _run(job: Job) -> list[Trial]:
    return list(_trials(job))


def _trials(job: Job) -> Iterator[Trial]:
    for objective in job.objectives:
        for name, method in methods(job.prior).items():
            for seed in job.seeds:
                key = crc32(f"{job.trace.name}/{objective}/{name}".encode())
                rng = np.random.default_rng([seed, key])
                account = Account({"": job.trace}, rng, job.host_spread, job.first)
                (outcome,) = method(account, objective, seed).values()
                yield trial(name, objective, job.split, seed, account, job.trace, outcome)


def _robust(jobs: Sequence[Job], objectives: tuple[str, ...]) -> Iterator[Job]:
    prior, few = load_prior(), range(ROBUST_SEEDS)
    for trace in unlike():
        yield Job(trace, "unlike", prior, few, objectives)
    for job in jobs:
        if job.split == "held-out":
            yield replace(job, split="hosts differ", seeds=few, host_spread=HOST_SPREAD)
            yield replace(job, split="first calls", seeds=few, first=FIRST)


def _groups(traces: Sequence[Trace], *, crossed: bool) -> Iterator[tuple[Group, Prior]]:
    """Groups of five; where crossed, each with a prior that none of their families taught."""
    for group in groups(traces):
        families = {trace.family for trace in group.traces.values()}
        teaching = [trace for trace in traces if trace.family not in families]
        yield group, prior_from_json(make_prior(teaching)) if crossed else load_prior()


def _compare(task: tuple[tuple[Group, Prior], str, int]) -> dict[str, Any]:
    (group, prior), objective, seeds = task
    return compare(group, prior, objective, seeds)


def _print(rows: Iterable[Mapping[str, Any]]) -> None:
    for r in rows:
        sys.stdout.write(
            f"{r['split']:13}{r['objective']:9}{r['method']:9}"
            f"{1 / r['gbs_ratio']:6.2f} x GB-s {1 / r['usd_ratio']:6.2f} x USD  "
            f"calls {r['invocations_median']:4.0f} p95 {r['invocations_p95']:4.0f}  "
            f"regret {r['regret_mean']:.2%} p95 {r['regret_p95']:.2%}  "
            f"within 1 % {r['within_1']:.1%} 5 % {r['within_5']:.1%}  "
            f"stated {_percent(r['stated_within_1'])} {_percent(r['stated_within_5'])}\n"
        )
    sys.stdout.flush()


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


if __name__ == "__main__":
    main()
