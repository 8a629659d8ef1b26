"""The Runtime API (2018-06-01) of one execution environment.

It runs in whatever thread invokes: one selector watches the runtime's connections, its log pipe,
the end of its process and the deadline together, so that no invocation is handed between threads.
"""

import contextlib
import os
import selectors
import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Literal

from ..function import Request
from ..logs.printed import LogBuffer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class HttpRequest:
    """One parsed request; header names are lower case."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    body: bytes


def parse_request(buffer: bytes | bytearray) -> tuple[HttpRequest, bytes] | None:
    """The first request in `buffer` and what follows it, or None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(buffer[:end]).split(b"\r\n")
    method, path, _ = lines[0].split(b" ", 2)
    headers = _headers(lines[1:])
    content = _body(buffer, end + 4, headers)
    if content is None:
        return None
    body, rest = content
    return HttpRequest(method, path, headers, body), bytes(buffer[rest:])


def expects_continue(buffer: bytes | bytearray) -> bool:
    """Whether the client waits for `100 Continue` before it sends its body."""
    end = buffer.find(b"\r\n\r\n")
    return end > 0 and b"100-continue" in bytes(buffer[:end]).lower()


def build_answer(status: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole response, e.g. `answer("200 OK", {...}, b"{}")`."""
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def _headers(lines: list[bytes]) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _body(
    buffer: bytes | bytearray, start: int, headers: dict[bytes, bytes]
) -> tuple[bytes, int] | None:
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _chunked(buffer, start)
    end = start + int(headers.get(b"content-length", b"0"))
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunked(buffer: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    chunks: list[bytes] = []
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        start = line_end + 2 + size + 2
        if len(buffer) < start:
            return None
        if size == 0:
            return b"".join(chunks), start
        chunks.append(bytes(buffer[line_end + 2 : start - 2]))


# socket(7); the number that it has on every processor that Python names Linux for.
_STAMPS = getattr(socket, "SO_TIMESTAMPNS", 35)
_STAMP = struct.Struct("@ll")
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)
_STAMPED = sys.platform == "linux"


def stamp_arrivals(listener: socket.socket) -> None:
    """Have what arrives on the connections that `listener` accepts stamped.

    The kernel begins a moment later with it, if nobody else has asked yet.
    """
    if _STAMPED:
        listener.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)


def receive_stamped(connection: socket.socket, most_bytes: int) -> tuple[bytes, float]:
    """What is there to read and when the last of it arrived (`time.monotonic` seconds)."""
    if not _STAMPED:
        return connection.recv(most_bytes), time.monotonic()
    data, ancillary, _, _ = connection.recvmsg(most_bytes, _STAMP_SPACE)
    return data, time.monotonic() - _age_s(ancillary)


def _age_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Seconds since the stamp, which is of the wall clock; 0 without one."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _STAMPS:
            seconds, nanoseconds = _STAMP.unpack(value)
            age_ns: int = time.time_ns() - seconds * 10**9 - nanoseconds
            return max(0, age_ns) / 1e9
    return 0.0


EventKind = Literal["next", "response", "error", "init_error", "exit", "timeout"]
_ACCEPTED = build_answer("202 Accepted", {}, b'{"status":"OK"}\n')
_SEND_LIMIT = struct.pack("ll", 30, 0)
_READ_BYTES = 1 << 18
_MOST_BYTES = 64 << 20
"""A response may have 6 MB; what is larger is read, to be refused as AWS does, up to here."""


@dataclass(frozen=True)
class Event:
    """What the runtime did next, and the body that it sent along.

    `arrived` is when a request of its was here as a whole, `answered` when it got its answer
    (`time.monotonic` seconds); between them it waited for us.
    """

    kind: EventKind
    body: bytes = b""
    arrived: float = 0.0
    answered: float = 0.0


class _Connection:
    __slots__ = ("arrived", "buffer", "continued", "socket")

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.arrived = 0.0
        self.buffer = bytearray()
        self.continued = False


class RuntimeApi:
    """One listening socket on loopback and what is said on it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._listener.setblocking(False)
        stamp_arrivals(self._listener)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._connections: set[_Connection] = set()
        self._polling: _Connection | None = None
        self.polled = 0.0
        """When the runtime asked for an invocation last (`time.monotonic` seconds)."""
        self._log_fd = -1
        self.log = LogBuffer()

    @property
    def address(self) -> str:
        """`host:port` for AWS_LAMBDA_RUNTIME_API."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    @property
    def ready(self) -> bool:
        """Whether the runtime has asked for its next invocation."""
        return self._polling is not None

    def watch(self, log_fd: int, exit_fd: int) -> None:
        """Watch the pipe that the runtime prints to and a descriptor that tells of its end."""
        os.set_blocking(log_fd, False)
        self._log_fd = log_fd
        self._selector.register(log_fd, selectors.EVENT_READ, self._read_log)
        self._selector.register(exit_fd, selectors.EVENT_READ, None)

    def send(self, request: Request, deadline_ms: int) -> None:
        """Answer the runtime's pending poll; `ready` must hold. Raises OSError when it is gone."""
        connection, self._polling = self._polling, None
        if connection is None:
            raise ConnectionError("the runtime has not asked for an invocation")
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": request.invoked_arn,
            "Lambda-Runtime-Trace-Id": request.trace_id,
        }
        if request.client_context:
            headers["Lambda-Runtime-Client-Context"] = request.client_context
        connection.socket.sendall(build_answer("200 OK", headers, request.payload))

    def wait(self, deadline: float) -> Event:
        """The runtime's next act, or "timeout" at `deadline` (`time.monotonic` seconds)."""
        while (left := deadline - time.monotonic()) > 0:
            gone = False
            for key, _ in self._selector.select(left):
                if key.data is None:
                    gone = True
                    continue
                event: Event | None = key.data()
                if event is not None:
                    return event
            if gone:
                self.drain_log()
                return Event("exit")
        return Event("timeout")

    def drain_log(self) -> None:
        """Read what is in the log pipe now."""
        while self._read_pipe():
            pass

    def close(self) -> None:
        """Close every descriptor that this object opened."""
        for connection in self._connections:
            connection.socket.close()
        self._listener.close()
        self._selector.close()

    def _read_log(self) -> None:
        if not self._read_pipe():
            # The runtime closed its output: its end shows on the other descriptor.
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._log_fd)

    def _read_pipe(self) -> bool:
        if self._log_fd < 0:
            return False
        try:
            data = os.read(self._log_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        self.log.add(data)
        return bool(data)

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        # A limit that the kernel keeps: Python's own would cost a system call for each message.
        accepted.setblocking(True)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _SEND_LIMIT)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(accepted)
        self._connections.add(connection)
        self._selector.register(accepted, selectors.EVENT_READ, lambda: self._receive(connection))

    def _receive(self, connection: _Connection) -> Event | None:
        try:
            request = self._request(connection)
            return None if request is None else self._serve(connection, request)
        except (OSError, ValueError):
            # Gone, or not talking HTTP: any handler can connect here and send what it likes.
            self._drop(connection)
            return None

    def _request(self, connection: _Connection) -> HttpRequest | None:
        """The next request if it is there as a whole. Raises OSError, ValueError."""
        data, connection.arrived = receive_stamped(connection.socket, _READ_BYTES)
        if not data or len(connection.buffer) > _MOST_BYTES:
            raise ConnectionError("closed by the runtime, or too much to hold")
        connection.buffer += data
        parsed = parse_request(connection.buffer)
        if parsed is None:
            self._continue(connection)
            return None
        request, rest = parsed
        connection.buffer = bytearray(rest)
        connection.continued = False
        return request

    def _continue(self, connection: _Connection) -> None:
        if not connection.continued and expects_continue(connection.buffer):
            connection.continued = True
            connection.socket.sendall(CONTINUE)

    def _drop(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._connections.discard(connection)
        if self._polling is connection:
            self._polling = None

    def _serve(self, connection: _Connection, request: HttpRequest) -> Event | None:
        if request.path.endswith(b"/invocation/next"):
            self._polling = connection
            self.polled = connection.arrived
            return Event("next")
        kind = _kind_of(request.path)
        # Before it is sent: the runtime may have gone on by the time that we do.
        answered = time.monotonic()
        with contextlib.suppress(OSError):
            # It may be gone already, with its answer given.
            connection.socket.sendall(_ACCEPTED)
        return Event(kind, request.body, connection.arrived, answered) if kind else None


def _kind_of(path: bytes) -> EventKind | None:
    if path.endswith(b"/response"):
        return "response"
    if path.endswith(b"/init/error"):
        return "init_error"
    return "error" if path.endswith(b"/error") else None
