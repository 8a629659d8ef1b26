"""Requests to the embedded AWS as they stand: boto3 would sign, write and read them itself."""

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.local.conftest import Cloud


class Reply(NamedTuple):
    """An answer whose body was read as JSON, or as text where it is none."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


def send(
    cloud: Cloud,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers (found in any case) and body of the answer."""
    url = urlsplit(cloud.endpoint.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=120)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def call(
    cloud: Cloud, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Reply:
    """Call a deployed API: GET, or POST where there is a body."""
    status, names, answer = send(cloud, "GET" if body is None else "POST", path, body, headers)
    text = answer.decode()
    try:
        return Reply(status, names, json.loads(text))
    except ValueError:
        return Reply(status, names, text)
