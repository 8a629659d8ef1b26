"""The same five invocations in every form in which people export logs."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import pprint
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

STREAM = "2026/06/03/[$LATEST]0f1e2d3c4b5a69788796a5b4c3d2e1f0"
GROUP = "/aws/lambda/shop-checkout"
FIRST_MS = 1_780_464_159_288
FIRST = datetime(2026, 6, 3, 5, 22, 39, 288_000, UTC)


class Event(NamedTuple):
    """One message of a log group."""

    ms: int
    message: str
    stream: str = STREAM

    @property
    def time(self) -> datetime:
        """When it was written."""
        return FIRST + timedelta(milliseconds=self.ms - FIRST_MS)


def request(n: int) -> str:
    return f"0a1b2c3d-0000-4000-8000-{n:012d}"


def text_report(n: int, fields: str) -> str:
    return f"REPORT RequestId: {request(n)}\t{fields}\t\n"


REPORTS = [
    "Duration: 31000.00 ms\tBilled Duration: 34440 ms\tMemory Size: 160 MB\tMax Memory Used: 150 MB"
    "\tInit Duration: 3439.00 ms\tStatus: timeout",
    "Duration: 812.40 ms\tBilled Duration: 813 ms\tMemory Size: 160 MB\tMax Memory Used: 150 MB",
    "Duration: 3.10 ms\tBilled Duration: 4 ms\tMemory Size: 160 MB\tMax Memory Used: 150 MB",
    "Duration: 159.87 ms\tBilled Duration: 278 ms\tMemory Size: 1024 MB\tMax Memory Used: 88 MB"
    "\tRestore Duration: 562.43 ms\tBilled Restore Duration: 118 ms",
    "Duration: 790.11 ms\tBilled Duration: 791 ms\tMemory Size: 160 MB\tMax Memory Used: 150 MB"
    "\tXRAY TraceId: 1-00000000-000000000000000000000001\tSegmentId: 0000000000000001"
    "\tSampled: true",
]
DURATION_MS = [31000.0, 812.4, 3.1, 159.87, 790.11]
BILLED_MS = [34440, 813, 4, 278, 791]
COLD = [True, False, False, True, False]
FAILED = ["timeout", "", "KeyError", "", ""]


RAISED = (
    "[ERROR] KeyError: 'id'\nTraceback (most recent call last):\n"
    '  File "/var/task/app.py", line 3, in handler\n'
)


def text_events(*, around: bool = True) -> list[Event]:
    """What the text log format writes: reports, and (`around`) the lines that surround them."""
    events = []
    for n, fields in enumerate(REPORTS):
        ms = FIRST_MS + 1000 * n
        if around:
            events.append(Event(ms - 800, f"START RequestId: {request(n)} Version: $LATEST\n"))
            if FAILED[n] == "KeyError":
                events.append(Event(ms - 1, RAISED))
            events.append(Event(ms, f"END RequestId: {request(n)}\n"))
        events.append(Event(ms, text_report(n, fields)))
    return events


def json_events() -> list[Event]:
    """What the JSON log format writes, in the order of keys that Lambda has."""
    names = ("durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB")
    events = []
    for n, fields in enumerate(REPORTS):
        event = Event(FIRST_MS + 1000 * n, "")
        numbers = [float(part.split(" ")[-2]) for part in fields.split("\t")[:4]]
        metrics: dict[str, float] = dict(zip(names, numbers, strict=True))
        metrics |= {"initDurationMs": 3439.0} if n == 0 else {}
        metrics |= {"restoreDurationMs": 562.43, "billedRestoreDurationMs": 118} if n == 3 else {}
        record: dict[str, Any] = {"requestId": request(n), "metrics": metrics, "status": "success"}
        if FAILED[n] == "timeout":
            record |= {"status": "timeout"}
        elif FAILED[n]:
            record |= {"status": "error", "errorType": FAILED[n]}
        for kind, value in (
            ("platform.start", {"requestId": request(n), "version": "$LATEST"}),
            ("platform.report", record),
        ):
            line = {"time": stamp(event), "type": kind, "record": value}
            events.append(event._replace(message=json.dumps(line, separators=(",", ":"))))
    return events


def stamp(event: Event) -> str:
    return event.time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def insights_stamp(event: Event) -> str:
    return event.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def local_stamp(event: Event) -> str:
    away = event.time.astimezone(timezone(timedelta(hours=-5)))
    return away.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "-05:00"


# Lines.


def bare(events: list[Event]) -> str:
    return "".join(event.message.removesuffix("\n") + "\n" for event in events)


def s3_export(events: list[Event]) -> str:
    return "".join(f"{stamp(event)} {event.message.removesuffix(chr(10))}\n" for event in events)


def tail_detailed(events: list[Event]) -> str:
    return "".join(
        f"{event.time.isoformat(timespec='microseconds')} {event.stream} "
        f"{event.message.removesuffix(chr(10))}\n"
        for event in events
    )


def tail_short(events: list[Event]) -> str:
    return "".join(
        f"{event.time:%Y-%m-%dT%H:%M:%S} {event.message.removesuffix(chr(10))}\n"
        for event in events
    )


def tail_json(events: list[Event]) -> str:
    """`--format json` prints an event that is JSON on lines of its own, indented."""
    return "".join(
        f"{event.time.isoformat(timespec='microseconds')} {event.stream} "
        + (
            "\n" + json.dumps(json.loads(event.message), indent=4)
            if event.message.startswith("{")
            else event.message.removesuffix("\n")
        )
        + "\n"
        for event in events
    )


def sam_logs(events: list[Event]) -> str:
    return "".join(
        f"\x1b[36m{event.stream}\x1b[0m \x1b[33m{event.time:%Y-%m-%dT%H:%M:%S.%f}\x1b[0m "
        f"{event.message.removesuffix(chr(10))}\n"
        for event in events
    )


def sam_plain(events: list[Event]) -> str:
    return "".join(
        f"{event.stream} {event.time:%Y-%m-%dT%H:%M:%S.%f} {event.message.removesuffix(chr(10))}\n"
        for event in events
    )


def console_offset(events: list[Event]) -> str:
    return "".join(f"{local_stamp(e)}\t{e.message.removesuffix(chr(10))}\n" for e in events)


def console_blanks(events: list[Event]) -> str:
    """Copied from the console's page: times on lines of their own, single blanks for tabs."""
    return "".join(f"{local_stamp(e)}\n{' '.join(e.message.split())}\n\n" for e in events)


def filter_text(events: list[Event]) -> str:
    return "".join(
        f"EVENTS\t{n:056d}\t{event.ms + 900}\t{event.stream}\t{event.message}\t{event.ms}\n"
        for n, event in enumerate(events)
    )


def get_text(events: list[Event]) -> str:
    return "".join(f"EVENTS\t{e.ms + 900}\t{e.message}\t{e.ms}\n" for e in events) + "b/1\tf/2\n"


def messages_text(events: list[Event]) -> str:
    """`--query events[].message --output text`: one list, tabs between its messages."""
    return "\t".join(event.message for event in events) + "\n"


def docker(events: list[Event]) -> str:
    return "".join(f"checkout-1  | {event.message.removesuffix(chr(10))}\n" for event in events)


def kubernetes(events: list[Event]) -> str:
    return "".join(f"{stamp(e)} stdout F {e.message.removesuffix(chr(10))}\n" for e in events)


def grep(events: list[Event]) -> str:
    return "".join(
        f"logs/a.log:{n}:{e.message.removesuffix(chr(10))}\n" for n, e in enumerate(events)
    )


def two_on_a_line(events: list[Event]) -> str:
    return " ".join(" ".join(event.message.split()) for event in events)


def table(events: list[Event]) -> str:
    rule = "-" * 120
    rows = "".join(
        f"|  {insights_stamp(e)} | {e.message.removesuffix(chr(10))} |\n" for e in events
    )
    return f"{rule}\n|  @timestamp  |  @message  |\n|---|---|\n{rows}{rule}\n"


# Documents.


def cli_event(event: Event) -> dict[str, Any]:
    about = {"logStreamName": event.stream, "timestamp": event.ms, "ingestionTime": event.ms + 900}
    return about | {"message": event.message, "eventId": "0" * 56}


def filter_json(events: list[Event]) -> str:
    return json.dumps({"events": [*map(cli_event, events)], "searchedLogStreams": []}, indent=4)


def get_json(events: list[Event]) -> str:
    rows = [{"timestamp": e.ms, "message": e.message, "ingestionTime": e.ms} for e in events]
    return json.dumps({"events": rows, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"})


def json_list(events: list[Event]) -> str:
    return json.dumps([*map(cli_event, events)])


def json_lines(events: list[Event]) -> str:
    return "".join(json.dumps(cli_event(event)) + "\n" for event in events)


def messages_json(events: list[Event]) -> str:
    return json.dumps([event.message for event in events], indent=4)


def pages(events: list[Event]) -> str:
    half = len(events) // 2
    return filter_json(events[:half]) + "\n" + filter_json(events[half:])


def query_results(events: list[Event]) -> str:
    rows = [
        [
            {"field": "@timestamp", "value": insights_stamp(event)},
            {"field": "@logStream", "value": event.stream},
            {"field": "@message", "value": event.message},
            {"field": "@ptr", "value": "Cn0KPgo6"},
        ]
        for event in events
    ]
    return json.dumps({"results": rows, "status": "Complete"})


def insights_copy(events: list[Event]) -> str:
    rows = [{"@timestamp": insights_stamp(e), "@message": e.message} for e in events]
    return json.dumps(rows, indent=4)


def subscription(events: list[Event]) -> dict[str, Any]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": GROUP,
        "logStream": STREAM,
        "subscriptionFilters": ["all"],
        "logEvents": [
            {"id": f"{n:056d}", "timestamp": event.ms, "message": event.message}
            for n, event in enumerate(events)
        ],
    }


def subscription_json(events: list[Event]) -> str:
    return json.dumps(subscription(events))


def firehose(events: list[Event]) -> str:
    """Firehose writes objects one after the other, nothing between them."""
    return "".join(json.dumps(subscription([event])) for event in events)


def packed(events: list[Event]) -> str:
    return base64.b64encode(gzip.compress(subscription_json(events).encode())).decode()


def awslogs_event(events: list[Event]) -> str:
    return json.dumps({"awslogs": {"data": packed(events)}})


def kinesis_event(events: list[Event]) -> str:
    records = [{"kinesis": {"data": packed([event]), "sequenceNumber": "1"}} for event in events]
    return json.dumps({"Records": records})


def pretty_lines(events: list[Event]) -> str:
    """Lambda's own JSON lines, pretty-printed one after the other."""
    return "\n".join(
        json.dumps(json.loads(e.message), indent=2) if e.message.startswith("{") else e.message
        for e in events
    )


def printed_events(events: list[Event]) -> str:
    return pprint.pformat([*map(cli_event, events)], width=2000)


def log_result(events: list[Event]) -> str:
    tail = base64.b64encode(bare(events).encode()).decode()
    return json.dumps({"StatusCode": 200, "LogResult": tail, "ExecutedVersion": "$LATEST"})


# Tables.


def _csv(rows: list[list[Any]], **how: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **({"lineterminator": "\n"} | how)).writerows(rows)
    return text.getvalue()


def insights_csv(events: list[Event]) -> str:
    return _csv([["@timestamp", "@message"], *([insights_stamp(e), e.message] for e in events)])


def insights_tabs(events: list[Event]) -> str:
    rows = [["@timestamp", "@message"], *([insights_stamp(e), e.message] for e in events)]
    return _csv(rows, delimiter="\t")


def insights_all(events: list[Event]) -> str:
    head = ["@log", "@message", "@logStream", "@ptr", "@timestamp"]
    rows = [
        [f"111122223333:{GROUP}", e.message, e.stream, "CmEKJgoi", insights_stamp(e)]
        for e in events
    ]
    return _csv([head, *rows], quoting=csv.QUOTE_ALL)


def message_alone(events: list[Event]) -> str:
    return _csv([["@message"], *([event.message] for event in events)])


def semicolons(events: list[Event]) -> str:
    rows = [[event.ms, event.message] for event in events]
    return _csv([["timestamp", "message"], *rows], delimiter=";", lineterminator="\r\n")


def console_csv(events: list[Event]) -> str:
    return _csv([["timestamp", "message"], *([event.ms, event.message] for event in events)])


def headless_csv(events: list[Event]) -> str:
    return _csv([[insights_stamp(e), e.message] for e in events], quoting=csv.QUOTE_ALL)


LINES: list[Callable[[list[Event]], str]] = [
    bare, s3_export, tail_detailed, tail_short, tail_json, sam_logs, sam_plain, console_offset,
    filter_text, get_text, messages_text, docker, kubernetes, grep, table,
]  # fmt: skip
DOCUMENTS: list[Callable[[list[Event]], str]] = [
    filter_json, get_json, json_list, json_lines, messages_json, pages, query_results,
    insights_copy, subscription_json, firehose, packed, awslogs_event, kinesis_event,
    pretty_lines, log_result, insights_csv, insights_all, message_alone, semicolons, console_csv,
]  # fmt: skip
REPORTS_ALONE: list[Callable[[list[Event]], str]] = [
    console_blanks, two_on_a_line, printed_events, headless_csv,
]  # fmt: skip
"""Forms of which the lines around reports are not told apart any more."""

TIMED = {
    s3_export, tail_detailed, tail_json, sam_logs, sam_plain, console_offset, filter_text,
    get_text, kubernetes, table, filter_json, get_json, json_list, json_lines, pages,
    query_results, insights_copy, subscription_json, firehose, packed, awslogs_event,
    kinesis_event, insights_csv, insights_all, semicolons, console_csv,
}  # fmt: skip
STREAMED = {
    tail_detailed, tail_json, sam_logs, sam_plain, filter_text, filter_json, json_list,
    json_lines, pages, query_results, subscription_json, firehose, packed, awslogs_event,
    kinesis_event, insights_all,
}  # fmt: skip
GROUPED = {subscription_json, firehose, packed, awslogs_event, kinesis_event, insights_all}


def as_tar(text: str) -> bytes:
    data, made = text.encode(), io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("export/000000")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def as_zip(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/one.log", text)
    return made.getvalue()


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-8 with BOM": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le without BOM": lambda text: text.encode("utf-16-le"),
    "utf-16-be with BOM": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip twice": lambda text: gzip.compress(gzip.compress(text.encode())),
    "gzip in two members": lambda text: (
        gzip.compress(text[:300].encode()) + gzip.compress(text[300:].encode())
    ),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "tar.gz": as_tar,
    "zip": as_zip,
}
