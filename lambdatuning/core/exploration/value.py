"""What could be measured next, at what price, and the regret that it is expected to save.

The knowledge gradient of correlated beliefs (Frazier, Powell and Dayanik 2009), rival by rival. By
how much a rival is better than the choice of now is taken for a normal variable, as likely to be
positive and with as large a mean saving as under the drawn curves; a measurement tells of it what
a linear regression on what is measured explains. In closed form, so that no luck of simulated
measurements is in it.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, mul
from statistics import NormalDist

from .evidence import Evidence, SizeEvidence, location_factor
from .prior import Matrix, Vector, cholesky, dot, inverse, times

COUNTS = (1, 3, 9, 27)
MAX_COUNT = 100
"""More samples of one payload type than this are not taken at one size."""
MAX_ENVIRONMENTS = 8
MATERIAL = 0.0003
"""A batch that saves less regret than this is no bargain, however cheap it is."""
_TINY = 1e-6
_ENVIRONMENT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    """`count` warm samples at the size of index `place`, until it was run in `environments` ones;
    none where the size runs nowhere yet, and its first call is what is wanted.

    `variance` is of what it would tell, as if it were independent of what is known.
    """

    place: int
    count: int
    environments: int
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Action:
    """Looks at one or several sizes at once; `gain` is the saving of regret that is expected,
    `price_usd` the bill."""

    looks: tuple[Look, ...]
    gain: float
    price_usd: float

    @property
    def score(self) -> float:
        """Saving for the money."""
        return self.gain / self.price_usd

    @property
    def material(self) -> bool:
        """Whether it is expected to save anything that matters."""
        return self.gain >= MATERIAL


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

    def of(self, *looks: Look) -> float:
        """Of several looks, at a size each."""
        return sum(self.price(one.place, one.count, one.environments) for one in looks)


def looks_at(
    place: int, known: SizeEvidence | None, evidence: Evidence, between: float, running: int
) -> Iterator[Look]:
    """Each way to look at a size, of which so many environments run."""
    if known is None:
        first = 0.0 if running else evidence.first
        for count in (0, *COUNTS) if first else COUNTS:
            variance = evidence.sd_log**2 * location_factor(count + first) + between + _TINY
            yield Look(place, count, 1, variance)
        return
    before = known.variance(between)
    # Another environment is worth a thought where the environment is what is not known.
    matters = between / known.even > _ENVIRONMENT_SHARE * before
    for new in (0, 1) if matters and evidence.named else (0,):
        for count in COUNTS:
            after = known.variance(between, count + new * evidence.first, new)
            if known.count + count > MAX_COUNT or known.environments + new > MAX_ENVIRONMENTS:
                continue
            if after < before:
                # As if an independent look of this variance were added to what is known.
                variance = 1 / (1 / after - 1 / before) + _TINY
                yield Look(place, count, known.environments + new, variance)


# What a further measurement is worth: the regret that it is expected to save, and its price.


_EVERY = 2
"""Of the drawn curves, these suffice to compare looks."""
_PLACES, _RIVALS = 12, 2
_EVEN, _TINY_PROBABILITY = 0.5, 1e-300
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class _Rival:
    """A size that may be better than the choice of now.

    By how much it is worse has the mean `behind` (in `scale`, its standard deviation) as far as it
    may be better; `off` is by how much it is worse under each curve, less its mean over curves,
    and `variance` that of these.
    """

    behind: float
    scale: float
    off: Vector
    variance: float

    def saving(self, told: float) -> float:
        """The regret that is expected to be saved by learning this share of the variance."""
        if told <= 0:
            return 0.0
        part = math.sqrt(min(told, 1.0))
        return self.scale * part * _above(self.behind / part)


class _Curves:
    """The drawn log durations of each place less their mean, and how they go with rivals."""

    def __init__(self, logs: Matrix, rivals: Sequence[_Rival]) -> None:
        self.off = [_centred(column) for column in logs]
        self.rivals = rivals
        self._with_rivals: dict[int, Vector] = {}

    def saved(self, looks: Sequence[Look]) -> float:
        """The regret that looks save, at the rival where they save most."""
        seen = [self.off[look.place] for look in looks]
        covariance = [[_covariance(a, b) for b in seen] for a in seen]
        for k, look in enumerate(looks):
            covariance[k][k] += look.variance
        precision = inverse(cholesky(covariance))
        most = 0.0
        for rival, found in zip(
            self.rivals, zip(*map(self._along, looks), strict=True), strict=True
        ):
            told = dot(found, times(precision, found)) / rival.variance
            most = max(most, rival.saving(told))
        return most

    def _along(self, look: Look) -> Vector:
        """The covariance of a place with each rival."""
        known = self._with_rivals.get(look.place)
        if known is None:
            off = self.off[look.place]
            known = [_covariance(off, rival.off) for rival in self.rivals]
            self._with_rivals[look.place] = known
        return known


def best_look(
    curves: Matrix,
    losses: Matrix,
    evidence: Evidence,
    between: float,
    sizes: Sequence[int],
    market: Market,
) -> Action | None:
    """The batch that saves most for its price, if any saves enough to matter; None where there is
    nothing left to measure."""
    columns = [list(column) for column in zip(*losses[::_EVERY], strict=True)]
    logs = [list(column) for column in zip(*curves[::_EVERY], strict=True)]
    sums = list(map(sum, columns))
    now = min(range(len(sums)), key=sums.__getitem__)
    most = sums[now] / len(columns[now])
    rivals = [_rival(column, columns[now]) for column in columns]
    drawn = _Curves(logs, [rival for rival in rivals if rival])
    looks = {
        place: list(
            looks_at(place, evidence.at(sizes[place]), evidence, between, market.running[place])
        )
        for place in _worth_a_thought(columns, sizes)
    }
    best: Action | None = None
    for price, considered in _by_price(looks, _contenders(columns, now), market):
        # No look saves more than all that there is to save.
        if best and best.material and most / price <= best.score:
            break
        found = Action(considered, min(drawn.saved(considered), most), price)
        if best is None or (found.material, found.score) > (best.material, best.score):
            best = found
    return best


def _contenders(columns: Matrix, now: int) -> list[int]:
    """The choice of now, and the sizes that are best most often beside it."""
    wins = Counter(min(enumerate(row), key=itemgetter(1))[0] for row in zip(*columns, strict=True))
    return [now, *(place for place, _ in wins.most_common(_RIVALS + 1) if place != now)][
        : _RIVALS + 1
    ]


def _by_price(
    looks: Mapping[int, Sequence[Look]], contenders: Sequence[int], market: Market
) -> list[tuple[float, tuple[Look, ...]]]:
    """Looks at a single size, and the same look at several that may be the best."""
    found: list[tuple[Look, ...]] = [(look,) for at in looks.values() for look in at]
    groups = [contenders[:2], contenders[::2], contenders] if len(contenders) > 2 else [contenders]
    for group in groups:
        if len(group) > 1:
            found += zip(*(looks.get(place, ()) for place in group), strict=False)
    return sorted(((market.of(*one), one) for one in found), key=itemgetter(0))


def _worth_a_thought(columns: Matrix, sizes: Sequence[int]) -> Sequence[int]:
    """All sizes; of many, the most promising ones and some spread over all."""
    if len(sizes) <= _PLACES:
        return range(len(sizes))
    promising = sorted(range(len(sizes)), key=lambda place: sum(columns[place]))
    return sorted({*promising[: _PLACES // 2], *range(0, len(sizes), 2 * len(sizes) // _PLACES)})


def _rival(losses: Vector, now: Vector) -> _Rival | None:
    """A size beside the choice of now; None where it is better under no curve."""
    worse = [a - b for a, b in zip(losses, now, strict=True)]
    better = [-value for value in worse if value < 0]
    if not better:
        return None
    chance = min(len(better) / len(worse), _EVEN)
    behind = _NORMAL.inv_cdf(1 - chance)
    scale = sum(better) / len(worse) / _above(behind)
    off = _centred(worse)
    return _Rival(behind, scale, off, max(_covariance(off, off), _TINY_PROBABILITY))


def _above(behind: float) -> float:
    """The mean of what a standard normal variable is above `behind`, 0 where it is below."""
    return _NORMAL.pdf(behind) - behind * math.erfc(behind / math.sqrt(2)) / 2


def _centred(values: Vector) -> Vector:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def _covariance(left: Vector, right: Vector) -> float:
    return float(sum(map(mul, left, right))) / len(left)
