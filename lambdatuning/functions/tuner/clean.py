"""The cleaning step: the function as it was, our versions gone, the lock given back."""

from dataclasses import replace
from typing import Any

from ...core.errors import LambdaTuningError
from . import lock
from .function import Confirms, Sleep, read, remove, set_memory

_STOPPED = "stopped"
"""What a lock names as its owner once the owner's execution was stopped from outside."""

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
    held = lock.read(client, function)
    if held is None or (execution is not None and held.execution != execution):
        return []
    done = undo(client, function, held, sleep, confirms)
    lock.release(client, function)
    return [*done, f"lock of run {held.run_id}"]


def take_back(
    client: Any, function: str, execution: str, sleep: Sleep, confirms: Confirms = nobody
) -> list[str]:
    """Clean after an execution that was stopped, of which a step may still be under way.

    The lock says so first, so that the step sees it and ends; what it did until then is undone
    until nothing more comes. Returns what was put back.
    """
    done: list[str] = []
    held, quiet = None, 0
    for _ in range(_MOST_LOOKS):
        if quiet == _QUIET_LOOKS:
            break
        now = lock.read(client, function)
        if now is not None and now.execution == execution:
            held = now
            lock.update(client, function, replace(now, execution=_STOPPED))
        undone = _undone(client, function, held, sleep, confirms) if held else []
        quiet = 0 if undone else quiet + 1
        done += undone
        sleep(_LOOK_S)
    if held:
        lock.release(client, function)
        done.append(f"lock of run {held.run_id}")
    return done


def _undone(
    client: Any, function: str, held: lock.Lock, sleep: Sleep, confirms: Confirms
) -> list[str]:
    try:
        return undo(client, function, held, sleep, confirms)
    except LambdaTuningError:  # the step that is under way changed it at the same moment
        return [f"a change to {function} while it was cleaned"]


def undo(
    client: Any, function: str, held: lock.Lock, sleep: Sleep, confirms: Confirms = nobody
) -> list[str]:
    """Memory size and versions, while `held` lies on the function.

    The versions of its run go, and those of runs that are confirmed: nobody but the lock's owner
    can use one.
    """

    def known(run_id: str) -> bool:
        return run_id == held.run_id or confirms(run_id)

    done = []
    current_mb = read(client, function)["MemorySize"]
    if held.memory_mb and current_mb != held.memory_mb:
        set_memory(client, function, held.memory_mb, sleep)
        done.append(f"memory size {current_mb} -> {held.memory_mb} MB")
    return [*done, *(f"version {number}" for number in remove(client, function, known))]
