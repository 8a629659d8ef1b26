"""What more calls are worth: the regret that they are expected to save, and their price.

The knowledge gradient (Frazier, Powell and Dayanik 2009) by weighing draws again: the outcome of
calls is imagined under some of the possible curves, each outcome makes the curves more or less
probable, and regret is saved where another size is then the better choice.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import add, mul
from statistics import median

from .assessment import Assessment
from .prior import Vector

COUNTS = (1, 3, 8, 24)
_OUTCOMES, _RIVALS, _PLACES, _COLUMNS = 20, 2, 12, 6
_MAX_ENVIRONMENTS = 8
_FIRST_LOOK, _GROWTH = 3, 4
"""Calls at most at a size that has none; and times as many as it has."""
_HOSTS_MATTER = 0.3
_BINNED = 10
"""So many draws stand as one where calls at a single size are imagined."""
_HALF = math.sqrt(0.5)
_BLUR = 0.03
"""Draws are few: no outcome tells one from its neighbours (a share of their variance)."""


@dataclass(frozen=True, slots=True)
class Calls:
    """`count` calls at the size of index `place`, until `environments` of them have served it.

    The first call of a size starts its first environment; `variance` (log) is that of what the
    calls tell, as if it were independent of what is known.
    """

    place: int
    count: int
    environments: int = 1
    variance: float = math.inf


@dataclass(frozen=True, slots=True)
class Action:
    """Calls at one or several sizes; what they cost, and the regret they are expected to save.

    `due_usd` is what of their price is expected to be paid in any case.
    """

    calls: tuple[Calls, ...]
    usd: float
    due_usd: float = 0.0
    saves: float = 0.0

    @property
    def extra_usd(self) -> float:
        """What they cost beside what is paid in any case."""
        return self.usd - self.due_usd

    @property
    def rate(self) -> float:
        """The regret that they are expected to save for each dollar beside that."""
        return self.saves / self.extra_usd


@dataclass(frozen=True, slots=True)
class Market:
    """What an invocation costs at each size, warm and with an init, by the durations believed.

    `high_usd` is what a warm one may cost, if it takes longer than believed. `running` are how many
    environments of each size run already, for whichever payload type.
    """

    warm_usd: Vector
    high_usd: Vector
    start_usd: Vector
    running: Sequence[int]

    def price(self, calls: Sequence[Calls]) -> float:
        """Of calls at several sizes, with the environments that have to be started."""
        return self._price(calls, self.warm_usd)

    def high_price(self, calls: Sequence[Calls]) -> float:
        """What the same may cost."""
        return self._price(calls, self.high_usd)

    def _price(self, calls: Sequence[Calls], warm_usd: Vector) -> float:
        # Beside the first environment of a size, each is started by a call of its own.
        return sum(
            one.count * warm_usd[one.place]
            + max(one.environments - self.running[one.place], 0)
            * (self.start_usd[one.place] + (warm_usd[one.place] if self.running[one.place] else 0))
            for one in calls
        )


def best_action(
    assessment: Assessment,
    market: Market,
    most_usd: float,
    rng: random.Random,
    far: Sequence[int] = (),
) -> Action | None:
    """The calls that save most for their price among those that may cost at most `most_usd`; None
    where there are none. Where places are given as `far`, one of them has to be among them, and
    the cheapest calls there are always considered.

    Where the best size was not called yet, what its first two calls cost is kept back: no answer
    stands without them. So where no environment of it runs either, they are paid in any case if it
    stays the best, and cost only the rest when it comes to what is worth its price.
    """
    verified = assessment.at(assessment.best) is not None
    first_usd = 0.0 if verified else market.price([Calls(assessment.best, 2)])
    worth = _Worth.of(assessment)
    best: Action | None = None
    for option in _by_price(assessment, market, first_usd, far):
        kept_usd = 0.0 if any(one.place == assessment.best for one in option.calls) else first_usd
        if market.high_price(option.calls) + kept_usd > most_usd and (best or not far):
            continue
        # No calls save more than all that there is to save.
        if best and worth.most / option.extra_usd <= best.rate:
            break
        valued = replace(option, saves=worth.saved(option.calls, rng))
        if best is None or valued.rate > best.rate:
            best = valued
    return best


def _by_price(
    assessment: Assessment, market: Market, first_usd: float, far: Sequence[int]
) -> list[Action]:
    """The options, the cheapest first; `first_usd` is what the first calls at the best one cost."""
    stays = (
        0.0 if market.running[assessment.best] else assessment.wins[assessment.best] * (1 - _BLUR)
    )
    options = []
    for calls in _options(assessment, market, far):
        at_best_usd = market.price([one for one in calls if one.place == assessment.best])
        due_usd = stays * min(at_best_usd, first_usd)
        options.append(Action(calls, market.price(calls), due_usd))
    return sorted(options, key=lambda option: option.extra_usd)


def _options(
    assessment: Assessment, market: Market, far: Sequence[int]
) -> Iterator[tuple[Calls, ...]]:
    """Calls at a single size, and the same at the sizes that may be the best."""
    if far:
        yield from ((calls,) for place in far for calls in _calls_at(assessment, market, place))
        return
    places, rivals = _worth_a_thought(assessment), _rivals(assessment)
    single = {
        place: list(_calls_at(assessment, market, place))
        for place in {*places, *rivals, assessment.best}
    }
    for place in places:
        yield from ((calls,) for calls in single[place])
    groups = [[assessment.best, rival] for rival in rivals]
    groups += [[assessment.best, *rivals]] if len(rivals) > 1 else []
    for group in groups:
        for count in _counts(min(assessment.calls(place) for place in group)):
            yield tuple(
                next(calls for calls in single[place] if calls.count == count) for place in group
            )


def _calls_at(assessment: Assessment, market: Market, place: int) -> Iterator[Calls]:
    """Each way to make calls at a size: on the environments that there are, and on another one."""
    measured = assessment.at(place)
    noises = assessment.noises
    one = median(noise.call_variance(place) for noise in noises)
    host = sum(noise.host**2 for noise in noises) / len(noises)
    running = max(market.running[place], 1)
    counts = _counts(assessment.calls(place))
    if measured is None:
        for count in counts:
            yield Calls(place, count, running, math.log1p(one / count) + host)
        return
    n, uneven = measured.calls, measured.uneven
    before = one / n + host * uneven
    for count in counts:
        after = one / (n + count) + host * uneven
        yield Calls(place, count, running, _variance_of_look(before, after))
    if host * uneven > _HOSTS_MATTER * before and measured.environments < _MAX_ENVIRONMENTS:
        more = measured.environments + 1
        for count in counts:
            after = one / (n + count + 1) + host / more
            yield Calls(place, count, max(more, running), _variance_of_look(before, after))


def _counts(calls: int) -> Sequence[int]:
    """How many more may be made at once where so many were: few tell too little of their noise for
    many to be bought on it."""
    return [count for count in COUNTS if count <= max(_FIRST_LOOK, _GROWTH * calls)]


def _variance_of_look(before: float, after: float) -> float:
    """The variance of an independent look that takes one variance to another."""
    return 1 / max(1 / after - 1 / before, 1e-9)


def _rivals(assessment: Assessment) -> list[int]:
    others = [place for place in range(len(assessment.sizes)) if place != assessment.best]
    return sorted(others, key=lambda place: -assessment.wins[place])[:_RIVALS]


def _worth_a_thought(assessment: Assessment) -> Sequence[int]:
    """All sizes; of many, the most promising ones and some spread over all."""
    count = len(assessment.sizes)
    if count <= _PLACES:
        return range(count)
    promising = sorted(range(count), key=assessment.expected.__getitem__)
    return sorted({*promising[: _PLACES // 2], *range(0, count, 2 * count // _PLACES)})


@dataclass(frozen=True)
class _Worth:
    """The draws, by columns: log durations at each place, and losses of the sizes that may win."""

    logs: Sequence[Vector]
    losses: Sequence[Vector]
    most: float
    bins: dict[int, tuple[Vector, Sequence[Vector]]] = field(default_factory=dict)

    @classmethod
    def of(cls, assessment: Assessment) -> "_Worth":
        columns = list(zip(*assessment.losses, strict=True))
        likely = sorted(range(len(columns)), key=assessment.expected.__getitem__)
        least = {row.index(min(row)) for row in assessment.losses}
        kept = [place for place in likely if place in least or place == assessment.best][:_COLUMNS]
        # The choice of now stands first.
        kept.sort(key=lambda place: place != assessment.best)
        return cls(
            [list(column) for column in zip(*assessment.curves, strict=True)],
            [list(columns[place]) for place in kept],
            assessment.expected[assessment.best],
        )

    def saved(self, calls: Sequence[Calls], rng: random.Random) -> float:
        """The regret that the outcome of calls is expected to save."""
        logs, losses = [self.logs[one.place] for one in calls], self.losses
        if len(calls) == 1:
            binned, losses = self._at(calls[0].place)
            logs = [binned]
        scaled = [_scaled(column, one.variance) for column, one in zip(logs, calls, strict=True)]
        count = len(scaled[0])
        start, total = rng.randrange(count), 0.0
        for k in range(_OUTCOMES):
            truth = (start + k * count // _OUTCOMES) % count
            weights = _weights(scaled, truth, rng)
            after = [sum(map(mul, weights, column)) for column in losses]
            total += (after[0] - min(after)) / sum(weights)
        return min(total / _OUTCOMES, self.most)

    def _at(self, place: int) -> tuple[Vector, Sequence[Vector]]:
        """The draws in bins of about equal log duration at a place: means of that, and of the
        losses. Calls there alone tell no draw from its neighbours, and a bin stands for many."""
        if place not in self.bins:
            column = self.logs[place]
            order = sorted(range(len(column)), key=column.__getitem__)
            groups = [order[k : k + _BINNED] for k in range(0, len(order), _BINNED)]

            def means(values: Vector) -> Vector:
                return [sum(map(values.__getitem__, group)) / len(group) for group in groups]

            self.bins[place] = means(column), [means(losses) for losses in self.losses]
        return self.bins[place]


def _scaled(column: Vector, variance: float) -> Vector:
    """Log durations over the error of what calls tell of them."""
    mean = sum(column) / len(column)
    own = sum([(value - mean) ** 2 for value in column]) / len(column)
    error = math.sqrt(2 * (variance + _BLUR * own))
    return [(value - mean) / error for value in column]


def _weights(scaled: Sequence[Vector], truth: int, rng: random.Random) -> Vector:
    """How probable each draw is after calls that one of them is the truth of."""
    offs: Vector = []
    for column in scaled:
        outcome = column[truth] + _HALF * rng.gauss(0, 1)
        squares = [(off := value - outcome) * off for value in column]
        offs = list(map(add, offs, squares)) if offs else squares
    least = min(offs)
    return [math.exp(least - off) for off in offs]
