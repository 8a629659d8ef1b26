"""Axes that are the same in every figure; sizes beyond the host's cores are hatched."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...core.sizes import FULL_VCPU_MB, Host
from ..text.marks import marked_mb
from .style import MUTED

_APART_IN = 0.075
"""Between two lines, along the axis."""


def hatch_beyond(axes: Axes, sizes: Sequence[int], host: Host | None) -> None:
    """Hatch a logarithmic memory axis from the host's last whole vCPU on; nothing on AWS.

    Its limits must be final.
    """
    if host is None or not host.beyond(sizes):
        return
    low, high = axes.get_xlim()
    hatch(axes, float(np.log(max(host.largest_mb, low) / low) / np.log(high / low)))


def hatch(axes: Axes, left: float, bottom: float = 0.0, top: float = 1.0) -> None:
    """Lines from the share `left` of the panel's width to its right edge.

    They are a path, since patterns would be lost where reports are cleaned of what they do not
    know; in the colour of quiet words, so that they are seen in light, dark and print alike.
    """
    size = axes.get_position()
    width = size.width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    height = size.height * axes.figure.get_figheight()  # type: ignore[union-attr]
    lines = hatching(left * width, width, bottom * height, top * height)
    if len(lines):
        vertices = lines.reshape(-1, 2) / [width, height]
        codes = [Path.MOVETO, Path.LINETO] * len(lines)
        path = PathPatch(Path(vertices, codes), transform=axes.transAxes, zorder=0.4)
        path.set(fill=False, edgecolor=MUTED, linewidth=0.7, alpha=0.4, capstyle="butt")
        axes.add_patch(path)


def hatching(
    left: float, right: float, bottom: float, top: float
) -> "np.typing.NDArray[np.float64]":
    """Rising lines at 45 degrees that fill a box: (lines x 2 ends x 2 coordinates)."""
    starts = np.arange(left - (top - bottom) + _APART_IN / 2, right, _APART_IN)
    begin, end = np.maximum(starts, left), np.minimum(starts + top - bottom, right)
    ends = [(begin, bottom + begin - starts), (end, bottom + end - starts)]
    return np.stack([np.stack(end, axis=-1) for end in ends], axis=1)


# Axes that are the same in every figure: memory, durations, costs; and faint sample points.


_LABEL_IN = 0.42
"""Room that a size's label needs on the memory axis."""

_MARK_IN = 0.14
"""What a mark behind the size adds to that."""

_MANY = 12
"""With a larger ratio between largest and smallest value, a linear axis hides the small ones."""


def memory_axis(
    axes: Axes, sizes: Sequence[int], *, margin: float = 0.06, host: Host | None = None
) -> None:
    """Log2 axis with a tick at each measured size and a line where a size has one vCPU.

    `margin` is the room beyond the outermost sizes, as a share of their distance. Sizes that the
    `host` could not tell apart have a dagger and are hatched.
    """
    octaves = max(float(np.log2(max(sizes) / min(sizes))), 1.0)
    room = 2 ** (octaves * margin)
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(sizes) / room, max(sizes) * room)
    axes.xaxis.set_minor_locator(NullLocator())
    width_in = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    label_in = _LABEL_IN + (_MARK_IN if host and host.beyond(sizes) else 0)
    apart = label_in * octaves * (1 + 2 * margin) / width_in
    labelled = readable_ticks(sizes, apart)
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in labelled]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: marked_mb(value, host)))
    hatch_beyond(axes, sizes, host)
    if min(sizes) < FULL_VCPU_MB < max(sizes):
        axes.axvline(FULL_VCPU_MB, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)


def mark_vcpu(axes: Axes, sizes: Sequence[int]) -> None:
    """Write along the line at 1,769 MB what it means; curves that fall leave its top free."""
    if min(sizes) < FULL_VCPU_MB < max(sizes):
        axes.annotate(
            "1 vCPU",
            (FULL_VCPU_MB, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, -1),
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
            rotation=90,
            ha="right",
            va="top",
        )


def readable_ticks(sizes: Sequence[int], apart: float) -> list[int]:
    """The sizes that can be labelled: largest and smallest, others where they do not touch.

    `apart` is the smallest distance in powers of two.
    """
    labelled = {min(sizes), max(sizes)}
    for size in sorted(sizes, reverse=True):
        if all(abs(np.log2(size / other)) >= apart for other in labelled):
            labelled.add(size)
    return sorted(labelled)


def value_axis(
    axes: Axes,
    values: Sequence[float],
    formatter: Callable[[float], str],
    points: Sequence[float] = (),
) -> bool:
    """Scale for durations or costs, written by `formatter`; True when it is logarithmic.

    Linear axes start at zero; where values differ by more than a factor of 12 it is logarithmic,
    which the panel's title must say. `points` must fit on it too.
    """
    positive = [value for value in values if value > 0] or [1.0]
    logarithmic = max(positive) / min(positive) > _MANY
    scaled = [*positive, *(point for point in points if point > 0)]
    low, high = min(scaled), max(scaled)
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        axes.yaxis.set_major_locator(FixedLocator(_decades(low, high)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, high * 1.08)
        axes.yaxis.set_major_locator(FixedLocator(_steps(high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value, formatter)))
    return logarithmic


def scatter(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str) -> None:
    """Faint points, as one path: a thousand marks cost a few kilobytes of SVG."""
    points = np.column_stack([x, y]).astype(float)
    nudge = points * [1.0005, 1.0]
    vertices = np.stack([points, nudge], axis=1).reshape(-1, 2)
    path = Path(vertices, [Path.MOVETO, Path.LINETO] * len(points))
    path.should_simplify = False
    axes.add_patch(
        PathPatch(
            path,
            fill=False,
            edgecolor=colour,
            linewidth=2.4,
            alpha=0.28,
            capstyle="round",
            snap=False,
        )
    )


def bar(
    axes: Axes,
    y: float,
    left: float,
    width: float,
    tall: float,
    *,
    color: str,
    alpha: float | None = None,
) -> Rectangle:
    """A horizontal bar on axes whose limits are set: it leaves them alone, which takes a fraction
    of the time of `barh`."""
    drawn = Rectangle((left, y - tall / 2), width, tall, facecolor=color, alpha=alpha, linewidth=0)
    axes.add_artist(drawn)
    return drawn


def _decades(low: float, high: float) -> list[float]:
    exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 3) if len(exponents) <= 4 else (1,)
    marks = [step * 10.0**exponent for exponent in exponents for step in steps]
    return [mark for mark in marks if low / 1.25 <= mark <= high * 1.25]


def _steps(high: float) -> list[float]:
    raw = high / 4
    magnitude = 10 ** np.floor(np.log10(raw))
    step = next(float(m * magnitude) for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
    return [n * step for n in range(int(high * 1.08 / step) + 1)]


def tick_label(value: float, form: Callable[[float], str]) -> str:
    """An amount without needless zeros, short where it is large.

    >>> tick_label(0.5, "${:.3f}".format), tick_label(10, "{:.1f} ms".format)
    ('$0.5', '10 ms')
    >>> tick_label(150_000, "CHF {:,.0f}".format), tick_label(2_000_000, "${:,.0f}".format)
    ('CHF 150k', '$2M')
    """
    if not value:
        return "0"
    text = _ZEROS.sub(lambda match: f".{match[1]}" if match[1] else "", form(value))
    return _THOUSANDS.sub("k", _MILLIONS.sub("M", text))


_ZEROS = re.compile(r"\.(\d*?)0+(?!\d)")
_MILLIONS = re.compile(r"(?<=\d),000,000(?![\d,])")
_THOUSANDS = re.compile(r"(?<=\d\d),000(?![\d,])")
