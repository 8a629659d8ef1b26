"""How far single calls, first calls and hosts may be off: draws from what is believed of them.

Draws and not estimates, since two calls that agree by chance are no proof of a quiet function.
"""

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from .evidence import SizeEvidence
from .matrices import Vector
from .prior import Noise

DRAWS = 20
_REACH, _FUNCTION_STEPS, _SIZE_STEPS = 3.0, 19, 15

FIRST_CALLS = ((0.0, 0.6), (0.1, 0.12), (0.25, 0.12), (0.5, 0.08), (1.0, 0.05), (2.0, 0.03))
"""How much longer (log) handlers of first calls may take than of warm ones, and how probable that is
before any was seen."""
_FIRST_UNEVEN = 0.3
"""By this share of it the difference is unlike from size to size."""

HOSTS = ((0.0, 0.55), (0.02, 0.2), (0.05, 0.1), (0.1, 0.1), (0.2, 0.05))
"""Spreads (log) between execution environments, and how probable they are before two were seen."""

_LARGEST_SPREAD = 1.5


@dataclass(frozen=True, slots=True)
class NoiseDraw:
    """One possibility: spreads (log) of single calls by size, of hosts, and what first calls take."""

    spreads: Vector
    host: float
    first: float

    def call_variance(self, place: int) -> float:
        """The variance of one call over the squared mean, as log-normal durations have it."""
        return math.expm1(min(self.spreads[place], _LARGEST_SPREAD) ** 2)

    def first_variance(self, size: SizeEvidence) -> float:
        """The variance of a mean (log) that first calls are part of."""
        return (_FIRST_UNEVEN * self.first * len(size.first_ms) / size.calls) ** 2


def noise_draws(
    evidence: Sequence[SizeEvidence], log_ms: Vector, places: Sequence[int], noise: Noise,
    rng: random.Random,
) -> list[NoiseDraw]:
    """What the calls at the sizes of index `places` let believe; `log_ms` are rough durations."""
    centres = [noise.centre(each) for each in log_ms]
    functions = _steps(_FUNCTION_STEPS, noise.function_sd)
    sizes = _steps(_SIZE_STEPS, noise.size_sd)
    tables = [
        [_chances(centres[place] + function, sizes, size, noise) for function in functions]
        for size, place in zip(evidence, places, strict=True)
    ]
    logs = [
        sum(table[k][0] for table in tables) - 0.5 * (function / noise.function_sd) ** 2
        for k, function in enumerate(functions)
    ]
    most = max(logs)
    drawn = systematic([math.exp(each - most) for each in logs], DRAWS, rng)
    return [_draw(k, functions[k], centres, tables, sizes, evidence, places, noise, rng) for k in drawn]


def systematic(weights: Sequence[float], count: int, rng: random.Random) -> list[int]:
    """`count` indices by their weights, as evenly as chance allows."""
    ends = list(accumulate(weights))
    step, found, place = ends[-1] / count, [], 0
    at = rng.random() * step
    for _ in range(count):
        while place < len(ends) - 1 and ends[place] <= at:
            place += 1
        found.append(place)
        at += step
    return found


def picked(weights: Sequence[float], rng: random.Random) -> int:
    """One index by its weight."""
    return systematic(weights, 1, rng)[0]


def _steps(count: int, sd: float) -> Vector:
    return [sd * _REACH * (2 * k / (count - 1) - 1) for k in range(count)]


def _chances(
    centre: float, steps: Vector, size: SizeEvidence, noise: Noise
) -> tuple[float, Vector]:
    """The log of the probability of a size's calls, and the shares of each of its own `steps`."""
    squares, degrees = 0.5 * noise.trust * size.log_squares(0.0), noise.trust * size.degrees
    logs = [
        -degrees * (centre + own)
        - squares * math.exp(-2 * (centre + own))
        - 0.5 * (own / noise.size_sd) ** 2
        for own in steps
    ]
    most = max(logs)
    shares = [math.exp(each - most) for each in logs]
    return most + math.log(sum(shares)), shares


def _draw(
    k: int,
    function: float,
    centres: Vector,
    tables: Sequence[Sequence[tuple[float, Vector]]],
    steps: Vector,
    evidence: Sequence[SizeEvidence],
    places: Sequence[int],
    noise: Noise,
    rng: random.Random,
) -> NoiseDraw:
    spreads = [math.exp(c + function + rng.gauss(0, noise.size_sd)) for c in centres]
    width = steps[1] - steps[0]
    for place, table in zip(places, tables, strict=True):
        own = steps[picked(table[k][1], rng)] + width * (rng.random() - 0.5)
        spreads[place] = math.exp(centres[place] + function + own)
    pairs = [(size, spreads[place]) for size, place in zip(evidence, places, strict=True)]
    first = FIRST_CALLS[picked([c * _first_chance(f, pairs) for f, c in FIRST_CALLS], rng)][0]
    host = HOSTS[picked([c * _host_chance(h, first, pairs) for h, c in HOSTS], rng)][0]
    return NoiseDraw(spreads, host, first)


def _first_chance(first: float, pairs: Iterable[tuple[SizeEvidence, float]]) -> float:
    """How probable what first calls took beside warm ones is."""
    log = 0.0
    for size, spread in pairs:
        apart = size.first_apart
        if apart is not None:
            variance = spread**2 * (1 / len(size.first_ms) + 1 / size.warm)
            log += _log_normal(apart - first, variance + (_FIRST_UNEVEN * first) ** 2)
    return math.exp(max(log, -700.0))


def _host_chance(host: float, first: float, pairs: Iterable[tuple[SizeEvidence, float]]) -> float:
    """How probable the differences of execution environments are."""
    log = 0.0
    for size, spread in pairs:
        if size.environments < 2:
            continue
        means = size.means(first)
        variances = [host**2 + spread**2 / count + 1e-8 for _, count in means]
        weight = sum(1 / each for each in variances)
        centre = sum(m / v for (m, _), v in zip(means, variances, strict=True)) / weight
        log -= 0.5 * math.log(weight)
        log += sum(_log_normal(m - centre, v) for (m, _), v in zip(means, variances, strict=True))
    return math.exp(max(log, -700.0))


def _log_normal(off: float, variance: float) -> float:
    variance = max(variance, 1e-8)
    return -0.5 * (math.log(variance) + off * off / variance)
