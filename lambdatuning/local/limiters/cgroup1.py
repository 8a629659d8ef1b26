"""CPU share by cgroup v1: cpu, cpuacct and memory hierarchies, each with a group of ours."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ..shares import host_cores
from . import cgroup_files, freezing, processes, time_slice
from .cgroup_files import ControlFile
from .interface import PERIOD_S

_PERIOD_US = round(PERIOD_S * 1e6)
_MIN_QUOTA_US = 1000
_TOP_SHARES = 262_144
_SERVER_SHARES = 64
"""A 16th of a cage's: the server's work for one caller must not disturb the function of another."""
_CONTROLLERS = ("cpu", "cpuacct", "memory")


class Cgroup1Limiter:
    """A parent group in each hierarchy, heavier than all other load, with a group for each cage."""

    name = "cgroup1"

    def __init__(self, ident: str) -> None:
        self._parents = {controller: _home(controller) / ident for controller in _CONTROLLERS}
        for parent in self._parents.values():
            parent.mkdir(exist_ok=True)
        cgroup_files.write(self._parents["cpu"] / "cpu.shares", _TOP_SHARES)
        self._server = self._parents["cpu"] / "server"

    def cage(self, ident: str, memory_mb: int) -> "Cgroup1Cage":
        """See `Limiter.cage`."""
        return Cgroup1Cage({name: top / ident for name, top in self._parents.items()}, memory_mb)

    def protect(self, pid: int) -> None:
        """See `Limiter.protect`."""
        self._server.mkdir(exist_ok=True)
        cgroup_files.write(self._server / "cpu.shares", _SERVER_SHARES)
        cgroup_files.write(self._server / "cgroup.procs", pid)
        time_slice.shorten(pid)

    def leftovers(self) -> Sequence[str]:
        """See `Limiter.leftovers`."""
        return [str(parent) for parent in set(self._parents.values())]

    def close(self) -> None:
        """Remove the parent groups, and what was protected from them."""
        cgroup_files.empty_into(self._server, self._parents["cpu"].parent)
        for parent in set(self._parents.values()):
            cgroup_files.remove(parent)


class Cgroup1Cage:
    """One group in each hierarchy; see `Cage`."""

    def __init__(self, folders: dict[str, Path], memory_mb: int) -> None:
        self._folders = folders
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        cgroup_files.write(folders["memory"] / "memory.limit_in_bytes", memory_mb << 20)
        with contextlib.suppress(OSError):
            # Swapping would turn a memory limit into a slow function.
            cgroup_files.write(folders["memory"] / "memory.memsw.limit_in_bytes", memory_mb << 20)
        cgroup_files.write(folders["cpu"] / "cpu.cfs_period_us", _PERIOD_US)
        self._quota = ControlFile(folders["cpu"] / "cpu.cfs_quota_us", writable=True)
        self._stat = ControlFile(folders["cpu"] / "cpu.stat")
        self._usage = ControlFile(folders["cpuacct"] / "cpuacct.usage")
        # Never "-1": the change between none and some quota in the whole kernel costs 0.2 ms.
        self._free_us = host_cores() * _PERIOD_US
        self._frozen: list[int] = []
        self._peak_mb = 0
        self.lift()

    def entry_files(self) -> Sequence[str]:
        """See `Cage.entry_files`."""
        return [str(folder / "cgroup.procs") for folder in set(self._folders.values())]

    def adopt(self, pid: int) -> None:
        """See `Cage.adopt`."""
        # The process entered through `entry_files` before it became the runtime.

    def limit(self, share: float) -> None:
        """See `Cage.limit`; a new quota also starts a new period, so every invocation is alike."""
        quota_us = round(share * _PERIOD_US)
        self._quota.write(min(max(_MIN_QUOTA_US, quota_us), self._free_us))

    def thaw(self) -> None:
        """See `Cage.thaw`."""
        freezing.go_on(self._frozen)

    def lift(self) -> None:
        """See `Cage.lift`."""
        self._quota.write(self._free_us)

    def freeze(self) -> None:
        """See `Cage.freeze`."""
        self._frozen = freezing.stop(lambda: cgroup_files.pids_of(self._folders["cpu"]))

    def cpu_s(self) -> float:
        """See `Cage.cpu_s`."""
        return int(self._usage.read()) / 1e9

    def stolen_s(self) -> float:
        """See `Cage.stolen_s`; being throttled is not being stolen from."""
        throttled_s = cgroup_files.field(self._stat.read(), b"throttled_time") / 1e9
        return processes.waited_s(self._frozen) - throttled_s

    def peak_memory_mb(self) -> int:
        """See `Cage.peak_memory_mb`; the group's own maximum misses pages shared with others."""
        self._peak_mb = max(self._peak_mb, processes.peak_memory_mb(self._frozen))
        return self._peak_mb

    def ran_out_of_memory(self) -> bool:
        """See `Cage.ran_out_of_memory`."""
        control = (self._folders["memory"] / "memory.oom_control").read_bytes()
        return cgroup_files.field(control, b"oom_kill") > 0

    def close(self) -> None:
        """See `Cage.close`."""
        cgroup_files.kill(self._folders["cpu"])
        for file in (self._quota, self._stat, self._usage):
            file.close()
        for folder in set(self._folders.values()):
            cgroup_files.remove(folder)


def available() -> bool:
    """Whether this process may make groups in all three hierarchies."""
    probe = "lambdatuning-probe"
    try:
        for controller in _CONTROLLERS:
            folder = _home(controller) / probe
            folder.mkdir(exist_ok=True)
            folder.rmdir()
    except OSError:
        return False
    return True


def _home(controller: str) -> Path:
    # Below our own group, so that limits set on us hold for functions; a container may not see it.
    own = cgroup_files.own_folder("cgroup", controller)
    mounted = cgroup_files.mount_point("cgroup", controller)
    return own if own.is_dir() or mounted is None else mounted
