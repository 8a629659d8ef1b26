"""How much worse than the best each size would be, under one possible curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from .evidence import Evidence
from .matrices import Matrix, Vector
from .question import Objective, Terms

_EXCESS_MS = 0.5
"""What rounding up to whole milliseconds adds on average where nothing was measured."""
_P95 = 1.645
_MISSED = 1.0
"""The least regret of a size that breaks the limit while another one keeps it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What turns the durations of a payload type into prices and p95s, size by size.

    `tail` is p95 over mean.
    """

    sizes: tuple[int, ...]
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
    """What one curve means at each size: mean and p95 duration in ms, USD an invocation."""

    mean_ms: Vector
    tail: Sequence[float]
    cost_usd: Vector

    @property
    def p95_ms(self) -> Vector:
        """Seldom asked for."""
        return list(map(mul, self.mean_ms, self.tail))


def bill(evidence: Evidence, sizes: Sequence[int], terms: Terms) -> Bill:
    """The bill of one payload type by what its samples were billed."""
    known = [evidence.at(size) for size in sizes]
    return Bill(
        sizes=tuple(sizes),
        excess_ms=[size.excess_ms if size else _EXCESS_MS for size in known],
        tail=[math.exp(size.tail_log if size else _P95 * evidence.sd_log) for size in known],
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
    if objective.strategy == "speed":
        return [_over_best(one.mean_ms) for one in outlooks]
    if objective.strategy == "cost":
        return [_over_best(one.cost_usd) for one in outlooks]
    if objective.strategy == "balanced":
        weight = objective.weight
        return [_over_best(_balanced(one.mean_ms, one.cost_usd, weight)) for one in outlooks]
    if objective.strategy == "deadline":
        return [_limited(one.cost_usd, one.p95_ms, objective.deadline_ms) for one in outlooks]
    return [_limited(one.mean_ms, one.cost_usd, objective.budget_usd) for one in outlooks]


def _over_best(values: Vector) -> Vector:
    best = min(values)
    return [value / best - 1 for value in values]


def _balanced(durations: Vector, costs: Vector, weight: float) -> Vector:
    dearest, slowest = weight / max(costs), (1 - weight) / max(durations)
    return [c * dearest + d * slowest for c, d in zip(costs, durations, strict=True)]


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
