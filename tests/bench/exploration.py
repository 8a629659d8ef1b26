"""Adaptive exploration beside Power Tuning's grid: `make bench-exploration`.

Simulated tuners pay for durations drawn from measured functions. `--traces` is a folder in the form
of data/traces, which is the default. Functions are in groups that are never pooled: quiet, noisy,
two modes, curves, and `unlike` (made up, as no trace is). A prior trained on one half of them is
tried on the other, in both directions; families are not split. Functions that the package's prior
was not trained on are tried with that.
`--hosts` gives execution environments log-normal factors of their own, `--first` makes the
handlers of their first calls take so many times as long; `--regret` are the regrets accepted.
`--vary` multiplies the durations of each size by a log-normal factor, another one in each seed. A
group has few functions, and whether a size of theirs happens to lie just within or just beyond 5 %
decides much; over functions like them that evens out.

One JSON line last:

- `results`: a row for each method, objective, group and world. `gbs_fewer` is the geometric mean of
  grid-10's GB-seconds over the method's (inits included), regret the objective's excess over the
  best size, by plain means. `stated` is the mean of the probabilities of being within 5 % that a
  method gave, `within_5` how often it was. `over_grid_by_10` is the share of runs that cost over
  10 % more than grid-10.
- `by_stated`: how often answers were within 5 %, by what was stated.
- `payload_types`: five types tuned together against one by one.
- `decision_s`: CPU seconds of one decision.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from lambdatuning.core.exploration.prior import Prior, load_prior, prior_from_json

from .exploration_decision import decision_times
from .exploration_functions import GROUPS, TRACES, Function, read_functions, varied
from .exploration_methods import methods
from .exploration_payloads import compare, groups
from .exploration_score import BASE, Trial, by_stated, results, text
from .exploration_simulator import Account
from .exploration_unlike import unlike
from .make_prior import make_prior

OBJECTIVES = ("cost", "balanced", "speed", "value")
NICE, PROGRESS_EVERY_S = 10, 20.0
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """How environments differ, and what their first calls take."""

    hosts: float
    first: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    os.nice(NICE)
    functions = read_functions(options.traces)
    if not functions:
        sys.exit(f"{options.traces}: no function with enough memory sizes")
    kinds = options.groups.split(",")
    judged = list(_judged(functions, kinds, options.curves))
    if "unlike" in kinds:
        judged += [(function, load_prior()) for function in unlike(1)]
    worlds = [World(hosts, first) for hosts in options.hosts for first in options.first]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    jobs = [(f, prior, world, seed) for f, prior in judged for world in worlds for seed in seeds]
    trials: list[Trial] = []
    for function, prior, world, seed in _progress(jobs):
        like = varied(function, options.vary, seed)
        for objective in options.objectives.split(","):
            trials += trials_of(like, prior, world, seed, objective, options.regret)
    together = (
        []
        if options.quick
        else [(group, objective) for group in groups(functions) for objective in ("cost", "speed")]
    )
    line: dict[str, Any] = {
        "results": results(trials),
        "by_stated": by_stated(trials),
        "payload_types": [
            compare(group, load_prior(), objective, 1) for group, objective in _progress(together)
        ],
        "decision_s": decision_times(),
    }
    for row in sorted(line["results"], key=_place):
        sys.stdout.write(text(row) + "\n")
    for row in (*line["by_stated"], *line["payload_types"], line["decision_s"]):
        sys.stdout.write(f"{row}\n")
    sys.stdout.write(json.dumps(line) + "\n")


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("hosts", "first", "objective")
    return (*(row[name] for name in names), GROUPS.index(row["group"]), row["method"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--traces", type=Path, default=Path(os.environ.get("TRACES") or TRACES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without payload types")
    parser.add_argument("--first-seed", type=int, default=0, help="first random seed")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--curves", type=int, default=24, help="published curves judged, at most")
    parser.add_argument("--vary", type=float, default=0.0, help="spread (log) of sizes' factors")
    parser.add_argument("--hosts", type=float, nargs="+", default=[0.0])
    parser.add_argument("--first", type=float, nargs="+", default=[1.0])
    parser.add_argument("--regret", type=float, nargs="*", default=[0.01, 0.02, 0.05])
    return parser.parse_args(arguments)


def _judged(
    functions: Sequence[Function], groups: Sequence[str], curves: int
) -> Iterator[tuple[Function, Prior]]:
    """Each function that is judged, with a prior that was not trained on it."""
    functions_to_judge = _functions_to_judge(functions, groups, curves)
    package = load_prior()
    if not {function.name for function in functions_to_judge} & package.taught:
        yield from ((function, package) for function in functions_to_judge)
        return
    for teaching, other in _both(halve(functions)):
        prior = prior_from_json(make_prior(teaching))
        names = {function.name for function in other}
        yield from ((function, prior) for function in functions_to_judge if function.name in names)


def _functions_to_judge(
    functions: Sequence[Function], groups: Sequence[str], curves: int
) -> list[Function]:
    published = sorted(
        (f for f in functions if f.group == "curves"), key=lambda f: crc32(f.name.encode())
    )
    left_out = {f.name for f in published[curves:]}
    return [f for f in functions if f.group in groups and f.name not in left_out]


def _both(
    halves: tuple[list[Function], list[Function]],
) -> Iterator[tuple[list[Function], list[Function]]]:
    yield halves
    yield halves[1], halves[0]


def halve(functions: Iterable[Function]) -> tuple[list[Function], list[Function]]:
    """Two halves of each group, of about equal size, that share no family: the largest families are
    dealt first."""
    by_group: dict[str, dict[str, list[Function]]] = {}
    for function in functions:
        by_group.setdefault(function.group, {}).setdefault(function.family, []).append(function)
    halves: tuple[list[Function], list[Function]] = ([], [])
    for families in by_group.values():
        sizes = [0, 0]
        for family in sorted(families, key=lambda f: (-len(families[f]), crc32(f.encode()))):
            side = int(sizes[1] < sizes[0])
            halves[side].extend(families[family])
            sizes[side] += len(families[family])
    return halves


def trials_of(
    function: Function,
    prior: Prior,
    world: World,
    seed: int,
    objective: str,
    accepted: Sequence[float],
) -> Iterator[Trial]:
    base: Account | None = None
    key = crc32(f"{function.name}/{objective}".encode())
    for name, method in methods(prior, accepted).items():
        rng = np.random.default_rng([seed, key, crc32(name.encode())])
        account = Account({"": function}, rng, world.hosts, world.first)
        outcome = method(account, objective, seed)[""]
        base = account if name == BASE else base
        assert base is not None
        yield Trial(
            method=name,
            objective=objective,
            group=function.group,
            function=function.name,
            seed=seed,
            hosts=world.hosts,
            first=world.first,
            memory_mb=outcome.memory_mb,
            gbs_ratio=account.gb_s / base.gb_s,
            usd_ratio=account.usd / base.usd,
            invocations=account.invocations,
            regret=function.regret(outcome.memory_mb, objective),
            stated=outcome.within_5,
            expected=outcome.regret,
            why=outcome.why,
        )


def _progress(jobs: Sequence[T]) -> Iterator[T]:
    """Each job, with a line on standard error every 20 s: how many are finished."""
    start_s = last_line_s = time.monotonic()
    for index, job in enumerate(jobs):
        yield job
        now_s = time.monotonic()
        if now_s - last_line_s > PROGRESS_EVERY_S:
            last_line_s = now_s
            sys.stderr.write(f"{index + 1} of {len(jobs)} in {now_s - start_s:.0f} s\n")


if __name__ == "__main__":
    main()
