"""Which size: the best of one curve for one goal, how sure that is, and what is gained."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from ...core.decision import (
    DISTINCT,
    TOLERANCE,
    BestSize,
    Criterion,
    Decision,
    Mean,
    Point,
    choose,
    likelihood,
    possible_means,
)
from ...core.format import format_mb, format_ms, format_share, format_sure, ratio
from ..curves import MIX, Curve
from ..intervals import MIN_ENVIRONMENTS, Floats
from ..model import RunAnswer, run_answer
from ..options import Goal, best
from ..punctuality import Punctuality, calls_to_tell, punctualities
from ..run import BEYOND, marked, of_means

if TYPE_CHECKING:
    from ..data import StudyData


@dataclass(frozen=True)
class Recommendation:
    """The answer for one payload type (or the mix) under one strategy.

    `memory_mb` is None where no size can win (`reason` says why, and what comes nearest to a
    limit). `sure` is the probability that no size is better by more than the study's tolerance
    (for a deadline: that the size keeps it), NaN where it cannot be known (`reason` says why).
    `as_good_mb` are the other sizes that cannot be told apart from the best, None where that cannot
    be known. `saving` is the share of today's cost that is saved (negative: costs more) and
    `speedup` today's duration over the best one's; both are NaN when today's size was not
    measured. `predicted` is True for a size without a sample, which only a model tells of.

    `beyond_mb` are the sizes with more vCPUs than the host of the embedded AWS has cores; a size
    among them has no `sure`. `untestable_mb` are those that might win on AWS, where they have all
    their vCPUs.
    """

    function: str
    architecture: str
    payload: str
    strategy: str
    memory_mb: int | None
    mean_ms: float
    cost_per_million_usd: float
    sure: float
    as_good_mb: tuple[int, ...] | None
    current_mb: int | None
    saving: float
    speedup: float
    failing_mb: tuple[int, ...]
    reason: str
    beyond_mb: tuple[int, ...] = ()
    untestable_mb: tuple[int, ...] = ()
    predicted: bool = False
    measured_mb: tuple[int, ...] = ()

    @property
    def beyond_cores(self) -> bool:
        """Whether the size itself has more vCPUs than the host has cores."""
        return self.memory_mb in self.beyond_mb

    @property
    def today_unmeasured(self) -> bool:
        """Whether today's size was not measured: nothing can be said against it."""
        today = self.current_mb
        return today is not None and today not in (*self.measured_mb, *self.failing_mb)

    @property
    def keeps_today(self) -> bool:
        """Whether today's size is the best, or cannot be told apart from it."""
        best_mb = self.memory_mb
        return best_mb is not None and self.current_mb in (best_mb, *(self.as_good_mb or ()))


def recommendations(data: "StudyData", strategies: Sequence[str]) -> list[Recommendation]:
    """One for each payload type and the mix (of each function), and each strategy."""
    return [
        advice
        for part in data.parts
        for curve in part.curves
        for advice in [recommendation(part, curve, name) for name in strategies]
    ]


def recommendation(data: "StudyData", curve: Curve, strategy: str) -> Recommendation:
    """The recommendation of one curve of a function under one strategy, computed once."""

    def compute() -> Recommendation:
        goal = data.options.goal(strategy)
        keeps = punctuality(data, curve) if strategy == "deadline" else None
        own_answer = None
        if data.options.weights is None or curve.payload != MIX:
            own_answer = run_answer(data.run, curve.payload, goal)
        return decide(curve, goal, data.today_mb, keeps, own_answer, _untellable(data))

    return data.once(("recommendation", curve.payload, strategy), compute)


def _untellable(data: "StudyData") -> str:
    """Why no run of these samples could tell how sure it is; "" where one can."""
    if of_means(data.run):
        return "means alone do not tell how far they err"
    if not data.placed:
        return "it is not known which execution environments were measured"
    return ""


def punctuality(data: "StudyData", curve: Curve) -> Punctuality | None:
    """How many invocations of a curve end within the deadline; None of published means."""
    if of_means(data.run):
        return None
    return data.once(
        "punctualities",
        lambda: punctualities(data.measured, data.curves, data.weights, data.options),
    )[curve.payload]


def recommendations_frame(data: "StudyData", strategies: Sequence[str]) -> DataFrame:
    """The recommendations as a frame, columns as `Recommendation`; `beyond_cores` marks rows."""
    names = [column.name for column in fields(Recommendation)]
    rows = [asdict(advice) for advice in recommendations(data, strategies)]
    columns = [name for name in names if name not in ("predicted", "measured_mb")]
    return marked(DataFrame(rows, columns=names), data.run)[[*columns, "predicted", BEYOND]]


# One curve and one goal: the best size, how sure that is, what is as good, what is gained.


Mask = NDArray[np.bool_]


def decide(
    curve: Curve,
    goal: Goal,
    today_mb: int | None = None,
    keeps: Punctuality | None = None,
    own_answer: RunAnswer | None = None,
    untellable: str = "",
) -> Recommendation:
    """The recommendation of one curve for one goal.

    `keeps` is what a deadline needs, None where it cannot be known. `own_answer` is what the run
    itself answered to the same question, which is never contradicted. `untellable` is why it cannot
    be known how sure anything is.
    """
    if not curve.sizes:
        return _nothing(curve, goal, today_mb, _why_none(curve))
    if goal.strategy == "deadline" and keeps is None:
        return _nothing(curve, goal, today_mb, "means alone tell nothing of single invocations")
    own = own_answer if own_answer and own_answer.memory_mb in curve.sizes else None
    winner, sure, as_good_mb = _chosen(curve, goal, keeps, own.memory_mb if own else None)
    open_to = untestable(curve, winner, goal, keeps)
    if missed := _missed(curve, winner, goal, keeps):
        return _nothing(curve, goal, today_mb, missed, open_to)
    same_tolerance = goal.options.tolerance == TOLERANCE
    if own and same_tolerance and own.memory_mb not in curve.beyond_mb:
        sure = math.nan if own.sure is None else own.sure
    saving, speedup = _gain(curve, winner, today_mb)
    return Recommendation(
        curve.function,
        curve.architecture,
        curve.payload,
        goal.strategy,
        memory_mb=curve.sizes[winner],
        mean_ms=float(curve.ms[winner]),
        cost_per_million_usd=float(curve.usd[winner] * 1e6),
        sure=sure,
        as_good_mb=as_good_mb,
        current_mb=today_mb,
        saving=saving,
        speedup=speedup,
        failing_mb=curve.failing_mb,
        reason=_unknown(curve, winner, sure, untellable) or _may_not_keep(winner, goal, keeps),
        beyond_mb=curve.beyond_mb,
        untestable_mb=open_to,
        predicted=curve.sizes[winner] in curve.predicted_mb,
        measured_mb=curve.measured_mb,
    )


def _chosen(
    curve: Curve, goal: Goal, keeps: Punctuality | None, own_mb: int | None
) -> tuple[int, float, tuple[int, ...] | None]:
    """The index of the best size (or of the run's own answer), how sure it is, what is as good."""
    if goal.words.limit:
        winner = _winner(curve, goal, keeps) if own_mb is None else curve.sizes.index(own_mb)
        return winner, *_confidence(curve, winner, goal, keeps)
    verdict = _verdict(curve, goal, own_mb)
    return curve.sizes.index(verdict.memory_mb), *_certainty(curve, verdict)


def scores(curve: Curve, goal: Goal, keeps: Punctuality | None = None) -> Floats:
    """What the goal minimises in each resample (resamples x sizes).

    A balance is relative to the measured means: else one resample far out would hide all others.
    """
    return goal.score(
        curve.resampled_ms,
        curve.resampled_usd,
        in_time=None if keeps is None else keeps.resampled,
        scale=(float(curve.ms.max()), float(curve.usd.max())),
    )


def candidates(curve: Curve, in_limit: Mask) -> Mask:
    """Which sizes may win: of those that the host could not tell apart, the smallest alone.

    They ran on the same cores at different prices: which was fastest is chance, and the smallest
    is never more expensive. `in_limit` says which sizes keep the limit of a goal; of those that do,
    if any.
    """
    beyond = np.isin(curve.sizes, curve.beyond_mb)
    possible = (
        np.flatnonzero(beyond & in_limit) if (beyond & in_limit).any() else np.flatnonzero(beyond)
    )
    allowed: Mask = ~beyond
    allowed[possible[:1]] = True
    return allowed


def untestable(curve: Curve, winner: int, goal: Goal, keeps: Punctuality | None) -> tuple[int, ...]:
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
    in_time = None if keeps is None else np.where(bound < 1, 1.0, keeps.share)
    scale = (float(curve.ms.max()), float(curve.usd.max()))
    share = None if keeps is None else keeps.share
    measured = goal.score(curve.ms, curve.usd, in_time=share, scale=scale)
    # At most ms + 1 milliseconds are billed today, so that this factor leaves one at least.
    usd = curve.usd * np.where(bound < 1, np.maximum(bound, 1 / (curve.ms + 1)), 1.0)
    possible = goal.score(curve.ms * bound, usd, in_time=in_time, scale=scale)
    beyond = np.isin(sizes, curve.beyond_mb)
    open_to = beyond & (possible < measured[winner]) & (np.arange(len(sizes)) != winner)
    return tuple(int(size) for size in sizes[open_to])


def _nothing(
    curve: Curve,
    goal: Goal,
    today_mb: int | None,
    reason: str,
    open_to: tuple[int, ...] = (),
) -> Recommendation:
    about = (curve.function, curve.architecture, curve.payload, goal.strategy)
    nan = math.nan
    nothing = Recommendation(
        *about, None, nan, nan, nan, None, today_mb, nan, nan, curve.failing_mb, reason
    )
    return replace(
        nothing,
        beyond_mb=curve.beyond_mb,
        untestable_mb=open_to,
        measured_mb=curve.measured_mb,
    )


def _why_none(curve: Curve) -> str:
    return "no size is free of failures" if curve.failing_mb else "no invocation was measured"


def _unknown(curve: Curve, winner: int, sure: float, untellable: str) -> str:
    """Why it cannot be said how sure the winner is; "" where it can."""
    if curve.host and curve.sizes[winner] in curve.beyond_mb:
        return f"measured with {curve.host}, fewer than its vCPUs on AWS"
    if math.isnan(sure) and untellable:
        return untellable
    if not curve.has_intervals:
        return f"fewer than {MIN_ENVIRONMENTS} execution environments" if math.isnan(sure) else ""
    if math.isnan(sure) and len(curve.sizes) == 1:
        return "one size alone was measured"
    return "its own samples contradict each other" if math.isnan(sure) else ""


def _may_not_keep(winner: int, goal: Goal, keeps: Punctuality | None) -> str:
    """That a deadline may be missed, and how many more calls would tell; "" where it is kept."""
    if keeps is None:
        return ""
    sure = keeps.sure(winner)
    if math.isnan(sure) or sure >= goal.options.deadline_sure:
        return ""
    more = calls_to_tell(float(keeps.share[winner]), float(keeps.count[winner]), goal.options)
    calls = f"; about {more:,} more calls would tell" if more else ""
    return f"only {format_sure(sure)} sure that it keeps the deadline{calls}"


def _winner(curve: Curve, goal: Goal, keeps: Punctuality | None) -> int:
    """The index of the best size that keeps the goal's limit, or of what comes nearest to it."""
    in_limit = _kept(curve, goal, keeps)
    allowed = candidates(curve, in_limit)
    if keeps is None:
        value = goal.score(curve.ms, curve.usd)
    elif not in_limit.any():
        value = keeps.quantile_ms
    elif (certain := in_limit & keeps.certain(goal.options.deadline_sure)).any():
        value = np.where(certain, curve.usd, np.inf)
        allowed = candidates(curve, certain)
    else:
        value = np.where(in_limit, -np.nan_to_num(keeps.probability, nan=0.0), np.inf)
    return best(np.where(allowed, value, np.inf), curve.ms, curve.usd, curve.sizes)


def _kept(curve: Curve, goal: Goal, keeps: Punctuality | None) -> Mask:
    """Which sizes keep the goal's limit; all of them without one."""
    if keeps is not None:
        return np.asarray(keeps.share >= goal.options.quantile - 1e-12)
    if goal.strategy == "budget":
        return np.asarray(curve.usd * 1e6 <= goal.options.budget_usd_per_million)
    return np.full(len(curve.sizes), fill_value=True)


def _missed(curve: Curve, winner: int, goal: Goal, keeps: Punctuality | None) -> str:
    """Why not even the nearest size keeps the limit; "" where one does."""
    if _kept(curve, goal, keeps)[winner]:
        return ""
    size, money = format_mb(curve.sizes[winner]), goal.options.money
    if keeps is not None:
        return (
            f"no size keeps {goal.quantile_name} within {format_ms(goal.options.deadline_ms)}; "
            f"{size} comes nearest with {format_ms(keeps.quantile_ms[winner])} "
            f"({format_share(keeps.share[winner])} in time)"
        )
    return (
        f"no size costs at most {money(goal.options.budget_usd_per_million)} per million; {size} "
        f"comes nearest with {money(curve.usd[winner] * 1e6)}"
    )


def _confidence(
    curve: Curve, winner: int, goal: Goal, keeps: Punctuality | None
) -> tuple[float, tuple[int, ...] | None]:
    """How probable it is that nothing within a budget is better by more than the tolerance, or that
    a deadline is kept; and the sizes that are as good.

    Sizes that the host could not tell apart are as good as the smallest of them.
    """
    if not curve.has_intervals:
        return math.nan, None
    allowed = candidates(curve, _kept(curve, goal, keeps))
    drawn = np.where(allowed, scores(curve, goal, keeps), np.inf)
    not_worse = (drawn <= drawn[:, [winner]]).mean(axis=0)
    as_good = {curve.sizes[n] for n in np.flatnonzero(not_worse > (1 - DISTINCT) / 2)}
    if as_good.intersection(curve.beyond_mb):
        as_good |= set(curve.beyond_mb)
    size = curve.sizes[winner]
    others = tuple(sorted(as_good - {size}))
    if size in curve.beyond_mb:
        return math.nan, others
    if keeps is not None:
        return keeps.sure(winner), others
    return _within(curve, winner, goal, allowed), others


def _verdict(curve: Curve, goal: Goal, best_mb: int | None = None, factor: float = 1) -> BestSize:
    """The best size for a goal without a limit (see `core.decision.choose`), if `factor` times as
    much had been measured."""
    allowed = candidates(curve, np.full(len(curve.sizes), fill_value=True))
    points = [
        point
        for point, may in zip(_points(curve, factor), allowed, strict=True)
        if may or point.memory_mb == best_mb
    ]
    criterion = Criterion(goal.strategy, goal.weight, goal.options.worth)
    return choose(points, criterion, best_mb, goal.options.tolerance)


_FACTORS = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)


def calls_to_be_sure(
    curve: Curve, goal: Goal, advice: Recommendation, count: int, sure: float
) -> int:
    """How many more invocations, beside `count`, would make a recommendation so sure if means
    stayed what they are: of k times as many, means err by 1/sqrt(k) as much.

    With two significant digits; 0 where it cannot be known, or would not do.
    """
    if goal.words.limit or not curve.has_intervals or advice.memory_mb is None or not count:
        return 0
    for factor in _FACTORS:
        if (_verdict(curve, goal, advice.memory_mb, factor).sure or 0) >= sure:
            more = (factor - 1) * count
            unit = int(10 ** max(math.floor(math.log10(more)) - 1, 0))
            return math.ceil(more / unit) * unit
    return 0


def _certainty(curve: Curve, verdict: BestSize) -> tuple[float, tuple[int, ...] | None]:
    """How sure a verdict is, and which other sizes are as good."""
    if not curve.has_intervals:
        return math.nan, None
    size = verdict.memory_mb
    as_good = {size, *verdict.as_good_mb}
    if as_good.intersection(curve.beyond_mb):
        as_good |= set(curve.beyond_mb)
    sure = math.nan if verdict.sure is None or size in curve.beyond_mb else verdict.sure
    return sure, tuple(sorted(as_good - {size}))


def _points(curve: Curve, factor: float = 1) -> list[Point]:
    """The curve as the decision takes it; without errors where these are not known."""
    if not curve.has_intervals or not (curve.resampled_ms > 0).all():
        return [
            Point(size, Mean(ms), Mean(usd))
            for size, ms, usd in zip(
                curve.sizes, curve.ms.tolist(), curve.usd.tolist(), strict=True
            )
        ]
    durations = _means(curve.ms, curve.ms_errors, factor)
    costs = _means(curve.usd, curve.usd_errors, factor)
    return [Point(*point) for point in zip(curve.sizes, durations, costs, strict=True)]


def _means(means: Floats, errors: Sequence[tuple[float, float]], factor: float) -> list[Mean]:
    """Means with the errors (log) of `factor` times as many calls, both sides for themselves."""
    return [
        Mean.by_logs(mean, below / math.sqrt(factor), above / math.sqrt(factor))
        for mean, (below, above) in zip(means.tolist(), errors, strict=True)
    ]


def _within(curve: Curve, winner: int, goal: Goal, allowed: Mask) -> float:
    """The probability that no size is better by more than the tolerance.

    Over the curves that the means may have come from (see `core.decision.possible_means`): of many
    sizes that were measured with noise the best looks better than it is.
    """
    if not (curve.resampled_ms > 0).all():
        return math.nan
    drawn = possible_means(_points(curve))
    ms, usd = (np.array(values) for values in zip(*drawn, strict=True))
    scale = (float(curve.ms.max()), float(curve.usd.max()))
    scored = np.where(allowed, goal.score(ms, usd, scale=scale), np.inf)
    within = scored[:, winner] <= scored.min(axis=1) * (1 + goal.options.tolerance)
    return likelihood(int(within.sum()), len(drawn))


def _gain(curve: Curve, winner: int, today_mb: int | None) -> tuple[float, float]:
    if today_mb not in curve.sizes or today_mb in curve.predicted_mb:
        return math.nan, math.nan
    today = curve.sizes.index(today_mb)
    saving = 1 - ratio(curve.usd[winner], curve.usd[today])
    return saving, ratio(curve.ms[today], curve.ms[winner])


def decision_of(data: "StudyData") -> Decision:
    """The answer of a run, the same for grid and adaptive; of several functions that of the first.

    Its figures are those of the curves, which of an adaptive run are its model's.
    """
    part, strategy = data.parts[0], data.strategies[0]
    own, curve = part.run.decision, part.curve()
    applied_mb = own.applied_mb if own else None
    if curve is None:
        reason = "no invocation succeeded"
        return Decision(None, strategy, today_mb=part.today_mb, reason=reason)
    advice = recommendation(part, curve, strategy)
    same = own is not None and own.memory_mb == advice.memory_mb and own.strategy == strategy
    return Decision(
        advice.memory_mb,
        strategy,
        sure=_none(advice.sure),
        today_mb=advice.current_mb,
        cost_ratio=_none(1 - advice.saving),
        speedup=_none(advice.speedup),
        applied_mb=applied_mb,
        basis="cold" if part.cold_only else "warm",
        reason=advice.reason,
        notes=own.notes if own and same else (),
    )


def _none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
