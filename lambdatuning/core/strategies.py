"""Which size to set: every strategy with its rule, its words and the limit that it needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from .errors import UsageError, closest

STRATEGIES = ("cost", "speed", "balanced")
"""Strategies of Power Tuning's contract."""

DEFAULT_STRATEGY = "cost"
"""Of the contract, where its input names none."""

KIT_STRATEGY = "value"
"""Of the command line, Python and notebooks, where nothing is said."""

RUN_STRATEGIES = (KIT_STRATEGY, *STRATEGIES)
"""Strategies that a run can answer; an analysis has more, see `REGISTRY`."""

DEFAULT_WEIGHT = 0.5

MAX_SPEED_WORTH = 50
"""duration^50 is still a number, also of the longest invocation."""

FAILURE_LIMIT = 0.1
"""A size at which more than this share of the invocations of a payload type fails cannot win."""


@dataclass(frozen=True)
class Strategy:
    """What is best under a strategy, and how it is written.

    `superlative` goes with "size" ("the cheapest size"), `purpose` with "for" ("for the lowest
    cost"), `label` stands beside a mark or a bar. `worse` says what a size is that is not best,
    `better` what one would be that beats it. `limit` is the option that has to be given, "" for
    none.
    """

    name: str
    superlative: str
    purpose: str
    label: str
    worse: str
    better: str
    limit: str = ""


REGISTRY = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "value", "the best value", "the best value", "best value", "worse value", "better value"
        ),
        Strategy("cost", "cheapest", "the lowest cost", "cheapest", "more expensive", "cheaper"),
        Strategy(
            "balanced", "best balanced", "the best balance", "balanced", "worse", "better balanced"
        ),
        Strategy("knee", "at the knee", "the least cost times duration", "knee", "worse", "better"),
        Strategy(
            "deadline",
            "cheapest in time",
            "the lowest cost within the deadline",
            "in time",
            "more expensive",
            "cheaper in time",
            "deadline_ms",
        ),
        Strategy(
            "budget",
            "fastest in budget",
            "the highest speed within the budget",
            "in budget",
            "slower",
            "faster in budget",
            "budget_usd_per_million",
        ),
        Strategy("speed", "fastest", "the highest speed", "fastest", "slower", "faster"),
    )
}
"""Every strategy by its name: the kit's own, then from saving to spending."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What speed is worth to the strategy "value", and how much it may cost at most.

    The least cost x duration^`speed_worth` is best: at 0.1 a size twice as fast may cost
    2^0.1 = 1.07 times as much. A size that costs more than (1 + `cost_tolerance`) times the
    cheapest cannot be best.
    """

    speed_worth: float = 0.1
    cost_tolerance: float = 0.1

    def scores(self, durations: Sequence[float], costs: Sequence[float]) -> list[float]:
        """What is minimised, a value for each size: that of the best size is its
        cost x duration^`speed_worth`.

        A size above the tolerance is worse than the best by what its cost is above it, so that
        noise at the edge decides little.
        """
        values = [
            cost * duration**self.speed_worth
            for cost, duration in zip(costs, durations, strict=True)
        ]
        limit = (1 + self.cost_tolerance) * min(costs, default=0.0)
        best = min((v for v, c in zip(values, costs, strict=True) if c <= limit), default=0.0)
        return [
            max(value, best) + (best * (cost / limit - 1) if cost > limit else 0.0)
            for value, cost in zip(values, costs, strict=True)
        ]


WORTH = Worth()
"""The kit's own."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What one invocation takes and costs at one size."""

    memory_mb: int
    duration_ms: float
    cost_usd: float


def choose(
    points: Iterable[CurvePoint],
    strategy: str,
    weight: float = DEFAULT_WEIGHT,
    worth: Worth = WORTH,
) -> CurvePoint:
    """The best point under `strategy`; UsageError for no points and for an unknown strategy.

    >>> curve = [CurvePoint(128, 80.0, 1e-7), CurvePoint(256, 30.0, 1.05e-7)]
    >>> [choose(curve, name).memory_mb for name in ("cost", "speed", "value")]
    [128, 256, 256]
    """
    ranked = rank(points, strategy, weight, worth)
    if not ranked:
        raise UsageError("there is no size to choose from; every size failed or none was measured")
    return ranked[0]


def rank(
    points: Iterable[CurvePoint],
    strategy: str,
    weight: float = DEFAULT_WEIGHT,
    worth: Worth = WORTH,
) -> tuple[CurvePoint, ...]:
    """The points from best to worst; ties go to the cheaper, the faster, then the smaller size.

    `balanced` minimises `weight * cost / max cost + (1 - weight) * duration / max duration`, the
    weight clamped to 0 (speed) .. 1 (cost): AWS Lambda Power Tuning's formula.
    """
    candidates = tuple(points)
    durations = [point.duration_ms for point in candidates]
    costs = [point.cost_usd for point in candidates]
    values = scores(durations, costs, strategy, weight, worth)

    def key(pair: tuple[CurvePoint, float]) -> tuple[float, ...]:
        point, value = pair
        return order(value, cost=point.cost_usd, duration=point.duration_ms, size=point.memory_mb)

    return tuple(point for point, _ in sorted(zip(candidates, values, strict=True), key=key))


def order(score: float, *, cost: float, duration: float, size: int) -> tuple[float, ...]:
    """The sort key of a size: its score, then the cheaper, the faster, the smaller one.

    Without the last digits, which differ by the order in which a mean was added up.
    """
    return (*(float(f"{value:.12g}") for value in (score, cost, duration)), size)


def scores(
    durations: Sequence[float],
    costs: Sequence[float],
    strategy: str,
    weight: float = DEFAULT_WEIGHT,
    worth: Worth = WORTH,
    scale: tuple[float, float] | None = None,
) -> list[float]:
    """What a strategy without a limit minimises, a value for each size.

    `scale` are the duration and the cost that a balance is relative to: by default the largest.
    """
    check_strategy(strategy, (*RUN_STRATEGIES, "knee"))
    if strategy == "value":
        return worth.scores(durations, costs)
    slowest, highest = scale or (max(durations, default=0.0), max(costs, default=0.0))
    # A free or instant curve has a maximum of 0: dividing by 1 instead leaves that term at 0.
    of_size = minimised(strategy, weight, (slowest or 1.0, highest or 1.0))
    return [float(value) for value in map(of_size, durations, costs)]


def minimised(strategy: str, weight: float, scale: tuple[Any, Any]) -> Callable[[Any, Any], Any]:
    """What a strategy without a limit minimises: a function of a duration and a cost, which may be
    two numbers or two arrays of numpy.

    `scale` are the largest duration and cost, above 0, which a balance is relative to. The knee
    is where cost times duration is least: up to there a step buys more per cent of speed than it
    costs per cent of money, and beyond it less. Other than a balance, it does not depend on which
    sizes were measured beside. For "value" see `Worth.scores`.
    """
    if strategy == "balanced":
        share = clamp_weight(weight)
        rest = 1 - share
        slowest, highest = scale
        # In this order of operations: ties between floats depend on it.
        return lambda duration, cost: share * cost / highest + rest * duration / slowest
    if strategy == "knee":
        return mul
    if strategy in ("speed", "budget"):
        return lambda duration, _: duration
    return lambda _, cost: cost


def check_strategy(strategy: object, choices: Iterable[str] = STRATEGIES) -> str:
    """The name of a known strategy; UsageError, with the closest one, for any other."""
    names = tuple(choices)
    if strategy not in names:
        raise UsageError(f'unknown strategy "{strategy}"; {closest(str(strategy), names)}')
    return str(strategy)


def contract_strategy(strategy: str) -> str:
    """The strategy that Power Tuning is asked for, which knows none of ours but its own three.

    >>> contract_strategy("balanced"), contract_strategy("value")
    ('balanced', 'cost')
    """
    return strategy if strategy in STRATEGIES else DEFAULT_STRATEGY


def clamp_weight(weight: float) -> float:
    """`weight` held between 0 and 1."""
    return min(max(weight, 0.0), 1.0)
