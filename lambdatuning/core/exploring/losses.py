"""How much worse than the best each size would be, under one possible curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from .evidence import EXCESS_MS, SizeEvidence, log_normal_tail
from .matrices import Matrix, Vector
from .question import Objective, Terms

_MISSED = 1.0
"""The least regret of a size that breaks the limit while another one keeps it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What turns the durations of a payload type into prices and p95s, size by size.

    `tail` is p95 over mean.
    """

    excess_ms: Vector
    tail: Vector
    usd_per_ms: Vector
    request_usd: float

    def costs(self, durations_ms: Sequence[float]) -> Vector:
        """USD of one invocation at each size, rounding up to whole milliseconds included."""
        terms = zip(durations_ms, self.excess_ms, self.usd_per_ms, strict=True)
        return [(ms + excess) * rate + self.request_usd for ms, excess, rate in terms]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one curve means at each size: mean duration in ms, p95 over it, USD an invocation."""

    mean_ms: Vector
    tail: Vector
    cost_usd: Vector

    @property
    def p95_ms(self) -> Vector:
        """The 95 % quantile of durations."""
        return list(map(mul, self.mean_ms, self.tail))


def bill(
    evidence: Sequence[SizeEvidence], sizes: Sequence[int], terms: Terms, spreads: Vector
) -> Bill:
    """The bill of one payload type by what its samples were billed; `spreads` (log) of its calls
    stand for the tails that were not measured."""
    known = {size.memory_mb: size for size in evidence}
    found = [known.get(size) for size in sizes]
    return Bill(
        excess_ms=[size.excess_ms if size else EXCESS_MS for size in found],
        tail=[
            size.tail(spread) if size else log_normal_tail(spread)
            for size, spread in zip(found, spreads, strict=True)
        ],
        usd_per_ms=[size / 1024 / 1000 * terms.usd_per_gb_s for size in sizes],
        request_usd=terms.request_usd,
    )


def outlook(curve: Sequence[float], priced: Bill) -> Outlook:
    """What a curve of log durations means."""
    durations = list(map(math.exp, curve))
    return Outlook(durations, priced.tail, priced.costs(durations))


def mixed(outlooks: Sequence[Outlook], weights: Sequence[float]) -> Outlook:
    """The weighted mean over payload types; the p95 is that of the slowest type."""
    whole = sum(weights)

    def mean(columns: Sequence[Vector]) -> Vector:
        by_size = zip(*columns, strict=True)
        return [
            sum(w * v for w, v in zip(weights, values, strict=True)) / whole for values in by_size
        ]

    means = mean([o.mean_ms for o in outlooks])
    slowest = [max(values) for values in zip(*(o.p95_ms for o in outlooks), strict=True)]
    tail = [p95 / ms for p95, ms in zip(slowest, means, strict=True)]
    return Outlook(means, tail, mean([o.cost_usd for o in outlooks]))


def regrets(outlooks: Sequence[Outlook], objective: Objective) -> Matrix:
    """One row a curve, one column a size: objective over the best size's, minus 1."""
    return [_regrets(one, objective) for one in outlooks]


def _regrets(one: Outlook, objective: Objective) -> Vector:
    match objective.strategy:
        case "speed":
            return _over_best(one.mean_ms)
        case "cost":
            return _over_best(one.cost_usd)
        case "balanced":
            return _over_best(_balanced(one.mean_ms, one.cost_usd, objective.weight))
        case "value":
            return _of_value(one, objective)
        case "deadline":
            return _limited(one.cost_usd, one.p95_ms, objective.deadline_ms)
        case _:
            return _limited(one.mean_ms, one.cost_usd, objective.budget_usd)


def _over_best(values: Vector) -> Vector:
    best = min(values)
    return [value / best - 1 for value in values]


def _balanced(durations: Vector, costs: Vector, weight: float) -> Vector:
    highest, slowest = weight / max(costs), (1 - weight) / max(durations)
    return [c * highest + d * slowest for c, d in zip(costs, durations, strict=True)]


def _of_value(one: Outlook, objective: Objective) -> Vector:
    """Cost x duration^speed_worth over the least of it among the sizes that cost at most the
    tolerance more than the cheapest; beyond that the cost above it is lost, too."""
    worth = objective.speed_worth
    values = [c * d**worth for c, d in zip(one.cost_usd, one.mean_ms, strict=True)]
    limit = (1 + objective.tolerance) * min(one.cost_usd)
    best = min(v for v, c in zip(values, one.cost_usd, strict=True) if c <= limit)
    return [
        max(value / best - 1, 0.0) + max(cost / limit - 1, 0.0)
        for value, cost in zip(values, one.cost_usd, strict=True)
    ]


def _limited(values: Vector, limited: Vector, limit: float) -> Vector:
    """The least of `values` among sizes that keep the limit; else the one that misses it least."""
    kept = [value for value, used in zip(values, limited, strict=True) if used <= limit]
    if not kept:
        return _over_best(limited)
    best = min(kept)
    return [
        value / best - 1 if used <= limit else _MISSED + used / limit - 1
        for value, used in zip(values, limited, strict=True)
    ]
