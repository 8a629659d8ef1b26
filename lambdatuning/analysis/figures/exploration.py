"""How an adaptive run learnt its curves: what it believes, what it saw, and in which order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.errors import UsageError
from ...core.host import Host
from ..choice.exploration import exploration, exploration_headline, predictions, saving
from ..samples.frames import warm
from ..samples.run import Run
from ..telling.format import format_mb, format_ms, format_share, format_times, join, join_mb
from ..telling.marks import caption, in_words
from .axes import memory_axis, scatter, value_axis
from .chart import Chart, chart
from .style import INK, MUTED, NARROW, PAPER, SERIES, Frame, Layout, below, fit, framed

_BAND = SERIES[0]
_LOOKS = SERIES[1]
_SHOWN_STEPS, _SHOWN_ALONE = 2, 6
"""Steps numbered at a size, in a small panel and in one that has the figure to itself."""


def plot_exploration(run: Run, payloads: str | Sequence[str] = "") -> Chart:
    """A panel a payload type: the curve that an adaptive run believes in, and its 90 % band.

    Filled dots were measured, hollow ones are predicted; the ring is the answer. Faint points are
    samples. The numbers below a size are the steps that measured it. UsageError for a grid.
    """
    if not run.adaptive:
        raise UsageError("this run measured a grid; plot_exploration shows adaptive runs")
    chosen = run.select(payloads)
    curves = predictions(run)
    curves = curves[curves["payload"].isin(chosen.payloads)]
    if curves.empty:
        raise UsageError("this run ended before anything was learnt; allow it more")
    steps = exploration(run).dropna(subset=["memory_mb"])
    title, answers = _title(run), _answers(run)
    subtitle = (
        "line and band: what is believed, 90 % interval of the mean; filled: measured; hollow: "
        "predicted; ring: best; numbers: the steps that measured there"
        f"{caption(run.host, run.beyond_mb)}"
    )
    seen = _Seen(curves, steps, warm(chosen.samples), answers, run.host)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, (title, subtitle), seen)

    return chart(draw, title, _alt(curves, steps, answers) + in_words(run.host, run.beyond_mb))


def _title(run: Run) -> str:
    times = saving(run)
    saved = "" if math.isnan(times) else f", for {format_times(times)} fewer GB-seconds"
    return f"{exploration_headline(run)}{saved}"


def _answers(run: Run) -> dict[str, Mapping[str, float]]:
    return {answer["payload"]: answer for answer in run.exploration["answers"]}


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a run believes, measured and answered, by payload type."""

    curves: DataFrame
    steps: DataFrame
    samples: DataFrame
    answers: Mapping[str, Mapping[str, float]]
    host: Host | None


def _draw(layout: Layout, words: tuple[str, str], seen: _Seen) -> Figure:
    panels = list(seen.curves.groupby("payload", observed=True, sort=False))
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
    shown = _SHOWN_ALONE if len(panels) == 1 and layout.wide else _SHOWN_STEPS
    for axes, (payload, curve) in zip(panes, panels, strict=False):
        _panel(axes, str(payload), curve, seen)
        _number(axes, seen.steps[seen.steps["payload"] == payload], shown)
        axes.set_title(f"{fit(str(payload), NARROW)}{_scale(axes)}", pad=4)
    for axes in panes[len(panels) :]:
        axes.set_visible(False)
    below(figure, "memory (MB, log scale)")
    return figure


def _scale(axes: Axes) -> str:
    return ", log scale" if axes.get_yscale() == "log" else ""


def _panel(axes: Axes, payload: str, curve: DataFrame, seen: _Seen) -> None:
    samples = seen.samples[seen.samples["payload"] == payload]
    sizes = curve["memory_mb"].tolist()
    middle, low, high = (
        curve[name].to_numpy(float) for name in ("duration_ms", "low_ms", "high_ms")
    )
    value_axis(axes, [*low, *high], "ms", samples["duration_ms"].tolist())
    _room_for_steps(axes)
    memory_axis(axes, sizes, margin=0.09, host=seen.host)
    axes.tick_params(labelsize=8)
    axes.fill_between(sizes, low, high, color=_BAND, alpha=0.2, linewidth=0)
    axes.plot(sizes, middle, color=_BAND, linewidth=1.4)
    scatter(axes, samples["memory_mb"].tolist(), samples["duration_ms"].tolist(), INK)
    known = curve["measured"].to_numpy(int) > 0
    for mask, face in ((known, _BAND), (~known, PAPER)):
        axes.plot(
            np.array(sizes)[mask], middle[mask], "o", color=_BAND, markerfacecolor=face,
            markersize=4, zorder=4,
        )  # fmt: skip
    at = np.array(sizes) == seen.answers[payload]["memory_mb"]
    axes.plot(
        np.array(sizes)[at], middle[at], "o", markersize=10, markerfacecolor="none",
        markeredgecolor=_LOOKS, markeredgewidth=1.8, zorder=5,
    )  # fmt: skip


def _room_for_steps(axes: Axes) -> None:
    """A strip below the lowest value, in which the steps are numbered."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low / (high / low) ** 0.22, high)
    else:
        axes.set_ylim(-0.2 * high, high)


def _number(axes: Axes, steps: DataFrame, shown: int) -> None:
    """The steps that measured a size, one below the other; of many, the first and how many more."""
    for size, rows in steps.groupby("memory_mb"):
        numbers = [str(int(step)) for step in dict.fromkeys(rows["step"])]
        more = len(numbers) - shown
        told = [*numbers[: shown - 1], f"+{more + 1}"] if more > 0 else numbers
        axes.annotate(
            " ".join(told),
            (float(str(size)), 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=7,
            color=MUTED,
            ha="center",
        )


def _alt(curves: DataFrame, steps: DataFrame, answers: Mapping[str, Mapping[str, float]]) -> str:
    """What each panel shows, a sentence a payload type."""
    sizes = sorted(set(curves["memory_mb"]))
    parts = [f"Believed duration against memory ({join_mb(sizes)}), a panel a payload type."]
    for payload, curve in curves.groupby("payload", observed=True, sort=False):
        parts.append(_panel_alt(str(payload), curve, steps, answers[str(payload)]))
    return " ".join(parts)


def _panel_alt(
    payload: str, curve: DataFrame, steps: DataFrame, answer: Mapping[str, float]
) -> str:
    order = steps[steps["payload"] == payload]["memory_mb"]
    first, last = curve.iloc[0], curve.iloc[-1]
    return (
        f"{payload}: {format_ms(first['duration_ms'])} at {format_mb(first['memory_mb'])}, "
        f"{format_ms(last['duration_ms'])} at {format_mb(last['memory_mb'])}; measured in this "
        f"order: {join(f'{size:,.0f}' for size in order)} MB; best {format_mb(answer['memory_mb'])}"
        f", {format_share(answer['within_5'])} sure to be within 5 %."
    )
