"""How good and how expensive the methods' answers were, group by group."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

STATED = (0.0, 0.7, 0.85, 0.93, 0.97, 1.01)
BASE, TOLERANCE = "grid-10", 0.05 + 1e-9


@dataclass(frozen=True)
class Trial:
    """One method on one function, objective and seed. `hosts` is their spread, `first` what first
    calls take; `gbs_ratio` is over the GB-seconds of grid-10."""

    method: str
    objective: str
    group: str
    function: str
    seed: int
    hosts: float
    first: float
    memory_mb: int
    gbs_ratio: float
    usd_ratio: float
    invocations: int
    regret: float
    stated: float
    expected: float
    why: str


def results(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """One row for each method, objective, group and world."""
    return [
        _row(key, members)
        for key, members in _by(trials, ("method", "objective", "group", "hosts", "first"))
    ]


def by_stated(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Reliability: of answers that stated so much, how many were within 5 %; by group, and over
    all groups and objectives."""
    stating = [t for t in trials if not math.isnan(t.stated)]
    rows = []
    for names in (("method", "hosts", "first"), ("method", "hosts", "first", "group", "objective")):
        for key, some in _by(stating, names):
            for low, high in pairwise(STATED):
                inside = [t for t in some if low <= t.stated < high]
                if inside:
                    rows.append(
                        {
                            **key,
                            "from": low,
                            "to": min(high, 1.0),
                            "answers": len(inside),
                            "stated": _mean(t.stated for t in inside),
                            "true": _mean(t.regret <= TOLERANCE for t in inside),
                        }
                    )
    return rows


def _by(
    trials: Iterable[Trial], names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[Trial]]]:
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for one in trials:
        groups.setdefault(tuple(getattr(one, name) for name in names), []).append(one)
    for key, members in groups.items():
        yield dict(zip(names, key, strict=True)), members


def _row(key: dict[str, Any], trials: Sequence[Trial]) -> dict[str, Any]:
    ratios = np.array([one.gbs_ratio for one in trials])
    losses = np.array([one.regret for one in trials])
    return {
        **key,
        "functions": len({one.function for one in trials}),
        "runs": len(trials),
        "gbs_fewer": round(math.exp(-float(np.log(ratios).mean())), 3),
        "usd_fewer": round(math.exp(-_mean(math.log(one.usd_ratio) for one in trials)), 3),
        "regret_mean": round(float(losses.mean()), 5),
        "regret_p95": round(float(np.quantile(losses, 0.95)), 5),
        "within_5": _mean(losses <= TOLERANCE),
        "stated": _mean(one.stated for one in trials),
        "expected_regret": _mean(one.expected for one in trials),
        "over_grid": _mean(ratios > 1 + 1e-9),
        "over_grid_by_10": _mean(ratios > 1.1),
        "worst_over_grid": round(float(ratios.max()), 3),
        "invocations_median": float(np.median([one.invocations for one in trials])),
    }


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def text(row: dict[str, Any]) -> str:
    """A row of the results for people."""
    return (
        f"{row['objective']:9}{row['group']:10}hosts {row['hosts']:4.0%} {row['method']:12}"
        f"{row['gbs_fewer']:6.2f}x fewer GB-s, regret {row['regret_mean']:6.2%} p95 "
        f"{row['regret_p95']:6.1%}, within 5 % {row['within_5']:6.1%} stated {row['stated']:6.1%}, "
        f"over the grid by 10 %: {row['over_grid_by_10']:5.1%} worst {row['worst_over_grid']:.2f}, "
        f"calls {row['invocations_median']:.0f}"
    )
