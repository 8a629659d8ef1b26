"""How much the first call of an execution environment, beside its init, is like the later ones.

Some functions do once what they never do again: open connections, fill caches, compile. Of all
others a cold start is a sample like any, and a paid one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PRIOR = ((0.005, 0.5), (0.1, 0.2), (0.5, 0.3))
"""(how far first calls lie from later ones, sd in log, how likely it is before any was seen)."""
ENOUGH = 0.5
"""First calls that are worth less than this much of a later one are left out."""
_STRAY, _STRAY_SD, _NEVER = 0.1, 0.7, 1e-30
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
        math.log(weight) + sum(_log_likelihood(one, sd, spread) for one in firsts)
        for sd, weight in PRIOR
    ]
    best = max(logs)
    weights = [math.exp(value - best) for value in logs]
    worth = [spread**2 / (spread**2 + sd**2) for sd, _ in PRIOR]
    return sum(w * v for w, v in zip(weights, worth, strict=True)) / sum(weights)


def _log_likelihood(one: First, sd: float, spread: float) -> float:
    usual = _density(one.off, sd**2 + spread**2 * (1 + 1 / one.later))
    stray = _density(one.off, _STRAY_SD**2)
    return math.log((1 - _STRAY) * usual + _STRAY * stray + _NEVER)


def _density(off: float, variance: float) -> float:
    return math.exp(-0.5 * off**2 / variance) / math.sqrt(variance)
