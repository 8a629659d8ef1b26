"""What an adaptive run may measure, at what price, and what measuring every size would cost."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ....core.billing import gb_seconds
from ....core.exploration import Terms
from ....core.host import beyond_cores
from ....core.prices import PriceBook
from ....core.run import RunPlan

_ROUNDED_UP_MS = 0.5
"""What billing whole milliseconds adds on average."""


def terms(plan: RunPlan, prices: PriceBook, without: Collection[str] = ()) -> Terms | None:
    """The sizes that may still be measured, and what an invocation costs; None without a size.

    Of sizes that run alike, as the one host that they share has too few cores, the smallest
    stands for all: the others would show the same durations at higher prices.
    """
    left = [size for size in plan.sizes if str(size) not in without]
    alike = beyond_cores(plan.question.about.get("endpoint"), left)[1:]
    sizes = tuple(size for size in left if size not in alike)
    region = prices.region(plan.target.region)
    if not sizes:
        return None
    return Terms(
        sizes=sizes,
        payloads={payload.name: payload.weight for payload in plan.payloads},
        usd_per_gb_s=region.duration_gb_s[plan.target.architecture][0].usd,
        request_usd=region.request,
    )


def grid_spending(
    plan: RunPlan, prices: PriceBook, answers: Sequence[Mapping[str, Any]], init_ms: float
) -> dict[str, Any] | None:
    """What the grid would invoke and cost by the curves of `answers`, an estimate: `counts` warm
    invocations at every size, and a warm-up in each environment. None where a curve lacks."""
    curves = {answer["payload"]: answer["curve"] for answer in answers}
    names = [payload.name for payload in plan.payloads]
    found = terms(plan, prices)
    if found is None or not all(curves.get(name) for name in names):
        return None
    gb_s = 0.0
    for name, count in zip(names, plan.counts, strict=True):
        apart = plan.environments / len(names)
        for point in curves[name]:
            size, billed_ms = point["memory_mb"], point["duration_ms"] + _ROUNDED_UP_MS
            gb_s += count * gb_seconds(size, billed_ms)
            gb_s += apart * gb_seconds(size, billed_ms + init_ms)
    invocations = len(curves[names[0]]) * (sum(plan.counts) + plan.environments)
    usd = gb_s * found.usd_per_gb_s + invocations * found.request_usd
    return {"invocations": invocations, "gb_s": gb_s, "usd": usd}
