"""What one size for all costs each payload type: the price of their disagreement."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex, to_rgb
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.host import Host
from ...core.strategies import DEFAULT_WEIGHT, check_strategy
from ..choice.aim import objective
from ..samples.run import Run, as_run
from ..statistics.curves import curves
from ..telling.marks import caption, in_words, marked_mb
from .chart import Chart, chart
from .functions import is_mix, labelled
from .hatching import hatch
from .style import INK, MUTED, Frame, Layout, fit, framed, names_in, quiet
from .words import compromise_alt, compromise_title

_WORDS = {"cost": "cost", "speed": "duration", "balanced": "cost and duration, weighed,"}

_NAMES = ["function", "architecture", "payload"]

_STRIP = 0.55
"""Height of the hatched strip above columns that the host could not tell apart, in rows."""


def plot_compromise(
    source: Run | DataFrame,
    strategy: str = "cost",
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> Chart:
    """A grid of payload types and sizes: how much worse each size is than the type's own best."""
    check_strategy(strategy)
    host = as_run(source).host
    frame = penalties(source, strategy, weight, weights=weights)
    title = compromise_title(frame, strategy)
    subtitle = f"{_WORDS[strategy]} above the payload type's own best size; blank: fails there"
    sizes = [int(size) for size in frame.columns]
    subtitle += caption(host, sizes)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title, subtitle, frame, host)

    return chart(draw, title, compromise_alt(frame, strategy) + in_words(host, sizes))


def penalties(
    source: Run | DataFrame,
    strategy: str = "cost",
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> DataFrame:
    """Rows payload types (the mix last), columns sizes: what is minimised over its minimum, less 1.

    Of several functions, rows are those of each, with its name behind the payload type's. 0 at
    each row's best size; NaN where the payload type fails.
    """
    run = as_run(source)
    known = [curve for curve in curves(run, weights=weights) if curve.sizes]
    names = labelled(DataFrame([vars(curve) for curve in known], columns=_NAMES))["payload"]
    rows = {}
    for curve, name in zip(known, names, strict=True):
        score = objective(curve.ms, curve.usd, strategy, weight)
        worse = score / (score.min() or 1) - (score.min() > 0)
        rows[str(name)] = dict(zip(curve.sizes, worse, strict=True))
    return DataFrame.from_dict(rows, orient="index", columns=list(run.sizes), dtype=float)


def _draw(layout: Layout, title: str, subtitle: str, frame: DataFrame, host: Host | None) -> Figure:
    sizes = [int(size) for size in frame.columns]
    beyond = host.beyond(sizes) if host else ()
    strip = _STRIP if beyond else 0.0
    figure, (axes,) = framed(
        layout,
        title,
        subtitle,
        Frame(
            gap_in=0.25,
            body_in=0.3 * (len(frame) + strip) + 0.55,
            left_in=names_in(map(str, frame.index), layout),
            right_in=0.015 * layout.width_in,
        ),
    )
    axes.set_xlim(-0.5, len(frame.columns) - 0.5)
    axes.set_ylim(len(frame) - 0.5, -0.5 - strip)
    _cells(axes, frame, layout)
    if beyond:
        hatch(axes, 1 - len(beyond) / len(frame.columns), 1 - strip / (len(frame) + strip))
    axes.set_xticks(range(len(sizes)), [marked_mb(size, host) for size in sizes])
    axes.set_yticks(range(len(frame)), [fit(str(row), layout) for row in frame.index])
    axes.set_xlabel("memory (MB)")
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if is_mix(label.get_text()) else "normal")
    quiet(axes)
    return figure


def _cells(axes: Axes, frame: DataFrame, layout: Layout) -> None:
    shades = LinearSegmentedColormap.from_list("penalty", ["#e8f1f8", "#7fb5da", "#00568a"])
    norm = Normalize(0, np.log1p(3))
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
