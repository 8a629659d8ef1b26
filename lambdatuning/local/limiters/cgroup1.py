"""CPU share by cgroup v1: cpu, cpuacct, memory and pids hierarchies, each with a group of ours."""

import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

from . import cgroups, processes
from .cgroups import ControlFile
from .cores import host_cores
from .interface import MOST_PROCESSES, PERIOD_S, UnusableError

_PERIOD_US = round(PERIOD_S * 1e6)
_MIN_QUOTA_US = 1000
_TOP_SHARES = 262_144
_SERVER_SHARES = 16
"""A 64th of a sandbox's: the server's work for one caller must not disturb the function of another.

It is also the server's part of the parent's weight while a function runs: much less, and other load
would come before the server.
"""
_NEEDED = ("cpu", "cpuacct", "memory")


class Cgroup1Limiter:
    """A parent group in each hierarchy, heavier than all other load, a group for each sandbox."""

    name = "cgroup1"

    def __init__(self, ident: str) -> None:
        """Raises `UnusableError`."""
        self._parents = {one: _home(one) / ident for one in _NEEDED}
        with contextlib.suppress(UnusableError):
            self._parents["pids"] = _home("pids") / ident
        try:
            for parent in self._parents.values():
                parent.mkdir(exist_ok=True)
            cgroups.write(self._parents["cpu"] / "cpu.shares", _TOP_SHARES)
        except OSError as exc:
            self._remove()
            raise UnusableError(f"cgroup v1: {cgroups.describe_error(exc)}") from exc
        self._server = self._parents["cpu"] / "server"

    def sandbox(self, ident: str, memory_mb: int) -> "Cgroup1Sandbox":
        """See `Limiter.sandbox`."""
        return Cgroup1Sandbox({name: top / ident for name, top in self._parents.items()}, memory_mb)

    def protect(self, pid: int) -> None:
        """See `Limiter.protect`."""
        self._server.mkdir(exist_ok=True)
        cgroups.write(self._server / "cpu.shares", _SERVER_SHARES)
        cgroups.write(self._server / "cgroup.procs", pid)
        processes.shorten_slice(pid)

    def leftovers(self) -> Sequence[str]:
        """See `Limiter.leftovers`."""
        return [str(parent) for parent in set(self._parents.values())]

    def close(self) -> None:
        """Remove the parent groups, and what was protected from them."""
        cgroups.empty_into(self._server, self._parents["cpu"].parent)
        self._remove()

    def _remove(self) -> None:
        for parent in set(self._parents.values()):
            cgroups.remove(parent)


class Cgroup1Sandbox:
    """One group in each hierarchy; see `Sandbox`."""

    def __init__(self, folders: dict[str, Path], memory_mb: int) -> None:
        self._folders = folders
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        cgroups.write(folders["memory"] / "memory.limit_in_bytes", memory_mb << 20)
        with contextlib.suppress(OSError):
            # Swapping would turn a memory limit into a slow function.
            cgroups.write(folders["memory"] / "memory.memsw.limit_in_bytes", memory_mb << 20)
        if "pids" in folders:
            cgroups.write(folders["pids"] / "pids.max", MOST_PROCESSES)
        cgroups.write(folders["cpu"] / "cpu.cfs_period_us", _PERIOD_US)
        self._quota = ControlFile(folders["cpu"] / "cpu.cfs_quota_us", writable=True)
        self._stat = ControlFile(folders["cpu"] / "cpu.stat")
        self._usage = ControlFile(folders["cpuacct"] / "cpuacct.usage")
        self._count = ControlFile(folders["pids"] / "pids.current") if "pids" in folders else None
        # Never "-1": the change between none and some quota in the whole kernel costs 0.2 ms.
        self._free_us = host_cores() * _PERIOD_US
        self._frozen: list[int] = []
        self._only: processes.OpenProcess | None = None
        self._is_one_thread = False
        self._peak_mb = 0
        self.lift()

    def entry_files(self) -> Sequence[str]:
        """See `Sandbox.entry_files`."""
        return [str(folder / "cgroup.procs") for folder in set(self._folders.values())]

    def adopt(self, pid: int) -> None:
        """See `Sandbox.adopt`."""
        # The process entered through `entry_files` before it became the runtime.

    def limit(self, share: float) -> None:
        """See `Sandbox.limit`; a new quota starts a new period, so every invocation is alike."""
        quota_us = round(share * _PERIOD_US)
        self._quota.write(min(max(_MIN_QUOTA_US, quota_us), self._free_us))

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        processes.resume(self._frozen)

    def lift(self) -> None:
        """See `Sandbox.lift`."""
        self._quota.write(self._free_us)

    def freeze(self) -> None:
        """See `Sandbox.freeze`."""
        self._is_one_thread = self._stops_alone()
        if not self._is_one_thread:
            self._frozen = processes.stop_all(lambda: cgroups.pids_of(self._folders["cpu"]))
            self._open_only()

    def _stops_alone(self) -> bool:
        """Stop the only process that was frozen last; whether it is all there is, with one thread.

        So most functions are, and to list processes and threads takes longer than all else here.
        A process that was signalled starts no other: what is counted afterwards stays.
        """
        if self._count is None or self._only is None:
            return False
        processes.signal_all(self._frozen, signal.SIGSTOP)
        return int(self._count.read()) == 1

    def _open_only(self) -> None:
        if self._only is not None and self._frozen != [self._only.pid]:
            self._only.close()
            self._only = None
        if self._only is None and len(self._frozen) == 1:
            with contextlib.suppress(OSError):
                self._only = processes.OpenProcess(self._frozen[0])

    def cpu_s(self) -> float:
        """See `Sandbox.cpu_s`."""
        return int(self._usage.read()) / 1e9

    def stolen_s(self) -> float:
        """See `Sandbox.stolen_s`; being throttled is not being stolen from."""
        throttled_s = cgroups.field(self._stat.read(), b"throttled_time") / 1e9
        if self._only is not None and self._is_one_thread:
            return self._only.waited_s() - throttled_s
        return processes.waited_s(self._frozen) - throttled_s

    def peak_memory_mb(self) -> int:
        """See `Sandbox.peak_memory_mb`; the group's own maximum misses pages shared with others."""
        only = self._only
        if peak_mb := only.peak_memory_mb() if only else processes.peak_memory_mb(self._frozen):
            self._peak_mb = max(self._peak_mb, peak_mb)
        else:
            most = self._folders["memory"] / "memory.max_usage_in_bytes"
            self._peak_mb = max(self._peak_mb, cgroups.megabytes(most))
        return self._peak_mb

    def ran_out_of_memory(self) -> bool:
        """See `Sandbox.ran_out_of_memory`."""
        control = (self._folders["memory"] / "memory.oom_control").read_bytes()
        return cgroups.field(control, b"oom_kill") > 0

    def close(self) -> None:
        """See `Sandbox.close`."""
        # There the killing begins with an end to forking.
        cgroups.kill(self._folders.get("pids", self._folders["cpu"]))
        for file in (self._quota, self._stat, self._usage, self._count, self._only):
            if file is not None:
                file.close()
        self._only = None
        for folder in set(self._folders.values()):
            cgroups.remove(folder)


def _home(controller: str) -> Path:
    # Below our own group, so that limits set on us hold for functions; a container may not see it.
    try:
        return cgroups.outside_ours(*cgroups.own("cgroup", controller))
    except UnusableError:
        for mount in cgroups.mounts("cgroup", controller):
            return mount.point
        raise
