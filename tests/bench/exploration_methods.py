"""The methods side by side: Power Tuning's grids and the adaptive exploration."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lambdatuning.core.decision import Mean, Point, decide
from lambdatuning.core.exploration.prior import Prior
from lambdatuning.core.exploration.proposal import propose
from lambdatuning.core.exploration.question import Budget, Objective, Terms
from lambdatuning.core.statistics.mean_intervals import mean_interval

from .exploration_functions import Floats, regrets
from .exploration_simulator import Account

PROPOSALS_LIMIT, TRIM = 200, 0.2


@dataclass(frozen=True)
class Outcome:
    """What a method recommended, and how sure it said it was; NaN where it does not say."""

    memory_mb: int
    within_5: float = math.nan
    regret: float = math.nan
    why: str = ""


Method = Callable[[Account, str, int], dict[str, Outcome]]
"""(account, objective, seed) -> outcome of each payload type."""


def methods(prior: Prior, accepted_regrets: Sequence[float]) -> Mapping[str, Method]:
    """By the names that the results use."""
    adaptive_methods = {
        f"adaptive {regret:.0%}": adaptive(prior, regret) for regret in accepted_regrets
    }
    return {"grid-10": grid(10), "grid-10 by 5": stated_grid(10, 5), **adaptive_methods}


def grid(num: int) -> Method:
    """Every size `num` times, for one payload type, the cold start among them, as Power Tuning does
    it; the best by trimmed means."""

    def run(account: Account, objective: str, seed: int) -> dict[str, Outcome]:
        (payload,) = account.functions
        for memory_mb in account.sizes:
            account.invoke(memory_mb, num, payload=payload, wake=False)
        means = np.array([_trimmed_means(account, memory_mb) for memory_mb in account.sizes])
        losses = regrets(means[:, 0], means[:, 1], np.array(account.sizes), objective)
        return {payload: Outcome(account.sizes[int(losses.argmin())])}

    return run


def stated_grid(num: int, environments: int) -> Method:
    """Every size `num` times warm over several environments, as `lambdatuning` measures a grid; the
    best by plain means, with its probability of being within 5 %."""

    def run(account: Account, objective: str, seed: int) -> dict[str, Outcome]:
        (payload,) = account.functions
        for memory_mb in account.sizes:
            account.invoke(memory_mb, num, environments=environments, payload=payload)
        points = [_point(account, memory_mb) for memory_mb in account.sizes]
        decision = decide(points, objective)
        return {
            payload: Outcome(
                decision.memory_mb or 0, math.nan if decision.sure is None else decision.sure
            )
        }

    return run


def _point(account: Account, memory_mb: int) -> Point:
    calls = [one for one in account.observations if one.memory_mb == memory_mb and not one.cold]
    groups = [one.environment for one in calls]
    means = []
    for values in (
        [one.duration_ms for one in calls],
        [one.billed_ms * memory_mb for one in calls],
    ):
        interval, mean = mean_interval(values, groups), sum(values) / len(values)
        means.append(Mean.between(mean, *interval) if interval else Mean(mean))
    return Point(memory_mb, *means)


def adaptive(prior: Prior, regret: float) -> Method:
    """What `propose` asks for, until it stops."""

    def run(account: Account, objective: str, seed: int) -> dict[str, Outcome]:
        # Without the request fee, as Power Tuning's cost is: differences are larger than in bills.
        terms = Terms(account.sizes, dict.fromkeys(account.functions, 1.0), request_usd=0.0)
        budget = Budget(regret=regret)
        for _ in range(PROPOSALS_LIMIT):
            proposal = propose(
                account.observations, Objective(objective), terms, budget, seed=seed, prior=prior
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
            answer.payload: Outcome(
                answer.memory_mb, answer.within_5, answer.regret, proposal.stopped
            )
            for answer in proposal.answers
            if answer.payload is not None
        }

    return run


def _trimmed_means(account: Account, memory_mb: int) -> tuple[float, float]:
    calls = [one for one in account.observations if one.memory_mb == memory_mb]
    duration = _trimmed(np.array([one.duration_ms + one.init_ms for one in calls]))
    return duration, _trimmed(np.array([one.billed_ms for one in calls]))


def _trimmed(values: Floats) -> float:
    ordered = np.sort(values)
    cut = int(len(ordered) * TRIM)
    return float(ordered[cut : len(ordered) - cut].mean())
