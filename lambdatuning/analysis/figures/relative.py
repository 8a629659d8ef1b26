"""Small panels, one a payload type: what memory buys in speed and what it costs, on one scale."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from pandas import DataFrame, Series

from ...core.host import Host
from ..samples.run import Run, as_run
from ..statistics.intervals import Floats
from ..statistics.summary import summarise
from ..telling.marks import caption, in_words
from .axes import memory_axis
from .chart import Chart, chart
from .functions import labelled
from .style import NARROW, SERIES, Frame, Layout, below, fit, framed
from .words import relative_alt, relative_title

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
        return _draw(layout, title, subtitle, summary, run.host)

    return chart(draw, title, relative_alt(summary) + in_words(run.host, run.sizes))


def _draw(
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
        _panel(axes, rows, top, named=n == 0)
        axes.xaxis.set_tick_params(labelbottom=n + columns >= len(panels))
    for axes in panes[len(panels) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _panel(axes: Axes, rows: DataFrame, top: float, *, named: bool) -> None:
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
