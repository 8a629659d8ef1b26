"""An executed notebook as one HTML file: no script, no address outside it, nothing unescaped."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from .parameters import TAG
from .progress import METADATA
from .sanitize import sanitize

NARROW_MIME = "application/vnd.lambdatuning.narrow+svg"
"""The narrow layout of a figure (see `analysis.figures.chart`)."""

_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """One code cell for the appendix."""

    source: str
    text: str


def render(notebook: Mapping[str, Any], *, name: str, made_at: str) -> str:
    """The report of an executed notebook; `name` and `made_at` stand in its footer.

    It has the notebook's words and outputs in their order; code, and what it printed on stderr,
    is folded away at the end.
    """
    cells = notebook["cells"]
    body = "\n".join(block for cell in cells for block in _blocks(cell))
    page: str = _template().render(
        title=_title(cells, name),
        body=body,
        code=[_code(cell) for cell in cells if cell["cell_type"] == "code"],
        style=_resource("report.css"),
        name=name,
        made_at=made_at,
    )
    return page


def _title(cells: Sequence[Mapping[str, Any]], name: str) -> str:
    for cell in cells:
        found = _HEADING.search(cell["source"]) if cell["cell_type"] == "markdown" else None
        if found:
            return re.sub(r"[*_`]", "", found[1]).strip()
    return name


def _blocks(cell: Mapping[str, Any]) -> Iterator[str]:
    if cell["cell_type"] == "markdown":
        yield _markdown(cell["source"])
    for output in cell.get("outputs", ()):
        yield _output(output)


def _output(output: Mapping[str, Any]) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return _plain(output["text"]) if output["name"] == "stdout" else ""
    if kind == "error":
        return _plain(f"{output['ename']}: {output['evalue']}", "error")
    if output.get("metadata", {}).get("lambdatuning") == METADATA["lambdatuning"]:
        return ""
    return _data(output["data"])


def _data(data: Mapping[str, Any]) -> str:
    """The richest form of an output that a report can hold."""
    if "image/svg+xml" in data:
        return _figure(data)
    if "text/html" in data:
        return f'<div class="output">{_scrolling(sanitize(_text(data["text/html"])))}</div>'
    if "text/markdown" in data:
        return _markdown(_text(data["text/markdown"]))
    if "image/png" in data:
        alt = escape(_text(data.get("text/plain", "figure")))
        image = "".join(_text(data["image/png"]).split())
        return f'<figure><img alt="{alt}" src="data:image/png;base64,{escape(image)}"></figure>'
    return _plain(_text(data.get("text/plain", "")))


def _figure(data: Mapping[str, Any]) -> str:
    wide = sanitize(_text(data["image/svg+xml"]))
    if NARROW_MIME not in data:
        return f'<figure class="chart">{wide}</figure>'
    narrow = sanitize(_text(data[NARROW_MIME]))
    return (
        f'<figure class="chart"><div class="wide">{wide}</div>'
        f'<div class="narrow">{narrow}</div></figure>'
    )


def _scrolling(markup: str) -> str:
    """Tables in boxes of their own that scroll, reachable by keyboard; the page does not."""
    box = '<div class="scroll" role="region" aria-label="table" tabindex="0">'
    return markup.replace("<table", f"{box}<table").replace("</table>", "</table></div>")


def _plain(text: object, kind: str = "plain") -> str:
    words = _text(text).strip()
    return f'<pre class="{kind}">{escape(words)}</pre>' if words else ""


def _markdown(source: object) -> str:
    from nbconvert.filters import markdown2html

    return _scrolling(sanitize(markdown2html(_text(source)).replace("&#182;", "")))


def _code(cell: Mapping[str, Any]) -> Code:
    tags = cell.get("metadata", {}).get("tags", [])
    kind = "parameters" if TAG in tags else "given" if "injected-parameters" in tags else ""
    said = [
        _text(each["text"])
        for each in cell.get("outputs", ())
        if each["output_type"] == "stream" and each["name"] == "stderr"
    ]
    return Code(_text(cell["source"]), "".join(said) if kind != "parameters" else "")


def _text(value: object) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_resource("report.html.j2"))
