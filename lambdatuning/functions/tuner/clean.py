"""The cleaning step: the function as it was, our versions gone, the lock given back."""

from typing import Any

from . import lock
from .function_config import Sleep, read, set_memory
from .versions import remove


def clean(client: Any, function: str, execution: str | None, sleep: Sleep) -> list[str]:
    """Put back what the lock's owner changed; safe to repeat, and at any point of a run.

    `execution` None cleans after whoever holds the lock. Without our lock nothing of a run can
    have been changed: the lock is taken first and given back last. Returns what was put back.
    """
    held = lock.read(client, function)
    if held is None or (execution is not None and not held.owned_by(execution)):
        return []
    done = undo(client, function, held, sleep)
    lock.release(client, function)
    return [*done, f"lock of run {held.run_id}"]


def undo(client: Any, function: str, held: lock.Lock, sleep: Sleep) -> list[str]:
    """Memory size and versions of a run, while its lock (or the one that replaced it) is held."""
    done = []
    current_mb = read(client, function)["MemorySize"]
    if held.memory_mb and current_mb != held.memory_mb:
        set_memory(client, function, held.memory_mb, sleep)
        done.append(f"memory size {current_mb} -> {held.memory_mb} MB")
    return [*done, *(f"version {number}" for number in remove(client, function, held.run_id))]
