"""How far the logarithm of each mean can be trusted: what relative changes are judged by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...core.statistics.means import MIN_GROUPS, Uncertainty, student_t
from ..curves import MIX
from ..intervals import Cell, Floats, Key

_MEASURES = ("duration", "cost")


class ErrorSource(Protocol):
    """Anything that knows how far an interval reaches below and above it, as logarithms."""

    def log_errors(self, confidence: float) -> tuple[float, float]:
        """Both reaches, not below 0."""


@dataclass(frozen=True, slots=True)
class Normal:
    """An error that is alike to both sides, on a log scale."""

    uncertainty: Uncertainty

    def log_errors(self, confidence: float) -> tuple[float, float]:
        """Student's t times the standard error, twice."""
        if not self.uncertainty.error:
            return 0.0, 0.0
        reach = student_t(0.5 + confidence / 2, self.uncertainty.degrees) * self.uncertainty.error
        return reach, reach


@dataclass(frozen=True, slots=True)
class Widest:
    """On each side the one of several errors that reaches farthest."""

    sources: tuple[ErrorSource, ...]

    def log_errors(self, confidence: float) -> tuple[float, float]:
        """The largest reach below, and above."""
        pairs = [source.log_errors(confidence) for source in self.sources]
        return max(low for low, _ in pairs), max(high for _, high in pairs)


@dataclass(frozen=True, slots=True)
class LogError:
    """The error of a weighted sum of independent log means; unknown where a source lacks.

    Squared reaches add, each side by itself (MOVER: G. Y. Zou, A. Donner, Statistics in Medicine
    27, 2008); what has a negative weight changes sides.
    """

    sources: tuple[tuple[float, ErrorSource], ...]
    is_known: bool = True

    def log_errors(self, confidence: float) -> tuple[float, float]:
        """How far the interval reaches below and above; NaN where it is not known."""
        if not self.is_known:
            return math.nan, math.nan
        below = above = 0.0
        for weight, source in self.sources:
            low, high = source.log_errors(confidence)
            if weight < 0:
                low, high = high, low
            below += (weight * low) ** 2
            above += (weight * high) ** 2
        return math.sqrt(below), math.sqrt(above)

    def times(self, weight: float) -> "LogError":
        """The error of so many times the sum."""
        return LogError(
            tuple((weight * own, source) for own, source in self.sources), self.is_known
        )

    @property
    def variance(self) -> float:
        """That of a normal variable whose interval is as wide."""
        low, high = self.log_errors(0.95)
        return ((low + high) / 2 / 1.96) ** 2


UNKNOWN = LogError((), is_known=False)
LogErrors = dict[tuple[str, int], dict[str, LogError]]
"""By payload type (or the mix) and memory size, of "duration" and "cost"."""


def added(errors: Sequence[LogError]) -> LogError:
    """The error of the sum of independent terms."""
    sources = tuple(source for error in errors for source in error.sources)
    return LogError(sources, all(error.is_known for error in errors))


@dataclass(frozen=True)
class Groups:
    """Invocations, and their means (environments x measures), by execution environment."""

    environments: tuple[str, ...]
    sizes: Floats
    means: Floats

    @property
    def centre(self) -> Floats:
        """The means of all invocations, one a measure."""
        return np.average(self.means, axis=0, weights=self.sizes)


def log_errors(by_key: Mapping[Key, Cell], weights: Mapping[str, float]) -> LogErrors:
    """The error of each cell of one function, and of the mix at each size.

    The cells lend each other spreads and tails as they do for a summary; not known where a size
    was served by fewer than 3 environments. Payload types share environments, so the mix errs at
    least by what each environment adds to all of its payload types (cluster-robust; see
    `core.statistics`).
    """
    errors = cell_errors(by_key)
    means = {(payload, size): _groups(cell) for (_, _, payload, size), cell in by_key.items()}
    for size in sorted({size for _, size in means}):
        parts = {p: means[p, size] for p in weights if weights[p] > 0 and (p, size) in means}
        if parts:
            errors[MIX, size] = _mixed(parts, {p: errors[p, size] for p in parts}, weights)
    return errors


def cell_errors(by_key: Mapping[Key, Cell]) -> LogErrors:
    """The error of each cell of one function, by itself."""
    errors: LogErrors = {}
    for (_, _, payload, size), cell in by_key.items():
        own = [LogError(((1.0, error),)) for error in cell.mean_errors or ()]
        errors[payload, size] = dict(zip(_MEASURES, own or (UNKNOWN, UNKNOWN), strict=True))
    return errors


def _groups(cell: Cell) -> Groups:
    own = cell.groups
    means = np.add.reduceat(own.values, own.starts) / own.sizes[:, None]
    return Groups(cell.environments, own.sizes.astype(float), means)


def _mixed(
    parts: Mapping[str, Groups],
    errors: Mapping[str, Mapping[str, LogError]],
    weights: Mapping[str, float],
) -> dict[str, LogError]:
    together: dict[str, Floats] = {}
    centre = np.zeros(len(_MEASURES))
    for payload, groups in parts.items():
        centre += weights[payload] * groups.centre
        shares = groups.sizes / groups.sizes.sum()
        off = weights[payload] * shares[:, None] * (groups.means - groups.centre)
        for environment, offset in zip(groups.environments, off, strict=True):
            together[environment] = together.get(environment, np.zeros(len(_MEASURES))) + offset
    count = len(together)
    if count < MIN_GROUPS:
        return dict.fromkeys(_MEASURES, UNKNOWN)
    squares = np.square(list(together.values())).sum(axis=0) * count / (count - 1)
    by_measure = {}
    for k, measure in enumerate(_MEASURES):
        own = Normal(Uncertainty(float(np.sqrt(squares[k]) / centre[k]), count - 1.0))
        shares = {p: weights[p] * float(g.centre[k] / centre[k]) for p, g in parts.items()}
        apart = added([errors[p][measure].times(share) for p, share in shares.items()])
        by_measure[measure] = (
            LogError(((1.0, Widest((own, apart))),)) if apart.is_known else UNKNOWN
        )
    return by_measure
