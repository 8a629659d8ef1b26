"""A chart: one picture in two layouts, with its title and its alternative text."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .style import NARROW, WIDE, Layout, house_style
from .svg import to_svg

NARROW_MIME = "application/vnd.lambdatuning.narrow+svg"
"""Output type under which a notebook keeps the narrow layout, for the report on a phone."""


@dataclass(frozen=True, eq=False)
class Chart:
    """`figure` is a plain matplotlib figure to change or save; `alt` says in words what it shows.

    In a notebook it shows itself as SVG.
    """

    figure: Figure
    narrow: Figure
    title: str
    alt: str

    def save(self, path: str | Path) -> Path:
        """Write the wide layout for slides or print; the format follows from the file's ending."""
        with house_style():
            self.figure.savefig(path, dpi=200)
        return Path(path)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "image/svg+xml": to_svg(self.figure, self.title, self.alt),
            NARROW_MIME: to_svg(self.narrow, self.title, self.alt),
            "text/plain": f"{self.title}\n{self.alt}",
        }


def chart(draw: Callable[[Layout], Figure], title: str, alt: str) -> Chart:
    """Draw both layouts in the house style."""
    with house_style():
        return Chart(draw(WIDE), draw(NARROW), title, alt)


def png(figure: Figure) -> bytes:
    """The figure as PNG, for programs that cannot show SVG."""
    data = io.BytesIO()
    with house_style():
        figure.savefig(data, format="png", dpi=144)
    return data.getvalue()
