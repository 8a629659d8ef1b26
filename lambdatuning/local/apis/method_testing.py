"""TestInvokeMethod of REST APIs: a method called without its stage, by one made for the moment."""

import json
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from .asgi import Answer

_ROUTE = re.compile(r"^/restapis/([^/]+)/resources/([^/]+)/methods/([A-Z]+)$")
_STAGE = "test-invoke-stage"


Ask = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Answer]]
"""Sends method, path with query, headers and body to ministack."""


def is_one(method: str, path: str) -> bool:
    """Whether a request is a call of TestInvokeMethod."""
    return method == "POST" and bool(_ROUTE.match(path))


async def answer(ask: Ask, path: str, body: bytes) -> Answer:
    """Call the method that `path` names as `body` says; the answer of TestInvokeMethod."""
    match = _ROUTE.match(path)
    assert match is not None
    api_id, resource_id, method = match.groups()
    api = f"/restapis/{api_id}"
    resource = await ask("GET", f"{api}/resources/{resource_id}", {}, b"")
    if resource.status != 200:
        return resource
    given: dict[str, Any] = json.loads(body or b"{}")
    target = given.get("pathWithQueryString") or json.loads(resource.body)["path"]
    made = await ask("POST", f"{api}/deployments", {}, json.dumps({"stageName": _STAGE}).encode())
    try:
        return await _called(ask, api_id, method, target, given)
    finally:
        await ask("DELETE", f"{api}/stages/{_STAGE}", {}, b"")
        deployment = json.loads(made.body).get("id", "")
        await ask("DELETE", f"{api}/deployments/{deployment}", {}, b"")


async def _called(
    ask: Ask, api_id: str, method: str, target: str, given: Mapping[str, Any]
) -> Answer:
    # A test needs no authorization; ministack looks whether there is any.
    headers = {"authorization": "AWS4-HMAC-SHA256 test", **(given.get("headers") or {})}
    path, _, query = target.partition("?")
    url = f"/_aws/execute-api/{api_id}/{_STAGE}{quote(path, safe='/%')}"
    started = time.monotonic()
    got = await ask(
        method, f"{url}?{query}" if query else url, headers, str(given.get("body") or "").encode()
    )
    multi: dict[str, list[str]] = {}
    for name, value in got.headers:
        multi.setdefault(name, []).append(value)
    text = {
        "status": got.status,
        "body": got.body.decode("utf-8", "replace"),
        "headers": {name: values[-1] for name, values in multi.items()},
        "multiValueHeaders": multi,
        "log": f"Execution log for request {uuid.uuid4()}\n"
        f"Method completed with status: {got.status}\n",
        "latency": round((time.monotonic() - started) * 1e3),
    }
    return Answer(200, [("content-type", "application/json")], json.dumps(text).encode())
