"""Duration, cost and gain against memory, a line or a panel a payload type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from pandas import DataFrame, Series

from ...core.sizes import Host
from ..curves import MIX
from ..frames import warm
from ..intervals import Floats
from ..recommend import recommend
from ..run import Run, as_run, of_means
from ..summary import summarise
from ..text.marks import caption, in_words
from .axes import mark_vcpu, memory_axis, scatter, value_axis
from .chart import Chart, chart
from .functions import labelled
from .labels import label_lines
from .style import NARROW, PAPER, SERIES, Frame, Layout, below, fit, framed, series_style
from .words import curves_alt, curves_title, relative_alt, relative_title, source_line

FEW = 5
"""Up to so many payload types, samples and strong bands are drawn."""

_CURVE = ["function", "architecture", "payload"]

MAX_POINTS = 30
"""Sample points drawn a size and payload type, at evenly spaced ranks."""


@dataclass(frozen=True)
class Panel:
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
    Panel(
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
    Panel(
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
    source: Run | DataFrame, payloads: str | Sequence[str] = "", *, samples: bool | None = None
) -> Chart:
    """Curves of the payload types (all, or those named), with their intervals and samples.

    A ring marks the fastest size on each duration curve and the cheapest on each cost curve.
    Several functions or architectures each have a line of their own. `samples` draws single
    invocations as faint points: by default with few payload types, since many make a fog.
    """
    run = as_run(source).select(payloads)
    summary = summarise(run)
    summary = summary[summary["n"] > 0]
    advice = recommend(run, ("cost", "speed"))
    wanted = (len(run.payloads) <= FEW and not of_means(run)) if samples is None else samples
    points = warm(run.samples) if wanted else run.samples.iloc[:0]
    subtitle = source_line(run) + ("; points: single invocations" if wanted else "")
    subtitle += caption(run.host, run.sizes)
    title = curves_title(labelled(advice[advice["payload"] != MIX]))

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), summary, points, advice, run.host)

    alt = curves_alt(labelled(summary), labelled(advice))
    return chart(draw, title, alt + in_words(run.host, run.sizes))


def _draw(
    layout: Layout,
    words: tuple[str, str],
    summary: DataFrame,
    points: DataFrame,
    advice: DataFrame,
    host: Host | None,
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
        memory_axis(pane, sorted(set(summary["memory_mb"])), margin=0.025, host=host)
        _panel(pane, panel, summary, points, advice, layout)
    mark_vcpu(axes[0], sorted(summary["memory_mb"]))
    axes[1].set_xlabel("memory (MB, log scale)")
    return figure


def _panel(
    axes: Axes,
    panel: Panel,
    summary: DataFrame,
    points: DataFrame,
    advice: DataFrame,
    layout: Layout,
) -> None:
    values = summary[[panel.mean, panel.low, panel.high]].to_numpy(float) * panel.factor
    singles = (points[panel.sample] * panel.factor).tolist()
    logarithmic = value_axis(axes, values[np.isfinite(values)].tolist(), panel.unit, singles)
    title = panel.title if layout.wide else panel.short
    axes.set_title(title + (" (log scale)" if logarithmic else ""), pad=6)
    winners = advice[advice["strategy"] == panel.strategy].set_index(_CURVE)["memory_mb"]
    ends = []
    lines = _lines(summary)
    band = 0.2 if len(lines) <= FEW else 0.1
    for n, (name, rows) in enumerate(lines.items()):
        style = series_style(n)
        colour = str(style["color"])
        _line(axes, rows, panel, style, band)
        _samples(axes, rows, points, panel, colour)
        _winner(axes, rows, panel, winners.get(tuple(rows[_CURVE].iloc[0])), colour)
        ends.append((float(rows[panel.mean].iloc[-1]) * panel.factor, fit(name, layout), colour))
    label_lines(axes, float(summary["memory_mb"].max()), ends)


def _lines(summary: DataFrame) -> dict[str, DataFrame]:
    """Rows by the name of their line; a name tells no more than is needed to tell lines apart."""
    keys = ["payload"]
    keys += [key for key in ("function", "architecture") if summary[key].nunique() > 1]
    return {", ".join(map(str, name)): rows for name, rows in summary.groupby(keys, observed=True)}


def _line(axes: Axes, rows: DataFrame, panel: Panel, style: dict[str, Any], band: float) -> None:
    sizes = rows["memory_mb"].to_numpy(float)
    mean, low, high = (
        rows[name].to_numpy(float) * panel.factor for name in (panel.mean, panel.low, panel.high)
    )
    axes.fill_between(sizes, low, high, color=str(style["color"]), alpha=band, linewidth=0)
    axes.plot(sizes, mean, **style)


def _samples(axes: Axes, rows: DataFrame, points: DataFrame, panel: Panel, colour: str) -> None:
    key = rows[_CURVE].iloc[0]
    own = points[(points[key.index] == key).all(axis=1)]
    for size, cell in own.groupby("memory_mb"):
        ranked = np.sort(cell[panel.sample].to_numpy(float)) * panel.factor
        count = min(len(ranked), MAX_POINTS)
        drawn = ranked[np.linspace(0, len(ranked) - 1, count).round().astype(int)]
        spots = float(str(size)) * 2 ** (0.05 * np.sin(np.arange(count) * 2.4))
        scatter(axes, spots.tolist(), drawn.tolist(), colour)


def _winner(axes: Axes, rows: DataFrame, panel: Panel, winner: float | None, colour: str) -> None:
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


def plot_relative(source: Run | DataFrame, payloads: str | Sequence[str] = "") -> Chart:
    """Duration and cost of each payload type as multiples of their own lowest.

    Both are ratios, so they may share an axis: where the lines cross, speed begins to cost more
    than it gains.
    """
    run = as_run(source).select(payloads)
    summary = summarise(run)
    summary = labelled(summary[summary["n"] > 0])
    title = relative_title(summary)
    subtitle = "each line as a multiple of its own lowest value, log scale"
    subtitle += caption(run.host, run.sizes)

    def draw(layout: Layout) -> Figure:
        return _draw_relative(layout, title, subtitle, summary, run.host)

    return chart(draw, title, relative_alt(summary) + in_words(run.host, run.sizes))


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
    top = max(_ratio(rows[column]).max() for rows in panels for _, column, _ in _LINES)
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
        ratio = _ratio(rows[column])
        axes.plot(rows["memory_mb"], ratio, color=colour, marker="o", markersize=3)
        if named:
            end = 0 if name == "duration" else -1
            axes.annotate(
                name,
                (float(rows["memory_mb"].iloc[end]), float(ratio[end])),
                xytext=(4 if end == 0 else -2, 5),
                textcoords="offset points",
                color=colour,
                fontsize=8.5,
                ha="left" if end == 0 else "right",
            )


def _ratio(values: "Series[float]") -> Floats:
    return np.asarray(values / (values.min() or 1), np.float64)
