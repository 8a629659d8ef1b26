"""Which size each payload type wants under each strategy, and what one size for all costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex, to_rgb
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.sizes import Host
from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES, check_strategy
from ..curves import MIX, curves
from ..decide import objective
from ..recommend import recommend
from ..run import Run, as_run
from ..text.marks import caption, in_words, marked_mb
from .axes import hatch, memory_axis
from .chart import Chart, chart
from .functions import is_mix, labelled
from .style import GRID, INK, MUTED, PAPER, SERIES, Frame, Layout, fit, framed, names_in, quiet
from .words import compromise_alt, compromise_title, strategies_alt, strategies_title

_LOOKS = {"cost": (SERIES[0], "o"), "balanced": (SERIES[2], "D"), "speed": (SERIES[1], "s")}


def plot_strategies(
    source: Run | DataFrame,
    strategy: str | Sequence[str] = STRATEGIES,
    weight: float = DEFAULT_WEIGHT,
    *,
    weights: Mapping[str, float] | None = None,
) -> Chart:
    """A panel a strategy, a row a payload type: the winning size, and those as good as it.

    Filled marks win; hollow ones cannot be told apart from the winner. The current size is a line.
    """
    run = as_run(source)
    advice = recommend(run, strategy, weight, weights=weights)
    advice = advice[advice["memory_mb"].notna()]
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    title = strategies_title(labelled(advice[advice["payload"] != MIX]))
    advice = labelled(advice)
    subtitle = "filled: best; hollow: cannot be told apart from it (95 %); grey line: size today"
    subtitle += caption(run.host, run.sizes)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), advice, names, run)

    return chart(draw, title, strategies_alt(advice) + in_words(run.host, run.sizes))


def _draw(
    layout: Layout, words: tuple[str, str], advice: DataFrame, names: Sequence[str], run: Run
) -> Figure:
    rows = list(dict.fromkeys(advice["payload"]))
    each = 0.27 * len(rows) + (0.1 if layout.wide else 0.62)
    figure, panes = framed(
        layout,
        *words,
        Frame(
            gap_in=0.5,
            body_in=0.5 + (each if layout.wide else each * len(names)),
            left_in=names_in(rows, layout),
            right_in=0.015 * layout.width_in + (0.1 if run.beyond_mb else 0),
            bottom_in=0.5,
            shape=(1, len(names)) if layout.wide else (len(names), 1),
            wspace=0.08,
            hspace=0.22,
        ),
        sharex=True,
        sharey=True,
    )
    for name, axes in zip(names, panes, strict=True):
        memory_axis(axes, run.sizes, margin=0.08, host=run.host)
        _panel(axes, advice[advice["strategy"] == name], rows, run.sizes, name, layout)
    for axes in panes if layout.wide else panes[-1:]:
        axes.set_xlabel("memory (MB)")
    return figure


def _panel(
    axes: Axes,
    advice: DataFrame,
    rows: Sequence[str],
    sizes: Sequence[int],
    name: str,
    layout: Layout,
) -> None:
    colour, marker = _LOOKS[name]
    axes.set_title(name, color=colour, fontweight="bold")
    axes.set_yticks(range(len(rows)), [fit(row, layout) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8.5)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if is_mix(label.get_text()) else "normal")
    axes.hlines(range(len(rows)), min(sizes), max(sizes), color=GRID, linewidth=0.8)
    _today(axes, advice)
    looks: dict[str, Any] = {"marker": marker, "linestyle": "", "color": colour, "markersize": 7}
    for _, each in advice.iterrows():
        y = rows.index(each["payload"])
        alike = each["alike_mb"] or ()
        span = (*alike, each["memory_mb"])
        axes.plot([min(span), max(span)], [y, y], color=colour, linewidth=3, alpha=0.3)
        axes.plot(alike, [y] * len(alike), **looks, markerfacecolor=PAPER)
        axes.plot(each["memory_mb"], y, **looks)


def _today(axes: Axes, advice: DataFrame) -> None:
    known = advice["current_mb"].dropna()
    if len(known):
        axes.axvline(float(known.iloc[0]), color=INK, linewidth=1, alpha=0.5, zorder=1)
    axes.spines["bottom"].set_color(MUTED)


# What one size for all costs each payload type: the price of their disagreement.


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
        return _draw_compromise(layout, title, subtitle, frame, host)

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


def _draw_compromise(
    layout: Layout, title: str, subtitle: str, frame: DataFrame, host: Host | None
) -> Figure:
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
