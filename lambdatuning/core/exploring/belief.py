"""What is believed of one payload type, or of the mix, after what was seen."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .evidence import SizeEvidence, gather
from .losses import Bill, Outlook, bill, mixed, outlook, regrets
from .matrices import Matrix, Vector
from .noise import NoiseDraw
from .posterior import posterior
from .prior import Prior
from .question import Answer, Objective, Observation, Prediction, Terms

_LOW, _HIGH = 0.05, 0.95
_SURPRISE = 0.01
"""How often a function or its hosts are unlike anything that the model knows."""
_SLOW, _SLOW_SHARES = 0.1, (0.05, 0.1, 0.2, 0.3)
"""How often a size has some calls that are many times as slow, which few calls need not show, and
what share of its calls these are."""
_LENT_CURVES, _LENT_SIZES = 6, 2
"""A payload type lends so many of its curves to the others once it was measured at two sizes."""


@dataclass(frozen=True)
class Belief:
    """Possible curves and what each would mean; row by draw, column by size."""

    payload: str
    sizes: tuple[int, ...]
    evidence: tuple[SizeEvidence, ...]
    curves: Matrix
    noises: Sequence[NoiseDraw]
    priced: Bill
    outlooks: Sequence[Outlook]
    losses: Matrix

    def at(self, place: int) -> SizeEvidence | None:
        """What was seen at the size of index `place`; None of nothing."""
        size = self.sizes[place]
        return next((one for one in self.evidence if one.memory_mb == size), None)

    @cached_property
    def expected(self) -> Vector:
        """The expected regret of each size."""
        return [sum(column) / len(self.losses) for column in zip(*self.losses, strict=True)]

    @cached_property
    def best(self) -> int:
        """The index of the size of least expected regret."""
        return min(range(len(self.sizes)), key=self.expected.__getitem__)

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
        known = self.at(place)
        return within(self.losses, place, tolerance, known.calls if known else 0)

    def answer(self, place: int, *, curve: bool = False) -> Answer:
        """The answer that this size would be; with the curve where it is asked for."""
        return Answer(
            payload=self.payload,
            memory_mb=self.sizes[place],
            within_1=self.within(place, 0.01),
            within_5=self.within(place, 0.05),
            regret=self.expected[place],
            curve=self._predictions() if curve else (),
        )

    def measured_answer(self) -> Answer:
        """The best answer among the sizes that were measured, with its curve."""
        warm = [size for size in self.evidence if size.warm] or self.evidence
        places = [self.sizes.index(size.memory_mb) for size in warm]
        return self.answer(min(places, key=self.expected.__getitem__), curve=True)

    def _predictions(self) -> tuple[Prediction, ...]:
        """A cost rises with its duration, so that its median is that of the median duration."""
        costs = self.priced.costs(self.typical_ms)
        return tuple(
            Prediction(
                memory_mb=size,
                measured=known.calls if (known := self.at(k)) else 0,
                duration_ms=self.typical_ms[k],
                low_ms=quantile(self.ordered_ms[k], _LOW),
                high_ms=quantile(self.ordered_ms[k], _HIGH),
                cost_usd=costs[k],
            )
            for k, size in enumerate(self.sizes)
        )


def believe(
    seen: Mapping[str, Sequence[Observation]],
    sizes: tuple[int, ...],
    objective: Objective,
    terms: Terms,
    prior: Prior,
    rng: random.Random,
) -> dict[str, Belief]:
    """The belief of each payload type in `seen`, which learns from the others' curves."""
    evidence = {name: gather(found) for name, found in seen.items()}
    alone = {name: posterior(known, sizes, prior, rng) for name, known in evidence.items()}
    lent = {
        name: alone[name].curves[:: len(alone[name].curves) // _LENT_CURVES][:_LENT_CURVES]
        for name, known in evidence.items()
        if len(evidence) > 1 and len(known) >= _LENT_SIZES
    }
    beliefs = {}
    for name, known in evidence.items():
        others = [curve for other, some in lent.items() if other != name for curve in some]
        found = posterior(known, sizes, prior, rng, others) if others else alone[name]
        count = len(found.noises)
        spreads = [sum(n.spreads[k] for n in found.noises) / count for k in range(len(sizes))]
        priced = bill(known, sizes, terms, spreads)
        outlooks = [outlook(curve, priced) for curve in found.curves]
        losses = regrets(outlooks, objective)
        beliefs[name] = Belief(
            name, sizes, known, found.curves, found.noises, priced, outlooks, losses
        )
    return beliefs


def mix(beliefs: Iterable[Belief], objective: Objective, terms: Terms) -> Answer:
    """The answer for the weighted mix, of sizes at which every payload type was measured."""
    found = list(beliefs)
    sizes = found[0].sizes
    weights = [terms.payloads[belief.payload] for belief in found]
    outlooks = [
        mixed(row, weights) for row in zip(*(belief.outlooks for belief in found), strict=True)
    ]
    losses = regrets(outlooks, objective)
    places = range(len(sizes))
    calls = [min(e.calls if (e := b.at(k)) else 0 for b in found) for k in places]
    expected = [sum(column) / len(losses) for column in zip(*losses, strict=True)]
    best = min([k for k in places if calls[k]] or places, key=expected.__getitem__)
    return Answer(
        payload=None,
        memory_mb=sizes[best],
        within_1=within(losses, best, 0.01, calls[best]),
        within_5=within(losses, best, 0.05, calls[best]),
        regret=expected[best],
        curve=_mixed_predictions(sizes, calls, outlooks),
    )


def within(losses: Matrix, place: int, tolerance: float, calls: int) -> float:
    """The probability that no size is better by more than `tolerance`.

    A share of draws. Half a draw is held back at each end, since no draw proves certainty, and
    what no draw has in it: a surprise, and slow calls that so few `calls` need not have shown.
    """
    count = sum(row[place] <= tolerance for row in losses)
    unseen = sum((1 - share) ** calls for share in _SLOW_SHARES) / len(_SLOW_SHARES)
    return (1 - _SURPRISE) * (1 - _SLOW * unseen) * (count + 0.5) / (len(losses) + 1)


def quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of many ordered values, straight between them."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _mixed_predictions(
    sizes: Sequence[int], calls: Sequence[int], outlooks: Sequence[Outlook]
) -> tuple[Prediction, ...]:
    durations = [sorted(c) for c in zip(*(one.mean_ms for one in outlooks), strict=True)]
    costs = [sorted(c) for c in zip(*(one.cost_usd for one in outlooks), strict=True)]
    return tuple(
        Prediction(
            memory_mb=size,
            measured=calls[k],
            duration_ms=quantile(durations[k], 0.5),
            low_ms=quantile(durations[k], _LOW),
            high_ms=quantile(durations[k], _HIGH),
            cost_usd=quantile(costs[k], 0.5),
        )
        for k, size in enumerate(sizes)
    )
