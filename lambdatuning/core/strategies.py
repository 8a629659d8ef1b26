"""Which size to set: every strategy with its rule, its words and the limit that it needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import UsageError, closest

STRATEGIES = ("cost", "speed", "balanced")
"""Strategies of the tuner, as in Power Tuning's contract; an analysis has more, see `REGISTRY`."""

DEFAULT_STRATEGY = "cost"
DEFAULT_WEIGHT = 0.5

FAILURE_LIMIT = 0.1
"""A size at which more than this share of the invocations of a payload type fails cannot win."""


@dataclass(frozen=True)
class Strategy:
    """What is best under a strategy, and how it is written.

    `superlative` goes with "size" ("the cheapest size"), `aim` with "for" ("for the lowest cost"),
    `label` stands beside a mark or a bar. `worse` says in one word what a size is that is not best.
    `limit` is the option that has to be given, "" where there is none.
    """

    name: str
    superlative: str
    aim: str
    label: str
    worse: str
    limit: str = ""


REGISTRY = {
    each.name: each
    for each in (
        Strategy("cost", "cheapest", "the lowest cost", "cheapest", "more expensive"),
        Strategy("balanced", "best balanced", "the best balance", "balanced", "worse"),
        Strategy("knee", "best-value", "the best value", "best value", "worse"),
        Strategy(
            "deadline",
            "cheapest in time",
            "the lowest cost within the deadline",
            "in time",
            "more expensive",
            "deadline_ms",
        ),
        Strategy(
            "budget",
            "fastest in budget",
            "the highest speed within the budget",
            "in budget",
            "slower",
            "budget_usd_per_million",
        ),
        Strategy("speed", "fastest", "the highest speed", "fastest", "slower"),
    )
}
"""Every strategy by its name, from saving to spending, as a table or a figure shows them."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What one invocation takes and costs at one size."""

    memory_mb: int
    duration_ms: float
    cost_usd: float


def choose(
    points: Iterable[CurvePoint], strategy: str, weight: float = DEFAULT_WEIGHT
) -> CurvePoint:
    """The best point under `strategy`; UsageError for no points and for an unknown strategy.

    >>> curve = [CurvePoint(128, 80.0, 1e-7), CurvePoint(256, 30.0, 2e-7)]
    >>> choose(curve, "cost").memory_mb, choose(curve, "speed").memory_mb
    (128, 256)
    """
    ranked = rank(points, strategy, weight)
    if not ranked:
        raise UsageError("there is no size to choose from; every size failed or none was measured")
    return ranked[0]


def rank(
    points: Iterable[CurvePoint], strategy: str, weight: float = DEFAULT_WEIGHT
) -> tuple[CurvePoint, ...]:
    """The points from best to worst; ties go to the cheaper, the faster, then the smaller size.

    `balanced` minimises `weight * cost / max cost + (1 - weight) * duration / max duration`, the
    weight clamped to 0 (speed) .. 1 (cost): AWS Lambda Power Tuning's formula.
    """
    candidates = tuple(points)
    best = score(candidates, strategy, weight)

    def key(point: CurvePoint) -> tuple[float, ...]:
        cost, duration = point.cost_usd, point.duration_ms
        return order(best(point), cost=cost, duration=duration, size=point.memory_mb)

    return tuple(sorted(candidates, key=key))


def order(score: float, *, cost: float, duration: float, size: int) -> tuple[float, ...]:
    """The sort key of a size: its score, then the cheaper, the faster, the smaller one.

    Without the last digits, which differ by the order in which a mean was added up.
    """
    return (*(float(f"{value:.12g}") for value in (score, cost, duration)), size)


def score(
    points: Sequence[CurvePoint], strategy: str, weight: float = DEFAULT_WEIGHT
) -> Callable[[CurvePoint], float]:
    """What a strategy minimises among `points`."""
    check_strategy(strategy)
    cost, duration = ([getattr(p, name) for p in points] for name in ("cost_usd", "duration_ms"))
    # A free or instant curve has a maximum of 0: dividing by 1 instead leaves that term at 0.
    scale = (max(duration, default=0.0) or 1.0, max(cost, default=0.0) or 1.0)

    def value(point: CurvePoint) -> float:
        return float(minimised(strategy, point.duration_ms, point.cost_usd, weight, scale))

    return value


def minimised(
    strategy: str, duration: Any, cost: Any, weight: float, scale: tuple[Any, Any]
) -> Any:
    """What a strategy without a limit minimises: of two numbers, or of two arrays of numpy.

    `scale` are the largest duration and cost, above 0, which a balance is relative to. The knee
    is where cost times duration is least: up to there a step buys more per cent of speed than it
    costs per cent of money, and beyond it less. Other than a balance, it does not depend on which
    sizes were measured beside.
    """
    if strategy == "balanced":
        share = clamp_weight(weight)
        slowest, highest = scale
        # In this order of operations: ties between floats depend on it.
        return share * cost / highest + (1 - share) * duration / slowest
    if strategy == "knee":
        return duration * cost
    return duration if strategy in ("speed", "budget") else cost


def check_strategy(strategy: object, known: Iterable[str] = STRATEGIES) -> str:
    """The name of a known strategy; UsageError, with the closest one, for any other."""
    names = tuple(known)
    if strategy not in names:
        raise UsageError(f'unknown strategy "{strategy}"; {closest(str(strategy), names)}')
    return str(strategy)


def clamp_weight(weight: float) -> float:
    """`weight` held between 0 and 1."""
    return min(max(weight, 0.0), 1.0)
