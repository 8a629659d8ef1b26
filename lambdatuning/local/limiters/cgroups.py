"""Cgroups as files: where they are mounted, which this process is in, control files, members."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .interface import NotMountedError, UnusableError

OURS = "lambdatuning-"
"""Every group that this program makes begins with it."""
_SELF = Path("/proc/self")


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy: of its groups, those below `root` show at the folder `point`."""

    point: Path
    root: str

    def folder(self, group: str) -> Path | None:
        """Where `group` shows; None when it does not."""
        # From within a cgroup namespace, a root that lies outside it is told as "/..".
        if ".." in f"{self.root}/{group}".split("/"):
            return None
        if not Path(group).is_relative_to(self.root):
            return None
        return self.point / Path(group).relative_to(self.root)


def mounts(kind: str, controller: str = "", process: Path = _SELF) -> Iterator[Mount]:
    """Mounted hierarchies: `kind` is "cgroup2", or "cgroup" (v1) with a controller."""
    table = process / "mountinfo"
    for line in table.read_text().splitlines() if table.exists() else ():
        # proc(5): fields of the mount, optional ones, "-", fields of the file system.
        of_mount, _, of_filesystem = (part.split() for part in line.partition(" - "))
        if of_filesystem[0] == kind and (not controller or controller in _options(of_filesystem)):
            yield Mount(Path(of_mount[4]), of_mount[3])


def own(kind: str, controller: str = "", process: Path = _SELF) -> tuple[Path, Path]:
    """Folder of this process's group, and the topmost one that shows.

    Raises `NotMountedError` where there is no such hierarchy, and `UnusableError` where its group
    does not show.
    """
    mounted = list(mounts(kind, controller, process))
    if not mounted:
        raise NotMountedError(f"{_called(kind, controller)} is not mounted")
    group = group_of_process(controller, process)
    for mount in mounted:
        folder = mount.folder(group)
        if folder is not None and folder.is_dir():
            return folder, mount.point
    raise UnusableError(
        f"{_called(kind, controller)} is mounted, but not the group of this process"
    )


def outside_ours(folder: Path, top: Path) -> Path:
    """`folder`, or what it lies in where that is a group of ours.

    A server may be started by a process that another server has moved.
    """
    ours = [place for place in upwards(folder, top) if place.name.startswith(OURS)]
    return ours[-1].parent if ours else folder


def group_of_process(controller: str = "", process: Path = _SELF) -> str:
    """Name of its group in the hierarchy of `controller` ("" is cgroup v2's), "/" the topmost."""
    for line in (process / "cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            return group
    return "/"


def upwards(folder: Path, top: Path) -> Iterator[Path]:
    """`folder` and those that it lies in, up to `top`."""
    for place in (folder, *folder.parents):
        yield place
        if place == top:
            return


def _options(of_filesystem: list[str]) -> list[str]:
    return of_filesystem[-1].split(",")


def _called(kind: str, controller: str) -> str:
    return "cgroup v2" if kind == "cgroup2" else f"cgroup v1 ({controller})"


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
    """Write one value to a control file. Raises OSError, also where there is none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        os.write(descriptor, str(value).encode())
    except OSError as exc:
        exc.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def field(contents: bytes, name: bytes) -> int:
    """The number after `name` in a flat keyed file such as cpu.stat; 0 when it is not there."""
    for line in contents.splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    return 0


def megabytes(path: Path) -> int:
    """The bytes in a control file as MB, rounded up; 0 where there is no such file."""
    with contextlib.suppress(OSError, ValueError):
        return -(-int(path.read_text()) >> 20)
    return 0


def pids_of(folder: Path) -> list[int]:
    """Processes in the cgroup `folder` that can be named here; none when it is gone."""
    # Opened again each time: cgroup v1 answers an open file from a list up to a second old.
    with contextlib.suppress(OSError):
        pids = processes.read_file(f"{folder}/cgroup.procs").split()
        # 0 is a process outside our PID namespace; a signal to "0" would hit ourselves.
        return [int(pid) for pid in pids if pid != b"0"]
    return []


def holds_any(folder: Path) -> bool:
    """Whether a process is in the cgroup `folder`, one of another PID namespace included."""
    with contextlib.suppress(OSError):
        return bool(processes.read_file(f"{folder}/cgroup.procs").strip())
    return False


def kill(folder: Path, tries: int = 200) -> None:
    """Kill every process in the cgroup `folder`, also those that fork meanwhile."""
    # One write where the kernel can (v2, Linux 5.14); else at least nobody forks (where counted).
    for name, value in (("cgroup.kill", 1), ("pids.max", 0)):
        with contextlib.suppress(OSError):
            write(folder / name, value)
    for _ in range(tries):
        if not (pids := pids_of(folder)):
            return
        processes.signal_all(pids, signal.SIGKILL)
        time.sleep(0.002)


def children(folder: Path) -> Iterator[Path]:
    """Groups directly in `folder`; none when it is gone."""
    with contextlib.suppress(OSError):
        yield from [entry for entry in folder.iterdir() if entry.is_dir()]


def remove(folder: Path, tries: int = 100) -> None:
    """Remove an emptied cgroup; the kernel needs a moment after its last process."""
    for _ in range(tries):
        if not folder.exists():
            return
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.005)


def remove_all(folder: Path) -> None:
    """Remove an emptied cgroup and the groups in it."""
    for child in children(folder):
        remove_all(child)
    remove(folder)


def empty_into(folder: Path, other: Path) -> None:
    """Move the processes of one cgroup to another and remove the emptied one, if it is there."""
    for pid in pids_of(folder):
        with contextlib.suppress(OSError):
            write(other / "cgroup.procs", pid)
    remove(folder)


def describe_error(error: OSError) -> str:
    """What went wrong with a control file, in a few words."""
    if isinstance(error, PermissionError):
        return "this user may not make groups"
    where = Path(error.filename).name if error.filename else "a control file"
    return f"{where}: {error.strerror}"
