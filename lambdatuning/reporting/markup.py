"""What notebooks hold as HTML, SVG and markdown, held to what a report may contain."""

import re
from typing import Any

import mistune
import nh3

TAGS = frozenset(  # a table of words reads better than one line each
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure
    h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s section small span strong sub summary sup table
    tbody td tfoot th thead tr u ul svg g path use defs clipPath rect circle ellipse line polyline
    polygon text tspan desc
    """.split()  # noqa: SIM905
)
DROPPED = frozenset(  # a table of words reads better than one line each
    """
    script style iframe object template noscript foreignObject title textarea
    """.split()  # noqa: SIM905
)
"""Tags that go with all that is in them; other unknown tags go, their content stays."""

ATTRIBUTES = frozenset(  # a table of words reads better than one line each
    """
    class style scope colspan rowspan role tabindex alt title id href src open viewBox d x y x1 x2
    y1 y2 cx cy r rx ry dx dy width height points transform clip-path clip-rule fill stroke
    stroke-linejoin stroke-linecap stroke-width opacity text-anchor
    """.split()  # noqa: SIM905
)
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]+")
_ELSEWHERE = re.compile(r"url\((?!#)|expression|@import|//|\\|image-set", re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")


def sanitize(markup: str) -> str:
    """The markup with only known tags and attributes, and nothing that is loaded or that runs.

    Links keep their text; images stay where they are data.
    """
    return _CLEANER.clean(markup)


def markdown(source: str) -> str:
    """Markdown as HTML, sanitized; headings have ids as JupyterLab gives them."""
    return sanitize(str(_MARKDOWN(source)))


def _filter(_tag: str, name: str, value: str) -> str | None:
    """The value of an attribute, None if it must go."""
    if name == "href":
        return value if value.startswith("#") else None
    if name == "src":
        return value if _DATA_IMAGE.fullmatch(value) else None
    if name in {"style", "clip-path", "fill", "stroke"} and _ELSEWHERE.search(value):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(DROPPED),
    attributes={"*": set(ATTRIBUTES)},
    attribute_filter=_filter,
    generic_attribute_prefixes={"aria-"},
    url_schemes={"data"},
    link_rel=None,
)


class _Renderer(mistune.HTMLRenderer):
    """Headings can be linked to; math and check boxes stay readable without a script."""

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """With the id that JupyterLab gives."""
        words = _MARKUP.sub("", text).strip().replace(" ", "-")
        return super().heading(text, level, **({"id": words} | attrs))

    def inline_math(self, text: str) -> str:
        """As it was written."""
        return f"${mistune.escape(text)}$"

    def block_math(self, text: str) -> str:
        """As it was written."""
        return f"<p>$${mistune.escape(text)}$$</p>\n"

    def task_list_item(self, text: str, checked: bool = False) -> str:
        """A box as a character."""
        return f"<li>{'☑' if checked else '☐'} {text}</li>\n"


_MARKDOWN = mistune.create_markdown(
    renderer=_Renderer(escape=False, allow_harmful_protocols=True),
    plugins=["strikethrough", "table", "url", "task_lists", "def_list", "footnotes", "math"],
)
