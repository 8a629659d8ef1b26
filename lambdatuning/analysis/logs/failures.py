"""What stands beside the reports and tells how invocations ended.

A text report does not tell that a handler raised, nor, in older logs, that a call timed out. Lines
around it do: `Task timed out after` and what a runtime writes of an error that the handler left to
it. Of these, Python's does not name the request; it is the one whose START was written last.
"""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from .places import stream_in

_WORDS = (
    "Task timed out after ",
    "[ERROR] ",
    "\tERROR\t",
    "Runtime exited",
    "exited before completing request",
)
_TIMED_OUT = re.compile(r"(\S+)\s+(?:Error: )?Task timed out after [0-9.]+ seconds")
_EXITED = re.compile(
    r"RequestId: (\S+) (?:Error: Runtime exited|Process exited before completing request)"
)
_NODE = re.compile(
    r"(\S+)\tERROR\t(?:Invoke Error|Uncaught Exception|Unhandled Promise Rejection)\s*"
    r"(?:\{\"errorType\": ?\"([^\"]+)\")?"
)
_PYTHON = re.compile(r"\[ERROR\] ([A-Za-z_][\w.]*)(?=:|\s*$)")
_RAISED = re.compile(r"(?:Error|Exception|Exit|Interrupt|Fault|Timeout)$|^Runtime\.")


class Mark(NamedTuple):
    """A line that tells of a failure: which line, of which request ("" unknown), what error."""

    n: int
    request_id: str
    error: str
    stream: str = ""


@dataclass(frozen=True)
class Around:
    """What the lines around reports tell; `open_requests` are the last started, by log stream.

    `starts` counts the requests that the lines around name: of these a failure would be seen.
    """

    marks: Sequence[Mark] = ()
    open_requests: Mapping[str, str] = field(default_factory=dict)
    starts: int = 0


def around_reports(others: pl.DataFrame, reports: pl.DataFrame) -> Around:
    """What the other lines of a block tell of its reports."""
    if others.is_empty():
        return Around()
    line = others["line"]
    starts = others.filter(line.str.contains("START RequestId: ", literal=True))
    ends = others.filter(line.str.contains("END RequestId: ", literal=True))
    named = _requests(starts)
    opened = {stream: request_id for _, stream, request_id in named.iter_rows()}
    flagged = others.filter(line.str.contains_any(list(_WORDS)))
    marks = list(_marks(flagged, others)) if len(flagged) else []
    if any(not mark.request_id for mark in marks):
        marks = list(_with_requests(marks, named, reports))
    return Around(marks, opened, max(len(named), len(ends)))


def _requests(lines: pl.DataFrame) -> pl.DataFrame:
    """`n`, `stream` and `request_id` of START lines."""
    return lines.select(
        "n",
        stream=stream_in("line").fill_null(""),
        request_id=lines["line"].str.extract(r"START RequestId: ([!-~]+)"),
    ).drop_nulls("request_id")


def _marks(flagged: pl.DataFrame, lines: pl.DataFrame) -> Iterator[Mark]:
    following = dict(
        lines.filter(pl.col("n").is_in((flagged["n"] + 1).implode()))
        .select("n", "line")
        .iter_rows()
    )
    streams = flagged.select(stream_in("line").fill_null("")).to_series().to_list()
    rows = zip(flagged["n"].to_list(), flagged["line"].to_list(), streams, strict=True)
    for n, text, stream in rows:
        if mark := _mark(text, following.get(n + 1, "")):
            yield Mark(n, *mark, stream)


def _mark(text: str, following: str) -> tuple[str, str] | None:
    """Request and error of a line that tells of a failure."""
    if timed_out := _TIMED_OUT.search(text):
        return timed_out[1], "timeout"
    if exited := _EXITED.search(text):
        return exited[1], "Runtime.ExitError"
    if node := _NODE.search(text):
        return node[1], node[2] or "Error"
    python = _PYTHON.search(text)
    raised = python and (_RAISED.search(python[1]) or "Traceback" in text + following)
    return ("", python[1]) if python and raised else None


def _with_requests(
    marks: Sequence[Mark], starts: pl.DataFrame, reports: pl.DataFrame
) -> Iterator[Mark]:
    """The marks with their requests: the one that was running in their log stream."""
    lines: dict[str, list[tuple[int, str, bool]]] = {}
    for n, stream, request_id in starts.iter_rows():
        lines.setdefault(stream, []).append((n, request_id, True))
    columns = reports.select("n", pl.col("stream").fill_null(""), "request_id")
    for n, stream, request_id in columns.iter_rows():
        lines.setdefault(stream, []).append((n, request_id, False))
    for events in lines.values():
        events.sort()
    newest_first = _newest_first(starts, reports)
    for mark in marks:
        yield mark if mark.request_id else _placed(mark, lines.get(mark.stream, []), newest_first)


def _placed(mark: Mark, lines: list[tuple[int, str, bool]], newest_first: bool) -> Mark:
    place = bisect(lines, (mark.n, "", False))
    before = lines[place - 1] if place else None
    after = lines[place] if place < len(lines) else None
    if newest_first:
        before, after = after, before
    if before and before[2]:
        return mark._replace(request_id=before[1])
    # Without START lines: the next report is that of the request.
    return mark._replace(request_id=after[1]) if after and not after[2] else mark


def _newest_first(starts: pl.DataFrame, reports: pl.DataFrame) -> bool:
    """Whether lines are sorted so, as in Logs Insights: by what follows what, else by times."""
    both = starts.join(reports.select("request_id", end="n"), on="request_id")
    if len(both):
        return bool((both["n"] > both["end"]).sum() * 2 > len(both))
    times = reports["time"].drop_nulls()
    return len(times) > 1 and bool(times[0] > times[-1])
