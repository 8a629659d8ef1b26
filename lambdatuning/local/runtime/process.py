"""The process that a runtime runs in: its start, what it prints, and its end."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from ..limiters.interface import MOST_DESCRIPTORS
from ..limiters.processes import signal_group

_LAST_WORDS_S = 0.5
"""How long after its end shows its exit status may take."""


class RuntimeProcess:
    """Leads a process group of its own.

    `log_fd` is the reading end of what it prints, `exit_fd` becomes readable when it ends; both
    are closed by `close`.
    """

    def __init__(self, process: subprocess.Popen[bytes], log_fd: int) -> None:
        self._process = process
        self.pid = process.pid
        self.log_fd = log_fd
        self.exit_fd = _exit_descriptor(process)

    @classmethod
    def start(
        cls,
        arguments: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        user: int | None = None,
    ) -> Self:
        """Run `arguments` in `folder`; `user` is whom they make of themselves. Raises OSError."""
        log_fd, output = os.pipe()
        try:
            if user is not None:
                # So that /dev/stdout can be opened.
                os.fchown(output, user, -1)
            process = subprocess.Popen(  # noqa: S603 - running functions is the purpose
                arguments,
                cwd=folder,
                # What its logger writes comes framed, through the same pipe as what it prints.
                env={**env, "_LAMBDA_TELEMETRY_LOG_FD": str(output)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(output,),
                start_new_session=True,
            )
        except OSError:
            os.close(log_fd)
            raise
        finally:
            os.close(output)
        _bound_descriptors(process.pid)
        return cls(process, log_fd)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def returncode(self) -> int | None:
        """How it ended, as `subprocess` gives it; None when it has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LAST_WORDS_S)
        return None

    def kill(self) -> None:
        """Kill it and its process group."""
        signal_group(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for its end and let go of what was open."""
        self._process.wait()
        os.close(self.log_fd)
        with contextlib.suppress(OSError):
            os.close(self.exit_fd)


def _bound_descriptors(pid: int) -> None:
    # Where it can be done to others: the server's own limit is no measure for functions.
    with contextlib.suppress(OSError, AttributeError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (MOST_DESCRIPTORS, MOST_DESCRIPTORS))


def _exit_descriptor(process: "subprocess.Popen[bytes]") -> int:
    """A pidfd where there is one (Linux 5.3), else a pipe that a waiting thread closes."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(process.pid)
    return waited_for(process)


def waited_for(process: "subprocess.Popen[bytes]") -> int:
    """A descriptor that becomes readable when `process` ends, on any Unix."""
    reader, writer = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(writer)

    threading.Thread(target=wait, daemon=True).start()
    return reader
