"""CPU share by cgroup v2: cpu.max, memory.max and cpu.stat of a group in a delegated subtree."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..shares import host_cores
from . import cgroup_files, processes, time_slice
from .cgroup_files import ControlFile
from .interface import PERIOD_S

_PERIOD_US = round(PERIOD_S * 1e6)
_MIN_QUOTA_US = 1000
_TOP_WEIGHT = 10_000
_SERVER_WEIGHT = 6
"""A 16th of a cage's: the server's work for one caller must not disturb the function of another."""
_CONTROLLERS = ("cpu", "memory")


class Cgroup2Limiter:
    """A parent group, heavier than all other load, with a group for each cage."""

    name = "cgroup2"

    def __init__(self, ident: str, home: Path | None = None) -> None:
        self._parent = (home or _home()) / ident
        self._parent.mkdir(exist_ok=True)
        cgroup_files.write(self._parent / "cpu.weight", _TOP_WEIGHT)
        cgroup_files.write(self._parent / "cgroup.subtree_control", "+cpu +memory")
        self._server = self._parent / "server"
        self._home = self._parent.parent

    def cage(self, ident: str, memory_mb: int) -> "Cgroup2Cage":
        """See `Limiter.cage`."""
        return Cgroup2Cage(self._parent / ident, memory_mb)

    def protect(self, pid: int) -> None:
        """See `Limiter.protect`."""
        self._home = cgroup_files.own_folder("cgroup2")
        self._server.mkdir(exist_ok=True)
        cgroup_files.write(self._server / "cpu.weight", _SERVER_WEIGHT)
        cgroup_files.write(self._server / "cgroup.procs", pid)
        time_slice.shorten(pid)

    def leftovers(self) -> Sequence[str]:
        """See `Limiter.leftovers`."""
        return [str(self._parent)]

    def close(self) -> None:
        """Remove the parent group, and what was protected from it."""
        cgroup_files.empty_into(self._server, self._home)
        cgroup_files.remove(self._parent)


class Cgroup2Cage:
    """One group; see `Cage`."""

    def __init__(self, folder: Path, memory_mb: int) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        cgroup_files.write(folder / "memory.max", memory_mb << 20)
        with contextlib.suppress(OSError):
            # Swapping would turn a memory limit into a slow function.
            cgroup_files.write(folder / "memory.swap.max", 0)
        self._max = ControlFile(folder / "cpu.max", writable=True)
        self._freeze = ControlFile(folder / "cgroup.freeze", writable=True)
        self._stat = ControlFile(folder / "cpu.stat")
        self._peak_mb = 0
        self.lift()

    def entry_files(self) -> Sequence[str]:
        """See `Cage.entry_files`."""
        return [str(self._folder / "cgroup.procs")]

    def adopt(self, pid: int) -> None:
        """See `Cage.adopt`."""
        # The process entered through `entry_files` before it became the runtime.

    def limit(self, share: float) -> None:
        """See `Cage.limit`; a new quota also starts a new period, so every invocation is alike."""
        self._max.write(f"{max(_MIN_QUOTA_US, round(share * _PERIOD_US))} {_PERIOD_US}")

    def thaw(self) -> None:
        """See `Cage.thaw`."""
        self._freeze.write(0)

    def lift(self) -> None:
        """See `Cage.lift`; never "max": switching quotas on and off kernel-wide is slow."""
        self._max.write(f"{host_cores() * _PERIOD_US} {_PERIOD_US}")

    def freeze(self) -> None:
        """See `Cage.freeze`."""
        self._freeze.write(1)

    def cpu_s(self) -> float:
        """See `Cage.cpu_s`."""
        return cgroup_files.field(self._stat.read(), b"usage_usec") / 1e6

    def stolen_s(self) -> float:
        """See `Cage.stolen_s`; being throttled is not being stolen from."""
        throttled_s = cgroup_files.field(self._stat.read(), b"throttled_usec") / 1e6
        return processes.waited_s(cgroup_files.pids_of(self._folder)) - throttled_s

    def peak_memory_mb(self) -> int:
        """See `Cage.peak_memory_mb`; the group's own maximum misses pages shared with others."""
        pids = cgroup_files.pids_of(self._folder)
        self._peak_mb = max(self._peak_mb, processes.peak_memory_mb(pids))
        return self._peak_mb

    def ran_out_of_memory(self) -> bool:
        """See `Cage.ran_out_of_memory`."""
        return cgroup_files.field((self._folder / "memory.events").read_bytes(), b"oom_kill") > 0

    def close(self) -> None:
        """See `Cage.close`."""
        cgroup_files.kill(self._folder)
        for file in (self._max, self._freeze, self._stat):
            file.close()
        cgroup_files.remove(self._folder)


def available() -> bool:
    """Whether there is a subtree in which this process may make groups with cpu and memory."""
    try:
        probe = _home() / "lambdatuning-probe"
        probe.mkdir(exist_ok=True)
        usable = (probe / "cpu.max").exists() and (probe / "memory.max").exists()
        probe.rmdir()
    except OSError:
        return False
    return usable


def _home() -> Path:
    """The nearest group, from our own upwards, that may hand cpu and memory to its children."""
    folder = cgroup_files.own_folder("cgroup2")
    mounted = cgroup_files.mount_point("cgroup2")
    while True:
        if folder.is_dir() and _offers(folder):
            _delegate(folder, is_root=folder == mounted)
            return folder
        if folder == mounted:
            raise PermissionError("no cgroup v2 subtree with cpu and memory may be written here")
        folder = folder.parent


def _offers(folder: Path) -> bool:
    offered = (folder / "cgroup.controllers").read_text().split()
    return set(_CONTROLLERS) <= set(offered) and os.access(
        folder / "cgroup.subtree_control", os.W_OK
    )


def _delegate(folder: Path, *, is_root: bool) -> None:
    given = (folder / "cgroup.subtree_control").read_text().split()
    if set(_CONTROLLERS) <= set(given):
        return
    if not is_root:
        # A group that hands controllers down may hold no processes itself: move them to a leaf.
        leaf = folder / "lambdatuning-others"
        leaf.mkdir(exist_ok=True)
        for pid in cgroup_files.pids_of(folder):
            with contextlib.suppress(OSError):
                cgroup_files.write(leaf / "cgroup.procs", pid)
    cgroup_files.write(folder / "cgroup.subtree_control", "+cpu +memory")
