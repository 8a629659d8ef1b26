"""Which execution environment ran an invocation: Lambda keeps one log stream for each.

Neither the answer nor the log tail of an invocation names its environment, but CloudWatch Logs
does: the REPORT line of a request lies in the stream of its environment.
"""

import re
from collections.abc import Iterable
from typing import Any

from ....core.run import Target

_REQUEST = re.compile(r'(?:REPORT RequestId: |"requestId"\s*:\s*")([0-9a-fA-F-]{36})')
_STREAM = re.compile(r"\[[^\]]*\](?P<environment>[0-9a-zA-Z]+)$")
_PATTERNS = {"Text": '"REPORT RequestId"', "JSON": '{ $.type = "platform.report" }'}
_NOT_YET = {"ResourceNotFoundException", "ThrottlingException", "LimitExceededException"}


def environments(
    logs: Any, target: Target, version: str, days: Iterable[str], start_ms: int
) -> dict[str, str] | None:
    """`{request id: environment}` of what a version's log streams have reported since `start_ms`.

    `days` are UTC dates `YYYY/MM/DD`. Logs arrive seconds late, so an absent id is not an error,
    nor is a log group that is not there yet. None where the logs may not be read at all.
    """
    found: dict[str, str] = {}
    for day in days:
        try:
            found |= _of_day(logs, target, stream_prefix(target, day, version), start_ms)
        except logs.exceptions.ClientError as exc:
            code = exc.response["Error"]["Code"]
            if code.startswith("AccessDenied"):
                return None
            if code not in _NOT_YET:
                raise
    return found


def stream_prefix(target: Target, day: str, version: str) -> str:
    """How the names of a version's streams begin that were made on a day, `YYYY/MM/DD`; in a log
    group that functions may share, the function's name is part of it."""
    own = target.log_group == f"/aws/lambda/{target.name}"
    return f"{day}/{'' if own else target.name}[{version}]"


def _of_day(logs: Any, target: Target, prefix: str, start_ms: int) -> dict[str, str]:
    found = {}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=target.log_group,
        logStreamNamePrefix=prefix,
        startTime=start_ms,
        filterPattern=_PATTERNS[target.log_format],
    )
    for page in pages:
        for event in page["events"]:
            request = _REQUEST.search(event["message"])
            stream = _STREAM.search(event["logStreamName"])
            if request and stream:
                found[request[1]] = stream["environment"]
    return found
