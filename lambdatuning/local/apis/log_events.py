"""CloudWatch Logs: what functions print gets there in batches, and answers come in pages."""

import asyncio
import json
import threading
from typing import Any

from ..function import FunctionSpec
from ..logs.printed import LogEvent
from .asgi import HttpResponse, Services

FILTER = "FilterLogEvents"
PREFIX = "Logs_20140328."
MOST_EVENTS = 10_000
"""In one call of PutLogEvents, and in one answer of FilterLogEvents."""
_RANGES = {"limit": (1, MOST_EVENTS), "startTime": (0, 2**63 - 1), "endTime": (0, 2**63 - 1)}
DELAY_S = 1.0
"""After which what was printed is stored, if nobody asks before."""

_Stream = tuple[str, str, str, str]
"""Account, region, log group, log stream."""


class LogWriter:
    """Stores what functions print; whoever asks for logs must `flush` before.

    In batches, since a call for each invocation would disturb what is measured of the next one.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: dict[_Stream, list[LogEvent]] = {}
        self._lock = threading.Lock()
        self._storing = asyncio.Lock()

    def append(self, spec: FunctionSpec, stream: str, events: list[LogEvent]) -> None:
        """Take events of a log stream; from any thread."""
        key = (spec.account_id, spec.region, spec.log_group, stream)
        with self._lock:
            first = not self._waiting
            self._waiting.setdefault(key, []).extend(events)
        if first:
            loop = self._services.loop
            loop.call_soon_threadsafe(loop.call_later, DELAY_S, self._flush_soon)

    async def flush(self) -> None:
        """Store all that was taken before."""
        async with self._storing:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            for stream, events in waiting.items():
                for at in range(0, len(events), MOST_EVENTS):
                    await self._store(stream, events[at : at + MOST_EVENTS])

    def _flush_soon(self) -> None:
        self._flushing = asyncio.ensure_future(self.flush())

    async def _store(self, stream: _Stream, events: list[LogEvent]) -> None:
        group = {"logGroupName": stream[2]}
        named = {**group, "logStreamName": stream[3]}
        # On AWS, too, the newline is part of the message.
        rows = [{"timestamp": event.at_ms, "message": f"{event.text}\n"} for event in events]
        put = {**named, "logEvents": rows}
        if (await self._call(stream, "PutLogEvents", put)).status != 200:
            await self._call(stream, "CreateLogGroup", group)
            await self._call(stream, "CreateLogStream", named)
            await self._call(stream, "PutLogEvents", put)

    async def _call(self, stream: _Stream, operation: str, content: object) -> HttpResponse:
        account_id, region, *_ = stream
        return await self._services.call(
            "logs", f"{PREFIX}{operation}", content, region=region, account_id=account_id
        )


def whole(request: dict[str, Any]) -> dict[str, Any]:
    """The question whose answer holds the page that `request` asks for (see `page`)."""
    start_ms, _ = _position(request)
    return {**request, "startTime": start_ms, "limit": MOST_EVENTS}


def page(request: dict[str, Any], answered: bytes) -> bytes:
    """The page that `request` asks for, with `nextToken` as long as there may be more.

    A token is `T-N`: go on with the events from millisecond T on, of which N are delivered already.
    """
    _, skipped = _position(request)
    most = min(int(request.get("limit") or MOST_EVENTS), MOST_EVENTS)
    answer = json.loads(answered)
    events = answer["events"]
    answer["events"] = shown = events[skipped : skipped + most]
    more = len(events) == MOST_EVENTS or len(events) > skipped + most
    if shown and more:
        answer["nextToken"] = _token(events[: skipped + len(shown)])
    return json.dumps(answer).encode()


def problem_of(request: Any) -> str:
    """What is wrong with a call of FilterLogEvents that ministack would not say; "" for nothing."""
    if not isinstance(request, dict):
        return "The request body is no JSON object."
    for name, (least, most) in _RANGES.items():
        value = request.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return f"Value '{value}' at '{name}' is no whole number from {least} to {most}."
    token = request.get("nextToken")
    if token is None:
        return ""
    start_ms, _, skipped = str(token).partition("-")
    right = start_ms.isdecimal() and skipped.isdecimal()
    return "" if right else "The specified nextToken is invalid."


def _position(request: dict[str, Any]) -> tuple[int | None, int]:
    if token := request.get("nextToken"):
        start_ms, _, skipped = str(token).partition("-")
        return int(start_ms), int(skipped)
    return request.get("startTime"), 0


def _token(delivered: list[dict[str, Any]]) -> str:
    last_ms = delivered[-1]["timestamp"]
    same = sum(1 for event in delivered if event["timestamp"] == last_ms)
    return f"{last_ms}-{same}"
