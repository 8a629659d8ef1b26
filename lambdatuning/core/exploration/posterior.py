"""The curves of a payload type, or of the mix, after what was seen, and what each size would lose.

log duration = level + shape + departure. The shape is one of the prior's, the departure a Gaussian
process over log2 memory whose scale is one of several, the level anything. The scale, how much
execution environments differ and how much single invocations spread are integrated over: a function
unlike every shape moves weight to wide departures, or to unlike hosts, by itself.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from operator import mul

from .evidence import Evidence, gather, likely_environments
from .prior import (
    BANK,
    LEVEL_SD,
    Matrix,
    Prior,
    Vector,
    cholesky,
    covariance,
    departures,
    inverse,
    log_determinant,
    times,
)
from .question import Answer, Objective, Observation, Prediction, Terms

_JITTER = 0.001**2
_MATTERS = 0.02
"""Where environments differ by as much, how well the spread is known no longer matters."""
_KNOWN_DEGREES = 40
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a curve strays from its shape, and what its samples then say.

    `scale` is of the departure, `environment_sd` of single environments; `noise_sd` of what was
    seen at each place, whose whole covariance has the inverse `precision`.
    """

    scale: float
    environment_sd: float
    log_weight: float
    noise_sd: Vector
    precision: Matrix


def readings(
    evidence: Evidence, sizes: tuple[int, ...], places: Sequence[int], prior: Prior
) -> Iterator[Reading]:
    """Gaussian conditioning (Rasmussen and Williams 2006, 2.23-2.24), all shapes at once."""
    noises = list(_noises(evidence))
    for scale, weight in prior.departures:
        whole = covariance(sizes, scale)
        for environment_sd, noise_weight, noise in noises:
            inner = [[whole[i][j] for j in places] for i in places]
            for k, variance in enumerate(noise):
                inner[k][k] += variance
            lower = cholesky(inner)
            log_weight = (
                math.log(max(weight * noise_weight, _NEGLIGIBLE)) - log_determinant(lower) / 2
            )
            sds = [math.sqrt(variance) for variance in noise]
            yield Reading(scale, environment_sd, log_weight, sds, inverse(lower))


def _noises(evidence: Evidence) -> Iterator[tuple[float, float, Vector]]:
    """(sd of environments, weight, variance of what each size says): what may be noise."""
    for environment_sd, weight in likely_environments(evidence.comparisons):
        widenings = _widenings(evidence.degrees) if environment_sd < _MATTERS else (1.0,)
        for widen in widenings:
            variances = [
                max(one.variance(environment_sd**2) + one.sd_log**2 * (widen - 1) / one.alike, 0.0)
                + _JITTER
                for one in evidence.sizes
            ]
            yield environment_sd, weight / len(widenings), variances


def _widenings(degrees: float) -> Sequence[float]:
    """Factors of the spread's variance, equally likely: the inverse chi-square in three parts.

    Wilson and Hilferty's cube root approximation of its quantiles.
    """
    if degrees > _KNOWN_DEGREES:
        return (1.0,)
    part = 2 / (9 * degrees)
    cubes = ((1 - part + z * math.sqrt(part)) ** 3 for z in (-0.967, 0.0, 0.967))
    return [1 / max(cube, 0.05) for cube in cubes]


# The curve of one payload type after what was seen: a mixture of Gaussians over log durations.


_LEVEL_LOG_MS = math.log(300.0)
_BORROWED = 0.75
"""Weight of the curves of a function's other payload types, once there are any."""
_SAME = 0.005
"""Shapes that round to the same multiples of it are one."""


@dataclass(frozen=True)
class Posterior:
    """A mixture over log durations at `sizes`.

    `weights` has a row for each reading and a column for each shape; `rests` are what was seen less
    each shape, at `places`.
    """

    sizes: tuple[int, ...]
    places: Sequence[int]
    shapes: Sequence[Sequence[float]]
    rests: Matrix
    readings: Sequence[Reading]
    weights: Matrix

    @property
    def scale(self) -> float:
        """The departure from known shapes that is expected (root mean square)."""
        return math.sqrt(self._mean([s.scale**2 for s in self.readings]))

    @property
    def between(self) -> float:
        """The variance of single execution environments that is expected."""
        return self._mean([s.environment_sd**2 for s in self.readings])

    def unlike(self, least: float) -> float:
        """The probability that execution environments differ with this sd (log) or more."""
        return self._mean([float(s.environment_sd >= least) for s in self.readings])

    def draw(self, count: int, rng: random.Random) -> Matrix:
        """`count` curves, spread evenly over the mixture's weights.

        Matheron's rule: a curve of the prior, moved by what it misses of what was seen.
        """
        bank = departures(self.sizes)
        turn, stride = rng.randrange(BANK), rng.randrange(1, BANK)
        curves: Matrix = []
        of: Reading | None = None
        for reading, shape, often in self._evenly(count, rng.random()):
            if reading is not of:
                of, gain = reading, self._gain(reading)
            for _ in range(often):
                curves.append(self._one(reading, shape, gain, bank[turn], rng))
                turn = (turn + stride) % BANK
        return curves

    def _mean(self, by_reading: Sequence[float]) -> float:
        return math.fsum(v * sum(row) for v, row in zip(by_reading, self.weights, strict=True))

    def _evenly(self, count: int, offset: float) -> Iterator[tuple[Reading, int, int]]:
        """(reading, shape, how often) of systematic resampling."""
        passed, drawn = 0.0, 0
        for reading, row in zip(self.readings, self.weights, strict=True):
            for shape, reached in enumerate(accumulate(row, initial=passed)):
                passed = reached
                until = min(int(reached * count + offset), count)
                if until > drawn:
                    # The first value of `accumulate` is what was passed before this row.
                    yield reading, shape - 1, until - drawn
                    drawn = until
        if drawn < count:  # by rounding of the weights
            yield self.readings[-1], len(self.shapes) - 1, count - drawn

    def _gain(self, reading: Reading) -> Matrix:
        whole = covariance(self.sizes, reading.scale)
        return [times(reading.precision, [row[j] for j in self.places]) for row in whole]

    def _one(
        self, reading: Reading, shape: int, gain: Matrix, unit: Vector, rng: random.Random
    ) -> Vector:
        scale, gauss = reading.scale, rng.gauss
        level = LEVEL_SD * gauss(0.0, 1.0)
        missed = [
            rest - level - scale * unit[i] - sd * gauss(0.0, 1.0)
            for rest, i, sd in zip(self.rests[shape], self.places, reading.noise_sd, strict=True)
        ]
        return [
            at + level + scale * strayed + sum(map(mul, row, missed))
            for at, strayed, row in zip(self.shapes[shape], unit, gain, strict=True)
        ]


def posterior(
    evidence: Evidence,
    sizes: Sequence[int],
    prior: Prior,
    borrowed: Sequence[Sequence[float]] = (),
) -> Posterior:
    """The mixture over `sizes`, among which are all in `evidence`.

    `borrowed` are log durations of other payload types at `sizes`: further shapes.
    """
    sizes = tuple(sizes)
    places = [sizes.index(size.memory_mb) for size in evidence.sizes]
    seen = [size.log_ms for size in evidence.sizes]
    log_weights, shapes = _shapes(prior, sizes, borrowed)
    rests = [[y - shape[i] for y, i in zip(seen, places, strict=True)] for shape in shapes]
    squares = [_products(rest) for rest in rests]
    ways = list(readings(evidence, sizes, places, prior))
    found = []
    for reading in ways:
        form, base = _form(reading.precision), reading.log_weight
        found.append(
            [
                base + log_weight - sum(map(mul, form, square)) / 2
                for log_weight, square in zip(log_weights, squares, strict=True)
            ]
        )
    return Posterior(sizes, places, shapes, rests, ways, _shares(found))


def _products(rest: Vector) -> Vector:
    return [a * b for i, a in enumerate(rest) for b in rest[: i + 1]]


def _form(precision: Matrix) -> Vector:
    """What `_products` is weighed with to be the quadratic form of a symmetric matrix."""
    return [
        value if i == j else 2 * value
        for i, row in enumerate(precision)
        for j, value in enumerate(row[: i + 1])
    ]


def _shares(log_weights: Matrix) -> Matrix:
    best = max(map(max, log_weights))
    weights = [[math.exp(value - best) for value in row] for row in log_weights]
    total = sum(map(sum, weights))
    return [[value / total for value in row] for row in weights]


def _shapes(
    prior: Prior, sizes: tuple[int, ...], borrowed: Sequence[Sequence[float]]
) -> tuple[Vector, Sequence[Sequence[float]]]:
    """Log weights and log durations, at a usual level, of every shape."""
    weights, shapes = _known_shapes(prior, sizes)
    if not borrowed:
        return weights, shapes
    own, lent = math.log(1 - _BORROWED), math.log(_BORROWED / len(borrowed))
    lifts = [_LEVEL_LOG_MS - sum(curve) / len(curve) for curve in borrowed]
    others = [[lift + v for v in c] for lift, c in zip(lifts, borrowed, strict=True)]
    return [own + w for w in weights] + [lent] * len(others), [*shapes, *others]


@cache
def _known_shapes(prior: Prior, sizes: tuple[int, ...]) -> tuple[Vector, Matrix]:
    """The prior's shapes; those that hardly differ at these sizes are one."""
    weights: dict[tuple[int, ...], float] = {}
    curves: dict[tuple[int, ...], Vector] = {}
    for shape, logs in zip(prior.shapes, prior.log_shapes(sizes), strict=True):
        lift = _LEVEL_LOG_MS - sum(logs) / len(logs)
        curve = [lift + value for value in logs]
        key = tuple(round(value / _SAME) for value in curve)
        weights[key] = weights.get(key, 0.0) + shape.weight
        curves.setdefault(key, curve)
    return [math.log(weight) for weight in weights.values()], list(curves.values())


# How much worse than the best each size would be, under one possible curve.


_EXCESS_MS = 0.5
"""What rounding up to whole milliseconds adds on average where nothing was measured."""
_P95 = 1.645
_MISSED = 1.0
"""The least regret of a size that breaks the limit while another one keeps it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What turns the durations of a payload type into prices and p95s, size by size.

    `tail` is p95 over mean.
    """

    sizes: tuple[int, ...]
    excess_ms: Vector
    tail: Vector
    usd_per_ms: Vector
    request_usd: float

    def costs(self, durations_ms: Sequence[float]) -> Vector:
        """USD of one invocation at each size, rounding up to whole milliseconds included."""
        terms = zip(durations_ms, self.excess_ms, self.usd_per_ms, strict=True)
        return [(ms + excess) * rate + self.request_usd for ms, excess, rate in terms]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one curve means at each size: mean and p95 duration in ms, USD an invocation."""

    mean_ms: Vector
    tail: Sequence[float]
    cost_usd: Vector

    @property
    def p95_ms(self) -> Vector:
        """Seldom asked for."""
        return list(map(mul, self.mean_ms, self.tail))


def bill(evidence: Evidence, sizes: Sequence[int], terms: Terms) -> Bill:
    """The bill of one payload type by what its samples were billed."""
    known = [evidence.at(size) for size in sizes]
    return Bill(
        sizes=tuple(sizes),
        excess_ms=[size.excess_ms if size else _EXCESS_MS for size in known],
        tail=[math.exp(size.tail_log if size else _P95 * evidence.sd_log) for size in known],
        usd_per_ms=[size / 1024 / 1000 * terms.usd_per_gb_s for size in sizes],
        request_usd=terms.request_usd,
    )


def outlook(curve: Sequence[float], priced: Bill) -> Outlook:
    """What a curve of log durations means."""
    durations = list(map(math.exp, curve))
    return Outlook(durations, priced.tail, priced.costs(durations))


def mixed(outlooks: Sequence[Outlook], weights: Sequence[float]) -> Outlook:
    """The weighted mean over payload types; the p95 is that of the slowest type."""
    whole = sum(weights)

    def mean(columns: Sequence[Vector]) -> Vector:
        by_size = zip(*columns, strict=True)
        return [
            sum(w * v for w, v in zip(weights, values, strict=True)) / whole for values in by_size
        ]

    means = mean([o.mean_ms for o in outlooks])
    slowest = [max(values) for values in zip(*(o.p95_ms for o in outlooks), strict=True)]
    tail = [p95 / ms for p95, ms in zip(slowest, means, strict=True)]
    return Outlook(means, tail, mean([o.cost_usd for o in outlooks]))


def regrets(outlooks: Sequence[Outlook], objective: Objective) -> Matrix:
    """One row a curve, one column a size: objective over the best size's, minus 1."""
    if objective.strategy == "speed":
        return [_over_best(one.mean_ms) for one in outlooks]
    if objective.strategy == "cost":
        return [_over_best(one.cost_usd) for one in outlooks]
    if objective.strategy == "balanced":
        weight = objective.weight
        return [_over_best(_balanced(one.mean_ms, one.cost_usd, weight)) for one in outlooks]
    if objective.strategy == "deadline":
        return [_limited(one.cost_usd, one.p95_ms, objective.deadline_ms) for one in outlooks]
    return [_limited(one.mean_ms, one.cost_usd, objective.budget_usd) for one in outlooks]


def _over_best(values: Vector) -> Vector:
    best = min(values)
    return [value / best - 1 for value in values]


def _balanced(durations: Vector, costs: Vector, weight: float) -> Vector:
    dearest, slowest = weight / max(costs), (1 - weight) / max(durations)
    return [c * dearest + d * slowest for c, d in zip(costs, durations, strict=True)]


def _limited(values: Vector, limited: Vector, limit: float) -> Vector:
    """The least of `values` among sizes that keep the limit; else the one that misses it least."""
    kept = [value for value, used in zip(values, limited, strict=True) if used <= limit]
    if not kept:
        return _over_best(limited)
    best = min(kept)
    return [
        value / best - 1 if used <= limit else _MISSED + used / limit - 1
        for value, used in zip(values, limited, strict=True)
    ]


# What is believed of one payload type, or of the mix, after what was seen.


DRAWS, LENT_DRAWS = 400, 6
_LOW, _HIGH = 0.05, 0.95
_SURPRISES = 0.02
"""How often a function or its hosts are unlike anything that the model knows."""
LENT_SIZES = 2
"""A payload type lends its curve to the others once it was measured at so many sizes."""


@dataclass(frozen=True)
class Belief:
    """Possible curves and what each would mean; row by draw, column by size."""

    payload: str
    sizes: tuple[int, ...]
    evidence: Evidence
    posterior: Posterior
    priced: Bill
    curves: Matrix
    outlooks: Sequence[Outlook]
    losses: Matrix

    @cached_property
    def expected(self) -> Vector:
        """The expected regret of each size."""
        return [sum(column) / len(self.losses) for column in zip(*self.losses, strict=True)]

    @cached_property
    def ordered_ms(self) -> Matrix:
        """The possible mean durations of each size, ascending."""
        return [sorted(c) for c in zip(*(one.mean_ms for one in self.outlooks), strict=True)]


def believe(
    seen: Mapping[str, Sequence[Observation]],
    sizes: tuple[int, ...],
    objective: Objective,
    terms: Terms,
    prior: Prior,
    rng: random.Random,
) -> dict[str, Belief]:
    """The belief of each payload type in `seen`, which learns from the others' own curves."""
    evidence = {name: gather(found, prior) for name, found in seen.items()}
    alone = {name: posterior(known, sizes, prior) for name, known in evidence.items()}
    lent = _lent(evidence, alone, rng) if len(seen) > 1 else {}
    beliefs = {}
    for name, known in evidence.items():
        borrowed = [curve for other, some in lent.items() if other != name for curve in some]
        shared = posterior(known, sizes, prior, borrowed) if borrowed else alone[name]
        curves = shared.draw(DRAWS, rng)
        priced = bill(known, sizes, terms)
        outlooks = [outlook(curve, priced) for curve in curves]
        losses = regrets(outlooks, objective)
        beliefs[name] = Belief(name, sizes, known, shared, priced, curves, outlooks, losses)
    return beliefs


def _lent(
    evidence: Mapping[str, Evidence], alone: Mapping[str, Posterior], rng: random.Random
) -> dict[str, Matrix]:
    """Curves that the payload types may have which were measured at several sizes; several of
    each, since it does not know its own."""
    return {
        name: alone[name].draw(LENT_DRAWS, rng)
        for name, known in evidence.items()
        if len(known.sizes) >= LENT_SIZES
    }


def answer(belief: Belief, place: int, *, curve: bool = False) -> Answer:
    """The answer that the size of index `place` would be; with its curve where it is asked for."""
    counts = {size.memory_mb: size.calls for size in belief.evidence.sizes}
    measured = [counts.get(size, 0) for size in belief.sizes]
    return Answer(
        payload=belief.payload,
        memory_mb=belief.sizes[place],
        within_1=_within(belief.losses, place, 0.01),
        within_5=_within(belief.losses, place, 0.05),
        regret=belief.expected[place],
        curve=_predictions(belief, measured) if curve else (),
    )


def mix(beliefs: Iterable[Belief], objective: Objective, terms: Terms) -> Answer:
    """The answer for the weighted mix, of sizes at which every payload type was measured."""
    found = list(beliefs)
    weights = [terms.payloads[belief.payload] for belief in found]
    outlooks = [
        mixed(row, weights) for row in zip(*(belief.outlooks for belief in found), strict=True)
    ]
    losses = regrets(outlooks, objective)
    sizes = found[0].sizes
    counts = [[b.evidence.at(size) for b in found] for size in sizes]
    measured = [min(e.count if e else 0 for e in row) for row in counts]
    expected = [sum(column) / len(losses) for column in zip(*losses, strict=True)]
    known = [i for i, count in enumerate(measured) if count] or list(range(len(sizes)))
    best = min(known, key=expected.__getitem__)
    return Answer(
        payload=None,
        memory_mb=sizes[best],
        within_1=_within(losses, best, 0.01),
        within_5=_within(losses, best, 0.05),
        regret=expected[best],
        curve=_mixed_predictions(sizes, measured, outlooks),
    )


def _within(losses: Matrix, place: int, tolerance: float) -> float:
    """The probability that no size is better by more than `tolerance`.

    A share of draws; half a draw is held back at each end, since no draw proves certainty, and
    `_SURPRISES` for what no draw has in it.
    """
    count = sum(row[place] <= tolerance for row in losses)
    return (1 - _SURPRISES) * (count + 0.5) / (len(losses) + 1)


def _predictions(belief: Belief, measured: Sequence[int]) -> tuple[Prediction, ...]:
    """A cost rises with its duration, so that its median is that of the median duration."""
    middle = [_at(column, 0.5) for column in belief.ordered_ms]
    costs = belief.priced.costs(middle)
    return tuple(
        Prediction(
            memory_mb=size,
            measured=measured[i],
            duration_ms=middle[i],
            low_ms=_at(ordered, _LOW),
            high_ms=_at(ordered, _HIGH),
            cost_usd=costs[i],
        )
        for i, (size, ordered) in enumerate(zip(belief.sizes, belief.ordered_ms, strict=True))
    )


def _mixed_predictions(
    sizes: Sequence[int], measured: Sequence[int], outlooks: Sequence[Outlook]
) -> tuple[Prediction, ...]:
    durations = [sorted(c) for c in zip(*(one.mean_ms for one in outlooks), strict=True)]
    costs = [sorted(c) for c in zip(*(one.cost_usd for one in outlooks), strict=True)]
    return tuple(
        Prediction(
            memory_mb=size,
            measured=measured[i],
            duration_ms=_at(durations[i], 0.5),
            low_ms=_at(durations[i], _LOW),
            high_ms=_at(durations[i], _HIGH),
            cost_usd=_at(costs[i], 0.5),
        )
        for i, size in enumerate(sizes)
    )


def _at(ordered: Sequence[float], share: float) -> float:
    """A quantile of many ordered values, straight between them."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
