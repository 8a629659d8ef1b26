"""What is believed of a function before it is measured: shapes of curves, spreads, departures."""

import json
import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from operator import mul
from typing import Any

Vector = list[float]
Matrix = list[Vector]


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The inner product of two vectors of one length."""
    return float(sum(map(mul, left, right)))


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
            known = dot(lower[i][k:i], column[k:])
            column.append(((1.0 if i == k else 0.0) - known) / lower[i][i])
        columns.append(column)
    return [[dot(a, b) for b in columns] for a in columns]


def log_determinant(lower: Matrix) -> float:
    """The logarithm of the determinant of L Lᵀ."""
    return 2 * sum(math.log(row[i]) for i, row in enumerate(lower))


# What is believed of a function before it is measured: shapes of curves, and spreads.


@dataclass(frozen=True, slots=True)
class Shape:
    """A curve of log durations over memory, up to its level: `logs` at the prior's knots."""

    weight: float
    logs: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """A mixture of shapes, each with departures of several sizes from it.

    `departures` are (scale, weight): how far, in log duration, a curve strays from its shape.
    `spreads` are (duration in ms, spread of single invocations in log). `taught` names the
    functions behind the shapes. Equal only to itself: it is a key of what follows from it.
    """

    knots_mb: tuple[int, ...]
    shapes: tuple[Shape, ...]
    departures: tuple[tuple[float, float], ...]
    spreads: tuple[tuple[float, float], ...]
    taught: frozenset[str]

    def spread(self, duration_ms: float) -> float:
        """The spread expected of single invocations that take so long (log)."""
        logs = [(math.log(at), math.log(sd)) for at, sd in self.spreads]
        return math.exp(interpolate(logs, math.log(max(duration_ms, 1e-3))))

    def log_shapes(self, sizes: Sequence[int]) -> list[list[float]]:
        """Every shape at `sizes`, straight in log memory between the knots."""
        places = [_place(self.knots_mb, size) for size in sizes]
        return [[(1 - w) * s.logs[i] + w * s.logs[i + 1] for i, w in places] for s in self.shapes]


def parse_prior(text: str) -> Prior:
    """A prior from the JSON that `tests/bench/make_prior.py` writes."""
    return prior_from_json(json.loads(text))


def prior_from_json(value: Mapping[str, Any]) -> Prior:
    """A prior from plain JSON values."""
    return Prior(
        knots_mb=tuple(value["knots_mb"]),
        shapes=tuple(Shape(float(s["weight"]), tuple(s["log_ms"])) for s in value["shapes"]),
        departures=_pairs(value["departures"]),
        spreads=_pairs(value["spreads"]),
        taught=frozenset(value["taught"]),
    )


@cache
def load_prior() -> Prior:
    """The prior of the package."""
    return parse_prior(files(__package__).joinpath("prior.json").read_text("utf-8"))


def interpolate(points: Sequence[tuple[float, float]], x: float) -> float:
    """Straight between `points` (ascending in x), constant beyond them."""
    if x <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


def _pairs(value: Any) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in value)


def _place(knots: Sequence[int], size: int) -> tuple[int, float]:
    i = min(max(bisect_right(knots, size) - 1, 0), len(knots) - 2)
    share = math.log(size / knots[i]) / math.log(knots[i + 1] / knots[i])
    return i, min(max(share, 0.0), 1.0)


# How far, and how smoothly, a curve strays from its shape: a Gaussian process over log2 memory.


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
