"""ASGI in a few names: its types, bodies, answers, and asking an application in this process."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from ..settings import ACCESS_KEY_ID, ACCOUNT_ID, LOOPBACK, REGION

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class HttpResponse(NamedTuple):
    """An answer over HTTP, in full; the names of headers as they were given."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The last header of this name (lower case); "" for none."""
        return next((v for n, v in reversed(self.headers) if n.lower() == name), "")


class TooLargeError(Exception):
    """A request body is longer than its reader takes."""


async def read_body(receive: Receive, most: float = math.inf) -> bytes | None:
    """The whole request body; None when the client went away before its end.

    Raises `TooLargeError` as soon as there are more than `most` bytes of it.
    """
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > most:
            raise TooLargeError
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` from the beginning: the body that was read already, then what comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


async def response(app: App, scope: Scope, body: bytes = b"") -> HttpResponse:
    """What `app` answers to a request."""
    status = 0
    parts: list[bytes] = []
    headers: list[tuple[str, str]] = []

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        headers.extend(
            (n.decode("latin-1"), v.decode("latin-1")) for n, v in message.get("headers", ())
        )
        parts.append(message.get("body", b""))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    await app(scope, receive, send)
    return HttpResponse(status, headers, b"".join(parts))


async def answer(
    send: Send, status: int, content: object, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answer with `content` as JSON."""
    text = json.dumps(content).encode()
    fixed = ((b"content-type", b"application/json"),)
    await answer_bytes(send, status, text, (*fixed, *headers))


async def answer_bytes(
    send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """Answer with a body as it is."""
    pairs = with_length(headers, len(body))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def answer_as(send: Send, reply: HttpResponse) -> None:
    """Answer with what was answered elsewhere."""
    pairs = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in reply.headers]
    await answer_bytes(send, reply.status, reply.body, tuple(pairs))


def json_error(kind: str, message: str, status: int = 400) -> HttpResponse:
    """An error of a service that speaks AWS's JSON protocol."""
    body = json.dumps({"__type": kind, "message": message}).encode()
    return HttpResponse(status, [("content-type", "application/x-amz-json-1.0")], body)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is; an empty one for anything else."""
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


Headers = Iterable[tuple[bytes, bytes]]


def with_length(headers: Headers, length: int) -> list[tuple[bytes, bytes]]:
    """The headers of a request or an answer whose body now has another length."""
    kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
    return [*kept, (b"content-length", str(length).encode())]


class Services:
    """The public APIs of ministack's services, asked without a socket, as their owner.

    For the event loop that serves requests alone.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that serves requests."""
        assert self._loop is not None, "no request was served yet"
        return self._loop

    async def serving(self, server: Awaitable[None]) -> None:
        """Run `server` on the event loop that serves requests."""
        self._loop = asyncio.get_running_loop()
        await server

    async def ask(
        self,
        service: str,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        region: str = REGION,
        account_id: str = ACCOUNT_ID,
    ) -> HttpResponse:
        """Send a request for `target` (path and query) to a service."""
        # A key of twelve digits is how ministack is told of another account.
        key_id = ACCESS_KEY_ID if account_id == ACCOUNT_ID else account_id
        credential = f"{key_id}/20260101/{region}/{service}/aws4_request"
        pairs = {
            "host": f"{LOOPBACK[0]}:{self._port}",
            "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, "
            "Signature=0",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        return await response(self._app, self._scope(method, target, pairs), body)

    def _scope(self, method: str, target: str, headers: Mapping[str, str]) -> Scope:
        path, _, query = target.partition("?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()],
            "client": (LOOPBACK[0], 0),
            "server": (LOOPBACK[0], self._port),
        }

    async def call(
        self, service: str, target: str, content: object, *, version: str = "1.1", **owner: str
    ) -> HttpResponse:
        """Call an operation of a service that speaks AWS's JSON protocol; `owner` names another
        `region` or `account_id`."""
        headers = {"x-amz-target": target, "content-type": f"application/x-amz-json-{version}"}
        body = json.dumps(content).encode()
        return await self.ask(service, "POST", "/", body, headers, **owner)
