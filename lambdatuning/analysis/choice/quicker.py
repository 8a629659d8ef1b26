"""A size that costs the same as the cheapest and is much faster: what most people want to know."""

from dataclasses import dataclass

from ..statistics.curves import Curve
from ..statistics.intervals import difference
from .aim import SURE
from .recommendation import Recommendation

_WORTH = 1.2
"""Times faster from which on it is told."""

_CLOSE = 0.03
"""So much dearer a size may be measured, where that may be chance; more is not the same cost."""


@dataclass(frozen=True)
class Quicker:
    """`memory_mb` cannot be told apart in cost from the cheapest size, nor from `than_mb`.

    `cost_change` is its measured cost over that of `than_mb` less 1, `speedup` the duration of
    `than_mb` over its own; that it is faster is sure.
    """

    memory_mb: int
    than_mb: int
    cost_change: float
    speedup: float


def quicker(curve: Curve, advice: Recommendation) -> Quicker | None:
    """The fastest size that is as cheap as the cheapest, if it is worth telling.

    It is compared with today's size if that is as cheap too, else with the winner of `advice`,
    which is one for "cost". None where there is none, or where intervals are not known.
    """
    alike = (advice.memory_mb, *(advice.alike_mb or ()))
    base = advice.current_mb if advice.current_mb in alike else advice.memory_mb
    if not curve.known or base is None or base not in curve.sizes:
        return None
    others = [size for size in alike if size and size != base and size not in advice.beyond_mb]
    for size in sorted(others, key=lambda size: float(curve.ms[curve.sizes.index(size)])):
        found = _against(curve, size, base)
        if found:
            return found
    return None


def _against(curve: Curve, size: int, base: int) -> Quicker | None:
    new, old = curve.sizes.index(size), curve.sizes.index(base)
    cost, duration = (
        difference(float(means[old]), float(means[new]), resampled[:, old], resampled[:, new], SURE)
        for means, resampled in ((curve.usd, curve.resampled_usd), (curve.ms, curve.resampled_ms))
    )
    found = Quicker(size, base, cost.relative, 1 / (1 + duration.relative))
    same_cost = not cost.known and cost.relative <= _CLOSE
    return found if same_cost and duration.high < 0 and found.speedup >= _WORTH else None
