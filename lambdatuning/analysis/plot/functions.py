"""Figures of several functions: each has its part, under a name no longer than tells it apart."""

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure
from pandas import DataFrame

from ...core.format import short_name
from ..curves import MIX
from ..data import StudyData
from ..run import Run
from ..text.marks import in_words
from .chart import Chart
from .style import Layout

_MIX = "mix"

_NAMED = 3
"""So many functions have their finding in a title; all have a panel."""


def views(data: StudyData) -> list[tuple[str, StudyData]]:
    """Each function (and architecture) of a study under its name; the only one has none: ""."""
    if len(data.parts) == 1:
        return [("", data)]
    return [(part.name, part) for part in data.parts]


def together(titles: Sequence[tuple[str, str]]) -> str:
    """One title of (name, finding) pairs."""
    words = [f"{name}: {title}" if name else title for name, title in titles[:_NAMED]]
    more = len(titles) - _NAMED
    return "; ".join([*words, *([f"and {more} more functions"] if more > 0 else [])])


def chart_of(
    run: Run, parts: Sequence[tuple[str, str, str]], draw: Callable[[Layout, str], Figure]
) -> Chart:
    """A chart of several functions: (name, finding, alternative text) of each; `draw` gets the
    title that tells their findings."""
    title = together([(name, finding) for name, finding, _ in parts])
    alt = together([(name, text) for name, _, text in parts])
    return Chart(lambda layout: draw(layout, title), title, alt + in_words(run.host, run.sizes))


def shown_of(run: Run, names: Sequence[str]) -> str:
    """Which function, or how many, for the line under a title."""
    return f"{len(names)} functions" if len(names) > 1 else short_name(run.function)


def labelled(frame: DataFrame) -> DataFrame:
    """The frame with functions and architectures, where they differ, behind its payload types.

    The weighted mix is "mix" then, since names are long enough.
    """
    keys = [key for key in ("function", "architecture") if frame[key].nunique() > 1]
    if not keys:
        return frame
    payloads = frame["payload"].astype(str).replace(MIX, _MIX)
    columns = [payloads, *(frame[key].astype(str) for key in keys)]
    rows = zip(*columns, strict=True)
    return frame.assign(payload=[", ".join(map(short_name, row)) for row in rows])


def is_mix(label: str) -> bool:
    """Whether a payload type, or a label of it, is the weighted mix."""
    return label == MIX or label.startswith(f"{_MIX}, ")
