"""Removes what a server leaves behind, however it ended: processes, cgroups, folders.

A supervisor, forked before anything is made and before the first thread, waits at one end of a pipe
whose other end is the server's; the next server clears what is left when a supervisor was killed as
well. Standard library only, and only modules that import nothing heavy.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .limiters import cgroups, delegation, processes
from .limiters.cgroups import OURS
from .limiters.interface import UnusableError

_GROUPS = "cgroups"
"""File in a server's folder that names its cgroups, one a line."""
_TRIES = 50


def server_ident(pid: int) -> str:
    """Name of what belongs to the server process `pid`: its cgroups and its folder."""
    return f"{OURS}{pid}-{time.time_ns():x}"


def owner_of(ident: str) -> int | None:
    """Process id of the server that made something called `ident`; None for other names."""
    parts = ident.split("-")
    is_ours = len(parts) == 3 and ident.startswith(OURS) and parts[1].isdigit()
    return int(parts[1]) if is_ours else None


def note_cgroups(cgroups: Iterable[str], folder: Path) -> None:
    """Write down in a server's folder which cgroups are its own."""
    (folder / _GROUPS).write_text("\n".join(cgroups))


def clear(marker: str, cgroups: Iterable[str], folders: Iterable[str]) -> None:
    """Kill every process that carries `marker`, then remove these cgroups and folders."""
    groups = [Path(group) for group in cgroups]
    for _ in range(_TRIES):
        for group in groups:
            _kill_below(group)
        left = processes.marked(marker)
        if not left:
            break
        processes.signal_all(left, signal.SIGKILL)
        time.sleep(0.01)
    for group in groups:
        delegation.release(group)
    for folder in folders:
        remove_tree(Path(folder))


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is read-only in it."""
    if folder.is_dir():
        for place, _, _ in os.walk(folder):
            with contextlib.suppress(OSError):
                Path(place).chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def clear_dead_servers(marker_name: str, state: Path) -> None:
    """What servers left, in cgroups and in the folder `state`, whose supervisor was killed too."""
    for place in {state, *_homes()}:
        for entry in cgroups.children(place):
            owner = owner_of(entry.name)
            if owner is None or processes.alive(owner) or _holds_strangers(entry):
                continue
            is_group = (entry / "cgroup.procs").exists()
            groups = [str(entry)] if is_group else _noted(entry)
            clear(f"{marker_name}={entry.name}", groups, [] if is_group else [str(entry)])


def _kill_below(group: Path) -> None:
    for child in cgroups.children(group):
        cgroups.kill(child)


def _holds_strangers(group: Path) -> bool:
    # A server of another container may share the hierarchy; its processes have no number here.
    members = [group, *cgroups.children(group)]
    return any(cgroups.holds_any(one) and not cgroups.pids_of(one) for one in members)


def _noted(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return (folder / _GROUPS).read_text().splitlines()
    return []


def _named(ident: str) -> Iterator[str]:
    """Cgroups that have this name, noted or not yet."""
    for home in _homes():
        if (home / ident).is_dir():
            yield str(home / ident)


def _homes() -> Iterator[Path]:
    """Groups in which a server like this one would have made its own."""
    kinds = [("cgroup2", ""), *(("cgroup", one) for one in ("cpu", "cpuacct", "memory", "pids"))]
    for kind, controller in kinds:
        with contextlib.suppress(UnusableError):
            yield from cgroups.upwards(*cgroups.own(kind, controller))
        yield from (mount.point for mount in cgroups.mounts(kind, controller))


_MOST_DESCRIPTORS = 4096


def start_supervisor(marker: str, folder: Path) -> int:
    """Fork the supervisor of this process; the descriptor that it watches, to be kept open.

    It removes the `folder`, the cgroups that are noted in it or have its name, and processes that
    carry `marker`. Call it before any of these is made and before any thread is started.
    """
    reader, writer = os.pipe()
    if os.fork() == 0:
        status = 1
        try:
            _detach(reader)
            _wait_for_end(reader)
            clear(marker, {*_noted(folder), *_named(folder.name)}, [str(folder)])
            status = 0
        finally:
            os._exit(status)
    os.close(reader)
    return writer


def _detach(reader: int) -> None:
    # A session of its own, so that no Ctrl-C of the terminal reaches it; no descriptor but one, so
    # that nobody waits for the end of a pipe which only the supervisor still holds.
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, reader)
    # Some systems name no limit, and nothing was opened beyond: the server has only started.
    os.closerange(reader + 1, reader + _MOST_DESCRIPTORS)


def _wait_for_end(reader: int) -> None:
    while os.read(reader, 1):
        pass
