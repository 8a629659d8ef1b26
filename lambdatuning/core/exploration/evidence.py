"""What the samples of one payload type say about each size: a location and how far to trust it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ..statistics import quantile
from .environments import Comparison, compare, expected_sd
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
_CLIP, _OWN_CLIP, _ROUNDS = 3.0, 4.0, 8
"""An outlier counts as if it lay this many spreads away, by the spread that follows when it does:
among few samples it may as well be a second mode, and then counts in full."""
_ROBUST_VARIANCE = 1.15
"""Variance of a trimmed mean or a median over that of a mean, for spreads with tails."""
_DIFFERS = 0.04
"""Environments that differ so much (log) are weighed alike, however many samples each has."""
_DRIFT_COUNT, _DRIFT_ERRORS = 6, 3.5


@dataclass(frozen=True, slots=True)
class SizeEvidence:
    """What is known of one size.

    `log_ms` estimates the log of the trimmed mean duration, as well as `even` execution
    environments with `alike` samples in all would; `sd_log` is the spread of single invocations,
    `drift` how far the size moved while it was measured (log, 0 if it did not), `excess_ms` what
    billing adds by rounding up, `tail_log` the log of p95 over the mean.
    """

    memory_mb: int
    count: int
    log_ms: float
    sd_log: float
    environments: int
    alike: float
    even: float
    excess_ms: float
    tail_log: float
    drift: float

    def variance(self, between: float, more: int = 0, new: int = 0) -> float:
        """Of `log_ms`, had it `more` samples and `new` environments; `between` is the variance
        of single environments around their mean."""
        samples = self.sd_log**2 * location_factor(self.alike + more)
        return samples + between / (self.even + new) + self.drift**2 / 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sizes of one payload type.

    `degrees` says how well the pooled spread `sd_log` is known. `comparisons` are those of
    execution environments that served one size, `environment_sd` how much they are expected to
    differ (log); `named` says whether every sample names its environment.
    """

    sizes: tuple[SizeEvidence, ...]
    sd_log: float
    degrees: float
    comparisons: tuple[Comparison, ...]
    environment_sd: float
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
    logs = {size: _by_environment(found[size]) for size in sorted(found)}
    pooled, degrees = _pooled(logs, prior)
    maybe = (compare(list(groups.values()), pooled) for groups in logs.values())
    compared = tuple(one for one in maybe if one)
    between = expected_sd(compared)
    sizes = tuple(_size(size, found[size], logs[size], pooled, between) for size in logs)
    named = all(one.environment for seen in found.values() for one in seen)
    return Evidence(sizes, pooled, degrees, compared, between, named)


def location_ms(values: Iterable[float]) -> float:
    """Power Tuning's trimmed mean; the median of three or four, too few to trim."""
    ordered = sorted(values)
    count = len(ordered)
    if count in {3, 4}:
        return median(ordered)
    cut = int(count * TRIM)
    return fmean(ordered[cut : count - cut])


def location_factor(count: float) -> float:
    """Variance of the location of `count` samples over the variance of one."""
    return (1.0 if count < 3 else _ROBUST_VARIANCE) / count


def _log(seen: Observation) -> float:
    return math.log(max(seen.duration_ms, MIN_MS))


def _by_environment(seen: Iterable[Observation]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = defaultdict(list)
    for one in seen:
        groups[one.environment].append(_log(one))
    return groups


def _size(
    memory_mb: int,
    seen: Sequence[Observation],
    groups: Mapping[str, Sequence[float]],
    pooled: float,
    between: float,
) -> SizeEvidence:
    count, logs = len(seen), [_log(o) for o in seen]
    squares = sum(_squares(values, _OWN_CLIP * pooled) for values in groups.values())
    spread = math.sqrt((_OWN_WEIGHT * pooled**2 + squares) / (_OWN_WEIGHT + count - len(groups)))
    location = max(location_ms(o.duration_ms for o in seen), MIN_MS)
    excess = max(location_ms(o.billed_ms for o in seen) - location, 0.0)
    log_ms, shares = _weighed(groups, math.log(location), spread, between)
    tail = _P95 * spread
    if count >= _TAIL_COUNT:
        tail = max(quantile(logs, 0.95) - log_ms, 0.0)
    return SizeEvidence(
        memory_mb=memory_mb,
        count=count,
        log_ms=log_ms,
        sd_log=spread,
        environments=len(groups),
        alike=1 / sum(w**2 / len(v) for w, v in zip(shares, groups.values(), strict=True)),
        even=1 / sum(w**2 for w in shares),
        # Rounding up adds half a millisecond on average: worth two samples.
        excess_ms=(excess * count + 1.0) / (count + 2),
        tail_log=tail,
        drift=_drift(logs, spread) if len(groups) == 1 else 0.0,
    )


def _weighed(
    groups: Mapping[str, Sequence[float]], pooled: float, spread: float, between: float
) -> tuple[float, Sequence[float]]:
    """The location, and the weight of each environment: by its samples where environments are
    alike, else nearly the same for each."""
    counts = [len(values) for values in groups.values()]
    if len(counts) == 1 or between < _DIFFERS:
        return pooled, [count / sum(counts) for count in counts]
    weights = [1 / (between**2 + spread**2 / count) for count in counts]
    shares = [weight / sum(weights) for weight in weights]
    logs = [math.log(location_ms(map(math.exp, values))) for values in groups.values()]
    return sum(w * v for w, v in zip(shares, logs, strict=True)), shares


def _pooled(logs: Mapping[int, Mapping[str, Sequence[float]]], prior: Prior) -> tuple[float, float]:
    """The spread that all sizes share, and its degrees of freedom; outliers count little."""
    groups = [values for found in logs.values() for values in found.values()]
    degrees = _POOL_WEIGHT + sum(len(values) - 1 for values in groups)
    centres = [median(values) for values in groups] or [math.log(300.0)]
    expected = fmean(prior.spread(math.exp(centre)) for centre in centres)
    spread = expected
    for _ in range(_ROUNDS):
        clip = _CLIP * max(spread, expected)
        squares = sum(_squares(values, clip) for values in groups)
        spread = math.sqrt((_POOL_WEIGHT * expected**2 + squares) / degrees)
    return spread, degrees


def _squares(values: Sequence[float], clip: float) -> float:
    centre, most = median(values), clip**2
    return sum(min((value - centre) ** 2, most) for value in values)


def _drift(logs: Sequence[float], spread: float) -> float:
    """How far the later half lies from the earlier one, where chance does not explain it."""
    half = len(logs) // 2
    if len(logs) < _DRIFT_COUNT:
        return 0.0
    moved = median(logs[-half:]) - median(logs[:half])
    error = spread * math.sqrt(2 * _ROBUST_VARIANCE / half)
    return abs(moved) if abs(moved) > _DRIFT_ERRORS * error else 0.0
