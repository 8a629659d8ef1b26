"""What the calls at a memory size say: their mean, their spread, their first calls and hosts."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

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
        found = {name: list(values) for name, values in self.warm_ms.items()}
        for name, ms in self.first_ms.items():
            found.setdefault(name, []).append(ms * math.exp(-first))
        return found

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


def gather(seen: Sequence[Observation]) -> tuple[SizeEvidence, ...]:
    """The evidence at each size, from the successes of one payload type."""
    by_size: defaultdict[int, list[Observation]] = defaultdict(list)
    for one in seen:
        by_size[one.memory_mb].append(one)
    return tuple(_of_size(size, found) for size, found in sorted(by_size.items()))


def _of_size(memory_mb: int, seen: Sequence[Observation]) -> SizeEvidence:
    warm: defaultdict[str, list[float]] = defaultdict(list)
    first: dict[str, float] = {}
    for one in seen:
        ms = max(one.duration_ms, _LEAST_MS)
        if one.cold:
            first[one.environment or str(len(first))] = ms
        else:
            warm[one.environment].append(ms)
    billed = [one.billed_ms - one.duration_ms for one in seen if not one.cold]
    # Rounding up adds half a millisecond on average: worth two calls.
    excess = (sum(billed) + 2 * EXCESS_MS) / (len(billed) + 2)
    return SizeEvidence(memory_mb, dict(warm), first, max(excess, 0.0))


def _squares(values: Sequence[float]) -> float:
    logs = [math.log(value) for value in values]
    centre = fmean(logs)
    return sum((each - centre) ** 2 for each in logs)
