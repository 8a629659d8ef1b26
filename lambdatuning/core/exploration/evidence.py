"""What the samples of one payload type say about each size: a location and how far to trust it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ..statistics import quantile
from .prior import Prior
from .question import Observation

TRIM = 0.2
MIN_MS = 0.3
_P95 = 1.645
_TAIL_COUNT = 20
"""A p95 is read from this many samples; from fewer it follows from their spread."""
_POOL_WEIGHT = 2.0
"""How many samples the spread that the prior expects is worth."""
_OWN_WEIGHT = 4.0
"""How many samples the pooled spread is worth against a size's own."""
_CLIP, _OWN_CLIP = 3.0, 4.0
"""An outlier counts as if it lay this many spreads away."""
_ROBUST_VARIANCE = 1.15
"""Variance of a trimmed mean or a median over that of a mean, for spreads with tails."""
_ENVIRONMENT_SD, _ENVIRONMENT_WEIGHT = 0.007, 2.0
_DRIFT_COUNT, _DRIFT_ERRORS = 6, 3.5


@dataclass(frozen=True, slots=True)
class SizeEvidence:
    """What is known of one size.

    `log_ms` estimates the log of the trimmed mean duration; `sd_log` is the spread of single
    invocations, `drift` how far the size moved while it was measured (log, 0 if it did not),
    `excess_ms` what billing adds by rounding up, `tail_log` the log of p95 over the mean.
    """

    memory_mb: int
    count: int
    log_ms: float
    sd_log: float
    environments: int
    excess_ms: float
    tail_log: float
    drift: float

    def variance(self, between: float, more: int = 0, new: int = 0) -> float:
        """Of `log_ms`, had it `more` samples and `new` environments; `between` is the variance
        of single environments around their mean."""
        samples = self.sd_log**2 * location_factor(self.count + more)
        return samples + between / (self.environments + new) + self.drift**2 / 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sizes of one payload type.

    `degrees` says how well the pooled spread `sd_log` is known. `environment_sd` is how much
    execution environments differ (log) and `environment_degrees` by how many comparisons that is
    known: with 0 of them it is a guess. `named` says whether every sample names its environment.
    """

    sizes: tuple[SizeEvidence, ...]
    sd_log: float
    degrees: float
    environment_sd: float
    environment_degrees: int
    named: bool

    def at(self, memory_mb: int) -> SizeEvidence | None:
        """What is known of a size; None where it has no warm success."""
        return next((size for size in self.sizes if size.memory_mb == memory_mb), None)


def gather(observations: Iterable[Observation], prior: Prior) -> Evidence:
    """The evidence in one payload type's warm successes, given in the order they were made."""
    found: dict[int, list[Observation]] = defaultdict(list)
    for seen in observations:
        if not seen.cold and not seen.error and seen.duration_ms > 0:
            found[seen.memory_mb].append(seen)
    logs = {size: [_log(o) for o in found[size]] for size in sorted(found)}
    pooled, degrees = _pooled(logs, prior)
    between, comparisons = _between(found.values(), pooled)
    sizes = tuple(_size(size, found[size], logs[size], pooled) for size in logs)
    named = all(one.environment for seen in found.values() for one in seen)
    return Evidence(sizes, pooled, degrees, between, comparisons, named)


def location_ms(values: Iterable[float]) -> float:
    """Power Tuning's trimmed mean; the median of three or four, too few to trim."""
    ordered = sorted(values)
    count = len(ordered)
    if count in {3, 4}:
        return median(ordered)
    cut = int(count * TRIM)
    return fmean(ordered[cut : count - cut])


def location_factor(count: int) -> float:
    """Variance of the location of `count` samples over the variance of one."""
    return (1.0 if count < 3 else _ROBUST_VARIANCE) / count


def _log(seen: Observation) -> float:
    return math.log(max(seen.duration_ms, MIN_MS))


def _size(
    memory_mb: int, seen: Sequence[Observation], logs: Sequence[float], pooled: float
) -> SizeEvidence:
    count = len(logs)
    squares = _squares(logs, _OWN_CLIP * pooled)
    spread = math.sqrt((_OWN_WEIGHT * pooled**2 + squares) / (_OWN_WEIGHT + count - 1))
    location = max(location_ms(o.duration_ms for o in seen), MIN_MS)
    excess = max(location_ms(o.billed_ms for o in seen) - location, 0.0)
    tail = _P95 * spread
    if count >= _TAIL_COUNT:
        tail = max(quantile(logs, 0.95) - math.log(location), 0.0)
    return SizeEvidence(
        memory_mb=memory_mb,
        count=count,
        log_ms=math.log(location),
        sd_log=spread,
        environments=max(len({o.environment for o in seen}), 1),
        # Rounding up adds half a millisecond on average: worth two samples.
        excess_ms=(excess * count + 1.0) / (count + 2),
        tail_log=tail,
        drift=_drift(logs, spread),
    )


def _pooled(logs: Mapping[int, Sequence[float]], prior: Prior) -> tuple[float, float]:
    """The spread that all sizes share, and its degrees of freedom; outliers count little."""
    degrees = _POOL_WEIGHT + sum(len(values) - 1 for values in logs.values())
    centres = [median(values) for values in logs.values()] or [math.log(300.0)]
    expected = fmean(prior.spread(math.exp(centre)) for centre in centres)
    spread = expected
    for _ in range(3):
        clip = _CLIP * max(spread, expected)
        squares = sum(_squares(values, clip) for values in logs.values())
        spread = math.sqrt((_POOL_WEIGHT * expected**2 + squares) / degrees)
    return spread, degrees


def _squares(values: Sequence[float], clip: float) -> float:
    centre = median(values)
    return math.fsum(min((value - centre) ** 2, clip**2) for value in values)


def _between(sizes: Iterable[Sequence[Observation]], spread: float) -> tuple[float, int]:
    """How much environments of one size differ beyond what their samples' spread explains."""
    squares, degrees = 0.0, 0
    for seen in sizes:
        groups: dict[str, list[float]] = defaultdict(list)
        for o in seen:
            groups[o.environment].append(_log(o))
        means = [median(values) for values in groups.values()]
        centre = fmean(means)
        noise = fmean(spread**2 * location_factor(len(v)) for v in groups.values())
        squares += sum((mean - centre) ** 2 for mean in means) - noise * (len(means) - 1)
        degrees += len(means) - 1
    total = _ENVIRONMENT_WEIGHT * _ENVIRONMENT_SD**2 + max(squares, 0.0)
    return math.sqrt(total / (_ENVIRONMENT_WEIGHT + degrees)), degrees


def _drift(logs: Sequence[float], spread: float) -> float:
    """How far the later half lies from the earlier one, where chance does not explain it."""
    half = len(logs) // 2
    if len(logs) < _DRIFT_COUNT:
        return 0.0
    moved = median(logs[-half:]) - median(logs[:half])
    error = spread * math.sqrt(2 * _ROBUST_VARIANCE / half)
    return abs(moved) if abs(moved) > _DRIFT_ERRORS * error else 0.0
