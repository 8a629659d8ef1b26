"""Which size to set: the winner, how sure that is, what cannot be told apart from it, the gain."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from pandas import DataFrame

from ..core.errors import UsageError
from ..core.strategies import (
    DEFAULT_WEIGHT,
    FAILURE_LIMIT,
    STRATEGIES,
    check_strategy,
    choose,
    clamp_weight,
)
from .curves import Curve, curves
from .format import ratio
from .intervals import MIN_ENVIRONMENTS, Floats
from .run import Run, as_run

SURE = 0.95
"""A size is told apart from the winner when it is worse with this probability, two-sided."""


@dataclass(frozen=True)
class Recommendation:
    """The answer for one payload type (or the mix) under one strategy.

    `memory_mb` is None where no size can win. `alike_mb` are the other sizes that cannot be told
    apart from the winner, None where it cannot be known (`reason` says why). `saving` is the share
    of today's cost that is saved (negative: costs more) and `speedup` today's duration over the
    winner's; both are NaN when the current size was not measured.
    """

    function: str
    architecture: str
    payload: str
    strategy: str
    memory_mb: int | None
    mean_ms: float
    cost_per_million_usd: float
    probability_best: float
    alike_mb: tuple[int, ...] | None
    current_mb: int | None
    saving: float
    speedup: float
    failing_mb: tuple[int, ...]
    reason: str


def recommend(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    max_failed: float = FAILURE_LIMIT,
    seed: int = 0,
) -> DataFrame:
    """One row for each payload type and the mix, and strategy; columns as `Recommendation`.

    `strategy` is one or several of "cost", "speed", "balanced"; `weight` (0 speed .. 1 cost)
    concerns "balanced". The current size and the weights of the mix are the manifest's unless
    given.

    Raises:
        UsageError: an unknown strategy, or samples without a single invocation.
    """
    run = as_run(source)
    if run.samples.empty:
        raise UsageError(f"run {run.run_id or '(unnamed)'} has no samples; measure it first")
    current = run.current_memory_mb if current_memory_mb is None else current_memory_mb
    strategies = [strategy] if isinstance(strategy, str) else list(strategy)
    found = [
        decide(curve, check_strategy(name), weight, current)
        for curve in curves(run, weights=weights, max_failed=max_failed, seed=seed)
        for name in strategies
    ]
    return DataFrame(
        [asdict(each) for each in found], columns=[field.name for field in fields(Recommendation)]
    )


def recommendations(frame: DataFrame) -> list[Recommendation]:
    """The rows of a frame that `recommend` gave."""
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return [Recommendation(**row) for row in rows]


def decide(
    curve: Curve, strategy: str, weight: float = DEFAULT_WEIGHT, current_mb: int | None = None
) -> Recommendation:
    """The recommendation of one curve under one strategy."""
    about = (curve.function, curve.architecture, curve.payload, strategy)
    nan = float("nan")
    if not curve.sizes:
        gone = "no size is free of failures"
        return Recommendation(
            *about, None, nan, nan, nan, None, current_mb, nan, nan, curve.failing_mb, gone
        )
    winner = curve.sizes.index(choose(curve.points, strategy, weight).memory_mb)
    probability, alike = _confidence(curve, winner, strategy, weight)
    saving, speedup = _gain(curve, winner, current_mb)
    return Recommendation(
        *about,
        memory_mb=curve.sizes[winner],
        mean_ms=float(curve.ms[winner]),
        cost_per_million_usd=float(curve.usd[winner] * 1e6),
        probability_best=probability,
        alike_mb=alike,
        current_mb=current_mb,
        saving=saving,
        speedup=speedup,
        failing_mb=curve.failing_mb,
        reason="" if curve.known else f"fewer than {MIN_ENVIRONMENTS} execution environments",
    )


def objective(ms: Floats, usd: Floats, strategy: str, weight: float = DEFAULT_WEIGHT) -> Floats:
    """What a strategy minimises, for many resamples at once (the last axis is the sizes).

    The same rule as `core.strategies`, which decides the winner; ties, which resamples do not
    have, are left out.
    """
    if strategy != "balanced":
        return usd if strategy == "cost" else ms
    weight = clamp_weight(weight)
    return weight * _scaled(usd) + (1 - weight) * _scaled(ms)


def _scaled(values: Floats) -> Floats:
    """Each value over the largest of its resample; zeros stay zeros."""
    largest = values.max(axis=-1, keepdims=True)
    scaled: Floats = values / np.where(largest > 0, largest, 1)
    return scaled


def _confidence(
    curve: Curve, winner: int, strategy: str, weight: float
) -> tuple[float, tuple[int, ...] | None]:
    if not curve.known:
        return float("nan"), None
    scores = objective(curve.resampled_ms, curve.resampled_usd, strategy, weight)
    best = scores.min(axis=1)
    lead = scores[:, winner]
    not_worse = (scores <= lead[:, None]).mean(axis=0)
    alike = tuple(
        size
        for size, share in zip(curve.sizes, not_worse, strict=True)
        if share > (1 - SURE) / 2 and size != curve.sizes[winner]
    )
    return float(np.mean(lead <= best)), alike


def _gain(curve: Curve, winner: int, current_mb: int | None) -> tuple[float, float]:
    if current_mb not in curve.sizes:
        return float("nan"), float("nan")
    today = curve.sizes.index(current_mb)
    saving = 1 - ratio(curve.usd[winner], curve.usd[today])
    return saving, ratio(curve.ms[today], curve.ms[winner])
