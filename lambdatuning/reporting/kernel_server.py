"""A process that has imported what kernels need, and forks itself for each that is ordered.

Importing IPython takes longer than most cells, pandas and matplotlib as long again; with this it
happens once for all notebooks of a report. Run as `python -m ... FD MODULE...`, FD being a Unix
socket: each line that comes is the JSON of an `Order`, and is answered by the pid of its kernel
with a descriptor of that process. When the other end of the socket is closed, it ends and kills
what it has forked.
"""

import gc
import importlib.util
import json
import os
import signal
import socket
import sys
import time
import warnings
from contextlib import suppress
from typing import Any, TypedDict

INLINE = "module://matplotlib_inline.backend_inline"
"""The backend that ipykernel sets for matplotlib, where none is set, before cells import it."""


class Order(TypedDict):
    """A kernel that is wanted: the arguments of its program, its environment, its folder."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


def main(descriptor: int, modules: list[str]) -> None:
    """Serve orders; in a forked process, be the kernel that was ordered."""
    _leave_out_working_folder()
    os.environ.setdefault("MPLBACKEND", INLINE)
    for module in ("ipykernel.kernelapp", *modules):
        with suppress(ImportError):  # a kernel that needs it says so
            importlib.import_module(module)
    gc.freeze()
    with socket.socket(fileno=descriptor) as orders:
        order = _serve(orders)
    if order:
        _be_kernel(order)


def _leave_out_working_folder() -> None:
    """As ipykernel's launcher does: modules of the folder where it starts hide none of others."""
    if sys.path and sys.path[0] in {"", os.getcwd()}:  # noqa: PTH109
        del sys.path[0]


def _serve(orders: socket.socket) -> Order | None:
    """None when there is nobody left who could order; in a forked process, its order."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of the socket is the sign to end
    signal.signal(signal.SIGCHLD, _reap)
    with orders.makefile("rb") as lines:
        for line in lines:
            # What is forked is not reaped before its descriptor exists: the pid stays its own.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
            pid = _fork()
            if pid == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
                order: Order = json.loads(line)
                return order
            _KERNELS.add(pid)
            process = os.pidfd_open(pid)
            with suppress(OSError):  # nobody waits for it any more: the next line is none
                socket.send_fds(orders, [str(pid).encode()], [process])
            os.close(process)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    _end_kernels()
    return None


_KERNELS = set[int]()
"""Pids of what was forked and is not reaped."""


def _end_kernels() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _reap()
    for pid in _KERNELS:
        os.kill(pid, signal.SIGKILL)
    for pid in _KERNELS:
        os.waitpid(pid, 0)


def _fork() -> int:
    with warnings.catch_warnings():
        # Of threads, which are those that numpy's library restarts by itself in a forked process.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _reap(*_: Any) -> None:
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            _KERNELS.discard(pid)


def _be_kernel(order: Order) -> None:
    """Run until the kernel ends, in the state that a process of its own would start in."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"], JPY_PARENT_PID=str(os.getppid()))
    time.tzset()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv[:] = [str(launcher and launcher.origin), *order["arguments"]]
    IPKernelApp.launch_instance(parent_handle=os.getppid())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
