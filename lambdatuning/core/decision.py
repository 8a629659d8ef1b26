"""Which memory size to set: one rule for tuner, reports and commands.

What a user pays is a sum, so cost is judged by the mean of billed time and speed by the mean
duration; payload types are weighed by their shares in the mix. Nothing is trimmed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .exploration.posterior import curves_by_means
from .strategies import DEFAULT_WEIGHT, FAILURE_LIMIT, CurvePoint, clamp_weight, rank
from .wire import known_fields

TOLERANCE = 0.05
"""A size is a right answer where no other is better by more than this share."""

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

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Decision":
        """The inverse of `to_json`, in either spelling."""
        own, _ = known_fields(cls, value)
        return cls(**{**own, "notes": tuple(own.get("notes", ()))})

    def to_json(self) -> dict[str, Any]:
        """All of it, as it is stored."""
        return asdict(self) | {"notes": list(self.notes)}

    def figures(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        whole = asdict(self)
        return {name: whole[name] for name in _PUBLIC}


@dataclass(frozen=True)
class Mean:
    """A mean and its standard error, which is None where it cannot be known."""

    value: float
    error: float | None = None

    @property
    def relative_error(self) -> float:
        """The error over the mean; 0 where either is none."""
        return self.error / self.value if self.error and self.value else 0.0


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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def wins_nothing(self) -> bool:
        """Whether the size cannot be an answer for the type."""
        return not self.count or self.failed > FAILURE_LIMIT * self.sent


@dataclass(frozen=True)
class Claim:
    """What a model answers from the same samples, and how sure it is of that."""

    memory_mb: int
    sure: float


@dataclass(frozen=True)
class Point:
    """What an invocation of the mix takes and costs at one size, by plain means."""

    memory_mb: int
    duration: Mean
    cost: Mean

    @property
    def curve_point(self) -> CurvePoint:
        """The same without its errors."""
        return CurvePoint(self.memory_mb, self.duration.value, self.cost.value)


def mix(evidence: Iterable[Evidence], weights: Mapping[str, float]) -> list[Point]:
    """The sizes at which every payload type of `weights` was measured and may win, ascending."""
    total = math.fsum(weights.values())
    by_size: dict[int, dict[str, Evidence]] = {}
    for each in evidence:
        by_size.setdefault(each.memory_mb, {})[each.payload] = each
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
    *,
    today_mb: int | None = None,
    claim: Claim | None = None,
) -> Decision:
    """The answer from the plain means of a run.

    Ties go to the cheaper, then the faster, then the smaller size. With a `claim` (of the model of
    an adaptive run) its size is the answer, unless the plain means contradict it: then nothing is
    sure, and where they do so beyond their own errors, theirs is the answer.
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
    best = rank([point.curve_point for point in points], strategy, weight)[0].memory_mb
    found = Decision(best, strategy, _sure(points, best, strategy, weight))
    if claim:
        found = _checked(points, found, claim, weight)
    return against_today(found, points, today_mb)


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


def _checked(points: Sequence[Point], plain: Decision, claim: Claim, weight: float) -> Decision:
    """What a model claims, held against the plain means of the same samples."""
    strategy, best = plain.strategy, plain.memory_mb
    if claim.memory_mb == best:
        return replace(plain, sure=claim.sure)
    sizes = [point.memory_mb for point in points]
    scored = dict(zip(sizes, _scores(points, strategy, weight), strict=True))
    own, other = scored.get(claim.memory_mb), scored[best or 0]
    if own is None:
        note = f"{claim.memory_mb} MB was not measured for each payload type: a model's answer"
        return replace(plain, memory_mb=claim.memory_mb, sure=claim.sure, notes=(note,))
    if own.value <= other.value * (1 + TOLERANCE):
        return replace(plain, memory_mb=claim.memory_mb, sure=claim.sure)
    ratio = own.value / other.value if other.value else math.inf
    errors = [each.error for each in (own, other)]
    apart = None not in errors and own.value - other.value > 2 * math.hypot(
        *(error for error in errors if error is not None)
    )
    note = (
        f"the model answers {claim.memory_mb} MB, but by the plain means of the same samples it "
        f"is {ratio:.2f} times as {_WORSE[strategy]} as {best} MB: not sure, measure more"
    )
    return replace(plain, memory_mb=best if apart else claim.memory_mb, sure=None, notes=(note,))


_WORSE = {"cost": "expensive", "speed": "slow", "balanced": "far from the best balance"}


def _weighed(parts: Sequence[tuple[float, Mean]]) -> Mean:
    value = math.fsum(share * mean.value for share, mean in parts)
    if any(mean.error is None for _, mean in parts):
        return Mean(value)
    return Mean(value, math.hypot(*(share * (mean.error or 0.0) for share, mean in parts)))


def _scores(points: Sequence[Point], strategy: str, weight: float) -> list[Mean]:
    """What a strategy wants the least of, at each point."""
    if strategy == "cost":
        return [point.cost for point in points]
    if strategy == "speed":
        return [point.duration for point in points]
    share = clamp_weight(weight)
    cost = share / (max(point.cost.value for point in points) or 1.0)
    duration = (1 - share) / (max(point.duration.value for point in points) or 1.0)
    return [_together(cost, point.cost, duration, point.duration) for point in points]


def _together(cost: float, price: Mean, duration: float, time: Mean) -> Mean:
    """A weighed sum; the price of an invocation errs as its duration does."""
    value = cost * price.value + duration * time.value
    if price.error is None or time.error is None:
        return Mean(value)
    return Mean(value, cost * price.error + duration * time.error)


def _sure(points: Sequence[Point], best_mb: int, strategy: str, weight: float) -> float | None:
    """The probability that no point is better than the best by more than the tolerance.

    Over the curves that the means may have come from: of many sizes that were measured with noise
    the best looks better than it is, which what is believed of curves beforehand corrects.
    """
    if len(points) < 2:
        return 1.0
    if any(point.duration.error is None or point.duration.value <= 0 for point in points):
        return None
    best, draws = [point.memory_mb for point in points].index(best_mb), possible_means(points)
    scored = (_plain_scores(ms, usd, points, strategy, weight) for ms, usd in draws)
    within = sum(scores[best] <= min(scores) * (1 + TOLERANCE) for scores in scored)
    return likelihood(within, len(draws))


def possible_means(points: Sequence[Point]) -> list[tuple[list[float], list[float]]]:
    """The true durations and costs that the means of `points` may have come from: a pair of lists
    for each draw, a value for each point. Durations are above 0; equal points give equal draws.
    """
    logs = tuple(math.log(point.duration.value) for point in points)
    errors = [point.duration.relative_error for point in points]
    curves = curves_by_means(
        tuple(point.memory_mb for point in points), logs, tuple(error**2 for error in errors)
    )
    # A cost errs less than its duration where a fee is most of it.
    shares = [
        min(point.cost.relative_error / error, 1.0) if error else 1.0
        for point, error in zip(points, errors, strict=True)
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


def _plain_scores(
    ms: Sequence[float],
    usd: Sequence[float],
    points: Sequence[Point],
    strategy: str,
    weight: float,
) -> Sequence[float]:
    """What a strategy wants the least of, under one curve; a balance is relative to the means."""
    if strategy in ("cost", "speed"):
        return usd if strategy == "cost" else ms
    share = clamp_weight(weight)
    cost = share / (max(point.cost.value for point in points) or 1.0)
    duration = (1 - share) / (max(point.duration.value for point in points) or 1.0)
    return [cost * price + duration * time for price, time in zip(usd, ms, strict=True)]
