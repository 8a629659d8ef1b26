"""What calls say of each size: their mean, their spread, their first calls and hosts; and draws of
how far all of that may be off.

Draws and not estimates, since two calls that agree by chance are no proof of a quiet function.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from statistics import fmean

from .prior import TAILED_SPREAD, CallNoise, Vector, log_normal_variance
from .question import Observation

_LEAST_MS = 0.01
EXCESS_MS = 0.5
"""What rounding up to whole milliseconds adds on average where nothing was measured."""
_TAIL_CALLS = 20
"""From so many calls on their own 95 % quantile is taken."""


@dataclass(frozen=True)
class SizeEvidence:
    """The calls of one payload type at one size.

    `warm_ms` and `first_ms` are durations of warm calls and of first ones (a cold start's, without
    its init), by execution environment.
    """

    memory_mb: int
    warm_ms: Mapping[str, Sequence[float]]
    first_ms: Mapping[str, float]
    excess_ms: float

    @cached_property
    def warm(self) -> int:
        """How many warm calls there are."""
        return sum(map(len, self.warm_ms.values()))

    @cached_property
    def calls(self) -> int:
        """How many calls there are, first ones included."""
        return self.warm + len(self.first_ms)

    @cached_property
    def environments(self) -> int:
        """How many execution environments served them."""
        return len(set(self.warm_ms) | set(self.first_ms))

    @cached_property
    def uneven(self) -> float:
        """The sum of squares of the environments' shares of the calls: 1 over their number, if
        they served alike many."""
        return sum((len(group) / self.calls) ** 2 for group in self.corrected(0.0).values())

    def corrected(self, first: float) -> dict[str, list[float]]:
        """The durations by environment, if first calls take `first` (log) longer."""
        by_environment = {name: list(values) for name, values in self.warm_ms.items()}
        for name, ms in self.first_ms.items():
            by_environment.setdefault(name, []).append(ms * math.exp(-first))
        return by_environment

    def log_mean(self, first: float) -> float:
        """The log of the plain mean: a bill is a sum."""
        return math.log(fmean(ms for group in self.corrected(first).values() for ms in group))

    def log_squares(self, first: float) -> float:
        """The sum of squares of log durations, inside environments."""
        return sum(_squares(group) for group in self.corrected(first).values())

    @cached_property
    def degrees(self) -> int:
        """How many independent differences `log_squares` is made of."""
        return self.calls - self.environments

    @cached_property
    def first_apart(self) -> float | None:
        """How much longer (log) first calls took than warm ones; None where one of them lacks."""
        if not self.first_ms or not self.warm:
            return None
        warm = fmean(ms for group in self.warm_ms.values() for ms in group)
        return math.log(fmean(self.first_ms.values()) / warm)

    def means(self, first: float) -> list[tuple[float, int]]:
        """Mean log duration of each environment, and its number of calls."""
        groups = self.corrected(first).values()
        return [(fmean(map(math.log, group)), len(group)) for group in groups]

    def tail(self, spread: float) -> float:
        """The 95 % quantile of durations over their mean."""
        values = sorted(ms for group in self.warm_ms.values() for ms in group)
        if len(values) >= _TAIL_CALLS:
            return values[math.ceil(0.95 * len(values)) - 1] / fmean(values)
        return log_normal_tail(spread)


def log_normal_tail(spread: float) -> float:
    """The 95 % quantile over the mean of log-normal durations."""
    return math.exp(1.645 * spread - spread**2 / 2)


def gather(observations: Sequence[Observation]) -> tuple[SizeEvidence, ...]:
    """The evidence at each size, from the successes of one payload type."""
    by_size: defaultdict[int, list[Observation]] = defaultdict(list)
    for one in observations:
        by_size[one.memory_mb].append(one)
    return tuple(_of_size(size, of_size) for size, of_size in sorted(by_size.items()))


def _of_size(memory_mb: int, observations: Sequence[Observation]) -> SizeEvidence:
    warm: defaultdict[str, list[float]] = defaultdict(list)
    first: dict[str, float] = {}
    for one in observations:
        ms = max(one.duration_ms, _LEAST_MS)
        if one.cold:
            first[one.environment or str(len(first))] = ms
        else:
            warm[one.environment].append(ms)
    billed = [one.billed_ms - one.duration_ms for one in observations if not one.cold]
    # Rounding up adds half a millisecond on average: worth two calls.
    excess = (sum(billed) + 2 * EXCESS_MS) / (len(billed) + 2)
    return SizeEvidence(memory_mb, dict(warm), first, max(excess, 0.0))


def _squares(values: Sequence[float]) -> float:
    logs = [math.log(value) for value in values]
    centre = fmean(logs)
    return sum((each - centre) ** 2 for each in logs)


NOISE_DRAWS = 20
_NOISE_REACH, _FUNCTION_STEPS, _SIZE_STEPS = 3.0, 19, 15

FIRST_CALLS = ((0.0, 0.6), (0.1, 0.12), (0.25, 0.12), (0.5, 0.08), (1.0, 0.05), (2.0, 0.03))
"""How much longer (log) handlers of first calls may take than of warm ones, and how probable that
is before any was seen."""
_FIRST_UNEVEN = 0.3
"""By this share of it the difference is unlike from size to size."""

HOSTS: Sequence[tuple[float, float]] = (
    (0.0, 0.15),
    (0.02, 0.15),
    (0.05, 0.25),
    (0.1, 0.35),
    (0.2, 0.1),
)


@dataclass(frozen=True, slots=True)
class NoiseDraw:
    """One possibility: spreads (log) of single calls by size, and of hosts; what first calls take
    longer; and the tails of `CallNoise`."""

    spreads: Vector
    host: float
    first: float
    tails: float

    def call_variance(self, place: int) -> float:
        """The variance of one call over the squared mean: that of log-normal durations, and more as
        far as they are noisy, since real ones then have longer tails."""
        spread = self.spreads[place]
        return log_normal_variance(spread) * math.pow(self.tails, min(spread / TAILED_SPREAD, 1.0))

    def first_variance(self, size: SizeEvidence) -> float:
        """The variance of a mean (log) that first calls are part of."""
        return (_FIRST_UNEVEN * self.first * len(size.first_ms) / size.calls) ** 2


def noise_draws(
    evidence: Sequence[SizeEvidence],
    log_ms: Vector,
    places: Sequence[int],
    noise: CallNoise,
    rng: random.Random,
    hosts: Sequence[tuple[float, float]] = HOSTS,
) -> list[NoiseDraw]:
    """What the calls at the sizes of index `places` let believe; `log_ms` are rough durations,
    `hosts` is how probable each spread of hosts is beforehand."""
    centres = [noise.centre(each) for each in log_ms]
    spreads = _Spreads.of(evidence, centres, places, noise, hosts)
    return [spreads.draw(k, rng) for k in systematic(spreads.shares, NOISE_DRAWS, rng)]


def systematic(weights: Sequence[float], count: int, rng: random.Random) -> list[int]:
    """`count` indices by their weights, as evenly as chance allows."""
    ends = list(accumulate(weights))
    step, places, place = ends[-1] / count, [], 0
    at = rng.random() * step
    for _ in range(count):
        while place < len(ends) - 1 and ends[place] <= at:
            place += 1
        places.append(place)
        at += step
    return places


def picked(weights: Sequence[float], rng: random.Random) -> int:
    """One index by its weight."""
    return systematic(weights, 1, rng)[0]


@dataclass(frozen=True)
class _Spreads:
    """How probable spreads (log) of single calls are, over steps of the function's own part and,
    for each size that was measured, over steps of the size's own part."""

    noise: CallNoise
    centres: Vector
    measured: Sequence[tuple[SizeEvidence, int]]
    functions: Vector
    shares: Vector
    steps: Vector
    tables: Sequence[Sequence[Vector]]
    hosts: Sequence[tuple[float, float]]

    @classmethod
    def of(
        cls,
        evidence: Sequence[SizeEvidence],
        centres: Vector,
        places: Sequence[int],
        noise: CallNoise,
        hosts: Sequence[tuple[float, float]],
    ) -> "_Spreads":
        first = _first_guess(evidence, max(centres))
        functions = _steps(_FUNCTION_STEPS, noise.function_sd)
        steps = _steps(_SIZE_STEPS, noise.size_sd)
        measured = list(zip(evidence, places, strict=True))
        by_noise = [
            [
                _chances(centres[place] + function, steps, size, first, noise)
                for function in functions
            ]
            for size, place in measured
        ]
        logs = [
            sum(table[k][0] for table in by_noise) - 0.5 * (function / noise.function_sd) ** 2
            for k, function in enumerate(functions)
        ]
        most = max(logs)
        shares = [math.exp(each - most) for each in logs]
        tables = [[own for _, own in table] for table in by_noise]
        return cls(noise, centres, measured, functions, shares, steps, tables, hosts)

    def draw(self, k: int, rng: random.Random) -> NoiseDraw:
        """A draw with the function's own part of index `k`."""
        sd, width = self.noise.size_sd, self.steps[1] - self.steps[0]
        usual = [centre + self.functions[k] for centre in self.centres]
        spreads = [math.exp(each + rng.gauss(0, sd)) for each in usual]
        for (_, place), table in zip(self.measured, self.tables, strict=True):
            own = self.steps[picked(table[k], rng)] + width * (rng.random() - 0.5)
            spreads[place] = math.exp(usual[place] + own)
        pairs = [(size, spreads[place]) for size, place in self.measured]
        first = FIRST_CALLS[picked([c * _first_chance(f, pairs) for f, c in FIRST_CALLS], rng)][0]
        host = self.hosts[picked([c * _host_chance(h, first, pairs) for h, c in self.hosts], rng)][
            0
        ]
        return NoiseDraw(spreads, host, first, self.noise.tails)


def _steps(count: int, sd: float) -> Vector:
    return [sd * _NOISE_REACH * (2 * k / (count - 1) - 1) for k in range(count)]


def _first_guess(evidence: Sequence[SizeEvidence], centre: float) -> float:
    """How much longer (log) first calls probably take: what makes calls most alike."""
    degrees = sum(size.degrees for size in evidence)

    def chance(option: tuple[float, float]) -> float:
        squares = sum(size.log_squares(option[0]) for size in evidence)
        spread = (degrees + 1) / 2 * math.log(squares + math.exp(2 * centre))
        return math.log(option[1]) - spread

    return max(FIRST_CALLS, key=chance)[0]


def _chances(
    centre: float, steps: Vector, size: SizeEvidence, first: float, noise: CallNoise
) -> tuple[float, Vector]:
    """The log of the probability of a size's calls, and the shares of each of its own `steps`."""
    squares, degrees = 0.5 * noise.trust * size.log_squares(first), noise.trust * size.degrees
    logs = [
        -degrees * (centre + own)
        - squares * math.exp(-2 * (centre + own))
        - 0.5 * (own / noise.size_sd) ** 2
        for own in steps
    ]
    most = max(logs)
    shares = [math.exp(each - most) for each in logs]
    return most + math.log(sum(shares)), shares


def _first_chance(first: float, pairs: Iterable[tuple[SizeEvidence, float]]) -> float:
    """How probable what first calls took beside warm ones is."""
    log = 0.0
    for size, spread in pairs:
        apart = size.first_apart
        if apart is not None:
            variance = spread**2 * (1 / len(size.first_ms) + 1 / size.warm)
            log += _log_normal(apart - first, variance + (_FIRST_UNEVEN * first) ** 2)
    return math.exp(max(log, -700.0))


def _host_chance(host: float, first: float, pairs: Iterable[tuple[SizeEvidence, float]]) -> float:
    """How probable the differences of execution environments are."""
    log = 0.0
    for size, spread in pairs:
        if size.environments < 2:
            continue
        means = size.means(first)
        variances = [host**2 + spread**2 / count + 1e-8 for _, count in means]
        weight = sum(1 / each for each in variances)
        centre = sum(m / v for (m, _), v in zip(means, variances, strict=True)) / weight
        log -= 0.5 * math.log(weight)
        log += sum(_log_normal(m - centre, v) for (m, _), v in zip(means, variances, strict=True))
    return math.exp(max(log, -700.0))


def _log_normal(off: float, variance: float) -> float:
    variance = max(variance, 1e-8)
    return -0.5 * (math.log(variance) + off * off / variance)


MAX_FAILED = 0.2
"""A size of which more than this share of invocations fail is given up."""


def failing(observations: Iterable[Observation], sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes that are given up.

    Those that fail, and the smaller ones that never succeeded: what runs out of time or memory at
    a size does so below it, and a timeout costs most of all invocations.
    """
    calls: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for observation in observations:
        calls[observation.memory_mb] += 1
        failed[observation.memory_mb] += bool(observation.error)
    bad = {size for size in calls if failed[size] > MAX_FAILED * calls[size]}
    worst = max(bad, default=0)
    proven = {size for size in calls if calls[size] > failed[size]} - bad
    return tuple(size for size in sizes if size in bad or (size < worst and size not in proven))
