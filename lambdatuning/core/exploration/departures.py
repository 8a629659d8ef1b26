"""How far, and how smoothly, a curve strays from its shape: a Gaussian process over log2 memory."""

import math
import random
from functools import cache

from .matrices import Matrix, cholesky, dot

LEVEL_SD = 3.0
"""The level of a curve may be anything."""
BANK = 509
"""So many departures are drawn once for all decisions; a prime, that strides go round them all."""


@cache
def covariance(sizes: tuple[int, ...], scale: float) -> Matrix:
    """Covariances of sizes: the level, and a departure."""
    return [[LEVEL_SD**2 + scale**2 * _alike(a, b) for b in sizes] for a in sizes]


@cache
def departures(sizes: tuple[int, ...]) -> Matrix:
    """Departures of scale 1, the same in every run."""
    rng = random.Random(BANK)  # noqa: S311
    factor = cholesky([[_alike(a, b) for b in sizes] for a in sizes])
    found = []
    for _ in range(BANK):
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
