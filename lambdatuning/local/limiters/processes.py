"""What the kernel says of a process, and signals to many, without privileges."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def cpu_clock_s(pid: int) -> float:
    """CPU seconds of all threads of another process, to the nanosecond.

    The clock id is the kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
    """
    return time.clock_gettime((~pid << 3) | 2)


def tree(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def cpu_of_all_s(pids: Iterable[int]) -> float:
    """CPU seconds of these processes; those that are gone count nothing."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += cpu_clock_s(pid)
    return total


def waited_s(pids: Iterable[int]) -> float:
    """Seconds that the threads of `pids` were ready to run but not running."""
    total_ns = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - on the hot path
                total_ns += _run_delay_ns(f"/proc/{pid}/task/{task}/schedstat")
    return total_ns / 1e9


def peak_memory_mb(pids: Iterable[int]) -> int:
    """Sum of the peak resident memory of `pids`, rounded up."""
    total_kb = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            status = read(f"/proc/{pid}/status")
            total_kb += int(status.partition(b"VmHWM:")[2].split(None, 1)[0])
    return -(-total_kb // 1024)


def resident_mb(pids: Iterable[int]) -> float:
    """Sum of the resident memory of `pids` now."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages += int(read(f"/proc/{pid}/statm").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


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


def marked(marker: str) -> list[int]:
    """Processes of ours whose environment holds `marker` (`NAME=value`)."""
    needle = marker.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):
                if needle in read(f"/proc/{entry.name}/environ").split(b"\0"):
                    found.append(int(entry.name))
    return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - on the hot path
        lists = [read(f"/proc/{pid}/task/{task}/children") for task in tasks]
        return [int(child) for child in b" ".join(lists).split()]
    return []


def _run_delay_ns(path: str) -> int:
    try:
        return int(read(path).split()[1])
    except (OSError, IndexError):
        return 0


def read(path: str) -> bytes:
    """Contents of a small /proc or control file, opened anew. Raises OSError."""
    # A plain read is several times cheaper than a buffered file, and this runs at every invocation.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 17)
    finally:
        os.close(descriptor)
