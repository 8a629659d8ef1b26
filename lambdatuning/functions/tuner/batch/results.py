"""What was measured, added up by payload type and size, and in the contract's terms.

Only numbers are kept, not samples: a size may have a million of them.
"""

import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ....core.decision import Evidence, Mean
from ....core.power_tuning.rules import SizeStatistics, lambda_base_cost, size_statistics
from ....core.statistics.mean_intervals import mean_interval, summarise
from ....core.statistics.means import differing, mean, placed, quantile
from ....core.strategies import FAILURE_LIMIT
from ....core.tuning.payloads import normalised
from ....core.tuning.records import RunPlan, Sample
from ....core.tuning.state import SizeResult


def _floats() -> "array[float]":
    return array("d")


@dataclass
class Tally:
    """The samples of one payload type at one size; the columns of successes run side by side.

    An error that is allowed is a success of that type: some are meant to fail. `all_usd` is what
    was billed, failures and warm-ups included.
    """

    payload: str
    memory_mb: int
    sent: int = 0
    total_ms: "array[float]" = field(default_factory=_floats)
    billed_ms: "array[float]" = field(default_factory=_floats)
    cost_usd: "array[float]" = field(default_factory=_floats)
    environments: list[str] = field(default_factory=list)
    cold_ms: "array[float]" = field(default_factory=_floats)
    cold_usd: "array[float]" = field(default_factory=_floats)
    cold_environments: list[str] = field(default_factory=list)
    warm: int = 0
    init_ms: "array[float]" = field(default_factory=_floats)
    errors: Counter[str] = field(default_factory=Counter)
    message: str = ""
    allowed: Counter[str] = field(default_factory=Counter)
    all_usd: float = 0.0
    retries: int = 0

    @property
    def failed(self) -> int:
        """Failures that are not allowed: shown, never averaged."""
        return self.errors.total()

    @property
    def only_cold(self) -> bool:
        """Whether all that is known is how long cold starts took."""
        return bool(self.cold_ms) and not self.total_ms and not self.errors

    @property
    def reason(self) -> str:
        """Why this size cannot win; "" where it can."""
        if self.failed > FAILURE_LIMIT * self.sent:
            errors = ", ".join(name for name, _ in self.errors.most_common(3))
            first = f" ({self.message})" if self.message else ""
            failed = f"{self.failed} of {self.sent} invocations of {self.payload} failed"
            return f"{failed}: {errors}{first}"
        return "" if self.total_ms else f"{self.payload} has no successful warm invocation"

    @property
    def evidence(self) -> Evidence:
        """What decides by what counts: warm invocations, or all where cold ones are asked for."""
        return self._evidence(self.total_ms, self.cost_usd, self.environments)

    @property
    def cold_evidence(self) -> Evidence:
        """What decides where there is nothing warm."""
        return self._evidence(self.cold_ms, self.cold_usd, self.cold_environments)

    def _evidence(
        self, times_ms: Sequence[float], costs_usd: Sequence[float], environments: Sequence[str]
    ) -> Evidence:
        return Evidence(
            self.payload,
            self.memory_mb,
            _mean(times_ms, environments),
            _mean(costs_usd, environments),
            len(times_ms),
            self.sent,
            self.failed,
        )

    def add(self, sample: Sample, *, with_cold: bool, allowed: Collection[str]) -> None:
        """Count a sample; a cold start is kept apart unless `with_cold`."""
        self.sent += 1
        self.all_usd += sample.cost_usd
        self.retries += sample.retries
        if sample.error in allowed and not math.isnan(sample.duration_ms):
            self.allowed[sample.error] += 1
        elif sample.error:
            self.errors[sample.error] += 1
            self.message = self.message or sample.message
            return
        if sample.cold:
            self.cold_ms.append(total_ms(sample))
            self.cold_usd.append(sample.cost_usd)
            self.cold_environments.append(sample.environment)
            self.init_ms.append(sample.init_ms or sample.restore_ms or 0.0)
        else:
            self.warm += 1
        if with_cold or not sample.cold:
            self.total_ms.append(total_ms(sample))
            self.billed_ms.append(contract_billed_ms(sample))
            self.cost_usd.append(sample.cost_usd)
            self.environments.append(sample.environment)


def _mean(values: Sequence[float], environments: Sequence[str]) -> Mean:
    """The mean with its error over environments, which is known of three or more of them."""
    if not values:
        return Mean(math.nan)
    interval = mean_interval(values, environments) if differing(environments) else None
    return Mean.between(mean(values), *interval) if interval else Mean(mean(values))


def tally(samples: Iterable[Sample], *, with_cold: bool, allowed: Collection[str]) -> list[Tally]:
    """One tally for each payload type and size that has samples, in the order of the samples."""
    tallies: dict[tuple[str, int], Tally] = {}
    for sample in samples:
        key = (sample.payload, sample.memory_mb)
        tallies.setdefault(key, Tally(*key)).add(sample, with_cold=with_cold, allowed=allowed)
    return list(tallies.values())


def contract_billed_ms(sample: Sample) -> int:
    """What Power Tuning takes for billed: it adds the billed restore, which is in it, once more."""
    if sample.restore_ms is None:
        return sample.billed_ms
    return 2 * sample.billed_ms - math.ceil(sample.duration_ms)


def total_ms(sample: Sample) -> float:
    """Duration with init and restore, as Power Tuning counts it."""
    return sample.duration_ms + (sample.init_ms or 0.0) + (sample.restore_ms or 0.0)


# The results of one size: of each payload type, and of the mix of them in the contract's terms.


Row = dict[str, object]
"""Plain JSON values, as the execution's output has them."""


def size_result(plan: RunPlan, memory_mb: int, samples: Iterable[Sample]) -> SizeResult:
    """Everything that the samples of a size tell."""
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
    may_win = not missing and not reason
    return SizeResult(
        memory_mb=memory_mb,
        reason=reason,
        rows=tuple(payload_row(entry) for entry in tallies),
        allowed={entry.payload: dict(entry.allowed) for entry in tallies if entry.allowed},
        evidence=tuple(entry.evidence for entry in tallies if entry.total_ms),
        cold_evidence=tuple(entry.cold_evidence for entry in tallies if entry.cold_ms),
        warm=sum(entry.warm for entry in tallies),
        placed=placed([name for entry in tallies for name in entry.environments]),
        statistics=_statistics(plan, memory_mb, tallies) if may_win else None,
        invocations=sum(entry.sent for entry in tallies),
        retries=sum(entry.retries for entry in tallies),
        usd=sum(entry.all_usd for entry in tallies),
    )


def payload_row(tallied: Tally) -> Row:
    """Statistics of total durations in ms (init included where cold starts are counted)."""
    return {
        "payload": tallied.payload,
        "value": tallied.memory_mb,
        "n": len(tallied.total_ms),
        "failed": tallied.failed,
        **({"errors": dict(tallied.errors), "message": tallied.message} if tallied.failed else {}),
        **({"allowed": dict(tallied.allowed)} if tallied.allowed else {}),
        **_durations(tallied),
        "cold": _cold(tallied),
    }


def _durations(tallied: Tally) -> Row:
    summary = summarise(tallied.total_ms, tallied.environments)
    if summary is None:
        return {}
    has_interval = summary.mean_low is not None
    return {
        "mean": summary.mean,
        "p50": summary.p50,
        "p90": summary.p90,
        "p95": summary.p95,
        "p99": summary.p99,
        "interval": [summary.mean_low, summary.mean_high] if has_interval else None,
        "costUsd": sum(tallied.cost_usd) / summary.n,
    }


def _cold(tallied: Tally) -> Row:
    """Cold starts apart: how many, their whole duration, and the init (or restore) in it."""
    if not tallied.cold_ms:
        return {"n": 0}
    return {
        "n": len(tallied.cold_ms),
        "mean": sum(tallied.cold_ms) / len(tallied.cold_ms),
        "p50": quantile(tallied.cold_ms, 0.5),
        "p95": quantile(tallied.cold_ms, 0.95),
        "init": sum(tallied.init_ms) / len(tallied.init_ms),
    }


def _statistics(plan: RunPlan, memory_mb: int, tallies: Sequence[Tally]) -> SizeStatistics:
    """Power Tuning's statistics: of one type as it computes them, of a mix as the weighted sum of
    its types, so that trimming drops no type."""
    base_usd = lambda_base_cost(plan.target.region, plan.target.architecture)
    parts = {
        tallied.payload: size_statistics(
            memory_mb,
            tallied.total_ms,
            tallied.billed_ms,
            base_cost_usd=base_usd,
            trim=plan.question.trim,
        )
        for tallied in tallies
    }
    weights = {payload.name: payload.weight for payload in normalised(plan.payloads)}
    return _mixed(memory_mb, parts, weights)


def _mixed(
    memory_mb: int, parts: Mapping[str, SizeStatistics], weights: Mapping[str, float]
) -> SizeStatistics:
    return {
        "averagePrice": sum(weights[name] * part["averagePrice"] for name, part in parts.items()),
        "averageDuration": sum(
            weights[name] * part["averageDuration"] for name, part in parts.items()
        ),
        "totalCost": sum(part["totalCost"] for part in parts.values()),
        "value": memory_mb,
    }
