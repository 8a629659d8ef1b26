"""The Runtime API (2018-06-01) and the Extensions API (2020-01-01) of one execution environment.

It runs in whatever thread invokes: one `poll` watches the runtime's connections, its log pipe,
the end of its process and the deadline together, so that no invocation is handed between threads.

Other processes can reach its port, so who connects must be of this user, a browser is refused by
what it cannot leave out of its requests, and a response counts only under the id of the request
that it answers, which nobody else knows.
"""

import base64
import contextlib
import json
import os
import select
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from .. import peers
from ..function import FunctionSpec, Request
from ..logs.printed import LogBuffer
from .http_messages import (
    CONTINUE,
    HttpRequest,
    RequestReader,
    build_answer,
    receive_stamped,
    stamp_arrivals,
)

EventKind = (
    Literal["next", "response", "error", "init_error", "extension_error"]
    | Literal["extension_end", "exit", "timeout"]
)
RUNTIME = b"/2018-06-01/runtime/"
EXTENSION = b"/2020-01-01/extension/"
_SUBSCRIPTIONS = {b"/2022-07-01/telemetry": "Telemetry", b"/2020-08-15/logs": "Logs"}
_LOOPBACK = ("127.0.0.1", "localhost", "")
_ACCEPTED = build_answer("202 Accepted", {}, b'{"status":"OK"}\n')
_READ_BYTES = 1 << 16
"""At a time, as much as a pipe holds: see `limiters.processes`."""
_MOST_READS = 64
"""Of the log pipe at a time: a process that prints without end must not hold us there."""
_MOST_CONNECTIONS = 64


class Event(NamedTuple):
    """What the runtime did next, and the body that it sent along.

    `arrived` is when a request of its was here as a whole, `answered` when it got its answer
    (`time.monotonic` seconds); between them it waited for us.
    """

    kind: EventKind
    body: bytes = b""
    arrived: float = 0.0
    answered: float = 0.0


class _Connection:
    __slots__ = ("arrived", "continued", "reader", "socket")

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.arrived = 0.0
        self.reader = RequestReader()
        self.continued = False


@dataclass
class _Extension:
    """A registered extension; `polling` is where it waits for its next event."""

    name: str
    events: Collection[str]
    polling: _Connection | None = None
    connections: list[_Connection] = field(default_factory=list)


class RuntimeApi:
    """One listening socket on loopback and what is said on it."""

    def __init__(self, spec: FunctionSpec | None = None, users: Collection[int] = ()) -> None:
        """`users` may connect besides root and the user of this process."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._listener.setblocking(False)
        stamp_arrivals(self._listener)
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], None] | None] = {}
        self._heed(self._listener.fileno(), self._accept)
        self._host = self.address.encode()
        self._spec = spec
        self._users = users
        self._connections: set[_Connection] = set()
        self._polling: _Connection | None = None
        self._extensions: dict[bytes, _Extension] = {}
        self._current = b""
        self._events: deque[Event] = deque()
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
        """Whether the runtime and every extension have asked for what comes next."""
        if self._polling is None:
            return False
        return not self._extensions or self.extensions_ready(len(self._extensions))

    def extensions_ready(self, count: int) -> bool:
        """Whether `count` extensions have registered and asked for their next event."""
        return sum(1 for one in self._extensions.values() if one.polling) >= count

    def extensions(self) -> list[tuple[str, str, list[str]]]:
        """The name of each registered extension, its state in AWS's words, and its events."""
        return [
            (one.name, "Ready" if one.polling else "Registered", list(one.events))
            for one in self._extensions.values()
        ]

    def watch(self, log_fd: int, exit_fd: int) -> None:
        """Watch the pipe that the runtime prints to and a descriptor that tells of its end."""
        os.set_blocking(log_fd, False)
        self._log_fd = log_fd
        self._heed(log_fd, self._read_log)
        self._heed(exit_fd, None)

    def watch_extensions(self, ends_fd: int) -> None:
        """Watch what is told of extensions that end: a line each (see `mounts.write_script`)."""
        self._heed(ends_fd, partial(self._read_ends, ends_fd))

    def _read_ends(self, ends_fd: int) -> None:
        for line in os.read(ends_fd, _READ_BYTES).splitlines():
            self._events.append(Event("extension_end", line))

    def send(self, request: Request, deadline_ms: int, deadline: float = 0.0) -> None:
        """Answer the runtime's pending poll; `ready` must hold. Raises OSError when it is gone.

        `deadline_ms` is told to the function (Unix time), until `deadline` (`time.monotonic`
        seconds; 0: not at all) is waited for a reader: TimeoutError then.
        """
        connection, self._polling = self._polling, None
        if connection is None:
            raise ConnectionError("the runtime has not asked for an invocation")
        self._current = request.request_id.encode()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": request.invoked_arn,
            "Lambda-Runtime-Trace-Id": request.trace_id,
        }
        if request.client_context:
            headers["Lambda-Runtime-Client-Context"] = request.client_context
        for extension in self._extensions.values():
            self._tell(extension, _invoke_event(request, deadline_ms))
        _send_all(connection.socket, build_answer("200 OK", headers, request.payload), deadline)

    def shut_down(self, reason: str, deadline: float) -> None:
        """Tell every extension that asked for it of the end, and wait for theirs until then."""
        left_ms = max(0, int((deadline - time.monotonic()) * 1e3))
        event = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason,
            "deadlineMs": int(time.time() * 1e3) + left_ms,
        }
        waiting = [one for one in self._extensions.values() if self._tell(one, event)]
        while any(one.connections for one in waiting):
            if self.wait(deadline).kind in ("timeout", "exit"):
                return

    def wait(self, deadline: float) -> Event:
        """The runtime's next act, or "timeout" at `deadline` (`time.monotonic` seconds)."""
        while not self._events:
            left = deadline - time.monotonic()
            if left <= 0:
                return Event("timeout")
            closed = False
            for read in [self._readers[one] for one, _ in self._poll.poll(left * 1e3)]:
                if read is None:
                    closed = True
                else:
                    read()
            if closed and not self._events:
                self.drain_log()
                return Event("exit")
        return self._events.popleft()

    def drain_log(self) -> None:
        """Read what is in the log pipe now."""
        for _ in range(_MOST_READS):
            if not self._read_pipe():
                return

    def close(self) -> None:
        """Close every descriptor that this object opened."""
        for connection in self._connections:
            connection.socket.close()
        self._listener.close()

    # --- what comes in

    def _heed(self, descriptor: int, read: Callable[[], None] | None) -> None:
        """Watch a descriptor: `read` is called when it is readable; None is for the end."""
        self._readers[descriptor] = read
        self._poll.register(descriptor, select.POLLIN)

    def _ignore(self, descriptor: int) -> None:
        if self._readers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def _read_log(self) -> None:
        if not self._read_pipe():
            # The runtime closed its output: its end shows on the other descriptor.
            self._ignore(self._log_fd)

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
        with contextlib.suppress(OSError):  # gone again, or no descriptor is left
            accepted, client = self._listener.accept()
            user = peers.user_of(client, self._listener.getsockname())
            if len(self._connections) >= _MOST_CONNECTIONS or (
                peers.is_stranger(user) and user not in self._users
            ):
                accepted.close()
                return
            accepted.setblocking(True)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(accepted)
            self._connections.add(connection)
            self._heed(accepted.fileno(), partial(self._receive, connection))

    def _receive(self, connection: _Connection) -> None:
        try:
            data, connection.arrived = receive_stamped(connection.socket, _READ_BYTES)
            if not data:
                raise ConnectionError("closed by the runtime")
            connection.reader.feed(data)
            while (request := connection.reader.next()) is not None:
                connection.continued = False
                self._serve(connection, request)
            self._continue(connection)
        except (OSError, ValueError):
            # Gone, or not talking HTTP: any handler can connect here and send what it likes.
            self._drop(connection)

    def _continue(self, connection: _Connection) -> None:
        if not connection.continued and connection.reader.expects_continue:
            connection.continued = True
            _send_now(connection.socket, CONTINUE)

    def _drop(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        self._ignore(connection.socket.fileno())
        connection.socket.close()
        self._connections.discard(connection)
        if self._polling is connection:
            self._polling = None
        for extension in self._extensions.values():
            if connection in extension.connections:
                extension.connections.remove(connection)
            if extension.polling is connection:
                extension.polling = None

    # --- routes

    def _serve(self, connection: _Connection, request: HttpRequest) -> None:
        path = request.path.partition(b"?")[0]
        if self._comes_from_elsewhere(request.headers):
            _refuse(connection, "403 Forbidden", "Forbidden", "web pages may not use this API")
        elif path.startswith(RUNTIME):
            self._serve_runtime(connection, request, path.removeprefix(RUNTIME))
        elif path.startswith(EXTENSION):
            self._serve_extension(connection, request, path.removeprefix(EXTENSION))
        elif request.method == b"PUT" and path in _SUBSCRIPTIONS:
            # As AWS's own emulator answers: nothing fails by it.
            name = _SUBSCRIPTIONS[path]
            text = f"{name} API is not supported"
            _refuse(connection, "202 Accepted", f"{name}.NotSupported", text)
        else:
            _refuse_route(connection)

    def _comes_from_elsewhere(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser sends this, or a name that is not ours leads here (DNS rebinding)."""
        if b"origin" in headers or b"sec-fetch-site" in headers:
            return True
        host = headers.get(b"host", b"")
        return host != self._host and not _is_loopback(host)

    def _serve_runtime(self, connection: _Connection, request: HttpRequest, route: bytes) -> None:
        if (request.method, route) == (b"GET", b"invocation/next"):
            self._polling = connection
            self.polled = connection.arrived
            self._events.append(Event("next"))
        elif request.method != b"POST":
            _refuse_route(connection)
        elif route == b"init/error":
            self._accept_post(connection, "init_error", request.body)
        else:
            self._serve_invocation(connection, request, route)

    def _serve_invocation(
        self, connection: _Connection, request: HttpRequest, route: bytes
    ) -> None:
        invocation, request_id, last = (*route.split(b"/"), b"", b"", b"")[:3]
        if invocation != b"invocation" or last not in (b"response", b"error"):
            _refuse_route(connection)
        elif not self._current or request_id != self._current:
            _refuse(connection, "400 Bad Request", "InvalidRequestID", "Invalid request ID")
        else:
            self._current = b""
            kind, body = _outcome(last, request)
            self._accept_post(connection, kind, body)

    def _accept_post(self, connection: _Connection, kind: EventKind, body: bytes) -> None:
        # Before it is sent: the runtime may have gone on by the time that we do.
        answered = time.monotonic()
        self._events.append(Event(kind, body, connection.arrived, answered))
        with contextlib.suppress(OSError):
            # It may be gone already, with its answer given.
            _send_now(connection.socket, _ACCEPTED)

    def _serve_extension(self, connection: _Connection, request: HttpRequest, route: bytes) -> None:
        ident = request.headers.get(b"lambda-extension-identifier", b"")
        extension = self._extensions.get(ident)
        if (request.method, route) == (b"POST", b"register"):
            self._register(connection, request)
        elif extension is None:
            text = "Invalid extension identifier"
            _refuse(connection, "403 Forbidden", "Extension.InvalidExtensionIdentifier", text)
        elif (request.method, route) == (b"GET", b"event/next"):
            extension.polling = connection
            if connection not in extension.connections:
                extension.connections.append(connection)
            self.polled = max(self.polled, connection.arrived)
            self._events.append(Event("next"))
        elif request.method == b"POST" and route in (b"init/error", b"exit/error"):
            kind = request.headers.get(b"lambda-extension-function-error-type", b"Extension.Error")
            body = {"errorType": kind.decode("latin-1"), "errorMessage": extension.name}
            self._accept_post(connection, "extension_error", json.dumps(body).encode())
        else:
            _refuse_route(connection)

    def _register(self, connection: _Connection, request: HttpRequest) -> None:
        name = request.headers.get(b"lambda-extension-name", b"").decode("latin-1")
        events = _subscribed(request.body)
        if not name or events is None:
            text = "name an extension and the events INVOKE, SHUTDOWN or none"
            _refuse(connection, "400 Bad Request", "Extension.InvalidRequest", text)
            return
        ident = str(uuid.uuid4())
        self._extensions[ident.encode()] = _Extension(name, events)
        spec = self._spec
        body = {
            "functionName": spec.name if spec else "",
            "functionVersion": spec.version if spec else "",
            "handler": spec.handler if spec else "",
        }
        if b"accountId" in request.headers.get(b"lambda-extension-accept-feature", b""):
            body["accountId"] = spec.account_id if spec else ""
        headers = {"Lambda-Extension-Identifier": ident}
        answer = build_answer("200 OK", headers, json.dumps(body).encode())
        _send_now(connection.socket, answer)

    def _tell(self, extension: _Extension, event: dict[str, object]) -> bool:
        """Hand an event to an extension that waits for it; whether it did."""
        if extension.polling is None or event["eventType"] not in extension.events:
            return False
        connection, extension.polling = extension.polling, None
        headers = {"Lambda-Extension-Event-Identifier": str(uuid.uuid4())}
        with contextlib.suppress(OSError):
            answer = build_answer("200 OK", headers, json.dumps(event).encode())
            _send_now(connection.socket, answer)
        return True


def _outcome(last: bytes, request: HttpRequest) -> tuple[EventKind, bytes]:
    """What was posted: a stream that broke off tells its error in its trailers."""
    if last == b"error":
        return "error", request.body
    if b"lambda-runtime-function-error-type" not in request.headers:
        return "response", request.body
    encoded = request.headers.get(b"lambda-runtime-function-error-body", b"")
    return "error", base64.b64decode(encoded) or request.body


def _is_loopback(host: bytes) -> bool:
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:
        return False
    return name in _LOOPBACK


def _invoke_event(request: Request, deadline_ms: int) -> dict[str, object]:
    return {
        "eventType": "INVOKE",
        "deadlineMs": deadline_ms,
        "requestId": request.request_id,
        "invokedFunctionArn": request.invoked_arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": request.trace_id},
    }


def _subscribed(body: bytes) -> Collection[str] | None:
    """The events that an extension registers for; None for what AWS refuses."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return None
    events = request.get("events", []) if isinstance(request, dict) else None
    if not isinstance(events, list) or not set(map(str, events)) <= {"INVOKE", "SHUTDOWN"}:
        return None
    return events


def _refuse(connection: _Connection, status: str, kind: str, message: str) -> None:
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    _send_now(connection.socket, build_answer(status, {}, body))


def _refuse_route(connection: _Connection) -> None:
    _refuse(connection, "404 Not Found", "NotFound", "404 page not found")


def _send_now(connection: socket.socket, data: bytes) -> None:
    """Send a short answer without waiting: who does not read is let go. Raises OSError."""
    if connection.send(data, socket.MSG_DONTWAIT) < len(data):
        raise ConnectionError("the answer is not read")


def _send_all(connection: socket.socket, data: bytes, deadline: float) -> None:
    """Send it all, waiting for a reader until `deadline`. Raises OSError, TimeoutError then."""
    view = memoryview(data)
    while view:
        try:
            view = view[connection.send(view, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the event is not read") from None
            writable = select.poll()
            writable.register(connection, select.POLLOUT)
            writable.poll(left_s * 1e3)
