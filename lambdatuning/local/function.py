"""What an execution environment runs and what one invocation of it is: plain values."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FunctionSpec:
    """One version of a function, as configured, with its code unpacked.

    `arn` names the version (`$LATEST` unqualified); `revision` changes with code or configuration.
    With `snapstart` a new environment is told to be a restored one: no snapshot is kept here, so
    that what its init phase took stands for the restore.
    """

    arn: str
    name: str
    version: str
    runtime: str
    handler: str
    memory_mb: int
    timeout_s: float
    task_root: Path
    revision: str
    account_id: str
    region: str
    log_group: str
    layers: tuple[Path, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    json_logs: bool = False
    application_log_level: str = ""
    system_log_level: str = "INFO"
    ephemeral_mb: int = 512
    snapstart: bool = False
    provisioned: bool = False


@dataclass(frozen=True)
class Request:
    """One invocation as the Runtime API hands it to the function."""

    request_id: str
    payload: bytes
    invoked_arn: str
    trace_id: str = ""
    client_context: str = ""


@dataclass(frozen=True)
class Fault:
    """Why an invocation has no result of the handler's own: AWS's error type and text.

    `payload` is the error as the runtime itself posted it, when it could.
    """

    error_type: str
    message: str
    status: str = "error"
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured of one invocation; times in ms, memory in MB.

    `stolen_ms` is how long its threads were ready to run but kept off the CPU by other load,
    `waited_ms` how long it queued for admission, `held_ms` how long strict settling held the reply.
    """

    request_id: str
    function: str
    memory_mb: int
    environment: str
    cpu_ms: float
    stolen_ms: float
    waited_ms: float
    held_ms: float
    cold: bool
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    max_memory_mb: int
    status: str


@dataclass(frozen=True)
class Outcome:
    """The answer of one invocation: payload, whether it is a function error, log lines, facts."""

    payload: bytes
    error: bool
    lines: tuple[str, ...]
    facts: Facts
