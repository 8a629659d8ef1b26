"""HTTP APIs and function URLs: events and answers in AWS's payload formats, APIs made in one step.

ministack routes and authorizes. Shapes: "Create AWS Lambda proxy integrations for HTTP APIs" in the
API Gateway Developer Guide (formats 1.0 and 2.0; all header names are lower case), quotas of HTTP
APIs there, "Invoking Lambda function URLs" in the Lambda Developer Guide, CreateApi in the API
Gateway V2 API Reference (`target`), and "Working with OpenAPI definitions for HTTP APIs".
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..settings import ACCOUNT_ID, REGION
from . import asgi
from .calls import Integration, IntegrationAnswer, InvocationResult, Proxy, begin_call, current_call
from .rest_apis import MOST_BYTES, has_variables, shaped, trace, with_variables

_JSON = {"content-type": "application/json"}
_ERROR = "Internal Server Error"
_LIMIT_S = 30.0
_FORWARDED = {
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}


@dataclass(frozen=True)
class _Route:
    """What ministack leaves out of an event, or tells in another way."""

    stage: str
    variables: Mapping[str, str]
    method: str
    path: str
    key: str
    query: Mapping[str, Sequence[str]]

    @property
    def path_from_root(self) -> str:
        """The path with the stage that comes before it."""
        return self.path if self.stage == "$default" else f"/{self.stage}{self.path}"

    @property
    def resource(self) -> str:
        """The path of the route's key; the key itself of one without a method."""
        return self.key.partition(" ")[2] or self.key


def proxied(invoke: Integration, services: asgi.Services) -> Integration:
    """`invoke`, an integration of an HTTP API, as AWS does it. By position it gets API id, stage,
    path, method, headers, body, query, route key and path parameters."""

    async def invoked(integration: Any, *args: Any, **keywords: Any) -> IntegrationAnswer:
        api_id, stage, path, method, _, body, query, key, *_ = args
        if len(body or b"") > MOST_BYTES:
            return _failed(413, "Request Entity Too Large")
        variables = await _variables(services, api_id, stage, keywords)
        route = _Route(stage, variables, method, path, key, query or {})
        uri = str(integration.get("integrationUri", ""))
        if has_variables(uri):
            integration = {**integration, "integrationUri": with_variables(uri, variables)}
        is_old = integration.get("payloadFormatVersion") == "1.0"
        reached = False

        def completed(event: Any, sent: Any) -> dict[str, Any]:
            nonlocal reached
            reached = True
            return (_old_event if is_old else _event)(route, event, sent)

        answer = shaped if is_old else _inferred
        proxy = Proxy(completed, partial(_result, answer, _failure(500, _ERROR)))
        begin_call(replace(current_call(), proxy=proxy))
        limit_s = float(integration.get("timeoutInMillis") or _LIMIT_S * 1e3) / 1e3
        running = asyncio.ensure_future(invoke(integration, *args, **keywords))
        # The function goes on, as it does on AWS.
        done, _ = await asyncio.wait({running}, timeout=min(limit_s, _LIMIT_S))
        if not done:
            return _failed(503, "Service Unavailable")
        # There is no such function, say: which one is nothing for a client to know.
        no_function = running.result()[0] == 502 and not reached
        return _failed(500, _ERROR) if no_function else running.result()

    return invoked


async def _variables(
    services: asgi.Services, api_id: str, stage: str, keywords: Mapping[str, Any]
) -> Mapping[str, str]:
    answer = await services.ask(
        "apigateway",
        "GET",
        f"/v2/apis/{api_id}/stages/{stage}",
        region=keywords.get("owner_region") or REGION,
        account_id=keywords.get("owner_account_id") or ACCOUNT_ID,
    )
    stage_settings = json.loads(answer.body) if answer.status == 200 else {}
    variables: Mapping[str, str] = stage_settings.get("stageVariables") or {}
    return variables


def function_url_proxy(*, streams: bool) -> Proxy:
    """A function URL: its events are format 2.0 already. One that streams answers with whatever
    the function sent."""

    def answered(result: InvocationResult) -> InvocationResult:
        if streams and not result.get("error"):
            return result
        failure = {"statusCode": 502, "headers": _JSON, "body": _ERROR}
        return _result(_inferred, failure, result)

    return Proxy(lambda event, _: event, answered)


def _event(
    route: _Route, event: Mapping[str, Any], sent: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The event of format 2.0."""
    multi = _headers(sent, event)
    cookies = [pair.strip() for line in multi.pop("cookie", []) for pair in line.split(";")]
    context = event["requestContext"]
    whole = {
        **event,
        "rawPath": route.path_from_root,
        "headers": {name: ",".join(values) for name, values in multi.items()},
        "requestContext": {
            **context,
            "domainPrefix": context["apiId"],
            "http": {**context["http"], "path": route.path_from_root},
        },
    }
    if not event.get("pathParameters"):
        whole.pop("pathParameters", None)
    if cookies:
        whole["cookies"] = cookies
    if route.variables:
        whole["stageVariables"] = route.variables
    return whole


def _old_event(
    route: _Route, event: Mapping[str, Any], sent: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The event of format 1.0, much as a REST API makes it."""
    multi = _headers(sent, event)
    return {
        "version": "1.0",
        "resource": route.resource,
        "path": route.path_from_root,
        "httpMethod": route.method,
        "headers": {name: values[-1] for name, values in multi.items()},
        "multiValueHeaders": multi,
        "queryStringParameters": {n: v[-1] for n, v in route.query.items()} or None,
        "multiValueQueryStringParameters": dict(route.query) or None,
        "requestContext": _old_context(route, event["requestContext"]),
        "pathParameters": event.get("pathParameters") or None,
        "stageVariables": dict(route.variables) or None,
        "body": event.get("body"),
        "isBase64Encoded": event["isBase64Encoded"],
    }


def _old_context(route: _Route, context: Mapping[str, Any]) -> dict[str, Any]:
    """The request context of format 1.0, from that of format 2.0."""
    http = context["http"]
    return {
        "accountId": context["accountId"],
        "apiId": context["apiId"],
        "authorizer": context.get("authorizer", {"claims": None, "scopes": None}),
        "domainName": context["domainName"],
        "domainPrefix": context["apiId"],
        "extendedRequestId": context["requestId"],
        "httpMethod": route.method,
        "identity": {
            **dict.fromkeys(("accountId", "caller", "cognitoIdentityId", "user", "userArn")),
            "sourceIp": http["sourceIp"],
            "userAgent": http["userAgent"],
        },
        "path": route.path_from_root,
        "protocol": http["protocol"],
        "requestId": context["requestId"],
        "requestTime": context["time"],
        "requestTimeEpoch": context["timeEpoch"],
        "resourceId": route.key,
        "resourcePath": route.resource,
        "stage": route.stage,
    }


def _headers(sent: Sequence[tuple[str, str]], event: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each header, with those that AWS adds."""
    multi: dict[str, list[str]] = {}
    for name, value in sent or tuple(event["headers"].items()):
        multi.setdefault(name.lower(), []).append(value)
    context = event["requestContext"]
    root = trace(int(context["timeEpoch"]), str(context["requestId"]))
    for name, value in {**_FORWARDED, "x-amzn-trace-id": f"Root={root}"}.items():
        multi.setdefault(name, [value])
    return multi


def _result(
    answer: Callable[[Any], dict[str, Any] | None],
    failure: dict[str, Any],
    result: InvocationResult,
) -> InvocationResult:
    """The result that stands for the HTTP answer; never an error of the function's in words."""
    if result.get("error"):
        return {**result, "body": failure}
    return {**result, "body": answer(result.get("body")) or failure}


def _inferred(payload: Any) -> dict[str, Any] | None:
    """A response of format 2.0: without a status code, the whole payload is its body."""
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload
    try:
        response = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    if not isinstance(response, dict) or "statusCode" not in response:
        return {"statusCode": 200, "headers": _JSON, "body": text}
    if not isinstance(response.get("cookies"), list | None):
        return None
    body = response.get("body")
    is_json = isinstance(body, dict | list)
    return shaped({**response, "body": json.dumps(body)} if is_json else response)


def _failure(status: int, message: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": _JSON, "body": json.dumps({"message": message})}


def _failed(status: int, message: str) -> IntegrationAnswer:
    failure = _failure(status, message)
    return status, dict(failure["headers"]), failure["body"].encode()


# HTTP APIs made in one step: quick create, and the OpenAPI definition in a stack's `Body`.


_INTEGRATION = "x-amazon-apigateway-integration"
_ANY = "x-amazon-apigateway-any-method"
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", _ANY)
_COPIED = ("payloadFormatVersion", "timeoutInMillis", "connectionType", "credentials")


async def quick_create(
    services: asgi.Services, region: str, api_id: str, request: Mapping[str, Any]
) -> None:
    """Make the route, the integration and the stage that a CreateApi with a `target` makes."""
    target = str(request["target"])
    integration: dict[str, Any] = {
        "integrationType": "HTTP_PROXY",
        "integrationUri": target,
        "integrationMethod": "ANY",
        "payloadFormatVersion": "1.0",
    }
    if target.startswith("arn:"):
        integration = {
            "integrationType": "AWS_PROXY",
            "integrationUri": target,
            "payloadFormatVersion": "2.0",
        }
    api = _Api(services, region, api_id)
    await api.add_route(str(request.get("routeKey") or "$default"), integration)
    await api.call("POST", "stages", {"stageName": "$default", "autoDeploy": True})


async def define(
    services: asgi.Services, region: str, api_id: str, definition: Mapping[str, Any]
) -> None:
    """Give an API the routes of an OpenAPI definition, instead of those that it has."""
    api = _Api(services, region, api_id)
    for kind, name in (("routes", "routeId"), ("integrations", "integrationId")):
        answer = await api.call("GET", kind)
        for item in json.loads(answer.body).get("items", []):
            await api.call("DELETE", f"{kind}/{item[name]}")
    for route_key, integration in routes_of(definition):
        await api.add_route(route_key, integration)


def routes_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The key of each route with an integration, and that as CreateIntegration takes it."""
    for path, operations in (definition.get("paths") or {}).items():
        for method, operation in operations.items():
            if method.lower() not in _METHODS or _INTEGRATION not in (operation or {}):
                continue
            extension = operation[_INTEGRATION]
            copied = {name: extension[name] for name in _COPIED if name in extension}
            verb = "ANY" if method == _ANY else method.upper()
            yield (
                "$default" if path == "/$default" else f"{verb} {path}",
                {
                    "integrationType": str(extension.get("type", "aws_proxy")).upper(),
                    "integrationUri": extension.get("uri", ""),
                    "integrationMethod": str(extension.get("httpMethod", "POST")).upper(),
                    **copied,
                },
            )


class _Api:
    """One API, called as its owner."""

    def __init__(self, services: asgi.Services, region: str, api_id: str) -> None:
        self._services = services
        self._region = region
        self._path = f"/v2/apis/{api_id}"

    async def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> asgi.HttpResponse:
        body = b"" if content is None else json.dumps(content).encode()
        headers = {"content-type": "application/json"}
        target = f"{self._path}/{path}"
        return await self._services.ask(
            "apigateway", method, target, body, headers, region=self._region
        )

    async def add_route(self, key: str, integration: Mapping[str, Any]) -> None:
        answer = await self.call("POST", "integrations", integration)
        integration_id = json.loads(answer.body)["integrationId"]
        route = {"routeKey": key, "target": f"integrations/{integration_id}"}
        await self.call("POST", "routes", route)
