"""Which size: one curve, one strategy, the winner, how sure that is, and what is gained."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from ..core.strategies import DEFAULT_WEIGHT, STRATEGIES, choose
from .curves import Curve
from .deadline import Prompt
from .goals import Goal, score
from .intervals import MIN_ENVIRONMENTS, Floats
from .text.format import format_mb, format_ms, format_share, format_usd, ratio


@dataclass(frozen=True)
class Recommendation:
    """The answer for one payload type (or the mix) under one strategy.

    `memory_mb` is None where no size can win (`reason` says why, and what comes nearest to a
    limit). `alike_mb` are the other sizes that cannot be told
    apart from the winner, None where it cannot be known (`reason` says why). `saving` is the share
    of today's cost that is saved (negative: costs more) and `speedup` today's duration over the
    winner's; both are NaN when the current size was not measured.

    `beyond_mb` are the sizes with more vCPUs than the host of the embedded AWS has cores; a winner
    among them has no `probability_best`. `held_back_mb` are those that might win on AWS, where
    they have all their vCPUs.
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
    beyond_mb: tuple[int, ...] = ()
    held_back_mb: tuple[int, ...] = ()

    @property
    def beyond_cores(self) -> bool:
        """Whether the winner itself has more vCPUs than the host has cores."""
        return self.memory_mb in self.beyond_mb


def recommendations(frame: DataFrame) -> list[Recommendation]:
    """The rows of a frame that `recommend` gave."""
    names = {field.name for field in fields(Recommendation)}
    rows = [
        {str(name): value for name, value in row.items() if name in names}
        for row in frame.to_dict("records")
    ]
    for row in rows:
        # A column with a row that has no size holds NaN there, and the sizes of others as floats.
        for name in ("memory_mb", "current_mb"):
            row[name] = None if pd.isna(row[name]) else int(row[name])
    return [Recommendation(**row) for row in rows]


# What the cores of one host leave open: sizes that it held back, and that might win on AWS.


Mask = NDArray[np.bool_]


def candidates(curve: Curve, kept: Mask) -> Mask:
    """Which sizes may win: of those that the host could not tell apart, the smallest alone.

    They ran on the same cores at different prices: which was fastest is chance, and the smallest
    is never dearer. `kept` says which sizes keep the limit of a goal; of those that do, if any.
    """
    beyond = np.isin(curve.sizes, curve.beyond_mb)
    alike = np.flatnonzero(beyond & kept) if (beyond & kept).any() else np.flatnonzero(beyond)
    found: Mask = ~beyond
    found[alike[:1]] = True
    return found


def held_back(curve: Curve, winner: int, goal: Goal, prompt: Prompt | None) -> tuple[int, ...]:
    """The sizes that might be better than the winner with all the vCPUs that AWS gives them.

    With more vCPUs an invocation is faster by their ratio at most, as if it were nothing but
    parallel computing, and cheaper by as much, but never billed less than a millisecond. A size
    that loses even so loses on AWS, too. Where the winner itself was held back, all others that
    were are among them.
    """
    if curve.host is None or not curve.beyond_mb:
        return ()
    sizes = np.array(curve.sizes)
    bound = np.minimum(curve.host.largest_mb / sizes, 1.0)
    in_time = None if prompt is None else np.where(bound < 1, 1.0, prompt.share)
    scale = (float(curve.ms.max()), float(curve.usd.max()))
    measured = score(
        curve.ms, curve.usd, goal, in_time=None if prompt is None else prompt.share, scale=scale
    )
    # At most ms + 1 milliseconds are billed today, so that this factor leaves one at least.
    usd = curve.usd * np.where(bound < 1, np.maximum(bound, 1 / (curve.ms + 1)), 1.0)
    best = score(curve.ms * bound, usd, goal, in_time=in_time, scale=scale)
    beyond = np.isin(sizes, curve.beyond_mb)
    open_to = beyond & (best < measured[winner]) & (np.arange(len(sizes)) != winner)
    return tuple(int(size) for size in sizes[open_to])


# Aiming one curve at one goal: the winner, how sure that is, what is as good, what is gained.


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
