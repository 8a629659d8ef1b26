"""HTML and SVG of notebook outputs, held to what a report may contain: no script, no address."""

import re
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser

TAGS = frozenset(  # a table of words reads better than one line each
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s section small span strong sub summary sup table
    tbody td tfoot th thead tr u ul svg g path use defs clippath rect circle ellipse line polyline
    polygon text tspan desc
    """.split()  # noqa: SIM905
)
DROPPED = frozenset(  # a table of words reads better than one line each
    """
    script style iframe object embed template noscript foreignobject title textarea
    """.split()  # noqa: SIM905
)
"""Tags that go with all that is in them; other unknown tags go, their content stays."""

ATTRIBUTES = frozenset(  # a table of words reads better than one line each
    """
    class style scope colspan rowspan role tabindex alt title id href src open viewbox d x y x1 x2
    y1 y2 cx cy r rx ry dx dy width height points transform clip-path clip-rule fill stroke
    stroke-linejoin stroke-linecap stroke-width opacity text-anchor
    """.split()  # noqa: SIM905
)
_CASED = {"viewbox": "viewBox", "clippath": "clipPath"}
_VOID = frozenset({"br", "hr", "img", "col"})
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]+")
_ELSEWHERE = re.compile(r"url\((?!#)|expression|@import|//|\\|image-set", re.IGNORECASE)

Attributes = Sequence[tuple[str, str | None]]


def sanitize(markup: str) -> str:
    """The markup with only known tags and attributes, and nothing that is loaded or that runs.

    Links keep their text; images stay where they are data.
    """
    cleaner = _Cleaner()
    cleaner.feed(markup)
    cleaner.close()
    return cleaner.result()


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if tag in DROPPED or self._dropping:
            if tag in DROPPED:
                self._dropping.append(tag)
            return
        if tag in TAGS:
            self._out.append(f"<{_CASED.get(tag, tag)}{_attributes(attrs)}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        if tag in TAGS and not self._dropping:
            self._out.append(f"<{_CASED.get(tag, tag)}{_attributes(attrs)}/>")

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
        elif tag in self._open:
            self._close_to(len(self._open) - 1 - self._open[::-1].index(tag))

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self._out.append(escape(data, quote=False))

    def result(self) -> str:
        """The cleaned markup, every element closed."""
        self._close_to(0)
        return "".join(self._out)

    def _close_to(self, depth: int) -> None:
        while len(self._open) > depth:
            tag = self._open.pop()
            self._out.append(f"</{_CASED.get(tag, tag)}>")


def _attributes(attrs: Attributes) -> str:
    kept = [(name, value or "") for name, value in attrs if _allowed(name, value or "")]
    return "".join(f' {_CASED.get(name, name)}="{escape(value)}"' for name, value in kept)


def _allowed(name: str, value: str) -> bool:
    if name == "href":
        return value.startswith("#")
    if name == "src":
        return bool(_DATA_IMAGE.fullmatch(value))
    if name in {"style", "clip-path", "fill", "stroke"} and _ELSEWHERE.search(value):
        return False
    return name in ATTRIBUTES or name.startswith("aria-")
