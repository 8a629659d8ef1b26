"""Spreads that cells of one run lend to each other, where each has few environments of its own.

Three environments say nearly nothing about how much environments differ: Student's t with two
degrees of freedom makes intervals ten times as wide as their standard error. But a run has tens of
cells (payload types at sizes), and how much their environments differ is no new question in each.
So the variance between environments of each cell is drawn towards what is usual in cells that are
as noisy inside, the more, the more alike the cells of the run are: empirical Bayes.
Source: G. K. Smyth, Linear Models and Empirical Bayes Methods for Assessing Differential Expression
in Microarray Experiments, Statistical Applications in Genetics and Molecular Biology 3 (2004);
the trend is that of its package limma.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.intervals import Uncertainty
from .intervals import MIN_ENVIRONMENTS, Clusters, Floats, uncertainties

Name = TypeVar("Name")

MIN_CELLS = 6
"""With fewer cells each stands on its own."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How environments of one cell differ, relative to its mean: `between` is their variance.

    It comes with `degrees` of freedom. `within` is what it would be if environments were alike,
    from the noise inside them. `share` is the sum of squares of the environments' shares, hence
    share x between the squared relative error of the mean.
    """

    between: float
    degrees: float
    within: float
    share: float


def spread(groups: Clusters, column: int) -> Spread:
    """The spread of one column of a cell; of one environment it is 0 with 0 degrees of freedom."""
    sizes, values = groups.sizes, groups.values[:, column]
    n, centre = int(sizes.sum()), float(values.mean()) or 1.0
    shares = sizes / n
    squares = float((shares**2).sum())
    alone = len(sizes) == 1
    known = Uncertainty(0.0, 0.0) if alone else uncertainties(groups)[column]
    inside = values - np.repeat(groups.means[:, column], sizes)
    free = n - len(sizes)
    noise = float((inside**2).sum()) / free if free else 0.0
    return Spread(
        between=known.error**2 / centre**2 / squares,
        degrees=known.degrees,
        within=noise / n / centre**2 / squares,
        share=squares,
    )


def of_cells(groups: Mapping[Name, Clusters]) -> dict[Name, list[Uncertainty]]:
    """The relative error of each column's mean, for each cell; cells lend to each other.

    A cell of one or two environments lives on what others lend; where there are too few others, it
    is left out.
    """
    columns = next((each.values.shape[1] for each in groups.values()), 0)
    spreads = [[spread(each, column) for each in groups.values()] for column in range(columns)]
    known = [moderated(column) for column in spreads]
    lent = all(sum(cell.between > 0 for cell in column) >= MIN_CELLS for column in spreads)
    return {
        key: [column[n] for column in known]
        for n, (key, each) in enumerate(groups.items())
        if lent or len(each.sizes) >= MIN_ENVIRONMENTS
    }


def moderated(cells: Sequence[Spread]) -> list[Uncertainty]:
    """The relative error of each cell's mean with its degrees of freedom, all cells considered."""
    between = np.array([cell.between for cell in cells], float)
    degrees = np.array([cell.degrees for cell in cells], float)
    known = between > 0
    if known.sum() >= MIN_CELLS:
        usual, prior = _prior(cells, known)
        total = np.minimum(degrees + prior, degrees[known].sum())
        lent = 1 - degrees / (prior + degrees)
        between = np.where(known, lent * usual + (1 - lent) * between, between)
        degrees = np.where(known, total, degrees)
        alone = degrees == 0
        between = np.where(alone, usual, between)
        degrees = np.where(alone, min(prior, degrees[known].max()), degrees)
    shares = np.array([cell.share for cell in cells], float)
    pairs = zip(np.sqrt(between * shares).tolist(), degrees.tolist(), strict=True)
    return [Uncertainty(*pair) for pair in pairs]


def _prior(cells: Sequence[Spread], known: NDArray[np.bool_]) -> tuple[Floats, float]:
    """The usual variance for each cell, and how many degrees of freedom that is worth."""
    between, degrees, within = (
        np.array([getattr(cell, name) for cell in cells], float)
        for name in ("between", "degrees", "within")
    )
    half = degrees[known] / 2
    height = np.log(between[known]) - digamma(half) + np.log(half)
    place = np.log(np.maximum(within, between[known].min() * 1e-3))
    slope, level = _trend(place[known], height)
    left = height - level - slope * place[known]
    excess = float((left**2).sum() / (len(left) - 2) - trigamma(half).mean())
    prior = 2 * _trigamma_inverse(excess) if excess > 0 else np.inf
    usual = level + slope * place
    if np.isfinite(prior):
        half_prior = np.array([prior / 2])
        usual = usual + float((digamma(half_prior) - np.log(half_prior))[0])
    return np.exp(usual), float(prior)


def _trend(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope (0: hosts decide; 1: the noise inside them does) and level of a line."""
    away = x - x.mean()
    square = float((away**2).sum())
    slope = float((away * y).sum()) / square if square > 0 else 0.0
    slope = min(max(slope, 0.0), 1.0)
    return slope, float(y.mean() - slope * x.mean())


def digamma(x: Floats) -> Floats:
    """The derivative of log gamma, for x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18)."""
    steps = np.arange(10)
    low = (1 / (x[:, None] + steps)).sum(axis=1)
    z = x + 10
    found: Floats = np.log(z) - 1 / (2 * z) - 1 / (12 * z**2) + 1 / (120 * z**4) - low
    return found


def trigamma(x: Floats) -> Floats:
    """The derivative of `digamma`, for x > 0 (Abramowitz and Stegun 6.4.6, 6.4.12)."""
    steps = np.arange(10)
    low = (1 / (x[:, None] + steps) ** 2).sum(axis=1)
    z = x + 10
    found: Floats = 1 / z + 1 / (2 * z**2) + 1 / (6 * z**3) - 1 / (30 * z**5) + low
    return found


def _trigamma_inverse(y: float) -> float:
    """Where `trigamma`, which falls, is `y`; by bisection of the logarithm."""
    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        if float(trigamma(np.array([np.exp(middle)]))[0]) > y:
            low = middle
        else:
            high = middle
    return float(np.exp(high))
