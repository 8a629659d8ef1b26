"""How far means can be trusted where calls are rounded, hosts differ, and slow calls are rare.

A bill is a sum, so a mean must not leave slow calls out; but few calls show few of them, and an
interval from what was seen alone misses on the upper side. So a mean is taken as the sum of a body
and of two tails. Each value, relative to the median of its cell (a payload type at a memory size),
is cut at `CUT` times the distance from the median to the 90 % (10 %) quantile.

- What is left is the body. Its mean errs as means over execution environments do (`intervals`),
  with what the cells of a run lend each other (`moderation`), and by no less than rounding does.
- What was cut off are the tails: few slow (fast) calls, of which one cell alone knows too little.
  The mean of a tail is drawn towards that of the run, the less, the more its cells differ in it.
  Its limits are those of a weighted Poisson sum (Fay and Feuer), in which calls of one environment
  may come together. There is an upper limit also where no slow call was seen: one might have been,
  and how slow it is then taken to be depends on how heavy the body of the run ends.
- Limits of the sum are by MOVER (Zou and Donner): squared distances add, each side by itself.

All constants were learnt on measured functions, quiet and noisy ones (`make bench-intervals`).
Sources: M. P. Fay, E. J. Feuer, Confidence Intervals for Directly Standardized Rates, Statistics in
Medicine 16 (1997); G. Y. Zou, A. Donner, Construction of Confidence Limits about Effect Measures,
Statistics in Medicine 27 (2008).
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import NormalDist, fmean, median

from .means import CONFIDENCE, Uncertainty, by_group, quantile, student_t, uncertainty
from .moderation import Spread, moderated

CUT = 3.0
"""Where tails begin, in distances from the median to the 90 % (10 %) quantile."""

_QUANTILE_CALLS, _TAIL_CALLS = 30.0, 20.0
"""Calls that the run's quantiles are worth to a cell, and its tails where cells do not differ."""

_UNSEEN, _UNSEEN_BESIDE_SEEN = (0.5, 0.1), 1.0
"""Calls that might have been seen but were not: of a slow and a fast tail in which the run has
none, and of a tail in which it has some."""

_UNSEEN_SIZE, _HEAVIEST = 1.5, 4.0
"""Such a call lies so many times heaviness^2 x the distance to the 90 % quantile beyond the cut;
heaviness is the distance to the 98 % quantile over that to the 90 % quantile, from 1 to 4."""

_MOSTLY, _FAR_ABOVE = 0.5, 0.5
"""A mean hangs on rare calls where they are so much of the upper distance, and its interval ends
so far above it."""

_LEAST_CENTRE = 1e-6
_FARTHEST = 50.0
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Tail:
    """The mean that the calls beyond a cut add, and its variance, relative to the median.

    `above` and `wider` are mean and variance with the call that might have been seen; the mean
    cannot exceed `room`.
    """

    mean: float
    variance: float
    above: float
    wider: float
    room: float = math.inf

    def low(self, share: float) -> float:
        """The quantile `share` (below 0.5) of what the mean may be."""
        return min(_gamma(self.mean, self.variance, share), self.mean)

    def high(self, share: float) -> float:
        """The quantile `share` (above 0.5) of what the mean may be."""
        return max(min(_gamma(self.above, self.wider, share), self.room), self.mean)


@dataclass(frozen=True, slots=True)
class MeanError:
    """What is known of the mean of a cell: limits with any confidence.

    `mean` is that of its `count` values, in their unit. `body` errs by `error` on a log scale; it
    and the tails are relative to `scale`, the median. `fee` is a part that has no error.
    """

    mean: float
    count: int
    scale: float
    body: float
    error: Uncertainty
    slow: Tail
    fast: Tail
    fee: float = 0.0

    def limits(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Both ends of the interval of the mean; `mean` lies inside, and no end is below 0."""
        share = (1 - confidence) / 2
        reach = student_t(1 - share, self.error.degrees) * self.error.error
        factor = math.exp(min(reach, _FARTHEST))
        slow, fast = self.slow, self.fast
        up = math.hypot(
            self.body * (factor - 1), slow.high(1 - share) - slow.mean, fast.mean - fast.low(share)
        )
        down = math.hypot(
            self.body * (1 - 1 / factor),
            slow.mean - slow.low(share),
            fast.high(1 - share) - fast.mean,
        )
        centre = self.body + slow.mean - fast.mean
        low, high = self.scale * max(centre - down, 0.0), self.scale * (centre + up)
        return min(self.fee + low, self.mean), max(self.fee + high, self.mean)

    def priced(self, rate: float, fee: float) -> "MeanError":
        """The same of `fee` + `rate` x each value: of costs, where this is of billed times."""
        mean, scale = fee + rate * self.mean, rate * self.scale
        return replace(self, mean=mean, scale=scale, fee=fee + rate * self.fee)

    def log_errors(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """How far the interval reaches below and above the mean, as positive logarithms."""
        low, high = self.limits(confidence)
        if self.mean <= 0:
            return 0.0, 0.0
        return math.log(self.mean / low) if low > 0 else _FARTHEST, math.log(high / self.mean)

    def quantile(self, share: float) -> float:
        """The confidence distribution of the mean: below it the true one lies with `share`."""
        if abs(share - 0.5) < 1e-9:
            return self.mean
        low, high = self.limits(abs(2 * share - 1))
        return low if share < 0.5 else high

    @property
    def tail_share(self) -> float:
        """Which part of the upper distance (squared) rare slow calls are the cause of, 0 to 1."""
        share = (1 - CONFIDENCE) / 2
        factor = math.exp(
            min(student_t(1 - share, self.error.degrees) * self.error.error, _FARTHEST)
        )
        body, tail = self.body * (factor - 1), self.slow.high(1 - share) - self.slow.mean
        return tail**2 / (body**2 + tail**2) if body or tail else 0.0

    @property
    def hangs_on_rare_calls(self) -> bool:
        """Whether slow calls that are too rare to be known decide how high the mean may be: what
        so few calls tell is the typical duration."""
        return self.tail_share > _MOSTLY and self.log_errors()[1] > math.log1p(_FAR_ABOVE)

    def calls_for(self, precision: float) -> int:
        """About how many calls it takes until the interval ends `precision` (0.1: 10 %) above the
        mean, by the rule that errors shrink with the root of their number."""
        _, above = self.log_errors()
        return math.ceil(self.count * max(above / math.log1p(precision), 1.0) ** 2)


def mean_errors(
    cells: Sequence[Sequence[Sequence[float]]], *, unit: float = 0.0
) -> list[MeanError | None]:
    """What is known of the mean of each cell of a run of one function.

    A cell is a list of execution environments, each a list of values (durations, billed times),
    none below 0, which were rounded to `unit` (0: not rounded; see `rounded_to`). None where a cell
    has fewer than 3 environments and there are too few others to lend it what it lacks.
    """
    relative = [_relative(groups) for groups in cells]
    every = sorted(chain.from_iterable(values for _, values in relative))
    if not every:
        return [None for _ in cells]
    usual = (_at(every, 0.9) - 1, 1 - _at(every, 0.1))
    made = [_cell(groups, *one, usual, unit) for groups, one in zip(cells, relative, strict=True)]
    errors = moderated([cell.spread for cell in made])
    slow, fast = (_tails(made, side) for side in (0, 1))
    return [
        None
        if error is None
        else MeanError(
            cell.centre * fmean(cell.values),
            len(cell.values),
            cell.centre,
            cell.body,
            error,
            slow[n],
            fast[n],
        )
        for n, (cell, error) in enumerate(zip(made, errors, strict=True))
    ]


def mean_interval(
    values: Sequence[float], groups: Sequence[Hashable], *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """The interval of the mean of `values` (none below 0) of one cell alone; None with fewer than
    3 `groups`.

    ValueError if `values` and `groups` differ in length.
    """
    (error,) = mean_errors([by_group(values, groups)], unit=rounded_to(values))
    return error.limits(confidence) if error else None


def rounded_to(values: Iterable[float]) -> float:
    """1 where all values are whole numbers (billed milliseconds, most often), else 0."""
    return float(all(value == int(value) for value in values))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a sample.

    `mean_low` and `mean_high` are the 95 % interval of the mean, None with fewer than 3 groups.
    Quantiles of few values are no more than the largest values seen; how far to trust one, or that
    there is nothing to trust, says `quantile_interval`.
    """

    n: int
    groups: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    mean_low: float | None
    mean_high: float | None


def summarise(values: Sequence[float], groups: Sequence[Hashable]) -> Summary | None:
    """A summary of `values`, of which `groups` names the execution environments; None of nothing.

    ValueError if they differ in length.
    """
    if not values:
        return None
    ordered = sorted(values)
    interval = mean_interval(values, groups)
    low, high = interval or (None, None)
    return Summary(
        n=len(values),
        groups=len(set(groups)),
        mean=math.fsum(values) / len(values),
        p50=quantile(ordered, 0.50),
        p90=quantile(ordered, 0.90),
        p95=quantile(ordered, 0.95),
        p99=quantile(ordered, 0.99),
        mean_low=low,
        mean_high=high,
    )


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell, relative to its median `centre`: its ordered values, the mean of its body and how
    environments differ in it.

    `reach` are the distances to the 90 % and the 10 % quantile, `room` is how much faster than the
    cut a call can be. `tails` are what slow and fast calls exceed the cuts by; `lumps` their sums
    of squares if calls of one environment are one call.
    """

    centre: float
    values: list[float]
    body: float
    spread: Spread
    reach: tuple[float, float]
    room: float
    tails: tuple[list[float], list[float]]
    lumps: tuple[float, float]


def _relative(groups: Sequence[Sequence[float]]) -> tuple[float, list[float]]:
    every = list(chain.from_iterable(groups))
    # A median of (nearly) nothing beside large values is no scale for them.
    centre = max(median(every), _LEAST_CENTRE * max(every)) or 1.0 if every else 1.0
    return centre, sorted(value / centre for value in every)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1) + 0.5)]


def _cell(
    groups: Sequence[Sequence[float]],
    centre: float,
    values: list[float],
    usual: tuple[float, float],
    unit: float,
) -> _Cell:
    n, step = len(values), unit / math.sqrt(12) / centre
    own = (_at(values, 0.9) - 1, 1 - _at(values, 0.1))
    slow, fast = (
        max((n * mine + _QUANTILE_CALLS * run) / (n + _QUANTILE_CALLS), 1.28 * step)
        for mine, run in zip(own, usual, strict=True)
    )
    top, bottom = 1 + CUT * slow, max(1 - CUT * fast, 0.0)
    scaled = [[value / centre for value in group] for group in groups]
    body = [[min(max(value, bottom), top) for value in group] for group in scaled]
    mean, spread = _body(body, step)
    beyond = (
        [[value - top for value in group if value > top] for group in scaled],
        [[bottom - value for value in group if value < bottom] for group in scaled],
    )
    sizes = [len(group) for group in groups]
    return _Cell(
        centre,
        values,
        mean,
        spread,
        (slow, fast),
        bottom,
        (sorted(chain.from_iterable(beyond[0])), sorted(chain.from_iterable(beyond[1]))),
        (_lump(beyond[0], sizes), _lump(beyond[1], sizes)),
    )


def _body(groups: Sequence[Sequence[float]], step: float) -> tuple[float, Spread]:
    """The mean of a body, and how environments differ in it; `step` is the error of rounding."""
    sizes, means = [len(group) for group in groups], [fmean(group) for group in groups]
    n = sum(sizes)
    mean = math.fsum(size * each for size, each in zip(sizes, means, strict=True)) / n
    inside = math.fsum(
        (value - each) ** 2 for group, each in zip(groups, means, strict=True) for value in group
    )
    noise = inside / max(n - len(sizes), 1)
    share = math.fsum((size / n) ** 2 for size in sizes)
    own = uncertainty(sizes, means) if len(sizes) > 1 else Uncertainty(0.0, 0.0)
    least = step**2 / n
    scale = 1 / (mean or 1.0) ** 2 / share
    between = max(own.error**2, least) * scale
    return mean, Spread(len(sizes), between, own.degrees, max(noise / n, least) * scale, share)


def _lump(groups: Sequence[Sequence[float]], sizes: Sequence[int]) -> float:
    """The sum of squares of a tail if what an environment adds to it is one call."""
    mean = math.fsum(chain.from_iterable(groups)) / sum(sizes)
    off = (math.fsum(group) - mean * size for group, size in zip(groups, sizes, strict=True))
    count = len(groups)
    return math.fsum(each**2 for each in off) * count / max(count - 1, 1)


def _tails(cells: Sequence[_Cell], side: int) -> list[Tail]:
    """The slow (0) or the fast (1) tail of each cell."""
    run = _RunTail.of(cells, side)
    return [run.of_cell(cell) for cell in cells]


@dataclass(frozen=True, slots=True)
class _RunTail:
    """The tail of all cells of a run: of `total` values, `calls` in it, their sum and squares.

    `lump` is how many times as much variance it has as independent calls would give it, `heavy`
    the heaviness, `shrink` how many calls the run's tail is worth to a cell.
    """

    side: int
    total: int
    calls: int
    once: float
    twice: float
    lump: float
    heavy: float
    shrink: float

    @classmethod
    def of(cls, cells: Sequence[_Cell], side: int) -> "_RunTail":
        total = sum(len(cell.values) for cell in cells)
        calls = [call for cell in cells for call in cell.tails[side]]
        once, twice = math.fsum(calls), math.fsum(call * call for call in calls)
        lumps = math.fsum(cell.lumps[side] for cell in cells)
        lump = max(lumps / twice, 1.0) if twice else 1.0
        each = total / len(cells)
        design_effect = each / _TAIL_CALLS
        if twice and len(cells) > 1:
            off = ((math.fsum(c.tails[side]), len(c.values)) for c in cells)
            apart = math.fsum((sum_ - n * once / total) ** 2 / n for sum_, n in off)
            # An index of dispersion: 1 where cells do not differ.
            design_effect += max(apart / (twice * lump / total) / (len(cells) - 1) - 1, 0.0)
        heavy = _heaviness(cells, side, total)
        return cls(side, total, len(calls), once, twice, lump, heavy, each / design_effect)

    def of_cell(self, cell: _Cell) -> Tail:
        """The tail of a cell, drawn towards the run's."""
        n, own = len(cell.values), cell.tails[self.side]
        others = self.shrink / (n + self.shrink) / self.total
        mine = 1 / (n + self.shrink) + others
        sum_, square = math.fsum(own), math.fsum(call * call for call in own)
        mean = mine * sum_ + others * (self.once - sum_)
        variance = (mine**2 * square + others**2 * (self.twice - square)) * self.lump
        unseen = _UNSEEN_BESIDE_SEEN if self.calls else _UNSEEN[self.side]
        size = mine * self._unseen_size(cell)
        room = cell.room if self.side else math.inf
        return Tail(mean, variance, mean + unseen * size, variance + unseen * size**2, room)

    def _unseen_size(self, cell: _Cell) -> float:
        """How far beyond the cut a call lies that was not seen: by the body's heaviness, which the
        size of the calls that were seen (by their share of the sum) outweighs."""
        size = _UNSEEN_SIZE * self.heavy**2 * cell.reach[self.side]
        size = min(size, cell.room) if self.side else size
        turing = self.twice / self.once * self.lump if self.once else 0.0
        return (size + turing * self.calls) / (1 + self.calls)


def _heaviness(cells: Sequence[_Cell], side: int, total: int) -> float:
    ends = sorted(
        abs(value - 1) / cell.reach[side]
        for cell in cells
        if cell.reach[side] > 0
        for value in cell.values
        if (value > 1) == (side == 0)
    )
    outer = len(ends) - 1 - int(0.02 * (total - 1) + 0.5)  # the 98 % quantile of all calls
    return min(max(ends[outer], 1.0), _HEAVIEST) if ends and outer >= 0 else 1.0


def _gamma(mean: float, variance: float, share: float) -> float:
    """The quantile of the gamma distribution with this mean and variance (Wilson and Hilferty)."""
    if mean <= 0 or variance <= 0:
        return max(mean, 0.0)
    shape = mean * mean / variance
    root = 1 - 1 / (9 * shape) + _NORMAL.inv_cdf(share) / (3 * math.sqrt(shape))
    return mean * max(root, 0.0) ** 3
