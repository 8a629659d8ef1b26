"""A change in words: "faster by 12 % (8 to 16 %)", or that there is no significant difference."""

import math

from ..statistics.curves import MIX
from ..telling.format import format_mb, format_span, format_usd, join, short_name
from .compare import Pair
from .compared import MEASURES

_WORDS = {"duration": ("faster", "slower"), "cost": ("cheaper", "dearer")}

_FEW = 2
"""Payload types named in a sentence; the table has all."""

_CLOSE = 0.03
"""Sizes whose cost differs by less are called nearly the same."""

_DOUBLE = 1.0
"""Above so large an increase, a factor reads better than per cent."""

NO_DIFFERENCE = "no significant difference"


def significant(low: float, high: float) -> bool:
    """Whether an interval excludes zero; False where there is none."""
    return not math.isnan(low) and (low > 0 or high < 0)


def verdict(measure: str, value: float, low: float, high: float) -> str:
    """The change of "duration" or "cost" with its interval.

    >>> verdict("duration", -0.12, -0.16, -0.08), verdict("cost", 0.01, -0.02, 0.04)
    ('faster by 12 % (8 to 16 %)', 'no significant difference (-2 to +4 %)')
    >>> verdict("duration", 0.12, math.nan, math.nan)
    'slower by 12 % (no interval, so it may be chance)'
    """
    less, more = _WORDS[measure]
    word = less if value < 0 else more
    size = _percent(abs(value))
    if value > _DOUBLE:
        size = f"a factor of {value + 1:,.1f}"
    if math.isnan(low):
        return f"{word} by {size} (no interval, so it may be chance)"
    if not significant(low, high):
        return f"{NO_DIFFERENCE} ({format_span(low, high)})"
    if value > _DOUBLE:
        return f"{word} by {size} ({low + 1:,.1f} to {high + 1:,.1f})"
    ends = sorted((abs(low), abs(high)))
    return f"{word} by {size} ({_number(ends[0])} to {_percent(ends[1])})"


def headline(pair: Pair) -> str:
    """What changed for the mix (or the only payload type), in one sentence."""
    before, after = pair.names
    changes = {measure: pair.change(pair.main, measure) for measure in MEASURES}
    if all(not math.isnan(low) and not significant(low, high) for _, low, high in changes.values()):
        told = join(f"{name} {format_span(*change[1:])}" for name, change in changes.items())
        return f"No significant difference between {before} and {after}: {told}."
    told = join(
        verdict(name, *change).replace(NO_DIFFERENCE, f"{NO_DIFFERENCE} in {name}")
        for name, change in changes.items()
    )
    return f"{_capital(after)} against {before}: {told}."


def sentences(pair: Pair) -> list[str]:
    """Which payload types changed, and whether the best size moved."""
    own = pair.overall[pair.overall["payload"] != MIX]
    if len(own) < 2:
        return _moved(pair)
    told = []
    for measure in MEASURES:
        rows = [(name, *pair.change(name, measure)) for name in own["payload"]]
        real = [(name, *change) for name, *change in rows if significant(*change[1:])]
        real.sort(key=lambda row: -abs(row[1]))
        named = [f"{name} is {verdict(measure, *change)}" for name, *change in real[:_FEW]]
        if named:
            count = f"{len(real)} of {len(own)} payload types differ in {measure}"
            told.append(f"{count}{', most of all' if len(real) > _FEW else ''}: {join(named)}.")
    if not told and not any(math.isnan(pair.change(name, "cost")[1]) for name in own["payload"]):
        told.append(f"None of the {len(own)} payload types differs significantly.")
    return told + _moved(pair)


def _moved(pair: Pair) -> list[str]:
    row = pair.overall.iloc[-1]
    old, new = int(row["cheapest_before_mb"]), int(row["cheapest_after_mb"])
    if old == new:
        return [f"The cheapest size is {format_mb(old)} in both."]
    own = pair.by_size[pair.by_size["payload"] == pair.main].set_index("memory_mb")
    usd = own["after_per_million_usd"].to_dict()
    close = ", which cost nearly the same" if usd[old] <= usd[new] * (1 + _CLOSE) else ""
    return [f"The cheapest size was {format_mb(old)} and is {format_mb(new)}{close}."]


def bill(pair: Pair, monthly_invocations: float) -> list[str]:
    """What the mix costs a month before and after, at today's size or else the cheapest."""
    if not monthly_invocations:
        return []
    own = pair.by_size[pair.by_size["payload"] == pair.main]
    today = pair.after.current_memory_mb or 0
    size = (
        today if today in set(own["memory_mb"]) else int(pair.overall["cheapest_after_mb"].iloc[-1])
    )
    row = own[own["memory_mb"] == size].iloc[0]
    old, new = (float(row[f"{side}_per_million_usd"]) for side in ("before", "after"))
    months = [format_usd(usd * monthly_invocations / 1e6) for usd in (old, new)]
    low, high = float(row["cost_low_change"]), float(row["cost_high_change"])
    span = "" if math.isnan(low) else f" ({format_span(low, high)})"
    return [
        f"{monthly_invocations:,.0f} invocations at {format_mb(size)} cost {months[1]} a month, "
        f"{months[0]} before{span}."
    ]


def title(pair: Pair) -> str:
    """The same as `headline`, short enough for a figure."""
    return headline(pair).removesuffix(".")


def regressions(pair: Pair, max_change: float = 0.0) -> list[str]:
    """What got significantly worse by more than `max_change` (0.05 is 5 %), in words."""
    found = []
    for payload in pair.overall["payload"]:
        for measure in MEASURES:
            value, low, high = pair.change(payload, measure)
            if low > max_change:
                found.append(f"{payload} is {verdict(measure, value, low, high)}")
    return found


def about(pair: Pair) -> str:
    """Which runs these are."""
    old, new = (
        f"{short_name(run.function)}, {run.run_id}" if run.run_id != run.function else run.function
        for run in (pair.before, pair.after)
    )
    return f"{pair.names[0]}: {old}; {pair.names[1]}: {new}"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    return f"{share * 100:.{1 if share < 0.00995 else 0}f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
