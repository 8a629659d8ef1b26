"""The results of one size: of each payload type, and of the mix of them in the contract's terms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ....core.compat.prices import lambda_base_cost
from ....core.compat.rules import size_statistics
from ....core.payloads import normalised
from ....core.run import RunPlan
from ....core.samples import Sample
from ....core.statistics import quantile, summarise
from .tally import Tally, tally

Result = dict[str, Any]


def size_result(plan: RunPlan, memory_mb: int, samples: Iterable[Sample]) -> Result:
    """Everything that is told of a size, as plain JSON values.

    `results` has a row for each payload type, `statistics` are Power Tuning's (None where the size
    cannot win, and then `reason` says why), `invocations`, `retries` and `usd` are totals.
    """
    tallies = tally(samples, with_cold=not plan.warm, allowed=plan.question.allowed_errors)
    order = {payload.name: index for index, payload in enumerate(plan.payloads)}
    tallies.sort(key=lambda entry: order[entry.payload])
    # An adaptive run measures a payload type where it wants to, and may learn enough of a size
    # from its first call: that is no failure of the size.
    kept = [entry for entry in tallies if plan.limits is None or not entry.only_cold]
    missing = [name for name in order if name not in {entry.payload for entry in kept}]
    reason = next((entry.reason for entry in kept if entry.reason), "")
    if missing and not reason and plan.limits is None:
        reason = f"{missing[0]} was not measured"
    return {
        "value": memory_mb,
        "reason": reason,
        "results": [payload_result(entry) for entry in tallies],
        "statistics": _statistics(plan, memory_mb, tallies) if not missing and not reason else None,
        "invocations": sum(entry.sent for entry in tallies),
        "retries": sum(entry.retries for entry in tallies),
        "usd": sum(entry.all_usd for entry in tallies),
    }


def payload_result(found: Tally) -> Result:
    """Statistics of total durations in ms (init included where cold starts are counted)."""
    return {
        "payload": found.payload,
        "value": found.memory_mb,
        "n": len(found.total_ms),
        "failed": found.failed,
        **({"errors": dict(found.errors)} if found.failed else {}),
        **_durations(found),
        "cold": _cold(found),
    }


def _durations(found: Tally) -> Result:
    summary = summarise(found.total_ms, found.environments)
    if summary is None:
        return {}
    known = summary.mean_low is not None
    return {
        "mean": summary.mean,
        "p50": summary.p50,
        "p90": summary.p90,
        "p95": summary.p95,
        "p99": summary.p99,
        "interval": [summary.mean_low, summary.mean_high] if known else None,
        "costUsd": sum(found.cost_usd) / summary.n,
    }


def _cold(found: Tally) -> Result:
    """Cold starts apart: how many, their whole duration, and the init (or restore) in it."""
    if not found.cold_ms:
        return {"n": 0}
    return {
        "n": len(found.cold_ms),
        "mean": sum(found.cold_ms) / len(found.cold_ms),
        "p50": quantile(found.cold_ms, 0.5),
        "p95": quantile(found.cold_ms, 0.95),
        "init": sum(found.init_ms) / len(found.init_ms),
    }


def _statistics(plan: RunPlan, memory_mb: int, tallies: Sequence[Tally]) -> Result:
    """Power Tuning's statistics: of one type as it computes them, of a mix as the weighted sum of
    its types, so that trimming drops no type."""
    base_usd = lambda_base_cost(plan.target.region, plan.target.architecture)
    parts = {
        found.payload: size_statistics(
            memory_mb,
            found.total_ms,
            found.billed_ms,
            base_cost_usd=base_usd,
            trim=plan.question.trim,
        )
        for found in tallies
    }
    weights = {payload.name: payload.weight for payload in normalised(plan.payloads)}
    return _mixed(memory_mb, parts, weights)


def _mixed(
    memory_mb: int, parts: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]
) -> Result:
    def weighted(name: str) -> float:
        return sum(weights[payload] * part[name] for payload, part in parts.items())

    return {
        "averagePrice": weighted("averagePrice"),
        "averageDuration": weighted("averageDuration"),
        "totalCost": sum(part["totalCost"] for part in parts.values()),
        "value": memory_mb,
    }
