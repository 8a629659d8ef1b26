"""Lambda integrations of REST APIs: what the function gets and what its answer becomes, as on AWS.

ministack routes, authorizes and throttles; from the integration on, this is in its place. Shapes
and limits: "Lambda proxy integrations in API Gateway", "Set up Lambda custom integrations", and the
quotas of REST APIs in the API Gateway Developer Guide.
"""

import asyncio
import functools
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .gateway import current_call

Answer = tuple[int, dict[str, Any], bytes]

LIMIT_S = 29.0
MOST_BYTES = 10_485_760
WRAPPED = {
    "_build_lambda_event_v1": ("api_id", "stage_name", "stage", "resource", "request_path"),
    "_call_lambda_raw": ("function_ref", "event", "account_id", "region"),
    "_extract_lambda_ref_from_integration_uri": ("uri",),
    "_invoke_lambda_custom_v1": ("integration", "api_id", "stage_name", "stage", "resource"),
    "_invoke_lambda_proxy_v1": ("integration", "api_id", "stage_name", "stage", "resource"),
    "_lambda_proxy_response": ("result",),
    "_render_request_template_v1": ("template", "body_str", "params_map", "context"),
}
"""What is replaced or called in ministack.services.apigateway_v1, and its first parameters."""

_INPUT_JSON = re.compile(r"\$!?(\{)?input\.json\(\s*['\"]([^'\"]*)['\"]\s*\)(?(1)\})")
_STEP = re.compile(r"\.(\w+)|\['([^']+)'\]|\[(\d+)\]")
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


def install(module: Any) -> None:
    """Put this in the place of what ministack's module does."""
    module._build_lambda_event_v1 = with_headers_as_sent(module._build_lambda_event_v1)
    module._lambda_proxy_response = proxy_response
    module._invoke_lambda_proxy_v1 = within_limits(module._invoke_lambda_proxy_v1)
    module._invoke_lambda_custom_v1 = within_limits(functools.partial(_invoke_custom, module))


def with_headers_as_sent(build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The event of a proxy integration, with header names as sent and those that AWS adds."""

    def built(*args: Any, **named: Any) -> dict[str, Any]:
        event = build(*args, **named)
        # The version is told by HTTP APIs alone.
        event.pop("version", None)
        given = current_call().headers
        multi = {**event["multiValueHeaders"]} if not given else {}
        for name, value in given:
            multi.setdefault(name, []).append(value)
        present = {name.lower() for name in multi}
        trace = {"X-Amzn-Trace-Id": f"Root={_trace(event['requestContext'])}"}
        for name, value in {**_ADDED, **trace}.items():
            if name.lower() not in present:
                multi[name] = [value]
        event["multiValueHeaders"] = multi
        event["headers"] = {name: values[-1] for name, values in multi.items()}
        context = event["requestContext"]
        context["identity"] = {**_IDENTITY, **context["identity"]}
        host = next((v[-1] for name, v in multi.items() if name.lower() == "host"), "")
        context["domainName"] = host
        context["domainPrefix"] = context["apiId"]
        return event

    return built


def _trace(context: Mapping[str, Any]) -> str:
    moment = int(context["requestTimeEpoch"]) // 1000
    return f"1-{moment:08x}-{str(context['requestId']).replace('-', '')[:24]}"


def proxy_response(result: Mapping[str, Any]) -> tuple[dict[str, Any], None]:
    """The HTTP answer that a proxy function's result stands for; 502 for what is none."""
    if result.get("throttle"):
        return _failure(429, "Too Many Requests", "TooManyRequestsException"), None
    shaped = None if result.get("error") else _shaped(result.get("body"))
    return shaped or _failure(502, "Internal server error", "InternalServerErrorException"), None


def _shaped(payload: Any) -> dict[str, Any] | None:
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


def _failed(status: int, message: str, kind: str = "InternalServerErrorException") -> Answer:
    failure = _failure(status, message, kind)
    return status, failure["headers"], failure["body"].encode()


def within_limits(invoke: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """`invoke`, for at most the integration's time and 10 MB."""

    async def invoked(integration: Any, *args: Any, **named: Any) -> Answer:
        body = args[7] if len(args) > 7 else b""
        if len(body or b"") > MOST_BYTES:
            text = f"HTTP content length exceeded {MOST_BYTES} bytes."
            return _failed(413, text, "RequestTooLargeException")
        limit_s = float(integration.get("timeoutInMillis") or LIMIT_S * 1e3) / 1e3
        running = asyncio.ensure_future(invoke(integration, *args, **named))
        # The function goes on, as it does on AWS.
        done, _ = await asyncio.wait({running}, timeout=limit_s)
        return running.result() if done else _failed(504, "Endpoint request timed out")

    return invoked


async def _invoke_custom(module: Any, integration: Any, *args: Any, **named: Any) -> Answer:
    """A custom integration: the templates make the event, and the answer of the result."""
    api_id, stage_name, stage, resource, _, method, headers, body, query, path_params = args
    text = (body or b"").decode("utf-8", "replace")
    params = {**headers, **{k: v[0] for k, v in (query or {}).items()}, **(path_params or {})}
    context = {
        "apiId": api_id, "stage": stage_name, "httpMethod": method,
        "resourcePath": resource["path"], "resourceId": resource["id"],
        "stageVariables": stage.get("variables") or {},
        "authorizer": named.get("authorizer_context") or {},
    }  # fmt: skip
    template = _template(integration.get("requestTemplates"), headers.get("content-type", ""))
    rendered = text
    if template is not None:
        rendered = _rendered(module, template, text, (params, context))
    try:
        event = json.loads(rendered) if rendered.strip() else {}
    except ValueError as exc:
        return _failed(400, f"Could not parse request body into json: {exc}", "BadRequestException")
    reference = module._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
    result, error = await module._call_lambda_raw(
        reference,
        event,
        account_id=named.get("owner_account_id"),
        region=named.get("owner_region"),
    )
    if error or result.get("throttle"):
        return _failed(500, "Internal server error")
    return _mapped(module, integration, result, (params, context))


def _rendered(
    module: Any, template: str, text: str, request: tuple[dict[str, Any], dict[str, Any]]
) -> str:
    """`template` with the parts of `text` in it; `$input.json` gives JSON, strings in quotes."""
    filled = _INPUT_JSON.sub(lambda match: _json_at(text, match[2]), template)
    return str(module._render_request_template_v1(filled, text, *request))


def _json_at(text: str, path: str) -> str:
    """The JSON of what lies at a JSONPath such as `$.a[0].b`; nothing where there is none."""
    try:
        value = json.loads(text)
        for name, quoted, index in _STEP.findall(path.removeprefix("$")):
            value = value[int(index)] if index else value[name or quoted]
    except (ValueError, LookupError, TypeError):
        return ""
    return json.dumps(value)


def _template(templates: Mapping[str, str] | None, content_type: str) -> str | None:
    kind_sent = content_type.partition(";")[0].strip().lower() or "application/json"
    for kind, template in (templates or {}).items():
        if kind.partition(";")[0].strip().lower() == kind_sent:
            return template
    return None


def _mapped(
    module: Any,
    integration: Mapping[str, Any],
    result: Mapping[str, Any],
    request: tuple[dict[str, Any], dict[str, Any]],
) -> Answer:
    """The answer that the integration responses make of a result: by what an error says."""
    payload = result.get("body")
    text = payload.decode() if isinstance(payload, bytes) else json.dumps(payload)
    message = None
    if result.get("error") and isinstance(payload, dict):
        message = str(payload.get("errorMessage", ""))
    response = _selected(integration.get("integrationResponses") or {}, message)
    if response is None:
        return _failed(500, "Internal server error")
    headers = {"Content-Type": "application/json"}
    for target, source in (response.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.")
        if name != target and isinstance(source, str) and source[:1] == source[-1:] == "'":
            headers[name] = source[1:-1]
    template = _template(response.get("responseTemplates"), "application/json")
    if template:
        text = _rendered(module, template, text, request)
    return int(response.get("statusCode") or 200), headers, text.encode()


def _selected(responses: Mapping[str, Any], message: str | None) -> Mapping[str, Any] | None:
    default = None
    for status, response in sorted(responses.items()):
        pattern = response.get("selectionPattern")
        if not pattern:
            default = default or {"statusCode": status, **response}
        elif message is not None and re.fullmatch(pattern, message, re.DOTALL):
            return {"statusCode": status, **response}
    return default
