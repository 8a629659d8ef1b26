"""What a version's logs tell of its requests: when each began, where it ran, how it ended.

Neither the answer nor the log tail of an invocation names its environment, but CloudWatch Logs
does: the REPORT line of a request lies in the stream of its environment.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from botocore.exceptions import BotoCoreError

from ....core.errors import LambdaTuningError, denied_by
from ....core.log_report import FILTER_PATTERNS, InvocationReport, iter_reports
from ....core.tuning.records import Target

_REQUEST = re.compile(r'(?:REPORT RequestId: |"requestId"\s*:\s*")([0-9a-fA-F-]{36})')
_STREAM = re.compile(r"\[[^\]]*\](?P<environment>[0-9a-zA-Z]+)$")
_NOT_YET = {
    "ResourceNotFoundException": "does not exist: let the function's role write its logs "
    "(logs:CreateLogGroup, logs:CreateLogStream, logs:PutLogEvents)",
    "ThrottlingException": "cannot be read, as CloudWatch Logs throttles this account "
    "(ThrottlingException): measure again later",
    "LimitExceededException": "cannot be read, as CloudWatch Logs limits this account "
    "(LimitExceededException): measure again later",
}
"""Errors that may pass, with what they mean if they last."""
_LOG_CLASS = re.compile(r"log (group )?class|groups? of class|infrequent", re.IGNORECASE)


class LogsUnreadableError(LambdaTuningError):
    """The logs of a function cannot be read: which environment served a request is not known."""


def environments(
    logs: Any,
    target: Target,
    version: str,
    days: Iterable[str],
    start_ms: int,
    on_delay: Callable[[str], None] = lambda _: None,
) -> dict[str, str]:
    """`{request id: environment}` of what a version's log streams have reported since `start_ms`.

    `days` are UTC dates `YYYY/MM/DD`. Logs arrive seconds late, so an absent id is not an error,
    nor is a log group that is not there yet; `on_delay` gets what that means if it lasts.
    LogsUnreadableError where the logs cannot be read.
    """
    by_request: dict[str, str] = {}
    for day in days:
        try:
            by_request |= _of_day(logs, target, stream_prefix(target, day, version), start_ms)
        except logs.exceptions.ClientError as exc:
            error = exc.response["Error"]
            if error["Code"] not in _NOT_YET:
                raise LogsUnreadableError(_unreadable(target.log_group, error)) from exc
            on_delay(f"{target.log_group} {_NOT_YET[error['Code']]}")
        except BotoCoreError as exc:
            raise LogsUnreadableError(f"{target.log_group} cannot be read ({exc})") from exc
    return by_request


def _unreadable(log_group: str, error: Mapping[str, Any]) -> str:
    """Why the logs cannot be read, and what to do about it."""
    # Who was refused is clear: what it may not do is what counts.
    message = re.sub(r"^User: \S+ is not", "not", str(error.get("Message", "")))
    code = error["Code"]
    what = f"{log_group} cannot be read ({code}: {message[:150]})"
    if code == "InvalidOperationException" or _LOG_CLASS.search(message):
        return f"{what}: choose a log group of class Standard for the function"
    if denial := denied_by(message):
        return f"{what}: {denial} forbids it; ask who administers the account"
    if "kms" in message.lower():
        return f"{what}: let the tuner use the key of the log group (kms:Decrypt)"
    if code.startswith("AccessDenied"):
        return (
            f"{what}: let the tuner read it, deploy with --parameter LogGroupArns=ARN of the group"
        )
    return f"{what}: measure again later"


def stream_prefix(target: Target, day: str, version: str) -> str:
    """How the names of a version's streams begin that were made on a day, `YYYY/MM/DD`; in a log
    group that functions may share, the function's name is part of it."""
    own = target.log_group == f"/aws/lambda/{target.name}"
    return f"{day}/{'' if own else target.name}[{version}]"


def _of_day(logs: Any, target: Target, prefix: str, start_ms: int) -> dict[str, str]:
    by_request = {}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=target.log_group,
        logStreamNamePrefix=prefix,
        startTime=start_ms,
        filterPattern=FILTER_PATTERNS[target.log_format],
    )
    for page in pages:
        for event in page["events"]:
            request = _REQUEST.search(event["message"])
            stream = _STREAM.search(event["logStreamName"])
            if request and stream:
                by_request[request[1]] = stream["environment"]
    return by_request


_START = re.compile(r"^START RequestId: (?P<request>\S+)")
_ERROR = re.compile(r"^\[ERROR\] (?P<type>[A-Za-z_][\w.]*)|\tERROR\t(Invoke Error|Uncaught)")


@dataclass(frozen=True)
class Trace:
    """One request; `report` is None until it is over. `error` is the error type, "" for success:
    of the platform, or what the runtimes of Python and Node.js print of an exception."""

    request_id: str
    started_at: datetime
    environment: str
    report: InvocationReport | None = None
    error: str = ""


class FilteredLogEvent(TypedDict):
    """An event as FilterLogEvents answers it; `timestamp` is in ms after 1970."""

    logStreamName: str
    timestamp: int
    message: str


def traces(
    logs: Any, target: Target, version: str, days: Iterable[str], since_ms: int
) -> list[Trace]:
    """The requests that a version served since then; [] where its logs cannot be read. All lines
    are read: an exception is told on lines that no pattern of CloudWatch Logs knows.
    """
    read: list[Trace] = []
    for day in days:
        try:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=target.log_group,
                logStreamNamePrefix=stream_prefix(target, day, version),
                startTime=since_ms,
            )
            events = [event for page in pages for event in page["events"]]
        except (logs.exceptions.ClientError, BotoCoreError):
            continue
        read += _of_streams(events)
    return read


def _of_streams(events: Iterable[FilteredLogEvent]) -> Iterator[Trace]:
    """An environment serves one request at a time, so that its lines belong to the last START."""
    streams: dict[str, list[FilteredLogEvent]] = {}
    for event in events:
        streams.setdefault(event["logStreamName"], []).append(event)
    for name, lines in streams.items():
        match = _STREAM.search(name)
        if match:
            yield from _of_stream(match["environment"], lines)


def _of_stream(environment: str, events: Iterable[FilteredLogEvent]) -> Iterator[Trace]:
    current: Trace | None = None
    for event in events:
        message = str(event["message"])
        request = _started(message)
        if request:
            if current:
                yield current
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            current = Trace(request, at, environment)
        elif current:
            current = _with_message(current, message)
    if current:
        yield current


def _started(message: str) -> str:
    match = _START.match(message)
    if match:
        return match["request"]
    if not message.startswith("{"):
        return ""
    try:
        value = json.loads(message)
    except ValueError:
        return ""
    if not isinstance(value, dict) or value.get("type") != "platform.start":
        return ""
    return str(value["record"]["requestId"])


def _with_message(trace: Trace, message: str) -> Trace:
    for report in iter_reports(message):
        if report.request_id == trace.request_id:
            return replace(trace, report=report, error=trace.error or _of_platform(report))
    match = _ERROR.search(message)
    return replace(trace, error=match["type"] or "Unhandled") if match else trace


def _of_platform(report: InvocationReport) -> str:
    if report.status == "timeout":
        return "Sandbox.Timedout"
    return "" if report.status == "success" else report.error_type or "Unhandled"
