"""AWS_IAM: whether a call of a REST API, an HTTP API or a function URL is signed as AWS asks.

Only these are checked: the services themselves take any credentials, as long as they come from a
process of this user (see `gateway`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from ..apis.front import function_url_of, stage_of
from ..settings import SECRET_ACCESS_KEY
from .ministack import part

_SIGV4 = "core.sigv4"
_MAY_NEED = re.compile(r"^/(_aws|restapis)/|\n.*\.(execute-api|lambda-url)\.")


@dataclass(frozen=True)
class SignedCall:
    """What of a request is signed; `headers` are lower case, `raw_path` and `query` as sent."""

    method: str
    raw_path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Refusal:
    """An answer of 403: its body, and the name of the error for `x-amzn-ErrorType`."""

    body: dict[str, str]
    error_type: str


def needs_signature(call: SignedCall) -> str:
    """The service in whose name `call` must be signed: execute-api, lambda or none ("")."""
    host, path = call.headers.get("host", ""), unquote(call.raw_path)
    if not _MAY_NEED.search(f"{path}\n{host}"):
        return ""
    if target := stage_of(host, path):
        return "execute-api" if "AWS_IAM" in _authorization_types(*target, call.method) else ""
    if url_id := function_url_of(host, path):
        url = part("services.lambda_svc", "resolve_function_url")(url_id)
        return "lambda" if url is not None and url[-1].get("AuthType") == "AWS_IAM" else ""
    return ""


def refusal(
    call: SignedCall, service: str, body: bytes, is_environment: Callable[[str], bool]
) -> Refusal | None:
    """Why AWS would refuse `call`; None when its signature, for `service`, is right.

    `is_environment` tells the access keys of our execution environments.
    """
    query = parse_qs(call.query, keep_blank_values=True)
    presigned = "X-Amz-Signature" in query
    if not presigned and not call.headers.get("authorization"):
        return _unsigned(service)
    parsed: Any = (
        part(_SIGV4, "parse_query_signature")(query)
        if presigned
        else part(_SIGV4, "parse_header_signature")(call.headers)
    )
    if isinstance(parsed, tuple):
        return _refused(service, parsed[1], f"{parsed[0]}Exception")
    if parsed.service != service:
        text = f"Credential should be scoped to correct service: '{service}'. "
        return _refused(service, text, "InvalidSignatureException")
    secret = _secret_of(parsed.access_key_id, is_environment)
    if secret is None:
        text = "The security token included in the request is invalid."
        return _refused(service, text, "UnrecognizedClientException")
    failure = part(_SIGV4, "request_time_failure")(parsed) or part(
        _SIGV4, "header_signature_failure"
    )(parsed, secret, call.method, call.raw_path, query, call.headers, body, presigned=presigned)
    return _refused(service, failure[1], "InvalidSignatureException") if failure else None


def _authorization_types(api_id: str, stage: str, path: str, method: str) -> set[str | None]:
    of_rest_api = part("services.apigateway_v1", "method_authorization_type")
    of_http_api = part("services.apigateway", "route_authorization_type")
    # An HTTP API on $default serves from the root: its first path segment is no stage.
    from_root = path if stage == "$default" else f"/{stage}{path}"
    return {
        of_rest_api(api_id, stage, method, path),
        of_http_api(api_id, stage, method, path),
        of_http_api(api_id, "$default", method, from_root),
    }


def _secret_of(access_key_id: str, is_environment: Callable[[str], bool]) -> str | None:
    if is_environment(access_key_id):
        return SECRET_ACCESS_KEY
    return getattr(
        part("core.iam_evaluator", "resolve_credential")(access_key_id), "secret_access_key", None
    )


def _unsigned(service: str) -> Refusal:
    if service == "lambda":
        return Refusal({"Message": "Forbidden"}, "AccessDeniedException")
    text = "Missing Authentication Token"
    return Refusal({"message": text}, "MissingAuthenticationTokenException")


def _refused(service: str, text: str, error_type: str) -> Refusal:
    # A function URL spells it with a capital letter.
    return Refusal({"Message" if service == "lambda" else "message": text}, error_type)
