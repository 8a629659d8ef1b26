"""What a study is asked: strategy, limits, volume, weights and currency, checked at one door."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.errors import UsageError
from ..core.format import DOLLARS, Money
from ..core.strategies import (
    DEFAULT_WEIGHT,
    FAILURE_LIMIT,
    REGISTRY,
    WORTH,
    Strategy,
    Worth,
    check_strategy,
    minimised,
    order,
)
from ..core.validation import (
    Amount,
    Count,
    InnerShare,
    Seed,
    Share,
    SpeedWorth,
    Weight,
    Weights,
    hold,
)
from .intervals import Floats

DEFAULT_VOLUME = 1_000_000
"""Invocations a month where the study has none."""

_EXAMPLES = {
    "deadline_ms": "deadline_ms=200",
    "budget_usd_per_million": "budget_usd_per_million=0.5",
}
"""A limit of each strategy that needs one."""

_OUT = 1e12
"""More than any cost or duration: what breaks a limit is worse than all that keeps it."""


@dataclass(frozen=True)
class Options:
    """What a study is asked; every option has a default.

    `strategy` are one or several names of `core.strategies.REGISTRY`, () means the run's own;
    `weight` (0 speed .. 1 cost) concerns "balanced"; `speed_worth` and `cost_tolerance` concern
    "value" (see `core.strategies.Worth`). "deadline" is the cheapest size at which at
    least the share `quantile` (0.95: p95) of the invocations ends within `deadline_ms`, with a
    probability of at least `deadline_sure`; "budget" is the fastest size that costs at most
    `budget_usd_per_million`. 0 means no limit.

    `monthly_invocations` is the volume of bills (0: not known), `cold_share` the share of the
    invocations that meet a cold start. `today_mb` and `weights` (of the mix of payload types; one
    that is not named weighs nothing) are the run's unless given. A size at which more than the
    share `max_failed` fails cannot win. `sure` of an answer is the probability that no size is
    better by more than `tolerance`; intervals hold with `confidence`. `seed` is that of resamples.

    Raises:
        UsageError: a strategy that is unknown or whose limit is missing, a share or an amount that
            is none.
    """

    strategy: tuple[str, ...] = ()
    weight: Weight = DEFAULT_WEIGHT
    speed_worth: SpeedWorth = WORTH.speed_worth
    cost_tolerance: Amount = WORTH.cost_tolerance
    deadline_ms: Amount = 0.0
    quantile: InnerShare = 0.95
    deadline_sure: InnerShare = 0.95
    budget_usd_per_million: Amount = 0.0
    monthly_invocations: Amount = 0.0
    cold_share: Share = 0.01
    today_mb: Count | None = None
    weights: Weights | None = None
    max_failed: Share = FAILURE_LIMIT
    tolerance: Share = 0.05
    confidence: InnerShare = 0.95
    seed: Seed = 0
    money: Money = field(default=DOLLARS)

    def __post_init__(self) -> None:
        hold(self)
        for name in self.strategy:
            self.goal(name)

    @property
    def worth(self) -> Worth:
        """What speed is worth to "value"."""
        return Worth(self.speed_worth, self.cost_tolerance)

    @property
    def choices(self) -> tuple[str, ...]:
        """The strategies that can be asked for: all, less those whose limit is not given."""
        return tuple(
            name
            for name, strategy in REGISTRY.items()
            if not strategy.limit or getattr(self, strategy.limit)
        )

    def goal(self, strategy: str, weight: float | None = None) -> "Goal":
        """What a strategy wants under these options; UsageError as the class raises it."""
        limit = REGISTRY[check_strategy(strategy, REGISTRY)].limit
        if limit and not getattr(self, limit) > 0:
            raise UsageError(f'strategy "{strategy}" needs {limit}, such as {_EXAMPLES[limit]}')
        return Goal(strategy, self.weight if weight is None else weight, self)


@dataclass(frozen=True)
class Goal:
    """One strategy under the options of a study."""

    strategy: str
    weight: float
    options: Options

    @property
    def words(self) -> Strategy:
        """Its words (see `core.strategies.Strategy`)."""
        return REGISTRY[self.strategy]

    @property
    def quantile_name(self) -> str:
        """The quantile that a deadline is about: "p95"."""
        return f"p{self.options.quantile * 100:g}"

    def score(
        self,
        ms: Floats,
        usd: Floats,
        *,
        in_time: Floats | None = None,
        scale: tuple[float, float] | None = None,
    ) -> Floats:
        """What the goal minimises, for many resamples at once (the last axis is the sizes).

        `in_time` is the share of invocations within the deadline. `scale` are the duration and
        the cost that a balance is relative to: by default the largest of each row.
        """
        if self.strategy == "value":
            return _of_value(ms, usd, self.options.worth)
        slowest, highest = scale or (ms.max(-1, keepdims=True), usd.max(-1, keepdims=True))
        largest = (np.where(slowest, slowest, 1.0), np.where(highest, highest, 1.0))
        values: Floats = minimised(self.strategy, self.weight, largest)(ms, usd)
        if self.strategy == "deadline" and in_time is not None:
            return _limited(values, self.options.quantile - in_time)
        if self.strategy == "budget":
            return _limited(values, usd * 1e6 - self.options.budget_usd_per_million)
        return values


def best(score: Floats, ms: Floats, usd: Floats, sizes: Sequence[int]) -> int:
    """The index of the least score; ties go to the cheaper, the faster, then the smaller size."""
    return min(
        range(len(sizes)),
        key=lambda n: order(
            float(score[n]), cost=float(usd[n]), duration=float(ms[n]), size=sizes[n]
        ),
    )


def _of_value(ms: Floats, usd: Floats, worth: Worth) -> Floats:
    """`Worth.scores` for many rows at once."""
    values = usd * ms**worth.speed_worth
    limit = (1 + worth.cost_tolerance) * usd.min(-1, keepdims=True)
    best = np.where(usd <= limit, values, np.inf).min(-1, keepdims=True)
    excess = np.maximum(usd / np.where(limit > 0, limit, 1.0) - 1, 0.0)
    scores: Floats = np.maximum(values, best) + best * excess
    return scores


def _limited(values: Floats, excess: Floats) -> Floats:
    """The values where nothing exceeds the limit; elsewhere worse than all, the nearest first."""
    limited: Floats = np.where(excess > 1e-12, _OUT * (1 + excess), values)
    return limited
