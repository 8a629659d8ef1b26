"""Curves that a payload type may have after what was seen: draws from a mixture of Gaussians."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import add, mul, sub
from statistics import NormalDist, fmean

from .evidence import HOSTS, NoiseDraw, SizeEvidence, noise_draws, systematic
from .modes import Modes, modes
from .prior import LEVEL_SD, Matrix, Prior, Vector, departure_correlations, load_prior

DRAWS = 300
_BANK = 509
"""So many departures are drawn once for all decisions; a prime, that strides go round them all."""
_LENT, _LENT_SCALES = 0.2, (0.03, 0.1, 0.25)
"""The share of the mixture that curves of other payload types have, and departures from those."""
_LOWEST, _HIGHEST = -5.0, 14.0
_EXACT = 1e-6
"""The least variance (log) of a mean."""
_UNLIKE = 1.1
"""Where an error reaches so many times as far to one side as to the other, both are drawn apart."""
_SHIFTS, _LEAST_SHIFTS = 240, 10
"""Numbers drawn for that, over all sizes; and the fewest at each."""
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Posterior:
    """Possible curves of log durations (row by draw, column by size), and possible noises."""

    curves: Matrix
    noises: Sequence[NoiseDraw]

    @property
    def mean_spreads(self) -> Vector:
        """The spread (log) of single calls at each size, a mean over the noises."""
        return list(map(fmean, zip(*(noise.spreads for noise in self.noises), strict=True)))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the mixture: its weight (log), its mean at each size, its departures' scale."""

    log_weight: float
    mean: Vector
    scale: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """The log means that were read at the sizes of index `places`, with their variances, under one
    noise."""

    places: Sequence[int]
    logs: Vector
    variances: Vector

    def precision(self, sizes: tuple[int, ...], scale: float) -> tuple[Matrix, float]:
        """The inverse covariance where departures are of this scale, and its log determinant."""
        correlations = departure_correlations(sizes)
        covariance = [
            [LEVEL_SD**2 + scale**2 * correlations[a][b] for b in self.places] for a in self.places
        ]
        for k, variance in enumerate(self.variances):
            covariance[k][k] += variance
        lower = cholesky(covariance)
        return inverse(lower), log_determinant(lower)


def posterior(
    evidence: Sequence[SizeEvidence],
    sizes: tuple[int, ...],
    prior: Prior,
    rng: random.Random,
    lent: Sequence[Vector] = (),
    hosts: Sequence[tuple[float, float]] = HOSTS,
) -> Posterior:
    """What `evidence` (of at least one size) lets believe; `lent` are curves of the other payload
    types of the function, `hosts` what is believed of its hosts."""
    places = [sizes.index(size.memory_mb) for size in evidence]
    rough = _rough([size.log_mean(0.0) for size in evidence], places, sizes)
    noises = noise_draws(evidence, rough, places, prior.noise, rng, hosts)
    slow = modes(evidence)
    readings = [_reading(evidence, places, noise, slow) for noise in noises]
    return Posterior(_curves(readings, _parts(sizes, prior, lent), sizes, rng), noises)


@lru_cache(maxsize=512)
def curves_by_means(
    sizes: tuple[int, ...],
    log_means: tuple[float, ...],
    log_errors: tuple[tuple[float, float], ...],
    unmeasured: tuple[int, ...] = (),
) -> Matrix:
    """Possible curves of log durations where `sizes` were measured as in a grid: a row a draw, with
    a column for each size, then for each of the `unmeasured` ones.

    `log_errors` are the standard errors of the log means, below and above. What is believed of
    curves beforehand draws them towards each other, so that the luckiest of many noisy sizes is not
    taken at its word, and tells what lies between them. Equal arguments give equal draws.
    """
    # Without the last digits, which differ by the order in which a mean was added up.
    seed = (sizes, [round(mean, 12) for mean in log_means])
    rng = random.Random(repr(seed))  # noqa: S311
    variances = [max(min(both) ** 2, _EXACT) for both in log_errors]
    readings = [
        _Reading(range(len(sizes)), list(map(add, log_means, shifts)), variances)
        for shifts in _shifts(log_errors, rng)
    ]
    every = (*sizes, *unmeasured)
    return _curves(readings, _parts(every, load_prior(), ()), every, rng)


def _shifts(log_errors: Sequence[tuple[float, float]], rng: random.Random) -> Matrix:
    """Where log means may lie beside what was measured, beyond an error that is alike to both
    sides: a row a draw, all of them 0 where no sides differ much.

    In every second draw a size is moved to its longer side, so far that errors of that side result.
    """
    reaches = [
        math.copysign(math.sqrt(abs(above**2 - below**2)), above - below)
        if max(below, above) > _UNLIKE * min(below, above)
        else 0.0
        for below, above in log_errors
    ]
    if not any(reaches):
        return [[0.0] * len(reaches)]
    count = max(_SHIFTS // max(len(reaches), 6), _LEAST_SHIFTS)
    steps = [max(_NORMAL.inv_cdf((step + 0.5) / count), 0.0) for step in range(count)]
    columns = [[reach * step for step in rng.sample(steps, count)] for reach in reaches]
    return [list(row) for row in zip(*columns, strict=True)]


def _reading(
    evidence: Sequence[SizeEvidence],
    places: Sequence[int],
    noise: NoiseDraw,
    slow: Modes | None,
) -> _Reading:
    logs, variances = [], []
    for size, place in zip(evidence, places, strict=True):
        own = math.log1p(noise.call_variance(place) / size.calls)
        if slow:
            own = max(own, math.log1p(slow.call_variance(size, noise.first) / size.calls))
            logs.append(math.log(slow.mean(size, noise.first)))
        else:
            # The log of a mean of few calls lies low, as slow calls are rare.
            logs.append(size.log_mean(noise.first) + own / 2)
        variances.append(own + noise.host**2 * size.uneven + noise.first_variance(size))
    return _Reading(places, logs, variances)


def _parts(sizes: tuple[int, ...], prior: Prior, lent: Sequence[Vector]) -> list[_Part]:
    own = _prior_parts(sizes, prior)
    if not lent:
        return own
    less = math.log(1 - _LENT)
    parts = [_Part(part.log_weight + less, part.mean, part.scale) for part in own]
    each = math.log(_LENT / len(lent) / len(_LENT_SCALES))
    return parts + [_Part(each, curve, scale) for curve in lent for scale in _LENT_SCALES]


@cache
def _prior_parts(sizes: tuple[int, ...], prior: Prior) -> list[_Part]:
    return [
        _Part(math.log(one.weight), [log + prior.level for log in one.shape.logs(sizes)], one.scale)
        for one in prior.components_to(max(sizes))
    ]


def _curves(
    readings: Sequence[_Reading], parts: Sequence[_Part], sizes: tuple[int, ...], rng: random.Random
) -> Matrix:
    """Draws of a part and a noise by their probability, then of a curve of that part (by Matheron's
    rule: a draw from the prior, corrected by what it misses)."""
    scales = sorted({part.scale for part in parts})
    unlike = {tuple(one.variances): one for one in readings}
    by_variances = {
        variances: {scale: one.precision(sizes, scale) for scale in scales}
        for variances, one in unlike.items()
    }
    precisions = [by_variances[tuple(one.variances)] for one in readings]
    places = readings[0].places
    at_places = [[part.mean[place] for place in places] for part in parts]
    fits = {
        variances: _Fit.of(one.logs, parts, at_places, by_variances[variances])
        for variances, one in unlike.items()
    }
    logs = [log for one in readings for log in fits[tuple(one.variances)].at(one.logs)]
    most = max(logs)
    drawn = systematic([math.exp(each - most) for each in logs], DRAWS, rng)
    bank, start, stride = _bank(sizes), rng.randrange(_BANK), rng.randrange(1, _BANK)
    pulls = [[row[place] for place in places] for row in departure_correlations(sizes)]
    curves = []
    for k, pick in enumerate(drawn):
        noise, part = divmod(pick, len(parts))
        departure = bank[(start + k * stride) % _BANK]
        precision, _ = precisions[noise][parts[part].scale]
        curves.append(_curve(readings[noise], parts[part], precision, departure, pulls, rng))
    return curves


@dataclass(frozen=True, slots=True)
class _Fit:
    """How probable each part is (log, its weight included) by the log means of one reading, and
    how that changes with them (row by part): the same readings elsewhere need no more than that."""

    logs: Vector
    probabilities: Vector
    slopes: Matrix
    scales: Vector
    precisions: Mapping[float, tuple[Matrix, float]]

    @classmethod
    def of(
        cls,
        logs: Vector,
        parts: Sequence[_Part],
        means: Matrix,
        precisions: Mapping[float, tuple[Matrix, float]],
    ) -> "_Fit":
        """By the `means` that each part has at the sizes that were read."""
        probabilities, slopes = [], []
        for part, mean in zip(parts, means, strict=True):
            precision, determinant = precisions[part.scale]
            off = list(map(sub, logs, mean))
            slope = [sum(map(mul, row, off)) for row in precision]
            square: float = sum(map(mul, off, slope))
            probabilities.append(part.log_weight - 0.5 * (determinant + square))
            slopes.append(slope)
        return cls(logs, probabilities, slopes, [part.scale for part in parts], precisions)

    def at(self, logs: Vector) -> Vector:
        """How probable each part is by other log means of the same variances."""
        shift = list(map(sub, logs, self.logs))
        if not any(shift):
            return self.probabilities
        own = {scale: dot(shift, times(m, shift)) / 2 for scale, (m, _) in self.precisions.items()}
        return [
            log - sum(map(mul, shift, slope)) - own[scale]
            for log, slope, scale in zip(self.probabilities, self.slopes, self.scales, strict=True)
        ]


def _curve(
    reading: _Reading,
    part: _Part,
    precision: Matrix,
    departure: Vector,
    pulls: Matrix,
    rng: random.Random,
) -> Vector:
    """A curve of a part; `pulls` are the correlations of each size with those that were read."""
    level = rng.gauss(0, LEVEL_SD)
    curve = [
        mean + level + part.scale * off for mean, off in zip(part.mean, departure, strict=True)
    ]
    missed = [
        y - curve[place] - rng.gauss(0, math.sqrt(variance))
        for place, y, variance in zip(reading.places, reading.logs, reading.variances, strict=True)
    ]
    weights = times(precision, missed)
    whole = LEVEL_SD**2 * sum(weights)
    square = part.scale**2
    return [
        min(max(value + whole + square * sum(map(mul, row, weights)), _LOWEST), _HIGHEST)
        for value, row in zip(curve, pulls, strict=True)
    ]


@cache
def _bank(sizes: tuple[int, ...]) -> Matrix:
    """Departures of scale 1, the same in every run."""
    rng = random.Random(_BANK)  # noqa: S311
    lower = cholesky(departure_correlations(sizes))
    draws = []
    for _ in range(_BANK):
        normal = [rng.gauss(0, 1) for _ in sizes]
        draws.append([dot(row, normal[: len(row)]) for row in lower])
    return draws


def _rough(logs: Vector, places: Sequence[int], sizes: tuple[int, ...]) -> Vector:
    """Log durations at every size, straight in log memory between those that were measured."""
    x = [math.log(size) for size in sizes]
    logs_by_size = []
    for k in range(len(sizes)):
        after = next((n for n, place in enumerate(places) if place >= k), len(places) - 1)
        before = max(after - 1, 0) if places[after] > k else after
        low, high = places[before], places[after]
        share = (x[k] - x[low]) / (x[high] - x[low]) if high > low else 0.0
        share = min(max(share, 0.0), 1.0)
        logs_by_size.append(logs[before] * (1 - share) + logs[after] * share)
    return logs_by_size


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The inner product of two vectors of one length."""
    return sum(map(mul, left, right), 0.0)


def times(matrix: Matrix, vector: Sequence[float]) -> Vector:
    """The product of a matrix and a column."""
    return [dot(row, vector) for row in matrix]


def cholesky(matrix: Matrix) -> Matrix:
    """The lower triangle L with L Lᵀ = `matrix`; a pivot that rounding made negative counts as 0.

    Rows of L are cut at the diagonal.
    """
    lower: Matrix = []
    for i, row in enumerate(matrix):
        made: Vector = []
        for j in range(i):
            pivot = lower[j][j]
            rest = row[j] - dot(made, lower[j])
            made.append(rest / pivot if pivot else 0.0)
        made.append(math.sqrt(max(row[i] - dot(made, made), 0.0)))
        lower.append(made)
    return lower


def inverse(lower: Matrix) -> Matrix:
    """The inverse of L Lᵀ; the diagonal of `lower` must be positive."""
    size = len(lower)
    columns = []
    for k in range(size):
        column = [0.0] * k
        for i in range(k, size):
            partial = dot(lower[i][k:i], column[k:])
            column.append(((1.0 if i == k else 0.0) - partial) / lower[i][i])
        columns.append(column)
    return [[dot(a, b) for b in columns] for a in columns]


def log_determinant(lower: Matrix) -> float:
    """The logarithm of the determinant of L Lᵀ."""
    return 2 * sum(math.log(row[i]) for i, row in enumerate(lower))
