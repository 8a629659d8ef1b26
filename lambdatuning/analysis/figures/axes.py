"""Axes that are the same in every figure: memory, durations, costs; and faint sample points."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...core.host import Host
from ...core.sizes import FULL_VCPU_MB
from ..telling.format import format_ms, format_usd
from ..telling.marks import marked_mb
from .hatching import hatch_beyond
from .style import MUTED

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
    shown = readable_ticks(sizes, apart)
    axes.xaxis.set_major_locator(FixedLocator([float(size) for size in shown]))
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
    kept = {min(sizes), max(sizes)}
    for size in sorted(sizes, reverse=True):
        if all(abs(np.log2(size / other)) >= apart for other in kept):
            kept.add(size)
    return sorted(kept)


def value_axis(
    axes: Axes, values: Sequence[float], unit: str, points: Sequence[float] = ()
) -> bool:
    """Scale for durations ("ms") or costs ("usd"); True when it is logarithmic.

    Linear axes begin at zero; where values differ by more than a factor of 12 it is logarithmic,
    which the panel's title must say. `points` must fit on it too.
    """
    formatter = format_ms if unit == "ms" else format_usd
    positive = [value for value in values if value > 0] or [1.0]
    logarithmic = max(positive) / min(positive) > _MANY
    shown = [*positive, *(point for point in points if point > 0)]
    low, high = min(shown), max(shown)
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        axes.yaxis.set_major_locator(FixedLocator(_decades(low, high)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, high * 1.08)
        axes.yaxis.set_major_locator(FixedLocator(_steps(high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(formatter(value), value)))
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


def _plain(text: str, value: float) -> str:
    """A tick's label without needless zeros: "10.0 ms" -> "10 ms"."""
    if value == 0:
        return "0"
    number, _, unit = text.partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}".strip()
