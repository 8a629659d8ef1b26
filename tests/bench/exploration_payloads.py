"""Several payload types of one function, tuned together and one by one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from lambdatuning.core.exploration.prior import Prior

from .exploration_methods import Outcome, adaptive
from .exploration_score import regret
from .exploration_simulator import Account
from .exploration_traces import Trace

TYPES = 5


@dataclass(frozen=True)
class Group:
    """Functions that stand for the payload types of one; `related` if they do alike work."""

    name: str
    related: bool
    traces: Mapping[str, Trace]


def groups(traces: Sequence[Trace]) -> Iterator[Group]:
    """Fives of one source, and one five with nothing in common."""
    whole = [trace for trace in traces if len(trace.grid) > TYPES]
    by_kin: dict[str, list[Trace]] = {}
    for trace in whole:
        kin = trace.family if trace.source != "power-tuning" else trace.source
        by_kin.setdefault(kin, []).append(trace)
    for kin, found in by_kin.items():
        fives = len(found) // TYPES
        for k in range(fives):
            yield _group(f"{kin} {k + 1}" if fives > 1 else kin, True, found[k::fives][:TYPES])
    strangers = [found[0] for found in by_kin.values()][:TYPES]
    if len(strangers) == TYPES:
        yield _group("unrelated", False, strangers)


def _group(name: str, related: bool, traces: Sequence[Trace]) -> Group:
    return Group(name, related, {trace.name: trace for trace in traces})


def compare(group: Group, prior: Prior, objective: str, seeds: int) -> dict[str, Any]:
    """GB-seconds of one by one over together, and how good both are."""
    ratios: list[float] = []
    together: list[float] = []
    alone: list[float] = []
    stated: list[float] = []
    for seed in range(seeds):
        key = crc32(f"{group.name}/{objective}".encode())
        account = Account(dict(group.traces), np.random.default_rng([seed, key]))
        found = adaptive(prior)(account, objective, seed)
        grid = account.grid
        together += _regrets(found, group, objective, grid)
        stated += [outcome.within_5 for outcome in found.values()]
        spent = 0.0
        for name, trace in group.traces.items():
            rng = np.random.default_rng([seed, key, 1])
            single = Account({name: trace}, rng, offered=grid)
            alone += _regrets(adaptive(prior)(single, objective, seed), group, objective, grid)
            spent += single.gb_s
        ratios.append(spent / account.gb_s)
    return {
        "group": group.name,
        "related": group.related,
        "types": len(group.traces),
        "objective": objective,
        "gbs_fewer": round(math.exp(float(np.mean(np.log(ratios)))), 3),
        "regret_mean_together": round(float(np.mean(together)), 5),
        "regret_mean_alone": round(float(np.mean(alone)), 5),
        "within_5_together": round(float(np.mean(np.array(together) <= 0.05)), 4),
        "within_5_alone": round(float(np.mean(np.array(alone) <= 0.05)), 4),
        "stated_within_5_together": round(float(np.mean(stated)), 4),
    }


def _regrets(
    found: Mapping[str, Outcome], group: Group, objective: str, grid: Sequence[int]
) -> list[float]:
    return [
        regret(group.traces[name], outcome.memory_mb, objective, grid)
        for name, outcome in found.items()
    ]
