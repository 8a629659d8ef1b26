"""What the samples of one payload type say: of each size, and of how much they scatter.

Some functions do once what they never do again: open connections, fill caches, compile. Of all
others a cold start is a sample like any, and a paid one.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ..statistics import quantile
from .prior import Prior
from .question import Observation

_REACH = 4.685
"""What lies further away than so many spreads counts for nothing; at this, of normally spread
values, the location is 95 % as precise as their mean."""
_NEAR = 2.0
_ROUNDS, _STILL = 12, 1e-7
_ROBUST_VARIANCE = 1.1
"""Variance of the location over that of a mean, for spreads like those of the published traces."""


def location(values: Sequence[float], weights: Sequence[float], spread: float) -> float:
    """The mean in which values count the less the further away they lie.

    Tukey's biweight (Beaton and Tukey 1974) for a known scale, from the median on. It tends to
    where Power Tuning's trimmed mean of many lies, and needs a fifth fewer samples for it.
    """
    if len(values) <= 2:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
    centre, reach = quantile(values, 0.5), _REACH * spread
    for _ in range(_ROUNDS):
        pulls = [
            weight * max(1 - ((value - centre) / reach) ** 2, 0.0) ** 2
            for value, weight in zip(values, weights, strict=True)
        ]
        before, whole = centre, sum(pulls)
        if whole:
            centre = sum(p * v for p, v in zip(pulls, values, strict=True)) / whole
        if abs(centre - before) < _STILL:
            break
    return centre


def location_factor(weight: float) -> float:
    """Variance of the location of samples of this weight over the variance of one."""
    return _ROBUST_VARIANCE / weight


def doubt(values: Sequence[float], weights: Sequence[float], spread: float) -> float:
    """How far values lie apart (root mean square) where most are far from their location, so that
    any of them may be the usual one; else 0."""
    if len(values) == 1:
        return 0.0
    centre, whole = location(values, weights, spread), sum(weights)
    pairs = [(value - centre, weight) for value, weight in zip(values, weights, strict=True)]
    near = sum(weight for off, weight in pairs if abs(off) <= _NEAR * spread)
    if near > whole / 2:
        return 0.0
    return math.sqrt(sum(weight * off**2 for off, weight in pairs) / whole)


# How much the first call of an execution environment, beside its init, is like the later ones.


FIRST_CALL_PRIOR = ((0.005, 0.5), (0.1, 0.2), (0.5, 0.3))
"""(how far first calls lie from later ones, sd in log, how likely it is before any was seen)."""
ENOUGH = 0.5
"""First calls that are worth less than this much of a later one are left out."""
_FIRST_STRAY, _FIRST_STRAY_SD, _NEVER = 0.1, 0.7, 1e-30
"""How often one of the two is an outlier that tells nothing, and how far it then lies (log)."""


@dataclass(frozen=True, slots=True)
class First:
    """A first call: how far it lies from the later ones of its environment (log), and how many
    they are."""

    off: float
    later: int


def likeness(firsts: Sequence[First], spread: float) -> float:
    """What a first call is worth beside a later one, from 0 to 1, by those that were seen.

    `spread` is that of single invocations (log).
    """
    logs = [
        math.log(weight) + sum(_first_log_likelihood(one, sd, spread) for one in firsts)
        for sd, weight in FIRST_CALL_PRIOR
    ]
    best = max(logs)
    weights = [math.exp(value - best) for value in logs]
    worth = [spread**2 / (spread**2 + sd**2) for sd, _ in FIRST_CALL_PRIOR]
    return sum(w * v for w, v in zip(weights, worth, strict=True)) / sum(weights)


def _first_log_likelihood(one: First, sd: float, spread: float) -> float:
    usual = _density(one.off, sd**2 + spread**2 * (1 + 1 / one.later))
    stray = _density(one.off, _FIRST_STRAY_SD**2)
    return math.log((1 - _FIRST_STRAY) * usual + _FIRST_STRAY * stray + _NEVER)


def _density(off: float, variance: float) -> float:
    return math.exp(-0.5 * off**2 / variance) / math.sqrt(variance)


# The durations of one size by execution environment, in log, each with its weight.


MIN_MS = 0.3
_USUAL_MS = 300.0
_EXPECTED_WEIGHT = 2.0
"""How many samples the spread that the prior expects is worth."""
_CLIP, _CLIP_ROUNDS = 2.0, 8
"""An outlier counts as if it lay so many spreads away, by the spread that follows when it does:
among few samples it may as well be a second mode, and then counts in full."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one execution environment took (log), and how much each call is worth."""

    logs: Sequence[float]
    weights: Sequence[float]

    @property
    def weight(self) -> float:
        """Of all its calls."""
        return sum(self.weights)

    @property
    def degrees(self) -> float:
        """What it tells of the spread of single calls: one less than its calls, if all count."""
        return self.weight - sum(w**2 for w in self.weights) / self.weight

    def location(self, spread: float) -> float:
        """Where its calls lie (log)."""
        return location(self.logs, self.weights, spread)

    def doubt(self, spread: float) -> float:
        """How far its calls lie apart, where most of them do not agree (log)."""
        return doubt(self.logs, self.weights, spread)

    def squares(self, clip: float, centre: float) -> float:
        """Of the distances from `centre`, none of them above `clip`."""
        most = clip**2
        return sum(
            w * min((v - centre) ** 2, most) for w, v in zip(self.weights, self.logs, strict=True)
        )


def grouped(seen: Iterable[Observation], first: float) -> list[Group]:
    """The calls of one size, of which a cold one is worth `first`."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in seen:
        weight = first if one.cold else 1.0
        if weight > 0:
            found[one.environment].append((log_ms(one), weight))
    return [Group(*zip(*calls, strict=True)) for calls in found.values()]


def joined(groups: Iterable[Group]) -> Group:
    """All calls as if of one environment."""
    found = list(groups)
    return Group(
        [value for group in found for value in group.logs],
        [weight for group in found for weight in group.weights],
    )


def firsts(seen: Iterable[Observation]) -> list[First]:
    """The first calls of those environments of one size that made later ones too."""
    cold: dict[str, float] = {}
    warm: dict[str, list[float]] = defaultdict(list)
    for one in seen:
        if one.cold:
            cold[one.environment] = log_ms(one)
        else:
            warm[one.environment].append(log_ms(one))
    return [
        First(cold[name] - median(later), len(later))
        for name, later in warm.items()
        if name in cold
    ]


def spread_of(sizes: Iterable[Sequence[Group]], prior: Prior) -> tuple[float, float]:
    """The spread that all sizes share, and its degrees of freedom; outliers count little."""
    groups = [group for some in sizes for group in some]
    degrees = _EXPECTED_WEIGHT + sum(group.degrees for group in groups)
    typical_ms = [math.exp(median(group.logs)) for group in groups] or [_USUAL_MS]
    expected = fmean(map(prior.spread, typical_ms))
    centres = [group.location(expected) for group in groups]
    spread = expected
    for _ in range(_CLIP_ROUNDS):
        clip = _CLIP * max(spread, expected)
        squares = sum(g.squares(clip, at) for g, at in zip(groups, centres, strict=True))
        spread = math.sqrt((_EXPECTED_WEIGHT * expected**2 + squares) / degrees)
    return spread, degrees


def log_ms(seen: Observation) -> float:
    """The log of a duration; clocks tell nothing below `MIN_MS`."""
    return math.log(max(seen.duration_ms, MIN_MS))


# How much execution environments of one size may differ, by those that were seen.


ENVIRONMENT_PRIOR = ((0.005, 0.88), (0.03, 0.07), (0.1, 0.045), (0.25, 0.005))
"""(sd of single environments around their mean in log, how likely it is before any was seen)."""
_STRAY, _STRAY_SD = 0.05, 0.4
"""How often an outlier among few samples makes environments look different, and how much (log)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Environments of one size side by side: the squares of their distances from their mean,
    what chance alone gives each on average, and the degrees of freedom."""

    squares: float
    noise: float
    degrees: int


def compare(groups: Sequence[Group], sd: float) -> Comparison | None:
    """Of the environments of one size; None with fewer than two.

    `sd` is the spread of single invocations (log).
    """
    if len(groups) < 2:
        return None
    means = [group.location(sd) for group in groups]
    centre = fmean(means)
    noise = fmean(sd**2 / group.weight for group in groups)
    return Comparison(sum((m - centre) ** 2 for m in means), noise, len(means) - 1)


def likely_environments(comparisons: Sequence[Comparison]) -> list[tuple[float, float]]:
    """(sd, weight) of `PRIOR` after what was seen; weights add up to 1."""
    logs = [
        math.log(weight) + sum(_log_likelihood(one, sd**2) for one in comparisons)
        for sd, weight in ENVIRONMENT_PRIOR
    ]
    best = max(logs)
    weights = [math.exp(value - best) for value in logs]
    total = sum(weights)
    return [
        (sd, weight / total) for (sd, _), weight in zip(ENVIRONMENT_PRIOR, weights, strict=True)
    ]


def expected_sd(comparisons: Sequence[Comparison]) -> float:
    """How much single environments are expected to differ (log, root mean square)."""
    return math.sqrt(math.fsum(w * sd**2 for sd, w in likely_environments(comparisons)))


def _log_likelihood(one: Comparison, between: float) -> float:
    usual = math.log(1 - _STRAY) + _log_density(one, between + one.noise)
    stray = math.log(_STRAY) + _log_density(one, _STRAY_SD**2)
    most = max(usual, stray)
    return most + math.log(math.exp(usual - most) + math.exp(stray - most))


def _log_density(one: Comparison, variance: float) -> float:
    return -0.5 * (one.degrees * math.log(variance) + one.squares / variance)


# What the samples of one payload type say about one size: a location, and how far to trust it.


_P95 = 1.645
_TAIL_COUNT = 20
"""A p95 is read from this many samples; from fewer it follows from their spread."""
_POOLED_WEIGHT, _SIZE_CLIP = 2.0, 4.0
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
    squares = sum(group.squares(_SIZE_CLIP * pooled, group.location(pooled)) for group in groups)
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


# What the samples of one payload type say: of each size, and of how much they scatter.


@dataclass(frozen=True, slots=True)
class Evidence:
    """All sizes of one payload type.

    `degrees` says how well the pooled spread `sd_log` is known. `comparisons` are those of
    execution environments that served one size, `environment_sd` how much they are expected to
    differ (log); `named` says whether every warm sample names its environment. `first` is how many
    later calls the first one of an environment is worth, 0 where it is too few to count.
    """

    sizes: tuple[SizeEvidence, ...]
    sd_log: float
    degrees: float
    comparisons: tuple[Comparison, ...]
    environment_sd: float
    named: bool
    first: float

    def at(self, memory_mb: int) -> SizeEvidence | None:
        """What is known of a size; None where nothing is."""
        return next((size for size in self.sizes if size.memory_mb == memory_mb), None)


def gather(observations: Iterable[Observation], prior: Prior) -> Evidence:
    """The evidence in one payload type's successes, given in the order they were made."""
    found: dict[int, list[Observation]] = defaultdict(list)
    for seen in observations:
        if not seen.error and seen.duration_ms > 0:
            found[seen.memory_mb].append(seen)
    first = _first(found.values(), prior)
    groups = {size: grouped(found[size], first) for size in sorted(found)}
    groups = {size: some for size, some in groups.items() if some}
    pooled, degrees = spread_of(groups.values(), prior)
    maybe = (compare(some, pooled) for some in groups.values())
    compared = tuple(one for one in maybe if one)
    between = expected_sd(compared)
    return Evidence(
        sizes=tuple(
            size_evidence(size, found[size], some, pooled, between) for size, some in groups.items()
        ),
        sd_log=pooled,
        degrees=degrees,
        comparisons=compared,
        environment_sd=between,
        named=all(one.environment for seen in found.values() for one in seen if not one.cold),
        first=first,
    )


def _first(sizes: Iterable[list[Observation]], prior: Prior) -> float:
    """What a first call is worth, by the spread of the later ones alone."""
    found = list(sizes)
    spread, _ = spread_of((grouped(seen, 0.0) for seen in found), prior)
    worth = likeness([one for seen in found for one in firsts(seen)], spread)
    return worth if worth >= ENOUGH else 0.0
