"""By how much one mean differs from another, and how much runs of the same code differ.

All samples of a run are taken in one stretch of time, often on few hosts, so whatever the hosts do
just then (neighbours, clock, caches) shifts them together, and no interval from inside a run knows
of it. Runs of the same code at several times tell: there the error of a run's mean was `factor`
times what its samples say (a Birge ratio, by which physicists widen what several laboratories
measured), and never less than `floor`, however many the samples.
Source: R. T. Birge, The Calculation of Errors by the Method of Least Squares, Physical Review 40
(1932).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.statistics import Uncertainty
from ..frames import warm
from ..intervals import cells
from ..log_errors import LogErrors, log_errors, reach, spread
from ..run import Run
from ..summary import KEYS


@dataclass(frozen=True)
class Change:
    """After over before less 1: -0.1 is 10 % less.

    `low` and `high` hold the change of the function: they know how much runs of the same code
    differ (see `noise`). `own_low` and `own_high` hold by how much these two runs differ, by
    their samples alone. All four are NaN where a run has fewer than 3 environments.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    own_low: float = math.nan
    own_high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    @property
    def real(self) -> bool:
        """Whether it is more than runs of the same code differ."""
        return excludes_zero(self.low, self.high)

    @property
    def of_runs(self) -> bool:
        """Whether the two runs differ, but not more than runs of the same code do."""
        return not self.real and excludes_zero(self.own_low, self.own_high)

    def worse(self, max_change: float) -> bool:
        """Whether it is a regression: real, and more than `max_change` (0.05 is 5 %)."""
        return self.low > 0 and self.value > max_change


def excludes_zero(low: float, high: float) -> bool:
    """Whether an interval leaves no doubt about the direction; False where there is none."""
    return low > 0 or high < 0


def change(log_ratio: float, own: Uncertainty, widened: Uncertainty, confidence: float) -> Change:
    """From a log ratio; bounds are as far apart on the log scale to either side."""
    ends = [
        _expm1(log_ratio + side * reach(known, confidence))
        for known in (widened, own)
        for side in (-1, 1)
    ]
    return Change(_expm1(log_ratio), *ends)


def _expm1(value: float) -> float:
    return math.inf if value > 700 else math.expm1(value)


# How much runs of the same code differ: more than the samples of each by themselves can tell.


FACTOR = 2.2
FLOOR = 0.01
RUNS = 10
"""Learned from so many runs of the same code on the embedded AWS, 10 payload types at 6 sizes, in
an hour and a half on a machine that did other things in between; `tests/bench/same_code.py` learns
it again from any store. On AWS it is an assumption until runs there teach it."""

_SAME = ("function", "code_sha256", "architecture", "runtime", "region", "endpoint")


@dataclass(frozen=True)
class Noise:
    """By what to widen what runs tell of themselves; `runs` of the same code taught it."""

    factor: float = FACTOR
    floor: float = FLOOR
    runs: int = RUNS

    def widened(self, known: Uncertainty) -> Uncertainty:
        """The uncertainty of the log ratio of two runs, `known` from the samples of both."""
        # A spread between runs is known no better than so many runs can tell it.
        degrees = self.runs - 1.0
        own = Uncertainty(self.factor * known.error, min(known.degrees, degrees))
        return spread([own, Uncertainty(math.sqrt(2) * self.floor, degrees)])


KNOWN = Noise()
"""What is known beforehand."""


def noise(groups: Iterable[Sequence[Run]]) -> Noise:
    """What is known beforehand, corrected by groups of runs of the same code (see `same_code`).

    Few runs correct it little: a group of k counts as k - 1, what is known beforehand as
    `RUNS` - 1.
    """
    known = [(len(group) - 1, ratio(group)) for group in groups]
    taught = [(weight, found) for weight, found in known if found is not None]
    count = sum(weight for weight, _ in taught)
    squares = (RUNS - 1) * FACTOR**2 + sum(weight * found for weight, found in taught)
    factor = math.sqrt(squares / (RUNS - 1 + count))
    return Noise(max(factor, 1.0), FLOOR, RUNS + count)


def same_code(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of the same code in the same place, two or more in each list."""
    found: defaultdict[str, dict[str, Run]] = defaultdict(dict)
    for run in runs:
        if run.manifest.code_sha256:
            place = repr([getattr(run.manifest, name) for name in _SAME])
            found[place][run.run_id] = run
    return [list(each.values()) for each in found.values() if len(each) > 1]


def ratio(runs: Sequence[Run]) -> float | None:
    """Variance between runs over what their samples tell of it, a mean over payload types.

    None where no payload type and size was measured by all with an interval.
    """
    samples = [warm(run.samples) for run in runs]
    errors = [log_errors(each, cells(each, KEYS), {}) for each in samples]
    means = [_log_means(run) for run in runs]
    ratios = []
    for payload in runs[0].payloads:
        sizes = [m for m in runs[0].sizes if all((payload, m) in each for each in means)]
        within = _within(errors, payload, sizes) if sizes else 0.0
        if within > 0:
            values = [np.mean([each[payload, m] for m in sizes]) for each in means]
            ratios.append(max(float(np.var(values, ddof=1)) - FLOOR**2, 0.0) / within)
    return float(np.mean(ratios)) if ratios else None


def _within(errors: Sequence[LogErrors], payload: str, sizes: Sequence[int]) -> float:
    """The variance of a run's mean over sizes as the samples of the runs tell it; 0 if unknown."""
    known = [each[payload, size]["duration"].error ** 2 for each in errors for size in sizes]
    found = sum(known) / len(errors) / len(sizes) ** 2
    return 0.0 if math.isnan(found) else found


def _log_means(run: Run) -> Mapping[tuple[str, int], float]:
    grouped = warm(run.samples).groupby(["payload", "memory_mb"], observed=True)
    means = grouped["duration_ms"].mean().reset_index().itertuples(index=False, name=None)
    return {(str(payload), int(size)): math.log(ms) for payload, size, ms in means if ms > 0}
