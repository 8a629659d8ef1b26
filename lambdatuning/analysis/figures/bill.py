"""The monthly bill of each choice beside today's, with what it saves a year."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.host import Host
from ...core.strategies import DEFAULT_WEIGHT
from ..choice.bill import TODAY, bill
from ..choice.goals import Limits
from ..samples.run import Run, as_run
from ..telling.format import (
    format_change,
    format_ms,
    format_usd,
)
from ..telling.marks import caption, marked_size
from .bill_words import WORDS, bill_alt, bill_title, rows_of
from .chart import Chart
from .functions import chart_of, shown_of, views
from .style import GRID, INK, MUTED, SERIES, Frame, Layout, framed, quiet


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
    run = as_run(source)
    bills = [_Bill(name, _own(frame, part), part.host) for name, part in views(run)]
    subtitle = (
        f"{shown_of(run, [each.name for each in bills])}, {monthly_invocations:,.0f} invocations a "
        "month: memory, mean duration, Lambda's bill a month; dark line: 95 % interval"
        f"{caption(run.host, run.sizes, hatched=False)}"
    )

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, bills)

    parts = [(each.name, bill_title(each.frame), bill_alt(each.frame)) for each in bills]
    return chart_of(run, parts, draw)


@dataclass(frozen=True, eq=False)
class _Bill:
    """The bills of one function (see `bill`)."""

    name: str
    frame: DataFrame
    host: Host | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a choice, below one of the function's name where it has one."""
        head = [{"choice": "", "month_usd": float("nan"), "name": self.name}] if self.name else []
        return [*head, *(row | {"host": self.host} for row in rows_of(self.frame))]


def _own(frame: DataFrame, part: Run) -> DataFrame:
    """The rows of a part that has one function and architecture."""
    names = part.samples[["function", "architecture"]].astype(str).drop_duplicates()
    return frame.astype({"function": str, "architecture": str}).merge(names)


def _draw(layout: Layout, title: str, subtitle: str, bills: Sequence[_Bill]) -> Figure:
    rows = [row for each in bills for row in each.rows]
    figure, (axes,) = framed(
        layout,
        title,
        subtitle,
        Frame(
            body_in=0.52 * max(len(rows), 1) + 0.12,
            gap_in=0.12,
            left_in=0.9,
            right_in=0.12,
            bottom_in=0.06,
        ),
    )
    quiet(axes)
    axes.set_xticks([])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    largest = max((row["month_usd"] for row in rows if row["month_usd"] > 0), default=1.0)
    axes.set_xlim(0, largest * 1.02)
    axes.set_yticks(range(len(rows)), [WORDS.get(row["choice"], "") for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row["choice"] == TODAY else "normal")
    for n, row in enumerate(rows):
        if row["choice"]:
            _bar(axes, n, row, layout)
        else:
            axes.text(0, n + 0.2, row["name"], color=INK, fontweight="bold", va="center")
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
    told = [
        marked_size(row["memory_mb"], row["host"]),
        format_ms(row["mean_ms"]),
        format_usd(row["month_usd"]),
    ]
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
