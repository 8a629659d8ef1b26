"""What a server leaves behind: processes, cgroups, folders, devices of images."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambdatuning.local.limiters import cgroups
from lambdatuning.local.runtime import command


def processes_of_server(server_pid: int) -> list[int]:
    """Processes whose environment says that they belong to this server."""
    prefix = f"{command.MARKER_NAME}=lambdatuning-{server_pid}-".encode()
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if prefix in (entry / "environ").read_bytes():
                pids.append(int(entry.name))
        except OSError:
            continue
    return pids


def wait_for_processes(server_pid: int, many: int) -> None:
    """Until that many run for functions of this server. Raises TimeoutError."""
    deadline = time.monotonic() + 120
    while len(processes_of_server(server_pid)) < many:
        if time.monotonic() > deadline:
            raise TimeoutError(processes_of_server(server_pid))
        time.sleep(0.01)


def left_by(server_pid: int, state: Path) -> list[Any]:
    """Cgroups, folders, devices and processes that this server has left, or still has."""
    prefix = f"lambdatuning-{server_pid}-"
    remaining: list[Any] = list(state.glob(f"{prefix}*"))
    for mounted in _hierarchies():
        # Unlike rglob it puts up with groups that vanish meanwhile.
        for parent, names, _ in os.walk(mounted):
            remaining += [f"{parent}/{name}" for name in names if name.startswith(prefix)]
    return [*remaining, *_devices(f"{state}/{prefix}"), *processes_of_server(server_pid)]


def _devices(start: str) -> Iterator[Path]:
    """Loop devices whose image was in a folder with this start."""
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if file.read_text().startswith(start):
                yield file.parents[1]


def _hierarchies() -> Iterator[Path]:
    kinds = [("cgroup2", ""), *(("cgroup", name) for name in ("cpu", "cpuacct", "memory", "pids"))]
    for kind, controller in kinds:
        yield from (mount.point for mount in cgroups.mounts(kind, controller))


def gone(server_pid: int, state: Path) -> bool:
    """Whether nothing is left of this server, within two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not left_by(server_pid, state):
            return True
        time.sleep(0.05)
    return False
