"""What a function printed, cut into log events as Lambda cuts it: lines, and framed records.

A runtime that is given `_LAMBDA_TELEMETRY_LOG_FD` writes each record of its logger as a frame: type
(4 bytes, 0xa55a...), length (4), microseconds since 1970 (8), text; big-endian. A record is one
event, however many lines it has, and has its own time. Whatever else is printed is an event a line,
with the time at which it was read. Here both come through one pipe, which keeps their order.
"""

import time
from collections.abc import Callable, Iterable, Iterator
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
        while (step := _next(rest, start, at_ms)) is not None:
            event, start = step
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


KEPT_BYTES = 4 << 20
TAIL_BYTES = 4096


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000


class LogBuffer:
    """The first `KEPT_BYTES` printed and the last `TAIL_BYTES`, with the gap marked."""

    def __init__(self, clock_ms: Callable[[], int] = _clock_ms) -> None:
        self._clock_ms = clock_ms
        self._chunks: list[tuple[int, bytes]] = []
        self._kept_bytes = 0
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append what was read from the function's pipe just now."""
        room = KEPT_BYTES - self._kept_bytes
        if kept := data[:room]:
            self._chunks.append((self._clock_ms(), kept))
            self._kept_bytes += len(kept)
        if rest := data[room:]:
            self._tail += rest
            surplus = max(0, len(self._tail) - TAIL_BYTES)
            self._dropped += surplus
            del self._tail[:surplus]

    def take(self) -> list[LogEvent]:
        """The log events so far; the buffer is empty afterwards."""
        if not self._chunks:
            return []
        events = cut(self._chunks)
        if self._tail:
            events += self._cut_tail()
        self._chunks.clear()
        self._kept_bytes = 0
        return events

    def _cut_tail(self) -> list[LogEvent]:
        now_ms = self._clock_ms()
        gap = f"[{self._dropped} bytes of log dropped]\n".encode() if self._dropped else b""
        events = cut([(now_ms, gap), (now_ms, bytes(self._tail))])
        self._tail.clear()
        self._dropped = 0
        return events
