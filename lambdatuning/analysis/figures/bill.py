"""The monthly bill of each choice beside today's, with what it saves a year."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT
from ..choice.bill import TODAY, bill
from ..choice.goals import Limits
from ..samples.run import Run, as_run
from ..telling.format import (
    format_change,
    format_mb,
    format_ms,
    format_times,
    format_usd,
    short_name,
)
from .chart import Chart, chart
from .style import GRID, INK, MUTED, SERIES, Layout, headline, headroom_in, quiet

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


def plot_bill(
    source: Run | DataFrame,
    monthly_invocations: float,
    strategy: str | Sequence[str] = (),
    weight: float = DEFAULT_WEIGHT,
    *,
    current_memory_mb: int | None = None,
    weights: Mapping[str, float] | None = None,
    **limits: Unpack[Limits],
) -> Chart:
    """A bar a choice: the monthly bill at this volume, with its 95 % interval.

    Beside each: size, mean duration, bill and what it saves a year. With several functions, their
    bars stand below one another.
    """
    frame = bill(
        source,
        monthly_invocations,
        strategy,
        weight,
        current_memory_mb=current_memory_mb,
        weights=weights,
        **limits,
    )
    title = bill_title(frame)
    run = as_run(source)
    subtitle = (
        f"{short_name(run.function)}, {monthly_invocations:,.0f} invocations a month: memory, mean "
        "duration, Lambda's bill a month; dark line: 95 % interval"
    )

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title, subtitle, frame)

    return chart(draw, title, bill_alt(frame))


def bill_title(frame: DataFrame) -> str:
    """What the cheapest choice saves a year, and what the speed of the best value costs."""
    known = _rows(frame[frame["memory_mb"].notna()])
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


def _rows(frame: DataFrame) -> list[dict[str, Any]]:
    return [{str(name): v for name, v in row.items()} for row in frame.to_dict("records")]


def bill_alt(frame: DataFrame) -> str:
    """The bill of each choice in words."""
    parts = ["Bars of the monthly bill."]
    for row in _rows(frame):
        name = WORDS[row["choice"]]
        if row["memory_mb"] is None or math.isnan(row["memory_mb"]):
            parts.append(f"{name}: {row['reason']}.")
            continue
        parts.append(
            f"{name}: {format_mb(row['memory_mb'])}, {format_usd(row['month_usd'])} a month, "
            f"{format_usd(row['year_usd'])} a year, {format_ms(row['mean_ms'])}."
        )
    return " ".join(parts)


def _draw(layout: Layout, title: str, subtitle: str, frame: DataFrame) -> Figure:
    rows = _rows(frame)
    head = headroom_in(title, subtitle, layout) + 0.12
    each = 0.52
    height = head + each * max(len(rows), 1) + 0.12
    figure = Figure(figsize=(layout.width_in, height))
    axes = figure.subplots()
    left = 0.9 / layout.width_in
    figure.subplots_adjust(left, 0.06 / height, 1 - 0.12 / layout.width_in, 1 - head / height)
    headline(figure, title, subtitle, layout)
    quiet(axes)
    axes.set_xticks([])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    largest = max((row["month_usd"] for row in rows if row["month_usd"] > 0), default=1.0)
    axes.set_xlim(0, largest * 1.02)
    axes.set_yticks(range(len(rows)), [WORDS[row["choice"]] for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row["choice"] == TODAY else "normal")
    for n, row in enumerate(rows):
        _bar(axes, n, row, layout)
    return figure


def _bar(axes: Axes, n: int, row: Mapping[str, Any], layout: Layout) -> None:
    size = row["memory_mb"]
    if size is None or math.isnan(size):
        short = str(row["reason"]) if layout.wide or row["choice"] == TODAY else "no size"
        _text(axes, 0, n, short, MUTED)
        return
    colour = MUTED if row["choice"] == TODAY else SERIES[0]
    axes.barh(n + 0.17, row["month_usd"], 0.3, color=colour, linewidth=0, alpha=0.85)
    axes.barh(n + 0.17, axes.get_xlim()[1], 0.3, color=GRID, linewidth=0, alpha=0.35, zorder=0)
    axes.plot(
        [row["month_low_usd"], row["month_high_usd"]],
        [n + 0.17, n + 0.17],
        color=INK,
        linewidth=1.6,
    )
    _text(axes, 0, n - 0.2, _told(row, layout), INK)


def _told(row: Mapping[str, Any], layout: Layout) -> str:
    told = [format_mb(row["memory_mb"]), format_ms(row["mean_ms"]), format_usd(row["month_usd"])]
    against = row["choice"] != TODAY and not math.isnan(row["saving"])
    change = format_change(-row["saving"], "less", "more") if against else ""
    if not layout.wide:
        return ", ".join([*told, *([change] if change else [])])
    told[-1] += " a month"
    if against and change != "the same":
        change += f" ({format_usd(abs(row['year_saving_usd']))} a year)"
    return ", ".join([*told, change or f"{format_usd(row['year_usd'])} a year"])


def _text(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.text(x, y, text, fontsize=8.8, color=colour, va="center", ha="left", clip_on=False)
