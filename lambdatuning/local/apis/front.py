"""In front of ministack: calls that are refused, changed or answered as AWS would, by API."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from .. import faults
from ..settings import ACCOUNT_ID, REGION
from . import (
    asgi,
    expressions,
    http_apis,
    lambda_changes,
    lambda_limits,
    log_events,
    operations,
    rest_apis,
    stacks,
    state_machines,
)
from .asgi import App, HttpResponse, Message, Receive, Scope, Send, json_error, json_object
from .calls import INVOCATION_TYPES, Call, begin_call, credential_of
from .lambda_limits import (
    Problem,
    problem_of,
    problem_of_reference,
)

_DYNAMODB = "DynamoDB_20120810."
_TYPE = "x-amz-invocation-type"
_LAMBDA_PATHS = ("/2015-03-31/functions", "/2018-10-31/layers", "/2019-09-30/functions")
_INVOKE = re.compile(r"^/2015-03-31/functions/[^/]+/invocations$")
_PARTIAL_ARN = re.compile(r"^(/\d{4}-\d\d-\d\d/functions/)(?:\d{12}:)?function:(.+)$")
"""What Lambda takes for a function's name as well: 111122223333:function:name."""
_EXECUTE_HOST = re.compile(r"^([a-z0-9]+)\.execute-api\.")
_TAKEN_HOST = re.compile(r"^[a-f0-9]{8}\.execute-api\.127\.0\.0\.1(:\d+)?$")
"""The only names that ministack takes by itself."""
_EXECUTE_PATH = re.compile(r"^/_aws/execute-api/([^/]+)/([^/]*)(/.*)?$")
_LEGACY_PATH = re.compile(r"^/restapis/([^/]+)/([^/]+)/_user_request_(/.*)?$")
_URL_HOST = re.compile(r"^([a-z0-9]+)\.lambda-url\.")
_URL_PATH = re.compile(r"^/_aws/lambda-url/([^/]+)")
_STACKS = re.compile(rb"(?:^|&)Version=2010-05-15(?:&|$)")


def stage_of(host: str, path: str) -> tuple[str, str, str] | None:
    """API id, stage and path of a request to a deployed API; None for any other request."""
    if match := _EXECUTE_HOST.match(host):
        stage, _, rest = path.removeprefix("/").partition("/")
        return match[1], stage or "$default", f"/{rest}"
    if match := _EXECUTE_PATH.match(path) or _LEGACY_PATH.match(path):
        return match[1], match[2] or "$default", match[3] or "/"
    return None


def function_url_of(host: str, path: str) -> str:
    """The id of the function URL that a request is for; "" for any other request."""
    match = _URL_HOST.match(host) or _URL_PATH.match(path)
    return match[1] if match else ""


@dataclass
class Front:
    """ASGI middleware; headers come with their names in lower case, except in `scope["as_sent"]`.

    `inner` gets what the caller asks, as it comes; `services` is asked what we have to know.
    `streams` tells of a function URL by its id whether it streams. `before_stacks` is run once,
    before the first call of CloudFormation.
    """

    inner: App
    services: asgi.Services
    logs: log_events.LogWriter
    streams: Callable[[str], bool]
    before_stacks: Callable[[], None]
    _stacks_ready: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; ministack starts its clocks (of schedules, say) by `lifespan`."""
        if scope["type"] == "lifespan":
            await self.inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if partial := _PARTIAL_ARN.match(scope["path"]):
            path = f"{partial[1]}{partial[2]}"
            scope = {**scope, "path": path, "raw_path": quote(path, safe="/:$").encode()}
        if stage_of(host, scope["path"]):
            await self.inner(_deployed(scope, host), receive, send)
        elif url_id := function_url_of(host, scope["path"]):
            proxy = http_apis.function_url_proxy(streams=self.streams(url_id))
            begin_call(Call(headers=_as_sent(scope), proxy=proxy))
            await self.inner(scope, receive, send)
        elif scope["type"] != "http":
            await self.inner(scope, receive, send)
        elif _INVOKE.match(scope["path"]):
            await self._invoke(scope, receive, send, headers)
        else:
            await self._serve(scope, receive, send, headers)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]
    ) -> None:
        api, service = self._api(scope, headers), _service_of(scope, headers)
        if b"x-amz-target" in headers:
            send = _with_unknown_operations(send)
        if api is None and not service:
            await self.inner(scope, receive, send)
            return
        most = lambda_limits.MOST_REQUEST_BYTES if service == "lambda" else operations.MOST_BYTES
        try:
            body = await asgi.read_body(receive, most)
        except asgi.TooLargeError:
            await asgi.answer_as(send, _too_large_error(scope, service))
            return
        if body is None:
            return
        answer = _unreadable(scope, service, body) if service else None
        if answer is None and api is not None:
            answer = await api(scope, body)
        if answer is None:
            await self.inner(scope, asgi.replayed(body, receive), send)
        else:
            await asgi.answer_as(send, answer)

    def _api(
        self, scope: Scope, headers: Mapping[bytes, bytes]
    ) -> Callable[[Scope, bytes], Awaitable[HttpResponse | None]] | None:
        """What looks at a request before ministack does, if anything."""
        target = headers.get(b"x-amz-target", b"").decode("latin-1")
        method, path = scope["method"], scope["path"]
        if target:
            by_prefix = {
                _DYNAMODB: self._dynamodb,
                log_events.PREFIX: self._logs,
                state_machines.PREFIX: self._state_machines,
            }
            return by_prefix.get(f"{target.partition('.')[0]}.")
        if method in ("POST", "PUT") and path.startswith(_LAMBDA_PATHS):
            return self._lambda
        if rest_apis.is_test_invoke(method, path):
            return self._test_invoke
        if (method, path) == ("POST", "/v2/apis"):
            return self._create_http_api
        return self._queries if path == "/" else None

    # Lambda

    async def _invoke(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]
    ) -> None:
        kind = headers.get(_TYPE.encode(), b"RequestResponse").decode("latin-1")
        waits = kind == "RequestResponse"
        payload = await asgi.read_body(receive)
        limit = faults.MAX_PAYLOAD_BYTES if waits else faults.MAX_EVENT_BYTES
        if payload is None:
            return
        if kind not in INVOCATION_TYPES:
            problem = problem_of(scope["method"], scope["path"], {_TYPE: kind}, b"")
        elif len(payload) > limit:
            problem = _too_large(len(payload), limit)
        else:
            # ministack would hand an empty event to the function.
            problem = problem_of_reference(scope["path"], _region_of(scope)) or _problem_of_json(
                payload
            )
        context = "" if problem else _client_context(headers)
        if context is None:
            problem = _BAD_CONTEXT
        if problem is not None:
            await asgi.answer(send, *_refused(problem))
            return
        key_id = credential_of(headers).key_id if waits else ""
        call = Call(key_id, waits, context or "", payload=payload or b"{}")
        begin_call(call)
        await self.inner(scope, asgi.replayed(payload, receive), _with_request_id(send, call))

    async def _lambda(self, scope: Scope, body: bytes) -> HttpResponse | None:
        """A change of a function or layer, if Lambda would refuse it."""
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        problem = (
            await asyncio.to_thread(problem_of, scope["method"], scope["path"], headers, body)
            or problem_of_reference(scope["path"], _region_of(scope))
            or await lambda_changes.problem_of(self.services, scope, _region_of(scope), body)
        )
        return None if problem is None else _rest_error(problem)

    # What speaks JSON

    async def _dynamodb(self, scope: Scope, body: bytes) -> HttpResponse | None:
        del scope
        problem = expressions.problem_of(body) if b"Expression" in body else ""
        kind = "com.amazon.coral.validate#ValidationException"
        return json_error(kind, problem) if problem else None

    async def _logs(self, scope: Scope, body: bytes) -> HttpResponse | None:
        await self.logs.flush()
        if _operation(scope) != log_events.FILTER:
            return None
        request = _parsed(body)
        if problem := log_events.problem_of(request):
            return json_error("InvalidParameterException", problem)
        whole = json.dumps(log_events.whole(request)).encode()
        answer = await asgi.response(self.inner, _with_length(scope, len(whole)), whole)
        if answer.status != 200:
            return answer
        return HttpResponse(200, answer.headers, log_events.page(request, answer.body))

    async def _state_machines(self, scope: Scope, body: bytes) -> HttpResponse | None:
        async def ask(operation: str, arn: str, content: object) -> HttpResponse:
            target = f"{state_machines.PREFIX}{operation}"
            region, account_id = (arn.split(":") + [""] * 5)[3:5]
            owner = {"region": region or REGION, "account_id": account_id or ACCOUNT_ID}
            return await self.services.call("states", target, content, version="1.0", **owner)

        operation, request = _operation(scope), _parsed(body)
        refusal = await state_machines.refusal(operation, request, ask)
        if refusal is not None or operation not in state_machines.CHANGED:
            return refusal
        answer = await asgi.response(self.inner, scope, body)
        return await state_machines.changed(operation, request, answer, ask)

    # The query protocol and REST APIs

    async def _queries(self, scope: Scope, body: bytes) -> HttpResponse | None:
        query = body or scope["query_string"]
        if not _STACKS.search(query):
            return None
        if not self._stacks_ready:
            self.before_stacks()
            self._stacks_ready = True
        if parse_qs(query.decode("utf-8", "replace")).get("Action") != ["DescribeStacks"]:
            return None

        async def summary(name: str) -> HttpResponse:
            form = {"Action": "GetTemplateSummary", "StackName": name, "Version": "2010-05-15"}
            kind = {"content-type": "application/x-www-form-urlencoded"}
            return await self.services.ask(
                "cloudformation", "POST", "/", urlencode(form).encode(), kind,
                region=_region_of(scope),
            )  # fmt: skip

        answer = await asgi.response(self.inner, _with_length(scope, len(body)), body)
        text = await stacks.with_descriptions(answer.body.decode(), summary)
        return HttpResponse(answer.status, answer.headers, text.encode())

    async def _create_http_api(self, scope: Scope, body: bytes) -> HttpResponse | None:
        api = json_object(body)
        if "target" not in api:
            return None
        answer = await asgi.response(self.inner, scope, body)
        if answer.status == 201:
            api_id = json.loads(answer.body)["apiId"]
            await http_apis.quick_create(self.services, _region_of(scope), api_id, api)
        return answer

    async def _test_invoke(self, scope: Scope, body: bytes) -> HttpResponse | None:
        async def ask(
            method: str, target: str, headers: Mapping[str, str], sent: bytes
        ) -> HttpResponse:
            path, _, query = target.partition("?")
            sub_scope = _with_length(_changed(scope, method, path, query), len(sent))
            if headers:
                pairs = [(n.lower().encode(), str(v).encode()) for n, v in headers.items()]
                sub_scope = {**sub_scope, "headers": pairs}
                begin_call(Call(headers=list(headers.items())))
            return await asgi.response(self.inner, sub_scope, sent)

        return await rest_apis.test_invoke(ask, scope["path"], body)


def _as_sent(scope: Scope) -> list[tuple[str, str]]:
    pairs = scope.get("as_sent", scope["headers"])
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]


def _deployed(scope: Scope, host: str) -> Scope:
    """A call of a deployed API as ministack takes it, whatever host or path it came by."""
    begin_call(Call(headers=_as_sent(scope)))
    match = _EXECUTE_HOST.match(host)
    if match is None or _TAKEN_HOST.match(host):
        return scope
    before = f"/_aws/execute-api/{match[1]}"
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return {**scope, "path": before + scope["path"], "raw_path": before.encode() + raw}


def _changed(scope: Scope, method: str, path: str, query: str) -> Scope:
    return {
        **scope,
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
    }


def _with_length(scope: Scope, length: int) -> Scope:
    return {**scope, "headers": asgi.with_length(scope["headers"], length)}


def _service_of(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """The service whose JSON a request is held to; "" where it brings none."""
    signed_for = credential_of(headers).service
    if not signed_for and b"X-Amz-Credential=" in scope["query_string"]:
        return ""
    target = headers.get(b"x-amz-target", b"").decode("latin-1")
    return operations.service_of(target, scope["path"], signed_for)


def _unreadable(scope: Scope, service: str, body: bytes) -> HttpResponse | None:
    """The refusal of a call that its service cannot read."""
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    called = scope["method"], scope["path"], query, body
    why = operations.problem_of(service, target, *called)
    if not why:
        absent = "" if target else operations.absent_member(service, *called)
        return _rest_error(Problem("BadRequestException", absent)) if absent else None
    if target:
        return json_error("com.amazon.coral.service#SerializationException", why)
    parsed = service != "lambda" or not why.startswith("Could not parse")
    kind = "SerializationException" if parsed else "InvalidRequestContentException"
    return _rest_error(Problem(kind, why))


def _too_large_error(scope: Scope, service: str) -> HttpResponse:
    problem = lambda_limits.too_large(scope["method"], scope["path"])
    if service != "lambda":
        text = f"Request must be smaller than {operations.MOST_BYTES} bytes"
        problem = problem._replace(message=text)
    if b"x-amz-target" in dict(scope["headers"]):
        return json_error(problem.kind, problem.message, problem.status)
    return _rest_error(problem)


def _with_unknown_operations(send: Send) -> Send:
    """`send`, but for S3's answer to the call of a service that does not exist."""
    replaced = False

    async def sending(message: Message) -> None:
        nonlocal replaced
        if message["type"] == "http.response.start" and message["status"] == 405:
            replaced = True
            await asgi.answer_as(send, json_error("UnknownOperationException", ""))
        elif not replaced:
            await send(message)

    return sending


def _region_of(scope: Scope) -> str:
    return credential_of(dict(scope["headers"])).region or REGION


def _operation(scope: Scope) -> str:
    target: bytes = dict(scope["headers"]).get(b"x-amz-target", b"")
    return target.decode("latin-1").partition(".")[2]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _rest_error(problem: Problem) -> HttpResponse:
    status, content, (error,) = _refused(problem)
    pairs = [("content-type", "application/json"), ("x-amzn-errortype", error[1].decode())]
    return HttpResponse(status, pairs, json.dumps(content).encode())


def _refused(problem: Problem) -> tuple[int, object, tuple[tuple[bytes, bytes], ...]]:
    """An error of the Lambda API, in its form."""
    body = {"Type": "User", "message": problem.message}
    return problem.status, body, ((b"x-amzn-errortype", problem.kind.encode()),)


def _too_large(length: int, limit: int) -> Problem:
    text = (
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation; "
        f"this one has {length}"
    )
    return Problem("RequestTooLargeException", text, 413)


def _problem_of_json(payload: bytes) -> Problem | None:
    try:
        json.loads(payload or b"null", parse_constant=_refuse_constant)
    except ValueError as exc:
        text = f"Could not parse request body into json: {exc}"
    except RecursionError:
        text = "Could not parse request body into json: it is nested too deeply"
    else:
        return None
    return Problem("InvalidRequestContentException", text)


def _refuse_constant(name: str) -> None:
    # Python takes them, JSON does not have them.
    raise ValueError(f"Unrecognized token '{name}': was expecting ('true', 'false' or 'null')")


_BAD_CONTEXT = Problem(
    "InvalidRequestContentException",
    "Client context must be a valid Base64-encoded JSON object.",
)


def _client_context(headers: Mapping[bytes, bytes]) -> str | None:
    """The client context as one line of JSON, "" without any; None for what is none."""
    try:
        text = base64.b64decode(headers.get(b"x-amz-client-context", b""), validate=True)
        return json.dumps(json.loads(text)) if text else ""
    except (ValueError, RecursionError):
        return None


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
