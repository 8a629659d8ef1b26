"""The methods side by side: Power Tuning's grids and the adaptive exploration."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lambdatuning.core.exploration.prior import Prior
from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Objective, Terms
from lambdatuning.core.strategies import CurvePoint, choose

from .exploration_simulator import USD_PER_GB_S, Account
from .exploration_traces import trimmed

PROPOSALS_LIMIT = 500


@dataclass(frozen=True)
class Outcome:
    """What a method recommended, and how sure it said it was; NaN where it does not say."""

    memory_mb: int
    within_1: float = math.nan
    within_5: float = math.nan


Method = Callable[[Account, str, int], dict[str, Outcome]]
"""(account, objective, seed) -> outcome of each payload type."""


def methods(prior: Prior) -> Mapping[str, Method]:
    """By the names that the results use."""
    return {
        "grid-10": grid(10),
        "grid-50": grid(50),
        "grid-2": grid(2, warm_up=True),
        "adaptive": adaptive(prior),
    }


def grid(num: int, *, warm_up: bool = False) -> Method:
    """Every size `num` times, for one payload type.

    As Power Tuning does it, the cold start is one of them; with `warm_up` it comes before, and is
    left out.
    """

    def run(account: Account, objective: str, seed: int) -> dict[str, Outcome]:
        (payload,) = account.traces
        for memory_mb in account.grid:
            account.invoke(memory_mb, num if warm_up else num - 1, payload=payload)
        points = [_point(account, memory_mb, cold=not warm_up) for memory_mb in account.grid]
        return {payload: Outcome(choose(points, objective).memory_mb)}

    return run


def adaptive(prior: Prior) -> Method:
    """What `propose` asks for, until it stops."""

    def run(account: Account, objective: str, seed: int) -> dict[str, Outcome]:
        # Without the request fee, as Power Tuning's cost is: differences are larger than in bills.
        terms = Terms(account.grid, dict.fromkeys(account.traces, 1.0), request_usd=0.0)
        for _ in range(PROPOSALS_LIMIT):
            proposal = propose(
                account.observations, Objective(objective), terms, seed=seed, prior=prior
            )
            if not proposal.batch:
                break
            for item in proposal.batch:
                account.invoke(
                    item.memory_mb,
                    item.count,
                    environments=item.environments,
                    payload=item.payload,
                    wake=item.wake,
                )
        return {
            answer.payload: Outcome(answer.memory_mb, answer.within_1, answer.within_5)
            for answer in proposal.answers
            if answer.payload is not None
        }

    return run


def _point(account: Account, memory_mb: int, *, cold: bool) -> CurvePoint:
    seen = [o for o in account.observations if o.memory_mb == memory_mb and (cold or not o.cold)]
    duration = trimmed(np.array([o.duration_ms + o.init_ms for o in seen]))
    billed = trimmed(np.array([o.billed_ms for o in seen]))
    return CurvePoint(memory_mb, duration, billed / 1000 * memory_mb / 1024 * USD_PER_GB_S)
