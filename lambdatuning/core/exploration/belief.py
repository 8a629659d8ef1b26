"""What is believed of one payload type, or of the mix, after what was seen."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .evidence import Evidence, gather
from .losses import Bill, Outlook, bill, mixed, outlook, regrets
from .matrices import Matrix, Vector
from .posterior import Posterior, posterior
from .prior import Prior
from .question import Answer, Objective, Observation, Prediction, Terms

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
