"""Names at lines and points, placed so that none covers another."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from .axes import tick_label
from .style import INK, MUTED


def label_lines(
    axes: Axes, x: float, ends: Sequence[tuple[float, str, str]], gap_points: float = 11.5
) -> None:
    """Write each line's name at its end (value, name, colour), spread so that none overlap."""
    figure = axes.figure
    scale = 72 / figure.dpi
    order = sorted(range(len(ends)), key=lambda n: ends[n][0])
    ideal = [axes.transData.transform((x, ends[n][0]))[1] * scale for n in order]
    low, high = (axes.transAxes.transform((0, edge))[1] * scale for edge in (0, 1))
    placed = spread(ideal, gap_points, low, high)
    for n, at, target in zip(order, placed, ideal, strict=True):
        value, name, colour = ends[n]
        axes.annotate(
            name,
            (x, value),
            xytext=(12, at - target),
            textcoords="offset points",
            color=colour,
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkA": 0,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )


@dataclass(frozen=True)
class Spot:
    """Where a name stands beside its point: its offset in points, and what of it is aligned."""

    offset: tuple[float, float]
    ha: Literal["left", "center", "right"]
    va: Literal["bottom", "top"]
    box: tuple[float, float, float, float]


def clear_spot(
    axes: Axes,
    at: tuple[float, float],
    name: str,
    line: Sequence[tuple[float, float]],
    others: Sequence[Spot] = (),
    font_points: float = 8.5,
) -> Spot:
    """A place for a name near its point that hides neither the line nor the `others`: the
    nearest of those that hide least, above before below. The limits of the axes must be set."""
    scale = 72 / axes.figure.dpi
    x, y = axes.transData.transform(at) * scale
    corners = axes.transAxes.transform([(0, 0), (1, 1)]) * scale
    ends = axes.transData.transform(np.array(line, float)) * scale
    steps = np.linspace(0, 1, 30)[:, None]
    path = np.concatenate(
        [start + (end - start) * steps for start, end in itertools.pairwise(ends)] or [ends[:0]]
    )
    size = (0.6 * font_points * len(name), 1.25 * font_points)

    def hides(spot: Spot) -> int:
        left, low, right, high = spot.box
        covered = int(((path >= (left, low)) & (path <= (right, high))).all(axis=1).sum())
        outside = bool(left < corners[0][0] or right > corners[1][0])
        beyond = bool(low < corners[0][1] or high > corners[1][1])
        names = sum(_meet(spot.box, other.box) for other in others)
        return covered + 100 * (outside + beyond + names)

    return min(_spots(x, y, size), key=hides)


def _spots(x: float, y: float, size: tuple[float, float]) -> Iterator[Spot]:
    width, height = size
    for away in (8.0, 12.0, 16.0, 22.0, 30.0, 40.0):
        for sign, va in ((1, "bottom"), (-1, "top")):
            low = y + away if sign > 0 else y - away - height
            for ha, shift in (("center", -width / 2), ("left", -4.0), ("right", 5.0 - width)):
                dx = {"center": 0.0, "left": -4.0, "right": 5.0}[ha]
                box = (x + shift, low, x + shift + width, low + height)
                yield Spot((dx, sign * away), ha, va, box)  # type: ignore[arg-type]


def spread(ideal: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending positions at least `gap` apart, near the ideal ones and inside low..high.

    Neighbours that are too close are merged into blocks around their common mean.
    """
    blocks: list[list[float]] = []
    for position in ideal:
        blocks.append([position])
        while len(blocks) > 1 and _bottom(blocks[-1], gap) < _top(blocks[-2], gap) + gap:
            last = blocks.pop()
            blocks[-1] += last
    placed = [_bottom(block, gap) + n * gap for block in blocks for n in range(len(block))]
    return _inside(placed, gap, low, high)


def _bottom(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def _top(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) + gap * (len(block) - 1) / 2


def _inside(placed: list[float], gap: float, low: float, high: float) -> list[float]:
    """Pushed up from the low end, then down from the high end: there, nothing may stick out."""
    for n in range(len(placed)):
        placed[n] = max(placed[n], placed[n - 1] + gap if n else low)
    for n in reversed(range(len(placed))):
        placed[n] = min(placed[n], placed[n + 1] - gap if n + 1 < len(placed) else high)
    return placed


# Points on two axes: scales around them, and labels that cover neither points nor each other.


_MANY = 4
"""Points with a larger ratio between largest and smallest stand on a logarithmic axis."""

_LETTER, _LINE = 5.6, 11.0
"""Room of a label's letter and line in points."""


@dataclass(frozen=True)
class Label:
    """Words beside a point: bold where they matter most, quiet where they matter less."""

    x: float
    y: float
    text: str
    bold: bool
    quiet: bool


def scale_points(
    axes: Axes, values: list[float], which: str, formatter: Callable[[float], str]
) -> bool:
    """A scale around the points with room for labels; True when it is logarithmic.

    It need not start at zero: points show places, not lengths.
    """
    axis, scale, limits = (
        (axes.xaxis, axes.set_xscale, axes.set_xlim)
        if which == "x"
        else (axes.yaxis, axes.set_yscale, axes.set_ylim)
    )
    low, high = (min(values), max(values)) if values else (1.0, 1.0)
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
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: tick_label(round(value, 12), formatter))
    )
    axes.grid(visible=True, axis="both")
    return logarithmic


def label_points(axes: Axes, labels: Sequence[Label]) -> None:
    """Each label beside its point, on the first side where it covers no other label or point and
    stays in the figure."""
    scale = 72 / axes.figure.dpi
    width = axes.figure.get_figwidth() * 72  # type: ignore[union-attr]
    spots = [axes.transData.transform((label.x, label.y)) * scale for label in labels]
    occupied = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    for label, (x, y) in zip(labels, spots, strict=True):
        boxes = [_box(x, y, len(label.text) * _LETTER, side) for side in _SIDES]
        inside = [n for n, box in enumerate(boxes) if box[0] >= 0 and box[2] <= width]
        free = [n for n in inside if not any(_meet(boxes[n], other) for other in occupied)]
        side = (free or inside or [0])[0]
        occupied.append(boxes[side])
        right, up = _SIDES[side]
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(8 * right, 7 * up),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold" if label.bold else "normal",
            color=MUTED if label.quiet else INK,
            ha="left" if right > 0 else "right",
            va="center",
            annotation_clip=False,
            zorder=5,
        )


_SIDES = (
    *((1, 1), (1, -1), (-1, -1), (-1, 1), (1, 2.4), (-1, -2.4), (-1, 2.4), (1, -2.4)),
    *((1, 3.8), (-1, 3.8), (1, -3.8), (-1, -3.8), (-1, 5.2), (1, 5.2)),
)
"""Where a label may stand: right or left of its point, above or below."""

_Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, side: tuple[float, float]) -> _Box:
    right, up = side
    left = x + 8 if right > 0 else x - 8 - width
    middle = y + 7 * up
    return left, middle - _LINE / 2, left + width, middle + _LINE / 2


def _meet(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
