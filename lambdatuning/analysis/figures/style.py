"""The house style: colours that colour-blind readers tell apart, quiet axes, direct labels."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
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


def series_style(n: int) -> dict[str, Any]:
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


def one_panel(layout: Layout, title: str, subtitle: str, *, body_in: float) -> tuple[Figure, Axes]:
    """A figure of one panel with a title of its own, `body_in` inches high, under its headline."""
    head = headroom_in(title, subtitle, layout) + 0.42
    height = head + body_in
    figure = Figure(figsize=(layout.width_in, height))
    axes = figure.subplots()
    left, right = 0.72 / layout.width_in, 1 - 0.2 / layout.width_in
    figure.subplots_adjust(left, 0.52 / height, right, 1 - head / height)
    headline(figure, title, subtitle, layout)
    return figure, axes


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
