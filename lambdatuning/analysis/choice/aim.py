"""Aiming one curve at one goal: the winner, how sure that is, what is as good, what is gained."""

from dataclasses import replace

import numpy as np

from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES, choose
from ..statistics.curves import Curve
from ..statistics.intervals import MIN_ENVIRONMENTS, Floats
from ..telling.format import format_mb, format_ms, format_share, format_usd, ratio
from .deadlines import Prompt
from .goals import Goal, score
from .held_back import Mask, candidates, held_back
from .recommendation import Recommendation

SURE = 0.95
"""A size is told apart from the winner when it is worse with this probability, two-sided."""


def decide(
    curve: Curve, strategy: str, weight: float = DEFAULT_WEIGHT, current_mb: int | None = None
) -> Recommendation:
    """The recommendation of one curve under one strategy without a limit."""
    return aim(curve, Goal(strategy, weight), current_mb)


def aim(
    curve: Curve, goal: Goal, current_mb: int | None = None, prompt: Prompt | None = None
) -> Recommendation:
    """The recommendation of one curve for one goal; `prompt` is what a deadline needs (None where
    it cannot be known), and means nothing to other goals."""
    if goal.strategy != "deadline":
        prompt = None
    if not curve.sizes:
        return _nothing(curve, goal, current_mb, "no size is free of failures")
    if goal.strategy == "deadline" and prompt is None:
        return _nothing(curve, goal, current_mb, "means alone tell nothing of single invocations")
    winner = _winner(curve, goal, prompt)
    missed = _missed(curve, winner, goal, prompt)
    open_to = held_back(curve, winner, goal, prompt)
    if missed:
        return _nothing(curve, goal, current_mb, missed, open_to)
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
        reason=_unknown(curve, winner),
        beyond_mb=curve.beyond_mb,
        held_back_mb=open_to,
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


def _nothing(
    curve: Curve,
    goal: Goal,
    current_mb: int | None,
    reason: str,
    open_to: tuple[int, ...] = (),
) -> Recommendation:
    about = (curve.function, curve.architecture, curve.payload, goal.strategy)
    nan = float("nan")
    nothing = Recommendation(
        *about, None, nan, nan, nan, None, current_mb, nan, nan, curve.failing_mb, reason
    )
    return replace(nothing, beyond_mb=curve.beyond_mb, held_back_mb=open_to)


def _unknown(curve: Curve, winner: int) -> str:
    """Why it cannot be said how sure the winner is; "" where it can."""
    if not curve.known:
        return f"fewer than {MIN_ENVIRONMENTS} execution environments"
    if curve.host and curve.sizes[winner] in curve.beyond_mb:
        return f"measured with {curve.host.told}, fewer than its vCPUs on AWS"
    return ""


def _winner(curve: Curve, goal: Goal, prompt: Prompt | None) -> int:
    """The index of the best size, or of what comes nearest to a limit."""
    allowed = candidates(curve, _kept(curve, goal, prompt))
    first = _of_all(curve, goal, prompt)
    if allowed[first]:
        return first
    share = None if prompt is None else prompt.share
    found = score(curve.ms, curve.usd, goal, in_time=share)
    return int(np.where(allowed, found, np.inf).argmin())


def _of_all(curve: Curve, goal: Goal, prompt: Prompt | None) -> int:
    if goal.strategy in STRATEGIES:
        return curve.sizes.index(choose(curve.points, goal.strategy, goal.weight).memory_mb)
    if prompt is not None and prompt.share.max() < goal.quantile:
        return int(prompt.quantile_ms.argmin())
    in_time = None if prompt is None else prompt.share
    return int(score(curve.ms, curve.usd, goal, in_time=in_time).argmin())


def _kept(curve: Curve, goal: Goal, prompt: Prompt | None) -> Mask:
    """Which sizes keep the goal's limit; all of them without one."""
    if prompt is not None:
        return np.asarray(prompt.share >= goal.quantile - 1e-12)
    if goal.strategy == "budget":
        return np.asarray(curve.usd * 1e6 <= goal.budget_usd_per_million)
    return np.full(len(curve.sizes), fill_value=True)


def _missed(curve: Curve, winner: int, goal: Goal, prompt: Prompt | None) -> str:
    """Why not even the nearest size keeps the limit; "" where one does."""
    if _kept(curve, goal, prompt)[winner]:
        return ""
    size = format_mb(curve.sizes[winner])
    if prompt is not None:
        return (
            f"no size keeps p{goal.quantile * 100:g} within {format_ms(goal.deadline_ms)}; {size} "
            f"comes nearest with {format_ms(prompt.quantile_ms[winner])} "
            f"({format_share(prompt.share[winner])} in time)"
        )
    return (
        f"no size costs at most {format_usd(goal.budget_usd_per_million)} per million; {size} "
        f"comes nearest with {format_usd(curve.usd[winner] * 1e6)}"
    )


def _confidence(
    curve: Curve, winner: int, goal: Goal, prompt: Prompt | None
) -> tuple[float, tuple[int, ...] | None]:
    """How probable it is that the winner is best, and the sizes that are as good.

    Sizes that the host could not tell apart are as good as the smallest of them.
    """
    if not curve.known:
        return float("nan"), None
    allowed = candidates(curve, _kept(curve, goal, prompt))
    found = np.where(allowed, scores(curve, goal, prompt), np.inf)
    not_worse = (found <= found[:, [winner]]).mean(axis=0)
    alike = {curve.sizes[n] for n in np.flatnonzero(not_worse > (1 - SURE) / 2)}
    if alike.intersection(curve.beyond_mb):
        alike |= set(curve.beyond_mb)
    size = curve.sizes[winner]
    sure = float((found[:, winner] <= found.min(axis=1)).mean())
    return float("nan") if size in curve.beyond_mb else sure, tuple(sorted(alike - {size}))


def _gain(curve: Curve, winner: int, current_mb: int | None) -> tuple[float, float]:
    if current_mb not in curve.sizes:
        return float("nan"), float("nan")
    today = curve.sizes.index(current_mb)
    saving = 1 - ratio(curve.usd[winner], curve.usd[today])
    return saving, ratio(curve.ms[today], curve.ms[winner])
