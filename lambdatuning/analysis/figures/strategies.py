"""Which size each payload type wants under each strategy, and how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.strategies import DEFAULT_WEIGHT, STRATEGIES
from ..choice.recommend import recommend
from ..samples.run import Run, as_run
from ..statistics.curves import MIX
from ..telling.marks import caption, in_words
from .axes import memory_axis
from .chart import Chart, chart
from .functions import is_mix, labelled
from .style import GRID, INK, MUTED, PAPER, SERIES, Frame, Layout, fit, framed, names_in
from .words import strategies_alt, strategies_title

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
