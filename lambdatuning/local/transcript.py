"""The log of one invocation, as its log stream and LogResult show it."""

from datetime import datetime

from . import report
from .function import Fault, FunctionSpec
from .log_events import LogEvent
from .report import Report


def init_start(spec: FunctionSpec, interpreter: str, at: datetime) -> list[LogEvent]:
    """What the platform writes when an init phase begins; `interpreter` is what really runs."""
    if not spec.json_logs:
        phase = "RESTORE_START" if spec.snapstart else "INIT_START"
        return [_event(at, f"{phase} Runtime Version: {spec.runtime}\tEmbedded on: {interpreter}")]
    if not report.logs_info(spec.system_log_level):
        return []
    start = report.json_restore_start if spec.snapstart else report.json_init_start
    return [_event(at, start(interpreter, spec.name, spec.version, at))]


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
    numbers: Report,
    times: tuple[datetime, datetime],
) -> list[LogEvent]:
    """START, what the handler printed, the platform's word on a fault, END, REPORT.

    `printed` comes from the init phase and from the handler, `times` are begin and end.
    """
    before, within = printed
    began, ended = times
    if spec.json_logs:
        if not report.logs_info(spec.system_log_level):
            return [*before, *within]
        start = report.json_start(numbers.request_id, spec.version, began)
        end = report.json_report(numbers, ended)
        return [*before, _event(began, start), *within, _event(ended, end)]
    return [
        *before,
        _event(began, f"START RequestId: {numbers.request_id} Version: {spec.version}"),
        *within,
        *_fault(fault, numbers.request_id, ended),
        _event(ended, f"END RequestId: {numbers.request_id}"),
        _event(ended, report.text_report(numbers)),
    ]


def _fault(fault: Fault | None, request_id: str, at: datetime) -> list[LogEvent]:
    if fault is None or not fault.message.startswith("Error: "):
        return []
    if fault.status == "timeout":
        told = fault.message.removeprefix("Error: ")
        return [_event(at, f"{report.timestamp(at)} {request_id} {told}\n")]
    return [_event(at, f"RequestId: {request_id} {fault.message}\nRuntime.ExitError")]


def _event(at: datetime, text: str) -> LogEvent:
    return LogEvent(int(at.timestamp() * 1e3), text)
