"""CPU share by cgroup v2: cpu.max, memory.max and pids.max of a group in a delegated subtree."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from . import cgroups, delegation, processes
from .cgroups import ControlFile
from .cores import host_cores
from .interface import MOST_PROCESSES, PERIOD_S, UnusableError

_PERIOD_US = round(PERIOD_S * 1e6)
_MIN_QUOTA_US = 1000
_TOP_WEIGHT = 10_000
_SERVER_WEIGHT = 2
"""A 50th of a sandbox's; see `cgroup1`."""


class Cgroup2Limiter:
    """A parent group, heavier than all other load, with a group for each sandbox."""

    name = "cgroup2"

    def __init__(self, ident: str) -> None:
        """Raises `UnusableError`."""
        home = find_home(ident)
        try:
            self._parent = delegation.claim(home, ident)
            cgroups.write(self._parent / "cpu.weight", _TOP_WEIGHT)
            delegation.hand_down(self._parent)
        except OSError as exc:
            delegation.release(home / ident)
            raise UnusableError(f"cgroup v2: {cgroups.describe_error(exc)}") from exc
        self._server = self._parent / "server"
        self._before = home

    def sandbox(self, ident: str, memory_mb: int) -> "Cgroup2Sandbox":
        """See `Limiter.sandbox`."""
        return Cgroup2Sandbox(self._parent / ident, memory_mb)

    def protect(self, pid: int) -> None:
        """See `Limiter.protect`."""
        self._before, _ = cgroups.own("cgroup2")
        self._server.mkdir(exist_ok=True)
        cgroups.write(self._server / "cpu.weight", _SERVER_WEIGHT)
        cgroups.write(self._server / "cgroup.procs", pid)
        processes.shorten_slice(pid)

    def leftovers(self) -> Sequence[str]:
        """See `Limiter.leftovers`."""
        return [str(self._parent)]

    def close(self) -> None:
        """Remove the parent group, and what was protected from it."""
        cgroups.empty_into(self._server, self._before)
        delegation.release(self._parent)


class Cgroup2Sandbox:
    """One group; see `Sandbox`."""

    def __init__(self, folder: Path, memory_mb: int) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        cgroups.write(folder / "memory.max", memory_mb << 20)
        with contextlib.suppress(OSError):
            # Swapping would turn a memory limit into a slow function.
            cgroups.write(folder / "memory.swap.max", 0)
        with contextlib.suppress(OSError):
            # Not every user is given this controller.
            cgroups.write(folder / "pids.max", MOST_PROCESSES)
        self._max = ControlFile(folder / "cpu.max", writable=True)
        self._freeze = ControlFile(folder / "cgroup.freeze", writable=True)
        self._stat = ControlFile(folder / "cpu.stat")
        self._peak_mb = 0
        self.lift()

    def entry_files(self) -> Sequence[str]:
        """See `Sandbox.entry_files`."""
        return [str(self._folder / "cgroup.procs")]

    def adopt(self, pid: int) -> None:
        """See `Sandbox.adopt`."""
        # The process entered through `entry_files` before it became the runtime.

    def limit(self, share: float) -> None:
        """See `Sandbox.limit`; a new quota starts a new period, so every invocation is alike."""
        self._max.write(f"{max(_MIN_QUOTA_US, round(share * _PERIOD_US))} {_PERIOD_US}")

    def thaw(self) -> None:
        """See `Sandbox.thaw`."""
        self._freeze.write(0)

    def lift(self) -> None:
        """See `Sandbox.lift`; never "max": switching quotas on and off kernel-wide is slow."""
        self._max.write(f"{host_cores() * _PERIOD_US} {_PERIOD_US}")

    def freeze(self) -> None:
        """See `Sandbox.freeze`."""
        self._freeze.write(1)

    def cpu_s(self) -> float:
        """See `Sandbox.cpu_s`."""
        return cgroups.field(self._stat.read(), b"usage_usec") / 1e6

    def stolen_s(self) -> float:
        """See `Sandbox.stolen_s`; being throttled is not being stolen from."""
        throttled_s = cgroups.field(self._stat.read(), b"throttled_usec") / 1e6
        return processes.waited_s(cgroups.pids_of(self._folder)) - throttled_s

    def peak_memory_mb(self) -> int:
        """See `Sandbox.peak_memory_mb`; the group's own maximum misses pages shared with others."""
        if pids := cgroups.pids_of(self._folder):
            self._peak_mb = max(self._peak_mb, processes.peak_memory_mb(pids))
        else:
            self._peak_mb = max(self._peak_mb, cgroups.megabytes(self._folder / "memory.peak"))
        return self._peak_mb

    def ran_out_of_memory(self) -> bool:
        """See `Sandbox.ran_out_of_memory`."""
        return cgroups.field((self._folder / "memory.events").read_bytes(), b"oom_kill") > 0

    def close(self) -> None:
        """See `Sandbox.close`."""
        cgroups.kill(self._folder)
        for file in (self._max, self._freeze, self._stat):
            file.close()
        cgroups.remove_all(self._folder)


def find_home(ident: str) -> Path:
    """The group in which the parent of all sandboxes is made. Raises `UnusableError`.

    Where systemd rules, a scope of our own, unless we are in a group already that was given to us.
    """
    own, top = _own()
    is_sure = delegation.is_given(own, top) or delegation.missing(top)
    if not is_sure and delegation.enter_scope(ident):
        own, top = _own()
    return delegation.home(own, top)


def _own() -> tuple[Path, Path]:
    own, top = cgroups.own("cgroup2")
    return cgroups.outside_ours(own, top), top
