"""The log of one invocation, as its log stream and LogResult show it."""

from datetime import datetime

from . import report
from .function import Fault, FunctionSpec
from .report import Report


def init_lines(spec: FunctionSpec, interpreter: str, at: datetime) -> list[str]:
    """What the platform writes when an init phase begins; `interpreter` is what really runs."""
    if not spec.json_logs:
        phase = "RESTORE_START" if spec.snapstart else "INIT_START"
        return [f"{phase} Runtime Version: {spec.runtime}\tEmbedded on: {interpreter}"]
    if not report.logs_info(spec.system_log_level):
        return []
    start = report.json_restore_start if spec.snapstart else report.json_init_start
    return [start(interpreter, spec.name, spec.version, at)]


def restored_line(spec: FunctionSpec, restore_ms: float) -> list[str]:
    """The RESTORE_REPORT of an environment that is ready; JSON logs tell it in the report alone."""
    if spec.json_logs:
        return []
    return [f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms"]


def init_failed_line(spec: FunctionSpec, init_ms: float, phase: str, fault: Fault) -> list[str]:
    """The INIT_REPORT of an init phase that failed; JSON logs tell it in the report alone."""
    if spec.json_logs:
        return []
    line = f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {fault.status}"
    return [line if fault.status == "timeout" else f"{line}\tError Type: {fault.error_type}"]


def invocation_lines(
    spec: FunctionSpec,
    printed: tuple[str, str],
    fault: Fault | None,
    numbers: Report,
    times: tuple[datetime, datetime],
) -> list[str]:
    """START, what the handler printed, the platform's word on a fault, END, REPORT.

    `printed` is the text of the init phase and of the handler, `times` are begin and end.
    """
    before, within = printed_lines(printed[0]), printed_lines(printed[1])
    if spec.json_logs:
        if not report.logs_info(spec.system_log_level):
            return before + within
        start = report.json_start(numbers.request_id, spec.version, times[0])
        return [*before, start, *within, report.json_report(numbers, times[1])]
    return [
        *before,
        f"START RequestId: {numbers.request_id} Version: {spec.version}",
        *within,
        *_fault_lines(fault, numbers.request_id, times[1]),
        f"END RequestId: {numbers.request_id}",
        report.text_report(numbers),
    ]


def printed_lines(printed: str) -> list[str]:
    """One event a line; a trailing newline makes no empty one."""
    return printed.removesuffix("\n").split("\n") if printed else []


def _fault_lines(fault: Fault | None, request_id: str, at: datetime) -> list[str]:
    if fault is None or not fault.message.startswith("Error: "):
        return []
    if fault.status == "timeout":
        told = fault.message.removeprefix("Error: ")
        return [f"{report.timestamp(at)} {request_id} {told}", ""]
    return [f"RequestId: {request_id} {fault.message}", "Runtime.ExitError"]
