"""What each choice of a size costs a month and a year: numbers, words and figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import (
    Money,
    format_change,
    format_count,
    format_mb,
    format_ms,
    format_times,
    ratio,
)
from ...core.sizes import Host
from ...core.strategies import REGISTRY
from ..answer.recommendation import Recommendation, recommendation
from ..curves import Curve
from ..data import StudyData
from ..frames import rows_of
from ..intervals import interval
from ..options import DEFAULT_VOLUME
from ..plot.chart import Chart
from ..plot.functions import chart_of, shown_of, views
from ..plot.style import GRID, INK, MUTED, SERIES, Frame, Layout, framed, quiet
from ..run import BEYOND, Run, marked
from ..text.marks import caption, marked_size

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
    "at_1_million_usd",
    "at_10_million_usd",
    "at_100_million_usd",
    "year_usd",
    "year_saving_usd",
    "saving",
    "speedup",
    "probability_cheaper",
    "reason",
    BEYOND,
)


def bill(data: StudyData) -> DataFrame:
    """One row for today's size (if it was measured) and for each strategy whose limit is given, for
    each function, at the volume of the study (a million invocations where none is given).

    Costs are those of the mix of payload types, at the prices of the run: duration and requests at
    the first tier, without the free tier; beside the study's volume those at 1, 10 and 100 million
    invocations a month. `month_low_usd` and `month_high_usd` are the 95 % confidence interval of
    the mean. `year_saving_usd`, `saving`, `speedup` and `probability_cheaper` are against today's
    size. `reason` says why a strategy has no size.
    """
    return data.once("bill", lambda: _bill(data))


def volume(data: StudyData) -> float:
    """Invocations a month that a bill is made for."""
    return data.options.monthly_invocations or DEFAULT_VOLUME


def _bill(data: StudyData) -> DataFrame:
    parts = []
    for part in data.parts:
        curve = part.curve()
        if curve is not None:
            chosen = [recommendation(part, curve, name) for name in data.options.choices]
            parts.append(_rows(curve, chosen, part.today_mb, volume(data)))
    if not parts:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(parts, ignore_index=True), data.run)


def _rows(
    curve: Curve, chosen: Sequence[Recommendation], today_mb: int | None, monthly: float
) -> DataFrame:
    sizes: list[tuple[str, int | None, str]] = [
        (advice.strategy, advice.memory_mb, advice.reason) for advice in chosen
    ]
    if today_mb in curve.sizes:
        sizes.insert(0, (TODAY, today_mb, ""))
    elif today_mb in curve.failing_mb:
        sizes.insert(0, (TODAY, None, f"{format_mb(float(today_mb or 0))} fails"))
    rows = [
        {"choice": name, "memory_mb": size, "reason": reason if size is None else ""}
        | _money(curve, size, today_mb, monthly)
        for name, size, reason in sizes
    ]
    about = {"function": curve.function, "architecture": curve.architecture}
    return DataFrame(rows).assign(**about).reindex(columns=list(COLUMNS[:-1]))


def _money(
    curve: Curve, size: int | None, today_mb: int | None, monthly: float
) -> dict[str, float]:
    if size is None:
        return {}
    at = curve.sizes.index(size)
    low, high = interval(curve.resampled_usd[:, at])
    amounts = {
        "mean_ms": float(curve.ms[at]),
        "month_usd": float(curve.usd[at]) * monthly,
        "month_low_usd": low * monthly,
        "month_high_usd": high * monthly,
        **{f"at_{n}_million_usd": float(curve.usd[at]) * n * 1e6 for n in (1, 10, 100)},
        "year_usd": float(curve.usd[at]) * monthly * 12,
    }
    if today_mb in curve.sizes:
        amounts |= _against(curve, at, curve.sizes.index(today_mb), monthly)
    return amounts


def _against(curve: Curve, at: int, today: int, monthly: float) -> dict[str, float]:
    change = curve.resampled_usd[:, at] - curve.resampled_usd[:, today]
    cheaper = float((change < 0).mean()) if curve.has_intervals and at != today else float("nan")
    usd, ms = curve.usd, curve.ms
    return {
        "year_saving_usd": float(usd[today] - usd[at]) * monthly * 12,
        "saving": 1 - ratio(usd[at], usd[today]),
        "speedup": ratio(ms[today], ms[at]),
        "probability_cheaper": cheaper,
    }


# What the bill says: its title, and its alternative text.


LABELS = {TODAY: "today", **{name: words.label for name, words in REGISTRY.items()}}
"""What each choice is called beside its bar."""


_SURE = 0.95


def bill_title(frame: DataFrame, money: Money) -> str:
    """What the cheapest choice saves a year, and what the speed of the best value costs."""
    priced = rows_of(frame[frame["memory_mb"].notna()])
    others = [row for row in priced if row["choice"] != TODAY]
    if not others:
        return "No size can be recommended"
    best = min(others, key=lambda row: float(row["month_usd"]))
    if len(others) == len(priced):
        return (
            f"{format_mb(best['memory_mb'])} costs least: {money.bill(best['month_usd'])} a month"
        )
    knees = [row for row in others if row["choice"] == "knee"]
    fast = (knees or sorted(others, key=lambda row: float(row["mean_ms"])))[0]
    first, extra = _saving(best, money), -fast["year_saving_usd"]
    if extra <= 0 or fast["speedup"] <= 1.05:
        return first
    return (
        f"{first}; {format_mb(fast['memory_mb'])} is {format_times(fast['speedup'])} faster for "
        f"{money.bill(extra)} more a year"
    )


def _saving(best: Mapping[str, Any], money: Money) -> str:
    """What the cheapest size saves, if that is beyond doubt."""
    sure = best["probability_cheaper"]
    if best["year_saving_usd"] <= 0 or (not math.isnan(sure) and sure < _SURE):
        return "No size is clearly cheaper than today's"
    return f"{format_mb(best['memory_mb'])} saves {money.bill(best['year_saving_usd'])} a year"


def bill_alt(frame: DataFrame, money: Money) -> str:
    """The bill of each choice in words."""
    parts = ["Bars of the monthly bill."]
    for row in rows_of(frame):
        name = LABELS[row["choice"]]
        if row["memory_mb"] is None or math.isnan(row["memory_mb"]):
            parts.append(f"{name}: {row['reason']}.")
            continue
        parts.append(
            f"{name}: {format_mb(row['memory_mb'])}, {money.bill(row['month_usd'])} a month, "
            f"{money.bill(row['year_usd'])} a year, {format_ms(row['mean_ms'])}."
        )
    return " ".join(parts)


# The monthly bill of each choice beside today's, with what it saves a year.


def plot_bill(data: StudyData) -> Chart:
    """A bar a choice: the monthly bill at the study's volume, with its 95 % interval.

    Beside each: size, mean duration, bill and what it saves a year. With several functions, their
    bars stand below one another.
    """
    frame, run = bill(data), data.run
    bills = [_Bill(name, _own(frame, part.run), part.host) for name, part in views(data)]
    subtitle = (
        f"{shown_of(run, [entry.name for entry in bills])}, "
        f"{format_count(round(volume(data)), 'invocation')} a month: memory, "
        "mean duration, Lambda's bill a month; thin line: 95 % interval"
        f"{caption(run.host, run.sizes, hatched=False)}"
    )

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, bills, data.money)

    parts = [
        (
            entry.name,
            bill_title(entry.frame, data.money),
            bill_alt(entry.frame, data.money),
        )
        for entry in bills
    ]
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


def _draw(
    layout: Layout, title: str, subtitle: str, bills: Sequence[_Bill], money: Money
) -> Figure:
    rows = [row for entry in bills for row in entry.rows]
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
    axes.set_yticks(range(len(rows)), [LABELS.get(row["choice"], "") for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row["choice"] == TODAY else "normal")
    for n, row in enumerate(rows):
        if row["choice"]:
            _bar(axes, n, row, layout, money)
        else:
            axes.text(0, n + 0.2, row["name"], color=INK, fontweight="bold", va="center")
    return figure


def _bar(axes: Axes, n: int, row: Mapping[str, Any], layout: Layout, money: Money) -> None:
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
    _text(axes, 0, n - 0.2, _words(row, layout, money), INK)


def _words(row: Mapping[str, Any], layout: Layout, money: Money) -> str:
    words = [
        marked_size(row["memory_mb"], row["host"]),
        format_ms(row["mean_ms"]),
        money.bill(row["month_usd"]),
    ]
    against = row["choice"] != TODAY and not math.isnan(row["saving"])
    change = format_change(-row["saving"], "less", "more") if against else ""
    if not layout.wide:
        return ", ".join([*words, *([change] if change else [])])
    words[-1] += " a month"
    if against and change != "the same":
        change += f" ({money.bill(abs(row['year_saving_usd']))} a year)"
    return ", ".join([*words, change or f"{money.bill(row['year_usd'])} a year"])


def _text(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.text(x, y, text, fontsize=8.8, color=colour, va="center", ha="left", clip_on=False)
