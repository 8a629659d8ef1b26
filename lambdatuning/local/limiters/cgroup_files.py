"""Control files of a cgroup, kept open: they are read and written at every invocation."""

import contextlib
import os
import signal
import time
from pathlib import Path

from . import proc_table, processes


class ControlFile:
    """One open control file."""

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        self._fd = os.open(path, os.O_WRONLY if writable else os.O_RDONLY)

    def read(self) -> bytes:
        """Its contents now."""
        return os.pread(self._fd, 8192, 0)

    def write(self, value: int | str) -> None:
        """Replace its value."""
        os.pwrite(self._fd, str(value).encode(), 0)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def write(path: Path, value: int | str) -> None:
    """Write one value to a control file."""
    path.write_text(str(value))


def field(contents: bytes, name: bytes) -> int:
    """The number after `name` in a flat keyed file such as cpu.stat; 0 when it is not there."""
    for line in contents.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0


def pids_of(folder: Path) -> list[int]:
    """Processes in the cgroup `folder`; none when it is gone."""
    # Opened anew each time: cgroup v1 answers an open file from a list up to a second old.
    with contextlib.suppress(OSError):
        return [int(pid) for pid in proc_table.read(f"{folder}/cgroup.procs").split()]
    return []


def kill(folder: Path, tries: int = 200) -> None:
    """Kill every process in the cgroup `folder`, also those that fork meanwhile."""
    for _ in range(tries):
        if not (pids := pids_of(folder)):
            return
        processes.signal_all(pids, signal.SIGKILL)
        time.sleep(0.002)


def remove(folder: Path, tries: int = 100) -> None:
    """Remove an emptied cgroup; the kernel needs a moment after its last process."""
    for _ in range(tries):
        with contextlib.suppress(FileNotFoundError):
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.005)
                continue
        return


def empty_into(folder: Path, other: Path) -> None:
    """Move the processes of one cgroup to another and remove the emptied one, if it is there."""
    for pid in pids_of(folder):
        with contextlib.suppress(OSError):
            write(other / "cgroup.procs", pid)
    remove(folder)


def own_folder(kind: str, controller: str = "") -> Path:
    """Folder of this process's cgroup. Raises FileNotFoundError where it cannot be seen."""
    mounted = mount_point(kind, controller)
    if mounted is None:
        raise FileNotFoundError(f"no {kind} {controller} hierarchy is mounted here")
    return mounted / own_group(controller).lstrip("/")


def mount_point(kind: str, controller: str = "") -> Path | None:
    """Where a cgroup hierarchy is mounted: `kind` "cgroup2", or "cgroup" with a controller."""
    mounts = Path("/proc/self/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else ():
        _, target, filesystem, options, *_ = line.split()
        if filesystem == kind and (not controller or controller in options.split(",")):
            return Path(target)
    return None


def own_group(controller: str = "") -> str:
    """Path of this process's cgroup in the hierarchy of `controller` ("" is cgroup v2's)."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return "/"
