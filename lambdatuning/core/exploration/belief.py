"""What is believed of one payload type, or of the mix, after what was seen."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..statistics import quantile
from .evidence import Evidence, gather
from .losses import Outlook, bill, mixed, outlook, regrets
from .matrices import Matrix, Vector
from .posterior import Posterior, posterior
from .prior import Prior
from .question import Answer, Objective, Observation, Prediction, Terms

DRAWS = 200
_LOW, _HIGH = 0.05, 0.95
LENT_SIZES = 2
"""A payload type lends its curve to the others once it was measured at so many sizes."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Possible curves and what each would mean; row by draw, column by size."""

    payload: str
    sizes: tuple[int, ...]
    evidence: Evidence
    posterior: Posterior
    curves: Matrix
    outlooks: Sequence[Outlook]
    losses: Matrix

    @property
    def expected(self) -> Vector:
        """The expected regret of each size."""
        return [math.fsum(column) / len(self.losses) for column in zip(*self.losses, strict=True)]


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
    lent = {n: alone[n].mean for n, e in evidence.items() if len(e.sizes) >= LENT_SIZES}
    beliefs = {}
    for name, known in evidence.items():
        borrowed = [curve for other, curve in lent.items() if other != name]
        shared = posterior(known, sizes, prior, borrowed) if borrowed else alone[name]
        curves = shared.draw(DRAWS, rng)
        priced = bill(known, sizes, terms)
        outlooks = [outlook(curve, priced) for curve in curves]
        losses = regrets(outlooks, objective)
        beliefs[name] = Belief(name, sizes, known, shared, curves, outlooks, losses)
    return beliefs


def answer(belief: Belief, place: int, *, curve: bool = False) -> Answer:
    """The answer that the size of index `place` would be; with its curve where it is asked for."""
    counts = {size.memory_mb: size.count for size in belief.evidence.sizes}
    measured = [counts.get(size, 0) for size in belief.sizes]
    return Answer(
        payload=belief.payload,
        memory_mb=belief.sizes[place],
        within_1=_within(belief.losses, place, 0.01),
        within_5=_within(belief.losses, place, 0.05),
        regret=belief.expected[place],
        curve=_predictions(belief.sizes, measured, belief.outlooks) if curve else (),
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
    expected = [math.fsum(column) / len(losses) for column in zip(*losses, strict=True)]
    known = [i for i, count in enumerate(measured) if count] or list(range(len(sizes)))
    best = min(known, key=expected.__getitem__)
    return Answer(
        payload=None,
        memory_mb=sizes[best],
        within_1=_within(losses, best, 0.01),
        within_5=_within(losses, best, 0.05),
        regret=expected[best],
        curve=_predictions(sizes, measured, outlooks),
    )


def _within(losses: Matrix, place: int, tolerance: float) -> float:
    """The probability that no size is better by more than `tolerance`.

    A share of draws; half a draw is held back at each end, since no draw proves certainty.
    """
    count = sum(row[place] <= tolerance for row in losses)
    return (count + 0.5) / (len(losses) + 1)


def _predictions(
    sizes: Sequence[int], measured: Sequence[int], outlooks: Sequence[Outlook]
) -> tuple[Prediction, ...]:
    durations = list(zip(*(one.mean_ms for one in outlooks), strict=True))
    costs = list(zip(*(one.cost_usd for one in outlooks), strict=True))
    return tuple(
        Prediction(
            memory_mb=size,
            measured=measured[i],
            duration_ms=quantile(durations[i], 0.5),
            low_ms=quantile(durations[i], _LOW),
            high_ms=quantile(durations[i], _HIGH),
            cost_usd=quantile(costs[i], 0.5),
        )
        for i, size in enumerate(sizes)
    )
