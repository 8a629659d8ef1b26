"""What a function printed, bounded: a handler that prints without end must not fill the server."""

import time
from collections.abc import Callable

from .log_events import LogEvent, cut

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
