"""Cores that this process may use: those it is bound to, less what a quota withholds."""

import os
from functools import cache
from pathlib import Path

from . import cgroups
from .interface import NotMountedError, UnusableError

_SELF = Path("/proc/self")


@cache
def host_cores(process: Path = _SELF) -> int:
    """Whole cores, at least 1: of a quota of 1.5 cores (`docker run --cpus 1.5`) one is sure.

    Sizes that want more cannot be told apart here, and more invocations at once would wait. Asked
    before every invocation, hence read once.
    """
    quota = quota_cores(process)
    return _bound_to() if quota is None else max(1, min(_bound_to(), int(quota)))


def quota_cores(process: Path = _SELF) -> float | None:
    """The least quota of the cgroups that this process lies in; None where there is none."""
    quotas = [_quota_v2(place) for place in _groups("cgroup2", "", process)]
    quotas += [_quota_v1(place) for place in _groups("cgroup", "cpu", process)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _bound_to() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(kind: str, controller: str, process: Path) -> list[Path]:
    try:
        return list(cgroups.upwards(*cgroups.own(kind, controller, process)))
    except (NotMountedError, UnusableError, OSError):
        return []


def _quota_v2(group: Path) -> float | None:
    """Of `cpu.max`: "MICROSECONDS PERIOD", or "max PERIOD"."""
    most, _, period = _read(group / "cpu.max").partition(" ")
    return int(most) / int(period) if most.isdigit() else None


def _quota_v1(group: Path) -> float | None:
    """Of `cpu.cfs_quota_us`, which is -1 where nothing is withheld."""
    most, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    return int(most) / int(period) if most.isdigit() else None


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
