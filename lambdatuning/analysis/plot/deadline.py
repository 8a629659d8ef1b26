"""The tail against memory, with the deadline: which sizes keep it, and the cheapest of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ..curves import Curve, curves
from ..deadline import Prompt, prompts
from ..decide import Recommendation, aim
from ..goals import DEFAULT_QUANTILE, Goal
from ..run import Run, as_run
from ..text.format import format_mb, format_ms, format_share, format_usd
from ..text.marks import caption
from .axes import mark_vcpu, memory_axis, readable_ticks, value_axis
from .chart import Chart
from .functions import chart_of, shown_of, views
from .style import INK, MUTED, PAPER, SERIES, Layout, framed, stacked


def plot_deadline(
    source: Run | DataFrame,
    deadline_ms: float,
    quantile: float = DEFAULT_QUANTILE,
    payload: str = "",
    *,
    weights: Mapping[str, float] | None = None,
) -> Chart | None:
    """The quantile of durations at each size of the mix (or of `payload`), and the deadline.

    Filled: kept; ringed: the cheapest that keeps it. Shares above are how likely a size keeps it.
    Several functions have a panel each. None without a deadline, of published means, or where
    every size fails.
    """
    if not deadline_ms:
        return None
    run = as_run(source).select(payload)
    goal = Goal("deadline", deadline_ms=deadline_ms, quantile=quantile)
    tails = [tail for name, part in views(run) if (tail := _tail(name, part, goal, weights))]
    if not tails:
        return None
    subtitle = (
        f"{shown_of(run, [each.name for each in tails])}, {tails[0].curve.payload}; filled: kept; "
        f"ring: cheapest of these; per cent: how likely it is kept{caption(run.host, run.sizes)}"
    )

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, tails, goal)

    parts = [
        (each.name, _title(each, goal), deadline_alt(each.curve, each.prompt, goal))
        for each in tails
    ]
    return chart_of(run, parts, draw)


@dataclass(frozen=True, eq=False)
class _Tail:
    """One function's curve, how prompt it is, and what is recommended for the deadline."""

    name: str
    curve: Curve
    prompt: Prompt
    advice: Recommendation


def _tail(name: str, run: Run, goal: Goal, weights: Mapping[str, float] | None) -> _Tail | None:
    curve = curves(run, weights=weights)[-1]
    prompt = next(iter(prompts(run, [curve], goal, weights).values()), None)
    if not curve.sizes or prompt is None:
        return None
    return _Tail(name, curve, prompt, aim(curve, goal, run.current_memory_mb, prompt))


def _title(tail: _Tail, goal: Goal) -> str:
    size = tail.advice.memory_mb
    return deadline_title(
        tail.advice, goal, tail.prompt.sure(goal.quantile, tail.curve.sizes, size)
    )


def deadline_title(advice: Recommendation, goal: Goal, sure: float) -> str:
    """The cheapest size in time and its price, or that there is none."""
    if advice.memory_mb is None:
        reason = advice.reason.partition(";")[0]
        return reason[:1].upper() + reason[1:]
    told = (
        f"{format_mb(advice.memory_mb)} is the cheapest size with {_name(goal)} within "
        f"{format_ms(goal.deadline_ms)}"
    )
    return told if np.isnan(sure) else f"{told}, {format_share(sure)} sure to keep it"


def deadline_alt(curve: Curve, prompt: Prompt, goal: Goal) -> str:
    """Quantile, share in time and price at each size."""
    parts = [f"Points of {_name(goal)} against memory; deadline {format_ms(goal.deadline_ms)}."]
    for n, size in enumerate(curve.sizes):
        parts.append(
            f"{format_mb(size)}: {format_ms(prompt.quantile_ms[n])}, "
            f"{format_share(prompt.share[n])} in time, "
            f"{format_usd(curve.usd[n] * 1e6)} per million."
        )
    return " ".join(parts)


def _name(goal: Goal) -> str:
    return f"p{goal.quantile * 100:g}"


def _draw(layout: Layout, title: str, subtitle: str, tails: Sequence[_Tail], goal: Goal) -> Figure:
    place = stacked(len(tails), 3.0 if layout.wide else 3.2, 1.1)
    figure, panes = framed(layout, title, subtitle, place)
    for axes, tail in zip(panes, tails, strict=True):
        _panel(axes, tail, goal)
    return figure


def _panel(axes: Axes, tail: _Tail, goal: Goal) -> None:
    sizes, tails_ms = tail.curve.sizes, tail.prompt.quantile_ms
    values = [*tails_ms.tolist(), goal.deadline_ms]
    logarithmic = value_axis(axes, values, "ms", [max(values) * 1.25])
    memory_axis(axes, sizes, margin=0.07, host=tail.curve.host)
    name = f"{tail.name}: " if tail.name else ""
    scale = " (log scale)" if logarithmic else ""
    axes.set_title(f"{name}{_name(goal)} duration{scale}", pad=16)
    axes.set_xlabel("memory (MB, log scale)")
    axes.plot(sizes, tails_ms, color=SERIES[0], linewidth=1.4, zorder=2)
    _deadline(axes, goal)
    _points(axes, tail.curve, tail.prompt, goal, tail.advice)
    mark_vcpu(axes, sizes)


def _deadline(axes: Axes, goal: Goal) -> None:
    axes.axhline(goal.deadline_ms, color=SERIES[1], linewidth=1.6, zorder=1)
    axes.annotate(
        f"deadline {format_ms(goal.deadline_ms)}",
        (0.64, goal.deadline_ms),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        color=SERIES[1],
        fontsize=9,
        ha="right",
        va="bottom",
    )


def _points(axes: Axes, curve: Curve, prompt: Prompt, goal: Goal, advice: Recommendation) -> None:
    kept = prompt.share >= goal.quantile - 1e-12
    apart = 0.5 * np.log2(max(curve.sizes) / min(curve.sizes)) / _width_in(axes)
    told = readable_ticks(curve.sizes, apart)
    for n, size in enumerate(curve.sizes):
        face = SERIES[0] if kept[n] else PAPER
        axes.plot(
            size,
            prompt.quantile_ms[n],
            "o",
            markersize=7,
            markerfacecolor=face,
            markeredgecolor=SERIES[0],
            markeredgewidth=1.6,
            zorder=4,
        )
        if size == advice.memory_mb:
            axes.plot(
                size,
                prompt.quantile_ms[n],
                "o",
                markersize=14,
                markerfacecolor="none",
                markeredgecolor=INK,
                markeredgewidth=1.6,
                zorder=5,
            )
        sure = prompt.sure(goal.quantile, curve.sizes, size)
        if size in told and not np.isnan(sure):
            axes.annotate(
                format_share(sure),
                (size, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
                color=INK if kept[n] else MUTED,
            )


def _width_in(axes: Axes) -> float:
    return float(axes.get_position().width * axes.figure.get_figwidth())  # type: ignore[union-attr]
