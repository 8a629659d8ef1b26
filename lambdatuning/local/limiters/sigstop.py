"""CPU share without privileges: a controller process stops and continues process groups."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from . import processes
from .duty_controller import ANSWER, COMMAND
from .interface import MARK_NAME, MOST_PROCESSES, PERIOD_S, UnusableError

_PRIORITY = -15
_TRIES = 100
_PAUSE_S = 0.01
_OUR_FOLDER = Path(__file__).parents[len(__package__.split("."))]
# Without the search path of this interpreter, but for the folders of this package and of psutil.
_START = f"""
import sys
sys.path += [{str(_OUR_FOLDER)!r}, *sys.argv[2:]]
from {__package__}.duty_controller import run
run(float(sys.argv[1]))
"""


class SigstopLimiter:
    """Owns the controller process; see `duty_controller.py`."""

    name = "sigstop"

    def __init__(self, ident: str) -> None:
        """Raises `UnusableError`."""
        del ident
        if not _can_watch():
            raise UnusableError("the CPU clocks of other processes cannot be read")
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-I", "-S", "-c", _START, str(PERIOD_S), *processes.TABLE.packages()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        self.protect(self._process.pid)
        self._lock = threading.Lock()

    def sandbox(self, ident: str, memory_mb: int) -> "SigstopSandbox":
        """See `Limiter.sandbox`."""
        return SigstopSandbox(self, ident, memory_mb)

    def protect(self, pid: int) -> None:
        """See `Limiter.protect`; only who may raise priorities can."""
        _raise_priority(pid)
        processes.shorten_slice(pid)

    def leftovers(self) -> Sequence[str]:
        """See `Limiter.leftovers`; the controller lets go of its own when the server is gone."""
        return []

    def limit(self, pid: int, share: float, memory_mb: int) -> None:
        """Have a process group held from now on."""
        with self._lock:
            self._send(COMMAND.pack(b"A", pid, share, memory_mb))

    def lift(self, pid: int) -> tuple[bool, int]:
        """End the holding; whether the group was killed at its memory limit, and its most MB."""
        with self._lock:
            self._send(COMMAND.pack(b"R", pid, 0.0, 0))
            assert self._process.stdout is not None
            answer = self._process.stdout.read(ANSWER.size)
        verdict, peak_mb = ANSWER.unpack(answer)
        return verdict == b"M", peak_mb

    def _send(self, command: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command)

    def close(self) -> None:
        """End the controller."""
        self._process.communicate()


class SigstopSandbox:
    """A process group under the controller; see `Sandbox`."""

    def __init__(self, limiter: SigstopLimiter, ident: str, memory_mb: int) -> None:
        self._limiter = limiter
        self._mark = f"{MARK_NAME}={ident}"
        self._memory_mb = memory_mb
        self._pid = 0
        self._living: list[int] = []
        self._peak_mb = 0
        self._seen_mb = 0
        self._out_of_memory = False

    def entry_files(self) -> Sequence[str]:
        """See `Sandbox.entry_files`."""
        return []

    def adopt(self, pid: int) -> None:
        """See `Sandbox.adopt`."""
        self._pid = pid
        self._living = [pid]
        _raise_priority(pid)
        _bound_processes(pid)

    def limit(self, share: float) -> None:
        """See `Sandbox.limit`."""
        self._limiter.limit(self._pid, share, self._memory_mb)

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        processes.resume(self._living)

    def lift(self) -> None:
        """See `Sandbox.lift`."""
        out_of_memory, peak_mb = self._limiter.lift(self._pid)
        self._out_of_memory = out_of_memory or self._out_of_memory
        self._seen_mb = max(self._seen_mb, peak_mb)

    def freeze(self) -> None:
        """See `Sandbox.freeze`."""
        self._living = processes.stop_all(lambda: processes.tree(self._pid))

    def cpu_s(self) -> float:
        """See `Sandbox.cpu_s`; the time of children that have ended is known to the clock tick."""
        return processes.cpu_of_all_s(self._living) + processes.ended_children_s(self._living)

    def stolen_s(self) -> float:
        """See `Sandbox.stolen_s`; a stopped process is not ready to run, so it does not count."""
        return processes.waited_s(self._living)

    def peak_memory_mb(self) -> int:
        """See `Sandbox.peak_memory_mb`."""
        # What the controller saw counts where nothing is left to ask.
        peak_mb = processes.peak_memory_mb(self._living) or self._seen_mb
        self._peak_mb = max(self._peak_mb, peak_mb)
        return self._peak_mb

    def ran_out_of_memory(self) -> bool:
        """See `Sandbox.ran_out_of_memory`."""
        return self._out_of_memory

    def close(self) -> None:
        """See `Sandbox.close`."""
        if self._pid:
            pids = processes.tree(self._pid)
            processes.signal_group(self._pid, signal.SIGKILL)
            processes.signal_all(pids, signal.SIGKILL)
            self._kill_orphans()

    def _kill_orphans(self) -> None:
        # They left the family, but not what they were given; again, as they may fork meanwhile.
        for _ in range(_TRIES):
            if not (orphans := processes.marked(self._mark)):
                return
            processes.signal_all(orphans, signal.SIGKILL)
            time.sleep(_PAUSE_S)


def _raise_priority(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _PRIORITY)
        # Linux weighs sessions first, where it groups processes by them, and then processes.
        Path(f"/proc/{pid}/autogroup").write_text(str(_PRIORITY))


def _bound_processes(pid: int) -> None:
    # The kernel counts all threads of a user: those of others must stay free. It exempts root,
    # whom the controller watches.
    with contextlib.suppress(OSError, AttributeError, ValueError):
        threads = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
        _, most = resource.prlimit(pid, resource.RLIMIT_NPROC)
        limit = threads + MOST_PROCESSES
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.prlimit(pid, resource.RLIMIT_NPROC, (limit, limit))


def _can_watch() -> bool:
    """Whether the CPU clocks of other processes can be read."""
    return processes.TABLE.cpu_s(os.getppid()) > 0
