"""What a run means for the function's own traffic: who meets other sizes, what memory it needs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.arn import FunctionArn
from ...core.format import format_mb, join_mb
from ...core.log_report import FILTER_PATTERNS, iter_reports
from ...core.tuning.contract import LOCK_ALIAS
from ...core.tuning.records import Target
from ..session import Cloud

_LOGS_OF = timedelta(days=1)
_REPORTS = 200


def memory_used_mb(cloud: Cloud, target: Target, now: datetime) -> int | None:
    """The most memory that an invocation of the last day used, by the function's own reports; None
    where there is none, or where the logs may not be read."""
    query = {
        "logGroupName": target.log_group,
        "filterPattern": FILTER_PATTERNS.get(target.log_format, FILTER_PATTERNS["Text"]),
        "startTime": int((now - _LOGS_OF).timestamp() * 1000),
        "limit": _REPORTS,
    }
    try:
        events = cloud.client("logs", region=target.region).filter_log_events(**query)["events"]
    except (ClientError, BotoCoreError):
        return None
    reports = (report for event in events for report in iter_reports(event["message"]))
    return max((report.max_memory_mb for report in reports if report.max_memory_mb), default=None)


def large_enough(
    sizes: Sequence[int], used_mb: int | None, memory_mb: int
) -> tuple[tuple[int, ...], str]:
    """The sizes that hold what the function uses, with a note about those that do not."""
    if used_mb is None:
        waiting = min(sizes) < min(memory_mb, max(sizes))
        return tuple(sizes), _NOT_KNOWN if waiting else ""
    kept = tuple(size for size in sizes if size >= used_mb) or (memory_mb,)
    small = [size for size in sizes if size not in kept]
    if not small:
        return kept, ""
    return kept, (
        f"{join_mb(small)} left out: the function used up to {format_mb(used_mb)} within the "
        "last day; name such sizes with --powers if you want them"
    )


_NOT_KNOWN = (
    "no invocation of the last day tells how much memory the function uses: sizes below that are "
    "left out once its first invocations of the run tell"
)


def callers_of_latest(client: Any, arn: FunctionArn) -> list[str]:
    """Who invokes the unqualified function, as far as that may be looked at."""
    name = str(arn.unqualified)
    questions = (_event_sources, _policy, _url, _aliases)
    return [caller for ask in questions for caller in _allowed(ask, client, name)]


_ASYNCHRONOUS = {
    f"{name}.amazonaws.com"
    for name in (
        "cloudformation", "codecommit", "config", "events", "iot", "logs", "s3", "scheduler",
        "ses", "sns",
    )
}  # fmt: skip
"""Services that invoke a function and do not wait for its answer."""


def calling_notes(client: Any, arn: FunctionArn) -> list[str]:
    """How the function is called otherwise than a run calls it, as far as that may be looked at."""
    name = str(arn.unqualified)
    questions = (_asynchronous, _streaming, _recursive)
    notes = [note for ask in questions for note in _allowed(ask, client, name)]
    return [f"{arn.name} {note}" for note in notes]


def _asynchronous(client: Any, name: str) -> Iterator[str]:
    """An event that nobody waits for takes as long, and is billed the same."""
    senders = sorted({who for who in _allowed(_invokers, client, name) if who in _ASYNCHRONOUS})
    settings = _allowed(_event_settings, client, name)
    if senders or settings:
        why = ", ".join([*(f"by {who}" for who in senders), *settings])
        yield (
            f"is invoked asynchronously ({why}), the run invokes it synchronously: with the same "
            "duration and bill, but without retries, destinations or dead-letter queue"
        )


def _event_settings(client: Any, name: str) -> Iterator[str]:
    answer = client.list_function_event_invoke_configs(FunctionName=name)
    for config in answer.get("FunctionEventInvokeConfigs", []):
        destinations = config.get("DestinationConfig") or {}
        places = [where.get("Destination") for where in destinations.values() if where]
        yield from (f"for {place}" for place in places if place)
        if not any(places):
            yield "by its settings of retries"


def _streaming(client: Any, name: str) -> Iterator[str]:
    for url in client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]:
        if url.get("InvokeMode") == "RESPONSE_STREAM":
            yield (
                f"has a URL, {url['FunctionUrl']}, that streams responses; the run waits for "
                "whole ones: with the same duration and bill, but the first byte is not timed, "
                "bytes streamed beyond 6 MB are not priced, and a response above 6 MB fails"
            )


def _recursive(client: Any, name: str) -> Iterator[str]:
    if client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow":
        yield (
            "has no recursive loop detection (RecursiveLoop Allow): what an invocation of the "
            "run starts in turn, perhaps the function itself, is not in the price, and Lambda "
            "does not end it; give payloads that start nothing"
        )


def exposure_note(arn: FunctionArn, callers: Sequence[str], seconds: float) -> str:
    """What the function's callers meet during a run that changes `$LATEST`."""
    who = f" ({', '.join(callers)})" if callers else ""
    return (
        f"callers of the unqualified function{who} meet other memory sizes for about "
        f"{max(seconds, 1):.0f} s, and the run's invocations stand in the metrics and alarms of "
        f"{arn.name}: --isolate tunes a copy instead"
    )


def _allowed(ask: Callable[[Any, str], Iterator[str]], client: Any, name: str) -> list[str]:
    """What `ask` answers of a function; nothing where there is none or it may not be read."""
    try:
        return list(ask(client, name))
    except (ClientError, BotoCoreError):
        return []


def _event_sources(client: Any, name: str) -> Iterator[str]:
    for page in client.get_paginator("list_event_source_mappings").paginate(FunctionName=name):
        for mapping in page["EventSourceMappings"]:
            on_latest = mapping.get("FunctionArn", name) in (name, f"{name}:$LATEST")
            if on_latest and mapping.get("State") not in ("Disabled", "Disabling", "Deleting"):
                yield f"the event source mapping of {_source(mapping)}"


def _source(mapping: Mapping[str, Any]) -> str:
    """Where a mapping reads: an ARN, or the addresses of a Kafka of one's own."""
    if arn := mapping.get("EventSourceArn"):
        return str(arn)
    endpoints = (mapping.get("SelfManagedEventSource") or {}).get("Endpoints") or {}
    brokers = [broker for brokers in endpoints.values() for broker in brokers]
    return ", ".join(brokers) or f"the mapping {mapping.get('UUID')}"


def _aliases(client: Any, name: str) -> Iterator[str]:
    """Callers of an alias of `$LATEST` meet what it is, too; a lock of ours nobody calls."""
    for page in client.get_paginator("list_aliases").paginate(
        FunctionName=name, FunctionVersion="$LATEST"
    ):
        for alias in page["Aliases"]:
            if alias["Name"] != LOCK_ALIAS and alias["FunctionVersion"] == "$LATEST":
                yield f"its alias {alias['Name']}"


def _policy(client: Any, name: str) -> Iterator[str]:
    return (f"{who}, by its policy" for who in _invokers(client, name))


def _invokers(client: Any, name: str) -> Iterator[str]:
    """Whom the policy of the unqualified function lets invoke it."""
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    for statement in policy.get("Statement", []):
        principal = statement.get("Principal", "")
        who = principal if isinstance(principal, str) else next(iter(principal.values()), "")
        if statement.get("Effect") == "Allow" and statement.get("Resource") == name:
            yield who if isinstance(who, str) else ", ".join(who)


def _url(client: Any, name: str) -> Iterator[str]:
    yield f"its URL {client.get_function_url_config(FunctionName=name)['FunctionUrl']}"
