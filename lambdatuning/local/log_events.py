"""What a function printed, cut into log events as Lambda cuts it: lines, and framed records.

A runtime that is given `_LAMBDA_TELEMETRY_LOG_FD` writes each record of its logger as a frame: type
(4 bytes, 0xa55a...), length (4), microseconds since 1970 (8), text; big-endian. A record is one
event, however many lines it has, and has its own time. Whatever else is printed is an event a line,
with the time at which it was read. Here both come through one pipe, which keeps their order.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

FRAME_MARK = b"\xa5\x5a"
"""No text begins like this: it is no UTF-8."""
_HEADER_BYTES = 16


class LogEvent(NamedTuple):
    """One event: milliseconds since 1970 and its text, without the newline at its end."""

    at_ms: int
    text: str


def cut(chunks: Iterable[tuple[int, bytes]]) -> list[LogEvent]:
    """The events in `chunks` of what was printed, each with the time in ms when it was read."""
    events = list(_cut(chunks))
    for number in range(len(events) - 1, 0, -1):
        # A line that was read late was written before the record that follows it.
        before, after = events[number - 1], events[number]
        if before.at_ms > after.at_ms:
            events[number - 1] = before._replace(at_ms=after.at_ms)
    return events


def _cut(chunks: Iterable[tuple[int, bytes]]) -> Iterator[LogEvent]:
    rest = b""
    at_ms = 0
    for at_ms, chunk in chunks:
        rest += chunk
        start = 0
        while (found := _next(rest, start, at_ms)) is not None:
            event, start = found
            yield event
        rest = rest[start:]
    if rest:
        yield LogEvent(at_ms, _decoded(rest[_HEADER_BYTES:] if _is_frame(rest, 0) else rest))


def _next(data: bytes, start: int, at_ms: int) -> tuple[LogEvent, int] | None:
    """The event at `start` and where the next one begins; None while it is incomplete."""
    if _is_frame(data, start):
        return _framed(data, start)
    newline = data.find(b"\n", start)
    if newline < 0:
        # Text without an end is cut off by a frame that follows it.
        frame = data.find(FRAME_MARK, start)
        return (LogEvent(at_ms, _decoded(data[start:frame])), frame) if frame > start else None
    frame = data.find(FRAME_MARK, start, newline)
    end = newline if frame < 0 else frame
    return LogEvent(at_ms, _decoded(data[start:end])), end + (frame < 0)


def _framed(data: bytes, start: int) -> tuple[LogEvent, int] | None:
    text = start + _HEADER_BYTES
    if len(data) < text:
        return None
    end = text + int.from_bytes(data[start + 4 : start + 8], "big")
    if len(data) < end:
        return None
    at_us = int.from_bytes(data[start + 8 : text], "big")
    return LogEvent(at_us // 1000, _decoded(data[text:end].removesuffix(b"\n"))), end


def _is_frame(data: bytes, start: int) -> bool:
    return data.startswith(FRAME_MARK, start)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
