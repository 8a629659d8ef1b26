"""The curve of one payload type after what was seen: a mixture of Gaussians over log durations.

log duration = level + shape + departure. The shape is one of the prior's, the departure a Gaussian
process over log2 memory whose scale is one of several, the level anything. Scale and spread are
integrated over: a function unlike every shape moves weight to wide departures by itself.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from .evidence import Evidence
from .matrices import Matrix, Vector, cholesky, dot, inverse, log_determinant, times
from .prior import Prior

_LEVEL_VARIANCE = 9.0
_LEVEL_LOG_MS = math.log(300.0)
_JITTER = 0.004**2
_NEGLIGIBLE = 12.0
"""Components whose log weight is this far below the best are left out."""
_DOUBT, _DOUBT_WEIGHT = 0.06, 2.0
"""Share of a departure's variance that may be one environment's own, while that is not known."""
_BORROWED = 0.6
"""Weight of the curves of a function's other payload types, once there are any."""


@dataclass(frozen=True, slots=True)
class Component:
    """One Gaussian over the sizes: its share of the mixture, mean, and factor of its covariance.

    `scale` is how far the curve strays from its shape.
    """

    weight: float
    mean: Vector
    factor: Matrix
    scale: float


@dataclass(frozen=True, slots=True)
class Posterior:
    """A mixture over log durations at `sizes`.

    `between` is the variance of single execution environments, as far as it is not the curve's.
    """

    sizes: tuple[int, ...]
    components: tuple[Component, ...]
    between: float

    @property
    def scale(self) -> float:
        """The departure from known shapes that is expected (root mean square)."""
        return math.sqrt(math.fsum(c.weight * c.scale**2 for c in self.components))

    @property
    def mean(self) -> Vector:
        """The expected log durations."""
        columns = zip(*(c.mean for c in self.components), strict=True)
        weights = [c.weight for c in self.components]
        return [dot(weights, column) for column in columns]

    def draw(self, count: int, rng: random.Random) -> list[Vector]:
        """`count` curves, spread evenly over the mixture's weights."""
        curves: list[Vector] = []
        passed, offset = 0.0, rng.random()
        for component in self.components:
            passed += component.weight
            until = min(math.floor(passed * count + offset), count)
            curves += [_one(component, rng) for _ in range(until - len(curves))]
        missing = count - len(curves)  # by rounding of the weights
        return curves + [_one(self.components[0], rng) for _ in range(missing)]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all shapes share, given a scale of departure and a spread."""

    scale: float
    log_weight: float
    precision: Matrix
    gain: Matrix
    factor: Matrix


def posterior(
    evidence: Evidence,
    sizes: Sequence[int],
    prior: Prior,
    borrowed: Sequence[Sequence[float]] = (),
) -> Posterior:
    """The mixture over `sizes`, among which are all in `evidence`.

    `borrowed` are log durations of other payload types at `sizes`: further shapes.
    """
    places = [list(sizes).index(size.memory_mb) for size in evidence.sizes]
    doubt = _DOUBT * _DOUBT_WEIGHT / (_DOUBT_WEIGHT + evidence.environment_degrees)
    settings = [
        _setting(evidence, sizes, places, scale, widen, doubt, math.log(weight))
        for scale, weight in prior.departures
        for widen in _widenings(evidence.degrees)
    ]
    seen = [size.log_ms for size in evidence.sizes]
    found = []
    for weight, shape in _shapes(prior, sizes, borrowed):
        rest = [y - shape[i] for y, i in zip(seen, places, strict=True)]
        for setting in settings:
            misfit = dot(rest, times(setting.precision, rest))
            log_weight = math.log(weight) + setting.log_weight - misfit / 2
            found.append((log_weight, shape, setting, rest))
    components = tuple(_mixture(found))
    strayed = math.fsum(c.weight * c.scale**2 for c in components)
    return Posterior(tuple(sizes), components, evidence.environment_sd**2 + doubt * strayed)


def _shapes(
    prior: Prior, sizes: Sequence[int], borrowed: Sequence[Sequence[float]]
) -> Iterator[tuple[float, Vector]]:
    """(weight, log durations at a usual level) of every shape."""
    lent = _BORROWED if borrowed else 0.0
    for shape, logs in zip(prior.shapes, prior.log_shapes(sizes), strict=True):
        yield shape.weight * (1 - lent), [_LEVEL_LOG_MS + value for value in logs]
    for curve in borrowed:
        lift = _LEVEL_LOG_MS - sum(curve) / len(curve)
        yield lent / len(borrowed), [lift + value for value in curve]


def _mixture(
    found: Sequence[tuple[float, Vector, _Setting, Vector]],
) -> Iterator[Component]:
    best = max(entry[0] for entry in found)
    kept = [entry for entry in found if entry[0] > best - _NEGLIGIBLE]
    total = math.fsum(math.exp(entry[0] - best) for entry in kept)
    for log_weight, shape, setting, rest in kept:
        mean = [at + dot(gain, rest) for at, gain in zip(shape, setting.gain, strict=True)]
        weight = math.exp(log_weight - best) / total
        yield Component(weight, mean, setting.factor, setting.scale)


def _setting(
    evidence: Evidence,
    sizes: Sequence[int],
    places: Sequence[int],
    scale: float,
    widen: float,
    doubt: float,
    log_weight: float,
) -> _Setting:
    """Gaussian conditioning (Rasmussen and Williams 2006, 2.23-2.24), all shapes at once."""
    whole = _kernel(tuple(sizes), scale)
    between = evidence.environment_sd**2 + doubt * scale**2
    inner = [[whole[i][j] for j in places] for i in places]
    for k, size in enumerate(evidence.sizes):
        single = size.sd_log**2 * (widen - 1) / size.count
        inner[k][k] += max(size.variance(between) + single, 0.0) + _JITTER
    lower = cholesky(inner)
    precision = inverse(lower)
    across = [[row[j] for j in places] for row in whole]
    gain = [times(precision, row) for row in across]
    left = [
        [value - dot(gain[i], across[j]) for j, value in enumerate(row)]
        for i, row in enumerate(whole)
    ]
    likely = log_weight - log_determinant(lower) / 2
    return _Setting(scale, likely, precision, gain, cholesky(left))


@cache
def _kernel(sizes: tuple[int, ...], scale: float) -> Matrix:
    """Covariances of sizes: the level; a departure with a smooth, a rough and a lone part."""
    return [[_LEVEL_VARIANCE + scale**2 * _alike(a, b) for b in sizes] for a in sizes]


def _alike(a_mb: int, b_mb: int) -> float:
    octaves = abs(math.log2(a_mb / b_mb))
    smooth = math.exp(-0.5 * octaves**2)
    rough = math.exp(-octaves / 0.5)
    lone = 1.0 if a_mb == b_mb else 0.0
    return 0.5 * smooth + 0.35 * rough + 0.15 * lone


def _widenings(degrees: float) -> Iterable[float]:
    """Factors of the spread's variance, equally likely: the inverse chi-square in three parts.

    Wilson and Hilferty's cube root approximation of its quantiles.
    """
    if degrees > 40:
        return (1.0,)
    part = 2 / (9 * degrees)
    cubes = ((1 - part + z * math.sqrt(part)) ** 3 for z in (-0.967, 0.0, 0.967))
    return [1 / max(cube, 0.05) for cube in cubes]


def _one(component: Component, rng: random.Random) -> Vector:
    normal = [rng.gauss(0.0, 1.0) for _ in component.mean]
    # Rows of the factor end at the diagonal, and so does the product.
    return [m + dot(row, normal) for m, row in zip(component.mean, component.factor, strict=True)]
