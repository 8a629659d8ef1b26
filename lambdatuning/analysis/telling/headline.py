"""The headline of an answer: what to set, in one sentence."""

from collections.abc import Sequence

from ..choice.quicker import Quicker
from ..choice.recommendation import Recommendation
from .format import format_change, format_mb, format_times, join, short_name

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
    change: dict[int, list[str]] = {}
    stay = []
    for each in lead:
        if each.memory_mb is None:
            continue
        if each.current_mb in (each.memory_mb, *(each.alike_mb or ())):
            stay.append(_AIMS[each.strategy])
        else:
            change.setdefault(each.memory_mb, []).append(_AIMS[each.strategy])
    today = format_mb(lead[0].current_mb) if lead and lead[0].current_mb else ""
    if not change and not stay:
        return f"No size of {name} can be recommended: {lead[0].reason if lead else 'no data'}."
    but = f", but {_told_quicker(quick)}" if quick else ""
    if not change and quick:
        return f"For {join(stay)}, no size of {name} is better than {today} today{but}."
    if not change:
        return f"Leave {name} at {today}: no size is better for {join(stay)}."
    parts = [f"{format_mb(size)} for {join(names)}" for size, names in change.items()]
    told = f"Set {name} to {join(parts)}"
    if stay:
        return f"{told}; for {join(stay)}, no size is better than {today} today{but}."
    told += f" (today: {today})" if today else ""
    return (
        f"{told}; {_told_quicker(quick)} than {format_mb(quick.than_mb)}." if quick else f"{told}."
    )


def _told_quicker(quick: Quicker) -> str:
    """The clause of a headline: as cheap, as far as can be told, and how much faster."""
    cost = format_change(quick.cost_change, "less", "more")
    same = "costs the same" if cost == "the same" else f"costs {cost}"
    return (
        f"{format_mb(quick.memory_mb)} {same} (no significant difference) and is "
        f"{format_times(quick.speedup)} faster"
    )
