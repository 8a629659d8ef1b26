"""What the system tells of its processes: Linux by /proc, macOS by libproc, others by ps."""

import os
import sys
from collections.abc import Sequence
from typing import Protocol

FORCED_NAME = "LAMBDATUNING_PROCESS_TABLE"
"""Set it to `ps` to do without what only one system has, as the tests do."""


class ProcessTable(Protocol):
    """Facts of a process by its id; of one that is gone, nothing: no children, zero, no id."""

    @property
    def measures_cpu(self) -> bool:
        """Whether CPU times are known at all; else they are all zero."""

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


def here(system: str = sys.platform, forced: str | None = None) -> ProcessTable:
    """The table of a system named as `sys.platform` does."""
    from .libproc_table import LibprocTable
    from .proc_table import ProcTable
    from .ps_table import PsTable

    wanted = forced or os.environ.get(FORCED_NAME)
    if wanted != "ps" and system == "linux":
        return ProcTable()
    if wanted != "ps" and system == "darwin":
        return LibprocTable.open() or PsTable(system)
    return PsTable(system)
