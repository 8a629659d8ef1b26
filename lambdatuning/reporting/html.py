"""An executed notebook as one HTML file: no script, nothing loaded, nothing unescaped."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from ..analysis.text.output_types import ANSWER_MIME, NARROW_MIME, PREFIX, RUN_MIME, TABLE_MIME
from ..core.format import short_name, visible
from .markup import Attachments, Markup, anchor, picture
from .parameters import TAG, tags
from .progress import METADATA
from .tables import TableFile, slug, sortable, table_file
from .terminal import terminal_html

_ANY_HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class CodeCell:
    """One code cell for the appendix, and what it wrote to stderr as markup."""

    source: str
    stderr: str


@dataclass(frozen=True)
class PageContext:
    """What a report is made from beside its notebook.

    `name` is the notebook's, `stem` the report's; `change` is what the index says of it. `folder`
    is where the notebook's pictures lie, `links` has the reports that other notebooks have become.
    """

    name: str
    made_at: str
    stem: str = ""
    change: str = ""
    linked: bool = False
    folder: Path | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A report and the tables whose numbers lie beside it, in the folder `stem`."""

    html: str
    tables: tuple[TableFile, ...]


def render(notebook: Mapping[str, Any], context: PageContext) -> Page:
    """The report of an executed notebook.

    It has the notebook's words and outputs in their order; code, and what it printed on stderr,
    is folded away at the end. What a report cannot hold is named where it would stand.
    """
    cells = notebook["cells"]
    story = Story(context)
    body = "\n".join(block for cell in cells for block in story.blocks(cell))
    answer, about = answer_of(notebook), _first(notebook, RUN_MIME)
    functions = answer.get("functions") or about.get("functions", [])
    html: str = template("report.html.j2").render(
        title=_full_title(_title(cells, context.name), about),
        body=body,
        contents=story.contents(),
        code=[_code(cell) for cell in cells if cell["cell_type"] == "code"],
        style=resource("report.css"),
        context=context,
        headline=answer.get("headline", ""),
        functions=", ".join(functions),
        place=about.get("place", ""),
        measured=about.get("date", ""),
    )
    return Page(visible(html), tuple(story.tables))


def answer_of(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first answer among the outputs: `headline` and `functions`; {} without one."""
    return _first(notebook, ANSWER_MIME)


def _first(notebook: Mapping[str, Any], mime: str) -> Mapping[str, Any]:
    """The first output of a type; {} without one."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            data: Mapping[str, Any] = output.get("data", {}).get(mime, {})
            if data:
                return data
    return {}


def _full_title(title: str, about: Mapping[str, Any]) -> str:
    """The title with what the report is about: its functions, place and date."""
    functions = ", ".join(map(short_name, about.get("functions", [])))
    facts = [fact for fact in (functions, about.get("place"), about.get("date")) if fact]
    if not facts:
        return title
    return f"{title.rstrip('.')}{' ' if title.endswith('?') else ': '}{', '.join(facts)}"


_SECTIONS = 3
"""With fewer sections a page needs no list of contents."""


class Story:
    """Writes cells as HTML one after the other, and collects the tables among them."""

    def __init__(self, context: PageContext) -> None:
        self.tables: list[TableFile] = []
        self._stem = context.stem
        self._markup = Markup(context.folder, context.links)
        self._heading = ""

    def contents(self) -> list[tuple[str, str]]:
        """Id and words of each section, for a list at the side; none of a short page."""
        sections = [
            (heading.id, heading.words) for heading in self._markup.headings if heading.level == 2
        ]
        return sections if len(sections) >= _SECTIONS else []

    def blocks(self, cell: Mapping[str, Any]) -> Iterator[str]:
        """What a reader sees of a cell."""
        if cell["cell_type"] == "markdown":
            source = _text(cell["source"])
            self._heading = next(iter(_ANY_HEADING.findall(source)), self._heading)
            yield self._markdown(source, cell.get("attachments"))
        if cell["cell_type"] == "raw":
            yield self._raw(_text(cell["source"]), cell.get("metadata", {}))
        for output in _joined(cell.get("outputs", ())):
            yield self._output(output)
        if self._markup.left_out:
            words = "; ".join(self._markup.left_out)
            yield f'<p class="lt-facts">Left out of this report: {escape(words)}.</p>'
            self._markup.left_out.clear()

    def _raw(self, source: str, about: Mapping[str, Any]) -> str:
        """A cell that Jupyter hands on as it is, in the format that it names."""
        kind = about.get("raw_mimetype") or about.get("format") or ""
        if kind == "text/html":
            return _scrolling(self._markup.html(source))
        if kind == "text/markdown":
            return self._markdown(source)
        if kind in {"", "text/plain"}:
            return "" if _FRONT_MATTER.match(source) else _plain(source)
        self._markup.leave_out(f"a raw cell of type {kind}")
        return ""

    def _output(self, output: Mapping[str, Any]) -> str:
        kind = output["output_type"]
        if kind == "stream":
            return _plain(output["text"]) if output["name"] == "stdout" else ""
        if kind == "error":
            reason = f": {output['evalue']}" if output["evalue"] else ""
            return _plain(f"{output['ename']}{reason}", "error")
        if _is_progress(output):
            return ""
        return self._richest(output["data"], output.get("metadata", {}))

    def _richest(self, data: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        """The richest form of an output that a report can hold and that says something."""
        forms = (self._table, self._figure, self._html, self._picture, self._words)
        block = next((block for form in forms if (block := form(data, about))), "")
        if "text/html" not in data:
            for kind in data:
                beside_figure = kind == _WIDGET and "image/svg+xml" in data
                if kind not in _SHOWN and not kind.startswith(PREFIX) and not beside_figure:
                    name = "a widget" if kind == _WIDGET else f"an output of type {kind}"
                    self._markup.leave_out(name)
        return block

    def _table(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> str:
        """A table with links to its numbers."""
        if not data.get(TABLE_MIME, {}).get("data"):
            return ""
        names = [table.name for table in self.tables]
        file = table_file(data[TABLE_MIME], self._heading, names)
        self.tables.append(file)
        name = self._markup.new_id(f"table-{file.name}")
        link = anchor(name, "this table")
        markup = self._markup.html(_text(data["text/html"]))
        if self._stem:
            words = f'<span class="lt-files">{file.links()}</span>{link}'
            markup = _captioned(markup, words)
            markup = sortable(markup, data[TABLE_MIME].get("ranks", []), file.name)
        label = f"Table: {file.name.replace('-', ' ')}"
        return f'<div class="output" id="{name}">{_scrolling(markup, label)}</div>'

    def _figure(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> str:
        """A drawing. Ours follow the colours of the page; others, which may have styles and
        fonts of their own, are pictures by themselves."""
        if "image/svg+xml" not in data:
            return ""
        wide = _text(data["image/svg+xml"])
        if NARROW_MIME in data:
            narrow = self._markup.html(_text(data[NARROW_MIME]))
            name = self._markup.new_id(f"figure-{slug(self._heading) or 'first'}")
            return (
                f'<figure class="chart" id="{name}">'
                f'<div class="wide">{self._markup.html(wide)}</div>'
                f'<div class="narrow">{narrow}</div>{anchor(name, "this figure")}</figure>'
            )
        if "xmlns=" not in wide:
            return f'<figure class="chart">{self._markup.html(wide)}</figure>'
        text = base64.b64encode(wide.encode()).decode()
        return _image(picture("image/svg+xml", text) or "", _alt(data))

    def _html(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> str:
        if "text/html" in data:
            markup = self._markup.html(_text(data["text/html"]))
            if _says_something(markup):
                return f'<div class="output">{_scrolling(markup)}</div>'
        if "text/markdown" in data:
            return self._markdown(_text(data["text/markdown"]))
        return ""

    def _picture(self, data: Mapping[str, Any], about: Mapping[str, Any]) -> str:
        for kind in data:
            address = picture(kind, _text(data[kind])) if kind in _PICTURES else None
            if address:
                facts = about.get(kind, {})
                return _image(address, str(facts.get("alt") or _alt(data)), facts)
        return ""

    def _words(self, data: Mapping[str, Any], _: Mapping[str, Any]) -> str:
        if "text/latex" in data:
            return _plain(data["text/latex"])
        if "application/json" in data:
            return _plain(json.dumps(data["application/json"], indent=1, ensure_ascii=False))
        if _WIDGET in data:
            return ""  # its words are those of when it was made: 0 % of a bar that is full now
        words = _text(data.get("text/plain", ""))
        return "" if len(data) > 1 and _OBJECT.fullmatch(words.strip()) else _plain(words)

    def _markdown(self, source: str, attachments: Attachments | None = None) -> str:
        return _scrolling(self._markup.markdown(source, attachments))


_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif")

_WIDGET = "application/vnd.jupyter.widget-view+json"
"""Sliders, which need a notebook: whoever shows a figure beside them means it for reports."""

_SHOWN = {
    *_PICTURES,
    "image/svg+xml",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
    "application/json",
}

_FRONT_MATTER = re.compile(r"\s*---[ \t]*\n.*\n---\s*\Z", re.DOTALL)
"""Settings for Quarto, Jupytext and others, at the top of a notebook."""

_OBJECT = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>")
"""What stands for an object that has a form of its own: nothing that a reader needs."""

_DRAWN = re.compile(r"<(?:img|svg|hr)\b")
_TAG = re.compile(r"<[^>]*>")


def _says_something(markup: str) -> bool:
    """Whether a reader would see anything of it."""
    return bool(_DRAWN.search(markup) or _TAG.sub("", markup).strip())


def _joined(outputs: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Outputs, with neighbours of one stream as one: a line may rewrite what came before it."""

    def stream(output: Mapping[str, Any]) -> tuple[str, str]:
        return output["output_type"], output.get("name", "")

    for (kind, _), group in groupby(outputs, stream):
        members = list(group)
        if kind == "stream":
            yield {**members[0], "text": "".join(_text(output["text"]) for output in members)}
        else:
            yield from members


def _is_progress(output: Mapping[str, Any]) -> bool:
    return bool(output.get("metadata", {}).get("lambdatuning") == METADATA["lambdatuning"])


def _alt(data: Mapping[str, Any]) -> str:
    """What the picture shows, as far as its notebook says so."""
    words = _text(data.get("text/plain", "")).strip()
    return "figure" if not words or words.startswith("<") else words


def _image(address: str, alt: str, facts: Mapping[str, Any] | None = None) -> str:
    """A picture, as wide and high as its notebook has it."""
    size = "".join(
        f' {name}="{int(value)}"'
        for name in ("width", "height")
        if isinstance(value := (facts or {}).get(name), int | float)
    )
    return f'<figure><img alt="{escape(alt)}" src="{escape(address)}"{size}></figure>'


def _captioned(table: str, words: str) -> str:
    """A table with more words in its caption, which is made where there is none."""
    if "</caption>" in table:
        return table.replace("</caption>", f" {words}</caption>", 1)
    return re.sub(r"(<table[^>]*>)", lambda m: f"{m[1]}<caption>{words}</caption>", table, count=1)


def _title(cells: Sequence[Mapping[str, Any]], name: str) -> str:
    for cell in cells:
        heading = (
            _HEADING.search(_text(cell["source"])) if cell["cell_type"] == "markdown" else None
        )
        if heading:
            return re.sub(r"[*_`]", "", heading[1]).strip()
    return name


def _scrolling(markup: str, label: str = "table") -> str:
    """Tables in boxes of their own that scroll, reachable by keyboard; the page does not."""
    box = f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0">'
    return markup.replace("<table", f"{box}<table").replace("</table>", "</table></div>")


def _plain(text: object, kind: str = "plain") -> str:
    words = terminal_html(_text(text)).strip()
    return f'<pre class="{kind}">{words}</pre>' if words else ""


def _code(cell: Mapping[str, Any]) -> CodeCell:
    stderr = [
        _text(output["text"])
        for output in cell.get("outputs", ())
        if output["output_type"] == "stream" and output["name"] == "stderr"
    ]
    shows_stderr = TAG not in tags(cell)
    return CodeCell(
        _text(cell["source"]), terminal_html("".join(stderr)).strip() if shows_stderr else ""
    )


def _text(value: object) -> str:
    return "".join(value) if isinstance(value, list) else str(value)


def resource(name: str, package: str = __package__) -> str:
    """A file of this folder, or of that of another package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def template(name: str, package: str = __package__) -> Any:
    """A template of such a folder; all that it is given is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(resource(name, package))
