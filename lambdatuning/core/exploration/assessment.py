"""What is believed of a payload type, or of the mix: possible curves, what each would cost and how
much worse than the best each size would be, and how probable an answer is."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul

from .evidence import EXCESS_MS, HOSTS, NoiseDraw, SizeEvidence, gather, log_normal_tail
from .modes import modes
from .posterior import Posterior, posterior
from .prior import Matrix, Prior, Vector
from .question import BestSoFar, Objective, Observation, Prediction, Terms

_MISSED = 1.0
"""The least regret of a size that breaks the limit while another one keeps it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What turns the durations of a payload type into prices and p95s, size by size.

    `tail` is p95 over mean.
    """

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
    """What one curve means at each size: mean duration in ms, p95 over it, USD an invocation."""

    mean_ms: Vector
    tail: Vector
    cost_usd: Vector

    @property
    def p95_ms(self) -> Vector:
        """The 95 % quantile of durations."""
        return list(map(mul, self.mean_ms, self.tail))


def bill(
    evidence: Sequence[SizeEvidence], sizes: Sequence[int], terms: Terms, spreads: Vector
) -> Bill:
    """The bill of one payload type by what its samples were billed; `spreads` (log) of its calls
    stand for the tails that were not measured."""
    by_size = {size.memory_mb: size for size in evidence}
    measured = [by_size.get(size) for size in sizes]
    return Bill(
        excess_ms=[size.excess_ms if size else EXCESS_MS for size in measured],
        tail=[
            size.tail(spread) if size else log_normal_tail(spread)
            for size, spread in zip(measured, spreads, strict=True)
        ],
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
    return [_regrets(one, objective) for one in outlooks]


def _regrets(one: Outlook, objective: Objective) -> Vector:
    match objective.strategy:
        case "speed":
            return _over_best(one.mean_ms)
        case "cost":
            return _over_best(one.cost_usd)
        case "balanced":
            return _over_best(_balanced(one.mean_ms, one.cost_usd, objective.weight))
        case "value":
            return _over_best(objective.worth.scores(one.mean_ms, one.cost_usd))
        case "deadline":
            return _limited(one.cost_usd, one.p95_ms, objective.deadline_ms)
        case _:
            return _limited(one.mean_ms, one.cost_usd, objective.budget_usd)


def _over_best(values: Vector) -> Vector:
    best = min(values)
    return [value / best - 1 for value in values]


def _balanced(durations: Vector, costs: Vector, weight: float) -> Vector:
    highest, slowest = weight / max(costs), (1 - weight) / max(durations)
    return [c * highest + d * slowest for c, d in zip(costs, durations, strict=True)]


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


_LOW, _HIGH = 0.05, 0.95
_SURPRISE, _UNEVEN = 0.01, 0.08
"""How often a function or its hosts are unlike anything that the model knows; and how often so
where calls take one of two times, of which it knows less."""
_SLOW, _SLOW_SHARES = 0.15, (0.05, 0.1, 0.2, 0.3)
"""How often a size has some calls that are many times as slow, which few calls need not show, and
what share of its calls these are."""
_SHORT_MS, _NOISY, _CONFIDENT = 100.0, 0.1, 0.9
"""Of functions this short, or this noisy (log spread), both neighbours of a size are called before
more than so much certainty is stated: they may have two modes at single sizes."""
_LENT_CURVES, _LENT_SIZES = 6, 2
"""A payload type lends so many of its curves to the others once it was measured at two sizes."""


class _Losses:
    """What each size would lose under each possible curve; row by draw, column by size."""

    sizes: tuple[int, ...]
    losses: Matrix

    @cached_property
    def expected(self) -> Vector:
        """The expected regret of each size."""
        return [sum(column) / len(self.losses) for column in zip(*self.losses, strict=True)]

    @cached_property
    def best(self) -> int:
        """The index of the size of least expected regret, measured or not."""
        return min(range(len(self.sizes)), key=self.expected.__getitem__)

    @cached_property
    def wins(self) -> Vector:
        """In which share of the draws each size is the best."""
        counts = Counter(row.index(min(row)) for row in self.losses)
        return [counts[place] / len(self.losses) for place in range(len(self.sizes))]


@dataclass(frozen=True)
class Assessment(_Losses):
    """Possible curves and what each would mean; row by draw, column by size.

    `helped` are those to which other payload types lent their curves.
    """

    payload: str
    sizes: tuple[int, ...]
    evidence: tuple[SizeEvidence, ...]
    curves: Matrix
    noises: Sequence[NoiseDraw]
    priced: Bill
    outlooks: Sequence[Outlook]
    losses: Matrix
    helped: bool = False

    def at(self, place: int) -> SizeEvidence | None:
        """What was seen at the size of index `place`; None of nothing."""
        size = self.sizes[place]
        return next((one for one in self.evidence if one.memory_mb == size), None)

    def calls(self, place: int) -> int:
        """How many calls were made at the size of index `place`, first ones included."""
        size = self.at(place)
        return size.calls if size else 0

    def warm_calls(self, place: int) -> int:
        """How many warm calls were made at the size of index `place`."""
        size = self.at(place)
        return size.warm if size else 0

    @cached_property
    def ordered_ms(self) -> Matrix:
        """The possible mean durations of each size, ascending."""
        return [sorted(c) for c in zip(*(one.mean_ms for one in self.outlooks), strict=True)]

    @cached_property
    def typical_ms(self) -> Vector:
        """The median of the possible mean durations of each size."""
        return [quantile(ordered, 0.5) for ordered in self.ordered_ms]

    def within(self, place: int, tolerance: float) -> float:
        """The probability that no size is better than this one by more than `tolerance`."""
        probability = self._within(place, tolerance)
        return min(probability, _CONFIDENT) if self._alone(place) else probability

    def _within(self, place: int, tolerance: float) -> float:
        calls = self.calls(place)
        return within(self.losses, place, tolerance, calls, uneven=self.two_modes)

    @cached_property
    def two_modes(self) -> bool:
        """Whether calls were seen that are many times as slow as others of their size."""
        return modes(self.evidence) is not None

    @property
    def neighbours_due(self) -> list[int]:
        """The places to be called before more certainty is stated of the best size."""
        return self._alone(self.best) if self._within(self.best, 0.05) >= _CONFIDENT else []

    def _alone(self, place: int) -> list[int]:
        """The neighbours that were not called, where there may be two modes at single sizes."""
        if self.typical_ms[place] >= _SHORT_MS and self.spread(place) <= _NOISY:
            return []
        sides = (place - 1, place + 1)
        return [k for k in sides if 0 <= k < len(self.sizes) and self.at(k) is None]

    def spread(self, place: int) -> float:
        """The median of the log spreads that single calls may have at a size."""
        return sorted(noise.spreads[place] for noise in self.noises)[len(self.noises) // 2]

    def answer(self, place: int, *, curve: bool = False) -> BestSoFar:
        """The answer that this size would be; with the curve where it is asked for."""
        return BestSoFar(
            payload=self.payload,
            memory_mb=self.sizes[place],
            within_1=self.within(place, 0.01),
            within_5=self.within(place, 0.05),
            regret=self.expected[place],
            curve=self._predictions() if curve else (),
        )

    def measured_answer(self) -> BestSoFar:
        """The best answer among the sizes that were measured, with its curve."""
        warm = [size for size in self.evidence if size.warm] or self.evidence
        places = [self.sizes.index(size.memory_mb) for size in warm]
        return self.answer(min(places, key=self.expected.__getitem__), curve=True)

    @property
    def typical(self) -> Outlook:
        """What the median durations mean. A cost rises with its duration, so that its median is
        that of the median duration."""
        return Outlook(self.typical_ms, self.priced.tail, self.priced.costs(self.typical_ms))

    def _predictions(self) -> tuple[Prediction, ...]:
        costs = self.typical.cost_usd
        return tuple(
            Prediction(
                memory_mb=size,
                measured=self.calls(k),
                duration_ms=self.typical_ms[k],
                low_ms=quantile(self.ordered_ms[k], _LOW),
                high_ms=quantile(self.ordered_ms[k], _HIGH),
                cost_usd=costs[k],
            )
            for k, size in enumerate(self.sizes)
        )


def assess(
    observations: Mapping[str, Sequence[Observation]],
    sizes: tuple[int, ...],
    objective: Objective,
    terms: Terms,
    prior: Prior,
    rng: random.Random,
) -> dict[str, Assessment]:
    """The assessment of each payload type, which learns from the others' curves."""
    evidence = {name: gather(calls) for name, calls in observations.items()}
    learnt = {
        name: posterior(sizes_seen, sizes, prior, rng) for name, sizes_seen in evidence.items()
    }
    helped: set[str] = set()
    if len(learnt) > 1:
        learnt, helped = _together(learnt, evidence, sizes, prior, rng)
    assessments = {}
    for name, own in learnt.items():
        priced = bill(evidence[name], sizes, terms, own.mean_spreads)
        outlooks = [outlook(curve, priced) for curve in own.curves]
        assessments[name] = Assessment(
            payload=name,
            sizes=sizes,
            evidence=evidence[name],
            curves=own.curves,
            noises=own.noises,
            priced=priced,
            outlooks=outlooks,
            losses=regrets(outlooks, objective),
            helped=name in helped,
        )
    return assessments


def _together(
    alone: Mapping[str, Posterior],
    evidence: Mapping[str, tuple[SizeEvidence, ...]],
    sizes: tuple[int, ...],
    prior: Prior,
    rng: random.Random,
) -> tuple[dict[str, Posterior], set[str]]:
    """What several payload types let believe of each other, and which were lent curves."""
    lent = {
        name: own.curves[:: len(own.curves) // _LENT_CURVES][:_LENT_CURVES]
        for name, own in alone.items()
        if len(evidence[name]) >= _LENT_SIZES
    }
    hosts_seen = any(size.environments > 1 for e in evidence.values() for size in e)
    learnt, helped = {}, set()
    for name, own in alone.items():
        curves = [curve for other, some in lent.items() if other != name for curve in some]
        if curves or hosts_seen:
            hosts = _hosts([one.noises for other, one in alone.items() if other != name])
            learnt[name] = posterior(evidence[name], sizes, prior, rng, curves, hosts)
        else:
            learnt[name] = own
        if curves:
            helped.add(name)
        # Draws of payload types are put side by side in the mix, by chance alone.
        rng.shuffle(learnt[name].curves)
    return learnt, helped


def _hosts(others: Sequence[Sequence[NoiseDraw]]) -> list[tuple[float, float]]:
    """What the other payload types let believe of the hosts, which serve all of them."""
    hosts = []
    for host, prior in HOSTS:
        chance = prior
        for draws in others:
            share = sum(draw.host == host for draw in draws) / len(draws)
            # A step of the draws is held back, as no draw proves that a spread cannot be.
            chance *= (share + prior / len(draws)) / (1 + 1 / len(draws)) / prior
        hosts.append((host, chance))
    return hosts


@dataclass(frozen=True)
class Mix(_Losses):
    """What is believed of the weighted mix of several payload types; row by draw, column by size.

    `calls` are those of the payload type that was called least at each size, `typical` is the
    weighted mean of what is stated of each payload type, so that parts and whole agree; `two_modes`
    is whether one of them has calls that are many times as slow as others.
    """

    sizes: tuple[int, ...]
    calls: Sequence[int]
    outlooks: Sequence[Outlook]
    losses: Matrix
    typical: Outlook
    two_modes: bool = False

    def answer(self) -> BestSoFar:
        """The best answer among the sizes at which every payload type was measured."""
        places = range(len(self.sizes))
        measured = [place for place in places if self.calls[place]] or places
        best = min(measured, key=self.expected.__getitem__)
        return BestSoFar(
            payload=None,
            memory_mb=self.sizes[best],
            within_1=self._within(best, 0.01),
            within_5=self._within(best, 0.05),
            regret=self.expected[best],
            curve=self._predictions(),
        )

    def _within(self, place: int, tolerance: float) -> float:
        return within(self.losses, place, tolerance, self.calls[place], uneven=self.two_modes)

    def _predictions(self) -> tuple[Prediction, ...]:
        durations = [sorted(c) for c in zip(*(one.mean_ms for one in self.outlooks), strict=True)]
        return tuple(
            Prediction(
                memory_mb=size,
                measured=self.calls[k],
                duration_ms=(typical_ms := self.typical.mean_ms[k]),
                low_ms=min(quantile(durations[k], _LOW), typical_ms),
                high_ms=max(quantile(durations[k], _HIGH), typical_ms),
                cost_usd=self.typical.cost_usd[k],
            )
            for k, size in enumerate(self.sizes)
        )


def mix(assessments: Iterable[Assessment], objective: Objective, terms: Terms) -> Mix:
    """The assessment of the mix by those of all its payload types."""
    listed = list(assessments)
    weights = [terms.payloads[assessment.payload] for assessment in listed]
    outlooks = [
        mixed(row, weights)
        for row in zip(*(assessment.outlooks for assessment in listed), strict=True)
    ]
    calls = [
        min(assessment.warm_calls(k) for assessment in listed) for k in range(len(listed[0].sizes))
    ]
    typical = mixed([assessment.typical for assessment in listed], weights)
    uneven = any(assessment.two_modes for assessment in listed)
    return Mix(listed[0].sizes, calls, outlooks, regrets(outlooks, objective), typical, uneven)


def within(
    losses: Matrix, place: int, tolerance: float, calls: int, *, uneven: bool = False
) -> float:
    """The probability that no size is better by more than `tolerance`.

    A share of draws. Half a draw is held back at each end, since no draw proves certainty, and
    what no draw has in it: a surprise (more often where calls are `uneven`), and slow calls that so
    few `calls` need not have shown.
    """
    count = sum(row[place] <= tolerance for row in losses)
    unseen = sum((1 - share) ** calls for share in _SLOW_SHARES) / len(_SLOW_SHARES)
    usual = (1 - (_UNEVEN if uneven else _SURPRISE)) * (1 - _SLOW * unseen)
    return usual * (count + 0.5) / (len(losses) + 1)


def quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of many ordered values, straight between them."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
