"""The front door: who may knock, our own routes, and what ministack must be told of a request."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .. import faults, peers
from ..invoker import Ledger
from ..settings import ACCOUNT_ID, LOOPBACK, REGION
from . import expressions, method_testing, signatures
from .lambda_limits import Problem, changes_function, in_progress, problem_of, versions_of_alias
from .signatures import needs_signature


@dataclass
class Call:
    """One HTTP request; `request_id` is filled in when it turns out to invoke a function.

    `direct` holds for a synchronous call of the Invoke API, whose answer goes out byte by byte;
    only then is `key_id` set, because only then does the caller wait. `client_context` is JSON.
    `payload` is the event of an Invoke, byte by byte. `headers` have their names as sent, of a call
    of a deployed API.
    """

    key_id: str = ""
    direct: bool = False
    client_context: str = ""
    payload: bytes | None = None
    headers: Sequence[tuple[str, str]] = ()
    request_id: str = ""
    executed_version: str = ""

    def sent(self, event: Any) -> bytes:
        """`event` as bytes: as they were sent, where this call sent it."""
        if self.payload is not None and (self.direct or json.loads(self.payload) == event):
            return self.payload
        return json.dumps(event, separators=(",", ":")).encode()


_current: ContextVar[Call] = ContextVar("lambdatuning_call")


def current_call() -> Call:
    """The call in progress; an empty one outside of any request."""
    return _current.get(None) or Call()


Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_DYNAMODB = b"DynamoDB_20120810."
_FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function"
_TYPE = "x-amz-invocation-type"
_LAMBDA_PATHS = ("/2015-03-31/functions", "/2018-10-31/layers")
_ACTION = re.compile(rb"(^|&)Action=")
_CREDENTIAL = re.compile(rb"Credential=([^/,\s]+)/")
_INVOKE = re.compile(r"^/2015-03-31/functions/[^/]+/invocations$")
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
_LOCAL_SUFFIXES = (".localhost", ".localhost.localstack.cloud", ".127.0.0.1")


class Gateway:
    """ASGI middleware around ministack."""

    def __init__(
        self,
        inner: App,
        facts: Callable[[], dict[str, object]],
        ledger: Ledger,
        host: str,
        is_environment: Callable[[str], bool] = lambda _: False,
        users: Collection[int] = (),
    ) -> None:
        """`is_environment` tells the access keys of our own execution environments, `users` are
        whom their processes belong to."""
        self._inner = inner
        self._facts = facts
        self._ledger = ledger
        self._names = (*_LOCAL_NAMES, host)
        self._is_environment = is_environment
        self._users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; see the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        as_sent = scope["headers"]
        scope = {**scope, "headers": [(name.lower(), value) for name, value in as_sent]}
        headers = dict(scope["headers"])
        if signatures.stage_of(headers.get(b"host", b"").decode("latin-1"), scope["path"]):
            pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in as_sent]
            _current.set(Call(headers=pairs))
        if refusal := self._refusal(scope, headers):
            await _refuse(scope, send, refusal)
        elif scope["path"].startswith("/_lambdatuning"):
            await self._own(scope, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send, headers)
        else:
            await self._inner(scope, receive, send)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes]
    ) -> None:
        """Hand a request on to ministack, by way of what is checked or kept of it here."""
        if _INVOKE.match(scope["path"]):
            await self._invoke(scope, receive, send, headers)
        elif _changes_lambda(scope):
            await self._lambda(scope, receive, send)
        elif headers.get(b"x-amz-target", b"").startswith(_DYNAMODB):
            await self._dynamodb(scope, receive, send)
        elif method_testing.is_one(scope["method"], scope["path"]):
            await self._test_invoke(scope, receive, send)
        elif service := needs_signature(call := _call(scope)):
            await self._signed(scope, receive, send, call, service)
        else:
            await self._inner(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        return (
            self._refusal_of_page(headers)
            or _refusal_of_link(scope, headers)
            or self._refusal_of_user(scope, headers)
        )

    def _refusal_of_user(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """Other users of this machine can connect as well; what they deploy would run as us."""
        client, server = scope.get("client"), scope.get("server")
        if not client or not server or server[0] not in LOOPBACK:
            return ""
        user = peers.user_of(tuple(client), tuple(server))
        # A function may change its user.
        if not peers.is_stranger(user) or user in self._users:
            return ""
        if self._is_environment(_key_id(headers)):
            return ""
        return f"this endpoint serves one user of this machine, not user {user}"

    def _refusal_of_page(self, headers: dict[bytes, bytes]) -> str:
        # A web page can make a browser send requests here, but not hide where it came from.
        site = headers.get(b"sec-fetch-site", b"none").decode("latin-1")
        if site not in ("none", "same-origin"):
            return f"a {site} request of a web page may not use this endpoint"
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_local(f"//{host}"):
            return f'host "{host}" is not this endpoint; use 127.0.0.1 or localhost'
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and not self._is_local(origin):
            return f'origin "{origin}" may not use this endpoint'
        return ""

    def _is_local(self, url: str) -> bool:
        try:
            name = urlsplit(url).hostname or ""
        except ValueError:
            return False
        return name in self._names or name.endswith(_LOCAL_SUFFIXES)

    async def _signed(
        self, scope: Scope, receive: Receive, send: Send, call: signatures.Call, service: str
    ) -> None:
        """Pass on a call of what AWS_IAM protects, if it is signed as it should be."""
        body = await _body(receive)
        if body is None:
            return
        refused = signatures.refusal(call, service, body, self._is_environment)
        if refused is None:
            if "authorization" not in call.headers:
                # ministack looks for a header alone, and this call is signed in its query.
                signed = (b"authorization", b"AWS4-HMAC-SHA256 in the query")
                scope = {**scope, "headers": [*scope["headers"], signed]}
            await self._inner(scope, _replayed(body, receive), send)
        else:
            header = (b"x-amzn-errortype", refused.error_type.encode())
            await _answer(send, 403, refused.body, (header,))

    async def _own(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["type"] == "http" and scope["path"] == "/_lambdatuning":
            await _answer(send, 200, self._facts())
        elif scope["type"] == "http" and scope["path"] == "/_lambdatuning/invocations":
            await self._invocations(send, query)
        else:
            await _refuse(scope, send, "no such route", status=404)

    async def _invocations(self, send: Send, query: dict[str, list[str]]) -> None:
        if "request_id" in query:
            await _answer(send, 200, self._ledger.of(query["request_id"]))
            return
        since = query.get("since", ["0"])[0]
        if not since.isdecimal():
            await _answer(send, 400, {"message": "since must be a sequence number"})
            return
        await _answer(send, 200, self._ledger.since(int(since)))

    async def _invoke(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes]
    ) -> None:
        kind = headers.get(b"x-amz-invocation-type", b"RequestResponse").decode("latin-1")
        waits = kind == "RequestResponse"
        payload = await _body(receive)
        limit = faults.MAX_PAYLOAD_BYTES if waits else faults.MAX_EVENT_BYTES
        if payload is None:
            return
        if kind not in ("RequestResponse", "Event", "DryRun"):
            await _refuse_call(send, problem_of(scope["method"], scope["path"], {_TYPE: kind}, b""))
        elif len(payload) > limit:
            await _refuse_payload(send, len(payload), limit)
        elif problem := _json_problem(payload):
            # ministack would hand an empty event to the function.
            await _fail(send, 400, "InvalidRequestContentException", problem)
        else:
            key_id = _key_id(headers) if waits else ""
            call = Call(key_id, waits, _client_context(headers), payload=payload or b"{}")
            _current.set(call)
            await self._inner(scope, _replayed(payload, receive), _with_request_id(send, call))

    async def _lambda(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a change of a function or layer, if Lambda would take it."""
        body = await _body(receive)
        if body is None:
            return
        call = _call(scope)
        problem = await asyncio.to_thread(
            problem_of, call.method, scope["path"], call.headers, body
        ) or await self._problem_of_progress(scope)
        problem = problem or await self._problem_of_alias(scope, body)
        if problem is None:
            await self._inner(scope, _replayed(body, receive), send)
        else:
            await _refuse_call(send, problem)

    async def _dynamodb(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a call of DynamoDB, if its expressions keep to the grammar."""
        body = await _body(receive)
        if body is None:
            return
        problem = expressions.problem_of(body) if b"Expression" in body else ""
        if not problem:
            await self._inner(scope, _replayed(body, receive), send)
            return
        kind = "com.amazon.coral.validate#ValidationException"
        await _answer(send, 400, {"__type": kind, "message": problem})

    async def _test_invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return

        async def ask(
            method: str, target: str, headers: Mapping[str, str], sent: bytes
        ) -> method_testing.Answer:
            path, _, query = target.partition("?")
            pairs = [*scope["headers"], (b"content-length", str(len(sent)).encode())]
            pairs = [pair for pair in pairs if pair[0] != b"content-length"] + pairs[-1:]
            if headers:
                pairs = [(n.lower().encode(), str(v).encode()) for n, v in headers.items()]
                _current.set(Call(headers=list(headers.items())))
            asked = {
                **scope,
                "method": method,
                "path": unquote(path),
                "raw_path": path.encode(),
                "query_string": query.encode(),
                "headers": pairs,
            }
            return await _asked(self._inner, asked, sent)

        status, _, text = await method_testing.answer(ask, scope["path"], body)
        await _answer(send, status, json.loads(text))

    async def _problem_of_alias(self, scope: Scope, body: bytes) -> Problem | None:
        """An alias leads to versions that exist."""
        for name, version in versions_of_alias(scope["method"], scope["path"], body):
            path = f"/2015-03-31/functions/{quote(name, safe=':')}/configuration"
            asked = {**scope, "method": "GET", "path": path, "raw_path": path.encode()}
            query = f"Qualifier={quote(version)}".encode()
            status, *_ = await _asked(self._inner, {**asked, "query_string": query})
            if status == 404:
                arn = name if name.startswith("arn:") else f"{_FUNCTION_ARN}:{name}"
                text = f"Function not found: {arn}:{version}"
                return Problem("ResourceNotFoundException", text, 404)
        return None

    async def _problem_of_progress(self, scope: Scope) -> Problem | None:
        name = changes_function(scope["method"], scope["path"])
        if not name:
            return None
        path = f"/2015-03-31/functions/{quote(name, safe=':')}/configuration"
        asked = {**scope, "method": "GET", "path": path, "raw_path": path.encode()}
        status, _, answer = await _asked(self._inner, {**asked, "query_string": b""})
        return in_progress(json.loads(answer)) if status == 200 else None


def _changes_lambda(scope: Scope) -> bool:
    return scope["method"] in ("POST", "PUT") and scope["path"].startswith(_LAMBDA_PATHS)


async def _asked(app: App, scope: Scope, body: bytes = b"") -> method_testing.Answer:
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
    return method_testing.Answer(status, headers, b"".join(parts))


def _refusal_of_link(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """What a link or a picture could do in a browser too old to tell where it comes from."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return ""
    if b"authorization" in headers or not _ACTION.search(scope["query_string"]):
        return ""
    return "an action by GET needs an Authorization header; use POST, as AWS's tools do"


def _call(scope: Scope) -> signatures.Call:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return signatures.Call(
        method=scope["method"],
        raw_path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
    )


async def _body(receive: Receive) -> bytes | None:
    """The whole request body; None when the client went away before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` from the beginning: the body that was read already, then what comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving


def _refuse_constant(name: str) -> None:
    # Python takes them, JSON does not have them.
    raise ValueError(f"Unrecognized token '{name}': was expecting ('true', 'false' or 'null')")


def _json_problem(payload: bytes) -> str:
    try:
        json.loads(payload or b"null", parse_constant=_refuse_constant)
    except ValueError as exc:
        return f"Could not parse request body into json: {exc}"
    except RecursionError:
        return "Could not parse request body into json: it is nested too deeply"
    return ""


def _with_request_id(send: Send, call: Call) -> Send:
    """`send`, with the invocation's own request id in the answer, as on AWS."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and call.request_id:
            ours = {b"x-amzn-requestid": call.request_id.encode()}
            if call.executed_version:
                ours[b"x-amz-executed-version"] = call.executed_version.encode()
            kept = [pair for pair in message["headers"] if pair[0].lower() not in ours]
            message["headers"] = [*kept, *ours.items()]
        await send(message)

    return sending


def _key_id(headers: dict[bytes, bytes]) -> str:
    match = _CREDENTIAL.search(headers.get(b"authorization", b""))
    return match.group(1).decode("latin-1") if match else ""


def _client_context(headers: dict[bytes, bytes]) -> str:
    """The client context as one line of JSON; what is no JSON is left out."""
    try:
        given = base64.b64decode(headers.get(b"x-amz-client-context", b""))
        return json.dumps(json.loads(given)) if given else ""
    except ValueError:
        return ""


async def _refuse_payload(send: Send, length: int, limit: int) -> None:
    text = (
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation; "
        f"this one has {length}"
    )
    await _fail(send, 413, "RequestTooLargeException", text)


async def _refuse_call(send: Send, problem: Problem | None) -> None:
    kind, message, status = problem or Problem("InternalError", "no reason", 500)
    await _fail(send, status, kind, message)


async def _fail(send: Send, status: int, kind: str, message: str) -> None:
    """An error of the Lambda API, in its form."""
    body = {"Type": "User", "message": message}
    await _answer(send, status, body, ((b"x-amzn-errortype", kind.encode()),))


async def _refuse(scope: Scope, send: Send, reason: str, status: int = 403) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await _answer(send, status, {"message": reason})


async def _answer(
    send: Send, status: int, content: object, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    body = json.dumps(content).encode()
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})
