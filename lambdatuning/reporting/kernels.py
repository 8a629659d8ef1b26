"""Kernels, the processes that run cells: of this interpreter, forked where that is possible."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "lambdatuning"
"""Of papermill's engine, and of the kernel for which parameters are written as Python."""

LAUNCHER = [sys.executable, "-m", "ipykernel_launcher"]


class ThisInterpreter(KernelSpecManager):
    """Knows one kernel: this interpreter.

    Kernels are found by name in folders of the user and the system, where "python3" may be another
    Python, without this package.
    """

    def get_kernel_spec(self, kernel_name: str) -> Any:  # noqa: ARG002
        """The same for every name."""
        # Its warnings (loopback without encryption, parent gone) are not for our user.
        quiet = ["-f", "{connection_file}", "--log-level=CRITICAL"]
        return KernelSpec(argv=[*LAUNCHER, *quiet], display_name="Python 3", language="python")


class ThisKernel(AsyncKernelManager):
    """Starts, and shuts down, a kernel: of this interpreter for Python, else by its name."""

    def __init__(self, **options: Any) -> None:
        if options.get("kernel_name") == NAME:
            options["kernel_spec_manager"] = ThisInterpreter()
        super().__init__(**options)
        self.ended_by_us = False
        _RUNNING.add(self)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        """Jupyter's place for starting a kernel in another way."""
        provisioner = self.provisioner
        local = isinstance(provisioner, LocalProvisioner) and self.kernel_name == NAME
        process = _forked(kernel_cmd, options) if local else None
        if process is None:
            await super()._async_launch_kernel(kernel_cmd, **options)
            return
        forked: Any = provisioner
        forked.process = process
        forked.pid = forked.pgid = process.pid
        forked.cwd = options["cwd"]
        self._reconcile_connection_info(forked.connection_info)


_RUNNING: "weakref.WeakSet[ThisKernel]" = weakref.WeakSet()


def end_kernels() -> None:
    """Kill every kernel that runs: their notebooks fail at once, in whatever thread they are."""
    for manager in list(_RUNNING):
        manager.ended_by_us = True
        process = getattr(manager.provisioner, "process", None)
        if process is not None and process.poll() is None:
            process.kill()


# ---- Forked


class ForkedKernel:
    """A forked kernel, as `subprocess.Popen` shows those that it starts; `descriptor` is of its
    process, whose parent reaps it. Its exit code stays unknown: it is 1 once it has ended."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    def poll(self) -> int | None:
        """None while it runs."""
        return 1 if select.select([self._descriptor], [], [], 0)[0] else None

    def wait(self) -> int:
        """Until it has ended and, unless nothing reaps it, is gone."""
        select.select([self._descriptor], [], [])
        until = time.monotonic() + 1
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                signal.pidfd_send_signal(self._descriptor, 0)
                time.sleep(0.005)
        return 1

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class KernelServer:
    """The process that kernels are forked from; see `kernel_server`."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(120)
        self._variables = _python_variables(os.environ)
        self._lock = Lock()
        self._silent = False
        program = [sys.executable, "-m", f"{__package__}.kernel_server", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [*program, *modules],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: str
    ) -> ForkedKernel | None:
        """A kernel; None where it must be started otherwise: the server is gone, or the
        interpreter would read other variables when it starts."""
        if self._silent or _python_variables(environment) != self._variables:
            return None
        order = {"arguments": arguments, "environment": dict(environment), "folder": folder}
        try:
            with self._lock:
                self._ours.sendall(json.dumps(order).encode() + b"\n")
                pid, descriptors, *_ = socket.recv_fds(self._ours, 32, 1)
            return ForkedKernel(int(pid), *descriptors)
        except (OSError, ValueError):
            self._silent = True
            return None

    def close(self) -> None:
        """Have it end, and with it the kernels that it has forked."""
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()
        self._process.terminate()  # heard only as long as it imports
        self._process.wait()


def _python_variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        # Jupyter takes the last one away.
        if name.startswith("PYTHON") and name != "PYTHONEXECUTABLE"
    }


class _Shared:
    """The server of this process, and how many use it."""

    server: KernelServer | None = None
    users = 0
    lock = Lock()


@contextmanager
def forked_kernels(*modules: str) -> Iterator[None]:
    """Until the end of the block, kernels of this interpreter are forked from one process.

    It imports these modules, besides those of every kernel; where it runs already, it is used as
    it is. Systems other than Linux start each kernel by itself: forks of what was imported are
    safe there alone.
    """
    with _Shared.lock:
        _Shared.users += 1
        if _Shared.server is None and sys.platform == "linux" and hasattr(os, "pidfd_open"):
            _Shared.server = KernelServer(modules)
    try:
        yield
    finally:
        with _Shared.lock:
            _Shared.users -= 1
            server = _Shared.server
            if server and not _Shared.users:
                _Shared.server = None
                server.close()


def _forked(command: Sequence[str], options: Mapping[str, Any]) -> ForkedKernel | None:
    server = _Shared.server
    if server is None or command[: len(LAUNCHER)] != LAUNCHER:
        return None
    return server.fork(command[len(LAUNCHER) :], options["env"], str(options["cwd"]))
