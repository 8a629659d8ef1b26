"""The processes of macOS, as its libproc tells of them; the little that is missing there, by ps."""

import ctypes
from typing import Any, Self

from .ps_table import PsTable

_LIBRARY = "/usr/lib/libproc.dylib"
_FLAVOR = 2
_MOST_CHILDREN = 4096


class Usage(ctypes.Structure):
    """`struct rusage_info_v2` of <sys/resource.h>; times in units of mach_absolute_time."""

    _fields_ = [
        ("uuid", ctypes.c_uint8 * 16),
        *(
            (name, ctypes.c_uint64)
            for name in (
                *("user_time", "system_time", "package_wakeups", "interrupt_wakeups", "pageins"),
                *("wired_size", "resident_size", "physical_footprint", "started_at", "ended_at"),
                *("child_user_time", "child_system_time", "child_package_wakeups"),
                *("child_interrupt_wakeups", "child_pageins", "child_elapsed"),
                *("bytes_read", "bytes_written"),
            )
        ),
    ]


class Timebase(ctypes.Structure):
    """`struct mach_timebase_info`: nanoseconds in a unit of mach_absolute_time, as a fraction."""

    _fields_ = [("numerator", ctypes.c_uint32), ("denominator", ctypes.c_uint32)]


class LibprocTable(PsTable):
    """See `ProcessTable`."""

    measures_cpu = True

    def __init__(self, library: Any, unit_s: float) -> None:
        super().__init__("darwin")
        self._library = library
        self._unit_s = unit_s

    @classmethod
    def open(cls) -> Self | None:
        """The table of this machine; None where libproc is not what it should be."""
        try:
            library, system = ctypes.CDLL(_LIBRARY), ctypes.CDLL(None)
            base = Timebase()
            system.mach_timebase_info(ctypes.byref(base))
            return cls(library, base.numerator / base.denominator / 1e9)
        except (AttributeError, OSError, ZeroDivisionError):
            return None

    def children(self, pid: int) -> list[int]:
        """See `ProcessTable.children`."""
        found = (ctypes.c_int * _MOST_CHILDREN)()
        many = self._library.proc_listchildpids(pid, found, ctypes.sizeof(found))
        return list(found[: max(0, many)])

    def cpu_s(self, pid: int) -> float:
        """See `ProcessTable.cpu_s`."""
        usage = self._usage(pid)
        return float(usage.user_time + usage.system_time) * self._unit_s

    def ended_children_s(self, pid: int) -> float:
        """See `ProcessTable.ended_children_s`."""
        usage = self._usage(pid)
        return float(usage.child_user_time + usage.child_system_time) * self._unit_s

    def resident_bytes(self, pid: int) -> int:
        """See `ProcessTable.resident_bytes`."""
        return int(self._usage(pid).resident_size)

    def _usage(self, pid: int) -> Usage:
        usage = Usage()
        if self._library.proc_pid_rusage(pid, _FLAVOR, ctypes.byref(usage)) != 0:
            return Usage()
        return usage
