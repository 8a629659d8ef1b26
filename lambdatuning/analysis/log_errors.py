"""How far the logarithm of each mean can be trusted: what relative changes are judged by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from ..core.statistics import MIN_GROUPS, Uncertainty, student_t
from .curves import MIX
from .intervals import Cell, Floats, Key

_MEASURES = {"duration": "duration_ms", "cost": "cost_usd"}
_UNKNOWN = Uncertainty(math.nan, math.nan)

LogErrors = dict[tuple[str, int], dict[str, Uncertainty]]
"""By payload type (or the mix) and memory size, of "duration" and "cost"."""


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


def log_errors(
    samples: DataFrame, known: Mapping[Key, Cell], weights: Mapping[str, float]
) -> LogErrors:
    """The uncertainty of each cell of one function's samples, and of the mix at each size.

    `known` are the cells, which lend each other spreads as they do for a summary; NaN where a size
    was served by fewer than 3 environments. Payload types share environments, so the mix errs by
    what each environment adds to all of its payload types (cluster-robust; see `core.intervals`).
    """
    errors: LogErrors = {
        (payload, size): dict(zip(_MEASURES, cell.known or (_UNKNOWN, _UNKNOWN), strict=True))
        for (_, _, payload, size), cell in known.items()
    }
    means = _groups(samples)
    for size in sorted({size for _, size in means}):
        parts = {p: means[p, size] for p in weights if weights[p] > 0 and (p, size) in means}
        if parts:
            errors[MIX, size] = _mixed(parts, weights)
    return errors


def spread(errors: list[Uncertainty], weight: float = 1.0) -> Uncertainty:
    """The uncertainty of `weight` times the sum of independent terms (Welch and Satterthwaite)."""
    variances = [each.error**2 for each in errors]
    total = math.fsum(variances)
    if math.isnan(total) or not total:
        return Uncertainty(weight * math.sqrt(total), 1.0 if math.isnan(total) else math.inf)
    bottom = math.fsum(v * v / e.degrees for v, e in zip(variances, errors, strict=True))
    return Uncertainty(weight * math.sqrt(total), total**2 / bottom if bottom else math.inf)


def reach(known: Uncertainty, confidence: float) -> float:
    """How far the interval with `confidence` reaches to either side; NaN where nothing is known."""
    if math.isnan(known.error) or not known.error:
        return known.error
    return student_t(0.5 + confidence / 2, known.degrees) * known.error


def _groups(samples: DataFrame) -> dict[tuple[str, int], Groups]:
    named = samples.assign(environment=samples["environment"].astype(str))
    grouped = named.groupby(["payload", "memory_mb", "environment"], observed=True)
    table = grouped[list(_MEASURES.values())].mean().assign(n=grouped.size()).reset_index()
    return {
        (str(payload), int(str(size))): Groups(
            tuple(rows["environment"]),
            rows["n"].to_numpy(float),
            rows[list(_MEASURES.values())].to_numpy(float),
        )
        for (payload, size), rows in table.groupby(["payload", "memory_mb"], observed=True)
    }


def _mixed(parts: Mapping[str, Groups], weights: Mapping[str, float]) -> dict[str, Uncertainty]:
    added: dict[str, Floats] = {}
    centre = np.zeros(len(_MEASURES))
    for payload, groups in parts.items():
        centre += weights[payload] * groups.centre
        shares = groups.sizes / groups.sizes.sum()
        off = weights[payload] * shares[:, None] * (groups.means - groups.centre)
        for environment, each in zip(groups.environments, off, strict=True):
            added[environment] = added.get(environment, np.zeros(len(_MEASURES))) + each
    count = len(added)
    if count < MIN_GROUPS:
        return dict.fromkeys(_MEASURES, _UNKNOWN)
    squares = np.square(list(added.values())).sum(axis=0) * count / (count - 1)
    errors = np.sqrt(squares) / centre
    return {
        name: Uncertainty(float(error), count - 1.0)
        for name, error in zip(_MEASURES, errors, strict=True)
    }
