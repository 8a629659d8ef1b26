"""The HTTP request in progress, as those that serve it deeper down need it; and who signed it."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypedDict

_CREDENTIAL = re.compile(
    rb"Credential=(?P<key_id>[^/,\s]+)/[^/]*/(?P<region>[^/,\s]*)/(?P<service>[^/,\s]*)/"
)

INVOCATION_TYPES = ("RequestResponse", "Event", "DryRun")

IntegrationAnswer = tuple[int, dict[str, Any], bytes]
"""What an integration answers to ministack: status, headers and body."""
Integration = Callable[..., Awaitable[IntegrationAnswer]]
"""As ministack calls it: with the integration, and with the request by position."""


class InvocationResult(TypedDict, total=False):
    """How an invocation came out, as ministack takes it. `body` is what the function answered as
    bytes, its error as an object, or what a proxy made of either; `throttle` says that nothing
    ran."""

    body: Any
    log: str
    error: bool
    function_error: str
    throttle: bool


@dataclass(frozen=True)
class Credential:
    """With which key, for which region and service a request is signed; "" where it is not."""

    key_id: str = ""
    region: str = ""
    service: str = ""


def credential_of(headers: Mapping[bytes, bytes]) -> Credential:
    """The credential in the headers of a request, whose names are lower case."""
    match = _CREDENTIAL.search(headers.get(b"authorization", b""))
    parts = match.groupdict() if match else {}
    return Credential(**{name: part.decode("latin-1") for name, part in parts.items()})


@dataclass(frozen=True)
class Proxy:
    """What a proxy integration adds to the event that ministack makes, given the headers as sent,
    and the HTTP answer that it makes of a result."""

    completed: Callable[[dict[str, Any], Sequence[tuple[str, str]]], dict[str, Any]]
    answered: Callable[[InvocationResult], InvocationResult]


@dataclass
class Call:
    """One HTTP request; `request_id` is filled in when it turns out to invoke a function.

    `direct` holds for a synchronous call of the Invoke API, whose answer goes out byte by byte;
    only then is `key_id` set, because only then does the caller wait. `client_context` is JSON.
    `payload` is the event of an Invoke, byte by byte. `headers` have their names as sent, of a call
    of a deployed API; `proxy` is there while a proxy integration of it calls its function.
    """

    key_id: str = ""
    direct: bool = False
    client_context: str = ""
    payload: bytes | None = None
    headers: Sequence[tuple[str, str]] = ()
    proxy: Proxy | None = None
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


def begin_call(call: Call) -> None:
    """Make `call` the one in progress in this context."""
    _current.set(call)
