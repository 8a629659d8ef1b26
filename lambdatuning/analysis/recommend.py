"""Recommendations for each payload type, the mix and strategy, and their sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Unpack

from pandas import DataFrame

from ..core.errors import UsageError
from ..core.strategies import DEFAULT_WEIGHT, FAILURE_LIMIT, STRATEGIES
from .curves import MIX, Curve, curves
from .deadline import prompts
from .decide import SURE, Recommendation, aim
from .goals import Limits, goals
from .hosts import marked
from .intervals import difference
from .run import Run, apart, as_run
from .text.format import (
    format_change,
    format_mb,
    format_ms,
    format_share,
    format_times,
    format_usd,
    join,
    join_mb,
    short_name,
)


def recommend(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    max_failed: float = FAILURE_LIMIT,
    seed: int = 0,
    **limits: Unpack[Limits],
) -> DataFrame:
    """One row for each payload type and the mix, and strategy; columns as `Recommendation`.

    `strategy` is one or several of "cost", "speed", "balanced", "knee", "deadline", "budget";
    `weight` (0 speed .. 1 cost) concerns "balanced", `deadline_ms` and `quantile` (0.95) concern
    "deadline", `budget_usd_per_million` concerns "budget" (see `goals.Goal`). The current size
    and the weights of the mix are the manifest's unless given. `beyond_cores` is True where the
    winner has more vCPUs than the host of the embedded AWS has cores.

    Raises:
        UsageError: an unknown strategy, a limit that is missing, or samples without a single
            invocation.
    """
    run = as_run(source)
    wanted = goals(strategy, weight, limits)
    if run.samples.empty:
        raise UsageError(f"run {run.run_id or '(unnamed)'} has no samples; measure it first")
    timed = [goal for goal in wanted if goal.strategy == "deadline"]
    found = []
    for part in apart(run):
        current = part.current_memory_mb if current_memory_mb is None else current_memory_mb
        known = curves(part, weights=weights, max_failed=max_failed, seed=seed)
        prompt = prompts(part, known, timed[0], weights, seed) if timed else {}
        for curve in known:
            key = (curve.function, curve.architecture, curve.payload)
            found += [aim(curve, goal, current, prompt.get(key)) for goal in wanted]
    names = [field.name for field in fields(Recommendation)]
    return marked(DataFrame([asdict(each) for each in found], columns=names), run)


# A size that costs the same as the cheapest and is much faster: what most people want to know.


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


# A recommendation in words: one sentence that a person can act on.


SUPERLATIVES = {
    "cost": "cheapest",
    "speed": "fastest",
    "balanced": "best balanced",
    "knee": "best-value",
    "deadline": "cheapest in time",
    "budget": "fastest in budget",
}


def sentence(advice: Recommendation) -> str:
    """What to set, what it brings against today's size, and how sure that is."""
    if advice.memory_mb is None:
        why = f"{advice.reason}{held_back(advice)}"
        return f"{subject(advice.payload)}: no size can be recommended, since {why}."
    superlative = SUPERLATIVES[advice.strategy]
    if advice.memory_mb == advice.current_mb:
        verdict = f"stay at {format_mb(advice.memory_mb)}, the {superlative} size"
    else:
        verdict = f"{format_mb(advice.memory_mb)} is {superlative}"
    price = f"{format_usd(advice.cost_per_million_usd)} per million"
    figures = f"{format_ms(advice.mean_ms)}, {price}{_beside_text(against_today(advice))}"
    return f"{subject(advice.payload)}: {verdict} ({figures}); {certainty(advice)}."


def subject(payload: str) -> str:
    """The payload type as the subject of a sentence."""
    return "All payload types together" if payload == MIX else payload


def certainty(advice: Recommendation) -> str:
    """How sure the recommendation is, what it cannot be told apart from, what was held back."""
    if advice.reason:
        sure = f"how sure cannot be said ({advice.reason})"
    else:
        sure = f"{format_share(advice.probability_best)} sure"
    alike = f", {join_mb(advice.alike_mb)} cannot be told apart" if advice.alike_mb else ""
    return sure + alike + ("" if advice.beyond_cores else held_back(advice))


def held_back(advice: Recommendation) -> str:
    """The sizes that might do better on AWS than on the few cores that measured them; or ""."""
    if not advice.held_back_mb:
        return ""
    return f"; on AWS, {join_mb(advice.held_back_mb)} might be better: this host has fewer cores"


def against_today(advice: Recommendation) -> str:
    """The difference from today's size: cost, then speed; "" where there is none to tell."""
    today = advice.current_mb
    if today is None or advice.memory_mb in {None, today}:
        return ""
    if today in advice.failing_mb:
        return f"{format_mb(today)} today fails"
    if math.isnan(advice.saving):
        return ""
    cost = format_change(-advice.saving, "cheaper", "dearer")
    speed = f"{format_times(advice.speedup)} faster"
    if advice.speedup < 1:
        speed = f"{format_times(1 / advice.speedup)} slower"
    return (
        f"{'the same cost' if cost == 'the same' else cost}, {speed} than {format_mb(today)} today"
    )


def _beside_text(text: str) -> str:
    return f"; {text}" if text else ""


# The headline of an answer: what to set, in one sentence.


_AIMS = {
    "cost": "the lowest cost",
    "speed": "the highest speed",
    "balanced": "the best balance",
    "knee": "the best value",
    "deadline": "the lowest cost within the deadline",
    "budget": "the highest speed within the budget",
}


def headline(function: str, lead: Sequence[Recommendation], quick: Quicker | None) -> str:
    """What to set, what today's size is as good as any for, and what is as cheap and faster."""
    name = short_name(function)
    change, stay = _change(lead), [_AIMS[each.strategy] for each in lead if _stays(each)]
    if not change and not stay:
        return f"No size of {name} can be recommended: {lead[0].reason if lead else 'no data'}."
    today_mb = lead[0].current_mb
    today = format_mb(today_mb) if today_mb else ""
    but, beside = _quicker_beside(quick, today_mb)
    if not change and but:
        return f"For {join(stay)}, no size of {name} is better than {today} today{but}."
    if not change:
        return f"Leave {name} at {today}: no size is better for {join(stay)}{beside}."
    parts = [f"{format_mb(size)} for {join(names)}" for size, names in change.items()]
    told = f"Set {name} to {join(parts)}"
    if stay:
        return f"{told}; for {join(stay)}, no size is better than {today} today{but}{beside}."
    return f"{told} (today: {today}){beside}." if today else f"{told}{beside}."


def _stays(advice: Recommendation) -> bool:
    """Whether today's size is as good as any."""
    known = advice.memory_mb is not None
    return known and advice.current_mb in (advice.memory_mb, *(advice.alike_mb or ()))


def _change(lead: Sequence[Recommendation]) -> dict[int, list[str]]:
    """The aims of each size that is better than today's."""
    found: dict[int, list[str]] = {}
    for each in lead:
        if each.memory_mb is not None and not _stays(each):
            found.setdefault(each.memory_mb, []).append(_AIMS[each.strategy])
    return found


def _quicker_beside(quick: Quicker | None, today_mb: int | None) -> tuple[str, str]:
    """What follows on today's size, and what stands for itself since it is told of another."""
    if quick is None:
        return "", ""
    if quick.than_mb == today_mb:
        return f", but {_told_quicker(quick)}", ""
    return "", f"; {_told_quicker(quick)} than {format_mb(quick.than_mb)}"


def _told_quicker(quick: Quicker) -> str:
    """The clause of a headline: as cheap, as far as can be told, and how much faster."""
    cost = format_change(quick.cost_change, "less", "more")
    same = "costs the same" if cost == "the same" else f"costs {cost}"
    return (
        f"{format_mb(quick.memory_mb)} {same} (no significant difference) and is "
        f"{format_times(quick.speedup)} faster"
    )
