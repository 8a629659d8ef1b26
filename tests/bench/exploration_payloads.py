"""Several payload types of one function, tuned together and one by one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from lambdatuning.core.exploration.prior import Prior

from .exploration_functions import Function
from .exploration_methods import Outcome, adaptive
from .exploration_simulator import Account

TYPES, REGRET = 5, 0.02


@dataclass(frozen=True)
class Group:
    """Functions that stand for the payload types of one; `related` if they do similar work."""

    name: str
    related: bool
    functions: Mapping[str, Function]


def groups(functions: Sequence[Function]) -> Iterator[Group]:
    """Groups of five from one source, and one group of five with nothing in common."""
    whole = [function for function in functions if len(function.sizes) > TYPES]
    by_kin: dict[str, list[Function]] = {}
    for function in whole:
        source = function.name.split("/")[0]
        kin = source if source == "power-tuning" else function.family
        by_kin.setdefault(kin, []).append(function)
    for kin, members in by_kin.items():
        fives = len(members) // TYPES
        for k in range(fives):
            yield _group(f"{kin} {k + 1}" if fives > 1 else kin, True, members[k::fives][:TYPES])
    strangers = [members[0] for members in by_kin.values()][:TYPES]
    if len(strangers) == TYPES:
        yield _group("unrelated", False, strangers)


def _group(name: str, related: bool, functions: Sequence[Function]) -> Group:
    return Group(name, related, {function.name: function for function in functions})


def compare(group: Group, prior: Prior, objective: str, seeds: int) -> dict[str, Any]:
    """GB-seconds of one by one over together, and how good both are."""
    ratios: list[float] = []
    together: list[float] = []
    alone: list[float] = []
    stated: list[float] = []
    for seed in range(seeds):
        key = crc32(f"{group.name}/{objective}".encode())
        account = Account(dict(group.functions), np.random.default_rng([seed, key]))
        outcomes = adaptive(prior, REGRET)(account, objective, seed)
        together += _regrets(outcomes, group, objective)
        stated += [outcome.within_5 for outcome in outcomes.values()]
        single_gb_s = 0.0
        for name, function in group.functions.items():
            rng = np.random.default_rng([seed, key, 1])
            single = Account({name: function}, rng, offered=account.sizes)
            alone += _regrets(adaptive(prior, REGRET)(single, objective, seed), group, objective)
            single_gb_s += single.gb_s
        ratios.append(single_gb_s / account.gb_s)
    return {
        "group": group.name,
        "related": group.related,
        "types": len(group.functions),
        "objective": objective,
        "gbs_fewer": round(math.exp(float(np.mean(np.log(ratios)))), 3),
        "regret_mean_together": round(float(np.mean(together)), 5),
        "regret_mean_alone": round(float(np.mean(alone)), 5),
        "within_5_together": round(float(np.mean(np.array(together) <= 0.05)), 4),
        "within_5_alone": round(float(np.mean(np.array(alone) <= 0.05)), 4),
        "stated_within_5_together": round(float(np.mean(stated)), 4),
    }


def _regrets(outcomes: Mapping[str, Outcome], group: Group, objective: str) -> list[float]:
    return [
        group.functions[name].regret(outcome.memory_mb, objective)
        for name, outcome in outcomes.items()
    ]
