"""How much execution environments differ, of which the cells of one run lend each other knowledge.

Three environments say nearly nothing about how much environments differ: Student's t with two
degrees of freedom makes intervals ten times as wide as their standard error. But a run has many
cells (payload types at memory sizes), and how much their environments differ is no new question in
each. So the variance between environments of each cell is drawn towards what is usual in cells that
are as noisy inside, the more, the more alike the cells of the run are: empirical Bayes. A cell
whose environments differ more than chance explains among such cells is lent less.
Sources: G. K. Smyth, Linear Models and Empirical Bayes Methods for Assessing Differential
Expression in Microarray Experiments, Statistical Applications in Genetics and Molecular Biology 3
(2004), whose trend is that of the package limma; B. Phipson, S. Lee, I. J. Majewski, W. S.
Alexander, G. K. Smyth, Robust Hyperparameter Estimation Protects against Hypervariable Genes,
Annals of Applied Statistics 10 (2016).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .means import MIN_GROUPS, Uncertainty, incomplete_beta

MIN_CELLS = 6
"""With fewer cells each stands on its own."""

_CHANCE = 0.15
"""A cell whose environments differ as much as this with a smaller probability is lent less."""

_CERTAIN, _FEW = 0.01, 5
"""Below this probability (over all cells) a cell does not tell what is usual; at most one in five
cells."""

_LEAST = 1e-18


@dataclass(frozen=True, slots=True)
class Spread:
    """How environments of one cell differ, relative to its mean: `between` is their variance.

    It comes with `degrees` of freedom, 0 of one environment. `within` is what it would be if
    environments were alike, from the noise inside them. `share` is the sum of squares of the
    shares of the `environments`, hence share x between the squared relative error of the mean.
    """

    environments: int
    between: float
    degrees: float
    within: float
    share: float

    @property
    def alone(self) -> Uncertainty | None:
        """The relative error by this cell's own environments; None with fewer than 3 of them."""
        if self.environments < MIN_GROUPS:
            return None
        return Uncertainty(math.sqrt(self.between * self.share), self.degrees)


def moderated(cells: Sequence[Spread]) -> list[Uncertainty | None]:
    """The relative error of each cell's mean, all cells considered.

    A cell of one or two environments lives on what others lend: None where there are too few
    others. With fewer than 6 cells each stands on its own.
    """
    estimated = [cell for cell in cells if cell.degrees > 0 and cell.between > 0]
    if len(estimated) < MIN_CELLS:
        return [cell.alone for cell in cells]
    usual = _Usual.of(estimated)
    return [usual.lent_to(cell) for cell in cells]


@dataclass(frozen=True, slots=True)
class _Usual:
    """The usual variance between environments: a line over the noise inside them, on log scales.

    `prior` is how many degrees of freedom it is worth to a cell, `most` those of all cells
    together, `largest` the most that one cell has.
    """

    slope: float
    x: float
    y: float
    prior: float
    most: float
    largest: float

    @classmethod
    def of(cls, cells: Sequence[Spread]) -> "_Usual":
        """By all cells but those that are far beyond what is usual in the others."""
        kept, usual = list(cells), cls._by(cells)
        for _ in range(len(cells) // _FEW):
            worst = max(kept, key=lambda cell: cell.between / usual.variance(cell))
            kept.remove(worst)
            without = cls._by(kept)
            if without.chance(worst) > _CERTAIN / len(cells):
                break
            usual = without
        return usual

    @classmethod
    def _by(cls, cells: Sequence[Spread]) -> "_Usual":
        xs = [math.log(max(cell.within, _LEAST)) for cell in cells]
        halves = [cell.degrees / 2 for cell in cells]
        logs = [math.log(cell.between) for cell in cells]
        ys = [y - digamma(h) + math.log(h) for y, h in zip(logs, halves, strict=True)]
        x0, y0 = fmean(xs), fmean(ys)
        square = math.fsum((x - x0) ** 2 for x in xs)
        along = math.fsum((x - x0) * (y - y0) for x, y in zip(xs, ys, strict=True))
        # 0: hosts alone make environments differ; 1: the noise inside them does.
        slope = min(max(along / square, 0.0), 1.0) if square else 0.0
        off = (y - y0 - slope * (x - x0) for x, y in zip(xs, ys, strict=True))
        excess = math.fsum(each**2 for each in off) / (len(cells) - 2)
        excess -= fmean(map(trigamma, halves))
        prior = 2 * _trigamma_inverse(excess) if excess > 0 else math.inf
        if math.isfinite(prior):
            y0 += digamma(prior / 2) - math.log(prior / 2)
        degrees = [cell.degrees for cell in cells]
        return cls(slope, x0, y0, prior, math.fsum(degrees), max(degrees))

    def variance(self, cell: Spread) -> float:
        """What is usual in cells that are as noisy inside."""
        return math.exp(self.y + self.slope * (math.log(max(cell.within, _LEAST)) - self.x))

    def chance(self, cell: Spread) -> float:
        """The probability that environments differ as much as in this cell."""
        return _beyond(cell.between / self.variance(cell), cell.degrees, self.prior)

    def lent_to(self, cell: Spread) -> Uncertainty:
        """The relative error of a cell with what the others lend it."""
        usual = self.variance(cell)
        if cell.degrees <= 0:
            return Uncertainty(math.sqrt(usual * cell.share), max(min(self.prior, self.largest), 1))
        chance = self.chance(cell)
        prior = self.prior if chance >= _CHANCE else min(self.prior, self.most) * chance / _CHANCE
        own = cell.degrees / (prior + cell.degrees)
        between = own * cell.between + (1 - own) * usual
        degrees = min(cell.degrees + prior, self.most)
        return Uncertainty(math.sqrt(between * cell.share), max(degrees, 1.0))


def _beyond(ratio: float, degrees: float, prior: float) -> float:
    """The probability that the F distribution is above `ratio`; of chi square without an end."""
    second = min(prior, 1e6)
    return incomplete_beta(second / 2, degrees / 2, second / (second + degrees * max(ratio, 0.0)))


def digamma(x: float) -> float:
    """The derivative of log gamma, for x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18)."""
    z = x + 10
    low = math.fsum(1 / (x + step) for step in range(10))
    return math.log(z) - 1 / (2 * z) - 1 / (12 * z**2) + 1 / (120 * z**4) - low


def trigamma(x: float) -> float:
    """The derivative of `digamma`, for x > 0 (Abramowitz and Stegun 6.4.6, 6.4.12)."""
    z = x + 10
    low = math.fsum(1 / (x + step) ** 2 for step in range(10))
    return 1 / z + 1 / (2 * z**2) + 1 / (6 * z**3) - 1 / (30 * z**5) + low


def _trigamma_inverse(y: float) -> float:
    """Where `trigamma`, which falls, is `y`; by bisection of the logarithm."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if trigamma(math.exp(middle)) > y else (low, middle)
    return math.exp(high)
