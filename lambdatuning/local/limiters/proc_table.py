"""The processes of Linux, as /proc tells of them; read at every invocation, so without detours."""

import contextlib
import os
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MOST_BYTES = 1 << 17


class ProcTable:
    """See `ProcessTable`."""

    measures_cpu = True

    def children(self, pid: int) -> list[int]:
        """See `ProcessTable.children`."""
        with contextlib.suppress(OSError):
            tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - on the hot path
            lists = [read(f"/proc/{pid}/task/{task}/children") for task in tasks]
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
            fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            return (int(fields[13]) + int(fields[14])) / _TICKS_PER_S
        return 0.0

    def waited_s(self, pid: int) -> float:
        """See `ProcessTable.waited_s`."""
        total_ns = 0
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - on the hot path
                with contextlib.suppress(OSError, IndexError):
                    total_ns += int(read(f"/proc/{pid}/task/{task}/schedstat").split()[1])
        return total_ns / 1e9

    def resident_bytes(self, pid: int) -> int:
        """See `ProcessTable.resident_bytes`."""
        with contextlib.suppress(OSError, IndexError):
            return int(read(f"/proc/{pid}/statm").split()[1]) * _PAGE_BYTES
        return 0

    def peak_bytes(self, pid: int) -> int:
        """See `ProcessTable.peak_bytes`."""
        with contextlib.suppress(OSError, IndexError):
            status = read(f"/proc/{pid}/status")
            return int(status.partition(b"VmHWM:")[2].split(None, 1)[0]) << 10
        return 0

    def marked(self, marker: str) -> list[int]:
        """See `ProcessTable.marked`."""
        needle = marker.encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                with contextlib.suppress(OSError):
                    if needle in read(f"/proc/{entry.name}/environ").split(b"\0"):
                        found.append(int(entry.name))
        return found


def read(path: str) -> bytes:
    """Contents of a /proc or control file, opened anew. Raises OSError."""
    # A plain read is several times cheaper than a buffered file, and this runs at every invocation.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        contents = part = os.read(descriptor, _MOST_BYTES)
        # Lists come a page at a time, in whole entries: one nearly full may not be the last.
        while len(part) > _PAGE_BYTES // 2:
            part = os.read(descriptor, _MOST_BYTES)
            contents += part
        return contents
    finally:
        os.close(descriptor)
