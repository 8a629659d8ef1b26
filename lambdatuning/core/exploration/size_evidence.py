"""What the samples of one payload type say about one size: a location, and how far to trust it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ..statistics import quantile
from .groups import Group, joined, log_ms
from .locations import location_factor
from .question import Observation

_P95 = 1.645
_TAIL_COUNT = 20
"""A p95 is read from this many samples; from fewer it follows from their spread."""
_POOLED_WEIGHT, _CLIP = 2.0, 4.0
"""How many samples the spread of all sizes is worth against a size's own: of the published traces
the spread of single sizes differs from that of their function by a factor of 1.8 (its log by 0.6),
as if two samples had told of it. An outlier counts as if it lay so many spreads away."""
_KNOWN_DEGREES = 4.0
"""A spread that few samples tell of is allowed to be larger: as Student's t of so many degrees of
freedom, and of one more for each further sample, is wider than a normal distribution. Of as few as
two degrees the variance would be infinite."""
_DIFFERS = 0.04
"""Environments that differ so much (log) are weighed alike, however many samples each has."""
_DRIFT_COUNT, _DRIFT_ERRORS, _MEDIAN_VARIANCE = 10, 3.5, 1.5


@dataclass(frozen=True, slots=True)
class SizeEvidence:
    """What is known of one size.

    `count` are its warm samples, `calls` all that tell of it. `log_ms` estimates the log of the
    trimmed mean duration, as well as `even` execution environments with `alike` samples in all
    would. In log: `sd_log` is the spread of single invocations, `drift` how far the size moved
    while it was measured and `doubt` how far its samples lie apart where most do not agree (both
    mostly 0), `tail_log` p95 over the mean. `excess_ms` is what billing adds by rounding up.
    """

    memory_mb: int
    count: int
    calls: int
    log_ms: float
    sd_log: float
    environments: int
    alike: float
    even: float
    excess_ms: float
    tail_log: float
    drift: float
    doubt: float

    def variance(self, between: float, more: float = 0.0, new: int = 0) -> float:
        """Of `log_ms`, had it `more` samples and `new` environments; `between` is the variance
        of single environments around their mean. A further sample says which others to believe."""
        samples = self.sd_log**2 * location_factor(self.alike + more)
        doubt = (self.doubt / (1 + more)) ** 2
        return samples + doubt + between / (self.even + new) + self.drift**2 / 4


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a size lies (log), the weight of each of its environments, and the doubt."""

    log_ms: float
    shares: Sequence[float]
    doubt: float


def size_evidence(
    memory_mb: int,
    seen: Sequence[Observation],
    groups: Sequence[Group],
    pooled: float,
    between: float,
) -> SizeEvidence:
    """What `seen`, of which `groups` are the durations, says of a size; `pooled` is the spread of
    all sizes, `between` how much execution environments are expected to differ (both log)."""
    warm = [one for one in seen if not one.cold]
    logs = [log_ms(one) for one in warm]
    spread = _spread(groups, pooled)
    place = _place(groups, spread, between)
    tail = quantile(logs, 0.95) - place.log_ms if len(logs) >= _TAIL_COUNT else _P95 * spread
    excess = sum(one.billed_ms - one.duration_ms for one in warm)
    weighed = list(zip(place.shares, groups, strict=True))
    return SizeEvidence(
        memory_mb=memory_mb,
        count=len(warm),
        calls=sum(len(group.logs) for group in groups),
        log_ms=place.log_ms,
        sd_log=spread * _allowance(groups),
        environments=len(groups),
        alike=1 / sum(share**2 / group.weight for share, group in weighed),
        even=1 / sum(share**2 for share in place.shares),
        # Rounding up adds half a millisecond on average: worth two samples.
        excess_ms=max((excess + 1.0) / (len(warm) + 2), 0.0),
        tail_log=max(tail, 0.0),
        drift=_drift(logs, spread) if len(groups) == 1 else 0.0,
        doubt=place.doubt,
    )


def _spread(groups: Sequence[Group], pooled: float) -> float:
    degrees = sum(group.degrees for group in groups)
    squares = sum(group.squares(_CLIP * pooled, group.location(pooled)) for group in groups)
    return math.sqrt((_POOLED_WEIGHT * pooled**2 + squares) / (_POOLED_WEIGHT + degrees))


def _allowance(groups: Sequence[Group]) -> float:
    """How much larger a spread counts that is known from few samples."""
    degrees = _KNOWN_DEGREES + sum(group.degrees for group in groups)
    return math.sqrt(degrees / (degrees - 2))


def _place(groups: Sequence[Group], spread: float, between: float) -> _Place:
    """Each environment counts by its samples where environments are alike, else nearly the same."""
    if len(groups) == 1 or between < _DIFFERS:
        whole = joined(groups)
        shares = [group.weight / whole.weight for group in groups]
        return _Place(whole.location(spread), shares, whole.doubt(spread))
    weights = [1 / (between**2 + spread**2 / group.weight) for group in groups]
    shares = [weight / sum(weights) for weight in weights]
    places = [group.location(spread) for group in groups]
    return _Place(sum(w * v for w, v in zip(shares, places, strict=True)), shares, 0.0)


def _drift(logs: Sequence[float], spread: float) -> float:
    """How far the later half lies from the earlier one, where chance does not explain it."""
    half = len(logs) // 2
    if len(logs) < _DRIFT_COUNT:
        return 0.0
    early, late = median(logs[:half]), median(logs[-half:])
    squares = sum((v - early) ** 2 for v in logs[:half]) + sum(
        (v - late) ** 2 for v in logs[-half:]
    )
    # A drift widens the spread of the whole, but hardly that of its halves.
    apart = min(spread, math.sqrt(squares / (2 * half - 2)))
    moved = abs(late - early)
    return moved if moved > _DRIFT_ERRORS * apart * math.sqrt(2 * _MEDIAN_VARIANCE / half) else 0.0
