"""The decision map: which size wins as the weight goes from speed to cost; numbers and figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter
from pandas import DataFrame

from ...core.format import format_mb
from ...core.sizes import Host
from ...core.strategies import clamp_weight
from ..answer.recommendation import candidates, scores
from ..curves import MIX, Curve
from ..data import StudyData
from ..intervals import Floats
from ..options import Goal, Options, best
from ..plot.axes import bar
from ..plot.chart import Chart
from ..plot.functions import chart_of, views
from ..plot.style import (
    GRID,
    INK,
    PAPER,
    Frame,
    Layout,
    fit,
    framed,
    luminance,
    names_in,
    quiet,
)
from ..run import BEYOND, marked
from ..text.marks import caption, marked_mb

STEPS = 101
COLUMNS = ("function", "architecture", "payload", "weight", "memory_mb", "probability_best", BEYOND)


def decisions(data: StudyData, *, steps: int = STEPS) -> DataFrame:
    """One row for each payload type (and the mix) and weight: the best balanced size, how sure.

    Weights are `steps` even ones from 0 (speed alone) to 1 (cost alone). `probability_best` is NaN
    where it cannot be known, as for sizes beyond the cores of the host.
    """
    return data.once(("decisions", steps), lambda: _decisions(data, np.linspace(0, 1, steps)))


def _decisions(data: StudyData, weights: Floats) -> DataFrame:
    frames = [_rows(curve, weights, data.options) for curve in data.curves if curve.sizes]
    if not frames:
        return DataFrame(columns=list(COLUMNS))
    return marked(pd.concat(frames, ignore_index=True), data.run)


def segments(rows: DataFrame) -> list[tuple[float, float, int]]:
    """Where each size wins, of the rows of one payload type: (from, to, memory_mb).

    A change between two weights is put halfway between them.
    """
    weight, size = rows["weight"].to_numpy(float), rows["memory_mb"].to_numpy(int)
    changes = np.flatnonzero(np.diff(size))
    edges = [0.0, *((weight[changes] + weight[changes + 1]) / 2).tolist(), 1.0]
    winners = [int(size[0]), *(int(winner_mb) for winner_mb in size[changes + 1])]
    return list(zip(edges[:-1], edges[1:], winners, strict=True))


def _rows(curve: Curve, weights: Floats, options: Options) -> DataFrame:
    best_at = [_at(curve, options.goal("balanced", float(weight))) for weight in weights]
    return DataFrame(
        {
            "function": curve.function,
            "architecture": curve.architecture,
            "payload": curve.payload,
            "weight": weights,
            "memory_mb": [size for size, _ in best_at],
            "probability_best": [sure for _, sure in best_at],
        }
    )


def _at(curve: Curve, goal: Goal) -> tuple[int, float]:
    allowed = candidates(curve, np.full(len(curve.sizes), fill_value=True))
    value = np.where(allowed, goal.score(curve.ms, curve.usd), np.inf)
    winner = best(value, curve.ms, curve.usd, curve.sizes)
    if not curve.has_intervals or curve.sizes[winner] in curve.beyond_mb:
        return curve.sizes[winner], float("nan")
    resampled = np.where(allowed, scores(curve, goal), np.inf)
    return curve.sizes[winner], float((resampled.argmin(axis=1) == winner).mean())


# The decision map: which size is best as cost counts for more and speed for less.


_SHADES = LinearSegmentedColormap.from_list(
    "sizes",
    [(0, "#cfe3f1"), (0.5, "#6fb1db"), (0.5, "#27719f"), (1, "#0b4470")],
)
"""Without the middle shades, on which neither dark nor light words can be read, and none so dark
that it is lost on a dark page."""

_TALL = 0.84
_LETTER = 0.078
_UPRIGHT = 0.13
"""Room for an upright label, in inches."""


def plot_decision_map(data: StudyData, weight: float | None = None) -> Chart | None:
    """A row a payload type: the best size at each weight, as tall as it is sure.

    The line is the study's weight, or `weight`. Several functions have rows below one another.
    None where every size fails.
    """
    run, weight = data.run, clamp_weight(data.options.weight if weight is None else weight)
    maps = [_Map(name, decisions(part), part.host) for name, part in views(data)]
    maps = [part_map for part_map in maps if len(part_map.frame)]
    if not maps:
        return None
    subtitle = (
        "best memory size in MB as cost counts for more; the taller the band, the surer; line: "
        f"your weight, {weight:g}{caption(run.host, run.sizes, hatched=False)}"
    )

    def draw(layout: Layout, title: str) -> Figure:
        return _draw(layout, title, subtitle, maps, weight)

    parts = [
        (part_map.name, map_title(part_map.frame, weight), map_alt(part_map.frame))
        for part_map in maps
    ]
    return chart_of(run, parts, draw)


@dataclass(frozen=True, eq=False)
class _Map:
    """The decisions of one function (see `decisions`)."""

    name: str
    frame: DataFrame
    host: Host | None

    @property
    def rows(self) -> list[tuple[str, DataFrame]]:
        """The rows of each payload type, below one of the function's name where it has one."""
        own = [(str(name), part) for name, part in self.frame.groupby("payload", sort=False)]
        return [(self.name, self.frame.iloc[:0]), *own] if self.name else own


def map_title(frame: DataFrame, weight: float) -> str:
    """What is best for the mix (or the only type) at this weight, and how far that holds."""
    payload, rows = [(str(name), part) for name, part in frame.groupby("payload", sort=False)][-1]
    low, high, size = _point_at(rows, weight)
    words = (
        f"{format_mb(size)} is best for the {payload}"
        if payload == MIX
        else f"{format_mb(size)} is best for {payload}"
    )
    if (low, high) == (0, 1):
        return f"{words}, whatever cost and speed weigh"
    # Another size is best beyond an end: one that rounds to 0 or 100 % would say that none is.
    ends = [min(max(round(end * 100), 1), 99) for end in (low, high)]
    if low == 0:
        return f"{words} while cost counts for less than {ends[1]} %"
    if high == 1:
        return f"{words} while cost counts for more than {ends[0]} %"
    return f"{words} while cost counts for {ends[0]} to {ends[1]} %"


def map_alt(frame: DataFrame) -> str:
    """The ranges of each payload type in words."""
    parts = ["Best memory size by the weight of cost, from 0 (speed alone) to 1 (cost alone)."]
    for payload, rows in frame.groupby("payload", sort=False):
        words = [
            f"{format_mb(size)} from {low:.2f} to {high:.2f}" for low, high, size in segments(rows)
        ]
        parts.append(f"{payload}: {', '.join(words)}.")
    return " ".join(parts)


def _point_at(rows: DataFrame, weight: float) -> tuple[float, float, int]:
    ranges = segments(rows)
    return next((bounds for bounds in ranges if bounds[0] <= weight <= bounds[1]), ranges[-1])


def _draw(layout: Layout, title: str, subtitle: str, maps: Sequence[_Map], weight: float) -> Figure:
    rows = [(name, part, part_map.host) for part_map in maps for name, part in part_map.rows]
    left_in, right_in = names_in([name for name, part, _ in rows if len(part)], layout), 0.14
    figure, (axes,) = framed(
        layout,
        title,
        subtitle,
        Frame(
            body_in=0.36 * len(rows) + 0.62,
            gap_in=0.42,
            left_in=left_in,
            right_in=right_in,
            bottom_in=0.58,
        ),
    )
    shades = _colours(
        sorted({int(size) for part_map in maps for size in part_map.frame["memory_mb"]})
    )
    _legend(figure, axes, shades, layout)
    inches = layout.width_in - left_in - right_in
    for n, (name, part, host) in enumerate(rows):
        if len(part):
            _row(axes, n, part, _Style(shades, inches, host))
        else:
            axes.text(0, n + 0.1, name, color=INK, fontweight="bold", va="center")
    _axis(axes, [name if len(part) else "" for name, part, _ in rows], layout)
    axes.axvline(weight, color=INK, linewidth=1.2, zorder=4)
    return figure


@dataclass(frozen=True)
class _Style:
    """Shades of the sizes, the width of the panel in inches, and what measured the row."""

    shades: Mapping[int, str]
    inches: float
    host: Host | None


def _row(axes: Axes, n: int, rows: DataFrame, style: _Style) -> None:
    sure = rows["probability_best"].fillna(1).to_numpy(float)
    weight = rows["weight"].to_numpy(float)
    for low, high, size in segments(rows):
        bar(axes, n, low, high - low, _TALL, color=GRID, alpha=0.7)
        x = np.unique([low, *weight[(weight > low) & (weight < high)], high])
        inside = rows["memory_mb"].to_numpy(int) == size
        half = _TALL / 2 * np.interp(x, weight[inside], sure[inside])
        axes.fill_between(x, n - half, n + half, color=style.shades[size], linewidth=0)
        axes.plot([high, high], [n - _TALL / 2, n + _TALL / 2], color=PAPER, linewidth=1.5)
        _label(axes, n, (low, high, size), style)


_SWATCH = 0.13
_DIGIT = 0.068


def _legend(figure: Figure, axes: Axes, shades: Mapping[int, str], layout: Layout) -> None:
    """A swatch a size above the rows: bands too narrow for words are known by their shade.

    Of more sizes than there is room for, evenly spaced ones.
    """
    sizes = list(shades)
    width, height = figure.get_size_inches()
    box = axes.get_position()
    x, y = box.x0 * width if layout.wide else 0.1, box.y1 * height + 0.1
    step = _SWATCH + 0.14 + _DIGIT * max(len(f"{size:,}") for size in sizes)
    most = max(int((width - x - 0.3) / step), 1)
    if len(sizes) > most:
        picked = np.linspace(0, len(sizes) - 1, most).round().astype(int)
        sizes = [sizes[n] for n in picked]
    for size in sizes:
        text = f"{size:,}"
        figure.add_artist(
            Rectangle(
                (x / width, y / height),
                _SWATCH / width,
                _SWATCH / height,
                facecolor=shades[size],
                linewidth=0,
                transform=figure.transFigure,
            )
        )
        at = ((x + _SWATCH + 0.05) / width, (y + _SWATCH / 2) / height)
        figure.text(*at, text, fontsize=8, color=INK, va="center")
        x += step
    figure.text(x / width, (y + _SWATCH / 2) / height, "MB", fontsize=8, color=INK, va="center")


def _label(axes: Axes, n: int, part: tuple[float, float, int], style: _Style) -> None:
    """The size in its band: upright where that is narrow, none where even that does not fit."""
    low, high, size = part
    text, shade = marked_mb(size, style.host), style.shades[size]
    room = (high - low) * style.inches
    narrow = room < _LETTER * len(text) + 0.06
    if room < _UPRIGHT:
        return
    dark = luminance(shade) < 0.2
    how: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5, "zorder": 5}
    how["bbox"] = {"facecolor": shade, "linewidth": 0, "boxstyle": "square,pad=0.12"}
    if narrow:
        how |= {"rotation": 90, "fontsize": 7 if len(text) < 5 else 6}
    colour = "#fdfeff" if dark else "#10202f"
    axes.text((low + high) / 2, n, text, color=colour, fontweight="bold", **how)


def _axis(axes: Axes, names: Sequence[str], layout: Layout) -> None:
    quiet(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_yticks(range(len(names)), [fit(name, layout) for name in names])
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == MIX else "normal")
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    what = "weight of cost (0: speed alone, 1: cost alone)"
    axes.set_xlabel(what if layout.wide else "0: speed alone, 1: cost alone")


def _colours(sizes: Sequence[int]) -> dict[int, str]:
    """Shades from light to dark by rank: neighbours among the winners can be words apart."""
    steps = np.linspace(0, 1, len(sizes)) if len(sizes) > 1 else [0.5]
    return {size: to_hex(_SHADES(step)) for size, step in zip(sizes, steps, strict=True)}
