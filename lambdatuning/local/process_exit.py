"""A descriptor that becomes readable when a process ends."""

import os
import signal
import threading

KILL = signal.SIGKILL


def descriptor(pid: int) -> int:
    """A pidfd where there is one (Linux 5.3), else a pipe that a waiting thread closes."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    reader, writer = os.pipe()

    def wait() -> None:
        # WNOWAIT leaves the exit status for subprocess.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        os.close(writer)

    threading.Thread(target=wait, daemon=True).start()
    return reader
