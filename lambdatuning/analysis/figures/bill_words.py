"""What the bill says: its title, and its alternative text."""

import math
from collections.abc import Mapping
from typing import Any

from pandas import DataFrame

from ..choice.bill import TODAY
from ..telling.format import format_mb, format_ms, format_times, format_usd

WORDS = {
    TODAY: "today",
    "cost": "cheapest",
    "balanced": "balanced",
    "knee": "best value",
    "speed": "fastest",
    "deadline": "in time",
    "budget": "in budget",
}
"""What each choice is called beside its bar."""


_SURE = 0.95


def bill_title(frame: DataFrame) -> str:
    """What the cheapest choice saves a year, and what the speed of the best value costs."""
    known = rows_of(frame[frame["memory_mb"].notna()])
    others = [row for row in known if row["choice"] != TODAY]
    if not others:
        return "No size can be recommended"
    best = min(others, key=lambda row: float(row["month_usd"]))
    if len(others) == len(known):
        return (
            f"{format_mb(best['memory_mb'])} costs least: {format_usd(best['month_usd'])} a month"
        )
    knees = [row for row in others if row["choice"] == "knee"]
    fast = (knees or sorted(others, key=lambda row: float(row["mean_ms"])))[0]
    first, extra = _saving(best), -fast["year_saving_usd"]
    if extra <= 0 or fast["speedup"] <= 1.05:
        return first
    return (
        f"{first}; {format_mb(fast['memory_mb'])} is {format_times(fast['speedup'])} faster for "
        f"{format_usd(extra)} more a year"
    )


def _saving(best: Mapping[str, Any]) -> str:
    """What the cheapest size saves, if that is beyond doubt."""
    sure = best["probability_cheaper"]
    if best["year_saving_usd"] <= 0 or (not math.isnan(sure) and sure < _SURE):
        return "No size is clearly cheaper than today's"
    return f"{format_mb(best['memory_mb'])} saves {format_usd(best['year_saving_usd'])} a year"


def rows_of(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows of a bill, by the names of their columns."""
    return [{str(name): v for name, v in row.items()} for row in frame.to_dict("records")]


def bill_alt(frame: DataFrame) -> str:
    """The bill of each choice in words."""
    parts = ["Bars of the monthly bill."]
    for row in rows_of(frame):
        name = WORDS[row["choice"]]
        if row["memory_mb"] is None or math.isnan(row["memory_mb"]):
            parts.append(f"{name}: {row['reason']}.")
            continue
        parts.append(
            f"{name}: {format_mb(row['memory_mb'])}, {format_usd(row['month_usd'])} a month, "
            f"{format_usd(row['year_usd'])} a year, {format_ms(row['mean_ms'])}."
        )
    return " ".join(parts)
