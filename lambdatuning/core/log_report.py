"""The platform's REPORT of one invocation, read from the tail of its log in any log format."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import LambdaTuningError

_TEXT_LINE = re.compile(r"^REPORT RequestId: (\S+)[ \t]+(.+?)[ \t]*\r?$", re.MULTILINE)
_TEXT_FIELD = re.compile(r"(?:^|\t|[ ]{2,})([A-Z][A-Za-z ]*?): ([^\t]*?)(?=\t|[ ]{2,}|$)")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) (?:ms|MB)", re.ASCII)
_JSON_START = re.compile(r"^\{", re.MULTILINE)
_DECODER = json.JSONDecoder()

FILTER_PATTERNS = {"Text": '"REPORT RequestId"', "JSON": '{ $.type = "platform.report" }'}
"""What CloudWatch Logs is asked for to find reports, by the log format of the function."""


class ReportError(LambdaTuningError):
    """A log tail without the platform's report of the invocation."""


@dataclass(frozen=True, slots=True)
class InvocationReport:
    """What Lambda reports of one invocation: times in ms, memory in MB.

    `init_ms` is there on a cold start and `restore_ms` where a SnapStart snapshot was restored,
    else None. `billed_ms` is all that is billed: of a restored snapshot it is the duration, rounded
    up, with the `billed_restore_ms` that stand beside it once more. `status` is "success",
    "timeout", "error" or "failure"; `error_type` is "" unless Lambda names one.
    """

    request_id: str
    duration_ms: float
    billed_ms: int
    memory_mb: int | None = None
    max_memory_mb: int | None = None
    init_ms: float | None = None
    restore_ms: float | None = None
    billed_restore_ms: int | None = None
    status: str = "success"
    error_type: str = ""

    @property
    def cold(self) -> bool:
        """Whether the invocation had to wait for a new execution environment."""
        return self.init_ms is not None or self.restore_ms is not None

    @property
    def total_ms(self) -> float:
        """Duration with init and restore, as AWS Lambda Power Tuning counts it."""
        return self.duration_ms + (self.init_ms or 0.0) + (self.restore_ms or 0.0)


def parse_report(log_tail: str, request_id: str | None = None) -> InvocationReport:
    r"""The platform's report in the decoded `LogResult` of an invocation.

    Text, JSON and pretty-printed JSON are read, also after a beginning cut off at 4 KB. Lambda
    writes the report after all that the function writes, so the last one counts, and with
    `request_id` only one of that request: a function that logs a line like a report is not
    believed. ReportError where there is none.

    >>> parse_report("REPORT RequestId: 1\tDuration: 1.50 ms\tBilled Duration: 2 ms").billed_ms
    2
    """
    reports = list(iter_reports(log_tail))
    matching = [report for report in reports if request_id in (None, report.request_id)]
    if matching:
        return matching[-1]
    who = f" of request {request_id}" if request_id else ""
    others = (
        f" (it reports {', '.join(report.request_id for report in reports)})" if reports else ""
    )
    raise ReportError(
        f"no REPORT{who} in the log tail{others}; invoke with LogType=Tail and grant the function "
        "logs:CreateLogStream and logs:PutLogEvents"
    )


def iter_reports(log: str) -> Iterator[InvocationReport]:
    """Every line or JSON object at the beginning of a line that has a report's form, in order."""
    candidates = [*_text_reports(log), *_json_reports(log)]
    return (report for _, report in sorted(candidates, key=lambda entry: entry[0]))


def _text_reports(log: str) -> Iterator[tuple[int, InvocationReport]]:
    for match in _TEXT_LINE.finditer(log):
        fields = {name: value.strip() for name, value in _TEXT_FIELD.findall(match[2])}
        numbers = {name: _quantity(value) for name, value in fields.items()}
        report = _report(
            match[1],
            {metric: numbers.get(name) for metric, name in _TEXT_NAMES.items()},
            fields.get("Status"),
            fields.get("Error Type"),
        )
        if report:
            yield match.start(), report


_TEXT_NAMES = {
    "durationMs": "Duration",
    "billedDurationMs": "Billed Duration",
    "memorySizeMB": "Memory Size",
    "maxMemoryUsedMB": "Max Memory Used",
    "initDurationMs": "Init Duration",
    "restoreDurationMs": "Restore Duration",
    "billedRestoreDurationMs": "Billed Restore Duration",
}
"""The metrics of a JSON report and what a text report calls them."""


def _json_reports(log: str) -> Iterator[tuple[int, InvocationReport]]:
    position = 0
    while start := _JSON_START.search(log, position):
        try:
            value, position = _DECODER.raw_decode(log, start.start())
        except (ValueError, RecursionError):
            position = start.end()
            continue
        report = _platform_report(value)
        if report:
            yield start.start(), report


def _platform_report(value: Any) -> InvocationReport | None:
    if not isinstance(value, dict) or value.get("type") != "platform.report":
        return None
    record = value.get("record")
    if not isinstance(record, dict) or not isinstance(record.get("metrics"), dict):
        return None
    request_id = record.get("requestId")
    if not isinstance(request_id, str):
        return None
    return _report(request_id, record["metrics"], record.get("status"), record.get("errorType"))


def _report(
    request_id: str, metrics: Mapping[str, Any], status: Any, error_type: Any
) -> InvocationReport | None:
    duration, billed = _number(metrics, "durationMs"), _number(metrics, "billedDurationMs")
    if duration is None or billed is None:
        return None
    return InvocationReport(
        request_id=request_id,
        duration_ms=duration,
        billed_ms=math.ceil(billed),
        memory_mb=_whole(metrics, "memorySizeMB"),
        max_memory_mb=_whole(metrics, "maxMemoryUsedMB"),
        init_ms=_number(metrics, "initDurationMs"),
        restore_ms=_number(metrics, "restoreDurationMs"),
        billed_restore_ms=_whole(metrics, "billedRestoreDurationMs"),
        status=status if isinstance(status, str) and status else "success",
        error_type=error_type if isinstance(error_type, str) else "",
    )


def _quantity(text: str) -> float | None:
    match = _QUANTITY.fullmatch(text)
    return float(match[1]) if match else None


def _number(metrics: Mapping[str, Any], name: str) -> float | None:
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def _whole(metrics: Mapping[str, Any], name: str) -> int | None:
    value = _number(metrics, name)
    return None if value is None else math.ceil(value)
