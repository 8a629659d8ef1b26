"""By how much one mean differs from another, and how sure that is."""

import math
from dataclasses import dataclass

from ...core.intervals import Uncertainty
from ..statistics.log_errors import reach


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
