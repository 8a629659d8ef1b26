"""Speed against cost: the sizes worth choosing between, and those that another one beats."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from pandas import DataFrame

from ..choice.pareto import pareto
from ..samples.run import Run, as_run
from ..samples.several import apart
from ..statistics.predicted import predict
from ..telling.format import format_mb, format_ms, format_share, format_usd, join_mb, short_name
from .chart import Chart, chart
from .style import INK, MUTED, PAPER, SERIES, Layout, one_panel

_MANY = 4
"""Points with a larger ratio between largest and smallest stand on a logarithmic axis."""

_LETTER, _LINE = 5.6, 11.0
"""Room of a label's letter and line in points."""


def plot_pareto(
    source: Run | DataFrame,
    payload: str = "",
    *,
    weights: Mapping[str, float] | None = None,
    current_memory_mb: int | None = None,
) -> Chart | None:
    """Mean duration against cost, a point a size, of the mix (or of `payload`).

    Filled points on the line are the Pareto front; hollow ones are beaten by another size. Bars
    are the 95 % intervals of both; small dots are sizes that were not measured (see `predict`).
    With several functions, the first one's. None where every size fails.
    """
    run = apart(as_run(source))[0].select(payload)
    frame = pareto(run, weights=weights)
    if frame.empty:
        return None
    last = frame["payload"].iloc[-1]
    rows = frame[frame["payload"] == last]
    today = run.current_memory_mb if current_memory_mb is None else current_memory_mb
    title = pareto_title(rows, today)
    guessed = predict(run, weights=weights)
    guessed = guessed[guessed["predicted"] & (guessed["payload"] == last)]
    dots = "; dots: predicted sizes between" if len(guessed) else ""
    subtitle = f"{short_name(run.function)}, {last}; bars: 95 % intervals of the means{dots}"

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title, subtitle, rows, guessed, today)

    return chart(draw, title, pareto_alt(rows))


def pareto_title(rows: DataFrame, today: int | None) -> str:
    """How many sizes are worth a choice, and whether today's is among them."""
    front = rows[rows["efficient"]]
    current = rows[rows["memory_mb"] == today]
    if len(current) and not current["efficient"].iloc[0]:
        better = format_mb(current["beaten_by_mb"].iloc[0])
        sure = 1 - float(current["probability_efficient"].iloc[0])
        told = f"{format_mb(float(today or 0))} today is beaten: {better} is cheaper and faster"
        return told if math.isnan(sure) else f"{told} ({format_share(sure)} sure)"
    if len(front) == 1:
        return f"{format_mb(front['memory_mb'].iloc[0])} is both fastest and cheapest"
    return f"{len(front)} of {len(rows)} sizes are worth choosing between, from " + (
        f"{format_mb(front['memory_mb'].iloc[0])} to {format_mb(front['memory_mb'].iloc[-1])}"
    )


def pareto_alt(rows: DataFrame) -> str:
    """Both values of each size, and which other beats it."""
    parts = ["Points of mean duration against cost per million invocations, one a memory size."]
    for row in rows.to_dict("records"):
        verdict = (
            "on the front" if row["efficient"] else f"beaten by {format_mb(row['beaten_by_mb'])}"
        )
        told = f"{format_ms(row['mean_ms'])}, {format_usd(row['cost_per_million_usd'])}, {verdict}"
        parts.append(f"{format_mb(row['memory_mb'])}: {told}.")
    sizes = [int(size) for size in rows[rows["efficient"]]["memory_mb"]]
    parts.append(f"The front is {join_mb(sizes)}.")
    return " ".join(parts)


def _draw(
    layout: Layout,
    title: str,
    subtitle: str,
    rows: DataFrame,
    guessed: DataFrame,
    today: int | None,
) -> Figure:
    body_in = 3.4 if layout.wide else 3.6
    figure, axes = one_panel(layout, title, subtitle, body_in=body_in)
    x, y = rows["cost_per_million_usd"], rows["mean_ms"]
    logs = [_scale(axes, x.tolist(), "x"), _scale(axes, y.tolist(), "y")]
    axes.set_title("Mean duration" + (" (log scale)" if logs[1] else ""), pad=6)
    axes.set_xlabel("cost per million invocations" + (" (log scale)" if logs[0] else ""))
    front = rows[rows["efficient"]].sort_values("cost_per_million_usd")
    axes.plot(front["cost_per_million_usd"], front["mean_ms"], color=SERIES[0], zorder=2)
    axes.plot(
        guessed["cost_per_million_usd"],
        guessed["mean_ms"],
        "o",
        color=SERIES[0],
        markersize=2.6,
        alpha=0.55,
        zorder=3,
    )
    points = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    for row in points:
        _point(axes, row, current=row["memory_mb"] == today)
    _labels(axes, points, today)
    return figure


def _scale(axes: Axes, values: list[float], which: str) -> bool:
    """A scale around the points with room for labels; True when it is logarithmic.

    It need not begin at zero: points show places, not lengths.
    """
    axis, scale, limits = (
        (axes.xaxis, axes.set_xscale, axes.set_xlim)
        if which == "x"
        else (axes.yaxis, axes.set_yscale, axes.set_ylim)
    )
    low, high = (min(values), max(values)) if values else (1.0, 1.0)
    unit = format_usd if which == "x" else format_ms
    logarithmic = low > 0 and high / low > _MANY
    if logarithmic:
        scale("log")
        limits(low / (high / low) ** 0.1, high * (high / low) ** (0.3 if which == "x" else 0.14))
        axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())
    else:
        room = (high - low) or high or 1.0
        limits(max(low - 0.15 * room, 0), high + (0.3 if which == "x" else 0.15) * room)
        axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(unit(round(value, 12)))))
    axes.grid(visible=True, axis="both")
    return logarithmic


def _plain(text: str) -> str:
    """A tick's label without needless zeros: "10.0 ms" -> "10 ms"."""
    number, _, unit = text.partition(" ")
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit}".strip()


def _point(axes: Axes, row: Mapping[str, Any], *, current: bool) -> None:
    x, y = row["cost_per_million_usd"], row["mean_ms"]
    colour = SERIES[0] if row["efficient"] else MUTED
    bars: dict[str, Any] = {"color": colour, "linewidth": 5, "alpha": 0.18, "zorder": 1}
    bars |= {"solid_capstyle": "butt"}
    axes.plot([row["cost_low_per_million_usd"], row["cost_high_per_million_usd"]], [y, y], **bars)
    axes.plot([x, x], [row["mean_low_ms"], row["mean_high_ms"]], **bars)
    axes.plot(
        x,
        y,
        "o",
        markersize=9 if current else 7,
        markerfacecolor=colour if row["efficient"] else PAPER,
        markeredgecolor=INK if current else colour,
        markeredgewidth=1.8,
        zorder=4,
    )


def _labels(axes: Axes, rows: Sequence[Mapping[str, Any]], today: int | None) -> None:
    """Each size beside its point, on the first side where it covers no other label or point."""
    scale = 72 / axes.figure.dpi
    spots = [
        axes.transData.transform((row["cost_per_million_usd"], row["mean_ms"])) * scale
        for row in rows
    ]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    for row, (x, y) in zip(rows, spots, strict=True):
        current = row["memory_mb"] == today
        text = format_mb(row["memory_mb"]) + (" today" if current else "")
        boxes = [_box(x, y, len(text) * _LETTER, side) for side in _SIDES]
        free = [n for n, box in enumerate(boxes) if not any(_meet(box, other) for other in taken)]
        side = free[0] if free else 0
        taken.append(boxes[side])
        right, up = _SIDES[side]
        axes.annotate(
            text,
            (row["cost_per_million_usd"], row["mean_ms"]),
            xytext=(8 * right, 7 * up),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold" if current else "normal",
            color=INK if row["efficient"] else MUTED,
            ha="left" if right > 0 else "right",
            va="center",
            annotation_clip=False,
            zorder=5,
        )


_SIDES = ((1, 1), (1, -1), (-1, -1), (-1, 1), (1, 2.4), (-1, -2.4))
"""Where a label may stand: right or left of its point, above or below."""

_Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, side: tuple[float, float]) -> _Box:
    right, up = side
    left = x + 8 if right > 0 else x - 8 - width
    middle = y + 7 * up
    return left, middle - _LINE / 2, left + width, middle + _LINE / 2


def _meet(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
