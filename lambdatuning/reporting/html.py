"""An executed notebook as one HTML file: no script, no address outside it, nothing unescaped."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from .markup import markdown, sanitize
from .parameters import TAG
from .progress import METADATA
from .tables import TableFile, sortable, table_file

NARROW_MIME = "application/vnd.lambdatuning.narrow+svg"
"""The narrow layout of a figure (see `analysis.figures.chart`)."""

ANSWER_MIME = "application/vnd.lambdatuning.answer+json"
"""The answer of a report (see `analysis.telling.statement`)."""

TABLE_MIME = "application/vnd.lambdatuning.table+json"
"""The numbers of a table (see `analysis.telling.tables`)."""

_ANY_HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Code:
    """One code cell for the appendix."""

    source: str
    text: str


@dataclass(frozen=True)
class Made:
    """What a report is made from beside its notebook; `change` is what the index says of it."""

    name: str
    made_at: str
    stem: str = ""
    change: str = ""
    linked: bool = False


@dataclass(frozen=True)
class Page:
    """A report and the tables whose numbers lie beside it, in the folder `stem`."""

    html: str
    tables: tuple[TableFile, ...]


def render(notebook: Mapping[str, Any], made: Made) -> Page:
    """The report of an executed notebook.

    It has the notebook's words and outputs in their order; code, and what it printed on stderr,
    is folded away at the end.
    """
    cells = notebook["cells"]
    story = Story(made.stem)
    body = "\n".join(block for cell in cells for block in story.blocks(cell))
    told = answer_of(notebook)
    html: str = template("report.html.j2").render(
        title=_title(cells, made.name),
        body=body,
        code=[_code(cell) for cell in cells if cell["cell_type"] == "code"],
        style=resource("report.css"),
        made=made,
        headline=told.get("headline", ""),
        functions=", ".join(told.get("functions", [])),
    )
    return Page(html, tuple(story.tables))


def answer_of(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first answer among the outputs: `headline` and `functions`; {} without one."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            found: Mapping[str, Any] = output.get("data", {}).get(ANSWER_MIME, {})
            if found:
                return found
    return {}


class Story:
    """Writes cells as HTML one after the other, and collects the tables among them."""

    def __init__(self, stem: str = "") -> None:
        self.tables: list[TableFile] = []
        self._stem = stem
        self._heading = ""

    def blocks(self, cell: Mapping[str, Any]) -> Iterator[str]:
        """What a reader sees of a cell."""
        if cell["cell_type"] == "markdown":
            source = _text(cell["source"])
            self._heading = next(iter(_ANY_HEADING.findall(source)), self._heading)
            yield _markdown(source)
        for output in cell.get("outputs", ()):
            yield self._output(output)

    def _output(self, output: Mapping[str, Any]) -> str:
        data = output.get("data", {})
        if TABLE_MIME in data and data[TABLE_MIME].get("data"):
            return self._table(data)
        return _output(output)

    def _table(self, data: Mapping[str, Any]) -> str:
        """A table with links to its numbers."""
        names = [each.name for each in self.tables]
        file = table_file(data[TABLE_MIME], self._heading, names)
        self.tables.append(file)
        links = ", ".join(
            f'<a href="{quote(f"{self._stem}/{file.name}.{kind}")}">{kind.upper()}</a>'
            for kind in ("csv", "json")
        )
        markup = sanitize(_text(data["text/html"]))
        if self._stem:
            markup = _captioned(markup, f'<span class="lt-files">{links}</span>')
            markup = sortable(markup, data[TABLE_MIME].get("ranks", []), file.name)
        label = f"Table: {file.name.replace('-', ' ')}"
        return f'<div class="output">{_scrolling(markup, label)}</div>'


def _captioned(table: str, words: str) -> str:
    """A table with more words in its caption, which is made where there is none."""
    if "</caption>" in table:
        return table.replace("</caption>", f" {words}</caption>", 1)
    return re.sub(r"(<table[^>]*>)", lambda m: f"{m[1]}<caption>{words}</caption>", table, count=1)


def _title(cells: Sequence[Mapping[str, Any]], name: str) -> str:
    for cell in cells:
        found = _HEADING.search(cell["source"]) if cell["cell_type"] == "markdown" else None
        if found:
            return re.sub(r"[*_`]", "", found[1]).strip()
    return name


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


def _scrolling(markup: str, label: str = "table") -> str:
    """Tables in boxes of their own that scroll, reachable by keyboard; the page does not."""
    box = f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">'
    return markup.replace("<table", f"{box}<table").replace("</table>", "</table></div>")


def _plain(text: object, kind: str = "plain") -> str:
    words = _text(text).strip()
    return f'<pre class="{kind}">{escape(words)}</pre>' if words else ""


def _markdown(source: object) -> str:
    return _scrolling(markdown(_text(source)))


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


def resource(name: str) -> str:
    """A file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def template(name: str) -> Any:
    """A template of this folder; all that it is given is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(resource(name))
