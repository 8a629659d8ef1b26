"""The page that lists a place's reports, and the links from each to those beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
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
    name: str = ""
    beside: str = ""


def write_index(place: Destination) -> None:
    """(Re)write the index of all reports that lie in a place, by name, and link those of the same
    function with each other."""
    read = (read_entry(place, name) for name in place.pages() if name != NAME)
    entries = [entry for entry in read if entry]
    place.write(NAME, render_index(entries))
    by_function: dict[str, list[Entry]] = {}
    for entry in entries:
        by_function.setdefault(entry.functions, []).append(entry)
    for functions, own in by_function.items():
        if functions:
            _link_beside(place, own)


def _link_beside(place: Destination, entries: Sequence[Entry]) -> None:
    """Link each report, in order of their names, with the one before and the one after it.

    Only pages whose links change are read and written again.
    """
    for n, entry in enumerate(entries):
        before = entries[n - 1] if n else None
        after = entries[n + 1] if n + 1 < len(entries) else None
        beside = " | ".join(
            f"{entry.href} {entry.title}" if entry else "" for entry in (before, after)
        )
        if beside == entry.beside or beside == " | " == (entry.beside or " | "):
            continue
        page = place.read(entry.name)
        if page is not None:
            place.write(entry.name, linked(page, before, after, beside))


def linked(page: str, before: Entry | None, after: Entry | None, beside: str = "") -> str:
    """A report with links to its neighbours; `beside` is what its head remembers of them."""
    links = [
        f'<a href="{escape(neighbour.href)}" rel="{rel}">{words}: {escape(neighbour.title)}</a>'
        for neighbour, rel, words in ((before, "prev", "Previous"), (after, "next", "Next"))
        if neighbour
    ]
    nav = f'<nav class="lt-beside" aria-label="Reports">{" ".join(links)}</nav>' if links else ""
    page = _LINKS.sub(lambda _: f"<!-- links -->{nav}<!-- end -->", page, count=1)
    remembered = f'<meta name="lambdatuning-beside" content="{escape(beside)}">'
    return _BESIDE.sub(lambda _: remembered, page, count=1)


_LINKS = re.compile(r"<!-- links -->.*?<!-- end -->", re.DOTALL)
_BESIDE = re.compile(r'<meta name="lambdatuning-beside" content="[^"]*">')


def render_index(entries: Sequence[Entry]) -> str:
    """The index as one HTML file, held to the same rules as a report."""
    page: str = template("index.html.j2").render(entries=entries, style=resource("report.css"))
    return page


def read_entry(place: Destination, name: str) -> Entry | None:
    """What a report says of itself; None for a file that is no report of ours, or not there."""
    text = place.head(name)
    head = _Head((text or "").partition("</head>")[0])
    if head.facts.get("generator") != "lambdatuning":
        return None
    made_at, functions, answer, change = (
        head.facts.get(f"lambdatuning-{fact}", "")
        for fact in ("made", "function", "answer", "change")
    )
    short = ", ".join(map(short_name, functions.split(", ")))
    title = head.title or name.removesuffix(".html")
    beside = head.facts.get("lambdatuning-beside", "")
    return Entry(quote(name), title, made_at, short, answer, change, name, beside)


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
        attributes = dict(attrs)
        if tag == "meta" and attributes.get("name"):
            self.facts[str(attributes["name"])] = attributes.get("content") or ""
        self._in_title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
