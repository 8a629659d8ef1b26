"""Takes along what a server leaves behind when it dies suddenly: processes, cgroups, folders.

Standard library only, and only modules that import nothing heavy: the supervisor runs it.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from .limiters import cgroup_files, processes

PREFIX = "lambdatuning-"
_TRIES = 50


def server_ident(pid: int) -> str:
    """Name of what belongs to the server process `pid`: its cgroups and its folder."""
    return f"{PREFIX}{pid}-{time.time_ns():x}"


def owner_of(ident: str) -> int | None:
    """Process id of the server that made something called `ident`; None for other names."""
    parts = ident.split("-")
    is_ours = len(parts) == 3 and ident.startswith(PREFIX) and parts[1].isdigit()
    return int(parts[1]) if is_ours else None


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
        remove_below(group)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def clear_dead_servers(marker_name: str, state: Path) -> None:
    """What servers left, in cgroups and in the folder `state`, whose supervisor was killed too."""
    for ident, folder in _leftovers(state):
        owner = owner_of(ident)
        if owner is not None and not processes.alive(owner):
            is_group = (folder / "cgroup.procs").exists()
            groups, folders = ([folder], []) if is_group else ([], [folder])
            clear(f"{marker_name}={ident}", map(str, groups), map(str, folders))


def remove_below(group: Path) -> None:
    """Remove an emptied cgroup and the groups in it."""
    with contextlib.suppress(OSError):
        for child in group.iterdir():
            if child.is_dir():
                cgroup_files.remove(child)
    cgroup_files.remove(group)


def _kill_below(group: Path) -> None:
    with contextlib.suppress(OSError):
        for child in group.iterdir():
            if child.is_dir():
                processes.signal_all(cgroup_files.pids_of(child), signal.SIGKILL)


def _leftovers(state: Path) -> list[tuple[str, Path]]:
    places = [state]
    for kind, controllers in (("cgroup", ("cpu", "cpuacct", "memory")), ("cgroup2", ("",))):
        for controller in controllers:
            mounted = cgroup_files.mount_point(kind, controller)
            if mounted is not None:
                own = mounted / cgroup_files.own_group(controller).lstrip("/")
                places += {mounted, own, *own.parents} & {mounted, own, own.parent}
    found = []
    for place in places:
        with contextlib.suppress(OSError):
            found += [(entry.name, entry) for entry in os.scandir(place) if entry.is_dir()]
    return [(name, Path(entry)) for name, entry in found]
