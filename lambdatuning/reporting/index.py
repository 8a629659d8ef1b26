"""The page that lists a folder's reports: date, function, answer, and what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

from ..analysis.text.format import short_name
from .html import resource, template

NAME = "index.html"

_HEAD = 60_000
"""Characters in which a report's head ends, style included."""


@dataclass(frozen=True)
class Entry:
    """What a report says of itself in its head."""

    href: str
    title: str
    made_at: str
    functions: str
    answer: str
    change: str


def write_index(folder: Path) -> Path:
    """(Re)write the index of all reports that lie in a folder, by name."""
    found = (read_entry(path) for path in sorted(folder.glob("*.html")) if path.name != NAME)
    path = folder / NAME
    path.write_text(render_index([each for each in found if each]), encoding="utf-8")
    return path


def render_index(entries: Sequence[Entry]) -> str:
    """The index as one HTML file, held to the same rules as a report."""
    page: str = template("index.html.j2").render(entries=entries, style=resource("report.css"))
    return page


def read_entry(path: Path) -> Entry | None:
    """What a report says of itself; None for a file that is no report of ours, or not there."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        head = _Head(file.read(_HEAD))
    if head.facts.get("generator") != "lambdatuning":
        return None
    made, functions, answer, change = (
        head.facts.get(f"lambdatuning-{name}", "")
        for name in ("made", "function", "answer", "change")
    )
    short = ", ".join(map(short_name, functions.split(", ")))
    return Entry(quote(path.name), head.title or path.stem, made, short, answer, change)


def describe_change(before: Entry | None, answer: str) -> str:
    """What is new in an answer since the report that it replaces."""
    if before is None or not before.answer:
        return ""
    if before.answer == answer:
        return f"Unchanged since {before.made_at}."
    return f"Changed; {before.made_at} it said: {before.answer}"


class _Head(HTMLParser):
    """The title and the named meta elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.facts: dict[str, str] = {}
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("name"):
            self.facts[str(given["name"])] = given.get("content") or ""
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
