"""The cleaning step: the function as it was, our versions gone, the lock given back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from ...core.format import format_mb
from . import lock
from .function import Confirms, Sleep, read, remove, set_memory

_QUIET_CHECKS, _MOST_CHECKS, _PAUSE_S = 4, 60, 0.5
"""A stopped run is over when so many checks in a row find nothing to undo."""

MayHaveSet = Callable[[str, int], bool]
"""Whether the run of that id may have given the function that memory size."""


def any_size(_run_id: str, _memory_mb: int) -> bool:
    """The sizes of a run are not known: whatever is not as before may be its."""
    return True


def confirms_none(_run_id: str) -> bool:
    """No run is known but the one whose lock lies on the function."""
    return False


def clean(
    client: Any,
    function: str,
    execution: str | None,
    sleep: Sleep,
    confirms: Confirms = confirms_none,
    may_have_set: MayHaveSet = any_size,
) -> list[str]:
    """Put back what the lock's owner changed; safe to repeat, and at any point of a run.

    `execution` None cleans after whoever holds the lock. Without our lock nothing of a run can
    have been changed: the lock is taken first and given back last. Returns what was put back.
    """
    current = lock.read(client, function)
    if current is None or (execution is not None and current.execution != execution):
        return []
    cleaned = undo(client, function, current, sleep, confirms, may_have_set)
    lock.release(client, function)
    return [*cleaned, f"lock of run {current.run_id}"]


def clean_stopped(
    client: Any,
    function: str,
    execution: str,
    sleep: Sleep,
    confirms: Confirms = confirms_none,
    may_have_set: MayHaveSet = any_size,
) -> list[str]:
    """Clean after an execution that was stopped, of which a step may still be under way.

    The lock says so first, so that the step sees it and ends; what it did until then is undone
    until nothing more comes. A lock that says so already is that of cleaning which did not come to
    its end, and is taken up again. Returns what was put back. LambdaTuningError where it cannot be:
    the lock stays then, since it alone says which size the function had.
    """
    cleaned: list[str] = []
    failure = ""
    current, quiet = None, 0
    for _ in range(_MOST_CHECKS):
        if quiet == _QUIET_CHECKS:
            break
        current = _marked_stopped(client, function, execution) or current
        undone = []
        if current:
            try:
                undone = undo(client, function, current, sleep, confirms, may_have_set)
            except LambdaTuningError as exc:  # the step that is under way changed it just now
                undone, failure = [f"a change to {function} while it was cleaned"], str(exc)
        quiet = 0 if undone else quiet + 1
        cleaned += undone
        sleep(_PAUSE_S)
    if current and quiet < _QUIET_CHECKS:
        raise LambdaTuningError(failure or f"{function} is changed again and again; clean it later")
    if current:
        lock.release(client, function)
        cleaned.append(f"lock of run {current.run_id}")
    return cleaned


def _marked_stopped(client: Any, function: str, execution: str) -> lock.Lock | None:
    """The lock of that execution, which says from now on that it was stopped; None without one."""
    current = lock.read(client, function)
    if current is None or current.execution not in (execution, lock.STOPPED):
        return None
    lock.update(client, function, replace(current, execution=lock.STOPPED))
    return current


def undo(
    client: Any,
    function: str,
    current: lock.Lock,
    sleep: Sleep,
    confirms: Confirms = confirms_none,
    may_have_set: MayHaveSet = any_size,
) -> list[str]:
    """Memory size and versions, while `current` lies on the function.

    The versions of its run go, and those of runs that are confirmed: nobody but the lock's owner
    can use one. A size that the run did not set is somebody else's deployment, and stays.
    """

    def is_ours(run_id: str) -> bool:
        return run_id == current.run_id or confirms(run_id)

    cleaned = []
    config = read(client, function)
    current_mb, failed = config["MemorySize"], config.get("LastUpdateStatus") == "Failed"
    changed = current_mb != current.memory_mb or failed
    if current.memory_mb and changed and may_have_set(current.run_id, current_mb):
        set_memory(client, function, current.memory_mb, sleep)
        cleaned.append(f"memory size {format_mb(current_mb)} -> {format_mb(current.memory_mb)}")
    return [*cleaned, *(f"version {number}" for number in remove(client, function, is_ours))]
