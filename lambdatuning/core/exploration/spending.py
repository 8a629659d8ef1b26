"""What was spent, what more would cost, and whether the budget has it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from ..billing import gb_seconds
from .belief import Belief
from .looks import Market
from .question import Budget, Observation, Terms

_INIT_MS = 250.0
"""The init expected before any was seen."""


def spent_usd(seen: Iterable[Observation], terms: Terms) -> float:
    """The bill of what was invoked, cold starts and failures included."""
    return math.fsum(
        gb_seconds(one.memory_mb, one.billed_ms) * terms.usd_per_gb_s + terms.request_usd
        for one in seen
    )


def affords(budget: Budget, usd: float, invocations: int) -> bool:
    """Whether a run that has cost so much by then keeps its budget."""
    return (budget.max_usd is None or usd <= budget.max_usd) and (
        budget.max_invocations is None or invocations <= budget.max_invocations
    )


def environments(seen: Iterable[Observation]) -> dict[int, int]:
    """How many execution environments were seen at each size, for whichever payload type."""
    found: dict[int, set[str]] = defaultdict(set)
    for one in seen:
        found[one.memory_mb].add(one.environment)
    return {size: len(names) for size, names in found.items()}


def market(
    belief: Belief, seen: Sequence[Observation], terms: Terms, running: dict[int, int]
) -> Market:
    """Prices at each size by the belief, and by the inits that were seen."""
    inits = [one.init_ms for one in seen if one.cold and one.init_ms]
    init_ms = fmean(inits) if inits else _INIT_MS
    warm = belief.priced.costs([_middle(ordered) for ordered in belief.ordered_ms])
    cold = [
        usd + gb_seconds(size, init_ms) * terms.usd_per_gb_s
        for usd, size in zip(warm, belief.sizes, strict=True)
    ]
    return Market(warm, cold, [running.get(size, 0) for size in belief.sizes])


def _middle(ordered: Sequence[float]) -> float:
    """The mean of the middle half: few curves run off where nothing was measured."""
    quarter = len(ordered) // 4
    kept = ordered[quarter : len(ordered) - quarter]
    return sum(kept) / len(kept)
