"""Duration above, cost below, against memory: a line a payload type, a band for its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.host import Host
from ..choice.recommend import recommend
from ..samples.frames import warm
from ..samples.published import of_means
from ..samples.run import Run, as_run
from ..statistics.curves import MIX
from ..statistics.summary import summarise
from ..telling.marks import caption, in_words
from .axes import mark_vcpu, memory_axis, scatter, value_axis
from .chart import Chart, chart
from .functions import labelled
from .line_labels import label_lines
from .style import PAPER, Frame, Layout, fit, framed, series_style
from .words import curves_alt, curves_title, source_line

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
