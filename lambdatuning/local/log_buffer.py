"""What a function printed, bounded: a handler that prints without end must not fill the server."""

KEPT_BYTES = 4 << 20
TAIL_BYTES = 4096


class LogBuffer:
    """The first `KEPT_BYTES` of a text and its last `TAIL_BYTES`, with the gap marked."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append what was read from the function's pipe."""
        room = KEPT_BYTES - len(self._head)
        self._head += data[:room]
        rest = data[room:]
        if rest:
            self._tail += rest
            surplus = max(0, len(self._tail) - TAIL_BYTES)
            self._dropped += surplus
            del self._tail[:surplus]

    def take(self) -> str:
        """The text so far; the buffer is empty afterwards."""
        gap = f"\n[{self._dropped} bytes of log dropped]\n".encode() if self._dropped else b""
        text = bytes(self._head) + gap + bytes(self._tail)
        self._head.clear()
        self._tail.clear()
        self._dropped = 0
        return text.decode("utf-8", "replace")
