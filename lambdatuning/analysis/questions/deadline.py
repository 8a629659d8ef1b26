"""The tail against memory, with the deadline: which sizes keep it, and the cheapest of these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...core.format import Money, capitalised, format_mb, format_ms, format_share, format_sure
from ..answer.recommendation import Recommendation, punctuality, recommendation
from ..curves import Curve
from ..data import StudyData
from ..options import Goal
from ..plot.axes import mark_vcpu, memory_axis, readable_ticks, value_axis
from ..plot.chart import Chart
from ..plot.functions import chart_of, shown_of, views
from ..plot.style import INK, MUTED, PAPER, SERIES, Layout, framed, stacked
from ..punctuality import Punctuality
from ..text.marks import caption


def plot_deadline(data: StudyData, payload: str = "") -> Chart | None:
    """The quantile of durations at each size of the mix (or of `payload`), and the deadline.

    Filled: kept; ringed: the cheapest that surely keeps it, or what comes nearest. Shares above are
    how likely a size keeps it. Several functions have a panel each. None without a deadline, of
    published means, or where every size fails.
    """
    if not data.options.deadline_ms:
        return None
    run, goal = data.run, data.options.goal("deadline")
    tails = [tail for name, part in views(data) if (tail := _tail(name, part, payload))]
    if not tails:
        return None
    subtitle = (
        f"{shown_of(run, [tail.name for tail in tails])}, {tails[0].curve.payload}; filled: kept "
        "by its samples; ring: cheapest that surely keeps it, or the nearest; per cent: how likely "
        f"it is kept{caption(run.host, run.sizes)}"
    )

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, tails, goal)

    parts = [
        (
            tail.name,
            deadline_title(tail.advice, goal),
            deadline_alt(tail.curve, tail.keeps, goal, data.money),
        )
        for tail in tails
    ]
    return chart_of(run, parts, draw)


@dataclass(frozen=True, eq=False)
class _Tail:
    """One function's curve, how punctual it is, and what is recommended for the deadline."""

    name: str
    curve: Curve
    keeps: Punctuality
    advice: Recommendation


def _tail(name: str, data: StudyData, payload: str) -> _Tail | None:
    curve = data.curve(payload)
    keeps = punctuality(data, curve) if curve and curve.sizes else None
    if curve is None or keeps is None:
        return None
    return _Tail(name, curve, keeps, recommendation(data, curve, "deadline"))


def deadline_title(advice: Recommendation, goal: Goal) -> str:
    """The cheapest size in time and how sure it keeps the deadline; else the likeliest to keep it,
    or that there is none."""
    if advice.memory_mb is None:
        return capitalised(advice.reason.partition(";")[0])
    within = f"{goal.quantile_name} within {format_ms(goal.options.deadline_ms)}"
    size = format_mb(advice.memory_mb)
    if advice.reason and advice.sure < goal.options.deadline_sure:
        return f"{size} is likeliest to keep {within}, but only {format_sure(advice.sure)} sure"
    if advice.reason:
        words = advice.reason.partition(";")[0]
        return f"{size} comes nearest to {within}, but {words}"
    if math.isnan(advice.sure):
        return f"{size} may be the cheapest size that keeps {within}; how sure cannot be said"
    sure = format_sure(advice.sure)
    return f"{size} is the cheapest size that keeps {within} ({sure} sure)"


def deadline_alt(curve: Curve, keeps: Punctuality, goal: Goal, money: Money) -> str:
    """Quantile, share in time and price at each size."""
    deadline = format_ms(goal.options.deadline_ms)
    parts = [f"Points of {goal.quantile_name} against memory; deadline {deadline}."]
    for n, size in enumerate(curve.sizes):
        parts.append(
            f"{format_mb(size)}: {format_ms(keeps.quantile_ms[n])}, "
            f"{format_share(keeps.share[n])} in time, {money(curve.usd[n] * 1e6)} per million."
        )
    return " ".join(parts)


def _draw(layout: Layout, title: str, subtitle: str, tails: Sequence[_Tail], goal: Goal) -> Figure:
    place = stacked(len(tails), 3.0 if layout.wide else 3.2, 1.1)
    figure, panes = framed(layout, title, subtitle, place)
    for axes, tail in zip(panes, tails, strict=True):
        _panel(axes, tail, goal)
    return figure


def _panel(axes: Axes, tail: _Tail, goal: Goal) -> None:
    sizes, tails_ms = tail.curve.sizes, tail.keeps.quantile_ms
    values = [*tails_ms.tolist(), goal.options.deadline_ms]
    logarithmic = value_axis(axes, values, format_ms, [max(values) * 1.25])
    memory_axis(axes, sizes, margin=0.07, host=tail.curve.host)
    name = f"{tail.name}: " if tail.name else ""
    scale = " (log scale)" if logarithmic else ""
    axes.set_title(f"{name}{goal.quantile_name} duration{scale}", pad=16)
    axes.set_xlabel("memory (MB, log scale)")
    axes.plot(sizes, tails_ms, color=SERIES[0], linewidth=1.4, zorder=2)
    _deadline(axes, goal)
    _points(axes, tail.curve, tail.keeps, goal, tail.advice)
    mark_vcpu(axes, sizes)


def _deadline(axes: Axes, goal: Goal) -> None:
    axes.axhline(goal.options.deadline_ms, color=SERIES[1], linewidth=1.6, zorder=1)
    axes.annotate(
        f"deadline {format_ms(goal.options.deadline_ms)}",
        (0.64, goal.options.deadline_ms),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        color=SERIES[1],
        fontsize=9,
        ha="right",
        va="bottom",
    )


def _points(
    axes: Axes, curve: Curve, keeps: Punctuality, goal: Goal, advice: Recommendation
) -> None:
    in_time = keeps.share >= goal.options.quantile - 1e-12
    apart = 0.5 * np.log2(max(curve.sizes) / min(curve.sizes)) / _width_in(axes)
    labelled = readable_ticks(curve.sizes, apart)
    for n, size in enumerate(curve.sizes):
        at = float(size), float(keeps.quantile_ms[n])
        _dot(axes, at, 7, SERIES[0] if in_time[n] else PAPER, SERIES[0])
        if size == advice.memory_mb:
            _dot(axes, at, 14, "none", INK)
        sure = keeps.sure(n)
        if size in labelled and not np.isnan(sure):
            axes.annotate(
                format_sure(sure),
                (size, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=INK if in_time[n] else MUTED,
            )


def _dot(axes: Axes, at: tuple[float, float], size_pt: float, face: str, edge: str) -> None:
    axes.plot(
        *at,
        "o",
        markersize=size_pt,
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=1.6,
        zorder=4,
    )


def _width_in(axes: Axes) -> float:
    return float(axes.get_position().width * axes.figure.get_figwidth())  # type: ignore[union-attr]
