"""The ways to read what was seen: how far the curve strays, and how much of it was noise."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .departures import covariance
from .environments import likely_environments
from .evidence import Evidence
from .matrices import Matrix, Vector, cholesky, inverse, log_determinant
from .prior import Prior

_JITTER = 0.001**2
_MATTERS = 0.02
"""Where environments differ by as much, how well the spread is known no longer matters."""
_KNOWN_DEGREES = 40
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a curve strays from its shape, and what its samples then say.

    `scale` is of the departure, `environment_sd` of single environments; `noise_sd` of what was
    seen at each place, whose whole covariance has the inverse `precision`.
    """

    scale: float
    environment_sd: float
    log_weight: float
    noise_sd: Vector
    precision: Matrix


def readings(
    evidence: Evidence, sizes: tuple[int, ...], places: Sequence[int], prior: Prior
) -> Iterator[Reading]:
    """Gaussian conditioning (Rasmussen and Williams 2006, 2.23-2.24), all shapes at once."""
    noises = list(_noises(evidence))
    for scale, weight in prior.departures:
        whole = covariance(sizes, scale)
        for environment_sd, noise_weight, noise in noises:
            inner = [[whole[i][j] for j in places] for i in places]
            for k, variance in enumerate(noise):
                inner[k][k] += variance
            lower = cholesky(inner)
            log_weight = (
                math.log(max(weight * noise_weight, _NEGLIGIBLE)) - log_determinant(lower) / 2
            )
            sds = [math.sqrt(variance) for variance in noise]
            yield Reading(scale, environment_sd, log_weight, sds, inverse(lower))


def _noises(evidence: Evidence) -> Iterator[tuple[float, float, Vector]]:
    """(sd of environments, weight, variance of what each size says): what may be noise."""
    for environment_sd, weight in likely_environments(evidence.comparisons):
        widenings = _widenings(evidence.degrees) if environment_sd < _MATTERS else (1.0,)
        for widen in widenings:
            variances = [
                max(one.variance(environment_sd**2) + one.sd_log**2 * (widen - 1) / one.alike, 0.0)
                + _JITTER
                for one in evidence.sizes
            ]
            yield environment_sd, weight / len(widenings), variances


def _widenings(degrees: float) -> Sequence[float]:
    """Factors of the spread's variance, equally likely: the inverse chi-square in three parts.

    Wilson and Hilferty's cube root approximation of its quantiles.
    """
    if degrees > _KNOWN_DEGREES:
        return (1.0,)
    part = 2 / (9 * degrees)
    cubes = ((1 - part + z * math.sqrt(part)) ** 3 for z in (-0.967, 0.0, 0.967))
    return [1 / max(cube, 0.05) for cube in cubes]
