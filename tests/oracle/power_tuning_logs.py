"""How Power Tuning reads durations out of log tails, faults included.

The first match counts, whoever logged it; what a text tail lacks is 0; a JSON tail that lacks a
metric fails, and warm invocations always lack some. `core.report` is what we believe.
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
    if metric not in log:
        raise LambdaTuningError(f"Invalid JSON log does not contain {metric}")
    for line in log.split("\n"):
        record = _platform_report(line)
        if record is not None:
            value = record["metrics"].get(metric)
            return float(value) if truthy(value) else 0.0
    raise LambdaTuningError("Unrecognized JSON log")


def _platform_report(line: str) -> Any:
    if not line.startswith("{"):
        return None
    try:
        value = parse_json(line)
    except ValueError:
        return None
    return value["record"] if value.get("type") == "platform.report" else None
