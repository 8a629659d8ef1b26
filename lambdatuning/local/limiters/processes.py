"""Families of processes: what they use together, and signals to them, without privileges."""

import contextlib
import os
import signal
from collections.abc import Iterable

from . import process_table

TABLE = process_table.here()
"""What this system tells of its processes."""


def tree(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    found = [pid]
    for parent in found:
        found += TABLE.children(parent)
    return found


def cpu_of_all_s(pids: Iterable[int]) -> float:
    """CPU seconds of these processes; those that are gone count nothing."""
    return sum(map(TABLE.cpu_s, pids))


def ended_children_s(pids: Iterable[int]) -> float:
    """CPU seconds of the children that these processes have waited for."""
    return sum(map(TABLE.ended_children_s, pids))


def waited_s(pids: Iterable[int]) -> float:
    """Seconds that the threads of `pids` were ready to run but not running."""
    return sum(map(TABLE.waited_s, pids))


def peak_memory_mb(pids: Iterable[int]) -> int:
    """Sum of the peak resident memory of `pids`, rounded up."""
    return -(-sum(map(TABLE.peak_bytes, pids)) >> 20)


def resident_bytes(pids: Iterable[int]) -> int:
    """Sum of the resident memory of `pids` now."""
    return sum(map(TABLE.resident_bytes, pids))


def marked(marker: str) -> list[int]:
    """Processes of ours whose environment holds `marker` (`NAME=value`)."""
    return list(TABLE.marked(marker))


def signal_all(pids: Iterable[int], signal_number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal_number)


def signal_group(pid: int, signal_number: signal.Signals) -> None:
    """Send a signal to the process group that `pid` leads, if it is still there."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal_number)


def alive(pid: int) -> bool:
    """Whether a process of this id exists (whoever owns it)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
