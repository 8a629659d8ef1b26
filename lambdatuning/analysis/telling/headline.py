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
    change, stay = _change(lead), [_AIMS[each.strategy] for each in lead if _stays(each)]
    if not change and not stay:
        return f"No size of {name} can be recommended: {lead[0].reason if lead else 'no data'}."
    today_mb = lead[0].current_mb
    today = format_mb(today_mb) if today_mb else ""
    but, beside = _beside(quick, today_mb)
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


def _beside(quick: Quicker | None, today_mb: int | None) -> tuple[str, str]:
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
