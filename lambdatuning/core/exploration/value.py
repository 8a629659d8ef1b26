"""What a further measurement is worth: the regret that it is expected to save, and its price.

The knowledge gradient (Frazier, Powell and Dayanik 2008) by importance weights over drawn curves:
each of a few of them plays the truth in turn, a measurement of it reweighs the others, and the
best size is chosen anew.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .evidence import Evidence, SizeEvidence, location_factor
from .matrices import Matrix, Vector, dot

COUNTS = (1, 2, 4, 9)
FANTASIES = 10
MAX_COUNT = 100
"""More samples of one payload type than this are not taken at one size."""
MAX_ENVIRONMENTS = 8
_EVERY = 2
"""Of the drawn curves, these suffice to compare looks."""
_PLACES = 12
_TINY = 1e-6
_ENVIRONMENT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Action:
    """`count` samples at the size of index `place`, until it was run in `environments` ones.

    `gain` is the expected saving of regret, `price_usd` the expected bill.
    """

    place: int
    count: int
    environments: int
    gain: float
    price_usd: float

    @property
    def score(self) -> float:
        """Saving for the money."""
        return self.gain / self.price_usd


@dataclass(frozen=True, slots=True)
class Market:
    """What an invocation costs at each size, warm and cold, by the curve expected now.

    `running` are how many environments of each size run already, for whichever payload type.
    """

    warm_usd: Vector
    cold_usd: Vector
    running: Sequence[int]

    def price(self, place: int, count: int, environments: int) -> float:
        """Of `count` warm samples in `environments` of which some may have to be started."""
        started = max(environments - self.running[place], 0)
        return count * self.warm_usd[place] + started * self.cold_usd[place]


def actions(
    curves: Matrix,
    losses: Matrix,
    evidence: Evidence,
    between: float,
    sizes: Sequence[int],
    market: Market,
    rng: random.Random,
) -> list[Action]:
    """Every batch that may be worth something."""
    curves, losses = curves[::_EVERY], losses[::_EVERY]
    columns = [list(column) for column in zip(*losses, strict=True)]
    now = min(map(math.fsum, columns)) / len(curves)
    truths = rng.sample(range(len(curves)), min(FANTASIES, len(curves)))
    found = []
    for place in _worth_a_thought(columns, sizes):
        column = [curve[place] for curve in curves]
        known = evidence.at(sizes[place])
        for count, environments, variance in _looks(known, evidence, between):
            later = _expected(column, columns, truths, variance, rng)
            price = market.price(place, count, environments)
            found.append(Action(place, count, environments, max(now - later, 0.0), price))
    return found


def _worth_a_thought(columns: Matrix, sizes: Sequence[int]) -> Sequence[int]:
    """All sizes; of many, the most promising ones and some spread over all."""
    if len(sizes) <= _PLACES:
        return range(len(sizes))
    promising = sorted(range(len(sizes)), key=lambda place: sum(columns[place]))
    return sorted({*promising[: _PLACES // 2], *range(0, len(sizes), 2 * len(sizes) // _PLACES)})


def _looks(
    known: SizeEvidence | None, evidence: Evidence, between: float
) -> Iterator[tuple[int, int, float]]:
    """(count, environments, variance of what it would tell) of each way to look at a size."""
    if known is None:
        for count in COUNTS:
            yield count, 1, evidence.sd_log**2 * location_factor(count) + between + _TINY
        return
    before = known.variance(between)
    # Another environment is worth a thought where the environment is what is not known.
    matters = between / known.environments > _ENVIRONMENT_SHARE * before
    for new in (0, 1) if matters and evidence.named else (0,):
        for count in COUNTS:
            after = known.variance(between, count, new)
            if known.count + count > MAX_COUNT or known.environments + new > MAX_ENVIRONMENTS:
                continue
            if after < before:
                # As if an independent look of this variance were added to what is known.
                variance = 1 / (1 / after - 1 / before) + _TINY
                yield count, known.environments + new, variance


def _expected(
    column: Vector, columns: Matrix, truths: Sequence[int], variance: float, rng: random.Random
) -> float:
    """The regret that is left on average after a measurement of this variance."""
    sd, half = math.sqrt(variance), -0.5 / variance
    exp = math.exp
    total = 0.0
    for truth in truths:
        seen = column[truth] + sd * rng.gauss(0.0, 1.0)
        weights = [exp(half * (value - seen) ** 2) for value in column]
        total += min([dot(weights, losses) for losses in columns]) / (sum(weights) or 1.0)
    return total / len(truths)
