"""By how much one mean differs from another, and how much runs of the same code differ.

All samples of a run are taken in one stretch of time, often on few hosts, so whatever the hosts do
just then (neighbours, clock, caches) shifts them together, and no interval from inside a run knows
of it, however many its samples. Runs of the same code at several times tell: their means differ by
what samples explain and, beside it, by a variance between runs, which is estimated by restricted
maximum likelihood as in a meta-analysis (here by its moment equation, after Paule and Mandel).
Sources: R. C. Paule, J. Mandel, Consensus Values and Weighting Factors, Journal of Research of the
National Bureau of Standards 87 (1982); A. A. Veroniki and others, Methods to Estimate the
Between-Study Variance and its Uncertainty in Meta-Analysis, Research Synthesis Methods 7 (2016).
Few runs tell it badly, so it has a prior, and what it bounds has the t distribution that follows
(A. Gelman and others, Bayesian Data Analysis, 3rd edition, 2013, sections 2.6 and 3.2).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from ...core.statistics.means import CONFIDENCE, student_t
from ..run import Run
from .log_errors import LogError, LogErrors, added, cell_errors


@dataclass(frozen=True)
class Difference:
    """After over before less 1: -0.1 is 10 % less.

    `low` and `high` hold the change of the function: they know how much runs of the same code
    differ (see `noise`). `own_low` and `own_high` hold by how much these two runs differ, by
    their samples alone. A change of `least` or more would have been found four times in five. All
    are NaN where a run has fewer than 3 environments. `few_runs`: how much runs of the same code
    differ is more assumed than measured.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    own_low: float = math.nan
    own_high: float = math.nan
    least: float = math.nan
    few_runs: bool = field(default=False, kw_only=True)

    @property
    def has_interval(self) -> bool:
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


def change(log_ratio: float, own: LogError, noise: "Noise", confidence: float) -> Difference:
    """From a log ratio and its error by the samples of both runs, and the noise between runs."""
    widened = noise.widened(own)
    (low, high), (own_low, own_high) = (
        (_expm1(log_ratio - below), _expm1(log_ratio + above))
        for below, above in (error.log_errors(confidence) for error in (widened, own))
    )
    least = _expm1(widened.log_errors(confidence)[0] + widened.log_errors(_POWER)[1])
    few_runs = noise.degrees < DEGREES + ENOUGH_RUNS - 1
    return Difference(_expm1(log_ratio), low, high, own_low, own_high, least, few_runs=few_runs)


def _expm1(value: float) -> float:
    return math.inf if value > 700 else math.expm1(value)


# How much runs of the same code differ: more than the samples of each by themselves can tell.


SD, FLOOR, DEGREES = 0.025, 0.01, 3.0
"""The spread (log) between runs of the same code that is taken where no runs taught it, the least
that is believed, and with how many degrees of freedom it is known, which is what it counts beside
runs that teach. So half of all functions are taken to differ by less than 2.8 % from run to run and
one in seven by more than 5 %: quiet hosts and shared ones. False alarms stay below 2 % for each
spread from 1 to 5 %, whether 0 or 30 runs teach (`tests.bench.same_code`)."""

ENOUGH_RUNS = 5
"""From so many runs of the same code on they tell more of how much they differ than is assumed."""

_POWER = 0.6
"""Two-sided confidence whose one side is passed four times in five."""

_ONE_TYPE = 1 - (1 - CONFIDENCE) / 4
"""The share below a bound of either of the two measures of one payload type (Bonferroni)."""

_NORMAL = NormalDist()
_SAME = ("function", "code_sha256", "architecture", "runtime", "region", "endpoint")


@dataclass(frozen=True)
class Noise:
    """How much means of runs of the same code differ (log) beside what their samples explain, known
    with so many degrees of freedom."""

    sd: float = SD
    degrees: float = DEGREES

    def widened(self, own: LogError) -> LogError:
        """The error of the log ratio of two runs, `own` from the samples of both."""
        return added([own, LogError(((math.sqrt(2), self),))])

    def log_errors(self, confidence: float) -> tuple[float, float]:
        """How far one run may lie from what runs of its code have on average, to both sides.

        The spread is one for all that is judged together, so only the first pair of measures pays
        for how little is known of it (Student's t); further payload types cost what they do where
        it is known (the normal quantile): an approximation of the multivariate t distribution,
        which Bonferroni's would exceed twice with few degrees of freedom.
        """
        share = 0.5 + confidence / 2
        first = min(share, _ONE_TYPE)
        further = _NORMAL.inv_cdf(share) / _NORMAL.inv_cdf(first) if share > first else 1.0
        reach = self.sd * student_t(first, self.degrees) * further
        return reach, reach


PRIOR_NOISE = Noise()
"""What is known beforehand."""


def noise(groups: Iterable[Sequence[Run]]) -> Noise:
    """What is known beforehand, corrected by groups of runs of the same code (see `same_code`).

    A group of k runs counts as k - 1, what is known beforehand as `DEGREES`.
    """
    variances = [(len(group) - 1, between_runs(group)) for group in groups]
    return learnt([(count, variance) for count, variance in variances if variance is not None])


def learnt(variances: Sequence[tuple[int, float]]) -> Noise:
    """The noise by variances between runs, each with its degrees of freedom, and by what is known
    beforehand: the posterior of a scaled inverse chi-square prior."""
    count = sum(count for count, _ in variances)
    squares = sum(count * variance for count, variance in variances)
    variance = (DEGREES * SD**2 + squares) / (DEGREES + count)
    return Noise(math.sqrt(max(variance, FLOOR**2)), DEGREES + count)


def same_code(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs of the same code in the same place, two or more in each list."""
    by_code: defaultdict[str, dict[str, Run]] = defaultdict(dict)
    for run in runs:
        if run.manifest.code_sha256:
            place = repr([getattr(run.manifest, name) for name in _SAME])
            by_code[place][run.run_id] = run
    return [list(group.values()) for group in by_code.values() if len(group) > 1]


def between_runs(runs: Sequence[Run]) -> float | None:
    """The variance (log) between runs of the same code beside that of their samples, a mean over
    payload types; None where no payload type and size was measured by all with an interval."""
    errors = [cell_errors(run.cells) for run in runs]
    means = [_log_means(run) for run in runs]
    variances = []
    for payload in runs[0].payloads:
        sizes = [m for m in runs[0].sizes if all((payload, m) in by_cell for by_cell in means)]
        inside = [_variance(by_cell, payload, sizes) for by_cell in errors] if sizes else []
        if inside and all(map(math.isfinite, inside)):
            values = [float(np.mean([by_cell[payload, m] for m in sizes])) for by_cell in means]
            variances.append(paule_mandel(values, inside))
    return float(np.mean(variances)) if variances else None


def paule_mandel(values: Sequence[float], variances: Sequence[float]) -> float:
    """The variance between values of which each errs by a variance of its own; not below 0.

    It is the one with which the weighted squares of distances are as large as expected.
    """

    def excess(between: float) -> float:
        weights = [1 / (own + between) for own in variances]
        centre = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
        squares = (w * (v - centre) ** 2 for w, v in zip(weights, values, strict=True))
        return math.fsum(squares) - (len(values) - 1)

    low, high = 0.0, float(np.var(values, ddof=1)) + 1e-12
    if min(variances) <= 0 or excess(low) <= 0:
        return low if min(variances) > 0 else high
    while excess(high) > 0:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _variance(errors: LogErrors, payload: str, sizes: Sequence[int]) -> float:
    """That of the mean over sizes, as the samples of a run tell it."""
    terms = [errors[payload, size]["duration"].times(1 / len(sizes)) for size in sizes]
    return added(terms).variance


def _log_means(run: Run) -> Mapping[tuple[str, int], float]:
    if run.cold_only:
        return {}
    means = {key[2:]: float(cell.groups.values[:, 0].mean()) for key, cell in run.cells.items()}
    return {cell: math.log(ms) for cell, ms in means.items() if ms > 0}
