"""What was measured of one payload type at one size, and of the mix of types at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.compat.prices import lambda_base_cost
from ...core.compat.rules import size_statistics
from ...core.payloads import normalised
from ...core.run import RunPlan
from ...core.samples import Sample
from ...core.statistics import summarise

FAILURE_LIMIT = 0.1
"""A size at which more than this share of the invocations of a type fails cannot win."""


@dataclass(frozen=True)
class SizeResult:
    """The samples of one payload type at one size."""

    payload: str
    memory_mb: int
    samples: tuple[Sample, ...]
    with_cold: bool

    @property
    def counted(self) -> list[Sample]:
        """Successes; warm ones alone, unless cold ones were asked for."""
        return [s for s in self.samples if not s.error and (self.with_cold or not s.cold)]

    @property
    def failed(self) -> list[Sample]:
        """Failures: shown, never averaged."""
        return [sample for sample in self.samples if sample.error]

    @property
    def reason(self) -> str:
        """Why this size cannot win; "" where it can."""
        if self.samples and len(self.failed) > FAILURE_LIMIT * len(self.samples):
            count = f"{len(self.failed)} of {len(self.samples)}"
            return f"{count} invocations of {self.payload} failed: {self.failed[0].error}"
        return "" if self.counted else f"{self.payload} has no successful warm invocation"

    def to_json(self) -> dict[str, Any]:
        """Statistics of total durations (init included where cold ones are counted)."""
        found = summarise(
            [_total_ms(s) for s in self.counted], [s.environment for s in self.counted]
        )
        statistics = {} if found is None else {
            "mean": found.mean,
            "p50": found.p50,
            "p90": found.p90,
            "p95": found.p95,
            "p99": found.p99,
            "interval": None if found.mean_low is None else [found.mean_low, found.mean_high],
            "costUsd": sum(s.cost_usd for s in self.counted) / found.n,
        }  # fmt: skip
        cold = [s.init_ms or s.restore_ms or 0.0 for s in self.samples if s.cold and not s.error]
        return {
            "payload": self.payload,
            "value": self.memory_mb,
            "n": len(self.counted),
            "failed": len(self.failed),
            "cold": len(cold),
            "coldInit": sum(cold) / len(cold) if cold else None,
            **statistics,
        }


def size_results(plan: RunPlan, samples: Sequence[Sample]) -> list[SizeResult]:
    """Every payload type at every size that has samples, in the plan's order."""
    found: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        found.setdefault((sample.payload, sample.memory_mb), []).append(sample)
    with_cold = not plan.warm
    return [
        SizeResult(payload.name, size, tuple(found[payload.name, size]), with_cold)
        for size in plan.sizes
        for payload in plan.payloads
        if (payload.name, size) in found
    ]


def contract_statistics(
    plan: RunPlan, results: Sequence[SizeResult], trim: float
) -> list[dict[str, Any]]:
    """Power Tuning's statistics of each size: of one type as it computes them, of a mix as the
    weighted sum of its types, so that trimming drops no type."""
    weights = {payload.name: payload.weight for payload in normalised(plan.payloads)}
    base_usd = lambda_base_cost(plan.target.region, plan.target.architecture)
    statistics = []
    for size in plan.sizes:
        parts = {
            result.payload: size_statistics(
                size,
                [_total_ms(sample) for sample in result.counted],
                [float(sample.billed_ms) for sample in result.counted],
                base_cost_usd=base_usd,
                trim=trim,
            )
            for result in results
            if result.memory_mb == size
        }
        statistics.append(_mixed(size, parts, weights))
    return statistics


def _mixed(
    size: int, parts: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]
) -> dict[str, Any]:
    def weighted(name: str) -> float:
        return sum(weights[payload] * part[name] for payload, part in parts.items())

    return {
        "averagePrice": weighted("averagePrice"),
        "averageDuration": weighted("averageDuration"),
        "totalCost": sum(part["totalCost"] for part in parts.values()),
        "value": size,
    }


def _total_ms(sample: Sample) -> float:
    return sample.duration_ms + (sample.init_ms or 0.0) + (sample.restore_ms or 0.0)
