"""How much CPU a memory size buys, and which sizes this host can tell apart."""

import os
from collections.abc import Iterable

FULL_VCPU_MB = 1769
"""Memory that buys one vCPU (AWS Lambda Developer Guide, "Configure Lambda function memory")."""


def share_for(memory_mb: int) -> float:
    """vCPUs that AWS gives to `memory_mb`, linear: 128 MB -> 0.0724, 1769 MB -> 1.0.

    >>> share_for(1769)
    1.0
    """
    return memory_mb / FULL_VCPU_MB


def host_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def enforced_share(memory_mb: int, cores: int) -> float:
    """The share that a host with `cores` can really give, in vCPUs."""
    return min(share_for(memory_mb), float(cores))


def distinguishable_sizes(sizes_mb: Iterable[int], cores: int) -> list[int]:
    """The sizes, in MB and ascending, that a host with `cores` measures truthfully.

    Larger ones ask for more vCPUs than there are: all of them run alike.
    """
    return sorted(size for size in set(sizes_mb) if share_for(size) <= cores)


def indistinguishable_sizes(sizes_mb: Iterable[int], cores: int) -> list[int]:
    """The sizes, in MB and ascending, that ask for more vCPUs than `cores`."""
    return sorted(size for size in set(sizes_mb) if share_for(size) > cores)
