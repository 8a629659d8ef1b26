"""The gateway: who may use the endpoint, and our own routes; all else is passed on."""

from collections.abc import Callable, Collection, Mapping
from urllib.parse import parse_qs, urlsplit

from .. import peers
from ..apis import asgi
from ..apis.asgi import App, Receive, Scope, Send
from ..apis.calls import credential_of
from ..invoker import Ledger
from ..settings import LOOPBACK
from . import signatures
from .signatures import needs_signature

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")
_LOCAL_SUFFIXES = (".localhost", ".localhost.localstack.cloud", ".127.0.0.1")


class Gateway:
    """ASGI middleware around everything else."""

    def __init__(
        self,
        inner: App,
        facts: Callable[[], dict[str, object]],
        ledger: Ledger,
        host: str,
        is_environment: Callable[[str], bool],
        users: Collection[int],
        why_not: Callable[[str, bool], str],
    ) -> None:
        """`is_environment` tells the access keys of our own execution environments, `users` are
        whom their processes belong to, `why_not` says why a runtime (or an image) cannot run."""
        self._inner = inner
        self._facts = facts
        self._ledger = ledger
        self._names = (*_LOCAL_NAMES, host)
        self._is_environment = is_environment
        self._users = users
        self._why_not = why_not

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; see the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        as_sent = scope["headers"]
        lowered = [(name.lower(), value) for name, value in as_sent]
        scope = {**scope, "headers": lowered, "as_sent": as_sent}
        headers = dict(lowered)
        if refusal := self._refusal(scope, headers):
            await _refuse(scope, send, refusal)
        elif scope["path"].startswith("/_lambdatuning"):
            await self._own(scope, send)
        elif scope["type"] == "http" and (service := needs_signature(call := _call(scope))):
            await self._signed(scope, receive, send, call, service)
        else:
            await self._inner(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        return (
            self._refusal_of_page(headers)
            or _refusal_of_link(scope, headers)
            or self._refusal_of_user(scope, headers)
        )

    def _refusal_of_user(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Other users of this machine can connect as well; what they deploy would run as us."""
        client, server = scope.get("client"), scope.get("server")
        if not client or not server or server[0] not in LOOPBACK:
            return ""
        user = peers.user_of(tuple(client), tuple(server))
        # A function may change its user.
        if not peers.is_stranger(user) or user in self._users:
            return ""
        if self._is_environment(credential_of(headers).key_id):
            return ""
        return f"this endpoint serves one user of this machine, not user {user}"

    def _refusal_of_page(self, headers: Mapping[bytes, bytes]) -> str:
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
        self, scope: Scope, receive: Receive, send: Send, call: signatures.SignedCall, service: str
    ) -> None:
        """Pass on a call of what AWS_IAM protects, if it is signed as it should be."""
        body = await asgi.read_body(receive)
        if body is None:
            return
        refusal = signatures.refusal(call, service, body, self._is_environment)
        if refusal is None:
            if "authorization" not in call.headers:
                # ministack looks for a header alone, and this call is signed in its query.
                signed = (b"authorization", b"AWS4-HMAC-SHA256 in the query")
                scope = {**scope, "headers": [*scope["headers"], signed]}
            await self._inner(scope, asgi.replayed(body, receive), send)
        else:
            header = (b"x-amzn-errortype", refusal.error_type.encode())
            await asgi.answer(send, 403, refusal.body, (header,))

    async def _own(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["type"] == "http" and scope["path"] == "/_lambdatuning":
            await asgi.answer(send, 200, self._facts())
        elif scope["type"] == "http" and scope["path"] == "/_lambdatuning/why-not":
            runtime, image = query.get("runtime", [""])[0], query.get("package") == ["Image"]
            await asgi.answer(send, 200, {"why": self._why_not(runtime, image)})
        elif scope["type"] == "http" and scope["path"] == "/_lambdatuning/invocations":
            await self._invocations(send, query)
        else:
            await _refuse(scope, send, "no such route", status=404)

    async def _invocations(self, send: Send, query: dict[str, list[str]]) -> None:
        if "request_id" in query:
            await asgi.answer(send, 200, self._ledger.of(query["request_id"]))
            return
        since = query.get("since", ["0"])[0]
        if not since.isdecimal():
            await asgi.answer(send, 400, {"message": "since must be a sequence number"})
            return
        await asgi.answer(send, 200, self._ledger.since(int(since)))


def _refusal_of_link(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """What a link or a picture could do in a browser too old to tell where it comes from."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return ""
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if b"authorization" in headers or "action" not in map(str.lower, query):
        return ""
    return "an action by GET needs an Authorization header; use POST, as AWS's tools do"


def _call(scope: Scope) -> signatures.SignedCall:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return signatures.SignedCall(
        method=scope["method"],
        raw_path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
    )


async def _refuse(scope: Scope, send: Send, reason: str, status: int = 403) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await asgi.answer(send, status, {"message": reason})
