"""The figure of an adaptive run: its model's curves, the samples, and their order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import (
    format_mb,
    format_ms,
    format_sure,
    format_times,
    join,
    join_mb,
)
from ...core.sizes import Host
from ...core.strategies import REGISTRY
from ...core.tuning.explored import ModelAnswer
from ..answer.recommendation import recommendation
from ..data import StudyData
from ..plot.axes import memory_axis, scatter, value_axis
from ..plot.chart import Chart
from ..plot.style import INK, MUTED, NARROW, PAPER, SERIES, Frame, Layout, below, fit, framed
from ..text.marks import caption, in_words
from .adaptive import predictions, saving, steps

_BAND = SERIES[0]
_BEST = SERIES[1]
_SHOWN_STEPS, _SHOWN_ALONE = 2, 6
"""Steps numbered at a size, in a small panel and in one that has the figure to itself."""


def plot_exploration(data: StudyData, payloads: str | Sequence[str] = "") -> Chart | None:
    """A panel a payload type: the curve of an adaptive run's model, and its 90 % band.

    Filled dots were measured, hollow ones are predicted; the ring is the answer. Faint points are
    samples. The numbers below a size are the steps that measured it. None for a grid, and for a
    run that ended before anything was learnt.
    """
    run = data.run
    names = run.select(payloads).payloads
    curves = predictions(run)
    curves = curves[curves["payload"].isin(names)]
    if curves.empty:
        return None
    measured_steps = steps(run).dropna(subset=["memory_mb"])
    title, answers = _title(data), run.model_answers
    subtitle = (
        "line and band: mean duration by the model, 90 % interval; filled: measured; hollow: "
        "predicted; ring: best; numbers: the steps that measured there"
        f"{caption(run.host, run.beyond_mb)}"
    )
    learnt = _Learnt(curves, measured_steps, data.measured, answers, run.host)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), learnt)

    return Chart(
        draw, title, _alt(curves, measured_steps, answers) + in_words(run.host, run.beyond_mb)
    )


def _title(data: StudyData) -> str:
    times = saving(data.run)
    curve = data.curve()
    advice = recommendation(data, curve, data.run.strategy) if curve else None
    if advice is None or advice.memory_mb is None:
        return "No size could be learnt to be best"
    size, superlative = format_mb(advice.memory_mb), REGISTRY[advice.strategy].superlative
    sure = "" if math.isnan(advice.sure) else f" ({format_sure(advice.sure)} sure)"
    saved = "" if math.isnan(times) else f", for {format_times(times)} fewer GB-seconds than a grid"
    return f"{size} is {superlative}{sure}{saved}"


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What a run predicts, measured and answered, by payload type."""

    curves: DataFrame
    steps: DataFrame
    samples: DataFrame
    answers: Mapping[str | None, ModelAnswer]
    host: Host | None


def _draw(layout: Layout, words: tuple[str, str], learnt: _Learnt) -> Figure:
    panels = list(learnt.curves.groupby("payload", observed=True, sort=False))
    columns = min(len(panels), 3 if layout.wide else 1)
    rows = -(-len(panels) // columns)
    figure, panes = framed(
        layout,
        *words,
        Frame(
            body_in=(2.9 if len(panels) == 1 else 1.75) * rows + 0.3,
            left_in=0.62,
            right_in=0.02 * layout.width_in,
            bottom_in=0.55,
            shape=(rows, columns),
            wspace=0.3,
            hspace=0.42,
        ),
    )
    most = _SHOWN_ALONE if len(panels) == 1 and layout.wide else _SHOWN_STEPS
    for axes, (payload, curve) in zip(panes, panels, strict=False):
        _panel(axes, str(payload), curve, learnt)
        _number(axes, learnt.steps[learnt.steps["payload"] == payload], most)
        axes.set_title(f"{fit(str(payload), NARROW)}{_scale(axes)}", pad=4)
    for axes in panes[len(panels) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _scale(axes: Axes) -> str:
    return ", log scale" if axes.get_yscale() == "log" else ""


def _panel(axes: Axes, payload: str, curve: DataFrame, learnt: _Learnt) -> None:
    samples = learnt.samples[learnt.samples["payload"] == payload]
    sizes = curve["memory_mb"].tolist()
    middle, low, high = (
        curve[name].to_numpy(float) for name in ("duration_ms", "low_ms", "high_ms")
    )
    value_axis(axes, [*low, *high], format_ms, samples["duration_ms"].tolist())
    _room_for_steps(axes)
    memory_axis(axes, sizes, margin=0.09, host=learnt.host)
    axes.tick_params(labelsize=8)
    axes.fill_between(sizes, low, high, color=_BAND, alpha=0.2, linewidth=0)
    axes.plot(sizes, middle, color=_BAND, linewidth=1.4)
    scatter(axes, samples["memory_mb"].tolist(), samples["duration_ms"].tolist(), INK)
    measured = curve["measured"].to_numpy(int) > 0
    for mask, face in ((measured, _BAND), (~measured, PAPER)):
        axes.plot(
            np.array(sizes)[mask], middle[mask], "o", color=_BAND, markerfacecolor=face,
            markersize=4, zorder=4,
        )  # fmt: skip
    at = np.array(sizes) == learnt.answers[payload].memory_mb
    axes.plot(
        np.array(sizes)[at], middle[at], "o", markersize=10, markerfacecolor="none",
        markeredgecolor=_BEST, markeredgewidth=1.8, zorder=5,
    )  # fmt: skip


def _room_for_steps(axes: Axes) -> None:
    """A strip below the lowest value, in which the steps are numbered."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low / (high / low) ** 0.22, high)
    else:
        axes.set_ylim(-0.2 * high, high)


def _number(axes: Axes, steps: DataFrame, most: int) -> None:
    """The steps that measured a size, one below the other; of many, the first and how many more."""
    for size, rows in steps.groupby("memory_mb"):
        numbers = [str(int(step)) for step in dict.fromkeys(rows["step"])]
        more = len(numbers) - most
        labels = [*numbers[: most - 1], f"+{more + 1}"] if more > 0 else numbers
        axes.annotate(
            " ".join(labels),
            (float(str(size)), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=7,
            color=MUTED,
            ha="center",
        )


def _alt(curves: DataFrame, steps: DataFrame, answers: Mapping[str | None, ModelAnswer]) -> str:
    """What each panel shows, a sentence a payload type."""
    sizes = sorted(set(curves["memory_mb"]))
    parts = [f"Duration by the model against memory ({join_mb(sizes)}), a panel a payload type."]
    for payload, curve in curves.groupby("payload", observed=True, sort=False):
        parts.append(_panel_alt(str(payload), curve, steps, answers[str(payload)]))
    return " ".join(parts)


def _how_sure(within_5: float | None) -> str:
    if within_5 is None:
        return "how sure is not known"
    return f"{format_sure(within_5)} sure to be within 5 %"


def _panel_alt(payload: str, curve: DataFrame, steps: DataFrame, answer: ModelAnswer) -> str:
    order = steps[steps["payload"] == payload]["memory_mb"]
    first, last = curve.iloc[0], curve.iloc[-1]
    return (
        f"{payload}: {format_ms(first['duration_ms'])} at {format_mb(first['memory_mb'])}, "
        f"{format_ms(last['duration_ms'])} at {format_mb(last['memory_mb'])}; measured in this "
        f"order: {join(f'{size:,.0f}' for size in order)} MB; best {format_mb(answer.memory_mb)}"
        f", {_how_sure(answer.within_5)}."
    )
