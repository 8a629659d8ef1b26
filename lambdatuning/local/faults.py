"""The errors that the Lambda service itself answers, in AWS's words."""

import json
import signal

from .function import Fault

NOT_STARTED = {126: "permission denied", 127: "no such file or directory"}
"""What a shell's exit status says of a program that it could not start."""
_SIGNALLED = 128
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of a synchronous invocation."""
MAX_EVENT_BYTES = 1024 * 1024
"""Of an asynchronous invocation, since October 2025."""
MAX_RESPONSE_BYTES = MAX_PAYLOAD_BYTES + 100
"""A response may be 100 bytes longer than a request: the service says 6291556 bytes itself."""


def timed_out(timeout_s: float) -> Fault:
    """The function's own timeout struck."""
    return Fault(
        "Sandbox.Timedout", f"Error: Task timed out after {timeout_s:.2f} seconds", "timeout"
    )


def exited(returncode: int | None) -> Fault:
    """The runtime process ended by itself; `returncode` as `subprocess` gives it."""
    return Fault("Runtime.ExitError", f"Error: Runtime exited {exit_text(returncode)}")


def out_of_memory() -> Fault:
    """The kernel, or the limiter, killed the runtime at its memory size."""
    return Fault("Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed")


def invalid_entrypoint(reason: str) -> Fault:
    """The program of a custom runtime is missing or cannot be started."""
    return Fault("Runtime.InvalidEntrypoint", f"Error: {reason}")


def init_error(payload: bytes) -> Fault:
    """The runtime could not load the handler and said so itself."""
    return Fault(error_type(payload), "", payload=payload)


def extension_ended(line: bytes) -> Fault:
    """An extension ended, which none may before the environment does: `line` is its exit status, as
    a shell has it, and its path."""
    status, _, program = line.decode("utf-8", "replace").partition(" ")
    code = int(status)
    if code in NOT_STARTED:
        return Fault("Extension.LaunchError", f"Error: fork/exec {program}: {NOT_STARTED[code]}")
    if code - _SIGNALLED in _SIGNAL_TEXTS:
        return Fault("Extension.Crash", f"Error: signal: {_signal_name(code - _SIGNALLED)}")
    return Fault("Extension.Crash", f"Error: exit status {code}")


def response_too_large() -> Fault:
    """The handler's result is over the limit of a synchronous response."""
    return Fault(
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_BYTES} bytes).",
    )


def exit_text(returncode: int | None) -> str:
    """How AWS words an exit status, e.g. `with error: signal: segmentation fault`."""
    if returncode is None or returncode == 0:
        return "without providing a reason"
    if returncode > 0:
        return f"with error: exit status {returncode}"
    return f"with error: signal: {_signal_name(-returncode)}"


def body(fault: Fault, request_id: str) -> bytes:
    """The payload that a caller of Invoke receives for `fault`."""
    if fault.payload:
        return fault.payload
    message = fault.message
    if message.startswith("Error: "):
        message = f"RequestId: {request_id} {message}"
    return json.dumps({"errorType": fault.error_type, "errorMessage": message}).encode()


def error_type(payload: bytes) -> str:
    """`errorType` of an error that a runtime posted, or `Unknown`."""
    try:
        return str(json.loads(payload)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unknown"


# The texts of Go's syscall.Signal.String on Linux, which the service prints.
_SIGNAL_TEXTS: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}


def _signal_name(number: int) -> str:
    return _SIGNAL_TEXTS.get(number, f"signal {number}")
