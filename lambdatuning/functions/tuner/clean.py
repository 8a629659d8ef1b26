"""The cleaning step: the function as it was, our versions gone, the lock given back."""

from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from . import lock
from .function import Confirms, Sleep, read, remove, set_memory

_QUIET_LOOKS, _MOST_LOOKS, _LOOK_S = 4, 60, 0.5


def nobody(_: str) -> bool:
    """No run is known but the one whose lock lies on the function."""
    return False


def clean(
    client: Any,
    function: str,
    execution: str | None,
    sleep: Sleep,
    confirms: Confirms = nobody,
) -> list[str]:
    """Put back what the lock's owner changed; safe to repeat, and at any point of a run.

    `execution` None cleans after whoever holds the lock. Without our lock nothing of a run can
    have been changed: the lock is taken first and given back last. Returns what was put back.
    """
    current = lock.read(client, function)
    if current is None or (execution is not None and current.execution != execution):
        return []
    done = undo(client, function, current, sleep, confirms)
    lock.release(client, function)
    return [*done, f"lock of run {current.run_id}"]


def take_back(
    client: Any, function: str, execution: str, sleep: Sleep, confirms: Confirms = nobody
) -> list[str]:
    """Clean after an execution that was stopped, of which a step may still be under way.

    The lock says so first, so that the step sees it and ends; what it did until then is undone
    until nothing more comes. A lock that says so already is that of cleaning which did not come to
    its end, and is taken up again. Returns what was put back.
    """
    done: list[str] = []
    current, quiet = None, 0
    for _ in range(_MOST_LOOKS):
        if quiet == _QUIET_LOOKS:
            break
        now = lock.read(client, function)
        if now is not None and now.execution in (execution, lock.STOPPED):
            current = now
            lock.update(client, function, replace(now, execution=lock.STOPPED))
        undone = _undone(client, function, current, sleep, confirms) if current else []
        quiet = 0 if undone else quiet + 1
        done += undone
        sleep(_LOOK_S)
    if current:
        lock.release(client, function)
        done.append(f"lock of run {current.run_id}")
    return done


def _undone(
    client: Any, function: str, current: lock.Lock, sleep: Sleep, confirms: Confirms
) -> list[str]:
    try:
        return undo(client, function, current, sleep, confirms)
    except LambdaTuningError:  # the step that is under way changed it at the same moment
        return [f"a change to {function} while it was cleaned"]


def undo(
    client: Any, function: str, current: lock.Lock, sleep: Sleep, confirms: Confirms = nobody
) -> list[str]:
    """Memory size and versions, while `current` lies on the function.

    The versions of its run go, and those of runs that are confirmed: nobody but the lock's owner
    can use one.
    """

    def is_ours(run_id: str) -> bool:
        return run_id == current.run_id or confirms(run_id)

    done = []
    current_mb = read(client, function)["MemorySize"]
    if current.memory_mb and current_mb != current.memory_mb:
        set_memory(client, function, current.memory_mb, sleep)
        done.append(f"memory size {current_mb} -> {current.memory_mb} MB")
    return [*done, *(f"version {number}" for number in remove(client, function, is_ours))]
