"""The little HTTP/1.1 that a Runtime API needs: requests cut from what arrives, answers, and when.

Any handler can connect and send what it likes: every length is checked and every part is bounded.
"""

import functools
import re
import socket
import struct
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST_HEAD_BYTES = 2 << 20
"""awslambdaric puts up to 1 MB of an error's cause into a header."""
MOST_BODY_BYTES = 64 << 20
"""A response may have 6 MB; what is larger is read, to be refused as AWS does, up to here."""
_MOST_CHUNK_LINE_BYTES = 1024
_MOST_KEPT_BYTES = 1024
"""Of header fields that are worth remembering."""
_DECIMAL = re.compile(rb"[0-9]{1,12}")
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,8}")


class HttpRequest(NamedTuple):
    """One parsed request; header names are lower case, trailers are among them."""

    method: bytes
    path: bytes
    headers: Mapping[bytes, bytes]
    body: bytes = b""


class RequestReader:
    """Cuts the bytes of one connection into requests, each byte looked at once."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: HttpRequest | None = None
        # In the buffer, behind the head: where to go on, and the chunks before that.
        self._at = 0
        self._chunks: list[bytes] = []
        self._chunk_bytes = 0

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._buffer += data

    def next(self) -> HttpRequest | None:
        """The next whole request, or None. Raises `ValueError` for what is no HTTP/1.1."""
        if self._head is None and not (self._buffer and self._read_head()):
            return None
        assert self._head is not None
        body = self._read_body(self._head.headers)
        if body is None:
            return None
        head, self._head = self._head, None
        del self._buffer[: self._at]
        self._at = self._chunk_bytes = 0
        self._chunks = []
        return head._replace(body=body) if body else head

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends its body."""
        headers = self._head.headers if self._head else {}
        return headers.get(b"expect", b"").lower() == b"100-continue"

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > MOST_HEAD_BYTES:
            if len(self._buffer) > MOST_HEAD_BYTES:
                raise ValueError("the head of a request is too large")
            return False
        first, _, fields = bytes(self._buffer[:end]).partition(b"\r\n")
        method, path, _ = first.split(b" ", 2)
        self._head = HttpRequest(method, path, _headers(fields))
        self._at = end + 4
        return True

    def _read_body(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            return self._read_chunks()
        if b"content-length" not in headers:
            return b""
        end = self._at + _number(headers[b"content-length"], _DECIMAL, 10)
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[self._at : end])
        self._at = end
        return body

    def _read_chunks(self) -> bytes | None:
        while (line_end := self._line_end()) is not None:
            line = bytes(self._buffer[self._at : line_end])
            size = _number(line.partition(b";")[0].strip(), _HEXADECIMAL, 16)
            if size == 0:
                return self._read_trailers(line_end + 2)
            start = line_end + 2
            if len(self._buffer) < start + size + 2:
                return None
            self._chunk_bytes += size
            if self._chunk_bytes > MOST_BODY_BYTES:
                raise ValueError("a body is too large")
            self._chunks.append(bytes(self._buffer[start : start + size]))
            self._at = start + size + 2
        return None

    def _line_end(self) -> int | None:
        end = self._buffer.find(b"\r\n", self._at, self._at + _MOST_CHUNK_LINE_BYTES)
        if end >= 0:
            return end
        if len(self._buffer) - self._at >= _MOST_CHUNK_LINE_BYTES:
            raise ValueError("the size of a chunk is too long")
        return None

    def _read_trailers(self, start: int) -> bytes | None:
        """The whole body, when what follows its last chunk is here as well."""
        assert self._head is not None
        if self._buffer[start : start + 2] == b"\r\n":
            self._at = start + 2
            return b"".join(self._chunks)
        end = self._buffer.find(b"\r\n\r\n", start, start + MOST_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) - start > MOST_HEAD_BYTES:
                raise ValueError("the trailers of a request are too large")
            return None
        trailers = _headers(bytes(self._buffer[start:end]))
        self._head = self._head._replace(headers={**self._head.headers, **trailers})
        self._at = end + 4
        return b"".join(self._chunks)


def build_answer(status: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole response, e.g. `build_answer("200 OK", {...}, b"{}")`."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def _headers(fields: bytes) -> Mapping[bytes, bytes]:
    # A client says nearly the same with each of its requests.
    parse = _kept_headers if len(fields) <= _MOST_KEPT_BYTES else _parsed_headers
    return parse(fields)


def _parsed_headers(fields: bytes) -> Mapping[bytes, bytes]:
    pairs = (line.partition(b":") for line in fields.split(b"\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


_kept_headers = functools.lru_cache(maxsize=256)(_parsed_headers)


def _number(text: bytes, form: re.Pattern[bytes], base: int) -> int:
    # int() alone takes signs, blanks and underscores.
    if not form.fullmatch(text):
        raise ValueError(f"no length: {text[:20]!r}")
    number = int(text, base)
    if number > MOST_BODY_BYTES:
        raise ValueError("a body is too large")
    return number


# --- when bytes reached this host, however late they are read
#
# The server's threads take turns (Python's lock, cores that others use), so the moment of reading
# says more of the server than of who wrote. Linux stamps what arrives, on loopback while the writer
# is still in its call; elsewhere, the moment of reading has to do.

# socket(7); the number that it has on every processor that Python names Linux for.
_STAMPS = getattr(socket, "SO_TIMESTAMPNS", 35)
_STAMP = struct.Struct("@ll")
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)
_STAMPED = sys.platform == "linux"


def stamp_arrivals(listener: socket.socket) -> None:
    """Have what arrives on the connections that `listener` accepts stamped.

    The kernel starts to a moment later, if nobody else has asked yet.
    """
    if _STAMPED:
        listener.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)


def receive_stamped(connection: socket.socket, most_bytes: int) -> tuple[bytes, float]:
    """What is there to read and when the last of it arrived (`time.monotonic` seconds)."""
    if not _STAMPED:
        return connection.recv(most_bytes), time.monotonic()
    data, ancillary, _, _ = connection.recvmsg(most_bytes, _STAMP_SPACE)
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _STAMPS:
            seconds, nanoseconds = _STAMP.unpack(value)
            return data, _monotonic_s(seconds * 10**9 + nanoseconds)
    return data, time.monotonic()


def _monotonic_s(wall_ns: int) -> float:
    """When it was so late on the wall clock, which the kernel stamps with.

    On a busy host something may come between reading one clock and the other: of three readings the
    one with the least between counts.
    """
    readings = []
    for _ in range(3):
        before, now_ns, after = time.monotonic(), time.time_ns(), time.monotonic()
        readings.append((after - before, after - max(0, now_ns - wall_ns) / 1e9))
    return min(readings)[1]
