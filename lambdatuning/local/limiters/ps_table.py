"""The processes of any Unix, as ps(1) tells of them: families and memory, but no CPU times."""

import os
import shutil
import subprocess
import time
from typing import NamedTuple

_FRESH_S = 0.02
"""A listing takes milliseconds; for as long as this it is asked again."""


class Row(NamedTuple):
    """One process."""

    parent: int
    resident_bytes: int


class PsTable:
    """See `ProcessTable`. To a hundredth of a second at best, its CPU times are of no use here."""

    measures_cpu = False

    def __init__(self, system: str) -> None:
        self._system = system
        self._listed_at = -_FRESH_S
        self._rows: dict[int, Row] = {}

    def children(self, pid: int) -> list[int]:
        """See `ProcessTable.children`."""
        return [child for child, row in self._listed().items() if row.parent == pid]

    def cpu_s(self, pid: int) -> float:
        """See `ProcessTable.cpu_s`: not known."""
        del pid
        return 0.0

    def ended_children_s(self, pid: int) -> float:
        """See `ProcessTable.ended_children_s`: not known."""
        del pid
        return 0.0

    def waited_s(self, pid: int) -> float:
        """See `ProcessTable.waited_s`: not known."""
        del pid
        return 0.0

    def resident_bytes(self, pid: int) -> int:
        """See `ProcessTable.resident_bytes`."""
        row = self._listed().get(pid)
        return row.resident_bytes if row else 0

    def peak_bytes(self, pid: int) -> int:
        """See `ProcessTable.peak_bytes`: what it holds now."""
        return self.resident_bytes(pid)

    def marked(self, marker: str) -> list[int]:
        """See `ProcessTable.marked`."""
        # Both show the environment behind the command: macOS by -E, others by BSD's "e".
        shows = ["-AEww"] if self._system == "darwin" else ["axeww"]
        found = []
        for line in _ps(*shows, "-o", "pid=", "-o", "command=").splitlines():
            pid, _, words = line.strip().partition(" ")
            if marker in words.split() and int(pid) != os.getpid():
                found.append(int(pid))
        return found

    def _listed(self) -> dict[int, Row]:
        now = time.monotonic()
        if now - self._listed_at >= _FRESH_S:
            lines = _ps("-A", "-o", "pid=", "-o", "ppid=", "-o", "rss=").splitlines()
            fields = [[int(field) for field in line.split()] for line in lines]
            self._rows = {pid: Row(parent, kb << 10) for pid, parent, kb in fields}
            self._listed_at = now
        return self._rows


def available() -> bool:
    """Whether there is a ps on this machine."""
    return shutil.which("ps") is not None


def _ps(*arguments: str) -> str:
    shown = subprocess.run(  # noqa: S603 - ps of the system
        ["ps", *arguments],  # noqa: S607
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    return shown.stdout
