"""Control files of a cgroup, kept open: they are read and written at every invocation."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
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


def pids_of(folder: Path) -> list[int]:
    """Processes in the cgroup `folder` that can be named here; none when it is gone."""
    # Opened anew each time: cgroup v1 answers an open file from a list up to a second old.
    with contextlib.suppress(OSError):
        listed = proc_table.read(f"{folder}/cgroup.procs").split()
        # 0 is a process outside our PID namespace; a signal to "0" would hit ourselves.
        return [int(pid) for pid in listed if pid != b"0"]
    return []


def holds_any(folder: Path) -> bool:
    """Whether a process is in the cgroup `folder`, one of another PID namespace included."""
    with contextlib.suppress(OSError):
        return bool(proc_table.read(f"{folder}/cgroup.procs").strip())
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


def told(error: OSError) -> str:
    """What went wrong with a control file, in a few words."""
    if isinstance(error, PermissionError):
        return "this user may not make groups"
    where = Path(error.filename).name if error.filename else "a control file"
    return f"{where}: {error.strerror}"
