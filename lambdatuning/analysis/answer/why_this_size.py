"""Why this size: small panels of what each size costs, with what is tolerated, and takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ...core.format import format_faster, format_mb, format_ms, format_part, ratio
from ..curves import MIX, Curve
from ..data import StudyData
from ..intervals import Floats, interval
from ..plot.axes import memory_axis, tick_label
from ..plot.chart import Chart
from ..plot.functions import together, views
from ..plot.labels import Spot, clear_spot
from ..plot.style import INK, MUTED, PAPER, SERIES, Layout, fit, headroom_in
from ..plot.style import headline as head_of
from ..questions.curves import nothing_succeeded
from ..text.marks import caption, in_words
from .headline import headline

_SLIGHT = 0.05
"""A size that is faster by less is not worth a word."""

MOST = 12
"""Payload types with a panel of their own, those of the largest weights; tables have all."""

_COST, _TIME, _TOLERATED = SERIES[0], SERIES[1], SERIES[2]


@dataclass(frozen=True, eq=False)
class _Part:
    """One function: its main curve (the mix, or the only payload type), and those of its types."""

    name: str
    data: StudyData
    main: Curve
    types: tuple[Curve, ...]
    chosen_mb: int | None
    today_mb: int | None

    @property
    def tolerance(self) -> float:
        """How much more than the cheapest a size may cost."""
        options = self.data.options
        return options.cost_tolerance if self._by_value else options.tolerance

    @property
    def limit(self) -> float:
        """How much more than the cheapest the chosen size may cost; infinite without a limit."""
        return self.data.options.cost_tolerance if self._by_value else math.inf

    @property
    def _by_value(self) -> bool:
        return self.data.strategies[0] == "value"


def plot_choice(data: StudyData) -> Chart:
    """Cost and mean duration of the mix against memory, and the cost of each payload type.

    The shaded band reaches from the cheapest size to what is tolerated above it; a filled mark is
    the chosen size, a hollow one today's. All axes of cost and duration are linear and begin at
    zero. With several functions each has its mix alone.
    """
    parts = [part for name, view in views(data) if (part := _part(name, view))]
    if not parts:
        return nothing_succeeded()
    title = together(
        [(part.name, choice_title(part.main, part.chosen_mb, part.limit)) for part in parts]
    )
    alt = together([(part.name, _alt(part)) for part in parts])
    run, tolerance = data.run, format_part(parts[0].tolerance)
    drawn = any(curve.draws_intervals for part in parts for curve in (part.main, *part.types))
    subtitle = f"shaded: up to {tolerance} above the cheapest; filled: chosen; hollow: today"
    subtitle += ("; bars: 95 % intervals" if drawn else "") + caption(run.host, run.sizes)

    def draw(layout: Layout) -> Figure:
        return _draw(layout, title, subtitle, parts)

    return Chart(draw, title, alt + in_words(run.host, run.sizes))


def _part(name: str, data: StudyData) -> _Part | None:
    weights = data.weights
    types = [curve for curve in data.curves if curve.payload != MIX and curve.sizes]
    ranked = sorted(types, key=lambda curve: -weights.get(curve.payload, 0.0))
    if not ranked:
        return None
    mixed = data.curve()
    # Where no size suits all payload types, that of the largest weight stands for them.
    main = mixed if mixed and mixed.sizes else ranked[0]
    small = tuple(ranked[:MOST]) if len(data.curves) > 1 and not name else ()
    head = headline(data)
    return _Part(name, data, main, small, head.memory_mb, data.today_mb)


def choice_title(curve: Curve, chosen_mb: int | None, limit: float = math.inf) -> str:
    """What the chosen size costs against the cheapest, and what that buys.

    A size that was chosen since it probably costs at most the share `limit` more may be measured a
    little above that.
    """
    cheapest = int(curve.usd.argmin())
    if chosen_mb not in curve.sizes:
        return f"{format_mb(curve.sizes[cheapest])} is cheapest by the mean"
    at = curve.sizes.index(chosen_mb)
    size = format_mb(chosen_mb)
    if len(curve.sizes) == 1:
        return f"{size} alone was measured: there is nothing to choose from"
    if at == cheapest:
        return f"{size} is the cheapest size{_faster_ones(curve, at)}"
    least = format_mb(curve.sizes[cheapest])
    speed = format_faster(ratio(curve.ms[cheapest], curve.ms[at]))
    if not curve.usd[cheapest]:
        return f"{size} costs as much as {least}; {speed}"
    more = _percent_more(curve.usd[at], curve.usd[cheapest])
    if not more:
        return f"{size} costs as much as the cheapest, {least}; {speed}"
    beyond = curve.usd[at] > curve.usd[cheapest] * (1 + limit)
    perhaps = f" ({format_part(limit)} is within the error)" if beyond else ""
    return f"{size} costs {more} more than the cheapest, {least}{perhaps}; {speed}"


def _faster_ones(curve: Curve, at: int) -> str:
    """That the cheapest size is the fastest, too, or what the fastest would cost."""
    fastest = int(curve.ms.argmin())
    if fastest == at or not curve.ms[fastest]:
        return ", and the fastest" if fastest == at else ""
    times = ratio(curve.ms[at], curve.ms[fastest])
    if times < 1 + _SLIGHT:
        return f"; none is {format_part(_SLIGHT)} faster"
    if not curve.usd[at]:
        return f"; {format_mb(curve.sizes[fastest])} is {format_faster(times)}"
    more = _percent_more(curve.usd[fastest], curve.usd[at])
    price = f"for {more} more" if more else "at the same cost"
    return f"; {format_mb(curve.sizes[fastest])} is {format_faster(times)} {price}"


def _percent_more(usd: float, base_usd: float) -> str:
    """In whole per cent; "" where that would be none."""
    percent = round((ratio(usd, base_usd) - 1) * 100)
    return f"{percent:,} %" if percent else ""


def _alt(part: _Part) -> str:
    money, curve = part.data.money, part.main
    words = [
        f"{format_mb(size)} {format_ms(float(ms))}, {money(float(usd) * 1e6)}"
        for size, ms, usd in zip(curve.sizes, curve.ms, curve.usd, strict=True)
    ]
    parts = [f"Mean duration and cost per million of {curve.payload}: {'; '.join(words)}."]
    parts += [
        f"{curve.payload} is cheapest at {format_mb(_cheapest(curve))}." for curve in part.types
    ]
    return " ".join(parts)


def _cheapest(curve: Curve) -> int:
    return curve.sizes[int(curve.usd.argmin())]


# Where the panels stand, in inches.


_LEFT, _RIGHT, _APART = 0.62, 0.12, 0.62


def _draw(layout: Layout, title: str, subtitle: str, parts: Sequence[_Part]) -> Figure:
    tall = 1.72 if layout.wide else 1.6
    columns = 4 if layout.wide else 2
    small = parts[0].types
    lines = -(-len(small) // columns)
    head = headroom_in(title, subtitle, layout) + 0.34
    pairs = len(parts) * (1 if layout.wide else 2)
    height = head + pairs * (tall + 0.72) + lines * 1.42 - 0.1
    figure = Figure(figsize=(layout.width_in, height))
    head_of(figure, title, subtitle, layout)
    top = head
    for part in parts:
        top = _pair(figure, layout, part, top, tall)
    if small:
        _grid(figure, layout, parts[0], top + 0.08, columns)
    return figure


def _axes(figure: Figure, left: float, top: float, width: float, tall: float) -> Axes:
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, 1 - (top + tall) / high, width / wide, tall / high))


def _pair(figure: Figure, layout: Layout, part: _Part, top: float, tall: float) -> float:
    """The panels of cost and duration of a function; where the next begins."""
    width = layout.width_in - _LEFT - _RIGHT
    panel_in = (width - _APART) / 2 if layout.wide else width
    below = 0.0 if layout.wide else tall + 0.72
    aside = panel_in + _APART if layout.wide else 0.0
    name = f"{part.name}: " if part.name else ""
    curve, money = part.main, part.data.money
    cost = _axes(figure, _LEFT, top, panel_in, tall)
    cost.set_title(f"{name}{curve.payload}, cost per million", pad=5, color=INK, fontweight="bold")
    _curve(cost, part, curve, curve.usd * 1e6, curve.resampled_usd * 1e6, _COST)
    cost.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, money)))
    _tolerated(cost, part, curve)
    time = _axes(figure, _LEFT + aside, top + below, panel_in, tall)
    time.set_title("mean duration", pad=5, color=INK, fontweight="bold")
    _curve(time, part, curve, curve.ms, curve.resampled_ms, _TIME)
    time.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, format_ms)))
    _words(cost, part, curve, curve.usd * 1e6, money)
    _words(time, part, curve, curve.ms, format_ms)
    for axes in (cost, time):
        axes.set_xlabel("memory (MB, log scale)", fontsize=8.5)
    return top + below + tall + 0.72


def _grid(figure: Figure, layout: Layout, part: _Part, top: float, columns: int) -> None:
    left, apart, tall = 0.4, 0.36, 0.8
    width = (layout.width_in - left - _RIGHT - apart * (columns - 1)) / columns
    money = part.data.money
    for n, curve in enumerate(part.types):
        row, column = divmod(n, columns)
        axes = _axes(figure, left + column * (width + apart), top + row * 1.42 + 0.2, width, tall)
        _curve(axes, part, curve, curve.usd * 1e6, curve.resampled_usd * 1e6, _COST, small=True)
        _tolerated(axes, part, curve)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, money)))
        axes.tick_params(labelsize=7.5, pad=1.5)
        axes.set_title(fit(curve.payload, layout), pad=13, fontsize=9, color=INK)
        axes.text(
            0, 1.05, _speed(part, curve), transform=axes.transAxes, fontsize=8, color=MUTED
        )  # fmt: skip


def _curve(
    axes: Axes,
    part: _Part,
    curve: Curve,
    values: Floats,
    resampled: Floats,
    colour: str,
    *,
    small: bool = False,
) -> None:
    sizes = list(curve.sizes)
    low, high = _limits(resampled)
    axes.plot(sizes, values, color=colour, linewidth=1.4 if small else 2)
    measured = [n for n, size in enumerate(sizes) if size not in curve.predicted_mb]
    axes.vlines(sizes, low, high, color=colour, linewidth=1, alpha=0.6)
    axes.plot(
        [sizes[n] for n in measured],
        values[measured],
        linestyle="",
        marker="o",
        markersize=2 if small else 3,
        color=colour,
    )
    finite = [float(v) for v in (*values, *high) if np.isfinite(v)]
    top = max(finite, default=1.0) or 1.0
    axes.set_ylim(0, top * (1.1 if small else 1.24))
    axes.yaxis.set_major_locator(MaxNLocator(2 if small else 4, steps=[1, 2, 2.5, 5, 10]))
    memory_axis(axes, sizes, margin=0.09, host=curve.host)
    for size, face in ((part.today_mb, PAPER), (part.chosen_mb, INK)):
        if size in sizes:
            _mark(axes, size, float(values[sizes.index(size)]), face, 5 if small else 7.5)


def _limits(resampled: Floats) -> tuple[Floats, Floats]:
    bounds = [interval(resampled[:, n]) for n in range(resampled.shape[1])]
    low, high = np.array(bounds, float).reshape(-1, 2).T
    return low, high


def _mark(axes: Axes, size: float, value: float, face: str, points: float) -> None:
    how: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": INK, "markeredgewidth": 1.5}
    axes.plot(size, value, "o", markersize=points, zorder=5, clip_on=False, **how)


def _tolerated(axes: Axes, part: _Part, curve: Curve) -> None:
    cheapest = float(curve.usd.min()) * 1e6
    axes.axhspan(cheapest, cheapest * (1 + part.tolerance), color=_TOLERATED, alpha=0.16, lw=0)


def _words(
    axes: Axes, part: _Part, curve: Curve, values: Floats, form: Callable[[float], str]
) -> None:
    """Name the chosen size and today's beside their marks, off the curve."""
    line = list(zip(map(float, curve.sizes), map(float, values), strict=True))
    spots: list[Spot] = []
    for size in dict.fromkeys((part.chosen_mb, part.today_mb)):
        if size in curve.sizes:
            at = line[curve.sizes.index(size)]
            chosen = size == part.chosen_mb
            name = f"{format_mb(size) if chosen else 'today'}: {form(at[1])}"
            spots.append(clear_spot(axes, at, name, line, spots))
            _word(axes, at, name, spots[-1], bold=chosen)


def _word(axes: Axes, at: tuple[float, float], text: str, spot: Spot, *, bold: bool) -> None:
    axes.annotate(
        text,
        at,
        xytext=spot.offset,
        textcoords="offset points",
        ha=spot.ha,
        va=spot.va,
        fontsize=8.5,
        fontweight="bold" if bold else "normal",
        color=INK,
        bbox={"facecolor": PAPER, "alpha": 0.75, "linewidth": 0, "pad": 1},
        zorder=6,
    )


def _speed(part: _Part, curve: Curve) -> str:
    """Today's mean duration and that of the chosen size."""
    times = [
        format_ms(float(curve.ms[curve.sizes.index(size)]))
        for size in dict.fromkeys((part.today_mb, part.chosen_mb))
        if size in curve.sizes
    ]
    return " to ".join(times)
