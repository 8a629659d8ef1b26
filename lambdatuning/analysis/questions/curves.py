"""Duration, cost and gain against memory, a line or a panel a payload type."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from pandas import DataFrame, Series

from ...core.format import (
    Money,
    format_mb,
    format_ms,
    format_times,
    join,
    join_mb,
    of_all,
    ratio,
    short_name,
)
from ...core.sizes import Host
from ...core.strategies import REGISTRY
from ..answer.recommendation import recommendations_frame
from ..curves import MIX
from ..data import StudyData
from ..intervals import Floats
from ..plot.axes import mark_vcpu, memory_axis, scatter, value_axis
from ..plot.chart import Chart
from ..plot.functions import labelled
from ..plot.labels import label_lines
from ..plot.style import NARROW, PAPER, SERIES, Frame, Layout, below, fit, framed, series_style
from ..run import Run, of_means
from ..text.marks import caption, in_words
from .adaptive import modelled

FEW = 5
"""Up to so many payload types, samples and strong bands are drawn."""

_CURVE = ["function", "architecture", "payload"]

MAX_POINTS = 30
"""Sample points drawn a size and payload type, at evenly spaced ranks."""


@dataclass(frozen=True)
class CurvePanel:
    """One of the two panels: which columns of the summary and of the samples it shows."""

    title: str
    short: str
    unit: str
    mean: str
    low: str
    high: str
    sample: str
    factor: float
    strategy: str


PANELS = (
    CurvePanel(
        "Duration, mean of warm invocations",
        "Duration",
        "ms",
        "mean_ms",
        "mean_low_ms",
        "mean_high_ms",
        "duration_ms",
        1,
        "speed",
    ),
    CurvePanel(
        "Cost per million invocations",
        "Cost per million",
        "usd",
        "cost_usd",
        "cost_low_usd",
        "cost_high_usd",
        "cost_usd",
        1e6,
        "cost",
    ),
)


def plot_curves(
    data: StudyData, payloads: str | Sequence[str] = "", *, samples: bool | None = None
) -> Chart:
    """Curves of the payload types (all, or those named), with their intervals and samples.

    A ring marks the fastest size on each duration curve and the cheapest on each cost curve.
    Several functions or architectures each have a line of their own. `samples` draws single
    invocations as faint points: by default with few payload types, since many make a fog.
    """
    run, summary = _chosen(data, payloads)
    if summary.empty:
        return nothing_succeeded()
    advice = recommendations_frame(data, ("cost", "speed"))
    advice = advice[advice["payload"].isin([*run.payloads, MIX])]
    with_points = (len(run.payloads) <= FEW and not of_means(run)) if samples is None else samples
    points = data.measured if with_points else data.measured.iloc[:0]
    subtitle = source_line(data) + ("; points: single invocations" if with_points else "")
    subtitle += "; lines: the model's means" if run.exploration and run.exploration.answers else ""
    subtitle += caption(run.host, run.sizes)
    title = winners_title(labelled(advice[advice["payload"] != MIX]), "cost")

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), summary, points, advice, data)

    alt = curves_alt(labelled(summary), labelled(advice), data.money)
    return Chart(draw, title, alt + in_words(run.host, run.sizes))


def nothing_succeeded() -> Chart:
    """A headline alone, where every invocation failed and no curve can be drawn."""
    title = "No curve can be drawn: no invocation succeeded"

    def draw(layout: Layout) -> Figure:
        figure, (axes,) = framed(layout, title, "", Frame(body_in=0.6, bottom_in=0.1))
        axes.set_axis_off()
        return figure

    return Chart(draw, title, f"{title}.")


def _chosen(data: StudyData, payloads: str | Sequence[str]) -> tuple[Run, DataFrame]:
    """The run with these payload types, and the rows of the summary that have means: those of
    samples, of an adaptive run its model's."""
    run, summary = data.run.select(payloads), modelled(data)
    return run, summary[summary["mean_ms"].notna() & summary["payload"].isin(run.payloads)]


# What the curves say: title, alternative text, and where the numbers come from.


def winners_title(advice: DataFrame, strategy: str) -> str:
    """Which size wins for how many payload types, and which want another.

    "128 MB is cheapest for 8 of 10 payload types, list at 256 MB and hash at 1,536 MB"
    """
    own = advice[(advice["payload"] != MIX) & (advice["strategy"] == strategy)]
    own = own[own["memory_mb"].notna()]
    if own.empty:
        return "No size is free of failures"
    if len(own) == 1:
        row = own.iloc[0]
        superlative = REGISTRY[strategy].superlative
        return f"{format_mb(row['memory_mb'])} is {superlative} for {row['payload']}"
    by_size = {
        format_mb(float(str(size))): join(rows["payload"])
        for size, rows in own.groupby("memory_mb")
    }
    (size, most), *_ = Counter(map(format_mb, own["memory_mb"])).most_common(1)
    if most == 1:
        words = join(f"{size_of} for {names}" for size_of, names in by_size.items())
        return f"{REGISTRY[strategy].superlative.capitalize()}: {words}"
    words = f"{size} is {REGISTRY[strategy].superlative} for {of_all(most, len(own))} payload types"
    others = [f"{names} at {size_of}" for size_of, names in by_size.items() if size_of != size]
    return f"{words}, {join(others)}" if 0 < len(own) - most <= 3 else words


def source_line(data: StudyData) -> str:
    """Where the numbers come from, for the line under a title."""
    run = data.run
    if of_means(run):
        return f"{short_name(run.function)}, means without samples: no intervals"
    place = "embedded AWS" if run.embedded else run.manifest.region or "AWS"
    kind = "cold starts" if data.cold_only else "warm samples"
    names = list(dict.fromkeys(run.samples["function"].astype(str)))
    function = short_name(names[0]) if len(names) == 1 else f"{len(names)} functions"
    drawn = any(curve.draws_intervals for curve in data.curves)
    bands = "; bands: 95 % interval of the mean" if drawn else ""
    return f"{function}, {place}, {len(data.measured):,} {kind}{bands}"


def curves_alt(summary: DataFrame, advice: DataFrame, money: Money) -> str:
    """What the curves show, a sentence a payload type."""
    sizes = sorted(set(summary["memory_mb"]))
    winners = advice.set_index(["payload", "strategy"])["memory_mb"]
    parts = [
        f"Two panels of lines, duration and cost per million invocations, against memory "
        f"({join_mb(sizes)})."
    ]
    for payload, rows in summary.groupby("payload", observed=True):
        parts.append(_curve_alt(str(payload), rows, winners.get((payload, "cost")), money))
    return " ".join(parts)


def _curve_alt(payload: str, rows: DataFrame, cheapest: float | None, money: Money) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    change = f"{format_times(ratio(first['mean_ms'], last['mean_ms']))} faster"
    words = (
        f"{payload}: {format_ms(first['mean_ms'])} at {format_mb(first['memory_mb'])}, "
        f"{format_ms(last['mean_ms'])} at {format_mb(last['memory_mb'])} ({change})"
    )
    at = rows[rows["memory_mb"] == cheapest]
    if len(at):
        price = money(float(at["cost_usd"].iloc[0]) * 1e6)
        words += f"; cheapest at {format_mb(float(at['memory_mb'].iloc[0]))}, {price}"
    return words + "."


def _draw(
    layout: Layout,
    words: tuple[str, str],
    summary: DataFrame,
    points: DataFrame,
    advice: DataFrame,
    data: StudyData,
) -> Figure:
    widest = max(len(fit(name, layout)) for name in _lines(summary))
    figure, axes = framed(
        layout,
        *words,
        Frame(
            body_in=5.0 if layout.wide else 5.6,
            left_in=0.72 if layout.wide else 0.66,
            right_in=0.34 + 0.078 * widest,
            shape=(2, 1),
            hspace=0.2,
        ),
        sharex=True,
    )
    for panel, pane in zip(PANELS, axes, strict=True):
        memory_axis(pane, sorted(set(summary["memory_mb"])), margin=0.025, host=data.host)
        _panel(pane, panel, summary, points, advice, (layout, data.money))
    mark_vcpu(axes[0], sorted(summary["memory_mb"]))
    axes[1].set_xlabel("memory (MB, log scale)")
    return figure


def _panel(
    axes: Axes,
    panel: CurvePanel,
    summary: DataFrame,
    points: DataFrame,
    advice: DataFrame,
    style: tuple[Layout, Money],
) -> None:
    layout, money = style
    formatter = format_ms if panel.unit == "ms" else money
    values = summary[[panel.mean, panel.low, panel.high]].to_numpy(float) * panel.factor
    singles = (points[panel.sample] * panel.factor).tolist()
    logarithmic = value_axis(axes, values[np.isfinite(values)].tolist(), formatter, singles)
    title = panel.title if layout.wide else panel.short
    axes.set_title(title + (" (log scale)" if logarithmic else ""), pad=6)
    winners = advice[advice["strategy"] == panel.strategy].set_index(_CURVE)["memory_mb"]
    ends = []
    lines = _lines(summary)
    band = 0.2 if len(lines) <= FEW else 0.1
    for n, (name, rows) in enumerate(lines.items()):
        line = series_style(n)
        colour = str(line["color"])
        _line(axes, rows, panel, line, band)
        _samples(axes, rows, points, panel, colour)
        _winner(axes, rows, panel, winners.get(tuple(rows[_CURVE].iloc[0])), colour)
        ends.append((float(rows[panel.mean].iloc[-1]) * panel.factor, fit(name, layout), colour))
    label_lines(axes, float(summary["memory_mb"].max()), ends)


def _lines(summary: DataFrame) -> dict[str, DataFrame]:
    """Rows by the name of their line; a name tells no more than is needed to tell lines apart."""
    keys = ["payload"]
    keys += [key for key in ("function", "architecture") if summary[key].nunique() > 1]
    return {", ".join(map(str, name)): rows for name, rows in summary.groupby(keys, observed=True)}


def _line(
    axes: Axes, rows: DataFrame, panel: CurvePanel, style: dict[str, Any], band: float
) -> None:
    sizes = rows["memory_mb"].to_numpy(float)
    mean, low, high = (
        rows[name].to_numpy(float) * panel.factor for name in (panel.mean, panel.low, panel.high)
    )
    axes.fill_between(sizes, low, high, color=str(style["color"]), alpha=band, linewidth=0)
    axes.plot(sizes, mean, **style)


def _samples(
    axes: Axes, rows: DataFrame, points: DataFrame, panel: CurvePanel, colour: str
) -> None:
    if points.empty:
        return
    key = rows[_CURVE].iloc[0]
    own = points[(points[key.index] == key).all(axis=1)]
    spots: list[float] = []
    drawn: list[float] = []
    for size, values in own.groupby("memory_mb")[panel.sample]:
        ranked = np.sort(values.to_numpy(float)) * panel.factor
        count = min(len(ranked), MAX_POINTS)
        drawn += ranked[np.linspace(0, len(ranked) - 1, count).round().astype(int)].tolist()
        spots += (float(str(size)) * 2 ** (0.05 * np.sin(np.arange(count) * 2.4))).tolist()
    if drawn:
        scatter(axes, spots, drawn, colour)


def _winner(
    axes: Axes, rows: DataFrame, panel: CurvePanel, winner: float | None, colour: str
) -> None:
    at = rows[rows["memory_mb"] == winner]
    if len(at):
        axes.plot(
            at["memory_mb"],
            at[panel.mean] * panel.factor,
            "o",
            markersize=6.5,
            markerfacecolor=PAPER,
            markeredgecolor=colour,
            markeredgewidth=1.8,
            zorder=5,
        )


# Small panels, one a payload type: what memory buys in speed and what it costs, on one scale.


_LINES = (("duration", "mean_ms", SERIES[1]), ("cost", "cost_usd", SERIES[0]))
_MARKS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000)


def plot_relative(data: StudyData, payloads: str | Sequence[str] = "") -> Chart:
    """Duration and cost of each payload type as multiples of their own lowest.

    Both are ratios, so they may share an axis: where the lines cross, a further step of memory
    costs more than it gains in speed.
    """
    run, summary = _chosen(data, payloads)
    if summary.empty:
        return nothing_succeeded()
    summary = labelled(summary)
    title = relative_title(summary)
    subtitle = "each line as a multiple of its own lowest value, log scale"
    subtitle += caption(run.host, run.sizes)

    def draw(layout: Layout) -> Figure:
        return _draw_relative(layout, title, subtitle, summary, run.host)

    return Chart(draw, title, relative_alt(summary) + in_words(run.host, run.sizes))


def relative_title(summary: DataFrame) -> str:
    """Which payload types gain most and least speed from memory."""
    gains = {
        str(payload): ratio(rows["mean_ms"].max(), rows["mean_ms"].min())
        for payload, rows in summary.groupby("payload", observed=True)
    }
    most, least = max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)
    words = f"Memory makes {most} up to {format_times(gains[most])} faster"
    return words if most == least else f"{words}, {least} only {format_times(gains[least])}"


def relative_alt(summary: DataFrame) -> str:
    """By how much duration and cost vary over the sizes, a sentence a payload type."""
    parts = ["Small panels of duration and cost against memory, as multiples of their lowest."]
    for payload, rows in summary.groupby("payload", observed=True):
        duration, cost = (ratio(rows[n].max(), rows[n].min()) for n in ("mean_ms", "cost_usd"))
        fastest, cheapest = (
            format_mb(float(rows["memory_mb"].iloc[int(rows[name].to_numpy(float).argmin())]))
            for name in ("mean_ms", "cost_usd")
        )
        parts.append(
            f"{payload}: duration varies {format_times(duration)}, lowest at {fastest}; "
            f"cost {format_times(cost)}, lowest at {cheapest}."
        )
    return " ".join(parts)


def _draw_relative(
    layout: Layout, title: str, subtitle: str, summary: DataFrame, host: Host | None
) -> Figure:
    panels = [rows for _, rows in summary.groupby("payload", observed=True)]
    columns = min(len(panels), 4 if layout.wide else 2)
    lines = -(-len(panels) // columns)
    figure, panes = framed(
        layout,
        title,
        subtitle,
        Frame(
            body_in=1.55 * lines + 0.25,
            left_in=0.5,
            right_in=0.02 * layout.width_in,
            bottom_in=0.5,
            shape=(lines, columns),
            wspace=0.12,
            hspace=0.34,
        ),
        sharex=True,
        sharey=True,
    )
    sizes = sorted(set(summary["memory_mb"]))
    top = max(_multiple(rows[column]).max() for rows in panels for _, column, _ in _LINES)
    for n, (axes, rows) in enumerate(zip(panes, panels, strict=False)):
        memory_axis(axes, sizes, margin=0.12, host=host)
        _relative_panel(axes, rows, top, named=n == 0)
        axes.xaxis.set_tick_params(labelbottom=n + columns >= len(panels))
    for axes in panes[len(panels) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _relative_panel(axes: Axes, rows: DataFrame, top: float, *, named: bool) -> None:
    axes.set_yscale("log")
    axes.set_ylim(0.9, top * 1.35)
    axes.yaxis.set_major_locator(FixedLocator([mark for mark in _MARKS if mark <= top * 1.3][:12]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f} ×"))
    axes.tick_params(labelsize=8)
    axes.set_title(fit(str(rows["payload"].iloc[0]), NARROW), pad=4)
    for name, column, colour in _LINES:
        multiple = _multiple(rows[column])
        axes.plot(rows["memory_mb"], multiple, color=colour, marker="o", markersize=3)
        if named:
            end = 0 if name == "duration" else -1
            axes.annotate(
                name,
                (float(rows["memory_mb"].iloc[end]), float(multiple[end])),
                xytext=(4 if end == 0 else -2, 5),
                textcoords="offset points",
                color=colour,
                fontsize=8.5,
                ha="left" if end == 0 else "right",
            )


def _multiple(values: "Series[float]") -> Floats:
    return np.asarray(values / (values.min() or 1), np.float64)
