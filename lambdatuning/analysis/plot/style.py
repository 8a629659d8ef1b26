"""The house style: colours that colour-blind readers tell apart, quiet axes, direct labels."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

INK = "#1c2430"
PAPER = "#ffffff"
MUTED = "#68717d"
GRID = "#dfe3e8"
SERIES = (
    "#0072b2",
    "#c04f00",
    "#00795b",
    "#b0478a",
    "#7d6200",
    "#303a48",
    "#6f4a9e",
    "#5f6b7a",
)
"""After Okabe and Ito, darkened so that labels in these colours can be read (4.5:1 on paper)."""
DASHES = ("solid", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
"""With more series than colours, the next round of colours is dashed."""

_RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lambdatuning",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.parse_math": False,  # names of payload types may have dollars in them
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else every label is measured to see if a title must make way
    "axes.titlesize": 9.5,
    "axes.titlecolor": MUTED,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.minor.size": 0,
    "figure.facecolor": PAPER,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}


@dataclass(frozen=True)
class Layout:
    """Room for a figure: `wide` for screens, print and slides, narrow for a phone."""

    width_in: float
    wide: bool


WIDE = Layout(7.4, True)
NARROW = Layout(3.7, False)


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib set to the house style inside the block, as it was afterwards."""
    with mpl.rc_context(_RC):
        yield


def fit(name: str, layout: Layout) -> str:
    """A payload type's name, cut where it would take the room of the figure."""
    room = 26 if layout.wide else 16
    return name if len(name) <= room else f"{name[: room - 1]}…"


def series_style(n: int) -> dict[str, object]:
    """Colour and dash of the n-th line."""
    dash = DASHES[n // len(SERIES) % len(DASHES)]
    return {"color": SERIES[n % len(SERIES)], "linestyle": dash}


def headline(figure: Figure, title: str, subtitle: str, layout: Layout) -> None:
    """The finding above the figure, wrapped to its width, and the facts behind it below."""
    lines, small = _wrapped(title, subtitle, layout)
    height = figure.get_figheight()
    top = 1 - 0.2 / height
    for n, line in enumerate(lines):
        y = top - n * 0.215 / height
        figure.text(0.012, y, line, fontsize=12, fontweight="bold", va="center")
    top -= (len(lines) * 0.215 + 0.01) / height
    for n, line in enumerate(small):
        figure.text(0.012, top - n * 0.165 / height, line, fontsize=8.5, color=MUTED, va="center")


def headroom_in(title: str, subtitle: str, layout: Layout) -> float:
    """Height in inches that `headline` takes."""
    lines, small = _wrapped(title, subtitle, layout)
    return 0.2 + 0.215 * len(lines) + 0.165 * len(small)


@dataclass(frozen=True)
class Frame:
    """Where a figure's panels stand, in inches: `shape` are their rows and columns.

    `body_in` is the height below the headline and the gap under it, labels of axes included;
    `wspace` and `hspace` are matplotlib's, shares of a panel.
    """

    body_in: float
    shape: tuple[int, int] = (1, 1)
    gap_in: float = 0.42
    left_in: float = 0.72
    right_in: float = 0.2
    bottom_in: float = 0.52
    wspace: float | None = None
    hspace: float | None = None


def framed(
    layout: Layout, title: str, subtitle: str, frame: Frame, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure under its headline, and its panels row by row; `options` go to `subplots`."""
    head = headroom_in(title, subtitle, layout) + frame.gap_in
    width, height = layout.width_in, head + frame.body_in
    figure = Figure(figsize=(width, height))
    panes = figure.subplots(*frame.shape, squeeze=False, **options).ravel()
    figure.subplots_adjust(
        left=frame.left_in / width,
        bottom=frame.bottom_in / height,
        right=1 - frame.right_in / width,
        top=1 - head / height,
        wspace=frame.wspace,
        hspace=frame.hspace,
    )
    headline(figure, title, subtitle, layout)
    return figure, list(panes)


def stacked(count: int, body_in: float, apart_in: float = 0.95) -> Frame:
    """Panels below one another, each `body_in` inches high with its labels."""
    panel_in = body_in - Frame(body_in).bottom_in
    return Frame(
        body_in + (count - 1) * (panel_in + apart_in), (count, 1), hspace=apart_in / panel_in
    )


def below(figure: Figure, text: str) -> None:
    """The label of an axis that all panels share."""
    figure.supxlabel(text, fontsize=9.5, y=0.06 / figure.get_figheight())


def names_in(names: Iterable[str], layout: Layout) -> float:
    """Room in inches that the longest of some names takes left of a panel."""
    return 0.16 + 0.082 * max((len(fit(name, layout)) for name in names), default=0)


def _wrapped(title: str, subtitle: str, layout: Layout) -> tuple[list[str], list[str]]:
    # Characters an inch, measured on the widest usual font, so that no text leaves the figure.
    return (
        textwrap.wrap(_together(title), int(layout.width_in * 9.2)),
        textwrap.wrap(_together(subtitle), int(layout.width_in * 13)),
    )


def _together(text: str) -> str:
    """No line breaks between a number and its unit."""
    return re.sub(r"(?<=\d) (?=MB|ms|s\b|%|×)", "\u00a0", text)


def quiet(axes: Axes) -> None:
    """Axes without spines and ticks: for grids of cells."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(visible=False)


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
