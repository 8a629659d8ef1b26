"""Processes and families of them: what they use, signals to them, their turns on the CPU."""

import contextlib
import ctypes
import os
import platform
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

FORCED_NAME = "LAMBDATUNING_PROCESS_TABLE"
"""Set it to `psutil` to do without /proc, as the tests do."""


class ProcessTable(Protocol):
    """Facts of a process by its id; of one that is gone, nothing: no children, zero, no id."""

    def packages(self) -> Sequence[str]:
        """Folders from which it imports more than the standard library."""

    def children(self, pid: int) -> Sequence[int]:
        """Its living children."""

    def cpu_s(self, pid: int) -> float:
        """CPU seconds of all its threads."""

    def ended_children_s(self, pid: int) -> float:
        """CPU seconds of the children that it has waited for."""

    def waited_s(self, pid: int) -> float:
        """Seconds that its threads were ready to run but not running; 0 where nobody counts."""

    def resident_bytes(self, pid: int) -> int:
        """The memory that it holds now."""

    def peak_bytes(self, pid: int) -> int:
        """The most memory that it held; where nobody keeps count, what it holds now."""

    def marked(self, marker: str) -> Sequence[int]:
        """Processes of ours whose environment holds `marker` (`NAME=value`), but this one."""


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_READ_BYTES = 1 << 16
"""At a time. Larger, and the C library takes memory from the kernel and gives it back each time:
ten times what the reading takes."""


class ProcTable:
    """See `ProcessTable`."""

    def packages(self) -> list[str]:
        """See `ProcessTable.packages`."""
        return []

    def children(self, pid: int) -> list[int]:
        """See `ProcessTable.children`."""
        with contextlib.suppress(OSError):
            tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - on the hot path
            lists = [read_file(f"/proc/{pid}/task/{task}/children") for task in tasks]
            return [int(child) for child in b" ".join(lists).split()]
        return []

    def cpu_s(self, pid: int) -> float:
        """See `ProcessTable.cpu_s`; to the nanosecond."""
        with contextlib.suppress(OSError):
            # The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
            return time.clock_gettime((~pid << 3) | 2)
        return 0.0

    def ended_children_s(self, pid: int) -> float:
        """See `ProcessTable.ended_children_s`; to the clock tick, by proc(5)."""
        with contextlib.suppress(OSError, IndexError):
            fields = read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            return (int(fields[13]) + int(fields[14])) / _TICKS_PER_S
        return 0.0

    def waited_s(self, pid: int) -> float:
        """See `ProcessTable.waited_s`."""
        total_ns = 0
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - on the hot path
                with contextlib.suppress(OSError, IndexError):
                    total_ns += int(read_file(f"/proc/{pid}/task/{task}/schedstat").split()[1])
        return total_ns / 1e9

    def resident_bytes(self, pid: int) -> int:
        """See `ProcessTable.resident_bytes`."""
        with contextlib.suppress(OSError, IndexError):
            return int(read_file(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
        return 0

    def peak_bytes(self, pid: int) -> int:
        """See `ProcessTable.peak_bytes`."""
        with contextlib.suppress(OSError, IndexError):
            return _peak_bytes(read_file(f"/proc/{pid}/status"))
        return 0

    def marked(self, marker: str) -> list[int]:
        """See `ProcessTable.marked`."""
        needle = marker.encode()
        marked = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                with contextlib.suppress(OSError):
                    if needle in read_file(f"/proc/{entry.name}/environ").split(b"\0"):
                        marked.append(int(entry.name))
        return marked


def _peak_bytes(status: bytes) -> int:
    return int(status.partition(b"VmHWM:")[2].split(None, 1)[0]) << 10


class OpenProcess:
    """One process of Linux, its files kept open: to open them takes longer than to read them."""

    def __init__(self, pid: int) -> None:
        """Raises OSError."""
        self.pid = pid
        self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY)
        try:
            self._schedule = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
        except OSError:
            os.close(self._status)
            raise

    def waited_s(self) -> float:
        """Seconds that its first thread was ready to run but not running; 0 when it is gone."""
        with contextlib.suppress(OSError, IndexError):
            return int(os.pread(self._schedule, _READ_BYTES, 0).split()[1]) / 1e9
        return 0.0

    def peak_memory_mb(self) -> int:
        """The most memory that it held, rounded up; 0 when it is gone."""
        with contextlib.suppress(OSError, IndexError):
            return -(-_peak_bytes(os.pread(self._status, _READ_BYTES, 0)) >> 20)
        return 0

    def close(self) -> None:
        """Close its files."""
        os.close(self._status)
        os.close(self._schedule)


class PsutilTable:
    """See `ProcessTable`; for systems without /proc, such as macOS."""

    def packages(self) -> list[str]:
        """See `ProcessTable.packages`."""
        import psutil

        return [str(Path(psutil.__file__).parents[1])]

    def children(self, pid: int) -> list[int]:
        """See `ProcessTable.children`."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []

    def cpu_s(self, pid: int) -> float:
        """See `ProcessTable.cpu_s`."""
        times = _times(pid)
        return float(times.user + times.system) if times else 0.0

    def ended_children_s(self, pid: int) -> float:
        """See `ProcessTable.ended_children_s`; macOS does not count them."""
        times = _times(pid)
        return float(times.children_user + times.children_system) if times else 0.0

    def waited_s(self, pid: int) -> float:
        """See `ProcessTable.waited_s`: not counted."""
        del pid
        return 0.0

    def resident_bytes(self, pid: int) -> int:
        """See `ProcessTable.resident_bytes`."""
        import psutil

        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
        return 0

    def peak_bytes(self, pid: int) -> int:
        """See `ProcessTable.peak_bytes`: what it holds now."""
        return self.resident_bytes(pid)

    def marked(self, marker: str) -> list[int]:
        """See `ProcessTable.marked`."""
        import psutil

        name, _, value = marker.partition("=")
        marked = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(name) == value:
                    marked.append(process.pid)
        return marked


def _times(pid: int) -> Any:
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).cpu_times()
    return None


def table(system: str = sys.platform, forced: str | None = None) -> ProcessTable:
    """The table of a system named as `sys.platform` does."""
    portable = (forced or os.environ.get(FORCED_NAME)) == "psutil" or system != "linux"
    return PsutilTable() if portable else ProcTable()


def read_file(path: str) -> bytes:
    """Contents of a /proc or control file, opened at every call. Raises OSError."""
    # A plain read is several times cheaper than a buffered file, and this runs at every invocation.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        contents = part = os.read(descriptor, _READ_BYTES)
        # Lists come a page at a time, in whole entries: one nearly full may not be the last.
        while len(part) > _PAGE_BYTES // 2:
            part = os.read(descriptor, _READ_BYTES)
            contents += part
        return contents
    finally:
        os.close(descriptor)


TABLE = table()
"""What this system tells of its processes."""


def tree(pid: int) -> list[int]:
    """`pid` and its living descendants."""
    members = [pid]
    for parent in members:
        members += TABLE.children(parent)
    return members


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


def stop_all(living: Callable[[], list[int]]) -> list[int]:
    """Stop every process that `living` tells of; the ids of the stopped."""
    stopped: list[int] = []
    # Until no new one shows: each may fork before the signal reaches it.
    while (now := living()) != stopped:
        stopped = now
        signal_all(stopped, signal.SIGSTOP)
    return stopped


def resume(pids: list[int]) -> None:
    """Let them continue."""
    signal_all(pids, signal.SIGCONT)


SLICE_NS = 100_000
"""The shortest that Linux grants (`sched_setattr(2)`, `sched_runtime`); the usual is 0.7-3 ms."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "ppc64le": 355, "s390x": 345, "riscv64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def shorten_slice(pid: int) -> bool:
    """Give the main thread of `pid`, and what it starts from now on, short slices.

    False where that cannot be: another policy, no such process, not Linux.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or sys.platform != "linux":
        return False
    try:
        if os.sched_getscheduler(pid) != os.SCHED_OTHER:
            return False
        nice = os.getpriority(os.PRIO_PROCESS, pid)
    except OSError:
        return False
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    status: int = ctypes.CDLL(None).syscall(number, pid, attributes, 0)
    return status == 0
