"""What one size for all costs each payload type: the price of their disagreement."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex, to_rgb
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT, check_strategy
from ..choice.recommend import objective
from ..samples.run import Run, as_run
from ..statistics.curves import MIX, curves
from .chart import Chart, chart
from .style import INK, MUTED, Layout, fit, headline, headroom_in, quiet
from .words import compromise_alt, compromise_title

_WORDS = {"cost": "cost", "speed": "duration", "balanced": "cost and duration, weighed,"}


def plot_compromise(
    source: Run | DataFrame,
    strategy: str = "cost",
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> Chart:
    """A grid of payload types and sizes: how much worse each size is than the type's own best."""
    check_strategy(strategy)
    frame = penalties(source, strategy, weight, weights=weights)
    title = compromise_title(frame, strategy)
    subtitle = f"{_WORDS[strategy]} above the payload type's own best size; blank: fails there"

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title, subtitle, frame)

    return chart(draw, title, compromise_alt(frame, strategy))


def penalties(
    source: Run | DataFrame,
    strategy: str = "cost",
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> DataFrame:
    """Rows payload types (the mix last), columns sizes: what is minimised over its minimum, less 1.

    0 at each row's best size; NaN where the payload type fails.
    """
    run = as_run(source)
    rows = {}
    for curve in curves(run, weights=weights):
        if not curve.sizes:
            continue
        score = objective(curve.ms, curve.usd, strategy, weight)
        worse = score / (score.min() or 1) - (score.min() > 0)
        rows[curve.payload] = dict(zip(curve.sizes, worse, strict=True))
    return DataFrame.from_dict(rows, orient="index", columns=list(run.sizes), dtype=float)


def _draw(layout: Layout, title: str, subtitle: str, frame: DataFrame) -> Figure:
    head = headroom_in(title, subtitle, layout) + 0.25
    height = head + 0.3 * len(frame) + 0.55
    figure = Figure(figsize=(layout.width_in, height))
    axes = figure.subplots()
    left = (0.16 + 0.082 * max(len(fit(str(row), layout)) for row in frame.index)) / layout.width_in
    figure.subplots_adjust(left, 0.52 / height, 0.985, 1 - head / height)
    headline(figure, title, subtitle, layout)
    _cells(axes, frame, layout)
    axes.set_xticks(range(len(frame.columns)), [f"{size:,}" for size in frame.columns])
    axes.set_yticks(range(len(frame)), [fit(str(row), layout) for row in frame.index])
    axes.set_xlabel("memory (MB)")
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == MIX else "normal")
    quiet(axes)
    return figure


def _cells(axes: Axes, frame: DataFrame, layout: Layout) -> None:
    shades = LinearSegmentedColormap.from_list("penalty", ["#e8f1f8", "#7fb5da", "#00568a"])
    norm = Normalize(0, np.log1p(3))
    axes.set_xlim(-0.5, len(frame.columns) - 0.5)
    axes.set_ylim(len(frame) - 0.5, -0.5)
    size = 8.5 if layout.wide else max(5.5, 8.5 - 0.35 * len(frame.columns))
    for (row, column), value in np.ndenumerate(frame.to_numpy(float)):
        if np.isnan(value):
            continue
        shade = "none" if value == 0 else to_hex(shades(norm(np.log1p(value))))
        dark = value > 0 and luminance(shade) < 0.18
        box = axes.barh(row, 0.94, 0.88, left=column - 0.47, color=shade, linewidth=0)
        if value == 0:
            box[0].set(edgecolor=INK, linewidth=1.4)
        axes.text(
            column,
            row,
            short(value),
            ha="center",
            va="center",
            fontsize=size,
            color=INK if value == 0 else "#fdfeff" if dark else "#10202f",
            fontweight="bold" if value == 0 else "normal",
        )
    axes.tick_params(axis="x", labelsize=size + 0.5)
    axes.tick_params(axis="y", colors=MUTED, labelcolor=INK)


def short(value: float) -> str:
    """A penalty for a small cell: "best", "+4 %", "x3.2"."""
    if value == 0:
        return "best"
    if value < 0.005:
        return "+0 %"
    return f"+{value * 100:.0f} %" if value < 1.995 else f"×{value + 1:.1f}"


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
