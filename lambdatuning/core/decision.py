"""Which memory size to set: one rule for tuner, reports and commands.

What a user pays is a sum, so cost is judged by the mean of billed time and speed by the mean
duration; payload types are weighed by their shares in the mix. Nothing is trimmed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from operator import le
from typing import Any

from .exploration.posterior import curves_by_means
from .format import format_mb
from .strategies import (
    DEFAULT_WEIGHT,
    FAILURE_LIMIT,
    WORTH,
    Worth,
    order,
    scores,
)
from .wire import read_record

TOLERANCE = 0.05
"""A size is a right answer where no other is better by more than this share."""

SCHEMA = 1
"""Version of what `--json` prints of an answer: raised where a field goes or changes meaning."""

_PUBLIC = (
    "memory_mb", "strategy", "sure", "today_mb", "cost_ratio", "speedup", "applied_mb",
)  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """The answer of a run: what to set, how sure that is, and what it changes.

    `memory_mb` is None where no size can win, and `reason` says why. `sure` is the probability that
    no size is better by more than `TOLERANCE`, None where it is not known. `cost_ratio` is the cost
    at the answer over the cost at `today_mb`, `speedup` the duration at `today_mb` over that at the
    answer; both are None where today's size was not measured. `applied_mb` is the size that was
    set, None where nothing was. `basis` is "warm" or "cold", by what was measured. `notes` say in
    words what contradicts the answer, or what it cannot tell.
    """

    memory_mb: int | None
    strategy: str
    sure: float | None = None
    today_mb: int | None = None
    cost_ratio: float | None = None
    speedup: float | None = None
    applied_mb: int | None = None
    basis: str = "warm"
    reason: str = ""
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Decision":
        """The inverse of `to_json`, in either spelling; what is not known of it is in `extra`."""
        return read_record(cls, value)

    def to_json(self) -> dict[str, object]:
        """All of it, as it is stored."""
        own = {name: value for name, value in vars(self).items() if name != "extra"}
        return {**self.extra, **own, "notes": list(self.notes)}

    def figures(self) -> dict[str, object]:
        """What `--json` prints of it."""
        return {name: getattr(self, name) for name in _PUBLIC}


_NORMAL_95 = 1.959964
"""Standard errors from a mean to either end of its 95 % interval."""

_LEAST_END = 1e-3
"""The lower end of an interval is not taken to be below this share of the mean."""


@dataclass(frozen=True)
class Mean:
    """A mean and its standard error, which is None where it cannot be known.

    `above` is that of the upper side, where slow calls that were hardly seen make it longer; None
    where both sides are alike.
    """

    value: float
    error: float | None = None
    above: float | None = None

    @property
    def highest(self) -> float:
        """The mean and one standard error of the side that reaches farther."""
        return self.value + max(self.error or 0.0, self.above or 0.0)

    @classmethod
    def between(cls, value: float, low: float, high: float) -> "Mean":
        """The mean with the errors that its 95 % interval stands for."""
        return cls(value, (value - low) / _NORMAL_95, (high - value) / _NORMAL_95)

    @classmethod
    def by_logs(cls, value: float, below: float, above: float) -> "Mean":
        """The mean with the errors that those of its logarithm stand for; see `log_errors`."""
        low, high = (math.exp(_NORMAL_95 * reach) for reach in (-below, above))
        return cls.between(value, value * low, value * high)

    @property
    def log_errors(self) -> tuple[float, float]:
        """How far the logarithm may be off, below and above (one standard error): by the ends of
        the 95 % interval where its sides differ; 0 where the error or the mean is none."""
        if self.error is None or not self.value:
            return 0.0, 0.0
        if self.above is None:
            return self.error / self.value, self.error / self.value
        low = max(1 - _NORMAL_95 * self.error / self.value, _LEAST_END)
        high = 1 + _NORMAL_95 * self.above / self.value
        return -math.log(low) / _NORMAL_95, math.log(high) / _NORMAL_95


@dataclass(frozen=True)
class Evidence:
    """What was measured of one payload type at one size: `duration` in ms (the mean, or the
    quantile that is asked for) and `cost` in USD of an invocation, of `count` successes.

    `sent` are all invocations and `failed` those that failed without being allowed to.
    """

    payload: str
    memory_mb: int
    duration: Mean
    cost: Mean
    count: int
    sent: int
    failed: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Evidence":
        """The inverse of `to_json`."""
        duration, cost = Mean(**value["duration"]), Mean(**value["cost"])
        return cls(**{**value, "duration": duration, "cost": cost})

    def to_json(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def wins_nothing(self) -> bool:
        """Whether the size cannot be an answer for the type."""
        return not self.count or self.failed > FAILURE_LIMIT * self.sent


@dataclass(frozen=True)
class Claim:
    """What a model answers from the same samples, and how sure it is of that (None: unknown)."""

    memory_mb: int
    sure: float | None


@dataclass(frozen=True)
class Point:
    """What an invocation of the mix takes and costs at one size, by plain means."""

    memory_mb: int
    duration: Mean
    cost: Mean


def mix(evidence: Iterable[Evidence], weights: Mapping[str, float]) -> list[Point]:
    """The sizes at which every payload type of `weights` was measured and may win, ascending."""
    total = math.fsum(weights.values())
    by_size: dict[int, dict[str, Evidence]] = {}
    for entry in evidence:
        by_size.setdefault(entry.memory_mb, {})[entry.payload] = entry
    return [
        Point(
            size,
            _weighed([(weights[name] / total, own[name].duration) for name in weights]),
            _weighed([(weights[name] / total, own[name].cost) for name in weights]),
        )
        for size, own in sorted(by_size.items())
        if all(name in own and not own[name].wins_nothing for name in weights)
    ]


def decide(
    points: Sequence[Point],
    strategy: str,
    weight: float = DEFAULT_WEIGHT,
    worth: Worth = WORTH,
    *,
    today_mb: int | None = None,
    claim: Claim | None = None,
) -> Decision:
    """The answer from the plain means of a run.

    Where cost and speed are weighed against each other ("value"), the size is best that is expected
    to lose the least over the curves that the means may have come from, so that noise between equal
    sizes does not decide; cost, speed and the contract's balance are those of the means. Ties go to
    the cheaper, then the faster, then the smaller size. With a `claim` (of the model of an adaptive
    run) its size is the answer, unless the plain means contradict it: then nothing is sure, and
    where they do so beyond their own errors, theirs is the answer.
    """
    if not points:
        return Decision(
            claim.memory_mb if claim else None,
            strategy,
            today_mb=today_mb,
            reason="" if claim else "no size has a successful invocation of each payload type",
            notes=("the answer is a model's alone: no size was measured for each payload type",)
            if claim
            else (),
        )
    criterion = Criterion(strategy, weight, worth)
    verdict = choose(points, criterion)
    decision = Decision(verdict.memory_mb, strategy, verdict.sure)
    if claim:
        decision = _checked(points, decision, claim, criterion)
    return against_today(decision, points, today_mb)


def against_today(decision: Decision, points: Sequence[Point], today_mb: int | None) -> Decision:
    """The decision with what it changes against today's size."""
    by_size = {point.memory_mb: point for point in points}
    new, old = by_size.get(decision.memory_mb or 0), by_size.get(today_mb or 0)
    if not new or not old or not old.cost.value or not new.duration.value:
        return replace(decision, today_mb=today_mb)
    return replace(
        decision,
        today_mb=today_mb,
        cost_ratio=new.cost.value / old.cost.value,
        speedup=old.duration.value / new.duration.value,
    )


def _checked(
    points: Sequence[Point], plain: Decision, claim: Claim, criterion: "Criterion"
) -> Decision:
    """What a model claims, held against the plain means of the same samples."""
    best, sizes = plain.memory_mb, [point.memory_mb for point in points]
    if claim.memory_mb == best:
        # The one size that was measured is not compared with any.
        return replace(plain, sure=claim.sure if len(points) > 1 else None)
    if claim.memory_mb not in sizes:
        note = (
            f"{format_mb(claim.memory_mb)} was not measured for each payload type: a model's answer"
        )
        return replace(plain, memory_mb=claim.memory_mb, sure=claim.sure, notes=(note,))
    by_size = dict(zip(sizes, criterion.of_means(points), strict=True))
    own, other = by_size[claim.memory_mb], by_size[best or 0]
    if own <= other * (1 + TOLERANCE):
        return replace(plain, memory_mb=claim.memory_mb, sure=claim.sure)
    worse = f"{own / other if other else math.inf:.2f} times as {_WORSE[plain.strategy]}"
    note = (
        f"the model answers {format_mb(claim.memory_mb)}, but by the plain means of the same "
        f"samples it is {worse} as {format_mb(best)}: not sure, measure more"
    )
    pair = [point for point in points if point.memory_mb in (claim.memory_mb, best)]
    apart = own - other > 2 * math.hypot(*criterion.errors(points, pair))
    return replace(plain, memory_mb=best if apart else claim.memory_mb, sure=None, notes=(note,))


_WORSE = {
    "value": "far from the best value",
    "cost": "expensive",
    "speed": "slow",
    "balanced": "far from the best balance",
}


def _weighed(parts: Sequence[tuple[float, Mean]]) -> Mean:
    value = math.fsum(share * mean.value for share, mean in parts)
    if any(mean.error is None for _, mean in parts):
        return Mean(value)
    below = math.hypot(*(share * (mean.error or 0.0) for share, mean in parts))
    if all(mean.above is None for _, mean in parts):
        return Mean(value, below)
    sides = ((share, mean.error if mean.above is None else mean.above) for share, mean in parts)
    return Mean(value, below, math.hypot(*(share * (error or 0.0) for share, error in sides)))


# What is best of several sizes, and how sure that is, by what is known of their means.


@dataclass(frozen=True)
class Criterion:
    """What is minimised: a strategy of a run with its parameters (see `core.strategies`)."""

    strategy: str
    weight: float = DEFAULT_WEIGHT
    worth: Worth = WORTH

    def of_means(self, points: Sequence[Point]) -> list[float]:
        """What is minimised, at each point."""
        return self.of_curve([p.duration.value for p in points], [p.cost.value for p in points])

    def of_curve(
        self,
        ms: Sequence[float],
        usd: Sequence[float],
        scale: tuple[float, float] | None = None,
    ) -> list[float]:
        """The same under one curve; `scale` is what a balance is relative to."""
        return scores(ms, usd, self.strategy, self.weight, self.worth, scale)

    def errors(self, points: Sequence[Point], some: Sequence[Point]) -> list[float]:
        """How far what is minimised may be off at `some` of the points (one standard error, by
        means that are off by theirs: a price errs as its duration does); infinite where unknown."""
        errors = []
        for point in some:
            if point.duration.error is None or point.cost.error is None:
                return [math.inf]
            means, moved = self.of_means(points), list(points)
            k = moved.index(point)
            moved[k] = replace(
                point, duration=Mean(point.duration.highest), cost=Mean(point.cost.highest)
            )
            errors.append(abs(self.of_means(moved)[k] - means[k]))
        return errors


@dataclass(frozen=True)
class BestSize:
    """The best of several sizes; `sure` and `as_good_mb` as `Decision` has them, None and () where
    they cannot be known."""

    memory_mb: int
    sure: float | None
    as_good_mb: tuple[int, ...] = ()


DISTINCT = 0.95
"""A size is told apart from the best when it is worse with this probability, two-sided."""


def choose(
    points: Sequence[Point],
    criterion: Criterion,
    best_mb: int | None = None,
    tolerance: float = TOLERANCE,
) -> BestSize:
    """The best of `points` (at least one), or how sure it is of `best_mb`: that no size is better
    by more than `tolerance`.

    The one size that was measured is the best of those by no merit: that is not sure.
    """
    sizes = [point.memory_mb for point in points]
    by_means = _least(criterion.of_means(points), points)
    has_errors = all(p.duration.error is not None and p.duration.value > 0 for p in points)
    if len(points) < 2 or not has_errors:
        return BestSize(best_mb or sizes[by_means], None)
    # Relative to the means: one curve far out would change what all others are compared by.
    scale = (max(p.duration.value for p in points), max(p.cost.value for p in points))
    drawn = [criterion.of_curve(ms, usd, scale) for ms, usd in possible_means(points)]
    columns = list(zip(*map(_losses, drawn), strict=True))
    count = len(drawn)
    expected = [math.fsum(column) / count for column in columns]
    best = _least(expected, points) if criterion.strategy == "value" else by_means
    if best_mb is not None:
        best = sizes.index(best_mb)
    own = columns[best]
    within = sum([loss <= tolerance for loss in own])
    better = [sum(map(le, column, own)) for column in columns]
    as_good = [n > (1 - DISTINCT) / 2 * count for n in better]
    return BestSize(
        sizes[best],
        likelihood(within, count),
        tuple(size for k, size in enumerate(sizes) if as_good[k] and k != best),
    )


def _losses(row: Sequence[float]) -> list[float]:
    """By how much each value is above the least, as a share of that."""
    least = min(row) or 1.0
    return [value / least - 1 for value in row]


def _least(values: Sequence[float], points: Sequence[Point]) -> int:
    """The index of the least value; ties go to the cheaper, the faster, then the smaller size."""

    def key(k: int) -> tuple[float, ...]:
        cost, duration = points[k].cost.value, points[k].duration.value
        return order(values[k], cost=cost, duration=duration, size=points[k].memory_mb)

    return min(range(len(points)), key=key)


def possible_means(points: Iterable[Point]) -> list[tuple[list[float], list[float]]]:
    """The true durations and costs that the means of `points` may have come from: a pair of lists
    for each draw, a value for each point. Durations are above 0; equal points give equal draws.
    """
    return _possible_means(tuple(points))


@lru_cache(maxsize=16)
def _possible_means(points: tuple[Point, ...]) -> list[tuple[list[float], list[float]]]:
    logs = tuple(math.log(point.duration.value) for point in points)
    errors = [point.duration.log_errors for point in points]
    curves = curves_by_means(tuple(point.memory_mb for point in points), logs, tuple(errors))
    # A cost errs less than its duration where a fee is most of it.
    shares = [
        min(sum(point.cost.log_errors) / sum(both), 1.0) if any(both) else 1.0
        for point, both in zip(points, errors, strict=True)
    ]
    return [
        (
            [math.exp(value) for value in curve],
            [
                point.cost.value * math.exp(share * (value - log))
                for point, share, value, log in zip(points, shares, curve, logs, strict=True)
            ],
        )
        for curve in curves
    ]


def likelihood(hits: int, draws: int) -> float:
    """The probability of what was so in `hits` of `draws`: never 0 or 1, as draws prove nothing."""
    return (hits + 0.5) / (draws + 1)
