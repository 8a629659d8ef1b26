"""What a run means for the function's own traffic: who meets other sizes, what memory it needs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.arn import FunctionArn
from ...core.log_report import iter_reports
from ..session import Cloud

_LOGS_OF = timedelta(days=1)
_REPORTS = 200
_PATTERNS = {"Text": '"REPORT RequestId"', "JSON": '{ $.type = "platform.report" }'}


def memory_used_mb(
    cloud: Cloud, arn: FunctionArn, config: Mapping[str, Any], now: datetime
) -> int | None:
    """The most memory that an invocation of the last day used, by the function's own reports; None
    where there is none, or where the logs may not be read."""
    logging = config.get("LoggingConfig") or {}
    asked = {
        "logGroupName": logging.get("LogGroup") or f"/aws/lambda/{arn.name}",
        "filterPattern": _PATTERNS.get(logging.get("LogFormat", "Text"), _PATTERNS["Text"]),
        "startTime": int((now - _LOGS_OF).timestamp() * 1000),
        "limit": _REPORTS,
    }
    try:
        events = cloud.client("logs", region=arn.region).filter_log_events(**asked)["events"]
    except (ClientError, BotoCoreError):
        return None
    reports = (report for event in events for report in iter_reports(event["message"]))
    return max((report.max_memory_mb for report in reports if report.max_memory_mb), default=None)


def large_enough(
    sizes: Sequence[int], used_mb: int | None, memory_mb: int
) -> tuple[tuple[int, ...], str]:
    """The sizes that hold what the function uses, with a note about those that do not."""
    if used_mb is None:
        return tuple(sizes), ""
    kept = tuple(size for size in sizes if size >= used_mb) or (memory_mb,)
    small = [f"{size}" for size in sizes if size not in kept]
    if not small:
        return kept, ""
    return kept, (
        f"{', '.join(small)} MB left out: the function used up to {used_mb} MB within the last "
        "day; name such sizes with --powers if you want them"
    )


def callers_of_latest(client: Any, arn: FunctionArn) -> list[str]:
    """Who invokes the unqualified function, as far as that may be looked at."""
    name = str(arn.unqualified)
    asking = (_event_sources, _policy, _url)
    return [caller for ask in asking for caller in _allowed(lambda ask=ask: ask(client, name))]  # type: ignore[misc]


def exposure_note(arn: FunctionArn, callers: Sequence[str], seconds: float) -> str:
    """What the function's callers meet during a run that changes `$LATEST`."""
    who = f" ({', '.join(callers)})" if callers else ""
    return (
        f"callers of the unqualified function{who} meet other memory sizes for about "
        f"{max(seconds, 1):.0f} s, and the run's invocations stand in the metrics and alarms of "
        f"{arn.name}: --isolate tunes a copy instead"
    )


def _allowed(ask: Callable[[], Iterator[str]]) -> list[str]:
    """The answer; nothing where there is none or it may not be read."""
    try:
        return list(ask())
    except (ClientError, BotoCoreError):
        return []


def _event_sources(client: Any, name: str) -> Iterator[str]:
    for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        if mapping.get("FunctionArn", name) == name:
            source = mapping.get("EventSourceArn") or mapping.get("SelfManagedEventSource")
            yield f"the event source mapping of {source}"


def _policy(client: Any, name: str) -> Iterator[str]:
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    for statement in policy.get("Statement", []):
        principal = statement.get("Principal", "")
        who = principal if isinstance(principal, str) else next(iter(principal.values()), "")
        if statement.get("Effect") == "Allow" and statement.get("Resource") == name:
            yield f"{who if isinstance(who, str) else ', '.join(who)}, by its policy"


def _url(client: Any, name: str) -> Iterator[str]:
    yield f"its URL {client.get_function_url_config(FunctionName=name)['FunctionUrl']}"
