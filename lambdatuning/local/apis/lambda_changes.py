"""What Lambda refuses of a change because of what is there: asked before ministack, which takes it.

What it refuses of any call by the call alone is in `lambda_limits`.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from ..settings import ACCOUNT_ID, REGION
from .asgi import HttpResponse, Scope, Services, json_object
from .lambda_limits import Problem, invalid, problem_of_package
from .operations import operation_of

_FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function"
_FUNCTIONS = "/2015-03-31/functions"
_PROVISIONED = re.compile(r"/2019-09-30/functions/([^/]+)/provisioned-concurrency")
_CODE_IN = {"CreateFunction": "Code", "PublishLayerVersion": "Content", "UpdateFunctionCode": ""}
"""Where each call that brings code has it, "" for the call itself."""


async def problem_of(services: Services, scope: Scope, region: str, body: bytes) -> Problem | None:
    """Why Lambda would refuse a change of a function, an alias or a layer in `region`."""
    method, path = scope["method"], scope["path"]
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return (
        await _problem_of_progress(services, method, path, region)
        or await _problem_of_code(services, method, path, body)
        or await _problem_of_alias(services, method, path, region, body)
        or await _problem_of_provisioned(services, path, region, query)
    )


async def _problem_of_progress(
    services: Services, method: str, path: str, region: str
) -> Problem | None:
    """Nothing may be changed while a change is under way."""
    match = re.fullmatch(rf"{_FUNCTIONS}/([^/]+)/(code|configuration|versions)", path)
    if match is None or method != ("POST" if match[2] == "versions" else "PUT"):
        return None
    answer = await _configuration(services, unquote(match[1]), region)
    return _in_progress(json.loads(answer.body)) if answer.status == 200 else None


def _in_progress(configuration: Mapping[str, Any]) -> Problem | None:
    if configuration.get("LastUpdateStatus") != "InProgress":
        if configuration.get("State") != "Pending":
            return None
        state = "The function is currently in the following state: Pending"
    else:
        state = f"An update is in progress for resource: {configuration.get('FunctionArn')}"
    text = f"The operation cannot be performed at this time. {state}"
    return Problem("ResourceConflictException", text, 409)


async def _problem_of_code(
    services: Services, method: str, path: str, body: bytes
) -> Problem | None:
    """Code in S3 is there, and can be unpacked: looked at when it is given, as on AWS."""
    place = _code_in_s3(method, path, body)
    if place is None:
        return None
    bucket, key, version = place
    query = f"?versionId={quote(version)}" if version else ""
    answer = await services.ask("s3", "GET", f"/{quote(bucket)}/{quote(key)}{query}")
    if answer.status == 200:
        return await asyncio.to_thread(problem_of_package, answer.body)
    code, message = (
        (re.findall(rf"<{tag}>([^<]*)</{tag}>", answer.body.decode("utf-8", "replace")) or [""])
        for tag in ("Code", "Message")
    )
    return invalid(
        f"Error occurred while GetObject. S3 Error Code: {code[0]}. S3 Error Message: {message[0]}"
    )


def _code_in_s3(method: str, path: str, body: bytes) -> tuple[str, str, str] | None:
    """Bucket, key and version ("" for the newest) of the code that a call brings, if in S3."""
    operation, _ = operation_of("lambda", method, path)
    if operation is None or operation.name not in _CODE_IN:
        return None
    content, member = json_object(body), _CODE_IN[operation.name]
    code = content.get(member) if member else content
    if not isinstance(code, dict) or "ZipFile" in code:
        return None
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    return (bucket, key, code.get("S3ObjectVersion") or "") if bucket and key else None


async def _problem_of_alias(
    services: Services, method: str, path: str, region: str, body: bytes
) -> Problem | None:
    """An alias leads to versions that exist."""
    for name, version in _versions_of_alias(method, path, body):
        if (await _configuration(services, name, region, version)).status == 404:
            arn = name if name.startswith("arn:") else f"{_FUNCTION_ARN}:{name}"
            text = f"Function not found: {arn}:{version}"
            return Problem("ResourceNotFoundException", text, 404)
    return None


def _versions_of_alias(method: str, path: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Function and version of all that a call of CreateAlias or UpdateAlias leads to."""
    match = re.fullmatch(rf"{_FUNCTIONS}/([^/]+)/aliases(/[^/]+)?", path)
    if match is None or method != ("PUT" if match[2] else "POST"):
        return
    alias = json_object(body)
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    for version in filter(None, (alias.get("FunctionVersion"), *weights)):
        yield unquote(match[1]), str(version)


async def _problem_of_provisioned(
    services: Services, path: str, region: str, query: Mapping[str, list[str]]
) -> Problem | None:
    """Only what is published can be provisioned: no alias of $LATEST either."""
    match = _PROVISIONED.fullmatch(path)
    qualifier = query.get("Qualifier", [""])[0]
    if match is None or not qualifier:
        return None
    answer = await _configuration(services, unquote(match[1]), region, qualifier)
    if answer.status == 200 and json.loads(answer.body).get("Version") == "$LATEST":
        return invalid(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    return None


async def _configuration(
    services: Services, name: str, region: str, version: str = ""
) -> HttpResponse:
    path = f"{_FUNCTIONS}/{quote(name, safe=':')}/configuration"
    query = f"?Qualifier={quote(version)}" if version else ""
    return await services.ask("lambda", "GET", path + query, region=region)
