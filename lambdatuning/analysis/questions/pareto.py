"""The Pareto front, speed against cost: numbers, words and figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import Money, format_mb, format_ms, format_sure, join_mb
from ...core.sizes import Host
from ..curves import Curve
from ..data import StudyData
from ..frames import rows_of
from ..intervals import Floats, interval
from ..plot.chart import Chart
from ..plot.functions import chart_of, shown_of, views
from ..plot.labels import Label, label_points, scale_points
from ..plot.style import INK, MUTED, PAPER, SERIES, Layout, framed, stacked
from ..predicted import predict
from ..run import BEYOND, marked
from ..text.marks import caption, marked_size

SURE = 0.8
"""From here on a size is said to be beaten."""

COLUMNS = (
    "function",
    "architecture",
    "payload",
    "memory_mb",
    "mean_ms",
    "mean_low_ms",
    "mean_high_ms",
    "cost_per_million_usd",
    "cost_low_per_million_usd",
    "cost_high_per_million_usd",
    "efficient",
    "probability_efficient",
    "beaten_by_mb",
    BEYOND,
)


def pareto(data: StudyData) -> DataFrame:
    """One row for each payload type (and the mix) and size that can win.

    `efficient` sizes are the front: whatever weighs speed against cost, the best size is one of
    them. `beaten_by_mb` is for the others the cheapest of the sizes that are both faster and
    cheaper. `probability_efficient` is how sure that is, NaN with too few environments.
    """
    return data.once("pareto", lambda: _pareto(data))


def _pareto(data: StudyData) -> DataFrame:
    frames = [_rows(curve) for curve in data.curves if curve.sizes]
    if not frames:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(frames, ignore_index=True), data.run)[list(COLUMNS)]


def beaten(ms: Floats, usd: Floats) -> Floats:
    """Which sizes (the last axis) are beaten: another is no slower, costs no more, and differs."""
    faster = ms[..., None, :] <= ms[..., :, None]
    cheaper = usd[..., None, :] <= usd[..., :, None]
    better = (ms[..., None, :] < ms[..., :, None]) | (usd[..., None, :] < usd[..., :, None])
    return np.asarray(faster & cheaper & better)


def _rows(curve: Curve) -> DataFrame:
    by = beaten(curve.ms, curve.usd)
    resampled = beaten(curve.resampled_ms, curve.resampled_usd).any(axis=-1)
    share = 1 - resampled.mean(axis=0) if curve.has_intervals else np.full(len(curve.sizes), np.nan)
    return DataFrame(
        {
            "function": curve.function,
            "architecture": curve.architecture,
            "payload": curve.payload,
            "memory_mb": np.array(curve.sizes, int),
            "mean_ms": curve.ms,
            **_ends("mean", "ms", curve.resampled_ms),
            "cost_per_million_usd": curve.usd * 1e6,
            **_ends("cost", "per_million_usd", curve.resampled_usd * 1e6),
            "efficient": ~by.any(axis=-1),
            "probability_efficient": share,
            "beaten_by_mb": [_cheapest(curve, row) for row in by],
        }
    )


def _cheapest(curve: Curve, better: Sequence[bool]) -> float:
    sizes = [(usd, size) for usd, size, b in zip(curve.usd, curve.sizes, better, strict=True) if b]
    return float(min(sizes)[1]) if sizes else float("nan")


def _ends(stem: str, unit: str, resampled: Floats) -> dict[str, list[float]]:
    pairs = [interval(column) for column in resampled.T]
    return {
        f"{stem}_low_{unit}": [low for low, _ in pairs],
        f"{stem}_high_{unit}": [high for _, high in pairs],
    }


# Speed against cost: the sizes worth choosing between, and those that another one beats.


def plot_pareto(data: StudyData, payload: str = "") -> Chart | None:
    """Mean duration against cost, a point a size, of the mix (or of `payload`).

    Filled points on the line are the Pareto front; hollow ones are beaten by another size. Bars
    are the 95 % intervals of both; small dots are sizes that were not measured (see `predict`).
    Several functions have a panel each. None where every size fails.
    """
    fronts = [front for name, part in views(data) if (front := _front(name, part, payload))]
    if not fronts:
        return None
    run = data.run
    dots = "; dots: predicted sizes between" if any(len(front.guessed) for front in fronts) else ""
    about = f"{shown_of(run, [front.name for front in fronts])}, {fronts[0].payload}"
    drawn = any(front.rows["mean_low_ms"].notna().any() for front in fronts)
    subtitle = about + ("; bars: 95 % intervals of the means" if drawn else "") + dots
    subtitle += caption(run.host, run.sizes, hatched=False)

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, fronts)

    parts = [
        (front.name, pareto_title(front.rows, front.today), pareto_alt(front.rows, front.money))
        for front in fronts
    ]
    return chart_of(run, parts, draw)


@dataclass(frozen=True, eq=False)
class _Front:
    """The sizes of one function, measured (`rows`) and `guessed`; `today` is its current one."""

    name: str
    payload: str
    rows: DataFrame
    guessed: DataFrame
    today: int | None
    host: Host | None
    money: Money


def _front(name: str, data: StudyData, payload: str) -> _Front | None:
    curve = data.curve(payload)
    if curve is None or not curve.sizes:
        return None
    rows, guessed = (
        frame[frame["payload"] == curve.payload] for frame in (pareto(data), predict(data))
    )
    between = guessed[guessed["predicted"]]
    return _Front(name, curve.payload, rows, between, data.today_mb, data.host, data.money)


def pareto_title(rows: DataFrame, today: int | None) -> str:
    """How many sizes are worth a choice, and whether today's is among them."""
    front = rows[rows["efficient"]]
    current = rows[rows["memory_mb"] == today]
    if len(current) and not current["efficient"].iloc[0]:
        better = format_mb(current["beaten_by_mb"].iloc[0])
        sure = 1 - float(current["probability_efficient"].iloc[0])
        size = format_mb(float(today or 0))
        if math.isnan(sure):
            return f"{better} may be both cheaper and faster than {size} today"
        if sure < SURE:
            chance = f"{format_sure(sure)} sure"
            return f"{better} is probably both cheaper and faster than {size} today ({chance})"
        return f"{size} today is beaten: {better} is cheaper and faster ({format_sure(sure)} sure)"
    if len(front) == 1:
        return f"{format_mb(front['memory_mb'].iloc[0])} is both fastest and cheapest"
    return f"{len(front)} of {len(rows)} sizes are worth choosing between, from " + (
        f"{format_mb(front['memory_mb'].iloc[0])} to {format_mb(front['memory_mb'].iloc[-1])}"
    )


def pareto_alt(rows: DataFrame, money: Money) -> str:
    """Both values of each size, and which other beats it."""
    parts = ["Points of mean duration against cost per million invocations, one per memory size."]
    for row in rows.to_dict("records"):
        verdict = (
            "on the front" if row["efficient"] else f"beaten by {format_mb(row['beaten_by_mb'])}"
        )
        words = f"{format_ms(row['mean_ms'])}, {money(row['cost_per_million_usd'])}, {verdict}"
        parts.append(f"{format_mb(row['memory_mb'])}: {words}.")
    sizes = [int(size) for size in rows[rows["efficient"]]["memory_mb"]]
    parts.append(f"The front is {join_mb(sizes)}.")
    return " ".join(parts)


def _draw(layout: Layout, title: str, subtitle: str, fronts: Sequence[_Front]) -> Figure:
    place = stacked(len(fronts), 3.4 if layout.wide else 3.6)
    figure, panes = framed(layout, title, subtitle, place)
    for axes, front in zip(panes, fronts, strict=True):
        _panel(axes, front)
    return figure


def _panel(axes: Axes, front: _Front) -> None:
    rows, guessed = front.rows, front.guessed
    x, y = rows["cost_per_million_usd"], rows["mean_ms"]
    logs = [
        scale_points(axes, x.tolist(), "x", front.money),
        scale_points(axes, y.tolist(), "y", format_ms),
    ]
    what = f"{front.name}: mean duration" if front.name else "Mean duration"
    axes.set_title(what + (" (log scale)" if logs[1] else ""), pad=6)
    axes.set_xlabel("cost per million invocations" + (" (log scale)" if logs[0] else ""))
    best = rows[rows["efficient"]].sort_values("cost_per_million_usd")
    axes.plot(best["cost_per_million_usd"], best["mean_ms"], color=SERIES[0], zorder=2)
    axes.plot(
        guessed["cost_per_million_usd"],
        guessed["mean_ms"],
        "o",
        color=SERIES[0],
        markersize=2.6,
        alpha=0.55,
        zorder=3,
    )
    points = rows_of(rows)
    for row in points:
        _point(axes, row, current=row["memory_mb"] == front.today)
    label_points(axes, [_label(row, front) for row in points])


def _label(row: Mapping[str, Any], front: _Front) -> Label:
    size, today = row["memory_mb"], row["memory_mb"] == front.today
    words = marked_size(size, front.host) + (" today" if today else "")
    return Label(row["cost_per_million_usd"], row["mean_ms"], words, today, not row["efficient"])


def _point(axes: Axes, row: Mapping[str, Any], *, current: bool) -> None:
    x, y = row["cost_per_million_usd"], row["mean_ms"]
    colour = SERIES[0] if row["efficient"] else MUTED
    bars: dict[str, Any] = {"color": colour, "linewidth": 5, "alpha": 0.18, "zorder": 1}
    bars |= {"solid_capstyle": "butt"}
    axes.plot([row["cost_low_per_million_usd"], row["cost_high_per_million_usd"]], [y, y], **bars)
    axes.plot([x, x], [row["mean_low_ms"], row["mean_high_ms"]], **bars)
    axes.plot(
        x,
        y,
        "o",
        markersize=9 if current else 7,
        markerfacecolor=colour if row["efficient"] else PAPER,
        markeredgecolor=INK if current else colour,
        markeredgewidth=1.8,
        zorder=4,
    )
