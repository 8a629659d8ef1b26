"""What a run left on a function, found by our exact marks, and put back by the tuner's own role."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ...core.arn import parse_function_arn
from ...core.errors import LambdaTuningError, LockedError
from ...core.format import format_mb
from ...functions.tuner import lock
from ...functions.tuner.clean import clean
from ...functions.tuner.function import Sleep, marked_versions, read, run_of
from ..executions import describe, start, states_of
from ..session import Cloud
from .isolation import Copy, copies, remove_copy
from .plan import named_function

_NOT_STARTED_YET = timedelta(minutes=30)


@dataclass(frozen=True)
class Remains:
    """What is ours on a function; `lines` say it to people.

    `versions` are those of the run whose lock lies on the function; `doubtful` bear the mark of
    other runs: they go where the tuner knows the run, and stay where it does not. `kept` are copies
    and aliases that stay, each with the reason.
    """

    function_arn: str
    region: str
    memory_mb: int
    current_lock: lock.Lock | None
    versions: tuple[str, ...]
    copies: tuple[str, ...] = ()
    doubtful: tuple[tuple[str, str], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()

    @property
    def stays(self) -> tuple[str, ...]:
        """One a thing that looks like ours and is left alone, and why."""
        return (
            *(
                f"version {number} stays: no run {run_id} is known, whose mark it bears"
                for number, run_id in self.doubtful
            ),
            *(f"{name} stays: {why}" for name, why in self.kept),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """One a thing that will be put back."""
        lines = [f"version {number} is removed" for number in self.versions]
        if self.current_lock:
            lines.append(f"the lock of run {self.current_lock.run_id} is removed")
            if self.current_lock.memory_mb and self.current_lock.memory_mb != self.memory_mb:
                before = format_mb(self.current_lock.memory_mb)
                lines.append(f"memory size {format_mb(self.memory_mb)} -> {before}")
        lines += (f"function {name}, a copy of it, is removed" for name in self.copies)
        lines += (
            f"version {number} is removed if the tuner knows run {run_id}, whose mark it bears"
            for number, run_id in self.doubtful
        )
        return tuple(lines)


def remains(cloud: Cloud, function: str, now: datetime | None = None) -> Remains:
    """What is ours on a function; LockedError while the run that owns it goes on."""
    arn = named_function(cloud, function).unqualified
    client = cloud.client("lambda", region=arn.region)
    config = read(client, str(arn))
    current_lock, foreign = lock.read_alias(client, str(arn))
    if current_lock and lock.running_since(
        states_of(cloud, current_lock.execution), current_lock.execution
    ):
        raise LockedError(
            f"run {current_lock.run_id} is going on ({current_lock.execution}); wait for it, or "
            "stop it first"
        )
    marked = [
        (version["Version"], run_of(version)) for version in marked_versions(client, str(arn))
    ]
    own = tuple(
        number for number, run_id in marked if current_lock and run_id == current_lock.run_id
    )
    doubtful = tuple(entry for entry in marked if entry[0] not in own)
    reasons = {
        copy.name: _why_kept(states_of(cloud, copy.execution), copy, now or datetime.now(UTC))
        for copy in copies(client, arn.name)
    }
    dead = tuple(name for name, why in reasons.items() if not why)
    kept = tuple((f"function {name}", why) for name, why in reasons.items() if why)
    kept += ((f"alias {lock.ALIAS}", "it is not the lock of a run"),) if foreign else ()
    memory_mb = config["MemorySize"]
    return Remains(str(arn), arn.region, memory_mb, current_lock, own, dead, doubtful, kept)


def _why_kept(states: Any, copy: Copy, now: datetime) -> str:
    """Why a copy stays; "" where nobody tunes it any more. It is there before its run is started,
    so that one whose run is not known is left alone for a while; one whose run cannot be looked at
    may be in use."""
    delete = f"`aws lambda delete-function --function-name {copy.name}` removes it"
    if not copy.execution:
        return f"it has not the exact mark of a copy of ours; is it one, {delete}"
    try:
        answer = states.describe_execution(executionArn=copy.execution)
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code != "ExecutionDoesNotExist":
            return f"its run cannot be looked at ({code}: {copy.execution}); is it over, {delete}"
        if now - copy.made_at > _NOT_STARTED_YET:
            return ""
        return "its run may be about to start; half an hour later it is removed"
    alive = answer["status"] in lock.ALIVE
    return f"its run goes on ({copy.execution})" if alive else ""


def describe_remains(left: Remains) -> str:
    """What will be put back, as lines."""
    return "\n".join([f"{left.function_arn}:", *(f"  {line}" for line in left.lines)])


def clean_function(
    cloud: Cloud, left: Remains, sleep: Sleep, state_machine_arn: str = ""
) -> list[str]:
    """Put it back; what was done. The tuner does it by its own role, where there is one."""
    client: Any = cloud.client("lambda", region=left.region)
    machine = state_machine_of(left.current_lock.execution) if left.current_lock else ""
    cleaning = start_cleaning(cloud, machine or state_machine_arn, left.function_arn)
    cleaned = wait_for_cleaning(cloud, cleaning, sleep)
    if cleaned is None:
        cleaned = clean(client, left.function_arn, None, sleep)
    for name in left.copies:
        remove_copy(cloud, client, left.region, name)
        cleaned.append(f"function {name}")
    return cleaned


# Cleaning up by the tuner's own role: an execution of its machine that does nothing else.

_LONGEST_S, _PAUSE_S = 300.0, 0.5


def state_machine_of(execution_arn: str) -> str:
    """The state machine of an execution; "" for what is none."""
    if ":execution:" not in execution_arn:
        return ""
    return execution_arn.replace(":execution:", ":stateMachine:", 1).rpartition(":")[0]


def start_cleaning(
    cloud: Cloud, state_machine_arn: str, function_arn: str, stopped: str = ""
) -> str:
    """The execution in which the tuner cleans, after `stopped`, an execution that was stopped, or
    after whoever holds the function; "" where there is no such tuner, or it may not be started."""
    if not state_machine_arn:
        return ""
    body = {"onlyClean": {"lambdaARN": function_arn, **({"execution": stopped} if stopped else {})}}
    name = f"clean-{secrets.token_hex(6)}"
    try:
        return start(cloud, state_machine_arn, name, body)
    except (ClientError, LambdaTuningError):
        return ""


def wait_for_cleaning(cloud: Cloud, execution_arn: str, sleep: Sleep) -> list[str] | None:
    """What the tuner put back; None where it did not, or nobody may look."""
    if not execution_arn:
        return None
    try:
        waited_s = 0.0
        while (execution := describe(cloud, execution_arn)).running and waited_s < _LONGEST_S:
            sleep(_PAUSE_S)
            waited_s += _PAUSE_S
    except (ClientError, LambdaTuningError):
        return None
    if execution.running:
        return None
    if execution.status != "SUCCEEDED" or not isinstance(execution.output, dict):
        return None
    return list(execution.output.get("cleaned", ()))


def what_is_left(
    cloud: Cloud, function_arn: str, run_id: str, memory_mb: int, set_mb: int | None = None
) -> tuple[str, bool]:
    """What is on a function after a run, in words, as it was just looked at; and whether it is as
    it was before, `memory_mb` included, or has the size `set_mb` that the run was to set."""
    arn = parse_function_arn(function_arn)
    client = cloud.client("lambda", region=arn.region)
    command = f"`lambdatuning clean {arn.name}` puts it back"
    try:
        now_mb = int(read(client, function_arn)["MemorySize"])
        current_lock = lock.read(client, function_arn)
        versions = [version["Version"] for version in marked_versions(client, function_arn, run_id)]
    except (ClientError, LambdaTuningError) as exc:
        return f"{arn.name} could not be looked at ({exc}): {command}", False
    was_set = now_mb == set_mb != memory_mb
    other_size = now_mb != memory_mb and not was_set
    locked = current_lock is not None and current_lock.run_id == run_id
    left = (
        [f"{format_mb(now_mb)} instead of {format_mb(memory_mb)}"] if other_size and locked else []
    )
    left += [f"the lock of run {run_id}"] if locked else []
    left += [f"version {number}" for number in versions]
    if left:
        return f"{arn.name} has {', '.join(left)}: {command}", False
    if other_size:
        return (
            f"{arn.name} has {format_mb(now_mb)} (before: {format_mb(memory_mb)}) and no lock or "
            "version of the run: somebody else set that size, or it is to be set back by hand"
        ), False
    if was_set:
        why = (
            f"{arn.name} is set to the answer, {format_mb(now_mb)} (before: {format_mb(memory_mb)})"
        )
        return f"{why}, and has no lock or version of the run", True
    return f"{arn.name} is as it was ({format_mb(memory_mb)}, no lock or version of the run)", True
