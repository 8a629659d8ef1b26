"""Pages for FilterLogEvents: ministack stops at 10,000 events without a word and gives no token."""

import json
from collections.abc import Callable
from typing import Any

Response = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Response]

MOST_EVENTS = 10_000


def paged(filter_events: Operation) -> Operation:
    """`filter_events`, with `nextToken` in its answers as long as there may be more.

    A token is `T-N`: go on with the events from millisecond T on, of which N are delivered already.
    """

    def filter_page(data: dict[str, Any]) -> Response:
        start_ms, skipped = _position(data)
        wanted = min(int(data.get("limit") or MOST_EVENTS), MOST_EVENTS)
        status, headers, body = filter_events({**data, "startTime": start_ms, "limit": MOST_EVENTS})
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        found = answer["events"]
        answer["events"] = page = found[skipped : skipped + wanted]
        more = len(found) == MOST_EVENTS or len(found) > skipped + wanted
        if page and more:
            answer["nextToken"] = _token(found[: skipped + len(page)])
        return status, headers, json.dumps(answer).encode()

    return filter_page


def _position(data: dict[str, Any]) -> tuple[int | None, int]:
    if token := data.get("nextToken"):
        start_ms, _, skipped = str(token).partition("-")
        return int(start_ms), int(skipped)
    return data.get("startTime"), 0


def _token(delivered: list[dict[str, Any]]) -> str:
    last_ms = delivered[-1]["timestamp"]
    same = sum(1 for event in delivered if event["timestamp"] == last_ms)
    return f"{last_ms}-{same}"
