"""Small dense matrices as lists of rows: what the posterior needs, without numpy."""

import math
from collections.abc import Sequence
from operator import mul

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
