"""What notebooks hold as HTML, SVG, markdown and pictures, held to what a report may contain."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mistune
import nh3

from ..core.format import visible

TAGS = frozenset(  # a table of words reads better than one line each
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp section small span strong sub
    summary sup table tbody td tfoot th thead tr u ul var wbr svg g path use defs clipPath rect
    circle ellipse line polyline polygon text tspan textPath desc image linearGradient marker mask
    pattern radialGradient stop symbol
    """.split()  # noqa: SIM905
)
_DROPPED = frozenset(  # a table of words reads better than one line each
    """
    script style iframe object template noscript foreignObject title textarea select audio video
    canvas applet math
    """.split()  # noqa: SIM905
)
"""Tags that go with all that is in them; other unknown tags go, their content stays."""

_ATTRIBUTES = frozenset(  # a table of words reads better than one line each
    """
    class style scope colspan rowspan role tabindex alt title id href xlink:href src open align
    start reversed lang dir viewBox preserveAspectRatio d x y x1 x2 y1 y2 cx cy r rx ry dx dy width
    height points offset transform rotate textLength clip-path clip-rule clipPathUnits fill
    fill-opacity fill-rule stroke stroke-dasharray stroke-dashoffset stroke-linejoin stroke-linecap
    stroke-miterlimit stroke-opacity stroke-width stop-color stop-opacity opacity color mask marker
    marker-end marker-mid marker-start markerHeight markerUnits markerWidth refX refY orient
    gradientTransform gradientUnits spreadMethod fx fy patternUnits patternTransform
    patternContentUnits maskUnits font-family font-size font-style font-weight text-anchor
    text-decoration dominant-baseline alignment-baseline letter-spacing writing-mode display
    visibility
    """.split()  # noqa: SIM905
)
_LOADED = re.compile(r"url\(\s*(?!['\"]?#)|expression|@import|//|\\|image-set", re.IGNORECASE)
_STYLED = frozenset(
    ("style", "clip-path", "fill", "stroke", "color", "mask", "marker", "marker-end", "marker-mid",
     "marker-start")
)  # fmt: skip
"""Attributes whose values can be functions of CSS, which load what they name."""

_ELSEWHERE = ("http://", "https://", "mailto:")
_IMAGE = re.compile(r"data:image/(png|jpe?g|gif|webp|avif|bmp|svg\+xml)[;,]", re.IGNORECASE)
_LEFT_OUT = re.compile(
    r"<(script|iframe|embed|object|applet|video|audio|canvas|form|math|style)\b(?![^>]*\bscoped\b)",
    re.IGNORECASE,
)
_NAMES = {
    "style": "style sheet",
    "object": "embedded object",
    "embed": "embedded object",
    "math": "formula in MathML",
}
_NO_SOURCE = re.compile(r'<img(?![^>]*\ssrc=)(?:[^>]*?\salt="([^"]*)")?[^>]*>')
_NO_ALT = re.compile(r"<img(?![^>]*\salt=)")
_MARKUP = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Heading:
    """A heading of a report: its level (1 is the title's), its id and its words."""

    level: int
    id: str
    words: str


Attachments = Mapping[str, Mapping[str, str]]
"""The pictures that a markdown cell holds: their base64 text, by name and type."""


class Markup:
    """Writes the markup of one notebook: `folder` is where its pictures lie.

    `links` has the reports that notebooks have become. `left_out` collects, in words, what a
    report cannot hold: it has no script and loads nothing. `headings` are those written so far.
    """

    def __init__(self, folder: Path | None = None, links: Mapping[str, str] | None = None) -> None:
        self.left_out: list[str] = []
        self.headings: list[Heading] = []
        self._folder = folder
        self._links = links or {}
        self._attachments: Attachments = {}
        self._ids: set[str] = set()

    def html(self, markup: str) -> str:
        """The markup with only known tags and attributes, and nothing that is loaded or runs."""
        markup = visible(markup)
        for tag in _LEFT_OUT.findall(markup):
            self.leave_out(_article(_NAMES.get(tag.lower(), tag.lower())))
        clean = _NO_SOURCE.sub(lambda image: image[1] or "", self._cleaner.clean(markup))
        return _NO_ALT.sub('<img alt=""', clean)

    def markdown(self, source: str, attachments: Attachments | None = None) -> str:
        """Markdown as HTML; headings have ids as JupyterLab gives them."""
        self._attachments = attachments or {}
        return self.html(str(self._markdown(source)))

    def leave_out(self, words: str) -> None:
        """Name something that the report cannot hold, once."""
        if words not in self.left_out:
            self.left_out.append(words)

    def new_id(self, words: str) -> str:
        """An id that no other heading, figure or table has."""
        chosen, number = words, 2
        while chosen in self._ids:
            chosen, number = f"{words}-{number}", number + 1
        self._ids.add(chosen)
        return chosen

    @cached_property
    def _cleaner(self) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=set(TAGS),
            clean_content_tags=set(_DROPPED),
            attributes={"*": set(_ATTRIBUTES)},
            attribute_filter=self._attribute,
            generic_attribute_prefixes={"aria-"},
            # What becomes of each address is decided by `_attribute`.
            url_schemes={"data", "http", "https", "mailto", "attachment", "file", "s3"},
            link_rel=None,
        )

    @cached_property
    def _markdown(self) -> mistune.Markdown:
        return mistune.create_markdown(
            renderer=_Renderer(self),
            plugins=[
                "strikethrough",
                "table",
                "url",
                "task_lists",
                "def_list",
                "footnotes",
                "math",
            ],
        )

    def _attribute(self, tag: str, name: str, value: str) -> str | None:
        """The value of an attribute, None if it must go."""
        if name in {"href", "xlink:href"}:
            return self._picture(value) if tag == "image" else self._link(tag, value)
        if name == "src":
            return self._picture(value) if tag == "img" else None
        return None if name in _STYLED and _LOADED.search(value) else value

    def _link(self, tag: str, address: str) -> str | None:
        """Links lead into this page, to another report, or to an address that is named whole."""
        if address.startswith("#"):
            return address
        if tag != "a":
            return None
        if address.strip().lower().startswith(_ELSEWHERE):
            return address
        name, mark, part = address.partition("#")
        file = unquote(name).rpartition("/")[2]
        if file in self._links:
            return f"{self._links[file]}{mark}{part}"
        if not file.endswith(".ipynb"):
            self.leave_out(f"the link to {address[:200]}")
        return None

    def _picture(self, address: str) -> str | None:
        """A picture as data: of the address itself, of an attachment or of a file."""
        if _IMAGE.match(address):
            return address
        if address.startswith("attachment:"):
            forms = self._attachments.get(unquote(address.removeprefix("attachment:")), {})
            data = next((picture(kind, text) for kind, text in forms.items()), None)
        else:
            data = self._read(unquote(re.split("[?#]", address, maxsplit=1)[0]))
        if data is None:
            self.leave_out(f"the picture {address[:200]}")
        return data

    def _read(self, name: str) -> str | None:
        """A picture beside the notebook, named by a relative path."""
        if self._folder is None or ":" in name or Path(name).is_absolute():
            return None
        try:
            content = (self._folder / name).read_bytes()
        except (OSError, ValueError):
            return None
        kind = _kind(content)
        return kind and picture(kind, base64.b64encode(content).decode())


def picture(kind: str, text: str) -> str | None:
    """The address of a picture that is given as base64 text, None if it is no picture."""
    address = f"data:{kind};base64,{''.join(text.split())}"
    return address if _IMAGE.match(address) else None


def anchor(name: str, what: str) -> str:
    """A link to something on the same page, to be copied."""
    return f' <a class="lt-link" href="#{escape(name)}" aria-label="Link to {what}">#</a>'


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _kind(content: bytes) -> str | None:
    """The type of a picture by its first bytes, whatever its name says."""
    for start, kind in _SIGNATURES:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:12] == b"ftypavif":
        return "image/avif"
    head = content[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "image/svg+xml" if head.startswith(b"<") and b"<svg" in head else None


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)


class _Renderer(mistune.HTMLRenderer):
    """Headings can be linked to; math and check boxes stay readable without a script."""

    def __init__(self, markup: Markup) -> None:
        super().__init__(escape=False, allow_harmful_protocols=True)
        self._markup = markup

    def heading(self, text: str, level: int, **_: Any) -> str:
        """With the id that JupyterLab gives and, below the title, a link to itself."""
        words = unescape(_MARKUP.sub("", text)).strip()
        name = self._markup.new_id(words.replace(" ", "-"))
        self._markup.headings.append(Heading(level, name, words))
        link = anchor(name, "this section") if level > 1 else ""
        return f'<h{level} id="{escape(name)}">{text}{link}</h{level}>\n'

    def inline_math(self, text: str) -> str:
        """As it was written."""
        return f"${mistune.escape(text)}$"

    def block_math(self, text: str) -> str:
        """As it was written."""
        return f"<p>$${mistune.escape(text)}$$</p>\n"

    def task_list_item(self, text: str, checked: bool = False) -> str:
        """A box as a character."""
        return f"<li>{'☑' if checked else '☐'} {text}</li>\n"
