"""Reports kept by date: FUNCTION/YYYY/MM/DD/RUN/, a copy in FUNCTION/latest/, and an index."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from ..analysis.verdict import Verdict
from ..publishing.markdown import TITLES
from ..reporting.destination import Destination, destination
from .schedule import folder_name

LATEST = "latest"
INDEX = "index.html"
NIGHTS = "nights.json"

MAX_NIGHTS = 1_000
"""Nights in the index, newest first; the folders of older ones stay."""


@dataclass(frozen=True)
class IndexEntry:
    """A line of the index; `folder` is relative to it."""

    day: str
    run_id: str
    kind: str
    headline: str
    folder: str


@dataclass(frozen=True)
class NightPlaces:
    """Where a night's reports lie: `folder` for good, `latest` until the next night."""

    folder: str
    latest: str
    index: str


def keep(out: str, verdict: Verdict, day: date, texts: Mapping[str, str]) -> NightPlaces:
    """Write the files of a night (`texts` by name) below `out`, a folder or an address, and
    add the night to the index. A night that is run again replaces itself."""
    base = f"{out.rstrip('/')}/{folder_name(verdict.function)}"
    dated = f"{day:%Y/%m/%d}/{folder_name(verdict.run_id)}"
    written = {**texts, "verdict.json": json.dumps(verdict.to_json(), indent=2) + "\n"}
    for folder in (dated, LATEST):
        place = destination(f"{base}/{folder}")
        place.prepare()
        for name, text in written.items():
            place.write(name, text)
    night = IndexEntry(day.isoformat(), verdict.run_id, verdict.kind, str(verdict), f"{dated}/")
    place = destination(base)
    with place.publishing():
        _add(place, verdict.function, night)
    return NightPlaces(f"{base}/{dated}/", f"{base}/{LATEST}/{INDEX}", f"{base}/{INDEX}")


def _add(place: Destination, function: str, night: IndexEntry) -> None:
    nights = [other for other in _read(place) if other.folder != night.folder]
    nights = sorted([night, *nights], key=lambda entry: (entry.day, entry.run_id), reverse=True)
    nights = nights[:MAX_NIGHTS]
    place.write(NIGHTS, json.dumps([asdict(entry) for entry in nights], indent=1) + "\n")
    place.write(INDEX, _index(function, nights))


def _read(place: Destination) -> list[IndexEntry]:
    """The nights so far; a file that is not ours, or damaged, counts as none."""
    try:
        rows = json.loads(place.read(NIGHTS) or "[]")
        return [
            IndexEntry(**{name: str(row[name]) for name in IndexEntry.__annotations__})
            for row in rows
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def _index(function: str, nights: list[IndexEntry]) -> str:
    # What makes reports comes with an extra, which a schedule is printed without.
    from ..reporting.html import resource, template

    page: str = template("templates/nights.html.j2", __package__).render(
        function=function,
        nights=nights,
        titles=TITLES,
        latest=f"{LATEST}/{INDEX}",
        style=resource("report.css"),
    )
    return page
