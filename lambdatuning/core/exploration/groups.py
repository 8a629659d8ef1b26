"""The durations of one size by execution environment, in log, each with its weight."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from .first_calls import First
from .locations import doubt, location
from .prior import Prior
from .question import Observation

MIN_MS = 0.3
_USUAL_MS = 300.0
_EXPECTED_WEIGHT = 2.0
"""How many samples the spread that the prior expects is worth."""
_CLIP, _ROUNDS = 2.0, 8
"""An outlier counts as if it lay so many spreads away, by the spread that follows when it does:
among few samples it may as well be a second mode, and then counts in full."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one execution environment took (log), and how much each call is worth."""

    logs: Sequence[float]
    weights: Sequence[float]

    @property
    def weight(self) -> float:
        """Of all its calls."""
        return sum(self.weights)

    @property
    def degrees(self) -> float:
        """What it tells of the spread of single calls: one less than its calls, if all count."""
        return self.weight - sum(w**2 for w in self.weights) / self.weight

    def location(self, spread: float) -> float:
        """Where its calls lie (log)."""
        return location(self.logs, self.weights, spread)

    def doubt(self, spread: float) -> float:
        """How far its calls lie apart, where most of them do not agree (log)."""
        return doubt(self.logs, self.weights, spread)

    def squares(self, clip: float, centre: float) -> float:
        """Of the distances from `centre`, none of them above `clip`."""
        most = clip**2
        return sum(
            w * min((v - centre) ** 2, most) for w, v in zip(self.weights, self.logs, strict=True)
        )


def grouped(seen: Iterable[Observation], first: float) -> list[Group]:
    """The calls of one size, of which a cold one is worth `first`."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in seen:
        weight = first if one.cold else 1.0
        if weight > 0:
            found[one.environment].append((log_ms(one), weight))
    return [Group(*zip(*calls, strict=True)) for calls in found.values()]


def joined(groups: Iterable[Group]) -> Group:
    """All calls as if of one environment."""
    found = list(groups)
    return Group(
        [value for group in found for value in group.logs],
        [weight for group in found for weight in group.weights],
    )


def firsts(seen: Iterable[Observation]) -> list[First]:
    """The first calls of those environments of one size that made later ones too."""
    cold: dict[str, float] = {}
    warm: dict[str, list[float]] = defaultdict(list)
    for one in seen:
        if one.cold:
            cold[one.environment] = log_ms(one)
        else:
            warm[one.environment].append(log_ms(one))
    return [
        First(cold[name] - median(later), len(later))
        for name, later in warm.items()
        if name in cold
    ]


def spread_of(sizes: Iterable[Sequence[Group]], prior: Prior) -> tuple[float, float]:
    """The spread that all sizes share, and its degrees of freedom; outliers count little."""
    groups = [group for some in sizes for group in some]
    degrees = _EXPECTED_WEIGHT + sum(group.degrees for group in groups)
    typical_ms = [math.exp(median(group.logs)) for group in groups] or [_USUAL_MS]
    expected = fmean(map(prior.spread, typical_ms))
    centres = [group.location(expected) for group in groups]
    spread = expected
    for _ in range(_ROUNDS):
        clip = _CLIP * max(spread, expected)
        squares = sum(g.squares(clip, at) for g, at in zip(groups, centres, strict=True))
        spread = math.sqrt((_EXPECTED_WEIGHT * expected**2 + squares) / degrees)
    return spread, degrees


def log_ms(seen: Observation) -> float:
    """The log of a duration; clocks tell nothing below `MIN_MS`."""
    return math.log(max(seen.duration_ms, MIN_MS))
