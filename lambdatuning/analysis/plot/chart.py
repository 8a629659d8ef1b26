"""A chart: one picture in two layouts as SVG, with its title and its alternative text."""

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ...core.errors import UsageError, closest
from ..text.output_types import NARROW_MIME
from . import style
from .style import NARROW, WIDE, Layout, house_style

_NAMES = {style.INK: "ink", style.PAPER: "paper", style.MUTED: "muted", style.GRID: "grid"} | {
    colour: f"series-{n}" for n, colour in enumerate(style.SERIES)
}
_COLOUR = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_DOT = re.compile(r"M (\S+) (\S+) \nL (\S+) \2 \n")
_FONT = re.compile(r"(font: [^;\"']*)'[^']*'(?:, (?:'[^']*'|[\w-]+))*")


def to_svg(figure: Figure, title: str, alt: str) -> str:
    """The figure as one `<svg>` element.

    Text stays text. House colours become `var(--name, #rrggbb)`, so that a page with a dark theme
    can say otherwise. Ids are made unique by the content, as several figures share a page. Nothing
    in it refers to an address outside it.
    """
    data = io.StringIO()
    with style.house_style():
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style type=\"text/css\">.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", r'<svg viewBox="\1">', text, count=1)
    text = _TAG.sub(lambda tag: _NUMBER.sub(_rounded, tag[0]), text)  # not in words: "$0.25"
    text = _DOT.sub(_dot, text)
    text = _COLOUR.sub(_themed, text)
    text = re.sub(
        r"font: ([^;\"]*)", lambda m: "font: " + _FONT.sub("system-ui, sans-serif", m[1]), text
    )
    text = re.sub(r"xlink:href", "href", re.sub(r"\n\s*", "\n", text))
    return _described(_unique_ids(text), title, alt)


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")


def _dot(match: re.Match[str]) -> str:
    """A line too short to have a length is a sample point: written as shortly as can be."""
    short = abs(float(match[3]) - float(match[1])) < 0.15
    return f"M{match[1]} {match[2]}h.1" if short else match[0]


def _themed(match: re.Match[str]) -> str:
    name = _NAMES.get(match[2])
    return f"{match[1]}: var(--{name}, {match[2]})" if name else match[0]


def _unique_ids(text: str) -> str:
    prefix = hashlib.sha256(text.encode()).hexdigest()[:8]
    used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    text = re.sub(
        r' id="([^"]*)"', lambda m: f' id="f{prefix}-{m[1]}"' if m[1] in used else "", text
    )
    return re.sub(r"(href=\"|url\()#", rf"\1#f{prefix}-", text)


def _described(text: str, title: str, alt: str) -> str:
    label = escape(f"{title} {alt}", quote=True)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" '
        'stroke-linejoin="round" stroke-linecap="butt" '
    )
    return text.replace("<svg ", opening, 1).strip()


# A chart: one picture in two layouts, with its title and its alternative text.


@dataclass(frozen=True, eq=False)
class Chart:
    """Two plain matplotlib figures to change or save, each drawn when it is first asked for; `alt`
    says in words what they show.

    In a notebook it shows itself as SVG.
    """

    draw: Callable[[Layout], Figure]
    title: str
    alt: str

    @cached_property
    def figure(self) -> Figure:
        """The layout for screens, print and slides."""
        return self._drawn(WIDE)

    @cached_property
    def narrow(self) -> Figure:
        """The layout for a phone."""
        return self._drawn(NARROW)

    def _drawn(self, layout: Layout) -> Figure:
        with house_style():
            return self.draw(layout)

    def save(self, path: str | Path, form: str = "") -> Path:
        """Write the wide layout for slides or print, as `form`, else as the file's ending says
        (PNG without one). UsageError for a format that cannot be drawn."""
        file, chosen = Path(path), form or Path(path).suffix.lstrip(".").lower() or "png"
        formats = self.figure.canvas.get_supported_filetypes()
        if chosen not in formats:
            raise UsageError(f"{file}: no format {chosen!r}; {closest(chosen, formats)}")
        with house_style():
            self.figure.savefig(file, dpi=200, format=chosen)
        return file

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "image/svg+xml": to_svg(self.figure, self.title, self.alt),
            NARROW_MIME: to_svg(self.narrow, self.title, self.alt),
            "text/plain": f"{self.title}\n{self.alt}",
        }
