"""The curve of one payload type after what was seen: a mixture of Gaussians over log durations.

log duration = level + shape + departure. The shape is one of the prior's, the departure a Gaussian
process over log2 memory whose scale is one of several, the level anything. The scale, how much
execution environments differ and how much single invocations spread are integrated over: a function
unlike every shape moves weight to wide departures, or to unlike hosts, by itself.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import mul

from .departures import BANK, LEVEL_SD, covariance, departures
from .evidence import Evidence
from .matrices import Matrix, Vector, times
from .prior import Prior
from .readings import Reading, readings

_LEVEL_LOG_MS = math.log(300.0)
_BORROWED = 0.75
"""Weight of the curves of a function's other payload types, once there are any."""
_SAME = 0.005
"""Shapes that round to the same multiples of it are one."""


@dataclass(frozen=True)
class Posterior:
    """A mixture over log durations at `sizes`.

    `weights` has a row for each reading and a column for each shape; `rests` are what was seen less
    each shape, at `places`.
    """

    sizes: tuple[int, ...]
    places: Sequence[int]
    shapes: Sequence[Sequence[float]]
    rests: Matrix
    readings: Sequence[Reading]
    weights: Matrix

    @property
    def scale(self) -> float:
        """The departure from known shapes that is expected (root mean square)."""
        return math.sqrt(self._mean([s.scale**2 for s in self.readings]))

    @property
    def between(self) -> float:
        """The variance of single execution environments that is expected."""
        return self._mean([s.environment_sd**2 for s in self.readings])

    def unlike(self, least: float) -> float:
        """The probability that execution environments differ with this sd (log) or more."""
        return self._mean([float(s.environment_sd >= least) for s in self.readings])

    def draw(self, count: int, rng: random.Random) -> Matrix:
        """`count` curves, spread evenly over the mixture's weights.

        Matheron's rule: a curve of the prior, moved by what it misses of what was seen.
        """
        bank = departures(self.sizes)
        turn, stride = rng.randrange(BANK), rng.randrange(1, BANK)
        curves: Matrix = []
        of: Reading | None = None
        for reading, shape, often in self._evenly(count, rng.random()):
            if reading is not of:
                of, gain = reading, self._gain(reading)
            for _ in range(often):
                curves.append(self._one(reading, shape, gain, bank[turn], rng))
                turn = (turn + stride) % BANK
        return curves

    def _mean(self, by_reading: Sequence[float]) -> float:
        return math.fsum(v * sum(row) for v, row in zip(by_reading, self.weights, strict=True))

    def _evenly(self, count: int, offset: float) -> Iterator[tuple[Reading, int, int]]:
        """(reading, shape, how often) of systematic resampling."""
        passed, drawn = 0.0, 0
        for reading, row in zip(self.readings, self.weights, strict=True):
            for shape, reached in enumerate(accumulate(row, initial=passed)):
                passed = reached
                until = min(int(reached * count + offset), count)
                if until > drawn:
                    # The first value of `accumulate` is what was passed before this row.
                    yield reading, shape - 1, until - drawn
                    drawn = until
        if drawn < count:  # by rounding of the weights
            yield self.readings[-1], len(self.shapes) - 1, count - drawn

    def _gain(self, reading: Reading) -> Matrix:
        whole = covariance(self.sizes, reading.scale)
        return [times(reading.precision, [row[j] for j in self.places]) for row in whole]

    def _one(
        self, reading: Reading, shape: int, gain: Matrix, unit: Vector, rng: random.Random
    ) -> Vector:
        scale, gauss = reading.scale, rng.gauss
        level = LEVEL_SD * gauss(0.0, 1.0)
        missed = [
            rest - level - scale * unit[i] - sd * gauss(0.0, 1.0)
            for rest, i, sd in zip(self.rests[shape], self.places, reading.noise_sd, strict=True)
        ]
        return [
            at + level + scale * strayed + sum(map(mul, row, missed))
            for at, strayed, row in zip(self.shapes[shape], unit, gain, strict=True)
        ]


def posterior(
    evidence: Evidence,
    sizes: Sequence[int],
    prior: Prior,
    borrowed: Sequence[Sequence[float]] = (),
) -> Posterior:
    """The mixture over `sizes`, among which are all in `evidence`.

    `borrowed` are log durations of other payload types at `sizes`: further shapes.
    """
    sizes = tuple(sizes)
    places = [sizes.index(size.memory_mb) for size in evidence.sizes]
    seen = [size.log_ms for size in evidence.sizes]
    log_weights, shapes = _shapes(prior, sizes, borrowed)
    rests = [[y - shape[i] for y, i in zip(seen, places, strict=True)] for shape in shapes]
    squares = [_products(rest) for rest in rests]
    ways = list(readings(evidence, sizes, places, prior))
    found = []
    for reading in ways:
        form, base = _form(reading.precision), reading.log_weight
        found.append(
            [
                base + log_weight - sum(map(mul, form, square)) / 2
                for log_weight, square in zip(log_weights, squares, strict=True)
            ]
        )
    return Posterior(sizes, places, shapes, rests, ways, _shares(found))


def _products(rest: Vector) -> Vector:
    return [a * b for i, a in enumerate(rest) for b in rest[: i + 1]]


def _form(precision: Matrix) -> Vector:
    """What `_products` is weighed with to be the quadratic form of a symmetric matrix."""
    return [
        value if i == j else 2 * value
        for i, row in enumerate(precision)
        for j, value in enumerate(row[: i + 1])
    ]


def _shares(log_weights: Matrix) -> Matrix:
    best = max(map(max, log_weights))
    weights = [[math.exp(value - best) for value in row] for row in log_weights]
    total = sum(map(sum, weights))
    return [[value / total for value in row] for row in weights]


def _shapes(
    prior: Prior, sizes: tuple[int, ...], borrowed: Sequence[Sequence[float]]
) -> tuple[Vector, Sequence[Sequence[float]]]:
    """Log weights and log durations, at a usual level, of every shape."""
    weights, shapes = _known_shapes(prior, sizes)
    if not borrowed:
        return weights, shapes
    own, lent = math.log(1 - _BORROWED), math.log(_BORROWED / len(borrowed))
    lifts = [_LEVEL_LOG_MS - sum(curve) / len(curve) for curve in borrowed]
    others = [[lift + v for v in c] for lift, c in zip(lifts, borrowed, strict=True)]
    return [own + w for w in weights] + [lent] * len(others), [*shapes, *others]


@cache
def _known_shapes(prior: Prior, sizes: tuple[int, ...]) -> tuple[Vector, Matrix]:
    """The prior's shapes; those that hardly differ at these sizes are one."""
    weights: dict[tuple[int, ...], float] = {}
    curves: dict[tuple[int, ...], Vector] = {}
    for shape, logs in zip(prior.shapes, prior.log_shapes(sizes), strict=True):
        lift = _LEVEL_LOG_MS - sum(logs) / len(logs)
        curve = [lift + value for value in logs]
        key = tuple(round(value / _SAME) for value in curve)
        weights[key] = weights.get(key, 0.0) + shape.weight
        curves.setdefault(key, curve)
    return [math.log(weight) for weight in weights.values()], list(curves.values())
