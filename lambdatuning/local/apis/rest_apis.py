"""Lambda integrations of REST APIs: what the function gets and what its answer becomes, as on AWS.

ministack routes, authorizes and throttles; from the integration on, this is in its place. So is
TestInvokeMethod, which calls a method by a stage made for the moment. Shapes and limits: "Lambda
proxy integrations in API Gateway", "Set up Lambda custom integrations", and the quotas of REST APIs
in the API Gateway Developer Guide.
"""

import asyncio
import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ..settings import ACCOUNT_ID, LOOPBACK, REGION
from . import asgi
from .calls import (
    INVOCATION_TYPES,
    Integration,
    IntegrationAnswer,
    InvocationResult,
    Proxy,
    begin_call,
    current_call,
)
from .templates.json_paths import JsonPathError, at_path
from .templates.mapping import TemplateError, TemplateRequest, rendered

LIMIT_S = 29.0
MOST_BYTES = 10_485_760

_SENT_HEADER = "integration.request.header."
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_FUNCTION = re.compile(r"functions/(.+)/invocations$")
_ADDED = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}
_IDENTITY = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "user", "userArn"),
        *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
        "principalOrgId",
    )
)


def proxied(invoke: Integration) -> Integration:
    """`invoke`, a proxy integration, within limits; the function is called through its proxy. It is
    called by position with API id, stage name, stage, resource, path, method, headers, body, query
    and path parameters."""

    async def invoked(
        integration: Any, api_id: str, stage_name: str, stage: Any, *args: Any, **keywords: Any
    ) -> IntegrationAnswer:
        begin_call(replace(current_call(), proxy=Proxy(completed, proxy_result)))
        uri = with_variables(str(integration.get("uri", "")), stage.get("variables") or {})
        whole = {**integration, "uri": uri}
        return await invoke(whole, api_id, stage_name, stage, *args, **keywords)

    return within_limits(invoked)


def completed(event: dict[str, Any], sent: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The event of a proxy integration, with header names as sent and those that AWS adds."""
    event = dict(event)
    # The version is told by HTTP APIs alone.
    event.pop("version", None)
    multi = {**event["multiValueHeaders"]} if not sent else {}
    for name, value in sent:
        multi.setdefault(name, []).append(value)
    present = {name.lower() for name in multi}
    context = event["requestContext"]
    root = trace(int(context["requestTimeEpoch"]), str(context["requestId"]))
    for name, value in {**_ADDED, "X-Amzn-Trace-Id": f"Root={root}"}.items():
        if name.lower() not in present:
            multi[name] = [value]
    event["multiValueHeaders"] = multi
    event["headers"] = {name: values[-1] for name, values in multi.items()}
    host = next((v[-1] for name, v in multi.items() if name.lower() == "host"), "")
    event["requestContext"] = {
        **context,
        "identity": {**_IDENTITY, **context["identity"]},
        "domainName": host,
        "domainPrefix": context["apiId"],
    }
    return event


def trace(at_ms: int, request_id: str) -> str:
    """The root of the trace of a request that came `at_ms` after 1970."""
    return f"1-{at_ms // 1000:08x}-{request_id.replace('-', '')[:24]}"


def proxy_result(result: InvocationResult) -> InvocationResult:
    """The result that stands for the HTTP answer to a proxy function's; 502 for what is none."""
    response = None if result.get("error") else shaped(result.get("body"))
    body = response or _failure(502, "Internal server error", "InternalServerErrorException")
    return {"body": body, "log": result.get("log", "")}


def shaped(payload: Any) -> dict[str, Any] | None:
    """A proxy response with its values in their types; None where it is malformed."""
    try:
        response = json.loads(payload) if isinstance(payload, bytes | str) else payload
    except ValueError:
        return None
    if not isinstance(response, dict):
        return None
    status, body = _status(response.get("statusCode")), response.get("body")
    headers, multi = response.get("headers"), response.get("multiValueHeaders")
    if status is None or not (body is None or isinstance(body, str)):
        return None
    if not (_is_plain(headers) and _is_listed(multi)):
        return None
    return {
        **response,
        "statusCode": status,
        "body": body or "",
        "headers": {name: _text(value) for name, value in (headers or {}).items()},
        "multiValueHeaders": {
            name: [_text(one) for one in values] for name, values in (multi or {}).items()
        },
    }


def _status(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return int(text) if re.fullmatch(r"[1-5]\d\d", text) else None


def _is_plain(headers: Any) -> bool:
    if headers is None:
        return True
    scalars = (str, int, float, bool, type(None))
    return isinstance(headers, dict) and all(isinstance(v, scalars) for v in headers.values())


def _is_listed(headers: Any) -> bool:
    if headers is None:
        return True
    return isinstance(headers, dict) and all(isinstance(v, list) for v in headers.values())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _failure(status: int, message: str, kind: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
    return {"statusCode": status, "headers": headers, "body": json.dumps({"message": message})}


def _failed(
    status: int, message: str, kind: str = "InternalServerErrorException"
) -> IntegrationAnswer:
    failure = _failure(status, message, kind)
    return status, failure["headers"], failure["body"].encode()


def within_limits(invoke: Integration) -> Integration:
    """`invoke`, for at most the integration's time and 10 MB."""

    async def invoked(integration: Any, *args: Any, **keywords: Any) -> IntegrationAnswer:
        body = args[7] if len(args) > 7 else b""
        if len(body or b"") > MOST_BYTES:
            text = f"HTTP content length exceeded {MOST_BYTES} bytes."
            return _failed(413, text, "RequestTooLargeException")
        limit_s = float(integration.get("timeoutInMillis") or LIMIT_S * 1e3) / 1e3
        running = asyncio.ensure_future(invoke(integration, *args, **keywords))
        # The function goes on, as it does on AWS.
        done, _ = await asyncio.wait({running}, timeout=limit_s)
        return running.result() if done else _failed(504, "Endpoint request timed out")

    return invoked


def custom(services: asgi.Services) -> Integration:
    """A custom integration: the templates make the event, and the answer of the result."""

    async def invoke(integration: Any, *args: Any, **keywords: Any) -> IntegrationAnswer:
        request = _request(args, keywords)
        try:
            return await _exchanged(services, integration, request)
        except (TemplateError, JsonPathError) as exc:
            return _failed(500, f"the mapping template cannot be used: {exc}")

    return within_limits(invoke)


def _request(args: Sequence[Any], keywords: Mapping[str, Any]) -> TemplateRequest:
    """What templates can ask for, from what ministack hands to an integration."""
    api_id, stage_name, stage, resource, path, method, headers, body, query, path_params = args
    texts = {
        name: value if isinstance(value, str) else value[-1] for name, value in headers.items()
    }
    context = {
        **_context(texts, keywords),
        "apiId": api_id,
        "domainPrefix": api_id,
        "httpMethod": method,
        "path": f"/{stage_name}{path}",
        "resourceId": resource["id"],
        "resourcePath": resource["path"],
        "stage": stage_name,
    }
    return TemplateRequest(
        body=(body or b"").decode("utf-8", "replace"),
        path=path_params or {},
        querystring={name: values[-1] for name, values in (query or {}).items()},
        header=dict(current_call().headers) or texts,
        context=context,
        stage_variables=stage.get("variables") or {},
    )


def _context(headers: Mapping[str, str], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """What `$context` tells of who asks, and when."""
    request_id = str(uuid.uuid4())
    return {
        "accountId": keywords.get("owner_account_id") or ACCOUNT_ID,
        "authorizer": keywords.get("authorizer_context") or {},
        "domainName": headers.get("host", ""),
        "extendedRequestId": request_id,
        "identity": {
            "sourceIp": LOOPBACK[0],
            "userAgent": headers.get("user-agent", ""),
            **(keywords.get("caller_identity") or {}),
        },
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "requestTime": datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(time.time() * 1e3),
    }


async def _exchanged(
    services: asgi.Services, integration: Mapping[str, Any], request: TemplateRequest
) -> IntegrationAnswer:
    kind = next((v for n, v in request.header.items() if n.lower() == "content-type"), "")
    template = _template(integration.get("requestTemplates"), kind)
    text = request.body if template is None else rendered(template, request)
    try:
        json.loads(text if text.strip() else "{}")
    except ValueError as exc:
        return _failed(400, f"Could not parse request body into json: {exc}", "BadRequestException")
    function = _function(str(integration.get("uri", "")), request)
    headers = dict(_sent_headers(integration.get("requestParameters") or {}, request))
    if headers.get("x-amz-invocation-type", "RequestResponse") not in INVOCATION_TYPES:
        return _failed(500, "Internal server error")
    answer = await services.ask(
        "lambda",
        "POST",
        f"/2015-03-31/functions/{quote(function, safe=':')}/invocations",
        (text if text.strip() else "{}").encode(),
        headers,
        region=function.split(":")[3] if function.startswith("arn:aws:lambda:") else REGION,
    )
    if answer.status not in (200, 202, 204):
        return _failed(500, "Internal server error")
    return _mapped(integration, answer, request)


def _sent_headers(
    parameters: Mapping[str, Any], request: TemplateRequest
) -> Iterator[tuple[str, str]]:
    """The headers for Lambda that request parameters map, such as X-Amz-Invocation-Type."""
    for target, source in parameters.items():
        name = target.removeprefix(_SENT_HEADER).lower()
        # The others, such as Host, are of this call.
        if target.startswith(_SENT_HEADER) and name.startswith("x-amz-"):
            value = _parameter(str(source), request)
            if value:
                yield name, value


def _parameter(source: str, request: TemplateRequest) -> str:
    """What a request parameter is mapped from: a text in quotes, or a part of the request."""
    if source[:1] == source[-1:] == "'":
        return source[1:-1]
    where, _, name = source.removeprefix("method.request.").partition(".")
    if where == "header":
        return next((v for n, v in request.header.items() if n.lower() == name.lower()), "")
    if where == "body":
        return _at(json.loads(request.body or "{}"), name) if name else request.body
    parts: dict[str, Mapping[str, Any]] = {
        "querystring": request.querystring,
        "path": request.path,
        "stageVariables": request.stage_variables,
        "context": request.context,
    }
    return _at(parts.get(where, {}), name)


def _at(value: Any, path: str) -> str:
    """The part of `value` at a path of member names as text; "" where there is none."""
    part = next(at_path(value, f"$.{path}"), "")
    return part if isinstance(part, str) else json.dumps(part)


def _function(uri: str, request: TemplateRequest) -> str:
    """The function that an integration's URI names, with stage variables put in."""
    match = _FUNCTION.search(uri)
    named = match[1] if match else uri.removesuffix("/invocations")
    return with_variables(named, request.stage_variables)


def has_variables(text: str) -> bool:
    """Whether it names a stage variable."""
    return bool(_STAGE_VARIABLE.search(text))


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """`text` with the values of the stage variables that it names; of unknown ones, nothing."""
    return _STAGE_VARIABLE.sub(lambda one: variables.get(one[1], ""), text)


def _template(templates: Mapping[str, str] | None, content_type: str) -> str | None:
    kind_sent = content_type.partition(";")[0].strip().lower() or "application/json"
    for kind, template in (templates or {}).items():
        if kind.partition(";")[0].strip().lower() == kind_sent:
            return template
    return None


def _mapped(
    integration: Mapping[str, Any], answer: asgi.HttpResponse, request: TemplateRequest
) -> IntegrationAnswer:
    """The answer that the integration responses make of a result: by what an error says."""
    text = answer.body.decode("utf-8", "replace")
    message = None
    if answer.header("x-amz-function-error"):
        error = json.loads(text)
        message = str(error.get("errorMessage", "")) if isinstance(error, dict) else text
    response = _selected(integration.get("integrationResponses") or {}, message)
    if response is None:
        return _failed(500, "Internal server error")
    answered = replace(request, body=text)
    headers = {"Content-Type": "application/json"}
    for target, source in (response.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.")
        if name != target:
            headers[name] = _header(str(source), answer, answered)
    template = _template(response.get("responseTemplates"), "application/json")
    if template:
        text = rendered(template, answered)
    override = answered.context.get("responseOverride") or {}
    headers.update({name: str(value) for name, value in (override.get("header") or {}).items()})
    status = override.get("status") or response.get("statusCode") or 200
    return int(status), headers, text.encode()


def _header(source: str, answer: asgi.HttpResponse, request: TemplateRequest) -> str:
    """What a response parameter is mapped from: a text in quotes, or a part of something."""
    if source[:1] == source[-1:] == "'":
        return source[1:-1]
    if source.startswith("integration.response.header."):
        return answer.header(source.removeprefix("integration.response.header.").lower())
    if source == "integration.response.body":
        return request.body
    if source.startswith("integration.response.body."):
        return _at(json.loads(request.body), source.removeprefix("integration.response.body."))
    if source.startswith(("context.", "stageVariables.")):
        return _parameter(source, request)
    return ""


def _selected(responses: Mapping[str, Any], message: str | None) -> Mapping[str, Any] | None:
    default = None
    for status, response in sorted(responses.items()):
        pattern = response.get("selectionPattern")
        if not pattern:
            default = default or {"statusCode": status, **response}
        elif message is not None and re.fullmatch(pattern, message, re.DOTALL):
            return {"statusCode": status, **response}
    return default


# TestInvokeMethod: a method called without its stage, by one made for the moment.


_TEST_ROUTE = re.compile(r"^/restapis/([^/]+)/resources/([^/]+)/methods/([A-Z]+)$")
_TEST_STAGE = "test-invoke-stage"


Ask = Callable[[str, str, Mapping[str, str], bytes], Awaitable[asgi.HttpResponse]]
"""Sends method, path with query, headers and body to ministack."""


def is_test_invoke(method: str, path: str) -> bool:
    """Whether a request is a call of TestInvokeMethod."""
    return method == "POST" and bool(_TEST_ROUTE.match(path))


async def test_invoke(ask: Ask, path: str, body: bytes) -> asgi.HttpResponse:
    """Call the method that `path` names as `body` says; the answer of TestInvokeMethod."""
    match = _TEST_ROUTE.match(path)
    assert match is not None
    api_id, resource_id, method = match.groups()
    api = f"/restapis/{api_id}"
    resource = await ask("GET", f"{api}/resources/{resource_id}", {}, b"")
    if resource.status != 200:
        return resource
    test = asgi.json_object(body)
    target = test.get("pathWithQueryString") or json.loads(resource.body)["path"]
    deployed = await ask(
        "POST", f"{api}/deployments", {}, json.dumps({"stageName": _TEST_STAGE}).encode()
    )
    try:
        return await _tested(ask, api_id, method, target, test)
    finally:
        await ask("DELETE", f"{api}/stages/{_TEST_STAGE}", {}, b"")
        deployment = json.loads(deployed.body).get("id", "")
        await ask("DELETE", f"{api}/deployments/{deployment}", {}, b"")


async def _tested(
    ask: Ask, api_id: str, method: str, target: str, test: Mapping[str, Any]
) -> asgi.HttpResponse:
    # A test needs no authorization; ministack looks whether there is any.
    headers = {"authorization": "AWS4-HMAC-SHA256 test", **(test.get("headers") or {})}
    path, _, query = target.partition("?")
    url = f"/_aws/execute-api/{api_id}/{_TEST_STAGE}{quote(path, safe='/%')}"
    started = time.monotonic()
    answer = await ask(
        method, f"{url}?{query}" if query else url, headers, str(test.get("body") or "").encode()
    )
    multi: dict[str, list[str]] = {}
    for name, value in answer.headers:
        multi.setdefault(name, []).append(value)
    text = {
        "status": answer.status,
        "body": answer.body.decode("utf-8", "replace"),
        "headers": {name: values[-1] for name, values in multi.items()},
        "multiValueHeaders": multi,
        "log": f"Execution log for request {uuid.uuid4()}\n"
        f"Method completed with status: {answer.status}\n",
        "latency": round((time.monotonic() - started) * 1e3),
    }
    return asgi.HttpResponse(200, [("content-type", "application/json")], json.dumps(text).encode())
