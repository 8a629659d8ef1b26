"""How Power Tuning reads durations out of log tails, faults included.

The first match counts, whoever logged it; what a text tail lacks is 0; a JSON tail that lacks a
metric fails, and warm invocations always lack some. So does one in which a line that mentions a
report is no JSON. `core.log_report` is what we believe.
"""

import re
from collections.abc import Iterable
from typing import Any

from lambdatuning.core.errors import LambdaTuningError
from lambdatuning.core.log_report import InvocationReport
from lambdatuning.core.power_tuning.javascript import truthy
from tests.oracle.power_tuning_values import parse_json

_DECIMAL, _WHOLE = r"([0-9]+\.[0-9]+)", r"([0-9]+)"

_TEXT = {
    "durationMs": re.compile(rf"\tDuration: {_DECIMAL} ms"),
    "initDurationMs": re.compile(rf"\tInit Duration: {_DECIMAL} ms"),
    "restoreDurationMs": re.compile(rf"\tRestore Duration: {_DECIMAL} ms"),
    "billedDurationMs": re.compile(rf"\tBilled Duration: {_WHOLE} ms"),
    "billedRestoreDurationMs": re.compile(rf"\tBilled Restore Duration: {_WHOLE} ms"),
}


def extract_duration(log: str, metric: str = "durationMs") -> float:
    """One metric of a tail in ms; LambdaTuningError for an unknown one or a JSON tail without it.

    >>> extract_duration("user line\\tDuration: 9.00 ms\\nREPORT ...\\tDuration: 1.00 ms")
    9.0
    """
    if log.startswith("{"):
        return _from_json(log, metric)
    if metric not in _TEXT:
        raise LambdaTuningError(f"Unknown duration type: {metric}")
    match = _TEXT[metric].search(log)
    return float(match[1]) if match else 0.0


def tail_totals(tails: Iterable[str | None]) -> tuple[list[float], list[float]]:
    """Total and billed durations of invocations from their tails: with init and restore."""
    logs = [tail or "" for tail in tails]
    return [
        extract_duration(log, "durationMs")
        + extract_duration(log, "initDurationMs")
        + extract_duration(log, "restoreDurationMs")
        for log in logs
    ], [
        extract_duration(log, "billedDurationMs") + extract_duration(log, "billedRestoreDurationMs")
        for log in logs
    ]


def report_totals(reports: Iterable[InvocationReport]) -> tuple[list[float], list[float]]:
    """The same from reports, which were read without the faults."""
    read = list(reports)
    return (
        [report.total_ms for report in read],
        [float(report.billed_ms + (report.billed_restore_ms or 0)) for report in read],
    )


def _from_json(log: str, metric: str) -> float:
    for part in ("platform.report", metric):
        if part not in log:
            raise LambdaTuningError(f"Invalid JSON log does not contain {part}")
    try:
        reports = [line for line in _lines(log) if _type_of(line) == "platform.report"]
        value = reports[0]["record"]["metrics"].get(metric)
        return float(value) if truthy(value) else 0.0
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise LambdaTuningError(f"Unexpected JSON log: {exc!r}") from exc


def _lines(log: str) -> list[Any]:
    """The tail as one value, pretty or not; else every line that mentions a report, each JSON."""
    try:
        return [parse_json(log)]
    except ValueError:
        return [parse_json(line) for line in log.split("\n") if "platform.report" in line]


def _type_of(line: Any) -> Any:
    if line is None:
        raise TypeError("null has no type")
    return line.get("type") if isinstance(line, dict) else None
