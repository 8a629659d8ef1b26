"""What each choice of a size costs a month and a year, at the user's volume, against today's."""

from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np
import pandas as pd
from pandas import DataFrame

from ...core.errors import UsageError
from ...core.strategies import DEFAULT_WEIGHT
from ..samples.hosts import BEYOND, marked
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.curves import MIX, Curve, curves
from ..statistics.intervals import interval
from ..telling.format import format_mb
from .aim import aim
from .deadlines import prompts
from .goals import Limits, choices, goals
from .recommendation import Recommendation

TODAY = "today"
COLUMNS = (
    "function",
    "architecture",
    "choice",
    "memory_mb",
    "mean_ms",
    "month_usd",
    "month_low_usd",
    "month_high_usd",
    "year_usd",
    "year_saving_usd",
    "saving",
    "speedup",
    "probability_cheaper",
    "reason",
    BEYOND,
)


def bill(
    source: Run | DataFrame,
    monthly_invocations: float,
    strategy: str | Sequence[str] = (),
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
    **limits: Unpack[Limits],
) -> DataFrame:
    """One row for today's size (if it is known) and for each strategy, for each function.

    Without a strategy, these are all whose limits are given (see `goals.choices`).
    Costs are those of the mix of payload types, at the prices of the run: duration and requests at
    the first tier, without the free tier. `month_low_usd` and `month_high_usd` hold the true mean
    with 95 %. `year_saving_usd`, `saving`, `speedup` and `probability_cheaper` are against today's
    size. `reason` says why a strategy has no size.

    Raises:
        UsageError: invocations that are no amount, an unknown strategy, a limit that is missing.
    """
    if not monthly_invocations > 0:
        raise UsageError(f"monthly_invocations must be above 0; not {monthly_invocations}")
    wanted = goals(strategy or choices(**limits), weight, limits)
    parts = []
    whole = as_run(source)
    for run in apart(whole):
        known = curves(run, weights=weights, seed=seed)
        curve = next((each for each in known if each.payload == MIX), known[0] if known else None)
        if curve is None:
            continue
        current = run.current_memory_mb if current_memory_mb is None else current_memory_mb
        timed = [goal for goal in wanted if goal.strategy == "deadline"]
        prompt = prompts(run, [curve], timed[0], weights, seed) if timed else {}
        key = (curve.function, curve.architecture, curve.payload)
        chosen = [(goal.strategy, aim(curve, goal, current, prompt.get(key))) for goal in wanted]
        parts.append(_rows(curve, chosen, current, monthly_invocations))
    if not parts:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(parts, ignore_index=True), whole)


def _rows(
    curve: Curve,
    chosen: Sequence[tuple[str, Recommendation]],
    current_mb: int | None,
    monthly: float,
) -> DataFrame:
    sizes: list[tuple[str, int | None, str]] = [
        (name, advice.memory_mb, advice.reason) for name, advice in chosen
    ]
    if current_mb in curve.sizes:
        sizes.insert(0, (TODAY, current_mb, ""))
    elif current_mb in curve.failing_mb:
        sizes.insert(0, (TODAY, None, f"{format_mb(float(current_mb or 0))} fails"))
    rows = [
        {"choice": name, "memory_mb": size, "reason": reason if size is None else ""}
        | _money(curve, size, current_mb, monthly)
        for name, size, reason in sizes
    ]
    about = {"function": curve.function, "architecture": curve.architecture}
    return DataFrame(rows).assign(**about).reindex(columns=list(COLUMNS[:-1]))


def _money(
    curve: Curve, size: int | None, current_mb: int | None, monthly: float
) -> dict[str, float]:
    if size is None:
        return {}
    at = curve.sizes.index(size)
    low, high = interval(curve.resampled_usd[:, at])
    money = {
        "mean_ms": float(curve.ms[at]),
        "month_usd": float(curve.usd[at]) * monthly,
        "month_low_usd": low * monthly,
        "month_high_usd": high * monthly,
        "year_usd": float(curve.usd[at]) * monthly * 12,
    }
    if current_mb in curve.sizes:
        money |= _against(curve, at, curve.sizes.index(current_mb), monthly)
    return money


def _against(curve: Curve, at: int, today: int, monthly: float) -> dict[str, float]:
    change = curve.resampled_usd[:, at] - curve.resampled_usd[:, today]
    cheaper = float((change < 0).mean()) if curve.known and at != today else float("nan")
    usd, ms = curve.usd, curve.ms
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "year_saving_usd": float(usd[today] - usd[at]) * monthly * 12,
            "saving": float(1 - usd[at] / usd[today]),
            "speedup": float(ms[today] / ms[at]),
            "probability_cheaper": cheaper,
        }
