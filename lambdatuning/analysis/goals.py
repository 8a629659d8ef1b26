"""What "best" means: the strategies of the tuner, and those that only an analysis has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np

from ..core.errors import UsageError, closest
from ..core.strategies import DEFAULT_WEIGHT, STRATEGIES, clamp_weight
from .intervals import Floats

GOALS = (*STRATEGIES, "knee", "deadline", "budget")

ORDER = ("cost", "balanced", "knee", "deadline", "budget", "speed")
"""From saving to spending, as a table or a figure shows them."""

DEFAULT_QUANTILE = 0.95

_OUT = 1e12
"""More than any cost or duration: what breaks a limit is worse than all that keeps it."""


class Limits(TypedDict, total=False):
    """Options of the strategies that have a limit.

    "deadline" is the cheapest size at which at least the share `quantile` (0.95: p95) of the
    invocations ends within `deadline_ms`; "budget" is the fastest size that costs at most
    `budget_usd_per_million`.
    """

    deadline_ms: float
    quantile: float
    budget_usd_per_million: float


def choices(**limits: Unpack[Limits]) -> tuple[str, ...]:
    """The strategies that can be asked for: all, less those whose limit is missing or 0."""
    missing = {
        "deadline": not limits.get("deadline_ms"),
        "budget": not limits.get("budget_usd_per_million"),
    }
    return tuple(name for name in ORDER if not missing.get(name))


@dataclass(frozen=True)
class Goal:
    """One strategy with its options; "knee" has none.

    The knee is where cost times duration is least: up to there a step buys more per cent of speed
    than it costs per cent of money, and beyond it less. Other than a balance, it does not depend on
    which sizes were measured beside.
    """

    strategy: str
    weight: float = DEFAULT_WEIGHT
    deadline_ms: float = 0.0
    quantile: float = DEFAULT_QUANTILE
    budget_usd_per_million: float = 0.0

    def __post_init__(self) -> None:
        """UsageError for an unknown strategy, and for a limit that is missing or no amount."""
        if self.strategy not in GOALS:
            raise UsageError(f'unknown strategy "{self.strategy}"; {closest(self.strategy, GOALS)}')
        if self.strategy == "deadline" and not self.deadline_ms > 0:
            raise UsageError('strategy "deadline" needs deadline_ms, such as deadline_ms=200')
        if not 0 < self.quantile < 1:
            raise UsageError(f"quantile is a share such as 0.95 for p95; not {self.quantile}")
        if self.strategy == "budget" and not self.budget_usd_per_million > 0:
            raise UsageError(
                'strategy "budget" needs budget_usd_per_million, such as budget_usd_per_million=2.5'
            )


def goals(
    strategy: str | Sequence[str], weight: float = DEFAULT_WEIGHT, limits: Limits | None = None
) -> list[Goal]:
    """One goal for each strategy named, in that order; UsageError as `Goal` raises it."""
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    return [Goal(name, weight, **(limits or {})) for name in names]


def score(
    ms: Floats,
    usd: Floats,
    goal: Goal,
    *,
    in_time: Floats | None = None,
    scale: tuple[float, float] | None = None,
) -> Floats:
    """What a goal minimises, for many resamples at once (the last axis is the sizes).

    The same rule as `core.strategies`, which decides the winner; ties, which resamples do not
    have, are left out. `in_time` is the share of invocations within the deadline. `scale` are the
    durations and costs that a balance is relative to: by default the largest of each row.
    """
    if goal.strategy == "balanced":
        weight = clamp_weight(goal.weight)
        slowest, dearest = scale or (None, None)
        return weight * _scaled(usd, dearest) + (1 - weight) * _scaled(ms, slowest)
    if goal.strategy == "knee":
        return ms * usd
    if goal.strategy == "deadline" and in_time is not None:
        return _limited(usd, goal.quantile - in_time)
    if goal.strategy == "budget":
        return _limited(ms, usd * 1e6 - goal.budget_usd_per_million)
    return ms if goal.strategy == "speed" else usd


def _limited(values: Floats, excess: Floats) -> Floats:
    """The values where nothing exceeds the limit; elsewhere worse than all, the nearest first."""
    limited: Floats = np.where(excess > 1e-12, _OUT * (1 + excess), values)
    return limited


def _scaled(values: Floats, largest: float | None) -> Floats:
    """Each value over the largest of its resample, or over `largest`; zeros stay zeros."""
    by = values.max(axis=-1, keepdims=True) if largest is None else np.asarray(largest)
    scaled: Floats = values / np.where(by > 0, by, 1)
    return scaled
