"""What the snapshots of a SnapStart function cost: each published version keeps one."""

from collections.abc import Iterable, Mapping
from typing import Any

from ....core.billing import snapstart_cache_usd
from ....core.prices import PriceBook
from ....core.run import RunPlan, Target

PAID_HOURS = 3.0
"""The least that is billed for a version; those of a run are gone before."""


def snapshots_usd(target: Target, prices: PriceBook, sizes_mb: Iterable[int]) -> float:
    """The price of keeping one version of each size until the run is over."""
    if not target.snapstart or not target.pays_for_restores:
        return 0.0
    return sum(snapstart_cache_usd(prices, target.region, size, PAID_HOURS) for size in sizes_mb)


def published_mb(plan: RunPlan, state: Mapping[str, Any]) -> list[int]:
    """The sizes of the versions that a run has published, once for each version."""
    if plan.limits:
        return [int(size) for size in state["versions"]]
    sizes = [work.memory_mb for work in plan.work[: int(state["published"])]]
    return [size for size in sizes if str(size) not in state["failed"]]
