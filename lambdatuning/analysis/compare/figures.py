"""Two runs compared: the change of each payload type with its interval, and both runs' curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from pandas import DataFrame

from ...core.format import format_mb, format_ms, format_span, join_mb
from ...core.sizes import Host
from ..curves import MIX
from ..intervals import Floats
from ..plot.axes import memory_axis, value_axis
from ..plot.chart import Chart
from ..plot.style import INK, MUTED, SERIES, Frame, Layout, below, fit, framed, names_in
from ..text.marks import caption, in_words
from .noise import excludes_zero
from .pair import MEASURES, Pair
from .text import headline, title, verdict

_BETTER, _WORSE = SERIES[2], SERIES[1]
_PANELS = {"duration": "Duration", "cost": "Cost (on a scale of its own)"}
_SIDES = ((MUTED, "before"), (SERIES[0], "after"))


def plot_changes(chosen: Pair) -> Chart:
    """A row a payload type: by how much duration and cost changed, with intervals.

    Marks left of zero are faster or cheaper. Those whose interval holds zero are hollow: the
    change may be chance.
    """
    before, after = chosen.names
    sizes = sorted(set(chosen.by_size["memory_mb"]))
    drawn = chosen.overall["duration_low_change"].notna().any()
    bars = "; bars: 95 % intervals that hold together" if drawn else ""
    subtitle = (
        f"{after} against {before}, all sizes ({join_mb(sizes)}){bars}; hollow: no more than runs "
        "of the same code may differ"
    )

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title(chosen), subtitle, chosen.overall)

    return Chart(draw, title(chosen), comparison_alt(chosen))


def plot_before_after(chosen: Pair) -> Chart:
    """Small panels, one a payload type: duration against memory in both runs, with intervals."""
    before, after = chosen.names
    frame = chosen.by_size
    title_of = _largest(chosen)
    band = ", 95 % band" if frame["duration_low_change"].notna().any() else ""
    subtitle = f"grey: {before}; blue: {after}{band}; mean duration of warm invocations"
    host, sizes = _host(chosen), chosen.before.sizes
    subtitle += caption(host, sizes)

    def draw(layout: Layout) -> Figure:
        return _draw_curves(layout, title_of, subtitle, chosen)

    return Chart(draw, title_of, _curves_alt(frame, chosen.names) + in_words(host, sizes))


def comparison_alt(pair: Pair) -> str:
    """The change of each payload type in words."""
    changes = [
        f"{payload}: duration {verdict('duration', pair.change(payload, 'duration'))}, "
        f"cost {verdict('cost', pair.change(payload, 'cost'))}."
        for payload in pair.overall["payload"]
    ]
    return " ".join([headline(pair), *changes])


def _draw(layout: Layout, title: str, subtitle: str, frame: DataFrame) -> Figure:
    panel_in = 0.29 * len(frame) + 0.2
    names = [fit(str(name), layout) for name in frame["payload"]]
    place = Frame(
        body_in=0.55 + (panel_in if layout.wide else 2 * panel_in + 0.62),
        gap_in=0.45,
        left_in=names_in(names, layout),
        right_in=0.045 * layout.width_in,
        bottom_in=0.5,
        shape=(1, 2) if layout.wide else (2, 1),
        wspace=0.12,
        hspace=0 if layout.wide else 0.62 / panel_in,
    )
    figure, panes = framed(layout, title, subtitle, place, sharey=True)
    for measure, axes in zip(MEASURES, panes, strict=True):
        _panel(axes, frame, measure, names)
    return figure


def _reach(values: Floats) -> tuple[float, float]:
    """Zero in the middle where nothing speaks against it."""
    reach = max(float(np.nanmax(np.abs(values))) * 1.15, 2.0)
    return max(-reach, -100.0), reach


def _panel(axes: Axes, frame: DataFrame, measure: str, names: Sequence[str]) -> None:
    columns = [f"{measure}_{part}" for part in ("change", "low_change", "high_change")]
    values = frame[columns].to_numpy(float) * 100
    axes.set_title(_PANELS[measure], fontweight="bold", color=INK)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_tick_params(labelbottom=True)
    axes.set_xlim(*_reach(values))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], prune="both"))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+,.0f} %" if value else "0")
    )
    axes.grid(visible=True, axis="x")
    axes.axvline(0, color=INK, linewidth=1)
    axes.spines["bottom"].set_visible(False)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == MIX else "normal")
    for y, (value, low, high) in enumerate(values):
        real = excludes_zero(low, high)
        colour = (_BETTER if value < 0 else _WORSE) if real else MUTED
        if np.isfinite(low):
            axes.plot([low, high], [y, y], color=colour, linewidth=2.2, alpha=0.75)
        face = colour if real else "#ffffff"
        axes.plot(value, y, "o", color=colour, markerfacecolor=face, markersize=6.5, zorder=5)
    words = {"duration": ("faster", "slower"), "cost": ("cheaper", "more expensive")}[measure]
    for x, text, side in ((0.0, f"← {words[0]}", "left"), (1.0, f"{words[1]} →", "right")):
        axes.annotate(text, (x, 0), xycoords="axes fraction", xytext=(0, -26),
                      textcoords="offset points", ha=side, color=MUTED, fontsize=8.5)  # fmt: skip


def _draw_curves(layout: Layout, title: str, subtitle: str, pair: Pair) -> Figure:
    groups = [rows for _, rows in pair.by_size.groupby("payload", sort=False)]
    columns = min(len(groups), 4 if layout.wide else 2)
    lines = -(-len(groups) // columns)
    place = Frame(
        body_in=1.5 * lines + 0.25,
        gap_in=0.4,
        left_in=0.6,
        right_in=0.015 * layout.width_in,
        bottom_in=0.5,
        shape=(lines, columns),
        wspace=0.42,
        hspace=0.36,
    )
    figure, panes = framed(layout, title, subtitle, place, sharex=True)
    sizes = sorted(set(pair.by_size["memory_mb"]))
    for n, (axes, rows) in enumerate(zip(panes, groups, strict=False)):
        memory_axis(axes, sizes, margin=0.12, host=_host(pair))
        _curve(axes, rows, layout)
        axes.xaxis.set_tick_params(labelbottom=n + columns >= len(groups))
    for axes in panes[len(groups) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _host(pair: Pair) -> Host | None:
    """The host that could tell fewer sizes apart; None where both runs took place on AWS."""
    return min((host for host in (pair.before.host, pair.after.host) if host), default=None)


def _curve(axes: Axes, rows: DataFrame, layout: Layout) -> None:
    values = rows[["before_ms", "after_ms"]].to_numpy(float)
    logarithmic = value_axis(axes, values.ravel().tolist(), format_ms)
    axes.tick_params(labelsize=7.5)
    name = fit(str(rows["payload"].iloc[0]), layout)
    axes.set_title(name, pad=4, fontsize=9, color=INK if name == MIX else MUTED)
    for (colour, side), width in zip(_SIDES, (2.6, 1.5), strict=True):
        axes.plot(rows["memory_mb"], rows[f"{side}_ms"], color=colour, linewidth=width,
                  marker="o", markersize=2.6)  # fmt: skip
    low = values[:, 0] * (1 + rows["duration_low_change"].to_numpy(float))
    high = values[:, 0] * (1 + rows["duration_high_change"].to_numpy(float))
    bottom, top = axes.get_ylim()
    axes.fill_between(rows["memory_mb"], low, high, color=SERIES[0], alpha=0.15, linewidth=0)
    axes.set_ylim(bottom, top) if logarithmic else axes.set_ylim(0, top)


def _largest(pair: Pair) -> str:
    """The largest difference in duration that is one, or that there is none."""
    own = [name for name in pair.overall["payload"] if name != MIX] or [pair.main]
    changes = {name: pair.change(name, "duration") for name in own}
    real = {
        name: change for name, change in changes.items() if change.real or not change.has_interval
    }
    if not real:
        return "No payload type differs in duration by more than runs of the same code do"
    name = max(real, key=lambda payload: abs(np.log1p(real[payload].value)))
    return f"The largest difference in duration: {name}, {verdict('duration', real[name])}"


def _curves_alt(frame: DataFrame, names: tuple[str, str]) -> str:
    parts = [f"Small panels of duration against memory, {names[0]} and {names[1]}."]
    for payload, rows in frame.groupby("payload", sort=False):
        points = [_point_alt(row) for row in rows.iloc[[0, -1]].to_dict("records")]
        parts.append(f"{payload} at {'; at '.join(points)}.")
    return " ".join(parts)


def _point_alt(row: Mapping[Any, Any]) -> str:
    span = format_span(row["duration_low_change"], row["duration_high_change"])
    before, after = format_ms(row["before_ms"]), format_ms(row["after_ms"])
    return f"{format_mb(row['memory_mb'])}: {before}, then {after} ({span})"
