"""Which size to set: the winner, how sure that is, what cannot be told apart from it, the gain."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Unpack

import numpy as np
import pandas as pd
from pandas import DataFrame

from ...core.errors import UsageError
from ...core.strategies import DEFAULT_WEIGHT, FAILURE_LIMIT, STRATEGIES, choose
from ..samples.run import Run, as_run
from ..statistics.curves import Curve, curves
from ..statistics.intervals import MIN_ENVIRONMENTS, Floats
from ..telling.format import format_mb, format_ms, format_share, format_usd, ratio
from .deadlines import Prompt, prompts
from .goals import Goal, Limits, goals, score

SURE = 0.95
"""A size is told apart from the winner when it is worse with this probability, two-sided."""


@dataclass(frozen=True)
class Recommendation:
    """The answer for one payload type (or the mix) under one strategy.

    `memory_mb` is None where no size can win (`reason` says why, and what comes nearest to a
    limit). `alike_mb` are the other sizes that cannot be told
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
    **limits: Unpack[Limits],
) -> DataFrame:
    """One row for each payload type and the mix, and strategy; columns as `Recommendation`.

    `strategy` is one or several of "cost", "speed", "balanced", "knee", "deadline", "budget";
    `weight` (0 speed .. 1 cost) concerns "balanced", `deadline_ms` and `quantile` (0.95) concern
    "deadline", `budget_usd_per_million` concerns "budget" (see `goals.Goal`). The current size
    and the weights of the mix are the manifest's unless given.

    Raises:
        UsageError: an unknown strategy, a limit that is missing, or samples without a single
            invocation.
    """
    run = as_run(source)
    wanted = goals(strategy, weight, limits)
    if run.samples.empty:
        raise UsageError(f"run {run.run_id or '(unnamed)'} has no samples; measure it first")
    current = run.current_memory_mb if current_memory_mb is None else current_memory_mb
    known = curves(run, weights=weights, max_failed=max_failed, seed=seed)
    timed = [goal for goal in wanted if goal.strategy == "deadline"]
    prompt = prompts(run, known, timed[0], weights, seed) if timed else {}
    found = [
        aim(curve, goal, current, prompt.get((curve.function, curve.architecture, curve.payload)))
        for curve in known
        for goal in wanted
    ]
    return DataFrame(
        [asdict(each) for each in found], columns=[field.name for field in fields(Recommendation)]
    )


def recommendations(frame: DataFrame) -> list[Recommendation]:
    """The rows of a frame that `recommend` gave."""
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    for row in rows:
        # A column with a row that has no size holds NaN there, and the sizes of others as floats.
        for name in ("memory_mb", "current_mb"):
            row[name] = None if pd.isna(row[name]) else int(row[name])
    return [Recommendation(**row) for row in rows]


def decide(
    curve: Curve, strategy: str, weight: float = DEFAULT_WEIGHT, current_mb: int | None = None
) -> Recommendation:
    """The recommendation of one curve under one strategy without a limit."""
    return aim(curve, Goal(strategy, weight), current_mb)


def aim(
    curve: Curve, goal: Goal, current_mb: int | None = None, prompt: Prompt | None = None
) -> Recommendation:
    """The recommendation of one curve for one goal; `prompt` is what a deadline needs (None where
    it cannot be known)."""
    if not curve.sizes:
        return _nothing(curve, goal, current_mb, "no size is free of failures")
    if goal.strategy == "deadline" and prompt is None:
        return _nothing(curve, goal, current_mb, "means alone tell nothing of single invocations")
    winner = _winner(curve, goal, prompt)
    missed = _missed(curve, winner, goal, prompt)
    if missed:
        return _nothing(curve, goal, current_mb, missed)
    probability, alike = _confidence(curve, winner, goal, prompt)
    saving, speedup = _gain(curve, winner, current_mb)
    return Recommendation(
        curve.function,
        curve.architecture,
        curve.payload,
        goal.strategy,
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
    """What a strategy without a limit minimises (see `goals.score`)."""
    return score(ms, usd, Goal(strategy, weight))


def scores(curve: Curve, goal: Goal, prompt: Prompt | None = None) -> Floats:
    """What the goal minimises in each resample (resamples x sizes).

    A balance is relative to the measured means: else one resample far out would hide all others.
    """
    return score(
        curve.resampled_ms,
        curve.resampled_usd,
        goal,
        in_time=None if prompt is None else prompt.resampled,
        scale=(float(curve.ms.max()), float(curve.usd.max())),
    )


def _nothing(curve: Curve, goal: Goal, current_mb: int | None, reason: str) -> Recommendation:
    about = (curve.function, curve.architecture, curve.payload, goal.strategy)
    nan = float("nan")
    return Recommendation(
        *about, None, nan, nan, nan, None, current_mb, nan, nan, curve.failing_mb, reason
    )


def _winner(curve: Curve, goal: Goal, prompt: Prompt | None) -> int:
    if goal.strategy in STRATEGIES:
        return curve.sizes.index(choose(curve.points, goal.strategy, goal.weight).memory_mb)
    in_time = None if prompt is None else prompt.share
    if prompt is not None and prompt.share.max() < goal.quantile:
        return int(prompt.quantile_ms.argmin())
    return int(score(curve.ms, curve.usd, goal, in_time=in_time).argmin())


def _missed(curve: Curve, winner: int, goal: Goal, prompt: Prompt | None) -> str:
    """Why not even the nearest size keeps the limit; "" where one does."""
    size = format_mb(curve.sizes[winner])
    if goal.strategy == "deadline" and prompt and prompt.share[winner] < goal.quantile - 1e-12:
        return (
            f"no size keeps p{goal.quantile * 100:g} within {format_ms(goal.deadline_ms)}; {size} "
            f"comes nearest with {format_ms(prompt.quantile_ms[winner])} "
            f"({format_share(prompt.share[winner])} in time)"
        )
    if goal.strategy == "budget" and curve.usd[winner] * 1e6 > goal.budget_usd_per_million:
        return (
            f"no size costs at most {format_usd(goal.budget_usd_per_million)} per million; {size} "
            f"comes nearest with {format_usd(curve.usd[winner] * 1e6)}"
        )
    return ""


def _confidence(
    curve: Curve, winner: int, goal: Goal, prompt: Prompt | None
) -> tuple[float, tuple[int, ...] | None]:
    if not curve.known:
        return float("nan"), None
    found = scores(curve, goal, prompt)
    best = found.min(axis=1)
    lead = found[:, winner]
    not_worse = (found <= lead[:, None]).mean(axis=0)
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
