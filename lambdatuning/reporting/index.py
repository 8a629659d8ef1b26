"""The page that lists a place's reports: date, function, answer, and what changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import quote

from ..core.format import short_name
from .destination import Destination
from .html import resource, template

NAME = "index.html"


@dataclass(frozen=True)
class Entry:
    """What a report says of itself in its head."""

    href: str
    title: str
    made_at: str
    functions: str
    answer: str
    change: str


def write_index(place: Destination) -> None:
    """(Re)write the index of all reports that lie in a place, by name."""
    entries = (read_entry(place, name) for name in place.pages() if name != NAME)
    place.write(NAME, render_index([each for each in entries if each]))


def render_index(entries: Sequence[Entry]) -> str:
    """The index as one HTML file, held to the same rules as a report."""
    page: str = template("index.html.j2").render(entries=entries, style=resource("report.css"))
    return page


def read_entry(place: Destination, name: str) -> Entry | None:
    """What a report says of itself; None for a file that is no report of ours, or not there."""
    text = place.head(name)
    head = _Head(text or "")
    if head.facts.get("generator") != "lambdatuning":
        return None
    made, functions, answer, change = (
        head.facts.get(f"lambdatuning-{fact}", "")
        for fact in ("made", "function", "answer", "change")
    )
    short = ", ".join(map(short_name, functions.split(", ")))
    title = head.title or name.removesuffix(".html")
    return Entry(quote(name), title, made, short, answer, change)


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
