"""What the platform itself writes into a log stream: INIT_START, START, END and REPORT lines."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ..function import Fault, FunctionSpec
from .printed import LogEvent

_PLATFORM_ERRORS = ("Runtime.", "Sandbox.", "Extension.")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARN": 30}


class ReportLine(NamedTuple):
    """The numbers of one REPORT line: times in ms, memory in MB.

    On a cold start there is `init_ms`, or where a snapshot was restored, `restore_ms`.
    """

    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    restore_ms: float | None = None
    status: str = "success"
    error_type: str = ""

    @property
    def billed_ms(self) -> int:
        """All that is billed, in whole milliseconds: the duration with the init phase (since August
        2025), rounded up, and the restore of a snapshot, rounded up by itself."""
        run_ms = math.ceil(round(self.duration_ms + (self.init_ms or 0.0), 3))
        return run_ms + self.billed_restore_ms

    @property
    def billed_restore_ms(self) -> int:
        """The part of `billed_ms` that is for the restore."""
        return math.ceil(round(self.restore_ms or 0.0, 3))


def text_report(report: ReportLine) -> str:
    """The REPORT line of the text log format, as CloudWatch Logs shows it, tabs included."""
    fields = [
        f"REPORT RequestId: {report.request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {report.billed_ms} ms",
        f"Memory Size: {report.memory_mb} MB",
        f"Max Memory Used: {report.max_memory_mb} MB",
    ]
    if report.init_ms is not None:
        fields.append(f"Init Duration: {report.init_ms:.2f} ms")
    if report.restore_ms is not None:
        fields.append(f"Restore Duration: {report.restore_ms:.2f} ms")
        fields.append(f"Billed Restore Duration: {report.billed_restore_ms} ms")
    fields += _text_status(report)
    return "\t".join(fields) + "\t"


def _text_status(report: ReportLine) -> list[str]:
    # A handler's own exception leaves no mark on the text line; what the platform ended does.
    if report.status == "timeout":
        return ["Status: timeout"]
    if report.status == "error" and report.error_type.startswith(_PLATFORM_ERRORS):
        return ["Status: error", f"Error Type: {report.error_type}"]
    return []


def json_report(report: ReportLine, at: datetime) -> str:
    """The `platform.report` line of the JSON log format; absent metrics are absent."""
    metrics: dict[str, float | int] = {
        "durationMs": round(report.duration_ms, 3),
        "billedDurationMs": report.billed_ms,
        "memorySizeMB": report.memory_mb,
        "maxMemoryUsedMB": report.max_memory_mb,
    }
    if report.init_ms is not None:
        metrics["initDurationMs"] = round(report.init_ms, 3)
    if report.restore_ms is not None:
        metrics["restoreDurationMs"] = round(report.restore_ms, 3)
        metrics["billedRestoreDurationMs"] = report.billed_restore_ms
    record: dict[str, object] = {"requestId": report.request_id, "metrics": metrics}
    record["status"] = report.status
    if report.error_type:
        record["errorType"] = report.error_type
    return _json_line("platform.report", record, at)


def json_start(request_id: str, version: str, at: datetime) -> str:
    """The `platform.start` line of the JSON log format."""
    return _json_line("platform.start", {"requestId": request_id, "version": version}, at)


def json_restore_start(runtime: str, function: str, version: str, at: datetime) -> str:
    """The `platform.restoreStart` line of the JSON log format."""
    record = {"runtimeVersion": runtime, "functionName": function, "functionVersion": version}
    return _json_line("platform.restoreStart", record, at)


def json_init_start(runtime: str, function: str, version: str, at: datetime) -> str:
    """The `platform.initStart` line of the JSON log format."""
    record = {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": runtime,
        "functionName": function,
        "functionVersion": version,
    }
    return _json_line("platform.initStart", record, at)


def logs_info(system_log_level: str) -> bool:
    """Whether the platform writes its INFO lines (start, report) at this system log level."""
    return _LEVELS.get(system_log_level.upper(), 20) <= _LEVELS["INFO"]


def timestamp(at: datetime) -> str:
    """`2026-01-31T12:00:00.123Z`, as the platform writes times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _json_line(kind: str, record: Mapping[str, object], at: datetime) -> str:
    return json.dumps({"time": timestamp(at), "type": kind, "record": record})


def init_start(spec: FunctionSpec, interpreter: str, at: datetime) -> list[LogEvent]:
    """What the platform writes when an init phase begins; `interpreter` is what really runs."""
    if not spec.json_logs:
        phase = "RESTORE_START" if spec.snapstart else "INIT_START"
        return [_event(at, f"{phase} Runtime Version: {spec.runtime}\tEmbedded on: {interpreter}")]
    if not logs_info(spec.system_log_level):
        return []
    start = json_restore_start if spec.snapstart else json_init_start
    return [_event(at, start(interpreter, spec.name, spec.version, at))]


def extensions(
    spec: FunctionSpec, registered: Iterable[tuple[str, str, list[str]]], at: datetime
) -> list[LogEvent]:
    """What the platform writes of each extension: its name, its state and its events."""
    if not spec.json_logs:
        return [
            _event(at, f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]")
            for name, state, events in registered
        ]
    if not logs_info(spec.system_log_level):
        return []
    return [
        _event(
            at,
            _json_line("platform.extension", {"name": name, "state": state, "events": events}, at),
        )
        for name, state, events in registered
    ]


def restored(spec: FunctionSpec, restore_ms: float, at: datetime) -> list[LogEvent]:
    """The RESTORE_REPORT of an environment that is ready; JSON logs tell it in the report alone."""
    if spec.json_logs:
        return []
    return [_event(at, f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms")]


def init_failed(
    spec: FunctionSpec, init_ms: float, phase: str, fault: Fault, at: datetime
) -> list[LogEvent]:
    """The INIT_REPORT of an init phase that failed; JSON logs tell it in the report alone."""
    if spec.json_logs:
        return []
    line = f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {fault.status}"
    if fault.status != "timeout":
        line += f"\tError Type: {fault.error_type}"
    return [_event(at, line)]


def invocation(
    spec: FunctionSpec,
    printed: tuple[list[LogEvent], list[LogEvent]],
    fault: Fault | None,
    numbers: ReportLine,
    times: tuple[datetime, datetime],
) -> list[LogEvent]:
    """START, what the handler printed, the platform's word on a fault, END, REPORT.

    `printed` comes from the init phase and from the handler, `times` are begin and end.
    """
    before, within = printed
    started, ended = times
    if spec.json_logs:
        if not logs_info(spec.system_log_level):
            return [*before, *within]
        start = json_start(numbers.request_id, spec.version, started)
        end = json_report(numbers, ended)
        return [*before, _event(started, start), *within, _event(ended, end)]
    return [
        *before,
        _event(started, f"START RequestId: {numbers.request_id} Version: {spec.version}"),
        *within,
        *_fault(fault, numbers.request_id, ended),
        _event(ended, f"END RequestId: {numbers.request_id}"),
        _event(ended, text_report(numbers)),
    ]


def _fault(fault: Fault | None, request_id: str, at: datetime) -> list[LogEvent]:
    if fault is None or not fault.message.startswith("Error: "):
        return []
    if fault.status == "timeout":
        text = fault.message.removeprefix("Error: ")
        return [_event(at, f"{timestamp(at)} {request_id} {text}\n")]
    # Killed at the memory size is an exit to this line; the report names it.
    kind = fault.error_type if fault.error_type != "Runtime.OutOfMemory" else "Runtime.ExitError"
    return [_event(at, f"RequestId: {request_id} {fault.message}\n{kind}")]


def _event(at: datetime, text: str) -> LogEvent:
    return LogEvent(int(at.timestamp() * 1e3), text)
