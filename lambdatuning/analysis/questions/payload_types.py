"""The best size of each payload type under each strategy, and what one size for all costs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import capitalised, format_mb, of_all
from ...core.sizes import Host
from ...core.strategies import REGISTRY, check_strategy
from ..answer.headline import headline
from ..answer.recommendation import recommendations_frame
from ..curves import MIX
from ..data import StudyData
from ..plot.axes import bar, hatch, memory_axis
from ..plot.chart import Chart
from ..plot.functions import is_mix, labelled
from ..plot.style import (
    GRID,
    INK,
    MUTED,
    PAPER,
    SERIES,
    Frame,
    Layout,
    fit,
    framed,
    luminance,
    names_in,
    quiet,
)
from ..run import Run
from ..text.marks import caption, in_words, marked_mb
from .curves import nothing_succeeded

_MARKS = {
    "value": (SERIES[5], "p"),
    "cost": (SERIES[0], "o"),
    "balanced": (SERIES[2], "D"),
    "knee": (SERIES[3], "^"),
    "deadline": (SERIES[4], "v"),
    "budget": (SERIES[6], "P"),
    "speed": (SERIES[1], "s"),
}
_SHOWN = ("cost", "balanced", "speed")


def plot_strategies(data: StudyData, strategies: Sequence[str] = ()) -> Chart:
    """A panel a strategy, a row a payload type: the winning size, and those as good as it.

    By default the study's own strategy comes first, then cost, balanced and speed. Filled marks
    win; hollow ones cannot be told apart from the winner. The current size is a line.
    """
    strategies = tuple(strategies or dict.fromkeys([*data.strategies, *_SHOWN]))
    run = data.run
    advice = recommendations_frame(data, strategies)
    advice = advice[advice["memory_mb"].notna()]
    title = strategies_title(labelled(advice[advice["payload"] != MIX]))
    advice = labelled(advice)
    subtitle = "filled: best; hollow: cannot be told apart from it (95 %); grey line: size today"
    subtitle += caption(run.host, run.sizes)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), advice, strategies, run)

    return Chart(draw, title, strategies_alt(advice) + in_words(run.host, run.sizes))


def strategies_title(advice: DataFrame) -> str:
    """The most frequent size under each strategy, and by how many payload types.

    "Cost: 128 MB for 8 of 10 payload types; speed: 3,008 MB for all 10"
    """
    own = advice[advice["payload"] != MIX]
    parts: list[str] = []
    for strategy, rows in own.groupby("strategy", sort=False):
        (size, most), *_ = Counter(rows["memory_mb"]).most_common(1)
        what = "" if parts else " payload types"
        words = f"{format_mb(size)} for {of_all(most, len(rows))}{what}"
        parts.append(f"{strategy}: {words if most > 1 or len(rows) == 1 else 'no two alike'}")
    return capitalised("; ".join(parts))


def strategies_alt(advice: DataFrame) -> str:
    """The winner of each payload type under each strategy."""
    parts = ["Best memory size of each payload type."]
    for strategy, rows in advice.groupby("strategy", sort=False):
        wins = [
            f"{row.payload} {format_mb(float(str(row.memory_mb)))}" for row in rows.itertuples()
        ]
        parts.append(f"{str(strategy).capitalize()}: {', '.join(wins)}.")
    return " ".join(parts)


def _draw(
    layout: Layout, words: tuple[str, str], advice: DataFrame, names: Sequence[str], run: Run
) -> Figure:
    rows = list(dict.fromkeys(advice["payload"]))
    panel_in = 0.27 * len(rows) + (0.1 if layout.wide else 0.62)
    figure, panes = framed(
        layout,
        *words,
        Frame(
            gap_in=0.5,
            body_in=0.5 + (panel_in if layout.wide else panel_in * len(names)),
            left_in=names_in(rows, layout),
            right_in=0.015 * layout.width_in + (0.1 if run.beyond_mb else 0),
            bottom_in=0.5,
            shape=(1, len(names)) if layout.wide else (len(names), 1),
            wspace=0.08 if len(names) < 4 else 0.16,
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
    colour, marker = _MARKS[name]
    axes.set_title(name, color=colour, fontweight="bold")
    axes.set_yticks(range(len(rows)), [fit(row, layout) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8.5)
    _embolden_mix(axes)
    axes.hlines(range(len(rows)), min(sizes), max(sizes), color=GRID, linewidth=0.8)
    _today(axes, advice)
    how: dict[str, Any] = {"marker": marker, "linestyle": "", "color": colour, "markersize": 7}
    for choice in advice.to_dict("records"):
        y = rows.index(choice["payload"])
        as_good_mb = choice["as_good_mb"] or ()
        span = (*as_good_mb, choice["memory_mb"])
        axes.plot([min(span), max(span)], [y, y], color=colour, linewidth=3, alpha=0.3)
        axes.plot(as_good_mb, [y] * len(as_good_mb), **how, markerfacecolor=PAPER)
        axes.plot(choice["memory_mb"], y, **how)


def _embolden_mix(axes: Axes) -> None:
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if is_mix(label.get_text()) else "normal")


def _today(axes: Axes, advice: DataFrame) -> None:
    today = advice["current_mb"].dropna()
    if len(today):
        axes.axvline(float(today.iloc[0]), color=INK, linewidth=1, alpha=0.5, zorder=1)
    axes.spines["bottom"].set_color(MUTED)


# What one size for all costs each payload type: the price of their disagreement.


_MEASURES = {
    "cost": "cost",
    "speed": "duration",
    "balanced": "cost and duration, weighed,",
}

_NAMES = ["function", "architecture", "payload"]

_STRIP = 0.55
"""Height of the hatched strip above columns that the host could not tell apart, in rows."""


def plot_compromise(data: StudyData, strategy: str = "cost") -> Chart:
    """A grid of payload types and sizes: how much worse each size is than the type's own best, in
    "cost", "speed" or "balanced"."""
    check_strategy(strategy)
    host = data.host
    frame = penalties(data, strategy)
    if frame.isna().to_numpy().all():
        return nothing_succeeded()
    chosen = headline(data).memory_mb if len(data.parts) == 1 else None
    title = compromise_title(frame, strategy, chosen)
    own = f"the payload type's own {REGISTRY[strategy].superlative} size (best)"
    subtitle = f"{_MEASURES[strategy]} above {own}; blank: fails"
    subtitle += "; lines: the chosen size" if chosen else ""
    sizes = [int(size) for size in frame.columns]
    subtitle += caption(host, sizes)

    def draw(layout: Layout) -> Figure:
        return _draw_compromise(layout, title, subtitle, frame, host, chosen)

    return Chart(draw, title, compromise_alt(frame, strategy) + in_words(host, sizes))


def penalties(data: StudyData, strategy: str = "cost") -> DataFrame:
    """Rows payload types (the mix last), columns sizes: what is minimised over its minimum, less 1.

    Of several functions, rows are those of each, with its name behind the payload type's. 0 at
    each row's best size; NaN where the payload type fails.
    """
    curves = [curve for curve in data.curves if curve.sizes]
    names = labelled(DataFrame([vars(curve) for curve in curves], columns=_NAMES))["payload"]
    goal = data.options.goal(strategy)
    rows = {}
    for curve, name in zip(curves, names, strict=True):
        score = goal.score(curve.ms, curve.usd)
        worse = score / (score.min() or 1) - (score.min() > 0)
        rows[str(name)] = dict(zip(curve.sizes, worse, strict=True))
    return DataFrame.from_dict(rows, orient="index", columns=list(data.run.sizes), dtype=float)


def compromise_title(penalties: DataFrame, strategy: str, chosen_mb: int | None = None) -> str:
    """The size that is chosen, or suits the mix, and who pays most for it."""
    word, superlative = REGISTRY[strategy].worse, REGISTRY[strategy].superlative
    if len(penalties) < 2 or MIX not in penalties.index or penalties.loc[MIX].isna().all():
        return f"How much {word} each size is than the {superlative}"
    best = int(np.nanargmin(penalties.loc[MIX].to_numpy(float)))
    why = f"{superlative} for the mix"
    sizes = [int(size) for size in penalties.columns]
    if chosen_mb in sizes:
        other = sizes.index(chosen_mb)
        best, why = other, why if other == best else "chosen for the mix"
    size = format_mb(int(penalties.columns[best]))
    own = penalties.drop(index=MIX).iloc[:, best].dropna()
    worst = str(own.index[int(own.to_numpy(float).argmax())])
    if own.max() < 0.005:
        return f"{size} is {superlative} for every payload type"
    return (
        f"At {size}, {why}, no payload type is more than "
        f"{own.max() * 100:.0f} % {word} than at its own {superlative} size ({worst})"
    )


def compromise_alt(penalties: DataFrame, strategy: str) -> str:
    """How much worse the worst and the best sizes are, a sentence a payload type."""
    word, superlative = REGISTRY[strategy].worse, REGISTRY[strategy].superlative
    parts = [f"Grid of payload types and memory sizes, {strategy} against the {superlative} size."]
    sizes = [int(size) for size in penalties.columns]
    for payload, row in zip(penalties.index, penalties.to_numpy(float), strict=True):
        best, worst = sizes[int(np.nanargmin(row))], sizes[int(np.nanargmax(row))]
        parts.append(
            f"{payload}: {superlative} at {format_mb(best)}, "
            f"{np.nanmax(row) * 100:.0f} % {word} at {format_mb(worst)}."
        )
    return " ".join(parts)


def _draw_compromise(
    layout: Layout,
    title: str,
    subtitle: str,
    frame: DataFrame,
    host: Host | None,
    chosen_mb: int | None,
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
    _embolden_mix(axes)
    if chosen_mb in sizes:
        _frame_column(axes, sizes.index(chosen_mb), len(frame))
    quiet(axes)
    return figure


def _frame_column(axes: Axes, column: int, rows: int) -> None:
    """Lines on both sides of the chosen size, whose label is bold."""
    axes.get_xticklabels()[column].set_fontweight("bold")
    axes.vlines(
        [column - 0.5, column + 0.5], -0.5, rows - 0.5, color=INK, linewidth=1.2, clip_on=False
    )


def _cells(axes: Axes, frame: DataFrame, layout: Layout) -> None:
    shades = LinearSegmentedColormap.from_list("penalty", ["#e8f1f8", "#7fb5da", "#00568a"])
    norm = Normalize(0, np.log1p(3))
    size = 8.5 if layout.wide else max(5.5, 8.5 - 0.35 * len(frame.columns))
    for (row, column), value in np.ndenumerate(frame.to_numpy(float)):
        if np.isnan(value):
            continue
        shade = "none" if value == 0 else to_hex(shades(norm(np.log1p(value))))
        dark = value > 0 and luminance(shade) < 0.18
        box = bar(axes, row, column - 0.47, 0.94, 0.88, color=shade)
        if value == 0:
            box.set(edgecolor=INK, linewidth=1.4)
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
