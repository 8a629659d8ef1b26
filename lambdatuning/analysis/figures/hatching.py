"""The hatched part of a memory axis: sizes with more vCPUs than their host has cores."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from ...core.host import Host
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
    return np.stack([np.stack(each, axis=-1) for each in ends], axis=1)
