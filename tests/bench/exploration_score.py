"""How good and how dear the methods' answers were."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .exploration_methods import Outcome
from .exploration_simulator import Account
from .exploration_traces import Trace

STATED = (0.0, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 1.01)


@dataclass(frozen=True)
class Trial:
    """One method on one function, objective and seed; regrets against the best of the default
    sizes and of every 64 MB."""

    method: str
    objective: str
    split: str
    function: str
    source: str
    seed: int
    memory_mb: int
    gb_s: float
    usd: float
    invocations: int
    regret: float
    regret_fine: float
    stated_within_5: float
    stated_within_1: float


def trial(
    method: str,
    objective: str,
    split: str,
    seed: int,
    account: Account,
    trace: Trace,
    outcome: Outcome,
) -> Trial:
    """The trial of an outcome."""
    return Trial(
        method=method,
        objective=objective,
        split=split,
        function=trace.name,
        source=trace.source,
        seed=seed,
        memory_mb=outcome.memory_mb,
        gb_s=account.gb_s,
        usd=account.usd,
        invocations=account.invocations,
        regret=regret(trace, outcome.memory_mb, objective, trace.grid),
        regret_fine=regret(trace, outcome.memory_mb, objective, trace.fine),
        stated_within_5=outcome.within_5,
        stated_within_1=outcome.within_1,
    )


def regret(trace: Trace, memory_mb: int, objective: str, among: Sequence[int]) -> float:
    """Objective at a size over the best among `among` (or itself, if that is better), minus 1.

    `balanced` is normalised on the default sizes, as Power Tuning does on the tested ones. The
    cost is that of billed milliseconds without the request fee, as Power Tuning has it.
    """
    sizes = [memory_mb, *among]
    costs = np.array([trace.billed_ms(size) * size for size in sizes])
    durations = np.array([trace.duration_ms(size) for size in sizes])
    if objective == "cost":
        values = costs
    elif objective == "speed":
        values = durations
    else:
        most = max(trace.billed_ms(size) * size for size in trace.grid)
        slowest = max(trace.duration_ms(size) for size in trace.grid)
        values = 0.5 * costs / most + 0.5 * durations / slowest
    return float(values[0] / values.min() - 1)


def results(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """One row for each method, objective and split, in the order met."""
    groups: dict[tuple[str, str, str], list[Trial]] = {}
    base: dict[tuple[str, str, str, int], Trial] = {}
    for one in trials:
        groups.setdefault((one.objective, one.split, one.method), []).append(one)
        if one.method == "grid-10":
            base[one.objective, one.split, one.function, one.seed] = one
    return [_row(key, found, base) for key, found in groups.items()]


def by_stated(trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """Reliability: of held-out answers that stated so much, how many were within 5 %."""
    found = [t for t in trials if t.split == "held-out" and not math.isnan(t.stated_within_5)]
    rows = []
    for low, high in pairwise(STATED):
        inside = [t for t in found if low <= t.stated_within_5 < high]
        if inside:
            rows.append(
                {
                    "from": low,
                    "to": min(high, 1.0),
                    "answers": len(inside),
                    "stated": round(float(np.mean([t.stated_within_5 for t in inside])), 4),
                    "true": round(float(np.mean([t.regret <= 0.05 for t in inside])), 4),
                }
            )
    return rows


def _row(
    key: tuple[str, str, str],
    found: Sequence[Trial],
    base: dict[tuple[str, str, str, int], Trial],
) -> dict[str, Any]:
    objective, split, method = key
    pairs = [(one, base[objective, split, one.function, one.seed]) for one in found]
    invocations = [one.invocations for one in found]
    return {
        "method": method,
        "objective": objective,
        "split": split,
        "functions": len({one.function for one in found}),
        "gbs_ratio": _geometric([one.gb_s / ref.gb_s for one, ref in pairs]),
        "usd_ratio": _geometric([one.usd / ref.usd for one, ref in pairs]),
        "invocations_median": float(np.median(invocations)),
        "invocations_p95": float(np.quantile(invocations, 0.95)),
        **_quality("", [one.regret for one in found]),
        **_quality("fine_", [one.regret_fine for one in found]),
        "stated_within_5": _stated([one.stated_within_5 for one in found]),
        "stated_within_1": _stated([one.stated_within_1 for one in found]),
    }


def _quality(prefix: str, regrets: Sequence[float]) -> dict[str, float]:
    values = np.array(regrets)
    return {
        f"{prefix}regret_mean": round(float(values.mean()), 5),
        f"{prefix}regret_p95": round(float(np.quantile(values, 0.95)), 5),
        f"{prefix}within_1": round(float((values <= 0.01).mean()), 4),
        f"{prefix}within_5": round(float((values <= 0.05).mean()), 4),
    }


def _geometric(ratios: Sequence[float]) -> float:
    return round(math.exp(float(np.mean(np.log(ratios)))), 4)


def _stated(values: Sequence[float]) -> float | None:
    mean = float(np.mean(values))
    return None if math.isnan(mean) else round(mean, 4)
