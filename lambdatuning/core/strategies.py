"""Which size to set: the cheapest, the fastest, or a weighed balance of both."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .errors import UsageError, closest

STRATEGIES = ("cost", "speed", "balanced")
DEFAULT_STRATEGY = "cost"
DEFAULT_WEIGHT = 0.5

FAILURE_LIMIT = 0.1
"""A size at which more than this share of the invocations of a payload type fails cannot win."""


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

    `balanced` minimises
    `weight * cost / max cost + (1 - weight) * duration / max duration`, the weight clamped to
    0 (speed) .. 1 (cost): AWS Lambda Power Tuning's formula.
    """
    found = tuple(points)
    best = score(found, strategy, weight)
    return tuple(sorted(found, key=lambda point: (*map(_rounded, best(point)), *_tie(point))))


def _tie(point: CurvePoint) -> tuple[float, float, int]:
    return _rounded(point.cost_usd), _rounded(point.duration_ms), point.memory_mb


def _rounded(value: float) -> float:
    """Without the last digits, which differ by the order in which a mean was added up."""
    return float(f"{value:.12g}")


def score(
    points: Sequence[CurvePoint], strategy: str, weight: float = DEFAULT_WEIGHT
) -> Callable[[CurvePoint], tuple[float, float]]:
    """The sort key of a strategy among `points`: lower is better."""
    check_strategy(strategy)
    if strategy == "cost":
        return lambda point: (point.cost_usd, point.duration_ms)
    if strategy == "speed":
        return lambda point: (point.duration_ms, point.cost_usd)
    return _balanced(points, clamp_weight(weight))


def check_strategy(strategy: object) -> str:
    """The name of a known strategy; UsageError, with the closest one, for any other."""
    if strategy not in STRATEGIES:
        raise UsageError(f'unknown strategy "{strategy}"; {closest(str(strategy), STRATEGIES)}')
    return str(strategy)


def clamp_weight(weight: float) -> float:
    """`weight` held between 0 and 1."""
    return min(max(weight, 0.0), 1.0)


def _balanced(
    points: Sequence[CurvePoint], weight: float
) -> Callable[[CurvePoint], tuple[float, float]]:
    # A free or instant curve has a maximum of 0: dividing by 1 instead leaves that term at 0.
    max_cost = max((point.cost_usd for point in points), default=0.0) or 1.0
    max_duration = max((point.duration_ms for point in points), default=0.0) or 1.0

    def key(point: CurvePoint) -> tuple[float, float]:
        # In this order of operations: ties between floats depend on it.
        cost = weight * point.cost_usd / max_cost
        return cost + (1 - weight) * point.duration_ms / max_duration, 0.0

    return key
