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

from .environments import likely_environments
from .evidence import Evidence
from .matrices import Matrix, Vector, cholesky, dot, inverse, log_determinant, times
from .prior import Prior

_LEVEL_SD = 3.0
_LEVEL_LOG_MS = math.log(300.0)
_JITTER = 0.004**2
_BORROWED = 0.6
"""Weight of the curves of a function's other payload types, once there are any."""
_SAME = 0.005
"""Shapes that round to the same multiples of it are one."""
_MATTERS = 0.02
"""Where environments differ by as much, how well the spread is known no longer matters."""
_KNOWN_DEGREES = 40
_NEGLIGIBLE = 1e-12
_BANK = 509
"""So many departures are drawn once for all decisions; a prime, that strides go round them all."""


@dataclass(frozen=True, slots=True)
class _Setting:
    """How far a curve strays from its shape, and what its samples then say.

    `scale` is of the departure, `environment_sd` of single environments; `noise_sd` of what was
    seen at each place, whose whole covariance has the inverse `precision`.
    """

    scale: float
    environment_sd: float
    log_weight: float
    noise_sd: Vector
    precision: Matrix


@dataclass(frozen=True)
class Posterior:
    """A mixture over log durations at `sizes`.

    `weights` has a row for each setting and a column for each shape; `rests` are what was seen less
    each shape, at `places`.
    """

    sizes: tuple[int, ...]
    places: Sequence[int]
    shapes: Sequence[Sequence[float]]
    rests: Matrix
    settings: Sequence[_Setting]
    weights: Matrix

    @property
    def scale(self) -> float:
        """The departure from known shapes that is expected (root mean square)."""
        return math.sqrt(self._mean([s.scale**2 for s in self.settings]))

    @property
    def between(self) -> float:
        """The variance of single execution environments that is expected."""
        return self._mean([s.environment_sd**2 for s in self.settings])

    def unlike(self, least: float) -> float:
        """The probability that execution environments differ with this sd (log) or more."""
        return self._mean([float(s.environment_sd >= least) for s in self.settings])

    def draw(self, count: int, rng: random.Random) -> Matrix:
        """`count` curves, spread evenly over the mixture's weights.

        Matheron's rule: a curve of the prior, moved by what it misses of what was seen.
        """
        bank = _departures(self.sizes)
        turn, stride = rng.randrange(_BANK), rng.randrange(1, _BANK)
        curves: Matrix = []
        of: _Setting | None = None
        for setting, shape, often in self._evenly(count, rng.random()):
            if setting is not of:
                of, gain = setting, self._gain(setting)
            for _ in range(often):
                curves.append(self._one(setting, shape, gain, bank[turn], rng))
                turn = (turn + stride) % _BANK
        return curves

    def _mean(self, by_setting: Sequence[float]) -> float:
        return math.fsum(v * sum(row) for v, row in zip(by_setting, self.weights, strict=True))

    def _evenly(self, count: int, offset: float) -> Iterator[tuple[_Setting, int, int]]:
        """(setting, shape, how often) of systematic resampling."""
        passed, drawn = 0.0, 0
        for setting, row in zip(self.settings, self.weights, strict=True):
            for shape, reached in enumerate(accumulate(row, initial=passed)):
                passed = reached
                until = min(int(reached * count + offset), count)
                if until > drawn:
                    # The first value of `accumulate` is what was passed before this row.
                    yield setting, shape - 1, until - drawn
                    drawn = until
        if drawn < count:  # by rounding of the weights
            yield self.settings[-1], len(self.shapes) - 1, count - drawn

    def _gain(self, setting: _Setting) -> Matrix:
        whole = _kernel(self.sizes, setting.scale)
        return [times(setting.precision, [row[j] for j in self.places]) for row in whole]

    def _one(
        self, setting: _Setting, shape: int, gain: Matrix, unit: Vector, rng: random.Random
    ) -> Vector:
        scale, gauss = setting.scale, rng.gauss
        level = _LEVEL_SD * gauss(0.0, 1.0)
        missed = [
            rest - level - scale * unit[i] - sd * gauss(0.0, 1.0)
            for rest, i, sd in zip(self.rests[shape], self.places, setting.noise_sd, strict=True)
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
    settings = list(_settings(evidence, sizes, places, prior))
    found = []
    for setting in settings:
        form, base = _form(setting.precision), setting.log_weight
        found.append(
            [
                base + log_weight - sum(map(mul, form, square)) / 2
                for log_weight, square in zip(log_weights, squares, strict=True)
            ]
        )
    return Posterior(sizes, places, shapes, rests, settings, _shares(found))


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


def _settings(
    evidence: Evidence, sizes: tuple[int, ...], places: Sequence[int], prior: Prior
) -> Iterator[_Setting]:
    """Gaussian conditioning (Rasmussen and Williams 2006, 2.23-2.24), all shapes at once."""
    noises = list(_noises(evidence))
    for scale, weight in prior.departures:
        whole = _kernel(sizes, scale)
        for environment_sd, noise_weight, noise in noises:
            inner = [[whole[i][j] for j in places] for i in places]
            for k, variance in enumerate(noise):
                inner[k][k] += variance
            lower = cholesky(inner)
            log_weight = (
                math.log(max(weight * noise_weight, _NEGLIGIBLE)) - log_determinant(lower) / 2
            )
            sds = [math.sqrt(variance) for variance in noise]
            yield _Setting(scale, environment_sd, log_weight, sds, inverse(lower))


def _noises(evidence: Evidence) -> Iterator[tuple[float, float, Vector]]:
    """(sd of environments, weight, variance of what each size says): what may be noise."""
    for environment_sd, weight in likely_environments(evidence.comparisons):
        widenings = _widenings(evidence.degrees) if environment_sd < _MATTERS else (1.0,)
        for widen in widenings:
            variances = [
                max(one.variance(environment_sd**2) + one.sd_log**2 * (widen - 1) / one.count, 0.0)
                + _JITTER
                for one in evidence.sizes
            ]
            yield environment_sd, weight / len(widenings), variances


@cache
def _kernel(sizes: tuple[int, ...], scale: float) -> Matrix:
    """Covariances of sizes: the level, and a departure."""
    return [[_LEVEL_SD**2 + scale**2 * _alike(a, b) for b in sizes] for a in sizes]


@cache
def _departures(sizes: tuple[int, ...]) -> Matrix:
    """Departures of scale 1, the same in every run."""
    rng = random.Random(_BANK)  # noqa: S311
    factor = cholesky([[_alike(a, b) for b in sizes] for a in sizes])
    found = []
    for _ in range(_BANK):
        normal = [rng.gauss(0.0, 1.0) for _ in sizes]
        # Rows of the factor end at the diagonal, and so does the product.
        found.append([dot(row, normal) for row in factor])
    return found


def _alike(a_mb: int, b_mb: int) -> float:
    """The correlation of a departure at two sizes: a smooth, a rough and a lone part."""
    octaves = abs(math.log2(a_mb / b_mb))
    smooth = math.exp(-0.5 * octaves**2)
    rough = math.exp(-octaves / 0.5)
    lone = 1.0 if a_mb == b_mb else 0.0
    return 0.5 * smooth + 0.35 * rough + 0.15 * lone


def _widenings(degrees: float) -> Sequence[float]:
    """Factors of the spread's variance, equally likely: the inverse chi-square in three parts.

    Wilson and Hilferty's cube root approximation of its quantiles.
    """
    if degrees > _KNOWN_DEGREES:
        return (1.0,)
    part = 2 / (9 * degrees)
    cubes = ((1 - part + z * math.sqrt(part)) ** 3 for z in (-0.967, 0.0, 0.967))
    return [1 / max(cube, 0.05) for cube in cubes]
